//! The golden examples as they go over a wire: who is who there, what is sent, what comes back.

use std::collections::BTreeMap;

use sayso_consent::{Position, Timestamp, choice::Method};
use sayso_testkit::golden::{
    Answer, Deed,
    step::{By, Identity, Person, Said},
};
use serde_json::{Value, json};

/// The subject ids that the server gave to the people of a story.
#[derive(Default)]
pub(crate) struct People(BTreeMap<Person, String>);

impl People {
    pub(crate) fn meet(&mut self, person: &Person, subject: &str) {
        self.0.insert(person.clone(), subject.to_owned());
    }

    /// The subject id; for somebody nobody has met one that nobody has.
    pub(crate) fn id(&self, person: &Person) -> String {
        self.0.get(person).cloned().unwrap_or_else(|| person.id().to_string())
    }

    /// A choice as the API takes it.
    pub(crate) fn choice(&self, said: &Said) -> Value {
        let mut choice = json!({"effect": said.effect, "scope": said.scope});
        choice["actor"] = match &said.by {
            By::Person => json!({"kind": "self"}),
            By::Guardian(guardian) => json!({"kind": "guardian", "subject": self.id(guardian)}),
            By::Agent(id) => json!({"kind": "agent", "id": id}),
            By::Signal => json!({"kind": "signal"}),
            By::Import => json!({"kind": "import"}),
        };
        if said.method != Method::Api {
            choice["method"] = json!(said.method);
        }
        let optional = [
            ("not_before", said.not_before.map(|at| json!(at))),
            ("until", said.until.map(|at| json!(at))),
            ("notice", said.notice.as_ref().map(|notice| json!(notice))),
            ("evidence", said.evidence.as_ref().map(|evidence| json!(evidence))),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                choice[name] = value;
            }
        }
        choice
    }

    pub(crate) fn choices(&self, said: &[Said]) -> Vec<Value> {
        said.iter().map(|said| self.choice(said)).collect()
    }

    /// A row of an import: one identifier of each namespace, and those that are left over.
    pub(crate) fn row<'a>(
        &self,
        identities: &'a [Identity],
        is_active: Option<bool>,
        minor_until: Option<Timestamp>,
        choices: &[Said],
    ) -> (Value, Vec<&'a Identity>) {
        let (mut names, mut rest) = (BTreeMap::new(), Vec::new());
        for identity in identities {
            if names.contains_key(&identity.namespace) {
                rest.push(identity);
            } else {
                names.insert(identity.namespace.clone(), identity.value.clone());
            }
        }
        let mut row = json!({"identifiers": names, "choices": self.choices(choices)});
        if let Some(is_active) = is_active {
            row["is_active"] = json!(is_active);
        }
        if let Some(minor_until) = minor_until {
            row["minor_until"] = json!(minor_until);
        }
        (row, rest)
    }
}

/// `namespace:value`.
pub(crate) fn name(identity: &Identity) -> String {
    format!("{}:{}", identity.namespace, identity.value)
}

/// Where something was recorded, of an answer to a write; none if it said nothing new.
pub(crate) fn position(written: &Value) -> Option<Position> {
    let is_new = written["is_new"].as_bool().unwrap_or_else(|| panic!("no write: {written}"));
    is_new.then(|| place(&written["position"]))
}

/// A position that has to be there.
pub(crate) fn place(value: &Value) -> Position {
    let text = value.as_str().unwrap_or_else(|| panic!("no position: {value}"));
    text.parse().unwrap()
}

/// The code of a refusal in the words of the rule. The server says less or in another way where
/// the difference would tell a stranger something, or where the address has no place for it.
pub(crate) fn refusal(deed: &Deed, code: &str) -> String {
    let code = match (deed, code) {
        // A device without a serial has no address.
        (Deed::Acquires { device, .. }, "not_found") if !device.is_device() => "not_a_device",
        // Nobody is told who is unknown from what is.
        (_, "not_found") => "unknown_subject",
        // The namespace is looked up before there is a command; values of examples are good ones.
        (Deed::Known { .. } | Deed::Appears { .. }, "invalid_identifier") => "unknown_id",
        // To say who lives with a device is also to say whose it is.
        (Deed::Shares { .. }, "device_taken") => "unknown_device",
        (_, code) => code,
    };
    code.to_owned()
}

/// The answer to a question.
pub(crate) fn answer(body: &Value) -> Answer {
    let context = &body["context"];
    let text = |name: &str| context[name].as_str().map(str::to_owned);
    let moment = |value: &Value| value.as_str().map(|at| at.parse::<Timestamp>().unwrap());
    let mut answer = Answer {
        allow: body["decision"].as_bool().unwrap_or_else(|| panic!("no decision: {body}")),
        reason: text("reason").unwrap_or_default(),
        activity: text("activity"),
        grant: text("grant").map(|grant| grant.parse().unwrap()),
        as_of: place(&context["as_of"]),
        until: moment(&context["until"]),
        keep_until: moment(&context["keep_until"]),
        ..Answer::default()
    };
    for obligation in context["obligations"].as_array().into_iter().flatten() {
        match obligation["type"].as_str() {
            Some("delete_by") => answer.delete_by = moment(&obligation["at"]),
            Some("redact") => {
                let fields = obligation["fields"].as_array().into_iter().flatten();
                answer.redact = fields.filter_map(Value::as_str).map(str::to_owned).collect();
            }
            _ => panic!("an unknown obligation: {obligation}"),
        }
    }
    answer
}
