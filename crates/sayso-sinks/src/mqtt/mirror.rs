//! Reading back what the broker keeps.

use std::{collections::BTreeSet, time::Duration};

use rumqttc::v5::mqttbytes::v5::{Packet, SubscribeReasonCode};
use sayso_ledger::sink::{Answer, Kept, Mirror, Sum, Trouble};
use tokio::time::timeout;

use super::{
    Mqtt,
    session::{Broken, Session},
};
use crate::readback::{self, Newest};

/// MQTT does not say which kept message is the last. Brokers send them before they answer what was
/// asked after the subscription, or soon after.
const SILENCE: Duration = Duration::from_millis(500);

impl Newest for Mqtt {
    async fn each(
        &self,
        key: Option<&str>,
        mut show: impl FnMut(&str, &[u8]) + Send,
    ) -> Result<(), String> {
        let key = key.unwrap_or("+");
        let mut session = Session::open(&self.door, &self.login).await?;
        let filter = format!("{}/{key}", self.prefix);
        let asked = timeout(self.door.patience(), session.subscribe(&filter));
        asked.await.map_err(|_| "timeout")?.map_err(class)?;
        let mut has_answered = false;
        loop {
            let patience = if has_answered { SILENCE } else { self.door.patience() };
            let packet = match timeout(patience, session.next()).await {
                Err(_) if has_answered => return Ok(()),
                Err(_) => return Err("timeout".to_owned()),
                Ok(packet) => packet.map_err(class)?,
            };
            match packet {
                Packet::PingResp(_) => has_answered = true,
                Packet::SubAck(answer) => {
                    let is_taken = |code| matches!(code, &SubscribeReasonCode::Success(_));
                    if !answer.return_codes.iter().all(is_taken) {
                        return Err("credentials".to_owned());
                    }
                }
                // What is published meanwhile is no kept message.
                Packet::Publish(message) if message.retain => {
                    let topic = std::str::from_utf8(&message.topic).unwrap_or_default();
                    if let Some((_, key)) = topic.rsplit_once('/') {
                        show(key, &message.payload);
                    }
                }
                _ => {}
            }
        }
    }
}

fn class(broken: Broken) -> String {
    match broken {
        Broken::Class(class) => class.to_owned(),
        Broken::TooLarge => "broken".to_owned(),
    }
}

impl Mirror for Mqtt {
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
