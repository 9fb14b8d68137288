//! What a receiver says of each message of a batch: `{"id": …, "status": …, "detail": …}`.

use std::collections::HashMap;

use sayso_ledger::sink::{Message, Outcome};
use serde::Deserialize;

/// Longest number and longest word of a detail, in bytes.
const DETAIL_PART_BYTES_MAX: usize = 20;

/// What is said of one message.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    id: String,
    status: Status,
    detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Applied,
    Again,
    Refused,
    /// Whatever else it says, it has it.
    #[serde(other)]
    Received,
}

impl From<Said> for Outcome {
    fn from(said: Said) -> Self {
        match said.status {
            Status::Applied => Self::Applied { detail: said.detail.filter(|own| is_count(own)) },
            Status::Received => Self::Delivered,
            Status::Again => Self::again("receiver_again"),
            Status::Refused => Self::Refused { why: "receiver_refused".into() },
        }
    }
}

/// Whether it is a count such as `2 rows`: what a receiver says is repeated only if it cannot be
/// about anybody.
fn is_count(detail: &str) -> bool {
    let Some((number, word)) = detail.split_once(' ') else { return false };
    let is_fit = |part: &str| (1..=DETAIL_PART_BYTES_MAX).contains(&part.len());
    is_fit(number)
        && is_fit(word)
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// What is said of each of these messages, in their order; `unsaid` of whatever nothing is said.
/// Messages of one name are taken in their order.
pub(crate) fn by_message(
    messages: &[Message],
    said: impl IntoIterator<Item = Said>,
    unsaid: &Outcome,
) -> Vec<Outcome> {
    let mut outcomes = vec![unsaid.clone(); messages.len()];
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, message) in messages.iter().enumerate().rev() {
        places.entry(&message.id).or_default().push(place);
    }
    for said in said {
        let place = places.get_mut(said.id.as_str()).and_then(Vec::pop);
        if let Some(outcome) = place.and_then(|place| outcomes.get_mut(place)) {
            *outcome = said.into();
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_counts_are_repeated() {
        for (detail, is_repeated) in [
            ("2 rows", true),
            ("0 files", true),
            ("ana@example.org", false),
            ("2 ana@example.org", false),
            ("2 Rows", false),
            ("2  rows", false),
            ("-2 rows", false),
            ("2 ", false),
            ("123456789012345678901 rows", false),
        ] {
            assert_eq!(is_count(detail), is_repeated, "{detail}");
        }
    }
}
