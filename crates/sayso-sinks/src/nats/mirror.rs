//! Reading back the last message of each subject.

use std::collections::BTreeSet;

use async_nats::jetstream::consumer::{DeliverPolicy, pull::OrderedConfig};
use futures_util::StreamExt;
use sayso_ledger::sink::{Answer, Kept, Mirror, Sum, Trouble};
use tokio::time::timeout;

use super::Nats;
use crate::readback::{self, Newest};

impl Newest for Nats {
    async fn each(
        &self,
        key: Option<&str>,
        mut show: impl FnMut(&str, &[u8]) + Send,
    ) -> Result<(), String> {
        let key = key.unwrap_or("*");
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
        Box::pin(readback::sums(self))
    }

    fn people<'a>(&'a self, ranges: &'a BTreeSet<u16>) -> Answer<'a, Result<Vec<Kept>, Trouble>> {
        Box::pin(readback::people(self, ranges))
    }

    fn person<'a>(&'a self, key: &'a str) -> Answer<'a, Result<Option<Kept>, Trouble>> {
        Box::pin(readback::person(self, key))
    }
}
