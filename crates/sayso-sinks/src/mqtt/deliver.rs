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

impl Mqtt {
    pub(super) fn new(door: Door, prefix: String, login: Login, leaving_seconds: u32) -> Self {
        Self { door, prefix, login, leaving_seconds, session: Mutex::default() }
    }

    async fn deliver_all(&self, messages: &[Message]) -> Vec<Outcome> {
        let all = |why: &str| vec![Outcome::again(why); messages.len()];
        let mut open = self.session.lock().await;
        // Taken out: dropped in the middle of a delivery it is not used again.
        let mut session = match open.take().filter(Session::is_fresh) {
            Some(session) => session,
            None => match Session::open(&self.door, &self.login).await {
                Ok(session) => session,
                Err(why) => return all(&why),
            },
        };
        match timeout(self.door.patience(), self.publish(&mut session, messages)).await {
            Err(_) => all("timeout"),
            Ok(Err(Broken::Class(why))) => all(why),
            Ok(Err(Broken::TooLarge)) => {
                drop(open);
                self.one_by_one(messages).await
            }
            Ok(Ok(outcomes)) => {
                *open = Some(session);
                outcomes
            }
        }
    }

    /// The broker hung up on one of these for its length, and did not say on which.
    async fn one_by_one(&self, messages: &[Message]) -> Vec<Outcome> {
        if messages.len() == 1 {
            return vec![judge(TOO_LARGE)];
        }
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            let alone = Box::pin(self.deliver_all(std::slice::from_ref(message)));
            outcomes.extend(alone.await);
        }
        outcomes
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
