//! Whoever is on call is told that a system is late, once, and that it has caught up.

use std::{
    net::Ipv4Addr,
    process::Stdio,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    cli::{file, ledger, refused},
    cli_server::{serve_with, stop},
    world::{ANA, done, json as json_of, until},
};

type Heard = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// Somebody on call, who does not answer the first time.
async fn on_call() -> (u16, Heard) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, mut is_asleep) = (Heard::default(), true);
    let own = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if std::mem::take(&mut is_asleep) {
                continue;
            }
            let own = Arc::clone(&own);
            let answer = service_fn(move |request: Request<Incoming>| {
                let own = Arc::clone(&own);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let event = serde_json::from_slice(&body).unwrap();
                    own.lock().unwrap().push((head.headers, event));
                    let mut answer = Response::new(Full::<Bytes>::default());
                    *answer.status_mut() = StatusCode::NO_CONTENT;
                    Ok::<_, hyper::Error>(answer)
                }
            });
            let served = hyper::server::conn::http1::Builder::new();
            tokio::spawn(served.serve_connection(TokioIo::new(stream), answer));
        }
    });
    (port, heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_call_is_told_that_a_system_is_late_and_that_it_has_caught_up() {
    let (folder, dir) = ledger().await;
    let hasty = hearth::CATALOG.replace("effect_deadline: 15 seconds", "effect_deadline: 1 second");
    done(&dir, &["catalog", "apply", &file(&folder, "hasty.yaml", &hasty)]).await;
    let (port, heard) = on_call().await;
    let url = format!("http://127.0.0.1:{port}/alerts");
    let open = file(&folder, "open.toml", &format!("[alert]\nurl = {url:?}\n"));
    let said = refused(&dir, &["serve", "--listen", "127.0.0.1:0", "--config", &open]).await;
    assert!(said.contains("the setting `url` of [alert]"), "{said}");
    let config = format!("[alert]\nurl = {url:?}\nallow_private = true\n");
    let config = file(&folder, "sayso.toml", &config);
    let (server, _) = serve_with(&dir, &["--config", &config], Stdio::null()).await;
    done(&dir, &["subject", "create", ANA]).await;
    let told = async |is_over: bool| {
        until("the alert is there", async || {
            let heard = heard.lock().unwrap();
            let is_it = |event: &Value| {
                let data = &event["data"];
                data["recipient"] == "mailer" && data["is_over"] == is_over
            };
            heard.iter().find(|(_, event)| is_it(event)).cloned()
        })
        .await
    };
    let (head, event) = told(false).await;
    let data =
        json!({"recipient": "mailer", "condition": "overdue", "is_over": false, "people": 1});
    assert_eq!((&event["type"], &event["data"]), (&json!("sayso.alert.v1"), &data));
    assert_eq!(head["webhook-id"].to_str().unwrap(), event["id"]);
    assert!(head.contains_key("webhook-signature"));
    assert!(!event.to_string().contains("ana"), "nobody is named: {event}");
    let key = json_of(&dir, &["key", "alert"]).await;
    assert!(key["secret"].as_str().unwrap().starts_with("whsec_"), "{key}");

    let database = format!("url=sqlite:{}", folder.path().join("mailer.db").display());
    let add = ["sink", "add", "mailer", "sql", "--unchecked", "--set", &database];
    done(&dir, &[&add[..], &["--set", "create_tables=true"]].concat()).await;
    told(true).await;
    let begun = heard.lock().unwrap().iter().filter(|(_, event)| event["data"] == data).count();
    assert_eq!(begun, 1, "it is told once");
    for (_, event) in heard.lock().unwrap().iter() {
        schema().validate(event).unwrap_or_else(|error| panic!("{error}: {event}"));
    }
    stop(server).await;
}

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../../../docs/reference/events/sayso.alert.v1.schema.json");
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
}
