//! Many messages in one request.

use sayso_ledger::{
    Secrets,
    sink::{Message as Told, Outcome, Pace, Sink},
};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::{
    receiver::{Receiver, hear},
    *,
};
use crate::conformance::people::Person;

fn batching(url: &str) -> Webhook {
    let pace = Pace { batch_max: 10, ..Pace::default() };
    Webhook::new(local(url)).unwrap().with(Options { pace, ..Options::default() }).unwrap()
}

fn told(count: u64) -> Vec<Told> {
    let secrets = Secrets::generate().unwrap();
    (1..=count).map(|number| Person::new(&secrets, number).told(number, true)).collect()
}

async fn answering(status: u16, answer: &str) -> Receiver {
    let length = answer.len();
    Receiver::answering(&format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{answer}"))
        .await
}

async fn deliver(webhook: &Webhook, told: &[Told]) -> Vec<Outcome> {
    webhook.deliver(told.into()).await
}

#[tokio::test]
async fn a_batch_is_an_array_of_the_messages_as_they_are_under_one_signature() {
    let receiver = Receiver::status(200).await;
    let told = told(3);
    assert_eq!(deliver(&batching(&receiver.url()), &told).await, vec![Outcome::Delivered; 3]);
    let heard = receiver.heard();
    let [request] = &heard[..] else { panic!("{} requests", heard.len()) };
    let kind = "application/cloudevents-batch+json; charset=utf-8";
    assert_eq!(request.header("content-type"), kind);
    let expected: Vec<Value> =
        told.iter().map(|told| serde_json::from_slice(&told.body).unwrap()).collect();
    assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), Value::from(expected));
    let message = Message {
        id: request.header("webhook-id"),
        timestamp: request.header("webhook-timestamp"),
        body: &request.body,
    };
    let verifier = Verifier { secrets: vec![SECRET.parse().unwrap()], keys: vec![] };
    let at = told[2].at.0 / 1000;
    assert_eq!(verifier.verify(&message, request.header("webhook-signature"), at), Ok(()));
    // The same again has the same name, another batch has another.
    let webhook = batching(&receiver.url());
    deliver(&webhook, &told).await;
    deliver(&webhook, &told[..2]).await;
    let ids: Vec<String> =
        receiver.heard().iter().map(|heard| heard.header("webhook-id").to_owned()).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test]
async fn an_answer_may_speak_of_each_message() {
    let told = told(4);
    let said = |place: usize, status: &str| {
        format!(r#"{{"id":"{}","status":"{status}","more":1}}"#, told[place].id)
    };
    let results = [said(3, "refused"), said(0, "applied"), said(1, "again"), said(3, "applied")];
    let answer = format!(r#"{{"more":1,"results":[{}]}}"#, results.join(","));
    let receiver = answering(200, &answer).await;
    let outcomes = deliver(&batching(&receiver.url()), &told).await;
    let expected = [
        Outcome::Applied { detail: None },
        Outcome::again("receiver_again"),
        Outcome::Delivered,
        Outcome::Refused { why: "receiver_refused".into() },
    ];
    assert_eq!(outcomes, expected);
}

#[tokio::test]
async fn results_of_messages_of_one_name_are_taken_in_order() {
    let secrets = Secrets::generate().unwrap();
    let told: Vec<Told> =
        (1..=2).map(|number| Person::new(&secrets, number).told(5, true)).collect();
    let said = |status: &str| format!(r#"{{"id":"{}","status":"{status}"}}"#, told[0].id);
    let answer = format!(r#"{{"results":[{},{}]}}"#, said("applied"), said("again"));
    let receiver = answering(200, &answer).await;
    let outcomes = deliver(&batching(&receiver.url()), &told).await;
    assert_eq!(outcomes, [Outcome::Applied { detail: None }, Outcome::again("receiver_again")]);
}

#[tokio::test]
async fn any_other_answer_leaves_it_to_the_status() {
    let long = format!(r#"{{"results":[],"x":"{}"}}"#, "x".repeat(1 << 20));
    for (status, answer, expected) in [
        (200, "ok", Outcome::Delivered),
        (200, r#"{"results":[{"id":"x","status":"refused"}]}"#, Outcome::Delivered),
        (200, r#"{"results":7}"#, Outcome::Delivered),
        (204, "", Outcome::Delivered),
        (200, &long, Outcome::Delivered),
        (503, r#"{"results":[]}"#, Outcome::again("http_503")),
        (401, "", Outcome::again("credentials")),
    ] {
        let receiver = answering(status, answer).await;
        let outcomes = deliver(&batching(&receiver.url()), &told(2)).await;
        assert_eq!(outcomes, [expected.clone(), expected]);
        assert_eq!(receiver.heard().len(), 1, "one attempt, whatever the answer");
    }
}

/// Refuses a request that holds a text, and says `503` from a request on.
async fn picky(text: &'static str, away_after: usize) -> Receiver {
    Receiver::serving(move |mut stream, heard| async move {
        while let Some(request) = hear(&mut stream).await {
            let is_refused = String::from_utf8_lossy(&request.body).contains(text);
            let count = {
                let mut heard = heard.lock().unwrap();
                heard.push(request);
                heard.len()
            };
            let status = match is_refused {
                _ if count > away_after => 503,
                true => 422,
                false => 200,
            };
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn a_batch_that_is_refused_goes_one_by_one() {
    let told = told(4);
    let receiver = picky("person-2-", 99).await;
    let outcomes = deliver(&batching(&receiver.url()), &told).await;
    let refused = Outcome::Refused { why: "http_422".into() };
    let taken = Outcome::Delivered;
    assert_eq!(outcomes, [taken.clone(), refused, taken.clone(), taken]);
    assert_eq!(receiver.heard().len(), 5);
    // Once nobody is there any more the others do not wait for it each on its own.
    let receiver = picky("person-2-", 2).await;
    let outcomes = deliver(&batching(&receiver.url()), &told).await;
    let again = Outcome::again("http_503");
    assert_eq!(outcomes, [Outcome::Delivered, again.clone(), again.clone(), again]);
    assert_eq!(receiver.heard().len(), 3);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_attempt_that_failed() {
    let receiver =
        Receiver::answering("HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n{\"results\":").await;
    let config = WebhookConfig { timeout_ms: 300, ..local(&receiver.url()) };
    let pace = Pace { batch_max: 10, ..Pace::default() };
    let webhook = Webhook::new(config).unwrap().with(Options { pace, ..Options::default() });
    let outcomes = deliver(&webhook.unwrap(), &told(2)).await;
    assert_eq!(outcomes, vec![Outcome::again("timeout"); 2]);
}
