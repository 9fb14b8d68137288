//! Reading back what a receiver holds: signed questions to an address of its own.
//!
//! Its answers are parsed strictly and never repeated: a receiver that answers otherwise has trouble
//! of the class `unreadable`, and nothing more is said.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use sayso_consent::id::Position;
use sayso_ledger::{
    deliver::{RANGES, range},
    sink::{Answer, Kept, Mirror, Sum, Trouble},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{Webhook, outcome::Sent};

/// How much is read of what somebody holds by range.
const SUMS_BYTES_MAX: usize = 1 << 20;
/// How much is read of the people in one range.
const PEOPLE_BYTES_MAX: usize = 16 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sums {
    sums: Vec<SumSaid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SumSaid {
    range: u16,
    people: u64,
    names: u64,
    #[serde(deserialize_with = "digits")]
    marks: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct People {
    people: Vec<KeptSaid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptSaid {
    key: String,
    position: Option<Position>,
    names: u64,
    #[serde(deserialize_with = "digits")]
    marks: u64,
}

/// A number as a text of digits: many languages round what is beyond 2⁵³.
fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_plain);
    number.ok_or_else(|| serde::de::Error::custom("not a number of digits"))
}

fn unreadable() -> Trouble {
    Trouble("unreadable".into())
}

impl Webhook {
    async fn read<T: DeserializeOwned>(&self, question: String, max: usize) -> Result<T, Trouble> {
        let target = self.read_back.as_ref().ok_or_else(|| Trouble("no_address".into()))?;
        let (sent, answer) = self.ask(target, Bytes::from(question), max).await;
        match (sent, answer) {
            (Sent::Delivered, Some(answer)) => {
                serde_json::from_slice(&answer).map_err(|_| unreadable())
            }
            (Sent::Delivered, None) => Err(unreadable()),
            (Sent::Retry { why, .. } | Sent::Refused { why }, _) => Err(Trouble(why.class())),
        }
    }

    async fn people_in(&self, range: u16) -> Result<Vec<Kept>, Trouble> {
        let question = format!(r#"{{"ask":"people","range":{range}}}"#);
        let People { people } = self.read(question, PEOPLE_BYTES_MAX).await?;
        let mut seen = BTreeSet::new();
        let kept = |said: KeptSaid| {
            let KeptSaid { key, position, names, marks } = said;
            let is_fit = is_key(&key, range) && seen.insert(key.clone());
            is_fit.then_some(Kept { key, position, names, marks }).ok_or_else(unreadable)
        };
        people.into_iter().map(kept).collect()
    }
}

impl Mirror for Webhook {
    fn sums(&self) -> Answer<'_, Result<Vec<Sum>, Trouble>> {
        Box::pin(async move {
            let Sums { sums } = self.read(r#"{"ask":"sums"}"#.into(), SUMS_BYTES_MAX).await?;
            let mut seen = BTreeSet::new();
            let sum = |said: SumSaid| {
                let SumSaid { range, people, names, marks } = said;
                let is_fit = range < RANGES && seen.insert(range);
                is_fit.then_some(Sum { range, people, names, marks }).ok_or_else(unreadable)
            };
            sums.into_iter().map(sum).collect()
        })
    }

    fn people<'a>(&'a self, ranges: &'a BTreeSet<u16>) -> Answer<'a, Result<Vec<Kept>, Trouble>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for range in ranges {
                all.extend(self.people_in(*range).await?);
            }
            Ok(all)
        })
    }

    /// Each range is a question of its own.
    fn patience(&self) -> Duration {
        Duration::from_secs(300)
    }
}

fn is_key(key: &str, of: u16) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    key.len() == 32 && key.bytes().all(is_hex) && range(key) == of
}
