//! What the tables hold, summed up by the database over the rows as they are now: a hand that
//! changed one is seen.
//!
//! Somebody whose own columns contradict what was told (`check_sql`) is held against their marks, so
//! that the ledger finds that they differ and tells of them again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sayso_consent::id::Position;
use sayso_ledger::{
    deliver::range,
    sink::{Answer, Kept, Mirror, Sum, Trouble},
};

use super::{Sql, database::Part};

impl Mirror for Sql {
    fn sums(&self) -> Answer<'_, Result<Vec<Sum>, Trouble>> {
        Box::pin(async move {
            let read = self.reading(|database| {
                Box::pin(async move {
                    let parts = database.sums().await?;
                    Ok((parts, database.contradicting(String::new()).await?))
                })
            });
            let (parts, contradicting) = read.await?;
            Ok(added_up(&parts, &contradicting))
        })
    }

    fn people<'a>(&'a self, ranges: &'a BTreeSet<u16>) -> Answer<'a, Result<Vec<Kept>, Trouble>> {
        Box::pin(async move {
            let begins = ranges.iter().map(|range| format!("{range:03x}"));
            // What contradicts is found by going through everybody, however few are wanted.
            self.beginning(begins.collect(), String::new()).await
        })
    }

    fn person<'a>(&'a self, key: &'a str) -> Answer<'a, Result<Option<Kept>, Trouble>> {
        Box::pin(async move {
            let people = self.beginning(vec![key.to_owned()], key.to_owned()).await?;
            Ok(people.into_iter().find(|kept| kept.key == key))
        })
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(300)
    }
}

impl Sql {
    /// Everybody whose key begins in one of these ways, all of which begin with `common`.
    async fn beginning(&self, begins: Vec<String>, common: String) -> Result<Vec<Kept>, Trouble> {
        let read = self.reading(|database| {
            Box::pin(async move {
                let mut people = Vec::new();
                for begin in begins {
                    people.extend(database.people(begin).await?);
                }
                Ok((people, database.contradicting(common).await?))
            })
        });
        let (mut people, contradicting) = read.await?;
        let places: BTreeMap<String, usize> =
            people.iter().enumerate().map(|(place, kept)| (kept.key.clone(), place)).collect();
        for key in contradicting {
            let kept = places.get(&key).and_then(|place| people.get_mut(*place));
            kept.into_iter().for_each(|kept| kept.marks = kept.marks.wrapping_add(1));
        }
        Ok(people)
    }
}

fn added_up(parts: &[Part], contradicting: &[String]) -> Vec<Sum> {
    let mut sums: BTreeMap<u16, Sum> = BTreeMap::new();
    for part in parts {
        let range = range(&part.begin);
        let sum = sums.entry(range).or_insert(Sum { range, ..Sum::default() });
        sum.people += part.people;
        sum.names += part.names;
        sum.marks = sum.marks.wrapping_add(part.marks);
    }
    for key in contradicting {
        let range = range(key);
        let sum = sums.entry(range).or_insert(Sum { range, ..Sum::default() });
        sum.marks = sum.marks.wrapping_add(1);
    }
    sums.into_values().collect()
}

/// A person as a database has them.
pub(super) fn kept(key: String, (epoch, number): (i32, i64), names: u64, marks: u64) -> Kept {
    let partition = u16::try_from(epoch).unwrap_or_default();
    let position = u64::try_from(number).ok().map(|number| Position { partition, number });
    Kept { key, position, names, marks }
}
