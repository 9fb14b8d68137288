//! What operators order on their page. The same commands as by the API.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Form,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use sayso_consent::{Command, Id, Position, sink::Mode};
use sayso_ledger::deliver::declare::{self, Unusable, WATCH_SECONDS, Wish};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Web,
    overview::{Asked, shown},
};
use crate::{console::Ordered, portal::ProblemKind, session};

/// A form of the page.
#[derive(Deserialize)]
pub(super) struct Order {
    csrf: String,
    order: String,
    recipient: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    settings: String,
    #[serde(default)]
    secrets: String,
    #[serde(default)]
    canary: String,
    #[serde(default)]
    dry_run: String,
}

pub(super) async fn give(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Form(order): Form<Order>,
) -> Response {
    let Some(session) = web.operator(&headers) else { return web.gone(&headers) };
    if !session::is_ours(&session, Some(&order.csrf), &headers, &web.public_url) {
        return web.problem(StatusCode::FORBIDDEN, ProblemKind::BadForm, &headers);
    }
    let by = session.by.clone().unwrap_or_else(|| "overview".to_owned());
    let ordered = match carry_out(&web, order, &by).await {
        Ok(position) => Ordered::Recorded(position),
        Err(why) => Ordered::Refused(why),
    };
    shown(&web, &Asked::default(), &headers, Some(ordered))
}

async fn carry_out(web: &Web, order: Order, by: &str) -> Result<Position, String> {
    let recipient: Id = order.recipient.parse().map_err(|_| "no such recipient".to_owned())?;
    let reason = order.reason.trim().to_owned();
    let said = || Some(reason.clone());
    let command = match order.order.as_str() {
        "pause" => Command::SetSinkMode { recipient, mode: Mode::Paused, reason: said() },
        "kill" => Command::SetSinkMode { recipient, mode: Mode::Killed, reason: said() },
        "resume" => Command::SetSinkMode { recipient, mode: Mode::Running, reason: None },
        "replay" => Command::ReplaySink { recipient, after: Position::START },
        "remove" => Command::RemoveSink { recipient, reason },
        "add" => declare(web, recipient, order).await?,
        _ => return Err("no such order".to_owned()),
    };
    let written = web.ledger.command(command, by).await.map_err(|error| error.to_string())?;
    written.map(|written| written.position).map_err(|refused| refused.message)
}

async fn declare(web: &Web, recipient: Id, order: Order) -> Result<Command, String> {
    let object = |what: &str, text: &str| -> Result<serde_json::Map<String, _>, String> {
        serde_json::from_str(text).map_err(|_| format!("the {what} are not a JSON object"))
    };
    let settings = serde_json::Value::Object(object("settings", &order.settings)?);
    let mut secrets = BTreeMap::new();
    for (name, value) in object("secrets", &order.secrets)? {
        let value = value.as_str().ok_or_else(|| format!("the secret `{name}` is not a text"))?;
        secrets.insert(name, Zeroizing::new(value.to_owned()));
    }
    let canary = Some(order.canary.trim().to_owned()).filter(|name| !name.is_empty());
    if let Some(name) = &canary {
        web.ledger.find(name).map_err(|_| "the canary's name is no identifier".to_owned())?;
    }
    let wish = Wish {
        kind: order.kind,
        settings: settings.to_string(),
        secrets,
        watch_seconds: WATCH_SECONDS,
        canary,
    };
    let declared = declare::declared(&web.ledger, &recipient, wish);
    let declared = declared.map_err(|error| error.to_string())?;
    let seen = declare::look(&web.drivers.open, &recipient, &declared).await;
    let seen = seen.map_err(|unusable| match unusable {
        Unusable::Settings(why) => why,
        Unusable::Trouble(why) => format!("the system cannot be used as it is: {why}"),
    })?;
    if order.dry_run == "yes" {
        return Err(format!("only looked. {}", seen.join("; ")));
    }
    Ok(Command::DeclareSink { recipient, declared: Box::new(declared) })
}
