//! What a driver's test brings along: the receiving system, and hands to break it with.

use std::{collections::BTreeMap, future::ready, sync::Arc, time::Duration};

use sayso_consent::{Timestamp, id::Position};
use sayso_ledger::{
    deliver,
    sink::{Answer, Kept, Message, Sink},
};
use sayso_testkit::servers::{Kind, Server};
use serde_json::Value;
use tokio::task::block_in_place;

/// What cannot be done to this receiving system, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cannot(pub(crate) &'static str);

/// Done, or why it cannot be.
pub(crate) type Able<T = ()> = Result<T, Cannot>;

/// What can be done to a receiving system. What undoes it does nothing unless there is something.
pub(crate) trait Hands: Send + Sync {
    /// The system goes away: it accepts no connection, and existing ones end.
    fn break_off(&self) -> Answer<'_, Able>;
    /// It is back with all that it held.
    fn mend(&self) -> Answer<'_, ()> {
        Box::pin(ready(()))
    }

    /// The system accepts and never answers.
    fn stall(&self) -> Answer<'_, Able>;
    /// It answers again.
    fn wake(&self) -> Answer<'_, ()> {
        Box::pin(ready(()))
    }

    /// The credentials of the sinks are good no longer; existing connections end.
    fn revoke(&self) -> Answer<'_, Able>;
    /// They are good again.
    fn admit(&self) -> Answer<'_, ()> {
        Box::pin(ready(()))
    }
}

/// A server does all of it.
impl<K: Kind> Hands for Server<K> {
    fn break_off(&self) -> Answer<'_, Able> {
        block_in_place(|| self.break_off()).unwrap();
        Box::pin(ready(Ok(())))
    }

    fn mend(&self) -> Answer<'_, ()> {
        block_in_place(|| self.restart()).unwrap();
        Box::pin(ready(()))
    }

    fn stall(&self) -> Answer<'_, Able> {
        block_in_place(|| self.pause()).unwrap();
        Box::pin(ready(Ok(())))
    }

    fn wake(&self) -> Answer<'_, ()> {
        self.resume().unwrap();
        Box::pin(ready(()))
    }

    fn revoke(&self) -> Answer<'_, Able> {
        block_in_place(|| self.revoke()).unwrap();
        Box::pin(ready(Ok(())))
    }

    fn admit(&self) -> Answer<'_, ()> {
        block_in_place(|| self.admit()).unwrap();
        Box::pin(ready(()))
    }
}

/// A receiving system of its own, and sinks that tell it.
///
/// One rig serves all cases, one after the other. What a method breaks is mended by its
/// counterpart, and both may take a few seconds.
pub(crate) trait Rig: Send + Sync {
    /// A fresh sink over connections of its own, as after a restart of the program. Its time-outs
    /// should be short: a second or two.
    fn open(&self) -> Arc<dyn Sink>;

    /// What the system holds about each person by now, by the receivers' rule: of the messages
    /// under one key the one with the highest `(position, at)` counts. Nothing for who has left.
    /// For a transport see [`fold`].
    fn held(&self) -> Answer<'_, Vec<Kept>>;

    /// Everything that arrived, cut by message or row, each with all its headers, topics and
    /// columns.
    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>>;

    /// Every byte that left on the wire, in whatever pieces, if they can be seen.
    fn wire(&self) -> Able<Vec<u8>>;

    /// What the system ends up holding after a message; the default is what the message says.
    fn expects(&self, told: &Message) -> Option<Kept> {
        expected(told)
    }

    /// The longest that one delivery of a full batch may take when the system does not answer, and
    /// the longest that an acknowledged message may take to be seen in [`Rig::held`].
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// How many people are told of at once when a recipient is connected for the first time.
    fn backfill(&self) -> usize {
        3_000
    }

    /// Makes of a good message one that the system itself will never take.
    fn poison(&self, good: Message) -> Able<Message>;

    /// What breaks it, and mends it again.
    fn hands(&self) -> &dyn Hands;

    /// A sink whose credentials were never good.
    fn stranger(&self) -> Able<Arc<dyn Sink>>;

    /// Takes away what the sink needs and must not make: the table, the topic, the stream. What
    /// was held may go with it.
    fn dismantle(&self) -> Answer<'_, Able>;
    /// Makes it again, empty or not.
    fn assemble(&self) -> Answer<'_, ()>;

    /// The system lies: behind everybody's back it lets go of what it took under a key. Needed
    /// where there is a [`sayso_ledger::sink::Mirror`].
    fn lose<'a>(&'a self, key: &'a str) -> Answer<'a, Able>;
}

/// What is held after a message by somebody who keeps all of it.
pub(crate) fn expected(told: &Message) -> Option<Kept> {
    (!told.leaving).then(|| Kept {
        key: told.key.clone(),
        position: Some(told.position),
        names: told.identifiers.len() as u64,
        marks: deliver::sum(&told.key, &told.permissions),
    })
}

/// What a receiver ends up holding that was sent these bodies in this order: the reference
/// receiver. It reads the JSON on its own, as somebody else's program would.
pub(crate) fn fold<B: AsRef<[u8]>>(bodies: impl IntoIterator<Item = B>) -> Vec<Kept> {
    let mut held: BTreeMap<String, ((Position, Timestamp), Option<Kept>)> = BTreeMap::new();
    for body in bodies {
        let event: Value = serde_json::from_slice(body.as_ref()).expect("a body is JSON");
        assert_eq!((&event["specversion"], &event["type"]), (&"1.0".into(), &EVENT_TYPE.into()));
        let data = &event["data"];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let key = text(&data["key"]);
        let at: Timestamp = text(&event["time"]).parse().expect("a time");
        let newness = (text(&data["position"]).parse().expect("a position"), at);
        if held.get(&key).is_some_and(|(held, _)| *held >= newness) {
            continue;
        }
        let kept = (data["leaving"] == false).then(|| kept(&key, newness.0, data));
        held.insert(key, (newness, kept));
    }
    held.into_values().filter_map(|(_, kept)| kept).collect()
}

const EVENT_TYPE: &str = "sayso.permissions.v1";

fn kept(key: &str, position: Position, data: &Value) -> Kept {
    let marks = data["permissions"].as_array().expect("a list").iter().map(|permission| {
        let text = |name: &str| permission[name].as_str().unwrap_or_default();
        let until: Option<Timestamp> = permission["until"].as_str().map(|at| at.parse().unwrap());
        let until = until.map(|at| at.0.to_string()).unwrap_or_default();
        let allow = u8::from(permission["allow"].as_bool().expect("yes or no"));
        let (purpose, data, channel) = (text("purpose"), text("data"), text("channel"));
        deliver::of_line(&format!("{key}|{purpose}|{data}|{channel}|{allow}|{until}"))
    });
    Kept {
        key: key.to_owned(),
        position: Some(position),
        names: data["identifiers"].as_array().expect("a list").len() as u64,
        marks: marks.fold(0, u64::wrapping_add),
    }
}
