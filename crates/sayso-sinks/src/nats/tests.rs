use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{
    self, Context,
    consumer::{DeliverPolicy, pull::OrderedConfig},
    stream::Config,
};
use futures_util::StreamExt;
use sayso_ledger::sink::{Answer, Kept, Message, Sink, Told};
use sayso_testkit::servers::{Nats as NatsServer, Server, Tap};
use serde_json::json;
use tokio::task::block_in_place;
use zeroize::Zeroizing;

use crate::{
    conformance::{
        people::{LEDGER, recipient},
        rig::{Able, Hands, Rig, fold},
        run::run,
    },
    guard::secured,
    open::{Secrets, open},
};

const STREAM: &str = "PERMISSIONS";

struct NatsRig {
    server: Server<NatsServer>,
    tap: Tap,
}

impl NatsRig {
    async fn new() -> Option<Self> {
        let server = block_in_place(Server::start).unwrap()?;
        let tap = Tap::before(server.address()).unwrap();
        let rig = Self { server, tap };
        rig.assemble().await;
        Some(rig)
    }

    fn sink(&self, password: &str) -> Arc<dyn Sink> {
        let settings = json!({
            "address": self.tap.address().to_string(),
            "tls": false,
            "allow_private": true,
            "timeout_ms": 1_500,
            "stream": STREAM,
            "username": self.server.place().login.name,
        });
        let secrets = Secrets::from([("password".into(), Zeroizing::new(password.to_owned()))]);
        let told = Told { recipient: recipient(), ledger: LEDGER.into() };
        open("nats", &settings, &secrets, &told).unwrap()
    }

    async fn operator(&self) -> Context {
        let login = self.server.place().operator.clone();
        let options =
            async_nats::ConnectOptions::with_user_and_password(login.name, login.password);
        jetstream::new(options.connect(self.server.address().to_string()).await.unwrap())
    }

    /// Everything in the stream, in its order: subject, headers and payload.
    async fn stored(&self) -> Vec<async_nats::jetstream::Message> {
        let stream = self.operator().await.get_stream(STREAM).await.unwrap();
        let config =
            OrderedConfig { deliver_policy: DeliverPolicy::All, ..OrderedConfig::default() };
        let consumer = stream.create_consumer(config).await.unwrap();
        let count = consumer.cached_info().num_pending;
        let messages = consumer.messages().await.unwrap();
        messages.take(usize::try_from(count).unwrap()).map(Result::unwrap).collect().await
    }
}

impl Rig for NatsRig {
    fn open(&self) -> Arc<dyn Sink> {
        self.sink(&self.server.place().login.password)
    }

    fn hands(&self) -> &dyn Hands {
        &self.server
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        Box::pin(async { fold(self.stored().await.iter().map(|message| &message.payload)) })
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        Box::pin(async {
            let all = self.stored().await;
            let bytes = all.iter().map(|message| {
                assert_eq!(
                    message.headers.as_ref().unwrap().get("Content-Type").unwrap().as_str(),
                    "application/cloudevents+json"
                );
                let head = format!("{} {:?}", message.subject, message.headers);
                [head.as_bytes(), &message.payload].concat()
            });
            bytes.collect()
        })
    }

    fn wire(&self) -> Able<Vec<u8>> {
        Ok(self.tap.sent())
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }

    fn poison(&self, good: Message) -> Able<Message> {
        // More than the server takes.
        Ok(Message { body: [good.body, vec![b' '; 300 * 1024]].concat(), ..good })
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Ok(self.sink("wrong"))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        Box::pin(async {
            self.operator().await.delete_stream(STREAM).await.unwrap();
            Ok(())
        })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        Box::pin(async {
            let config = Config {
                name: STREAM.into(),
                subjects: vec!["sayso.mailer.*".into()],
                ..Config::default()
            };
            self.operator().await.create_stream(config).await.unwrap();
        })
    }

    fn lose<'a>(&'a self, key: &'a str) -> Answer<'a, Able> {
        Box::pin(async move {
            let stream = self.operator().await.get_stream(STREAM).await.unwrap();
            stream.purge().filter(format!("sayso.mailer.{key}")).await.unwrap();
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_does_what_every_sink_must() {
    let Some(rig) = NatsRig::new().await else { return };
    run(&rig).await;
}

/// A message that another stream would take is not taken for delivered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_lacks_the_subject_is_found() {
    let Some(rig) = NatsRig::new().await else { return };
    let operator = rig.operator().await;
    operator.delete_stream(STREAM).await.unwrap();
    let other = |name: &str, subject: &str| Config {
        name: name.into(),
        subjects: vec![subject.into()],
        ..Config::default()
    };
    operator.create_stream(other(STREAM, "elsewhere.*")).await.unwrap();
    operator.create_stream(other("OTHER", "sayso.mailer.*")).await.unwrap();
    let sink = rig.open();
    assert_eq!(sink.check().await.unwrap_err().0, "stream_without_subject");
    let secrets = sayso_ledger::Secrets::generate().unwrap();
    let told = crate::conformance::people::Person::new(&secrets, 1).told(1, true);
    let outcomes = sink.deliver(Arc::new([told])).await;
    assert_eq!(outcomes, [sayso_ledger::sink::Outcome::again("wrong_stream")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_speaks_tls_with_whom_it_was_told_to() {
    let Some(rig) = NatsRig::new().await else { return };
    block_in_place(|| rig.server.secure(&secured::certificate(), &secured::key())).unwrap();
    let port = rig.server.place().port;
    let found = async |host: &str, ca_file: Option<std::path::PathBuf>| {
        let settings = json!({
            "address": format!("{host}:{port}"),
            "ca_file": ca_file,
            "allow_private": true,
            "stream": STREAM,
            "username": rig.server.place().login.name,
        });
        let password = Zeroizing::new(rig.server.place().login.password.clone());
        let secrets = Secrets::from([("password".into(), password)]);
        let told = Told { recipient: recipient(), ledger: LEDGER.into() };
        let sink = open("nats", &settings, &secrets, &told).unwrap();
        sink.check().await.map_err(|trouble| trouble.0)
    };
    let trusted = Some(secured::certificate());
    assert!(found("localhost", trusted.clone()).await.is_ok());
    assert!(found("127.0.0.1", trusted).await.is_err(), "that is not its name");
    assert!(found("localhost", None).await.is_err(), "nobody vouches for it");
}
