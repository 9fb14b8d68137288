//! Reading back messages that a system keeps as they were sent, one for each key.

use std::collections::BTreeSet;

use sayso_consent::{
    Timestamp,
    id::{Id, Position},
};
use sayso_ledger::{
    deliver::{line, of_line, range},
    sink::{Kept, Sum, Trouble},
};
use serde::{Deserialize, de::IgnoredAny};

use crate::sums::Sums;

/// A system that shows the newest message of each key.
pub(crate) trait Newest {
    /// Shows that of one key or of all, each with its key.
    fn each(
        &self,
        key: Option<&str>,
        show: impl FnMut(&str, &[u8]) + Send,
    ) -> impl Future<Output = Result<(), String>> + Send;
}

pub(crate) async fn sums(system: &impl Newest) -> Result<Vec<Sum>, Trouble> {
    let mut sums = Sums::default();
    let add = |_: &str, body: &[u8]| kept(body).iter().for_each(|kept| sums.add(kept));
    system.each(None, add).await.map_err(Trouble)?;
    Ok(sums.all())
}

pub(crate) async fn people(
    system: &impl Newest,
    ranges: &BTreeSet<u16>,
) -> Result<Vec<Kept>, Trouble> {
    let mut people = Vec::new();
    let add = |key: &str, body: &[u8]| {
        if ranges.contains(&range(key)) {
            people.extend(kept(body));
        }
    };
    system.each(None, add).await.map_err(Trouble)?;
    Ok(people)
}

pub(crate) async fn person(system: &impl Newest, key: &str) -> Result<Option<Kept>, Trouble> {
    let mut person = None;
    system.each(Some(key), |_, body| person = kept(body)).await.map_err(Trouble)?;
    Ok(person)
}

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
