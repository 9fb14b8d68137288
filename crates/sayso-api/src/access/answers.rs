//! The answers to many questions, written as they are given. Those of one kind and for one reason say
//! the same but for the grant that they rest on, and what is the same is put into words once.

use std::io::Write;

use sayso_consent::{Decision, Position, Reason};
use sayso_decision::{Brief, Question};

use crate::{
    Point,
    access::{
        ask::{self, Asked},
        finder::Finder,
        form::Answer,
    },
    problem::Problem,
};

/// How long an answer is, more or less.
const ANSWER_BYTES: usize = 320;
/// What comes right after the grant. No name in an answer has a quotation mark.
const BEHIND_GRANT: &str = r#","as_of":"#;

/// Answers in the making, as JSON.
pub(crate) struct Writing(Vec<u8>);

/// How a decision is put, before the grant that it rests on and behind it.
struct Words {
    reason: Reason,
    before: String,
    behind: String,
    /// How often it was said.
    count: u64,
}

impl Words {
    fn of(decision: Decision) -> serde_json::Result<Self> {
        let reason = decision.reason;
        let text = serde_json::to_string(&Answer::from(decision))?;
        let (before, behind) = text.split_at(text.find(BEHIND_GRANT).unwrap_or(text.len()));
        let (before, behind) = (before.to_owned(), behind.to_owned());
        Ok(Self { reason, before, behind, count: 0 })
    }
}

fn unwritten(_: impl std::error::Error) -> Problem {
    Problem::unavailable("the answer cannot be written")
}

impl Writing {
    /// None yet of so many.
    pub(crate) fn of(count: usize) -> Self {
        let mut bytes = Vec::with_capacity(count * ANSWER_BYTES);
        bytes.extend_from_slice(br#"{"evaluations":["#);
        Self(bytes)
    }

    /// Answers questions at one moment, and those that lack a field by saying which. Whether the
    /// last one is allowed.
    pub(crate) fn answer(
        &mut self,
        point: &Point,
        finder: &mut Finder<'_>,
        asked: &[Result<Asked<'_>, &'static str>],
    ) -> Result<bool, Problem> {
        let mut is_allowed = false;
        // Mostly nothing lacks anything, and all are heard together.
        for some in asked.chunk_by(|one, other| one.is_ok() && other.is_ok()) {
            is_allowed = match some {
                [Err(field)] => self.write(&Answer::missing(field)).map(|()| false)?,
                _ => self.answer_whole(point, finder, some.iter().flatten())?,
            };
        }
        Ok(is_allowed)
    }

    fn answer_whole<'q>(
        &mut self,
        point: &Point,
        finder: &mut Finder<'_>,
        asked: impl Iterator<Item = &'q Asked<'q>> + Clone,
    ) -> Result<bool, Problem> {
        let people = finder.find_each(asked.clone().map(|asked| &*asked.resource.id));
        let questions = asked.zip(people).map(|(asked, subject)| asked.about(subject));
        let questions: Vec<Question> = questions.collect();
        let at = point.clock.at();
        // Read before the state: the state is then at least as new as the lease says.
        let term = point.term(at);
        let hearing = point.snapshot.hear(&questions, at);
        let mut known = Vec::new();
        known.resize_with(hearing.kinds() * Reason::ALL.len(), || None);
        let mut is_allowed = false;
        for (question, (kind, brief)) in questions.iter().zip(hearing.briefs()) {
            let Some(Brief { reason, grant }) = brief else {
                let decision = ask::decide(point, question)?;
                is_allowed = decision.allow();
                self.write(&decision.into())?;
                continue;
            };
            let words = match &mut known[kind * Reason::ALL.len() + reason as usize] {
                Some(words) => words,
                none => {
                    let decision = term.bound(hearing.whole(kind, reason), at);
                    none.insert(Words::of(decision).map_err(unwritten)?)
                }
            };
            words.count += 1;
            is_allowed = words.reason.allows();
            self.say(words, grant.filter(|_| is_allowed)).map_err(unwritten)?;
        }
        for Words { reason, count, .. } in known.into_iter().flatten() {
            point.metrics.decided(reason, count);
        }
        Ok(is_allowed)
    }

    fn say(&mut self, words: &Words, grant: Option<Position>) -> std::io::Result<()> {
        self.separate();
        self.0.extend_from_slice(words.before.as_bytes());
        if let Some(grant) = grant {
            write!(self.0, r#","grant":"{grant}""#)?;
        }
        self.0.extend_from_slice(words.behind.as_bytes());
        Ok(())
    }

    /// Adds any other answer.
    pub(crate) fn write(&mut self, answer: &Answer) -> Result<(), Problem> {
        self.separate();
        serde_json::to_writer(&mut self.0, answer).map_err(unwritten)
    }

    /// All of them.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"]}");
        self.0
    }

    fn separate(&mut self) {
        if self.0.last() == Some(&b'}') {
            self.0.push(b',');
        }
    }
}

#[cfg(test)]
mod tests {
    use sayso_consent::{Timestamp, request::Obligation};

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
                as_of: Position::at(20),
                keep_until: Some(at(0)),
                obligations: vec![redact, delete],
                lease: at(1),
                until: Some(at(3)),
                ..no.clone()
            };
            [no, yes, Decision::deny(*reason, None)]
        });
        all.collect()
    }

    #[test]
    fn what_is_put_into_words_reads_as_if_each_was_written_alone() {
        let (mut writing, mut alone) = (Writing::of(0), Vec::new());
        let other = || Answer { decision: false, context: AnswerContext::default() };
        for decision in decisions() {
            let words = Words::of(decision.clone()).unwrap();
            for grant in [None, Some(Position::at(17)), Some(Position::at(u64::MAX))] {
                writing.say(&words, grant).unwrap();
                alone.push(Answer::from(Decision { grant, ..decision.clone() }));
            }
            writing.write(&other()).unwrap();
            alone.push(other());
        }
        let alone = serde_json::to_string(&Answers { evaluations: alone }).unwrap();
        assert_eq!(String::from_utf8(writing.into_bytes()).unwrap(), alone);
    }

    #[test]
    fn without_answers_the_list_is_empty() {
        assert_eq!(Writing::of(0).into_bytes(), br#"{"evaluations":[]}"#);
    }
}
