//! Reading back the last message of each subject.

use std::collections::BTreeSet;

use async_nats::jetstream::consumer::{DeliverPolicy, pull::OrderedConfig};
use futures_util::StreamExt;
use sayso_ledger::{
    deliver,
    sink::{Answer, Kept, Mirror, Sum, Trouble},
};
use tokio::time::timeout;

use super::Nats;
use crate::{readback::kept, sums::Sums};

impl Nats {
    /// Shows the last message of one key or of all (`*`), with the key that its subject ends with.
    async fn each(&self, key: &str, mut show: impl FnMut(&str, &[u8])) -> Result<(), String> {
        let stream = self.stream().await?;
        let config = OrderedConfig {
            deliver_policy: DeliverPolicy::LastPerSubject,
            filter_subject: format!("{}.{key}", self.prefix),
            ..OrderedConfig::default()
        };
        let patience = self.clients.door().patience();
        let consumer = timeout(patience, stream.create_consumer(config)).await;
        let consumer = consumer.map_err(|_| "timeout")?.map_err(|_| "no_answer")?;
        if consumer.cached_info().num_pending == 0 {
            return Ok(());
        }
        let mut messages = consumer.messages().await.map_err(|_| "no_answer")?;
        loop {
            let next = timeout(patience, messages.next()).await.map_err(|_| "timeout")?;
            let message = next.ok_or("broken")?.map_err(|_| "broken")?;
            let pending = message.info().map_err(|_| "broken")?.pending;
            if let Some((_, key)) = message.subject.rsplit_once('.') {
                show(key, &message.payload);
            }
            if pending == 0 {
                return Ok(());
            }
        }
    }
}

impl Mirror for Nats {
    fn sums(&self) -> Answer<'_, Result<Vec<Sum>, Trouble>> {
        Box::pin(async {
            let mut sums = Sums::default();
            let add = |_: &str, body: &[u8]| kept(body).iter().for_each(|kept| sums.add(kept));
            self.each("*", add).await.map_err(Trouble)?;
            Ok(sums.all())
        })
    }

    fn people<'a>(&'a self, ranges: &'a BTreeSet<u16>) -> Answer<'a, Result<Vec<Kept>, Trouble>> {
        Box::pin(async move {
            let mut people = Vec::new();
            let add = |key: &str, body: &[u8]| {
                if ranges.contains(&deliver::range(key)) {
                    people.extend(kept(body));
                }
            };
            self.each("*", add).await.map_err(Trouble)?;
            Ok(people)
        })
    }

    fn person<'a>(&'a self, key: &'a str) -> Answer<'a, Result<Option<Kept>, Trouble>> {
        Box::pin(async move {
            let mut person = None;
            let add = |_: &str, body: &[u8]| person = kept(body);
            self.each(key, add).await.map_err(Trouble)?;
            Ok(person)
        })
    }
}
