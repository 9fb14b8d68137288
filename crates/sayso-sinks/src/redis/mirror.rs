//! Reading back the hashes.

use std::collections::{BTreeMap, BTreeSet};

use redis::{Pipeline, aio::MultiplexedConnection};
use sayso_ledger::{
    deliver::{of_line, range},
    sink::{Answer, Kept, Mirror, Sum, Trouble},
};
use tokio::time::timeout;

use super::{Redis, connection::class};
use crate::sums::Sums;

/// About how many people are read at a time.
const PAGE: usize = 500;

type Hash = BTreeMap<String, String>;

impl Redis {
    /// Shows everybody whose key is wanted. A scan may show somebody twice.
    async fn each(
        &self,
        is_wanted: impl Fn(&str) -> bool,
        mut show: impl FnMut(Kept),
    ) -> Result<(), String> {
        let mut connection = self.connections.get().await?;
        let people = format!("{}person:", self.prefix);
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{people}*")).arg("COUNT").arg(PAGE);
            let page = timeout(self.connections.patience(), scan.query_async(&mut connection));
            let page = page.await.map_err(|_| "timeout")?;
            let (next, places): (u64, Vec<String>) = page.map_err(|error| class(&error))?;
            let keys = places.iter().filter_map(|place| place.strip_prefix(&people));
            let keys = keys.filter(|key| is_wanted(key)).map(str::to_owned);
            for kept in self.page(&mut connection, &keys.collect::<Vec<_>>()).await? {
                show(kept);
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn page(
        &self,
        connection: &mut MultiplexedConnection,
        keys: &[String],
    ) -> Result<Vec<Kept>, String> {
        let mut asked = redis::pipe();
        for key in keys {
            asked.hget(format!("{}person:{key}", self.prefix), "names");
        }
        let names: Vec<Option<String>> = self.ask(connection, &asked).await?;
        // Whoever has left has none.
        let names: Vec<Vec<String>> = names
            .iter()
            .map(|names| names.as_deref().map(serde_json::from_str).transpose())
            .collect::<Result<Vec<Option<_>>, _>>()
            .map_err(|_| "not_ours")?
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect();
        let mut asked = redis::pipe();
        for name in names.iter().flatten() {
            asked.hgetall(format!("{}name:{name}", self.prefix));
        }
        let mut hashes = self.ask::<Hash>(connection, &asked).await?.into_iter();
        let kept = keys.iter().zip(&names).filter_map(|(key, names)| {
            let own: Vec<Hash> = hashes.by_ref().take(names.len()).collect();
            kept(key, &own)
        });
        Ok(kept.collect())
    }

    async fn ask<T: redis::FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        asked: &Pipeline,
    ) -> Result<Vec<T>, String> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let answered = timeout(self.connections.patience(), asked.query_async(connection)).await;
        let answered = answered.map_err(|_| "timeout".to_owned())?;
        answered.map_err(|error| class(&error).to_owned())
    }
}

/// What the hashes of somebody's names say together; none if there are none.
fn kept(key: &str, hashes: &[Hash]) -> Option<Kept> {
    let own: Vec<&Hash> =
        hashes.iter().filter(|hash| hash.get("key").is_some_and(|own| own == key)).collect();
    let first = own.first()?;
    let marks = |hash: &Hash| {
        let is_permission = |(field, _): &(&String, &String)| field.contains('|');
        let marks = hash.iter().filter(is_permission);
        let marks = marks.map(|(field, value)| of_line(&format!("{key}|{field}|{value}")));
        marks.fold(0, u64::wrapping_add)
    };
    // Names that do not say the same add up to what is nobody's sum.
    let said: Vec<u64> = own.iter().map(|hash| marks(hash)).collect();
    let is_one = said.iter().all(|sum| Some(sum) == said.first());
    let marks = match is_one {
        true => said.first().copied().unwrap_or_default(),
        false => said.iter().copied().fold(0, u64::wrapping_add),
    };
    Some(Kept {
        key: key.to_owned(),
        position: first.get("position").and_then(|position| position.parse().ok()),
        names: own.len() as u64,
        marks,
    })
}

impl Mirror for Redis {
    fn sums(&self) -> Answer<'_, Result<Vec<Sum>, Trouble>> {
        Box::pin(async {
            let mut sums = Sums::default();
            self.each(|_| true, |kept| sums.add(&kept)).await.map_err(Trouble)?;
            Ok(sums.all())
        })
    }

    fn people<'a>(&'a self, ranges: &'a BTreeSet<u16>) -> Answer<'a, Result<Vec<Kept>, Trouble>> {
        Box::pin(async move {
            let mut people = BTreeMap::new();
            let is_wanted = |key: &str| ranges.contains(&range(key));
            let add = |kept: Kept| drop(people.insert(kept.key.clone(), kept));
            self.each(is_wanted, add).await.map_err(Trouble)?;
            Ok(people.into_values().collect())
        })
    }

    fn person<'a>(&'a self, key: &'a str) -> Answer<'a, Result<Option<Kept>, Trouble>> {
        Box::pin(async move {
            let mut connection = self.connections.get().await.map_err(Trouble)?;
            let page = self.page(&mut connection, &[key.to_owned()]).await;
            Ok(page.map_err(Trouble)?.pop())
        })
    }
}
