//! Producing to both topics.

use std::{sync::Arc, time::Duration};

use futures_util::future::{join, join_all};
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use sayso_ledger::sink::{Answer, Message, Mirror, Outcome, Pace, Sink, Trouble};
use tokio::time::timeout;

use super::{
    config::Place,
    producer::{Ear, Producers, class},
};

const CLOUD_EVENT: &str = "application/cloudevents+json";

/// Two topics.
pub struct Kafka {
    pub(super) place: Place,
    producers: Producers,
}

impl Kafka {
    pub(super) fn new(place: Place) -> Self {
        Self { place, producers: Producers::default() }
    }

    async fn produce_all(&self, messages: &[Message]) -> Vec<Outcome> {
        let producer = match self.producers.get(&self.place).await {
            Ok(producer) => producer,
            Err(why) => return vec![Outcome::again(why); messages.len()],
        };
        join_all(messages.iter().map(|message| self.produce(&producer, message))).await
    }

    async fn produce(&self, producer: &FutureProducer<Ear>, message: &Message) -> Outcome {
        let Place { topic, state_topic, .. } = &self.place;
        let body = Some(message.body.as_slice());
        // Nothing is left of who has gone.
        let state = body.filter(|_| !message.leaving);
        let sent = join(
            self.send(producer, topic, message, body),
            self.send(producer, state_topic, message, state),
        );
        match sent.await {
            (Ok(()), Ok(())) => Outcome::Delivered,
            (Err(error), _) | (_, Err(error)) => self.judge(error.as_ref()),
        }
    }

    /// An error of the library, or none if it did not say anything in time.
    async fn send(
        &self,
        producer: &FutureProducer<Ear>,
        topic: &str,
        message: &Message,
        body: Option<&[u8]>,
    ) -> Result<(), Option<KafkaError>> {
        let header = |key, value| Header { key, value: Some(value) };
        let headers = OwnedHeaders::new()
            .insert(header("content-type", CLOUD_EVENT))
            .insert(header("id", message.id.as_str()));
        let mut record = FutureRecord::to(topic).key(&message.key).headers(headers);
        if let Some(body) = body {
            record = record.payload(body);
        }
        // Twice: the library counts from when it has the message.
        let patience = self.place.patience * 2;
        match timeout(patience, producer.send(record, Duration::ZERO)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(Some(error)),
            Err(_) => Err(None),
        }
    }

    fn judge(&self, error: Option<&KafkaError>) -> Outcome {
        let Some(error) = error else { return Outcome::again("timeout") };
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize) => {
                Outcome::Refused { why: "too_large".into() }
            }
            _ if self.producers.ear.was_kept_out() => Outcome::again("credentials"),
            _ => Outcome::again(class(error)),
        }
    }

    async fn look(&self) -> Result<Vec<String>, String> {
        let producer = self.producers.get(&self.place).await?;
        let metadata = self.producers.metadata(&producer, &self.place).await?;
        let mut found = vec![format!("{} brokers", metadata.brokers().len())];
        for topic in [&self.place.topic, &self.place.state_topic] {
            let there = metadata.topics().iter().find(|there| there.name() == topic);
            let there = there.filter(|there| there.error().is_none()).ok_or("no_topic")?;
            found.push(format!("topic {topic} with {} partitions", there.partitions().len()));
        }
        Ok(found)
    }
}

impl Sink for Kafka {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move { self.produce_all(&messages).await })
    }

    fn pace(&self) -> Pace {
        Pace { batch_max: 200, at_once: 4, per_second: None }
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async { self.look().await.map_err(Trouble) })
    }

    fn mirror(&self) -> Option<&dyn Mirror> {
        Some(self)
    }
}
