//! Publishing, and waiting for the broker to confirm.

use std::sync::Arc;

use lapin::{
    BasicProperties, Channel, Confirmation, Error, ExchangeKind,
    options::{BasicPublishOptions, ExchangeDeclareOptions},
    types::FieldTable,
};
use sayso_ledger::sink::{Answer, Message, Outcome, Pace, Sink, Trouble};
use tokio::{sync::Mutex, time::timeout};

use super::{
    channel::{Open, class, code},
    config::Login,
};
use crate::guard::door::Door;

const CLOUD_EVENT: &str = "application/cloudevents+json";
/// Of a message: it is written to disk.
const PERSISTENT: u8 = 2;
/// What a broker closes the channel with for a message that it will not take: too long, or unfit.
const UNFIT: [u16; 2] = [311, 406];

/// One exchange.
pub struct Amqp {
    door: Door,
    exchange: String,
    login: Login,
    open: Mutex<Option<Open>>,
}

/// How a message fared.
enum Fared {
    Ended(Outcome),
    /// The channel was closed on it, or before it was confirmed.
    Unknown(Error),
}

impl Amqp {
    pub(super) fn new(door: Door, exchange: String, login: Login) -> Self {
        Self { door, exchange, login, open: Mutex::default() }
    }

    async fn deliver_all(&self, messages: &[Message]) -> Vec<Outcome> {
        let all = |why: &str| vec![Outcome::again(why); messages.len()];
        let mut slot = self.open.lock().await;
        // Taken out: dropped in the middle of a delivery it is not used again.
        let open = match slot.take().filter(Open::is_open) {
            Some(open) => open,
            None => match Open::new(&self.door, &self.login).await {
                Ok(open) => open,
                Err(why) => return all(&why),
            },
        };
        let fared = match timeout(self.door.patience(), self.publish(&open.channel, messages)).await
        {
            Ok(fared) => fared,
            Err(_) => return all("timeout"),
        };
        if fared.iter().all(|fared| matches!(fared, Fared::Ended(_))) {
            *slot = Some(open);
        }
        drop(slot);
        self.judge_all(messages, fared).await
    }

    async fn judge_all(&self, messages: &[Message], fared: Vec<Fared>) -> Vec<Outcome> {
        let is_unfit = |fared: &Fared| match fared {
            Fared::Unknown(error) => code(error).is_some_and(|code| UNFIT.contains(&code)),
            Fared::Ended(_) => false,
        };
        let has_unfit = fared.iter().any(is_unfit);
        let mut outcomes = Vec::with_capacity(messages.len());
        for (message, fared) in messages.iter().zip(fared) {
            outcomes.push(match fared {
                Fared::Ended(outcome) => outcome,
                Fared::Unknown(_) if has_unfit && messages.len() == 1 => {
                    Outcome::Refused { why: "too_large".into() }
                }
                // The broker closed the channel and did not say on which message: each alone.
                Fared::Unknown(_) if has_unfit => self.alone(message).await,
                Fared::Unknown(error) => Outcome::again(class(&error)),
            });
        }
        outcomes
    }

    async fn alone(&self, message: &Message) -> Outcome {
        let one = Box::pin(self.deliver_all(std::slice::from_ref(message))).await.pop();
        one.unwrap_or_else(|| Outcome::again("broken"))
    }

    async fn publish(&self, channel: &Channel, messages: &[Message]) -> Vec<Fared> {
        let mut sent = Vec::with_capacity(messages.len());
        for message in messages {
            sent.push(self.send(channel, message).await);
        }
        let mut fared = Vec::with_capacity(messages.len());
        for confirm in sent {
            let confirmed = match confirm {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            fared.push(match confirmed {
                Ok(Confirmation::Ack(None)) => Fared::Ended(Outcome::Delivered),
                // It came back: no queue takes it.
                Ok(Confirmation::Ack(Some(_))) => Fared::Ended(Outcome::again("no_queue")),
                Ok(Confirmation::Nack(_)) => Fared::Ended(Outcome::again("full")),
                Ok(Confirmation::NotRequested) => Fared::Ended(Outcome::again("unconfirmed")),
                Err(error) => Fared::Unknown(error),
            });
        }
        fared
    }

    async fn send(
        &self,
        channel: &Channel,
        message: &Message,
    ) -> Result<lapin::PublisherConfirm, Error> {
        let properties = BasicProperties::default()
            .with_content_type(CLOUD_EVENT.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(message.id.as_str().into());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, key) = (self.exchange.as_str().into(), message.key.as_str().into());
        channel.basic_publish(exchange, key, options, &message.body, properties).await
    }

    async fn look(&self) -> Result<Vec<String>, String> {
        let open = Open::new(&self.door, &self.login).await?;
        let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        // Passive: it asks for the exchange by its name, whatever its kind, and makes none.
        let asked = open.channel.exchange_declare(
            self.exchange.as_str().into(),
            ExchangeKind::Topic,
            passive,
            FieldTable::default(),
        );
        let found = timeout(self.door.patience(), asked).await.map_err(|_| "timeout")?;
        found.map_err(|error| class(&error))?;
        Ok(vec![format!("exchange {}", self.exchange)])
    }
}

impl Sink for Amqp {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move { self.deliver_all(&messages).await })
    }

    fn pace(&self) -> Pace {
        // One channel, which keeps the order in which it was told.
        Pace { batch_max: 100, at_once: 1, per_second: None }
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async { self.look().await.map_err(Trouble) })
    }
}
