package sayso

import rego.v1

default allow := false

activity := data.activities[input.purpose][input.data]

person := data.people[input.subject]

asked_rightly if count(activity.channels) == 0

asked_rightly if input.channel in activity.channels

declared if {
	input.recipient in activity.recipients
	asked_rightly
}

granted if {
	some purpose in data.above[input.purpose]
	some kind in data.above[input.data]
	input.at < person.grants[purpose][kind]
}

denied if {
	some purpose in data.above[input.purpose]
	some kind in data.above[input.data]
	person.denials[purpose][kind]
}

allow if {
	activity.basis == "consent"
	declared
	granted
	not denied
}

allow if {
	activity.basis == "legitimate_interests"
	declared
	not denied
}
