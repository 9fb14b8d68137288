//! `GET /v1/audience`: whose data may be used, as a stream.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::IntoResponse,
};
use sayso_consent::{Id, Request, SubjectId, event::Grade};
use sayso_decision::audience::Roll;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{App, address::Query, auth::Principal, problem::Problem};

/// How many people are looked for at a time.
const STEP: usize = 1_000;

/// Whose data is asked for.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct AudienceQuery {
    /// Who wants to use it; a key that is bound to a recipient need not say.
    #[param(value_type = Option<String>)]
    recipient: Option<Id>,
    /// What for.
    #[param(value_type = String, example = "marketing.offers")]
    purpose: Id,
    /// Which category of data.
    #[param(value_type = String, example = "contact.email")]
    data: Id,
    /// How people would be reached.
    #[param(value_type = Option<String>, example = "email")]
    channel: Option<Id>,
}

impl AudienceQuery {
    /// The request about each of them, if the key may make it.
    pub(crate) fn request(self, principal: &Principal) -> Result<Request, Problem> {
        principal.require(Grade::Decide)?;
        let missing = || Problem::bad_request("invalid_query", "missing field `recipient`");
        let Self { recipient, purpose, data, channel } = self;
        let recipient = recipient.or_else(|| principal.recipient().cloned()).ok_or_else(missing)?;
        principal.speak_for(recipient.as_str())?;
        Ok(Request { subject: None, data, purpose, recipient, channel, device: None })
    }
}

/// Where the list goes on.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct ResumeQuery {
    /// The `resume` of the last line that was read.
    #[param(value_type = Option<String>)]
    after: Option<String>,
}

/// One line of the stream.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Line {
    /// A subject id, or the identifier of the recipient that asked.
    id: String,
    /// Send it as `after` to go on behind this line.
    resume: String,
}

/// Whose data may be used: one JSON object a line, in the order of subject ids. A key that is
/// bound to a recipient gets that recipient's own identifiers.
#[utoipa::path(get, path = "/v1/audience", operation_id = "list_audience", tag = "audience", params(AudienceQuery, ResumeQuery),
    responses(
        (status = 200, description = "The people.", body = Line, content_type = "application/x-ndjson"),
        (status = 400, description = "The query is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "The key speaks for another recipient.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Query(query): Query<AudienceQuery>,
    Query(resume): Query<ResumeQuery>,
) -> Result<impl IntoResponse, Problem> {
    let request = query.request(&principal)?;
    let invalid =
        || Problem::bad_request("invalid_query", "`after` is not a `resume` of this audience");
    let after = resume.after.as_deref().map(|place| principal.person_at(&app, place));
    let after = after.map(|after| after.ok_or_else(invalid)).transpose()?;
    let from = SubjectId(after.map_or(0, |after| after.0.saturating_add(1)));
    let as_of = app.ledger.snapshot().head();
    // The roll is begun where it may take its time, and goes from step to step.
    let stream = futures_util::stream::unfold(Some(None), move |roll: Option<Option<Roll>>| {
        let (app, principal, request) = (Arc::clone(&app), principal.clone(), request.clone());
        async move {
            let roll = roll?;
            let step = tokio::task::spawn_blocking(move || {
                let snapshot = app.ledger.snapshot();
                let mut roll = roll.unwrap_or_else(|| snapshot.roll(request, from, app.at()));
                let audience = snapshot.call(&mut roll, STEP, app.at());
                let lines = lines(&app, &principal, &audience.subjects);
                // A key that was withdrawn since reads no further.
                principal.is_good(&app).then_some((lines, audience.next.map(|_| Some(roll))))
            });
            let (bytes, next) = step.await.ok()??;
            Some((Ok::<Bytes, Infallible>(bytes.into()), next))
        }
    });
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson".to_owned())];
    let as_of = [("sayso-as-of", as_of.to_string())];
    Ok((headers, as_of, Body::from_stream(stream)))
}

fn lines(app: &App, principal: &Principal, subjects: &[SubjectId]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for subject in subjects {
        for id in names(app, principal, &[*subject]).unwrap_or_default() {
            let Ok(resume) = principal.place(app, *subject) else { return bytes };
            let line = Line { id, resume };
            bytes.extend(serde_json::to_vec(&line).unwrap_or_default());
            bytes.push(b'\n');
        }
    }
    bytes
}

/// What an asker calls people: subject ids, or for a key that is bound to a recipient that
/// recipient's own identifiers. Somebody it has no name for is left out: it could not reach them.
pub(crate) fn names(
    app: &App,
    principal: &Principal,
    subjects: &[SubjectId],
) -> Result<Vec<String>, Problem> {
    let Some(recipient) = principal.recipient() else {
        return Ok(subjects.iter().map(ToString::to_string).collect());
    };
    let in_force = app.ledger.snapshot().in_force();
    let namespace =
        in_force.and_then(|now| now.catalog.recipients.get(recipient)?.namespace.clone());
    let Some(namespace) = namespace else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for subject in subjects {
        names.extend(app.ledger.identifiers(*subject, Some(&namespace))?);
    }
    Ok(names)
}
