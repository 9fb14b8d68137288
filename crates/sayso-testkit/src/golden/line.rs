//! The grammar of what stands before an arrow: who does what, or who asks what.

use sayso_consent::{
    Id, Position, Scope, Timestamp,
    choice::{Authority, Effect, Evidence, Method, NoticeRef},
};

use super::step::{By, Deed, Identity, Person, Question, Said, Whose};

/// The company: the one who declares catalogs.
pub const COMPANY: &str = "hearth";

/// Reads `ana grants marketing.offers channel=email`.
pub fn deed(text: &str) -> Result<Deed, String> {
    let mut clauses = text.split(" and ");
    let first: Vec<&str> = clauses.next().unwrap_or_default().split_whitespace().collect();
    let [who, verb, rest @ ..] = first.as_slice() else {
        return Err("a line says who, what they do, and what about".into());
    };
    if *verb == "reports" {
        return no_more(clauses, reports(who, rest));
    }
    let person = person(who)?;
    match *verb {
        "grants" | "denies" => {
            chooses(person, std::iter::once(text_after(text, who)).chain(clauses))
        }
        "appears" => appears(person, rest, clauses),
        "imported" => imported(person, rest, clauses),
        _ => no_more(clauses, plain(person, verb, rest)),
    }
}

fn text_after<'a>(text: &'a str, who: &str) -> &'a str {
    let rest = text.trim_start().strip_prefix(who).unwrap_or(text);
    rest.split(" and ").next().unwrap_or_default()
}

fn no_more<'a>(
    mut clauses: impl Iterator<Item = &'a str>,
    deed: Result<Deed, String>,
) -> Result<Deed, String> {
    match clauses.next() {
        Some(_) => Err("only choices are joined by `and`".into()),
        None => deed,
    }
}

/// Everything that takes no choices.
fn plain(person: Person, verb: &str, rest: &[&str]) -> Result<Deed, String> {
    match (verb, rest) {
        ("begins", ["relationship"]) => Ok(Deed::Relationship { person, is_active: true }),
        ("ends", ["relationship"]) => Ok(Deed::Relationship { person, is_active: false }),
        ("restricted", []) => Ok(Deed::Restriction { person, is_restricted: true }),
        ("unrestricted", []) => Ok(Deed::Restriction { person, is_restricted: false }),
        ("minor", [until]) => {
            let until = until.strip_prefix("until=").ok_or("say `minor until=` and a date")?;
            Ok(Deed::Minority { person, minor_until: Some(moment(until)?) })
        }
        ("adult", []) => Ok(Deed::Minority { person, minor_until: None }),
        ("guardian-of", [ward]) => guardian(person, ward, true),
        ("no-guardian-of", [ward]) => guardian(person, ward, false),
        ("known-as", [name]) => known(person, name, true),
        ("not-known-as", [name]) => known(person, name, false),
        ("acquires", [device]) => Ok(Deed::Acquires { person, device: id(device)?, from: None }),
        ("acquires", [device, from]) => {
            let from = from.strip_prefix("from=").ok_or("say `from=` and whose the device was")?;
            Ok(Deed::Acquires { person, device: id(device)?, from: Some(self::person(from)?) })
        }
        ("shares", [device, "with", members @ ..]) => shares(person, device, members),
        ("erased", []) => Ok(Deed::Erased { person, at_once: false }),
        ("erased", ["at-once"]) => Ok(Deed::Erased { person, at_once: true }),
        _ => Err(format!(
            "`{verb}` is not understood with `{}`; golden/README.md lists the verbs",
            rest.join(" ")
        )),
    }
}

fn guardian(guardian: Person, ward: &str, is_guardian: bool) -> Result<Deed, String> {
    Ok(Deed::Guardian { person: person(ward)?, guardian, is_guardian })
}

fn known(person: Person, name: &str, is_theirs: bool) -> Result<Deed, String> {
    Ok(Deed::Known { person, identity: identity(name)?, is_theirs })
}

fn shares(person: Person, device: &str, members: &[&str]) -> Result<Deed, String> {
    let members = match members {
        [] => return Err("say with whom; `with nobody` if the owner lives alone".into()),
        ["nobody"] => Vec::new(),
        members => members.iter().map(|name| self::person(name)).collect::<Result<_, _>>()?,
    };
    Ok(Deed::Shares { person, device: id(device)?, members })
}

fn reports(recipient: &str, rest: &[&str]) -> Result<Deed, String> {
    let [whom, through] = rest else {
        return Err("say `mailer reports ana through=` and the number of a line".into());
    };
    let number = through.strip_prefix("through=").and_then(|number| number.parse().ok());
    let number = number.ok_or("`through=` takes the number of a line")?;
    Ok(Deed::Reports {
        recipient: id(recipient)?,
        person: person(whom)?,
        through: Position::at(number),
    })
}

fn appears<'a>(
    person: Person,
    rest: &[&str],
    clauses: impl Iterator<Item = &'a str>,
) -> Result<Deed, String> {
    let start = Start::read(rest)?;
    let (choices, authority) = choices(clauses)?;
    is_strong(authority)?;
    Ok(Deed::Appears {
        person,
        identities: start.identities,
        is_active: start.is_active.unwrap_or(false),
        minor_until: start.minor_until,
        choices,
    })
}

fn imported<'a>(
    person: Person,
    rest: &[&str],
    clauses: impl Iterator<Item = &'a str>,
) -> Result<Deed, String> {
    let start = Start::read(rest)?;
    let (choices, authority) = choices(clauses)?;
    is_strong(authority)?;
    let as_import = |said: Said| Said { method: Method::Import, by: By::Import, ..said };
    Ok(Deed::Imported {
        person,
        identities: start.identities,
        is_active: start.is_active,
        minor_until: start.minor_until,
        choices: choices.into_iter().map(as_import).collect(),
    })
}

fn is_strong(authority: Authority) -> Result<(), String> {
    match authority {
        Authority::Strong => Ok(()),
        Authority::Weak => Err("`authority=` is for `grants` and `denies` on their own".into()),
    }
}

/// What is known of a person to begin with.
#[derive(Default)]
struct Start {
    identities: Vec<Identity>,
    is_active: Option<bool>,
    minor_until: Option<Timestamp>,
}

impl Start {
    fn read(words: &[&str]) -> Result<Self, String> {
        let mut start = Self::default();
        for word in words {
            match *word {
                "active" => start.is_active = Some(true),
                "inactive" => start.is_active = Some(false),
                word => match word.strip_prefix("minor-until=") {
                    Some(until) => start.minor_until = Some(moment(until)?),
                    None => start.identities.push(identity(word)?),
                },
            }
        }
        Ok(start)
    }
}

fn chooses<'a>(person: Person, clauses: impl Iterator<Item = &'a str>) -> Result<Deed, String> {
    let (choices, authority) = choices(clauses)?;
    Ok(Deed::Chooses { person, choices, authority })
}

/// One weak choice makes the whole command weak: it is one credential that sends it.
fn choices<'a>(clauses: impl Iterator<Item = &'a str>) -> Result<(Vec<Said>, Authority), String> {
    let (mut choices, mut weakest) = (Vec::new(), Authority::Strong);
    for clause in clauses {
        let (said, authority) = said(clause)?;
        choices.push(said);
        weakest = weakest.min(authority);
    }
    Ok((choices, weakest))
}

fn said(clause: &str) -> Result<(Said, Authority), String> {
    let words: Vec<&str> = clause.split_whitespace().collect();
    let (effect, rest) = match words.as_slice() {
        ["grants", rest @ ..] => (Effect::Grant, rest),
        ["denies", rest @ ..] => (Effect::Denial, rest),
        _ => return Err(format!("`{}` is no choice: say `grants` or `denies`", clause.trim())),
    };
    let [purpose, options @ ..] = rest else {
        return Err("say for which purpose, or `everything`".into());
    };
    let purpose = if *purpose == "everything" { None } else { Some(id(purpose)?) };
    let mut said = Said {
        effect,
        scope: Scope { purpose, ..Scope::default() },
        not_before: None,
        until: None,
        notice: None,
        method: Method::Api,
        by: By::Person,
        evidence: None,
    };
    let mut authority = Authority::Strong;
    for option in options {
        let (key, value) =
            option.split_once('=').ok_or_else(|| format!("`{option}` is not `key=value`"))?;
        match key {
            "authority" => authority = one_of(value, &AUTHORITIES)?,
            _ => set(&mut said, key, value)?,
        }
    }
    Ok((said, authority))
}

fn set(said: &mut Said, key: &str, value: &str) -> Result<(), String> {
    match key {
        "data" => said.scope.data = Some(id(value)?),
        "recipient" => said.scope.recipient = Some(id(value)?),
        "channel" => said.scope.channel = Some(id(value)?),
        "device" => said.scope.device = Some(id(value)?),
        "not-before" => said.not_before = Some(moment(value)?),
        "until" => said.until = Some(moment(value)?),
        "notice" => said.notice = Some(notice(value)?),
        "via" => said.method = one_of(value, &METHODS)?,
        "by" => said.by = by(value)?,
        "form" => evidence(said).reference = Some(value.into()),
        "occurred" => evidence(said).occurred_at = Some(moment(value)?),
        _ => return Err(format!("`{key}=` is nothing that a choice has")),
    }
    Ok(())
}

fn evidence(said: &mut Said) -> &mut Evidence {
    said.evidence.get_or_insert_with(Evidence::default)
}

const AUTHORITIES: [(&str, Authority); 2] =
    [("weak", Authority::Weak), ("strong", Authority::Strong)];

const METHODS: [(&str, Method); 10] = [
    ("portal", Method::Portal),
    ("api", Method::Api),
    ("call_centre", Method::CallCentre),
    ("paper", Method::Paper),
    ("email", Method::Email),
    ("sms", Method::Sms),
    ("device", Method::Device),
    ("one_click", Method::OneClick),
    ("gpc", Method::Gpc),
    ("import", Method::Import),
];

pub(super) fn one_of<T: Copy>(word: &str, known: &[(&str, T)]) -> Result<T, String> {
    let found = known.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        format!("`{word}` is none of {}", names.join(", "))
    })
}

fn by(text: &str) -> Result<By, String> {
    match text.split_once(':') {
        None if text == "self" => Ok(By::Person),
        None if text == "signal" => Ok(By::Signal),
        None if text == "import" => Ok(By::Import),
        Some(("guardian", name)) => Ok(By::Guardian(person(name)?)),
        Some(("agent", id)) => Ok(By::Agent(id.into())),
        _ => Err(format!("`{text}` is none of self, guardian:name, agent:id, signal, import")),
    }
}

fn notice(text: &str) -> Result<NoticeRef, String> {
    let (text, language) = match text.split_once('/') {
        Some((text, language)) => (text, Some(language.into())),
        None => (text, None),
    };
    let (notice, version) = version(text)?;
    Ok(NoticeRef { id: notice, version, language })
}

/// Reads `offers@2`.
pub fn version(text: &str) -> Result<(Id, u32), String> {
    let wrong = || format!("`{text}` is no notice and version, as in `offers@2`");
    let (notice, version) = text.split_once('@').ok_or_else(wrong)?;
    Ok((id(notice)?, version.parse().map_err(|_| wrong())?))
}

/// Reads `mailer contact.email of ana for marketing.offers by email from oven/4711`.
pub fn question(text: &str) -> Result<Question, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [recipient, data, "of", whom, "for", purpose, rest @ ..] = words.as_slice() else {
        return Err("a question is: recipient data `of` person `for` purpose, \
                    then perhaps `by` channel, `from` device"
            .into());
    };
    let (channel, rest) = match rest {
        ["by", channel, rest @ ..] => (Some(id(channel)?), rest),
        rest => (None, rest),
    };
    let device = match rest {
        [] => None,
        ["from", device] => Some(id(device)?),
        _ => return Err(format!("`{}` is neither `by` channel nor `from` device", rest.join(" "))),
    };
    let whose = match whom.contains(':') {
        true => Whose::Identity(identity(whom)?),
        false => Whose::Person(person(whom)?),
    };
    Ok(Question {
        recipient: id(recipient)?,
        data: id(data)?,
        whose,
        purpose: id(purpose)?,
        channel,
        device,
    })
}

/// Reads a moment or a date.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

fn id(text: &str) -> Result<Id, String> {
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

/// Reads a nickname. Words of the grammar are none, lest a forgotten name go unnoticed.
fn person(text: &str) -> Result<Person, String> {
    let is_name = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_word = [COMPANY, "nobody", "and", "of", "for", "by", "from", "with"].contains(&text);
    if is_name && !is_word {
        return Ok(Person(text.into()));
    }
    Err(format!("`{text}` is no nickname of a person: lower-case letters, then digits"))
}

/// Reads `email:ana@example.org`. Nobody's real address may stand in an example.
fn identity(text: &str) -> Result<Identity, String> {
    let (namespace, value) = text
        .split_once(':')
        .ok_or_else(|| format!("`{text}` is no identifier `namespace:value`"))?;
    if namespace == "email" && !value.ends_with("@example.org") {
        return Err(format!("`{text}`: addresses of examples end in `@example.org`"));
    }
    Ok(Identity { namespace: id(namespace)?, value: value.into() })
}
