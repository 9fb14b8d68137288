//! The form of the person's page on its way into the ledger.

use std::sync::Arc;

use axum::{
    Form,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use sayso_consent::{
    Choice, Command, Position, SubjectId, choice::Authority, command::CHOICES_MAX,
};
use sayso_ledger::{Ledger, WriteError, writer::Refused};

use super::{
    Web,
    page::{visitor, watch_href},
    respond::see_other,
};
use crate::{
    portal::{LeftOut, ProblemKind},
    save::{Sent, Standing},
    session,
};

pub(super) async fn save(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let session = web.session(&headers);
    let Some((session, (subject, authority))) =
        session.and_then(|own| visitor(&own).map(|who| (own, who)))
    else {
        return web.gone(&headers);
    };
    let form_token =
        fields.iter().find(|(name, _)| name == "csrf").map(|(_, value)| value.as_str());
    if !session::is_ours(&session, form_token, &headers, &web.public_url) {
        return web.problem(StatusCode::FORBIDDEN, ProblemKind::BadForm, &headers);
    }
    let language = web.language(None, &headers);
    let Some(wanted) = wanted(&web, subject, &fields, authority, &language) else {
        return web.gone(&headers);
    };
    let saving = Saving { ledger: &web.ledger, subject, authority };
    match saving.save(wanted).await {
        Ok(Saved::Recorded(position, left_out)) => {
            see_other(&watch_href(&position.to_string(), left_out), None)
        }
        Ok(Saved::Unchanged(left_out)) => {
            see_other(&format!("{}#status", watch_href("unchanged", left_out)), None)
        }
        Ok(Saved::Refused) => web.problem(StatusCode::CONFLICT, ProblemKind::Refused, &headers),
        Err(WriteError::NotYetDurable) => see_other("/me?saved=held#status", None),
        Err(_) => web.problem(StatusCode::SERVICE_UNAVAILABLE, ProblemKind::Unavailable, &headers),
    }
}

/// What a form asks for.
#[derive(Default)]
struct Wanted {
    narrowing: Vec<Choice>,
    widening: Vec<Choice>,
    /// What it asked for besides.
    left_out: Option<LeftOut>,
}

/// The choices of a form; none at all if the person is not known any more.
fn wanted(
    web: &Web,
    subject: SubjectId,
    fields: &[(String, String)],
    authority: Authority,
    language: &str,
) -> Option<Wanted> {
    let snapshot = web.ledger.snapshot();
    let (in_force, state) = (snapshot.in_force()?, snapshot.subject(subject)?);
    let at = web.ledger.clock().at();
    let standing = Standing { in_force: &in_force, snapshot, subject, state: &state, at };
    if fields.iter().any(|(name, value)| name == "all" && value == "no") {
        return Some(Wanted { narrowing: standing.refuse_everything(), ..Wanted::default() });
    }
    let sent = Sent::read(fields);
    let narrowing = standing.narrowing(&sent);
    // A weak link may only narrow: what it ticks is left out, so that what it unticks is not lost.
    if authority == Authority::Weak {
        let left_out = sent.widens().then_some(LeftOut::Yes);
        return Some(Wanted { narrowing, left_out, ..Wanted::default() });
    }
    let left_out = match sent.widens() {
        true if !standing.is_of_today(&sent) => Some(LeftOut::Unread),
        true if standing.has_idle_sharing(&sent) => Some(LeftOut::Sharing),
        _ => None,
    };
    Some(Wanted { narrowing, widening: standing.widening(&sent, language), left_out })
}

/// What became of a form.
enum Saved {
    /// It was recorded, here.
    Recorded(Position, Option<LeftOut>),
    /// It said nothing new.
    Unchanged(Option<LeftOut>),
    /// The rules refuse it.
    Refused,
}

/// A person's form on its way into the ledger.
struct Saving<'a> {
    ledger: &'a Ledger,
    subject: SubjectId,
    authority: Authority,
}

impl Saving<'_> {
    /// Records it all in one entry. If that is refused, each no is recorded without the yes that
    /// came with it: nobody is kept from taking something back by what else they asked for.
    async fn save(&self, wanted: Wanted) -> Result<Saved, WriteError> {
        let Wanted { narrowing, widening, left_out } = wanted;
        if narrowing.is_empty() && widening.is_empty() {
            return Ok(Saved::Unchanged(left_out));
        }
        let all = [narrowing.clone(), widening.clone()].concat();
        match self.choose(all).await? {
            Ok(position) => Ok(Saved::of(position, left_out)),
            Err(_) if narrowing.is_empty() => Ok(Saved::Refused),
            Err(_) => {
                let left_out = if widening.is_empty() { left_out } else { Some(LeftOut::Refused) };
                let denied = self.deny(&narrowing).await?;
                Ok(denied.map_or(Saved::Refused, |position| Saved::of(position, left_out)))
            }
        }
    }

    /// Records denials, in as many entries as they need. One that cannot be recorded does not keep
    /// the others from it; the last word is that of the first that failed.
    async fn deny(
        &self,
        choices: &[Choice],
    ) -> Result<Result<Option<Position>, Refused>, WriteError> {
        let mut last = Ok(None);
        let mut failed = None;
        for part in choices.chunks(CHOICES_MAX) {
            match self.choose(part.to_vec()).await {
                Ok(Ok(position)) => last = last.map(|last| position.or(last)),
                Ok(Err(refusal)) => last = Err(refusal),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(last), Err)
    }

    /// Records choices in one entry; its place, if it says anything new.
    async fn choose(
        &self,
        choices: Vec<Choice>,
    ) -> Result<Result<Option<Position>, Refused>, WriteError> {
        let command = Command::Choose { subject: self.subject, choices, authority: self.authority };
        let written = self.ledger.command(command, "portal").await?;
        Ok(written.map(|written| written.is_new.then_some(written.position)))
    }
}

impl Saved {
    fn of(position: Option<Position>, left_out: Option<LeftOut>) -> Self {
        match position {
            Some(position) => Self::Recorded(position, left_out),
            None => Self::Unchanged(left_out),
        }
    }
}
