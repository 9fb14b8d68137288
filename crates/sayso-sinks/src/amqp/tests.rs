use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    message::BasicGetMessage,
    options::{
        BasicAckOptions, BasicGetOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
        QueueBindOptions, QueueDeclareOptions,
    },
    types::FieldTable,
};
use sayso_ledger::sink::{Answer, Kept, Message, Outcome, Sink, Told};
use sayso_testkit::servers::{RabbitMq, Server, Tap};
use serde_json::json;
use tokio::task::block_in_place;
use zeroize::Zeroizing;

use crate::{
    conformance::{
        people::{LEDGER, Person, recipient},
        rig::{Able, Cannot, Hands, Rig, fold},
        run::run,
    },
    open::{Secrets, open},
};

const EXCHANGE: &str = "permissions";
const QUEUE: &str = "mailer";

/// A broker with one durable queue, and what was taken out of it.
struct AmqpRig {
    server: Server<RabbitMq>,
    tap: Tap,
    taken: Mutex<Vec<BasicGetMessage>>,
}

impl AmqpRig {
    async fn new() -> Option<Self> {
        let server = block_in_place(Server::<RabbitMq>::start).unwrap()?;
        let tap = Tap::before(server.address()).unwrap();
        let rig = Self { server, tap, taken: Mutex::default() };
        rig.assemble().await;
        Some(rig)
    }

    fn sink(&self, password: &str) -> Arc<dyn Sink> {
        let settings = json!({
            "address": self.tap.address().to_string(),
            "tls": false,
            "allow_private": true,
            "timeout_ms": 2_000,
            "exchange": EXCHANGE,
            "username": self.server.place().login.name,
        });
        let secrets = Secrets::from([("password".into(), Zeroizing::new(password.to_owned()))]);
        let told = Told { recipient: recipient(), ledger: LEDGER.into() };
        open("amqp", &settings, &secrets, &told).unwrap()
    }

    async fn operator(&self) -> (Connection, Channel) {
        let place = self.server.place();
        let login = format!("{}:{}", place.operator.name, place.operator.password);
        let uri = format!("amqp://{login}@127.0.0.1:{}/%2f", place.port);
        let connection = Connection::connect(&uri, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    /// Takes out of the queue what came since.
    async fn take(&self) {
        let (_connection, channel) = self.operator().await;
        let get = || channel.basic_get(QUEUE.into(), BasicGetOptions::default());
        while let Some(message) = get().await.unwrap() {
            message.ack(BasicAckOptions::default()).await.unwrap();
            self.taken.lock().unwrap().push(message);
        }
    }
}

impl Rig for AmqpRig {
    fn open(&self) -> Arc<dyn Sink> {
        self.sink(&self.server.place().login.password)
    }

    fn hands(&self) -> &dyn Hands {
        &self.server
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        Box::pin(async {
            self.take().await;
            fold(self.taken.lock().unwrap().iter().map(|message| &message.data))
        })
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        Box::pin(async {
            self.take().await;
            let taken = self.taken.lock().unwrap();
            let bytes = taken.iter().map(|message| {
                let content_type = message.properties.content_type().as_ref().unwrap();
                assert_eq!(content_type.as_str(), "application/cloudevents+json");
                assert_eq!(message.properties.delivery_mode(), &Some(2));
                let head = format!("{} {:?}", message.routing_key, message.properties);
                [head.as_bytes(), &message.data].concat()
            });
            bytes.collect()
        })
    }

    fn wire(&self) -> Able<Vec<u8>> {
        Ok(self.tap.sent())
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(8)
    }

    fn poison(&self, good: Message) -> Able<Message> {
        // More than the broker takes.
        Ok(Message { body: [good.body, vec![b' '; 300 * 1024]].concat(), ..good })
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Ok(self.sink("wrong"))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        Box::pin(async {
            let (_connection, channel) = self.operator().await;
            let options = ExchangeDeleteOptions::default();
            channel.exchange_delete(EXCHANGE.into(), options).await.unwrap();
            Ok(())
        })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        Box::pin(async {
            let (_connection, channel) = self.operator().await;
            let none = FieldTable::default;
            let durable =
                ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
            let kind = ExchangeKind::Topic;
            channel.exchange_declare(EXCHANGE.into(), kind, durable, none()).await.unwrap();
            let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(QUEUE.into(), durable, none()).await.unwrap();
            let options = QueueBindOptions::default();
            let bound =
                channel.queue_bind(QUEUE.into(), EXCHANGE.into(), "#".into(), options, none());
            bound.await.unwrap();
            // The broker confirms a queue up to two seconds before it is on disk, and would have
            // forgotten it when killed within them.
            block_in_place(|| self.server.control(&["eval", "mnesia:sync_log()."])).unwrap();
        })
    }

    fn lose<'a>(&'a self, _: &'a str) -> Answer<'a, Able> {
        Box::pin(async { Err(Cannot("a queue cannot be read back")) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amqp_does_what_every_sink_must() {
    let Some(rig) = AmqpRig::new().await else { return };
    run(&rig).await;
}

/// The broker confirms what it throws away; mandatory messages come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_queue_takes_is_not_delivered() {
    let Some(rig) = AmqpRig::new().await else { return };
    let (_connection, channel) = rig.operator().await;
    let gone = channel.queue_delete(QUEUE.into(), Default::default());
    gone.await.unwrap();
    let secrets = sayso_ledger::Secrets::generate().unwrap();
    let told = Person::new(&secrets, 1).told(1, true);
    let sink = rig.open();
    assert_eq!(sink.deliver(Arc::new([told.clone()])).await, [Outcome::again("no_queue")]);
    rig.assemble().await;
    assert_eq!(sink.deliver(Arc::new([told])).await, [Outcome::Delivered]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_speaks_tls_with_whom_it_was_told_to() {
    let Some(rig) = AmqpRig::new().await else { return };
    let port = crate::guard::secured::before(rig.server.address()).await;
    let found = async |host: &str, ca_file: Option<std::path::PathBuf>| {
        let settings = json!({
            "address": format!("{host}:{port}"),
            "ca_file": ca_file,
            "allow_private": true,
            "exchange": EXCHANGE,
            "username": rig.server.place().login.name,
        });
        let password = Zeroizing::new(rig.server.place().login.password.clone());
        let secrets = Secrets::from([("password".into(), password)]);
        let told = Told { recipient: recipient(), ledger: LEDGER.into() };
        let sink = open("amqp", &settings, &secrets, &told).unwrap();
        sink.check().await.map_err(|trouble| trouble.0)
    };
    let trusted = Some(crate::guard::secured::certificate());
    assert!(found("localhost", trusted.clone()).await.is_ok());
    assert!(found("127.0.0.1", trusted).await.is_err(), "that is not its name");
    assert!(found("localhost", None).await.is_err(), "nobody vouches for it");
}
