//! Reading back what the broker keeps.

use std::{collections::BTreeSet, time::Duration};

use rumqttc::v5::mqttbytes::v5::{Packet, SubscribeReasonCode};
use sayso_ledger::{
    deliver,
    sink::{Answer, Kept, Mirror, Sum, Trouble},
};
use tokio::time::timeout;

use super::{
    Mqtt,
    session::{Broken, Session},
};
use crate::{readback::kept, sums::Sums};

/// MQTT does not say which kept message is the last. Brokers send them before they answer what was
/// asked after the subscription, or soon after.
const SILENCE: Duration = Duration::from_millis(500);

impl Mqtt {
    /// Shows the kept message of one key or of all (`+`), with the key that its topic ends with.
    async fn each(&self, key: &str, mut show: impl FnMut(&str, &[u8])) -> Result<(), String> {
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
        Box::pin(async {
            let mut sums = Sums::default();
            let add = |_: &str, body: &[u8]| kept(body).iter().for_each(|kept| sums.add(kept));
            self.each("+", add).await.map_err(Trouble)?;
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
            self.each("+", add).await.map_err(Trouble)?;
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
