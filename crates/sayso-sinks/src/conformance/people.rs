//! Made-up people and what is told about them.

use sayso_consent::{
    Timestamp,
    id::{Id, Lookup, Position, SubjectId},
    request::Reason,
};
use sayso_ledger::{
    Secrets,
    deliver::{PermissionData, PermissionsData, encode},
    sink::{About, Message},
};

/// What the ledger of these messages is called.
pub(crate) const LEDGER: &str = "c0ffee";

/// Everybody is told to the mailer.
pub(crate) fn recipient() -> Id {
    id("mailer")
}

pub(super) fn id(text: &str) -> Id {
    text.parse().expect("an id")
}

/// Somebody, about whom the receiver knows nothing at first.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    number: u64,
    about: About,
    key: String,
}

impl Person {
    /// The person `number` of a test that has a root secret of its own, and so keys of its own.
    pub(crate) fn new(secrets: &Secrets, number: u64) -> Self {
        let number_wide = u128::from(number) + 1;
        let subject =
            SubjectId(number_wide.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
        let about = About { subject, former: None };
        Self { number, about, key: secrets.recipient_keys(&recipient()).of(about) }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn subject(&self) -> SubjectId {
        self.about.subject
    }

    /// Two names, one with what a text may hold that is awkward elsewhere.
    pub(crate) fn identifiers(&self) -> Vec<String> {
        let key = &self.key[..12];
        let number = self.number;
        vec![
            format!("email:person-{number}-{key}@example.org"),
            format!("email:zoë'o\"\\%_;,$*>{number}-{key}@example.org"),
        ]
    }

    /// What may be done through an entry; `allow` says whether offers may be sent.
    pub(crate) fn told(&self, position: u64, allow: bool) -> Message {
        self.message(position, Said { permissions: permissions(allow), ..self.said() })
    }

    /// The same entry, told a second later: time alone has changed what may be done.
    pub(crate) fn told_later(&self, position: u64, allow: bool) -> Message {
        let permissions = permissions(allow);
        self.message(position, Said { permissions, later_ms: 1_000, ..self.said() })
    }

    /// All that is held has to go.
    pub(crate) fn leaving(&self, position: u64) -> Message {
        self.message(position, Said { leaving: true, ..self.said() })
    }

    /// A name that is theirs no longer has to go; what is held about them stays.
    pub(crate) fn parting(&self, secrets: &Secrets, position: u64) -> Message {
        let about = About { former: Some(Lookup([0xA7; 16])), ..self.about };
        let key = secrets.recipient_keys(&recipient()).of(about);
        let former = format!("email:former-{}-{}@example.org", self.number, &key[..12]);
        let parted = Self { about, key, number: self.number };
        let said = Said { identifiers: vec![former], leaving: true, ..parted.said() };
        parted.message(position, said)
    }

    fn said(&self) -> Said {
        let identifiers = self.identifiers();
        Said { identifiers, permissions: Vec::new(), leaving: false, later_ms: 0 }
    }

    fn message(&self, position: u64, said: Said) -> Message {
        let Said { identifiers, permissions, leaving, later_ms } = said;
        let at = moment(position).plus_ms(later_ms);
        let position = Position::at(position);
        // As the ledger names them: alike for everybody who is told through one entry, such as
        // that of a new catalog.
        let id = format!("msg_{LEDGER}_{position}_mailer");
        let data = PermissionsData {
            recipient: &recipient(),
            key: &self.key,
            position,
            identifiers: &identifiers,
            leaving,
            permissions: &permissions,
        };
        let body = encode(LEDGER, &id, at, data).expect("a body");
        Message {
            about: self.about,
            id,
            key: self.key.clone(),
            position,
            identifiers,
            leaving,
            permissions: permissions.into(),
            body,
            at,
        }
    }
}

/// What a message says.
struct Said {
    identifiers: Vec<String>,
    permissions: Vec<PermissionData>,
    leaving: bool,
    later_ms: i64,
}

/// Entry after entry, a minute apart, in 2026.
fn moment(position: u64) -> Timestamp {
    Timestamp(1_767_268_800_000).plus_ms(i64::try_from(position).expect("a small number") * 60_000)
}

fn permissions(allow: bool) -> Vec<PermissionData> {
    let permission = |purpose: &str, channel: Option<&str>, allow: bool| PermissionData {
        purpose: id(purpose),
        data: id("contact.email"),
        channel: channel.map(id),
        allow,
        reason: if allow { Reason::Granted } else { Reason::Withdrawn },
        until: (purpose == "service.news").then(|| moment(1_000_000)),
        grant: allow.then(|| Position::at(1)),
    };
    vec![
        permission("marketing.offers", Some("email"), allow),
        permission("marketing.offers", Some("post"), !allow),
        permission("service.news", None, allow),
    ]
}
