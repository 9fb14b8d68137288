//! The webhook and a receiver that does what the guide says, one by one and in batches.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use sayso_ledger::{
    deliver::range,
    sink::{Answer, Kept, Message as Told, Pace, Sink},
};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{
    receiver::{Heard, Receiver, hear},
    *,
};
use crate::conformance::{
    self,
    rig::{Able, Hands, Rig, fold},
};

/// The longest message that the receiver takes.
const BODY_BYTES_MAX: usize = 100_000;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Good,
    Away,
    Silent,
    Closed,
    Bare,
}

#[derive(Default)]
struct State {
    mood: Mood,
    taken: Vec<Vec<u8>>,
    lost: Vec<String>,
    wire: Vec<u8>,
}

struct Room {
    receiver: Receiver,
    state: Arc<Mutex<State>>,
    batch_max: usize,
}

impl Room {
    async fn new(batch_max: usize) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let own = Arc::clone(&state);
        let receiver = Receiver::serving(move |mut stream, _| {
            let state = Arc::clone(&own);
            async move {
                while let Some(request) = hear(&mut stream).await {
                    let mood = state.lock().unwrap().mood;
                    if mood == Mood::Away {
                        return;
                    }
                    if mood == Mood::Silent {
                        std::future::pending::<()>().await;
                    }
                    let (status, answer) = answer(&state, mood, &request);
                    let length = answer.len();
                    let text =
                        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{answer}");
                    if stream.write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await;
        Self { receiver, state, batch_max }
    }

    fn set(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    fn sink(&self, secret: &str) -> Arc<dyn Sink> {
        let config = WebhookConfig {
            secret: secret.parse().unwrap(),
            timeout_ms: 1_000,
            // Only the shared secret is the receiver's way to know us here.
            ..local(&self.receiver.url())
        };
        let options = Options {
            pace: Pace { batch_max: self.batch_max, ..Pace::default() },
            read_back_url: Some(format!("http://{}/read", self.receiver.address)),
            ..Options::default()
        };
        Arc::new(Webhook::new(config).unwrap().with(options).unwrap())
    }

    fn kept(&self) -> Vec<Kept> {
        kept(&self.state.lock().unwrap())
    }
}

fn kept(state: &State) -> Vec<Kept> {
    let mut kept = fold(&state.taken);
    kept.retain(|kept| !state.lost.contains(&kept.key));
    kept
}

fn answer(state: &Mutex<State>, mood: Mood, request: &Heard) -> (u16, String) {
    let verifier = Verifier { secrets: vec![SECRET.parse().unwrap()], keys: vec![] };
    let message = Message {
        id: request.header("webhook-id"),
        timestamp: request.header("webhook-timestamp"),
        body: &request.body,
    };
    let mut state = state.lock().unwrap();
    state.wire.extend_from_slice(&request.body);
    // The messages of the suite were composed at moments of their own.
    let at = request.header("webhook-timestamp").parse().unwrap();
    match mood {
        Mood::Closed => return (401, String::new()),
        Mood::Bare => return (404, String::new()),
        _ if verifier.verify(&message, request.header("webhook-signature"), at).is_err() => {
            return (401, "who is ana@example.org?".into());
        }
        _ => {}
    }
    if request.line.contains("/read") {
        return (200, read(&state, &request.body));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let is_batch = request.header("content-type").contains("batch");
    let events = if is_batch { body.as_array().unwrap().clone() } else { vec![body] };
    let mut results = Vec::new();
    for event in events {
        let bytes = event.to_string().into_bytes();
        // A batch has more room than each of its messages.
        let is_long = bytes.len() > BODY_BYTES_MAX;
        if is_long && !is_batch {
            return (413, String::new());
        }
        let status = if is_long { "refused" } else { "applied" };
        results.push(json!({ "id": event["id"], "status": status }));
        if !is_long && event["type"] == "sayso.permissions.v1" {
            let key = event["data"]["key"].as_str().unwrap().to_owned();
            state.lost.retain(|lost| *lost != key);
            state.taken.push(bytes);
        }
    }
    (200, json!({ "results": results }).to_string())
}

fn read(state: &State, body: &[u8]) -> String {
    let question: Value = serde_json::from_slice(body).unwrap();
    let mut kept = kept(state);
    if question["ask"] == "people" {
        kept.retain(|kept| u64::from(range(&kept.key)) == question["range"]);
        let people = kept.iter().map(|kept| {
            let Kept { key, position, names, marks } = kept;
            json!({ "key": key, "position": position, "names": names, "marks": marks.to_string() })
        });
        return json!({ "people": people.collect::<Vec<_>>() }).to_string();
    }
    let mut sums = std::collections::BTreeMap::<u16, (u64, u64, u64)>::new();
    for kept in kept {
        let sum = sums.entry(range(&kept.key)).or_default();
        *sum = (sum.0 + 1, sum.1 + kept.names, sum.2.wrapping_add(kept.marks));
    }
    let sums = sums.into_iter().map(|(range, (people, names, marks))| {
        json!({ "range": range, "people": people, "names": names, "marks": marks.to_string() })
    });
    json!({ "sums": sums.collect::<Vec<_>>() }).to_string()
}

impl Hands for Room {
    fn break_off(&self) -> Answer<'_, Able> {
        self.set(Mood::Away);
        Box::pin(async { Ok(()) })
    }

    fn mend(&self) -> Answer<'_, ()> {
        Box::pin(async { self.set(Mood::Good) })
    }

    fn stall(&self) -> Answer<'_, Able> {
        self.set(Mood::Silent);
        Box::pin(async { Ok(()) })
    }

    fn wake(&self) -> Answer<'_, ()> {
        self.mend()
    }

    fn revoke(&self) -> Answer<'_, Able> {
        self.set(Mood::Closed);
        Box::pin(async { Ok(()) })
    }

    fn admit(&self) -> Answer<'_, ()> {
        self.mend()
    }
}

impl Rig for Room {
    fn open(&self) -> Arc<dyn Sink> {
        self.sink(SECRET)
    }

    fn hands(&self) -> &dyn Hands {
        self
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        Box::pin(async { self.kept() })
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        Box::pin(async { self.state.lock().unwrap().taken.clone() })
    }

    fn wire(&self) -> Able<Vec<u8>> {
        Ok(self.state.lock().unwrap().wire.clone())
    }

    fn backfill(&self) -> usize {
        500
    }

    fn poison(&self, good: Told) -> Able<Told> {
        let mut event: Value = serde_json::from_slice(&good.body).unwrap();
        event["padding"] = " ".repeat(BODY_BYTES_MAX).into();
        Ok(Told { body: event.to_string().into_bytes(), ..good })
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Ok(self.sink("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        self.set(Mood::Bare);
        Box::pin(async { Ok(()) })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        self.mend()
    }

    fn lose<'a>(&'a self, key: &'a str) -> Answer<'a, Able> {
        Box::pin(async move {
            self.state.lock().unwrap().lost.push(key.to_owned());
            Ok(())
        })
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(8)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_of_single_messages_keeps_every_rule() {
    conformance::run::run(&Room::new(1).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_of_batches_keeps_every_rule() {
    conformance::run::run(&Room::new(25).await).await;
}

#[tokio::test]
async fn a_receiver_that_answers_questions_otherwise_is_not_believed() {
    for answer in [
        "",
        "ana@example.org",
        "{}",
        r#"{"sums":[{"range":5,"people":1,"names":1}]}"#,
        r#"{"sums":[{"range":5,"people":1,"names":1,"marks":7}]}"#,
        r#"{"sums":[{"range":5,"people":1,"names":1,"marks":"+7"}]}"#,
        r#"{"sums":[{"range":4096,"people":1,"names":1,"marks":"7"}]}"#,
        r#"{"sums":[{"range":5,"people":-1,"names":1,"marks":"7"}]}"#,
        r#"{"sums":[],"more":"ana@example.org"}"#,
        r#"{"people":[{"key":"ana@example.org","position":null,"names":1,"marks":"7"}]}"#,
        r#"{"people":[{"key":"00500000000000000000000000000000","position":"x","names":1,"marks":"7"}]}"#,
        r#"{"people":[{"key":"00600000000000000000000000000000","position":"0-1","names":1,"marks":"7"}]}"#,
    ] {
        let receiver = Receiver::answering(&format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        ))
        .await;
        let url = Some(receiver.url());
        let options = Options { read_back_url: url, ..Options::default() };
        let webhook = Webhook::new(local(&receiver.url())).unwrap().with(options).unwrap();
        let mirror = Sink::mirror(&webhook).unwrap();
        assert_eq!(mirror.sums().await.unwrap_err().0, "unreadable", "{answer}");
        assert_eq!(
            mirror.people(&BTreeSet::from([5])).await.unwrap_err().0,
            "unreadable",
            "{answer}"
        );
    }
    assert!(Webhook::new(local("http://127.0.0.1:9/")).unwrap().mirror().is_none());
}
