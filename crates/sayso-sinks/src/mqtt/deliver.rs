//! Publishing, and what the acknowledgements mean.

use std::sync::Arc;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::v5::Publish;
use sayso_ledger::sink::{Answer, Message, Mirror, Outcome, Pace, Sink, Trouble};
use tokio::{sync::Mutex, time::timeout};

use super::{
    config::Login,
    session::{Broken, Session, TOO_LARGE, cleared, retained},
};
use crate::guard::door::Door;

/// Topics of one broker.
pub struct Mqtt {
    pub(super) door: Door,
    pub(super) prefix: String,
    pub(super) login: Login,
    leaving_seconds: u32,
    session: Mutex<Option<Session>>,
}

/// Why an attempt came to nothing.
enum Failed {
    /// There is no broker to speak to: a class of failure.
    Shut(String),
    /// There was one.
    Broken(Broken),
}

impl From<Broken> for Outcome {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Class(why) => Self::again(why),
            Broken::TooLarge => judge(TOO_LARGE),
        }
    }
}

impl Mqtt {
    pub(super) fn new(door: Door, prefix: String, login: Login, leaving_seconds: u32) -> Self {
        Self { door, prefix, login, leaving_seconds, session: Mutex::default() }
    }

    async fn deliver_all(&self, messages: &[Message]) -> Vec<Outcome> {
        match self.attempt(messages).await {
            Ok(outcomes) => outcomes,
            Err(Failed::Shut(why)) => vec![Outcome::again(why); messages.len()],
            Err(Failed::Broken(_)) if messages.len() > 1 => self.one_by_one(messages).await,
            Err(Failed::Broken(broken)) => vec![broken.into(); messages.len()],
        }
    }

    /// The broker hung up in the middle of these, perhaps for one of them, and did not say for
    /// which. Together they would fail for ever.
    async fn one_by_one(&self, messages: &[Message]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            match self.attempt(std::slice::from_ref(message)).await {
                Ok(own) => outcomes.extend(own),
                Err(Failed::Broken(broken)) => outcomes.push(broken.into()),
                Err(Failed::Shut(why)) => {
                    outcomes.resize(messages.len(), Outcome::again(why));
                    break;
                }
            }
        }
        outcomes
    }

    async fn attempt(&self, messages: &[Message]) -> Result<Vec<Outcome>, Failed> {
        let mut open = self.session.lock().await;
        // Taken out: dropped in the middle of a delivery it is not used again.
        let mut session = match open.take().filter(Session::is_fresh) {
            Some(session) => session,
            None => Session::open(&self.door, &self.login).await.map_err(Failed::Shut)?,
        };
        let published = timeout(self.door.patience(), self.publish(&mut session, messages)).await;
        let outcomes = published.map_err(|_| Failed::Shut("timeout".into()))?;
        let outcomes = outcomes.map_err(Failed::Broken)?;
        *open = Some(session);
        Ok(outcomes)
    }

    async fn publish(
        &self,
        session: &mut Session,
        messages: &[Message],
    ) -> Result<Vec<Outcome>, Broken> {
        let news = messages.iter().map(|message| self.news(message)).collect();
        let mut reasons = session.publish(news).await?;
        // What is kept about somebody goes once it is known that they leave: the other order would
        // leave a receiver without a word, if this program ended in between.
        let is_gone = |(message, reason): &(&Message, &mut u8)| {
            message.leaving && matches!(judge(**reason), Outcome::Delivered)
        };
        let gone: Vec<_> = messages.iter().zip(&mut reasons).filter(is_gone).collect();
        let topics = gone.iter().map(|(message, _)| cleared(self.topic(message))).collect();
        for ((_, reason), last) in gone.into_iter().zip(session.publish(topics).await?) {
            *reason = last;
        }
        Ok(reasons.into_iter().map(judge).collect())
    }

    fn topic(&self, message: &Message) -> String {
        format!("{}/{}", self.prefix, message.key)
    }

    fn news(&self, message: &Message) -> Publish {
        let body = Bytes::copy_from_slice(&message.body);
        match message.leaving {
            false => retained(self.topic(message), body, None),
            true => {
                let topic = format!("{}/leaving", self.topic(message));
                retained(topic, body, Some(self.leaving_seconds))
            }
        }
    }

    async fn look(&self) -> Result<Vec<String>, String> {
        let session = Session::open(&self.door, &self.login).await?;
        let properties = session.welcome.properties.as_ref();
        let most = properties.and_then(|properties| properties.max_packet_size);
        let most = most.map(|most| format!("takes up to {most} bytes"));
        Ok(["speaks MQTT 5, keeps messages".to_owned()].into_iter().chain(most).collect())
    }
}

/// What the reason of an acknowledgement means (MQTT 5.0, section 3.4.2.1).
fn judge(reason: u8) -> Outcome {
    match reason {
        // With 0x10 nobody listens now; it is kept all the same.
        0x00 | 0x10 => Outcome::Delivered,
        0x87 => Outcome::again("credentials"),
        0x90 => Outcome::again("topic"),
        0x97 => Outcome::again("full"),
        TOO_LARGE => Outcome::Refused { why: "too_large".into() },
        0x99 => Outcome::Refused { why: "payload".into() },
        _ => Outcome::again("busy"),
    }
}

impl Sink for Mqtt {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move { self.deliver_all(&messages).await })
    }

    fn pace(&self) -> Pace {
        // One connection; what is under way on it is limited by the broker's window.
        Pace { batch_max: 100, at_once: 1, per_second: None }
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async { self.look().await.map_err(Trouble) })
    }

    fn mirror(&self) -> Option<&dyn Mirror> {
        Some(self)
    }
}
