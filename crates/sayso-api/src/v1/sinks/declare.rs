//! Declaring how a recipient is told; looking at the system before that; and new secrets.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use sayso_consent::{
    Command, Id,
    event::Grade,
    sink::{Declared, SinkState},
};
use sayso_ledger::{
    deliver::declare::{self, Unusable, WATCH_SECONDS, Wish},
    keys::random,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::{
    App, address::Path, auth::Principal, body::Body, dto::WrittenBody, problem::Problem, v1::write,
};

/// How long the secret before stays valid unless said otherwise, in hours.
const OVERLAP_HOURS: u32 = 24;

/// How a recipient is to be told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclareBody {
    /// Which kind of sink; `GET /v1/sink-kinds` lists them.
    #[schema(example = "webhook")]
    kind: String,
    /// What may be shown of it.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"url": "https://mailer.example/hook"}))]
    settings: Value,
    /// What may not: sealed, and never shown again. What is not given stays as it was.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    secrets: BTreeMap<String, String>,
    /// How often the canary is changed and the system read back, in seconds; 300 unless said.
    #[serde(default = "watch_seconds")]
    watch_seconds: u32,
    /// The name of the canary, as `namespace:value`.
    #[serde(default)]
    canary: Option<String>,
    /// Look at the system and record nothing.
    #[serde(default)]
    dry_run: bool,
    /// Record it although the system cannot be looked at now.
    #[serde(default)]
    unchecked: bool,
}

fn watch_seconds() -> u32 {
    WATCH_SECONDS
}

/// What was found and done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeclaredBody {
    /// What was seen of the system.
    findings: Vec<String>,
    /// Whether it was recorded.
    recorded: bool,
    /// Where it stands on the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
}

/// Declares how a recipient is told, or declares it anew. The system is looked at first; everybody
/// it knows is then told, which goes on behind the answer.
#[utoipa::path(put, path = "/v1/sinks/{recipient}", operation_id = "declare_sink", tag = "sinks",
    params(("recipient" = String, Path, description = "Who is told.")), request_body = DeclareBody,
    responses(
        (status = 200, description = "Recorded, or looked at.", body = DeclaredBody),
        (status = 400, description = "A setting cannot be used.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "It takes the role `administer`.", body = Problem),
        (status = 422, description = "The system cannot be used as it is, or the catalog has no such recipient.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(recipient): Path<String>,
    Body(body, _): Body<DeclareBody>,
) -> Result<Json<DeclaredBody>, Problem> {
    principal.require(Grade::Administer)?;
    let recipient = parse(&recipient)?;
    let (dry_run, unchecked) = (body.dry_run, body.unchecked);
    if let Some(canary) = &body.canary {
        write::identifier(&app, canary)?;
    }
    let declared = declared(&app, &recipient, body)?;
    let findings = match look(&app, &recipient, &declared).await {
        Err(Unusable::Trouble(why)) if unchecked => vec![format!("not checked: {why}")],
        found => found?,
    };
    if dry_run {
        return Ok(Json(DeclaredBody { findings, recorded: false, position: None }));
    }
    let command = Command::DeclareSink { recipient, declared: Box::new(declared) };
    let written = write::submit(&app, &principal, None, command).await?;
    let position = Some(written.position.to_string());
    Ok(Json(DeclaredBody { findings, recorded: true, position }))
}

pub(super) fn parse(recipient: &str) -> Result<Id, Problem> {
    recipient.parse().map_err(|_| Problem::not_found().detail("there is no such recipient"))
}

fn declared(app: &App, recipient: &Id, body: DeclareBody) -> Result<Declared, Problem> {
    let secret = |(name, value)| (name, Zeroizing::new(value));
    let settings = match body.settings {
        Value::Null => Value::Object(serde_json::Map::new()),
        settings => settings,
    };
    let wish = Wish {
        kind: body.kind,
        settings: settings.to_string(),
        secrets: body.secrets.into_iter().map(secret).collect(),
        watch_seconds: body.watch_seconds,
        canary: body.canary,
    };
    declare::declared(&app.ledger, recipient, wish).map_err(Problem::unavailable)
}

impl From<Unusable> for Problem {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Settings(why) => Self::bad_request("invalid_settings", why),
            Unusable::Trouble(why) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "unusable_system",
                "the system cannot be used as it is",
            )
            .detail(format!("{why}; mend it, or declare the sink with `unchecked`")),
        }
    }
}

async fn look(app: &App, recipient: &Id, declared: &Declared) -> Result<Vec<String>, Unusable> {
    declare::look(&app.drivers.open, recipient, declared).await
}

fn known(app: &App, recipient: &str) -> Result<(Id, SinkState), Problem> {
    let recipient = parse(recipient)?;
    let sink = app.ledger.snapshot().sinks().get(&recipient).cloned();
    let sink = sink.ok_or_else(|| Problem::not_found().detail("the recipient has no sink"))?;
    Ok((recipient, sink))
}

/// Looks at the system that a sink tells, and changes nothing.
#[utoipa::path(post, path = "/v1/sinks/{recipient}/check", operation_id = "check_sink", tag = "sinks",
    params(("recipient" = String, Path, description = "Who is told.")),
    responses(
        (status = 200, description = "What was seen.", body = DeclaredBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "It has no sink.", body = Problem),
        (status = 422, description = "The system cannot be used as it is.", body = Problem),
    ))]
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(recipient): Path<String>,
) -> Result<Json<DeclaredBody>, Problem> {
    principal.require(Grade::Administer)?;
    let (recipient, sink) = known(&app, &recipient)?;
    let findings = look(&app, &recipient, &sink.declared).await?;
    Ok(Json(DeclaredBody { findings, recorded: false, position: None }))
}

/// A secret to replace.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateBody {
    /// How long the one before stays valid beside it, in hours; 24 unless said.
    overlap_hours: Option<u32>,
}

/// A secret that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct RotatedBody {
    /// The new one, to be given to the receiver. It is shown once.
    secret: String,
    /// Until when messages are signed with the one before as well.
    previous_until: String,
    #[serde(flatten)]
    written: WrittenBody,
}

/// Makes a new secret for a webhook. Messages are signed with both until the overlap ends, so that the
/// receiver can change over at any moment in between.
#[utoipa::path(post, path = "/v1/sinks/{recipient}/rotate", operation_id = "rotate_sink", tag = "sinks",
    params(("recipient" = String, Path, description = "Who is told.")), request_body = RotateBody,
    responses(
        (status = 200, description = "The new secret.", body = RotatedBody),
        (status = 400, description = "This kind of sink has no secret of ours; declare it anew with another.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "It has no sink.", body = Problem),
    ))]
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(recipient): Path<String>,
    Body(body, _): Body<RotateBody>,
) -> Result<Json<RotatedBody>, Problem> {
    principal.require(Grade::Administer)?;
    let (recipient, sink) = known(&app, &recipient)?;
    if sink.declared.kind != "webhook" {
        let why = "a secret of the system's own is replaced by declaring the sink anew with it";
        return Err(Problem::bad_request("no_own_secret", why));
    }
    let hours = i64::from(body.overlap_hours.unwrap_or(OVERLAP_HOURS));
    let until = app.at().plus_ms(hours * 3_600_000);
    let opened = app.ledger.secrets().open_sink(&recipient, &sink.declared.sealed);
    let mut secrets = opened.map_err(Problem::unavailable)?;
    let before = secrets.remove("secret");
    let before = before
        .unwrap_or_else(|| webhook_secret(&app.ledger.secrets().webhook_secret(&recipient)[..]));
    let fresh = webhook_secret(&random::<32>().map_err(Problem::unavailable)?);
    secrets.insert("secret".to_owned(), fresh.clone());
    secrets.insert("previous_secret".to_owned(), before);
    let sealed = app.ledger.secrets().seal_sink(&recipient, &secrets);
    let sealed = sealed.map_err(Problem::unavailable)?;
    let mut settings: Value =
        serde_json::from_str(&sink.declared.settings).map_err(Problem::unavailable)?;
    settings["previous_until"] = Value::String(until.to_string());
    let settings = settings.to_string();
    let declared = Box::new(Declared { sealed, settings, ..sink.declared });
    let command = Command::DeclareSink { recipient, declared };
    let written = write::submit(&app, &principal, None, command).await?.into();
    let (secret, previous_until) = (fresh.to_string(), until.to_string());
    Ok(Json(RotatedBody { secret, previous_until, written }))
}

/// A secret as Standard Webhooks writes it.
fn webhook_secret(bytes: &[u8]) -> Zeroizing<String> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    Zeroizing::new(format!("whsec_{}", STANDARD.encode(bytes)))
}
