//! Reading back the topic of states, from its beginning to its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};
use sayso_ledger::{
    deliver,
    sink::{Answer, Kept, Mirror, Sum, Trouble},
};
use tokio::task::spawn_blocking;

use super::{Kafka, producer::class};
use crate::{readback::kept, sums::Sums};

/// How long reading back everything may take.
const WHOLE: Duration = Duration::from_secs(55);
/// How long it is waited for the next message at a time.
const WAIT: Duration = Duration::from_millis(200);

/// The last message of each key. A compacted topic may hold older ones of a key before it, so
/// everybody is in memory while it is read: some 150 bytes for each.
type Last = BTreeMap<String, Kept>;

impl Kafka {
    async fn last(&self, ranges: Option<BTreeSet<u16>>) -> Result<Last, Trouble> {
        let (config, topic) = (self.place.consumer(), self.place.state_topic.clone());
        let patience = self.place.patience;
        let read = spawn_blocking(move || read(&config, &topic, patience, ranges.as_ref()));
        let read = read.await.map_err(|_| Trouble("broken".into()))?;
        read.map_err(|why| Trouble(why.to_owned()))
    }
}

fn read(
    config: &ClientConfig,
    topic: &str,
    patience: Duration,
    ranges: Option<&BTreeSet<u16>>,
) -> Result<Last, &'static str> {
    let failed = |error: KafkaError| class(&error);
    let consumer: BaseConsumer = config.create().map_err(failed)?;
    let metadata = consumer.fetch_metadata(None, patience).map_err(failed)?;
    let there = metadata.topics().iter().find(|there| there.name() == topic);
    let there = there.filter(|there| there.error().is_none()).ok_or("no_topic")?;
    let mut open: BTreeSet<i32> = there.partitions().iter().map(|own| own.id()).collect();
    let mut assigned = TopicPartitionList::new();
    for partition in &open {
        assigned.add_partition_offset(topic, *partition, Offset::Beginning).map_err(failed)?;
    }
    consumer.assign(&assigned).map_err(failed)?;
    let end = Instant::now() + WHOLE;
    let mut last = Last::new();
    while !open.is_empty() {
        if Instant::now() > end {
            return Err("timeout");
        }
        match consumer.poll(WAIT) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(error)) => return Err(class(&error)),
            Some(Ok(message)) => {
                let key = message.key().and_then(|key| std::str::from_utf8(key).ok());
                let is_wanted =
                    |key: &&str| ranges.is_none_or(|own| own.contains(&deliver::range(key)));
                if let Some(key) = key.filter(is_wanted) {
                    match message.payload().and_then(kept) {
                        Some(kept) => last.insert(key.to_owned(), kept),
                        None => last.remove(key),
                    };
                }
            }
        }
    }
    Ok(last)
}

impl Mirror for Kafka {
    fn sums(&self) -> Answer<'_, Result<Vec<Sum>, Trouble>> {
        Box::pin(async {
            let mut sums = Sums::default();
            self.last(None).await?.values().for_each(|kept| sums.add(kept));
            Ok(sums.all())
        })
    }

    fn people<'a>(&'a self, ranges: &'a BTreeSet<u16>) -> Answer<'a, Result<Vec<Kept>, Trouble>> {
        Box::pin(async { Ok(self.last(Some(ranges.clone())).await?.into_values().collect()) })
    }
}
