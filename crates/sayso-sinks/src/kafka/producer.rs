//! The producer, made when it is first needed, and the look at who the brokers say they are.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rdkafka::{
    ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
    producer::{FutureProducer, Producer},
};
use tokio::{sync::Mutex, task::spawn_blocking, time::timeout};

use super::config::Place;
use crate::guard::{Guard, SystemResolver, door::Shut};

/// Hears what the library says, keeps one thing of it, and repeats none.
#[derive(Clone, Default)]
pub(super) struct Ear {
    is_kept_out: Arc<AtomicBool>,
}

impl ClientContext for Ear {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, _: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Authentication) {
            self.is_kept_out.store(true, Ordering::Release);
        }
    }
}

impl Ear {
    /// Whether a broker has refused the credentials since this was last asked.
    pub(super) fn was_kept_out(&self) -> bool {
        self.is_kept_out.swap(false, Ordering::AcqRel)
    }
}

/// A producer that goes to addresses that were looked at.
#[derive(Default)]
pub(super) struct Producers {
    open: Mutex<Option<FutureProducer<Ear>>>,
    pub(super) ear: Ear,
}

impl Producers {
    /// The producer, or a new one; the class of failure if there is none. It connects again by
    /// itself: what it still had by then is gone, after the time that one attempt may take.
    pub(super) async fn get(&self, place: &Place) -> Result<FutureProducer<Ear>, String> {
        let mut open = self.open.lock().await;
        if let Some(producer) = open.as_ref() {
            return Ok(producer.clone());
        }
        look_at(place, &place.brokers).await?;
        let made = place.producer().create_with_context(self.ear.clone());
        let producer: FutureProducer<Ear> = made.map_err(|_| "settings".to_owned())?;
        let metadata = self.metadata(&producer, place).await?;
        let named: Result<Vec<_>, _> = metadata
            .brokers()
            .iter()
            .map(|broker| Ok((broker.host().to_owned(), u16::try_from(broker.port())?)))
            .collect();
        let named = named.map_err(|_: std::num::TryFromIntError| "broken".to_owned())?;
        look_at(place, &named).await?;
        *open = Some(producer.clone());
        Ok(producer)
    }

    /// What the brokers say of themselves and of all topics. To ask for one topic could make it.
    pub(super) async fn metadata(
        &self,
        producer: &FutureProducer<Ear>,
        place: &Place,
    ) -> Result<Metadata, String> {
        let (asking, patience) = (producer.clone(), place.patience);
        let asked = spawn_blocking(move || asking.client().fetch_metadata(None, patience));
        match asked.await {
            Ok(Ok(metadata)) => Ok(metadata),
            Ok(Err(_)) if self.ear.was_kept_out() => Err("credentials".to_owned()),
            Ok(Err(error)) => Err(class(&error).to_owned()),
            Err(_) => Err("broken".to_owned()),
        }
    }
}

/// Whether all that names stand for may be reached.
async fn look_at(place: &Place, brokers: &[(String, u16)]) -> Result<(), String> {
    let guard = Guard::new(Arc::new(SystemResolver), true, place.patience);
    for (host, _) in brokers {
        let found = timeout(place.patience, guard.addresses(host)).await;
        let found = found.map_err(|_| Shut::Timeout).and_then(|found| Ok(found?));
        found.map_err(|shut| shut.to_string())?;
    }
    Ok(())
}

/// The class of a failure.
pub(super) fn class(error: &KafkaError) -> &'static str {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::Authentication,
        ) => "credentials",
        Some(
            RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition,
        ) => "no_topic",
        Some(
            RDKafkaErrorCode::MessageTimedOut
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut,
        ) => "timeout",
        Some(RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure) => {
            "unreachable"
        }
        Some(RDKafkaErrorCode::QueueFull) => "full",
        _ => "broken",
    }
}
