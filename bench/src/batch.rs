//! A thousand decisions in one request, beside a server that reads and writes as much and decides
//! nothing.

use std::{borrow::Cow, hint::black_box};

use anyhow::{Context, Result, ensure};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{
        Request, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    response::IntoResponse,
    routing::post,
};
use http_body_util::BodyExt;
use sayso_ledger::Clock;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::{
    Settings, http,
    load::{self, Clients, Connection},
    report::{Row, Section},
    rounds::{Contender, Measured, Sample, interleave, spin},
    serve::Server,
    world::World,
};

/// Decisions in one request.
const BATCH: usize = 1_000;
/// How many ask at once: enough to keep both threads of the server busy.
const CLIENTS: usize = 4;
/// How many different requests each of them sends.
const REQUESTS: usize = 5;

const PATH: &str = "/access/v1/evaluations";

/// What the floor reads. Like Sayso it copies no text.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read, and nothing is done with it")]
struct Questions<'a> {
    #[serde(borrow)]
    subject: Node<'a>,
    #[serde(borrow)]
    evaluations: Vec<About<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read, and nothing is done with it")]
struct About<'a> {
    #[serde(borrow)]
    resource: Node<'a>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read, and nothing is done with it")]
struct Node<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// Reads the questions, and answers what was asked first, as it is.
async fn echo(State(answer): State<Bytes>, asked: Bytes) -> Result<impl IntoResponse, StatusCode> {
    serde_json::from_slice::<Questions>(&asked).map_err(|_| StatusCode::BAD_REQUEST)?;
    // Sayso writes its answer anew; so is this one.
    let answer = answer.to_vec();
    Ok(([(CONTENT_TYPE, "application/json")], answer))
}

/// May the mailer send each of a thousand people offers?
fn bodies() -> Vec<String> {
    let emails = http::emails();
    let about = |number: usize| {
        let email = &emails[number % emails.len()];
        json!({"resource": {"type": "contact.email", "id": format!("email:{email}")}})
    };
    let body = |number: usize| {
        let all: Vec<Value> = (number * BATCH..(number + 1) * BATCH).map(about).collect();
        json!({
            "subject": {"type": "recipient", "id": "mailer"},
            "action": {"name": "marketing.offers"},
            "context": {"channel": "email"},
            "evaluations": all,
        })
        .to_string()
    };
    (0..CLIENTS * REQUESTS).map(body).collect()
}

/// Every request is a thousand decisions.
fn busy<'a>(clients: &'a mut Clients, server: &'a Server, settings: &Settings) -> Contender<'a> {
    let turn = settings.turn();
    Box::new(move || {
        let before = server.cpu();
        let sample = clients.run(turn)?;
        let cpu = server.cpu().zip(before).map(|(after, before)| after - before);
        Ok(Sample { count: sample.count * BATCH as u64, cpu, ..sample })
    })
}

/// The same without sockets, on one thread: what the handler and all around it cost.
fn called<'a>(
    runtime: &'a Runtime,
    router: &'a Router,
    bodies: &'a [String],
    key: &'a str,
    settings: &Settings,
) -> Contender<'a> {
    let turn = settings.turn();
    let call = move |body: &String| {
        let request = Request::post(PATH)
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {key}"))
            .body(Body::from(body.clone()))?;
        runtime.block_on(async {
            let answer = router.clone().oneshot(request).await?;
            ensure!(answer.status().is_success(), "the answer is {}", answer.status());
            black_box(answer.into_body().collect().await?);
            Ok(())
        })
    };
    Box::new(move || {
        let mut failed = None;
        let sample = spin(turn, || {
            failed = bodies.iter().try_for_each(call).err();
            (bodies.len() * BATCH) as u64
        });
        failed.map_or(Ok(sample), Err)
    })
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let world = World::in_memory(Clock::system())?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let key = runtime.block_on(http::prepare(&world))?;
    let bodies = bodies();
    let requests: Vec<_> = bodies.iter().map(|body| load::post(PATH, Some(&key), body)).collect();
    // One list a client.
    let requests: Vec<_> = requests.chunks(REQUESTS).map(<[_]>::to_vec).collect();
    let sayso = Server::start("sayso", world.router())?;
    let sample = runtime.block_on(async {
        let mut connection = Connection::http(sayso.address()).await?;
        anyhow::Ok(Bytes::copy_from_slice(connection.exchange(&requests[0][0]).await?))
    })?;
    let answers: Value = serde_json::from_slice(&sample)?;
    let answers = answers["evaluations"].as_array().context("there are no evaluations")?;
    ensure!(answers.len() == BATCH, "an answer is missing");
    ensure!(answers.iter().all(|answer| answer["decision"] == true), "a question is denied");
    let bare = Router::new().route(PATH, post(echo)).with_state(sample);
    let floor = Server::start("echo", bare.clone())?;
    let mut at_sayso = Clients::connect(sayso.address(), requests.clone())?;
    let mut at_floor = Clients::connect(floor.address(), requests)?;
    let (router, bodies) = (world.router(), &bodies[..REQUESTS]);
    let mut contenders = [
        busy(&mut at_sayso, &sayso, settings),
        busy(&mut at_floor, &floor, settings),
        called(&runtime, &router, bodies, &key, settings),
        called(&runtime, &bare, bodies, &key, settings),
    ];
    let all = interleave(settings.rounds(), &mut contenders)?;
    let [own, floor, called, called_floor] = &all[..] else {
        anyhow::bail!("a contender has no figures")
    };
    Ok(section([own, floor], [called, called_floor]))
}

fn section([own, floor]: [&Measured; 2], [called, called_floor]: [&Measured; 2]) -> Section {
    let what = format!("decisions over HTTP, {BATCH} a request, {CLIENTS} connections");
    let echo =
        format!("floor: reading and writing as much, {BATCH} a request, {CLIENTS} connections");
    Section {
        name: "batch",
        title: "A thousand decisions in one request",
        unit: "decisions",
        rows: vec![
            Row::new(what, own).beside(own.speed_of(floor), "the floor"),
            Row::new(echo, floor),
            Row::new("decisions, no sockets, 1 thread", called)
                .beside(called.speed_of(called_floor), "the floor"),
            Row::new("floor: reading and writing as much, no sockets, 1 thread", called_floor),
        ],
    }
}
