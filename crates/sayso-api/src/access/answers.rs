//! The answers to many questions, written as they are given. Most say the same as one before but for
//! the grant that they rest on, and what is the same is put into words once.

use std::io::Write;

use sayso_consent::Decision;

use crate::access::form::Answer;

/// How many answers that differ are remembered.
const REMEMBERED: usize = 16;
/// How long an answer is, more or less.
const ANSWER_BYTES: usize = 320;
/// What comes right after the grant. No name in an answer has a quotation mark.
const BEHIND_GRANT: &str = r#","as_of":"#;

/// Answers in the making, as JSON.
pub(crate) struct Writing {
    bytes: Vec<u8>,
    remembered: Vec<Words>,
    next: usize,
}

/// A decision without its grant, and how it is put: before the grant and behind it.
struct Words {
    decision: Decision,
    before: String,
    behind: String,
}

impl Writing {
    /// None yet of so many.
    pub(crate) fn of(count: usize) -> Self {
        let mut bytes = Vec::with_capacity(count * ANSWER_BYTES);
        bytes.extend_from_slice(br#"{"evaluations":["#);
        Self { bytes, remembered: Vec::new(), next: 0 }
    }

    /// Adds a decision.
    pub(crate) fn decided(&mut self, mut decision: Decision) -> serde_json::Result<()> {
        let grant = decision.grant.take();
        let place = match self.remembered.iter().position(|words| words.decision == decision) {
            Some(place) => place,
            None => self.remember(decision)?,
        };
        self.separate();
        let Words { before, behind, .. } = &self.remembered[place];
        self.bytes.extend_from_slice(before.as_bytes());
        if let Some(grant) = grant {
            write!(self.bytes, r#","grant":"{grant}""#).map_err(serde_json::Error::io)?;
        }
        self.bytes.extend_from_slice(behind.as_bytes());
        Ok(())
    }

    /// Adds any other answer.
    pub(crate) fn answered(&mut self, answer: &Answer) -> serde_json::Result<()> {
        self.separate();
        serde_json::to_writer(&mut self.bytes, answer)
    }

    /// All of them.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(b"]}");
        self.bytes
    }

    fn separate(&mut self) {
        if self.bytes.last() == Some(&b'}') {
            self.bytes.push(b',');
        }
    }

    /// The newest takes the place of the oldest: time goes on, and with it the lease.
    fn remember(&mut self, decision: Decision) -> serde_json::Result<usize> {
        let text = serde_json::to_string(&Answer::from(decision.clone()))?;
        let (before, behind) = text.split_at(text.find(BEHIND_GRANT).unwrap_or(text.len()));
        let words = Words { decision, before: before.to_owned(), behind: behind.to_owned() };
        let place = self.next;
        match self.remembered.get_mut(place) {
            Some(oldest) => *oldest = words,
            None => self.remembered.push(words),
        }
        self.next = (place + 1) % REMEMBERED;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use sayso_consent::{Position, Reason, Timestamp, request::Obligation};

    use super::*;
    use crate::access::{evaluations::Answers, form::AnswerContext};

    fn decisions() -> Vec<Decision> {
        let activity = "offers".parse().unwrap();
        let all = Reason::ALL.iter().flat_map(|reason| {
            let no = Decision::deny(*reason, Some(&activity));
            let at = |ms: i64| Timestamp(1_772_000_000_000 + ms);
            let delete = Obligation::DeleteBy { at: at(0) };
            let redact = Obligation::Redact { fields: vec![r#""as_of":"#.to_owned()] };
            let yes = Decision {
                grant: Some(Position::at(17)),
                as_of: Position::at(20),
                keep_until: Some(at(0)),
                obligations: vec![redact, delete],
                lease: at(1),
                ..no.clone()
            };
            let later = Decision { lease: at(2), until: Some(at(3)), ..yes.clone() };
            let other = Decision { grant: Some(Position::at(18)), ..yes.clone() };
            [no, yes, later, other, Decision::deny(*reason, None)]
        });
        all.collect()
    }

    /// More different ones than are remembered, and each twice.
    #[test]
    fn what_is_remembered_reads_as_if_each_was_written_alone() {
        let mut all = decisions();
        all.extend(decisions());
        for count in [0, 1, all.len()] {
            let mut writing = Writing::of(count);
            for decision in &all[..count] {
                writing.decided(decision.clone()).unwrap();
            }
            let evaluations = all[..count].iter().cloned().map(Answer::from).collect();
            let alone = serde_json::to_string(&Answers { evaluations }).unwrap();
            assert_eq!(String::from_utf8(writing.into_bytes()).unwrap(), alone);
        }
    }

    #[test]
    fn other_answers_stand_between_decisions() {
        let answer = || Answer { decision: false, context: AnswerContext::default() };
        let mut writing = Writing::of(3);
        writing.answered(&answer()).unwrap();
        writing.decided(decisions().remove(0)).unwrap();
        writing.answered(&answer()).unwrap();
        let evaluations = vec![answer(), decisions().remove(0).into(), answer()];
        let alone = serde_json::to_string(&Answers { evaluations }).unwrap();
        assert_eq!(String::from_utf8(writing.into_bytes()).unwrap(), alone);
    }
}
