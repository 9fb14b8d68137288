//! Whole answers in the process, with reason, grant and obligations, on one thread: beside a plain look-up, which is the least that any
//! way of asking costs, and beside the parsing of a request, which asking over a wire costs.

use std::{collections::HashMap, hint::black_box};

use anyhow::{Result, ensure};
use sayso_consent::{Id, Request, Timestamp};
use sayso_ledger::Clock;
use serde::Deserialize;

use crate::{
    Settings,
    report::{Row, Section},
    rounds::{Contender, interleave, spin},
    serve,
    world::{self, World},
};

/// When everything is asked: at noon, so that quiet hours are the same in every run.
const AT: Timestamp = Timestamp(1_772_000_000_000);
/// How many are asked between two looks at the clock.
const BLOCK: usize = 1_024;

/// Recipient, purpose, data, channel: consent twice, a contract and a legitimate interest.
const QUESTIONS: [(&str, &str, &str, Option<&str>); 4] = [
    ("mailer", "marketing.offers", "contact.email", Some("email")),
    ("crm", "marketing.offers", "contact.phone", Some("sms")),
    ("service-cloud", "service.support", "contact.email", None),
    ("service-cloud", "improvement", "device.usage", None),
];

/// Everyone is asked about once, in no order that memory knows, with one of the questions.
fn questions(world: &World) -> Result<Vec<Request>> {
    let subjects = world.subjects();
    let request = |number: usize| {
        let subject = subjects[number * 7_919 % subjects.len()];
        let (recipient, purpose, data, channel) = QUESTIONS[number % QUESTIONS.len()];
        anyhow::Ok(Request {
            subject: Some(subject),
            recipient: recipient.parse()?,
            purpose: purpose.parse()?,
            data: data.parse()?,
            channel: channel.map(str::parse::<Id>).transpose()?,
            device: None,
        })
    };
    (0..subjects.len()).map(request).collect()
}

fn world(count: usize) -> Result<World> {
    let world = World::in_memory(Clock::fixed(AT))?;
    serve::runtime("prepare")?.block_on(async {
        world.apply_catalog().await?;
        world.import(&world::lines(count)?).await?;
        world.settle().await
    })?;
    Ok(world)
}

fn decide<'a>(
    world: &'a World,
    requests: &'a [Request],
    settings: &Settings,
) -> Result<Contender<'a>> {
    let snapshot = world.app.ledger.snapshot();
    let allowed = requests.iter().filter(|request| snapshot.decide(request, AT).allow()).count();
    ensure!(0 < allowed && allowed < requests.len(), "every answer is the same: {allowed}");
    let mut turn = endless(requests);
    let length = settings.turn();
    Ok(Box::new(move || {
        let block = || {
            for request in turn.by_ref().take(BLOCK) {
                black_box(snapshot.decide(black_box(request), AT));
            }
            BLOCK as u64
        };
        Ok(spin(length, block))
    }))
}

fn endless<T>(all: &[T]) -> impl Iterator<Item = &T> {
    all.iter().cycle()
}

type Key = (String, String, String);

/// The texts of a question, as a table of consents would have them.
fn key(request: &Request) -> Key {
    let Request { subject, purpose, data, recipient, .. } = request;
    let subject = subject.map(|subject| subject.to_string()).unwrap_or_default();
    (subject, purpose.to_string(), format!("{data}/{recipient}"))
}

/// A map with a row for each person and question; only the one that is asked for is probed.
fn probe(requests: &[Request], settings: &Settings) -> Contender<'static> {
    let keys: Vec<Key> = requests.iter().map(key).collect();
    let others = |key: &Key| {
        let row = |(recipient, purpose, data, _): &(&str, &str, &str, _)| {
            let key = (key.0.clone(), (*purpose).to_owned(), format!("{data}/{recipient}"));
            (key, true)
        };
        QUESTIONS.iter().map(row).collect::<Vec<_>>()
    };
    let map: HashMap<Key, bool> = keys.iter().flat_map(others).collect();
    let length = settings.turn();
    let mut place = 0;
    Box::new(move || {
        let block = || {
            for _ in 0..BLOCK {
                place = (place + 1) % keys.len();
                black_box(map.get(black_box(&keys[place])));
            }
            BLOCK as u64
        };
        Ok(spin(length, block))
    })
}

/// A question in AuthZEN's form.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only the parsing is measured")]
struct Question {
    subject: Node,
    action: Action,
    resource: Node,
    context: Option<Context>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the parsing is measured")]
struct Node {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the parsing is measured")]
struct Action {
    name: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the parsing is measured")]
struct Context {
    channel: Option<String>,
}

fn parse(requests: &[Request], settings: &Settings) -> Result<Contender<'static>> {
    let body = |request: &Request| {
        serde_json::json!({
            "subject": {"type": "recipient", "id": request.recipient},
            "action": {"name": request.purpose},
            "resource": {"type": request.data, "id": request.subject},
            "context": {"channel": request.channel},
        })
        .to_string()
    };
    let bodies: Vec<String> = requests.iter().take(BLOCK).map(body).collect();
    for body in &bodies {
        serde_json::from_str::<Question>(body)?;
    }
    let length = settings.turn();
    Ok(Box::new(move || {
        let block = || {
            for body in &bodies {
                let _ = black_box(serde_json::from_str::<Question>(black_box(body)));
            }
            bodies.len() as u64
        };
        Ok(spin(length, block))
    }))
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let (few, many) = settings.either((1_000, 10_000), (10_000, 100_000));
    let (small, large) = (world(few)?, world(many)?);
    let (asked_few, asked_many) = (questions(&small)?, questions(&large)?);
    let mut contenders = [
        decide(&small, &asked_few, settings)?,
        decide(&large, &asked_many, settings)?,
        probe(&asked_few, settings),
        probe(&asked_many, settings),
        parse(&asked_many, settings)?,
    ];
    let all = interleave(settings.rounds(), &mut contenders)?;
    let [small, large, map_small, map_large, parse] = &all[..] else {
        anyhow::bail!("a contender has no figures");
    };
    let thousand = |count: usize| format!("{} k people", count / 1_000);
    let (few, many) = (thousand(few), thousand(many));
    let map = "a probe of the map";
    Ok(Section {
        name: "answer",
        title: "Whole answers in the process",
        unit: "decisions",
        rows: vec![
            Row::new(format!("decision, {few}"), small).beside(small.speed_of(map_small), map),
            Row::new(format!("decision, {many}"), large).beside(large.speed_of(map_large), map),
            Row::new(format!("peer: one probe of a std map of strings, {few}"), map_small),
            Row::new(format!("peer: one probe of a std map of strings, {many}"), map_large),
            Row::new("reference: parsing one request with serde_json", parse)
                .beside(parse.speed_of(large), format!("a decision, {many}")),
        ],
    })
}
