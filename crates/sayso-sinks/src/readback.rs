//! Reading back messages that a system keeps as they were sent, one for each key.

use sayso_consent::{
    Timestamp,
    id::{Id, Position},
};
use sayso_ledger::{
    deliver::{line, of_line},
    sink::Kept,
};
use serde::{Deserialize, de::IgnoredAny};

#[derive(Deserialize)]
struct Event {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    key: String,
    position: Position,
    identifiers: Vec<IgnoredAny>,
    leaving: bool,
    permissions: Vec<Permission>,
}

#[derive(Deserialize)]
struct Permission {
    purpose: Id,
    data: Id,
    channel: Option<Id>,
    allow: bool,
    until: Option<Timestamp>,
}

/// What a kept message says is held; none for who has left, and for what is no message of ours,
/// which holds nobody.
pub(crate) fn kept(body: &[u8]) -> Option<Kept> {
    let Event { data } = serde_json::from_slice(body).ok()?;
    if data.leaving {
        return None;
    }
    let mark = |own: &Permission| {
        let what = (&own.purpose, &own.data);
        of_line(&line(&data.key, what, own.channel.as_ref(), own.allow, own.until))
    };
    let marks = data.permissions.iter().map(mark).fold(0, u64::wrapping_add);
    let names = data.identifiers.len() as u64;
    Some(Kept { key: data.key, position: Some(data.position), names, marks })
}
