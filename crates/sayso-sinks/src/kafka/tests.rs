use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{Headers, OwnedMessage},
    mocking::MockCluster,
    producer::{FutureProducer, FutureRecord},
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use sayso_ledger::sink::{Answer, Kept, Message, Outcome, Sink, Told};
use serde_json::json;
use tokio::task::block_in_place;

use crate::{
    conformance::{
        people::{LEDGER, Person, recipient},
        rig::{Able, Cannot, Hands, Rig, fold},
        run::run,
    },
    open::{OpenError, Secrets, open},
};

const TOPIC: &str = "permissions.changes";
const STATE: &str = "permissions.states";
const PARTITIONS: i32 = 4;
/// More than are asked while something is broken.
const FAILURES: usize = 2_000;

type Cluster = MockCluster<'static, rdkafka::producer::DefaultProducerContext>;
type Deed = Box<dyn FnOnce(&Cluster) + Send>;

/// The broker that librdkafka brings along: it speaks Kafka over TCP and keeps what it takes in
/// memory. It belongs to one thread, which does what it is told.
struct KafkaRig {
    deeds: mpsc::Sender<Deed>,
    brokers: String,
}

impl KafkaRig {
    fn new() -> Self {
        let (deeds, todo) = mpsc::channel::<Deed>();
        let (told, brokers) = mpsc::channel();
        thread::spawn(move || {
            let cluster = MockCluster::new(1).unwrap();
            for topic in [TOPIC, STATE] {
                cluster.create_topic(topic, PARTITIONS, 1).unwrap();
            }
            told.send(cluster.bootstrap_servers()).unwrap();
            for deed in todo {
                deed(&cluster);
            }
        });
        Self { deeds, brokers: brokers.recv().unwrap() }
    }

    fn make(&self, deed: impl FnOnce(&Cluster) + Send + 'static) {
        let (done, is_done) = mpsc::channel();
        let deed = move |cluster: &Cluster| {
            deed(cluster);
            done.send(()).unwrap();
        };
        self.deeds.send(Box::new(deed)).unwrap();
        is_done.recv().unwrap();
    }

    fn fail(&self, error: RDKafkaRespErr) {
        self.make(move |cluster| {
            cluster.request_errors(RDKafkaApiKey::Produce, &[error; FAILURES]);
        });
    }

    fn succeed(&self) {
        self.make(|cluster| cluster.clear_request_errors(RDKafkaApiKey::Produce));
    }

    /// All messages of a topic, each partition in its order.
    fn read(&self, topic: &str) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", "test")
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "20")
            .create()
            .unwrap();
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            all.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&all).unwrap();
        let mut open: BTreeSet<i32> = (0..PARTITIONS).collect();
        let mut messages = Vec::new();
        while !open.is_empty() {
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => messages.push(message.detach()),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                Some(Err(_)) | None => {}
            }
        }
        messages
    }
}

impl Hands for KafkaRig {
    fn break_off(&self) -> Answer<'_, Able> {
        self.make(|cluster| cluster.broker_down(1).unwrap());
        Box::pin(async { Ok(()) })
    }

    fn mend(&self) -> Answer<'_, ()> {
        self.make(|cluster| cluster.broker_up(1).unwrap());
        Box::pin(async {})
    }

    fn stall(&self) -> Answer<'_, Able> {
        let slow = Duration::from_secs(30);
        self.make(move |cluster| cluster.broker_round_trip_time(1, slow).unwrap());
        Box::pin(async { Ok(()) })
    }

    fn wake(&self) -> Answer<'_, ()> {
        self.make(|cluster| cluster.broker_round_trip_time(1, Duration::ZERO).unwrap());
        Box::pin(async {})
    }

    fn revoke(&self) -> Answer<'_, Able> {
        // It knows no accounts, and can say that somebody may not write.
        self.fail(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        Box::pin(async { Ok(()) })
    }

    fn admit(&self) -> Answer<'_, ()> {
        self.succeed();
        Box::pin(async {})
    }
}

impl Rig for KafkaRig {
    fn open(&self) -> Arc<dyn Sink> {
        let settings = json!({
            "brokers": self.brokers,
            "topic": TOPIC,
            "state_topic": STATE,
            "allow_private": true,
            "timeout_ms": 1_500,
        });
        let told = Told { recipient: recipient(), ledger: LEDGER.into() };
        open("kafka", &settings, &Secrets::new(), &told).unwrap()
    }

    fn hands(&self) -> &dyn Hands {
        self
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        let messages = block_in_place(|| self.read(TOPIC));
        let held = fold(messages.iter().map(|message| message.payload().unwrap()));
        Box::pin(std::future::ready(held))
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        let messages = block_in_place(|| [self.read(TOPIC), self.read(STATE)].concat());
        let bytes = messages.iter().map(|message| {
            // What the operator of these tests took away by hand has none.
            let headers = message.headers();
            let of_type = |headers: &rdkafka::message::OwnedHeaders| {
                let header = headers.iter().find(|header| header.key == "content-type");
                header.and_then(|header| header.value) == Some(b"application/cloudevents+json")
            };
            assert!(headers.is_none_or(of_type));
            let head = format!("{headers:?}").into_bytes();
            [message.key().unwrap(), &head, message.payload().unwrap_or_default()].concat()
        });
        Box::pin(std::future::ready(bytes.collect()))
    }

    fn wire(&self) -> Able<Vec<u8>> {
        Err(Cannot("clients go where the broker says that it is"))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(8)
    }

    fn poison(&self, good: Message) -> Able<Message> {
        // More than brokers take.
        Ok(Message { body: [good.body, vec![b' '; 1_200_000]].concat(), ..good })
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Err(Cannot("the broker of librdkafka asks nobody who they are"))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        let missing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        self.make(move |cluster| cluster.topic_error(STATE, missing).unwrap());
        self.fail(missing);
        Box::pin(async { Ok(()) })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        let none = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        self.make(move |cluster| cluster.topic_error(STATE, none).unwrap());
        self.succeed();
        Box::pin(async {})
    }

    fn lose<'a>(&'a self, key: &'a str) -> Answer<'a, Able> {
        Box::pin(async move {
            let mut config = ClientConfig::new();
            let operator: FutureProducer =
                config.set("bootstrap.servers", &self.brokers).create().unwrap();
            let nothing = FutureRecord::<str, [u8]>::to(STATE).key(key);
            operator.send(nothing, Duration::from_secs(1)).await.unwrap();
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_does_what_every_sink_must() {
    run(&KafkaRig::new()).await;
}

/// Compaction keeps the last message of a key: of who has gone it is an empty one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_who_has_gone() {
    let rig = KafkaRig::new();
    let secrets = sayso_ledger::Secrets::generate().unwrap();
    let person = Person::new(&secrets, 1);
    let sink = rig.open();
    for told in [person.told(1, true), person.leaving(2)] {
        assert_eq!(sink.deliver(Arc::new([told])).await, [Outcome::Delivered]);
    }
    let states = block_in_place(|| rig.read(STATE));
    let last = states.last().unwrap();
    assert_eq!((last.key(), last.payload()), (Some(person.key().as_bytes()), None));
    let changes = block_in_place(|| rig.read(TOPIC));
    assert!(changes.iter().all(|change| change.payload().is_some()), "each change is a message");
}

#[test]
fn it_is_for_private_networks() {
    let told = Told { recipient: recipient(), ledger: LEDGER.into() };
    let settings = json!({"brokers": "kafka.example.org:9092", "topic": "a", "state_topic": "b"});
    let refused = open("kafka", &settings, &Secrets::new(), &told).err();
    let is_named =
        |error| matches!(error, OpenError::Wrong { setting, .. } if setting == "allow_private");
    assert!(refused.is_some_and(is_named));
}
