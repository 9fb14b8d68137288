//! One decision over HTTP, beside the least that a server built of the same parts does: the same
//! framework parses as much JSON and answers as much, and decides nothing.

use std::{hint::black_box, sync::Arc};

use anyhow::{Context, Result, ensure};
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{
        Request,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    routing::post,
};
use http_body_util::BodyExt;
use sayso_ledger::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::{
    Settings,
    load::{self, Clients, Connection},
    peers::{self, Store},
    report::{Row, Section},
    rounds::{Contender, Measured, Sample, interleave, spin},
    serve::Server,
    world::{self, World},
};

/// How many ask at once.
const CLIENTS: usize = 32;
/// About how many people.
const PEOPLE: usize = 10_000;
/// How many different people each client asks about.
const QUESTIONS: usize = 100;

/// How many are asked between two looks at the clock.
const BLOCK: usize = 256;

const PATH: &str = "/access/v1/evaluation";

/// What the echo reads: a question in AuthZEN's form.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the echo reads it and does nothing with it")]
struct Question {
    subject: Node,
    action: Action,
    resource: Node,
    context: Option<Channel>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the echo reads it and does nothing with it")]
struct Node {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the echo reads it and does nothing with it")]
struct Action {
    name: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the echo reads it and does nothing with it")]
struct Channel {
    channel: Option<String>,
}

/// What the echo answers: as many bytes as a decision, of the same form.
#[derive(Clone, Serialize, Deserialize)]
struct Answer {
    decision: bool,
    context: Reasons,
}

#[derive(Clone, Serialize, Deserialize)]
struct Reasons {
    reason: String,
    activity: String,
    grant: String,
    as_of: String,
    keep_until: String,
    obligations: Vec<Value>,
    lease: String,
}

async fn echo(State(answer): State<Arc<Answer>>, Json(_): Json<Question>) -> Json<Arc<Answer>> {
    Json(answer)
}

/// A bare server that answers a request of this form.
fn bare(answer: Answer) -> Router {
    Router::new().route(PATH, post(echo)).with_state(Arc::new(answer))
}

/// The sample company with its people, and a key of its mailer.
pub(crate) async fn prepare(world: &World) -> Result<String> {
    world.apply_catalog().await?;
    world.import(&world::lines(PEOPLE)?).await?;
    world.settle().await?;
    world.key(&["decide"], Some("mailer")).await
}

/// The addresses of those who said yes to offers by e-mail: the answer about them is the longest,
/// and takes the most to find.
pub(crate) fn emails() -> Vec<String> {
    let said_yes = |person: &hearth::Person| {
        let is_yes = |choice: &hearth::people::Choice| {
            choice.effect == hearth::people::Effect::Grant
                && choice.scope.channel == Some("email")
                && choice.notice.as_ref().is_some_and(|notice| notice.version == 2)
        };
        person.minor_until.is_none() && person.choices.iter().any(is_yes)
    };
    let people = hearth::people(world::SEED, PEOPLE).filter(said_yes);
    people.filter_map(|person| person.identifiers.get("email").cloned()).collect()
}

/// May the mailer send each of them offers?
fn bodies() -> Vec<String> {
    let body = |email: &String| {
        json!({
            "subject": {"type": "recipient", "id": "mailer"},
            "action": {"name": "marketing.offers"},
            "resource": {"type": "contact.email", "id": format!("email:{email}")},
            "context": {"channel": "email"},
        })
        .to_string()
    };
    emails().iter().map(body).collect()
}

/// What each client sends, from what there is to be sent.
fn dealt<T>(all: &[T], send: impl Fn(&T) -> T) -> Vec<Vec<T>> {
    let one = |number: usize| send(&all[number % all.len()]);
    let client = |client| (0..QUESTIONS).map(|at| one(client * QUESTIONS + at)).collect();
    (0..CLIENTS).map(client).collect()
}

fn requests(key: &str) -> Vec<Vec<Vec<u8>>> {
    let bodies: Vec<_> = bodies().iter().map(|body| load::post(PATH, Some(key), body)).collect();
    dealt(&bodies, Vec::clone)
}

/// The same questions as keys of a store.
fn keys() -> Vec<String> {
    let key = |email| format!("mailer|marketing.offers|contact.email|email|email:{email}");
    emails().into_iter().map(key).collect()
}

/// A store, and clients that ask it.
struct Asked<'a> {
    name: &'static str,
    clients: [(&'a str, Clients); 2],
}

fn asked(store: &Store, keys: &[String]) -> Result<Asked<'static>> {
    let dealt = dealt(keys, String::clone);
    let clients =
        [("32 connections", store.clients(&dealt)?), ("1 connection", store.clients(&dealt[..1])?)];
    Ok(Asked { name: store.name, clients })
}

/// Keeps a server busy, and looks at what it spent.
fn busy<'a>(clients: &'a mut Clients, server: &'a Server, settings: &Settings) -> Contender<'a> {
    let turn = settings.turn();
    Box::new(move || {
        let before = server.cpu();
        let sample = clients.run(turn)?;
        let cpu = server.cpu().zip(before).map(|(after, before)| after - before);
        Ok(Sample { cpu, ..sample })
    })
}

/// The same without sockets: what the handler and all around it cost, and nothing else.
fn called<'a>(
    runtime: &'a Runtime,
    router: &'a Router,
    key: &str,
    settings: &Settings,
) -> Contender<'a> {
    let turn = settings.turn();
    let authorization = format!("Bearer {key}");
    let bodies: Vec<String> = bodies().into_iter().take(BLOCK).collect();
    let call = move |body: &String| {
        let request = Request::post(PATH)
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, &authorization)
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
            failed = bodies.iter().try_for_each(&call).err();
            bodies.len() as u64
        });
        failed.map_or(Ok(sample), Err)
    })
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let world = World::in_memory(Clock::system())?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let key = runtime.block_on(prepare(&world))?;
    let requests = requests(&key);
    let sayso = Server::start("sayso", world.router())?;
    let sample: Value = runtime.block_on(async {
        let mut connection = Connection::http(sayso.address()).await?;
        anyhow::Ok(serde_json::from_slice(connection.exchange(&requests[0][0]).await?)?)
    })?;
    ensure!(sample["decision"] == true, "the first question is denied: {sample}");
    let answer = serde_json::from_value(sample).context("the answer has another form")?;
    let (router, bare) = (world.router(), bare(answer));
    let floor = Server::start("echo", bare.clone())?;
    let mut at_sayso = Clients::connect(sayso.address(), requests.clone())?;
    let mut at_floor = Clients::connect(floor.address(), requests.clone())?;
    let mut alone_at_sayso = Clients::connect(sayso.address(), requests[..1].to_vec())?;
    let mut alone_at_floor = Clients::connect(floor.address(), requests[..1].to_vec())?;
    let keys = keys();
    let stores = if settings.has_peers { peers::stores(&keys)? } else { Vec::new() };
    let mut contenders = vec![
        busy(&mut at_sayso, &sayso, settings),
        busy(&mut at_floor, &floor, settings),
        busy(&mut alone_at_sayso, &sayso, settings),
        busy(&mut alone_at_floor, &floor, settings),
        called(&runtime, &router, &key, settings),
        called(&runtime, &bare, &key, settings),
    ];
    let turn = settings.turn();
    let asked_stores =
        stores.iter().map(|store| asked(store, &keys)).collect::<Result<Vec<_>>>()?;
    let mut names = Vec::new();
    for Asked { name, clients } in asked_stores {
        for (connections, mut clients) in clients {
            names.push(format!("peer: {name}, {connections}"));
            contenders.push(Box::new(move || clients.run(turn)));
        }
    }
    let all = interleave(settings.rounds(), &mut contenders)?;
    let [many, many_floor, one, one_floor, called, called_floor, peers @ ..] = &all[..] else {
        anyhow::bail!("a contender has no figures");
    };
    let row = |what: &str, own: &Measured, floor: &Measured| {
        Row::new(what, own).beside(own.speed_of(floor), "the echo")
    };
    let mut rows = vec![
        row("decision over HTTP, 32 connections", many, many_floor),
        Row::new("floor: a bare axum JSON echo, 32 connections", many_floor),
        row("decision over HTTP, 1 connection", one, one_floor),
        Row::new("floor: a bare axum JSON echo, 1 connection", one_floor),
        row("decision, no sockets, 1 thread", called, called_floor),
        Row::new("floor: a bare axum JSON echo, no sockets, 1 thread", called_floor),
    ];
    // Each store was asked by many, then by one.
    let beside = [many, one].into_iter().cycle();
    rows.extend(names.into_iter().zip(peers).zip(beside).map(|((name, peer), own)| {
        Row::new(name, peer).beside(own.speed_of(peer), "as many by Sayso")
    }));
    Ok(Section { name: "http", title: "A decision over HTTP", unit: "requests", rows })
}
