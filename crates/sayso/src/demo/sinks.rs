//! How the sample company's systems are told: four kinds, as they come in a company that has grown.

use serde_json::{Value, json};

use super::broker::Broker;
use crate::home::Home;

/// The stream of the service cloud.
const STREAM: &str = "service-cloud";

/// How a system is told, as it is declared.
pub(super) fn of(name: &str, port: u16, broker: &Option<Broker>, home: &Home) -> Value {
    let (kind, settings) = match (name, broker) {
        ("crm", _) => ("sql", sql(home)),
        ("ad-partner", _) => ("suppression", lists(home)),
        ("service-cloud", Some(broker)) => ("nats", stream(broker)),
        _ => ("webhook", hook(port)),
    };
    let canary = (name == "crm").then_some("crm:canary");
    json!({"kind": kind, "settings": settings, "unchecked": true, "watch_seconds": 20, "canary": canary})
}

fn hook(port: u16) -> Value {
    let url = format!("http://127.0.0.1:{port}/hook");
    json!({"url": url, "allow_private": true, "timeout_ms": 5_000})
}

fn stream(broker: &Broker) -> Value {
    json!({
        "address": broker.address(), "tls": false, "allow_private": true,
        "stream": STREAM, "prefix": format!("sayso.{STREAM}"),
    })
}

/// The customer records keep a column of their own beside the tables that mirror permissions.
fn sql(home: &Home) -> Value {
    let offers = |when: &str, sql: &str| {
        json!({
            "when": when, "purpose": "marketing.offers", "data": "contact",
            "channel": "email", "sql": sql,
        })
    };
    let set = |may: u8| {
        format!(
            "insert into contacts (crm_id, may_email_offers) values (:identifier, {may}) \
             on conflict (crm_id) do update set may_email_offers = {may}"
        )
    };
    let url = format!("sqlite:{}", absolute(home, "crm.db"));
    json!({
        "url": url, "create_tables": true,
        "statements": [
            offers("allowed", &set(1)),
            offers("denied", &set(0)),
            json!({"when": "leaving", "sql": "delete from contacts where crm_id = :identifier"}),
        ],
    })
}

fn lists(home: &Home) -> Value {
    json!({
        "folder": absolute(home, "lists-state"), "exports": absolute(home, "lists"),
        "every_seconds": 1,
    })
}

fn absolute(home: &Home, name: &str) -> String {
    let file = home.file(name);
    std::path::absolute(&file).unwrap_or(file).display().to_string()
}
