//! Many messages in one request, and what became of each.

use bytes::Bytes;
use sayso_ledger::sink::{Message, Outcome};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    Webhook,
    outcome::{Sent, Why},
};
use crate::results::{Said, by_message};

/// How much of an answer is read beside what it may say of each message.
const ANSWER_BYTES_MAX: usize = 4_096;
/// How much an answer may say of one message.
const RESULT_BYTES_MAX: usize = 512;

/// What a receiver may say of a batch that it took. More may stand beside it and is not looked at.
#[derive(Deserialize)]
struct Answer {
    results: Vec<Said>,
}

impl Webhook {
    /// Sends a batch. If it is refused, its messages go one by one: what is wrong with one of them
    /// must not stop the others.
    pub(super) async fn deliver_batch(&self, messages: &[Message]) -> Vec<Outcome> {
        let (sent, outcomes) = self.attempt(messages).await;
        let is_refused = matches!(sent, Sent::Refused { why: Why::Status(_) });
        if !is_refused || messages.len() < 2 {
            return outcomes;
        }
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            let (sent, mut own) = self.attempt(std::slice::from_ref(message)).await;
            outcomes.append(&mut own);
            // With nobody there any more, each of the others would wait for its own time-out.
            if matches!(sent, Sent::Retry { .. }) {
                break;
            }
        }
        let left = messages.len().saturating_sub(outcomes.len());
        let last = outcomes.last().cloned().unwrap_or_else(|| Outcome::again("no_answer"));
        outcomes.extend(std::iter::repeat_n(last, left));
        outcomes
    }

    async fn attempt(&self, messages: &[Message]) -> (Sent, Vec<Outcome>) {
        let at = messages.iter().map(|message| message.at).max().unwrap_or_default();
        let bytes_max = ANSWER_BYTES_MAX + RESULT_BYTES_MAX * messages.len();
        let id = batch_id(messages);
        let (sent, answer) = self.send_batch(&id, body(messages), at.0 / 1000, bytes_max).await;
        let outcomes = match (sent, answer) {
            (Sent::Delivered, Some(answer)) => results(messages, &answer),
            _ => vec![sent.into(); messages.len()],
        };
        (sent, outcomes)
    }
}

/// A JSON array of the messages as they are.
fn body(messages: &[Message]) -> Bytes {
    let bodies: Vec<&[u8]> = messages.iter().map(|message| &*message.body).collect();
    [b"[", &*bodies.join(&b","[..]), b"]"].concat().into()
}

/// Names a batch: the same messages have the same name when they are sent again.
fn batch_id(messages: &[Message]) -> String {
    let mut digest = Sha256::new();
    for message in messages {
        digest.update(&message.key);
        digest.update(message.position.to_string());
        digest.update(message.at.0.to_be_bytes());
    }
    let digest = digest.finalize();
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("batch_{hex}")
}

/// What the answer says of each message. Of whatever it does not speak, the status did.
fn results(messages: &[Message], answer: &[u8]) -> Vec<Outcome> {
    let answer = serde_json::from_slice(answer).unwrap_or(Answer { results: Vec::new() });
    by_message(messages, answer.results, &Outcome::Delivered)
}
