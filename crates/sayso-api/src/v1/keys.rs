//! `/v1/keys`: API keys.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use sayso_catalog::did_you_mean;
use sayso_consent::{
    Command, Id,
    event::{Grade, Key},
};
use sayso_ledger::keys::random;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App,
    address::Path,
    auth::{Principal, digest},
    body::Body,
    dto::WrittenBody,
    problem::Problem,
    v1::write,
};

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyBody {
    /// What it may do: `decide`, `record`, `report`, `follow`, `administer`.
    #[schema(value_type = Vec<String>, example = json!(["decide", "report"]))]
    roles: Vec<Grade>,
    /// The one recipient that it may ask and report as.
    #[schema(value_type = Option<String>, example = "mailer")]
    recipient: Option<Id>,
    /// What it is for.
    #[serde(default)]
    label: String,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Made {
    /// Its public name.
    id: String,
    /// The key itself. It is shown once and kept nowhere.
    key: String,
}

/// A key as it is listed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed {
    id: String,
    #[schema(value_type = Vec<String>)]
    roles: Vec<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    recipient: Option<Id>,
    label: String,
}

/// Longest label, in bytes.
const LABEL_BYTES_MAX: usize = 128;

/// Makes a key. It is shown in this answer and never again.
#[utoipa::path(post, path = "/v1/keys", operation_id = "create_key", tag = "keys", request_body = KeyBody,
    responses(
        (status = 201, description = "The key.", body = Made),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "It takes the role `administer`.", body = Problem),
        (status = 422, description = "Refused.", body = Problem),
    ))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    principal: Principal,
    Body(body, _): Body<KeyBody>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    principal.require(Grade::Administer)?;
    if body.label.len() > LABEL_BYTES_MAX {
        return Err(Problem::bad_request(
            "invalid_body",
            format!("`label` is at most {LABEL_BYTES_MAX} bytes"),
        ));
    }
    if let Some(recipient) = &body.recipient {
        is_declared(&app, recipient)?;
    }
    let bytes = |error| Problem::unavailable(error);
    let id = format!("key_{}", hex::encode(random::<6>().map_err(bytes)?));
    let secret = format!("sayso_{}", hex::encode(random::<32>().map_err(bytes)?));
    let KeyBody { roles, recipient, label } = body;
    let key = Key { id: id.clone(), digest: digest(&secret), roles, recipient, label };
    write::submit(&app, &principal, None, Command::CreateKey { key }).await?;
    Ok((StatusCode::CREATED, Json(Made { id, key: secret })))
}

/// Whether a recipient is one of the catalog in force. A mistyped one would be told nothing and
/// denied everything.
fn is_declared(app: &App, recipient: &Id) -> Result<(), Problem> {
    let Some(in_force) = app.ledger.snapshot().in_force() else { return Ok(()) };
    let declared = &in_force.catalog.recipients;
    if declared.contains_key(recipient) {
        return Ok(());
    }
    let hint = did_you_mean(recipient.as_str(), declared.keys().map(Id::as_str));
    let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
    let title = "the catalog declares no such recipient";
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_id", title)
        .detail(format!("`{recipient}` is not among the recipients{hint}")))
}

/// The keys that are not withdrawn.
#[utoipa::path(get, path = "/v1/keys", operation_id = "list_keys", tag = "keys",
    responses(
        (status = 200, description = "The keys, without their secrets.", body = Vec<Listed>),
        (status = 401, description = "No valid key.", body = Problem),
    ))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Vec<Listed>>, Problem> {
    principal.require(Grade::Administer)?;
    let listed = |key: Arc<Key>| Listed {
        id: key.id.clone(),
        roles: key.roles.clone(),
        recipient: key.recipient.clone(),
        label: key.label.clone(),
    };
    let mut keys: Vec<_> = app.ledger.snapshot().keys().into_iter().map(listed).collect();
    keys.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(Json(keys))
}

/// Withdraws a key, at once.
#[utoipa::path(delete, path = "/v1/keys/{id}", operation_id = "revoke_key", tag = "keys",
    params(("id" = String, Path, description = "The key's public name.")),
    responses(
        (status = 200, description = "Withdrawn.", body = WrittenBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "There is no such key.", body = Problem),
    ))]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Administer)?;
    Ok(Json(write::submit(&app, &principal, None, Command::RevokeKey { id }).await?.into()))
}
