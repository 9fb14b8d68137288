use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rumqttc::v5::{
    AsyncClient, Event, MqttOptions,
    mqttbytes::{
        QoS,
        v5::{Packet, Publish},
    },
};
use sayso_ledger::sink::{Answer, Kept, Message, Sink, Told};
use sayso_testkit::servers::{Mosquitto, Server, Tap};
use serde_json::json;
use tokio::task::{JoinHandle, block_in_place};
use zeroize::Zeroizing;

use crate::{
    conformance::{
        people::{LEDGER, recipient},
        rig::{Able, Cannot, Hands, Rig, fold},
        run::run,
    },
    open::{Secrets, open},
};

/// A broker, and somebody who listens to everything from the beginning.
struct MqttRig {
    server: Server<Mosquitto>,
    tap: Tap,
    operator: AsyncClient,
    heard: Arc<Mutex<Vec<Publish>>>,
    listening: JoinHandle<()>,
}

impl Drop for MqttRig {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl MqttRig {
    async fn new() -> Option<Self> {
        let server = block_in_place(Server::<Mosquitto>::start).unwrap()?;
        let tap = Tap::before(server.address()).unwrap();
        let login = server.place().operator.clone();
        let mut options = MqttOptions::new("listener", "127.0.0.1", server.place().port);
        options.set_credentials(login.name, login.password);
        options.set_clean_start(false).set_session_expiry_interval(Some(3_600));
        options.set_max_packet_size(Some(1024 * 1024));
        let (operator, mut events) = AsyncClient::new(options, 10);
        operator.subscribe("sayso/mailer/#", QoS::AtLeastOnce).await.unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let mut begun = Some(begun);
        let listening = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        ears.lock().unwrap().push(message);
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        begun.take().map(|begun| begun.send(()));
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        has_begun.await.unwrap();
        Some(Self { server, tap, operator, heard, listening })
    }

    fn sink(&self, password: &str) -> Arc<dyn Sink> {
        let settings = json!({
            "address": self.tap.address().to_string(),
            "tls": false,
            "allow_private": true,
            "timeout_ms": 1_500,
            "username": self.server.place().login.name,
        });
        let secrets = Secrets::from([("password".into(), Zeroizing::new(password.to_owned()))]);
        let told = Told { recipient: recipient(), ledger: LEDGER.into() };
        open("mqtt", &settings, &secrets, &told).unwrap()
    }

    /// Everything that says something, in the order in which it came.
    fn said(&self) -> Vec<Publish> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|message| !message.payload.is_empty()).cloned().collect()
    }
}

impl Rig for MqttRig {
    fn open(&self) -> Arc<dyn Sink> {
        self.sink(&self.server.place().login.password)
    }

    fn hands(&self) -> &dyn Hands {
        &self.server
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        Box::pin(async { fold(self.said().iter().map(|message| &message.payload)) })
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        let said = self.said();
        let bytes = said.iter().map(|message| {
            let properties = message.properties.as_ref().unwrap();
            assert_eq!(properties.content_type.as_deref(), Some("application/cloudevents+json"));
            let head = format!("{:?} {properties:?}", message.topic);
            [head.as_bytes(), &message.payload].concat()
        });
        Box::pin(std::future::ready(bytes.collect()))
    }

    fn wire(&self) -> Able<Vec<u8>> {
        Ok(self.tap.sent())
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(6)
    }

    fn poison(&self, good: Message) -> Able<Message> {
        // More than the broker takes.
        Ok(Message { body: [good.body, vec![b' '; 300 * 1024]].concat(), ..good })
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Ok(self.sink("wrong"))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        Box::pin(async { Err(Cannot("a topic need not be made")) })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        Box::pin(async {})
    }

    fn lose<'a>(&'a self, key: &'a str) -> Answer<'a, Able> {
        Box::pin(async move {
            let topic = format!("sayso/mailer/{key}");
            self.operator.publish(topic, QoS::AtLeastOnce, true, "").await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mqtt_does_what_every_sink_must() {
    let Some(rig) = MqttRig::new().await else { return };
    run(&rig).await;
}

/// Whoever comes later finds who left, for a while, and nothing else about them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_is_kept_as_a_word_that_ends() {
    let Some(rig) = MqttRig::new().await else { return };
    let secrets = sayso_ledger::Secrets::generate().unwrap();
    let person = crate::conformance::people::Person::new(&secrets, 1);
    let sink = rig.open();
    for told in [person.told(1, true), person.leaving(2)] {
        let outcomes = sink.deliver(Arc::new([told])).await;
        assert_eq!(outcomes, [sayso_ledger::sink::Outcome::Delivered]);
    }
    let mut options = MqttOptions::new("late", "127.0.0.1", rig.server.place().port);
    let login = rig.server.place().operator.clone();
    options.set_credentials(login.name, login.password);
    let (late, mut events) = AsyncClient::new(options, 10);
    late.subscribe("sayso/mailer/#", QoS::AtLeastOnce).await.unwrap();
    let mut kept = Vec::new();
    let listened = async {
        while let Ok(event) = events.poll().await {
            if let Event::Incoming(Packet::Publish(message)) = event {
                kept.push(message);
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), listened).await;
    let topics: Vec<_> = kept.iter().map(|message| message.topic.clone()).collect();
    assert_eq!(topics, [format!("sayso/mailer/{}/leaving", person.key())]);
    let ends = kept[0].properties.as_ref().unwrap().message_expiry_interval;
    assert!(ends.is_some_and(|ends| ends <= 30 * 24 * 3_600), "{ends:?}");
}
