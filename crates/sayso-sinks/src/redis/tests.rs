use std::{collections::BTreeMap, sync::Arc, time::Duration};

use redis::aio::MultiplexedConnection;
use sayso_ledger::{
    deliver::of_line,
    sink::{Answer, Kept, Message, Outcome, Sink, Told},
};
use sayso_testkit::servers::{Redis as RedisServer, Server, Tap};
use serde_json::json;
use tokio::task::block_in_place;
use zeroize::Zeroizing;

use crate::{
    conformance::{
        people::{LEDGER, Person, recipient},
        rig::{Able, Cannot, Hands, Rig},
        run::run,
    },
    open::{Secrets, open},
};

struct RedisRig {
    server: Server<RedisServer>,
    tap: Tap,
}

impl RedisRig {
    fn new() -> Option<Self> {
        let server = block_in_place(Server::<RedisServer>::start).unwrap()?;
        let tap = Tap::before(server.address()).unwrap();
        Some(Self { server, tap })
    }

    fn sink(&self, password: &str) -> Arc<dyn Sink> {
        let settings = json!({
            "address": self.tap.address().to_string(),
            "tls": false,
            "allow_private": true,
            "timeout_ms": 1_500,
            "prefix": "s:",
            "username": self.server.place().login.name,
        });
        let secrets = Secrets::from([("password".into(), Zeroizing::new(password.to_owned()))]);
        let told = Told { recipient: recipient(), ledger: LEDGER.into() };
        open("redis", &settings, &secrets, &told).unwrap()
    }

    async fn operator(&self) -> MultiplexedConnection {
        let place = self.server.place();
        let login = format!("{}:{}", place.operator.name, place.operator.password);
        let client = redis::Client::open(format!("redis://{login}@127.0.0.1:{}/", place.port));
        client.unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    async fn keys(&self, pattern: &str) -> Vec<String> {
        let mut operator = self.operator().await;
        redis::cmd("KEYS").arg(pattern).query_async(&mut operator).await.unwrap()
    }

    /// The hashes that an application asks, by name.
    async fn names(&self) -> Vec<(String, BTreeMap<String, String>)> {
        let names = self.keys("s:name:*").await;
        let mut asked = redis::pipe();
        for name in &names {
            asked.hgetall(name);
        }
        if names.is_empty() {
            return Vec::new();
        }
        let hashes: Vec<_> = asked.query_async(&mut self.operator().await).await.unwrap();
        names.into_iter().zip(hashes).collect()
    }
}

impl Rig for RedisRig {
    fn open(&self) -> Arc<dyn Sink> {
        self.sink(&self.server.place().login.password)
    }

    fn hands(&self) -> &dyn Hands {
        &self.server
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        Box::pin(async {
            let mut held: BTreeMap<String, Kept> = BTreeMap::new();
            for (name, hash) in self.names().await {
                let key = hash["key"].clone();
                let permissions = hash.iter().filter(|(field, _)| field.contains('|'));
                let marks = permissions
                    .map(|(field, value)| of_line(&format!("{key}|{field}|{value}")))
                    .fold(0, u64::wrapping_add);
                let position = Some(hash["position"].parse().unwrap());
                let fresh = Kept { key: key.clone(), position, names: 0, marks };
                let kept = held.entry(key).or_insert(fresh);
                assert_eq!((kept.marks, kept.position), (marks, position), "{name}");
                kept.names += 1;
            }
            held.into_values().collect()
        })
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        Box::pin(async {
            type Entry = (String, Vec<(String, String)>);
            let mut operator = self.operator().await;
            let mut range = redis::cmd("XRANGE");
            range.arg("s:changes").arg("-").arg("+");
            let entries: Vec<Entry> = range.query_async(&mut operator).await.unwrap();
            let named = self.names().await.into_iter().map(|entry| format!("{entry:?}"));
            let entries = entries.into_iter().map(|(_, fields)| {
                fields.into_iter().map(|(name, value)| format!("{name}={value}\n")).collect()
            });
            entries.chain(named).map(String::into_bytes).collect()
        })
    }

    fn wire(&self) -> Able<Vec<u8>> {
        Ok(self.tap.sent())
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn poison(&self, _: Message) -> Able<Message> {
        Err(Cannot("it takes whatever is shorter than 512 MB"))
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Ok(self.sink("wrong"))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        Box::pin(async { Err(Cannot("a key need not be made")) })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        Box::pin(async {})
    }

    fn lose<'a>(&'a self, key: &'a str) -> Answer<'a, Able> {
        Box::pin(async move {
            for (name, hash) in self.names().await {
                if hash["key"] == key {
                    let mut operator = self.operator().await;
                    redis::cmd("DEL").arg(name).exec_async(&mut operator).await.unwrap();
                }
            }
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_does_what_every_sink_must() {
    let Some(rig) = RedisRig::new() else { return };
    run(&rig).await;
}

/// A name that somebody gave up and somebody else has now stays the other's, whatever comes late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_belongs_to_whom_it_was_given_last() {
    let Some(rig) = RedisRig::new() else { return };
    let secrets = sayso_ledger::Secrets::generate().unwrap();
    let [ana, ben] = [1, 2].map(|number| Person::new(&secrets, number));
    let sink = rig.open();
    let shared = "email:family@example.org".to_owned();
    let with_shared = |mut told: Message| {
        told.identifiers.push(shared.clone());
        told
    };
    let applied = async |told: Message| {
        let outcomes = sink.deliver(Arc::new([told])).await;
        assert!(matches!(outcomes[..], [Outcome::Applied { .. }]), "{outcomes:?}");
    };
    let owner = async || {
        let names = rig.names().await;
        let found = names.iter().find(|(name, _)| name.ends_with(&shared));
        found.map(|(_, hash)| hash["key"].clone())
    };
    applied(with_shared(ana.told(1, true))).await;
    assert_eq!(owner().await.as_deref(), Some(ana.key()));
    applied(with_shared(ben.told(3, false))).await;
    assert_eq!(owner().await.as_deref(), Some(ben.key()));
    // Ana gave it up before, and is told about again after.
    let parted = ana.parting(&secrets, 2);
    applied(Message { identifiers: vec![shared.clone()], ..parted }).await;
    applied(ana.told(4, true)).await;
    assert_eq!(owner().await.as_deref(), Some(ben.key()));
    applied(ben.leaving(5)).await;
    assert_eq!(owner().await, None, "with Ben goes what was Ben's");
}

/// It says whether what it calls applied outlives the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_how_durable_the_server_is() {
    let Some(rig) = RedisRig::new() else { return };
    let found = rig.open().check().await.unwrap();
    assert_eq!(found, ["answers", "writes are logged to a file"]);
    let mut operator = rig.operator().await;
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("appendonly").arg("no").exec_async(&mut operator).await.unwrap();
    let found = rig.open().check().await.unwrap();
    assert!(found[1].starts_with("writes are not logged"), "{found:?}");
}
