//! The program is killed again and again while it is written to. What was acknowledged stays, what
//! was withdrawn stays withdrawn, and in the end every system's own table says what Sayso says.
//!
//! `SAYSO_KILLS` says how often; `SAYSO_SEED` begins with the same dice.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    crash_systems::Company,
    world::{Caller, Dice, done},
};

/// Writers that write at once.
const WRITERS: usize = 16;
/// Customers of each: nobody else writes about them, so that each writer knows what came last.
const OWN: usize = 2;
/// Kills before a fresh ledger is begun: start-up follows the whole ledger, which grows.
const KILLS_A_LEDGER: usize = 25;
/// Kills between two verifications of the whole ledger.
const KILLS_A_VERIFICATION: usize = 10;

/// A choice that the server acknowledged.
#[derive(Clone, Debug)]
struct Acknowledged {
    reference: String,
    is_grant: bool,
    position: String,
}

/// What is remembered of one customer outside the server.
#[derive(Debug, Default)]
struct Remembered {
    acknowledged: Vec<Acknowledged>,
    /// How many of them were found on the ledger again after a kill.
    found: usize,
    /// A grant was sent whose answer has not come: it may be in force or not.
    is_granting: bool,
}

type Journal = Arc<Vec<Mutex<Remembered>>>;

fn number_of(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_loses_nothing_that_it_acknowledged() {
    let kills = number_of("SAYSO_KILLS", 100) as usize;
    let seed = number_of("SAYSO_SEED", u64::from(std::process::id()));
    eprintln!("SAYSO_SEED={seed}");
    let mut dice = Dice(seed);
    for first in (0..kills).step_by(KILLS_A_LEDGER) {
        let count = KILLS_A_LEDGER.min(kills - first);
        let begun = Instant::now();
        let written = ledger_of_kills(count, &mut dice).await;
        let (kills, took) = (first + count, begun.elapsed());
        eprintln!("{kills} kills, {written} choices acknowledged on this ledger, {took:.1?}");
        assert!(written > count * 3, "too little was written to mean something");
    }
}

/// Kills a fresh ledger's server many times; says how many choices were acknowledged.
async fn ledger_of_kills(kills: usize, dice: &mut Dice) -> usize {
    let mut company = Company::found(WRITERS * OWN).await;
    let journal: Journal = Arc::new(company.people.iter().map(|_| Mutex::default()).collect());
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let own = number * OWN..(number + 1) * OWN;
        let writer = Writer {
            caller: company.caller.clone(),
            people: own.clone().map(|person| (person, company.people[person].clone())).collect(),
            journal: Arc::clone(&journal),
            dice: Dice(dice.next()),
        };
        writers.spawn(writer.run(Arc::clone(&stop)));
    }
    for kill in 0..kills {
        let mut server = company.serve();
        if dice.below(4) == 0 {
            // In the middle of starting.
            sleep(Duration::from_millis(5 + dice.below(60))).await;
        } else {
            company.is_ready(&mut server).await;
            check_newest(&company, &journal).await;
            sleep(Duration::from_millis(5 + dice.below(495))).await;
        }
        server.kill().await.unwrap();
        company.revive_systems();
        if dice.below(5) == 0 {
            company.kill_system(dice.below(4) as usize).await;
        }
        if kill % KILLS_A_VERIFICATION == 0 {
            verify(&company).await;
        }
        assert!(writers.try_join_next().is_none(), "a writer gave up: {}", company.log());
    }
    let mut server = company.serve();
    company.revive_systems();
    company.is_ready(&mut server).await;
    stop.store(true, Ordering::Release);
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    check_newest(&company, &journal).await;
    let written = check_all(&company, &journal).await;
    company.settle().await;
    let last = |own: &Mutex<Remembered>| {
        own.lock().unwrap().acknowledged.last().is_some_and(|own| own.is_grant)
    };
    let grants: Vec<bool> = journal.iter().map(last).collect();
    company.compare_tables(&grants).await;
    verify(&company).await;
    server.kill().await.unwrap();
    written
}

/// The whole ledger holds, and has grown from the head that was signed before.
async fn verify(company: &Company) {
    let kept = company.file("checkpoint");
    let path = kept.to_str().unwrap();
    let mut args = vec!["log", "verify"];
    if kept.exists() {
        args.extend(["--checkpoint", path]);
    }
    let said = done(&company.dir(), &args).await;
    assert!(said.contains("Everything holds"), "{said}");
    let head = company.caller.attempt(Method::GET, "/v1/log/checkpoint", &[], "").await;
    if let Some(head) = head {
        std::fs::write(&kept, head.text).unwrap();
    }
}

/// After a restart: what was acknowledged since the one before is there, and who withdrew and did
/// not ask for more since is not used.
async fn check_newest(company: &Company, journal: &Journal) {
    for (subject, own) in company.people.iter().zip(journal.iter()) {
        let new: Vec<Acknowledged> = {
            let own = own.lock().unwrap();
            own.acknowledged[own.found..].to_vec()
        };
        let Some(newest) = new.last() else { continue };
        let history =
            company.caller.get(&format!("/v1/subjects/{subject}/history?limit=1000")).await;
        let recorded = recorded(history["entries"].as_array().unwrap());
        for own in &new {
            assert!(is_recorded(&recorded, own), "lost: {own:?}");
        }
        let answer = ask(&company.caller, subject, &newest.position).await;
        let answer = answer.expect("the server runs");
        let mut own = own.lock().unwrap();
        own.found += new.len();
        let is_newest = own.found == own.acknowledged.len() && !own.is_granting;
        if is_newest && !newest.is_grant {
            assert_eq!(answer["decision"], false, "used after a withdrawal: {newest:?} {answer}");
        }
    }
}

/// At the end: everything that was acknowledged is there once, at its place, and nothing besides.
async fn check_all(company: &Company, journal: &Journal) -> usize {
    let mut written = 0;
    for (subject, own) in company.people.iter().zip(journal.iter()) {
        let acknowledged = own.lock().unwrap().acknowledged.clone();
        let mut entries = Vec::new();
        let mut before = String::new();
        loop {
            let path = format!("/v1/subjects/{subject}/history?limit=1000{before}");
            let page = company.caller.get(&path).await;
            entries.extend(page["entries"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            before = format!("&before={next}");
        }
        let recorded = recorded(&entries);
        assert_eq!(recorded.len(), acknowledged.len(), "each choice once: {subject}");
        assert!(acknowledged.iter().all(|own| is_recorded(&recorded, own)), "{subject}");
        let now = company.caller.get(&format!("/v1/subjects/{subject}/choices")).await;
        if let Some(last) = acknowledged.last() {
            let standing = now["choices"].as_array().unwrap().last().unwrap();
            assert_eq!(standing["position"], json!(last.position), "{now}");
        }
        written += acknowledged.len();
    }
    written
}

/// The choices among entries: reference, effect, position.
fn recorded(entries: &[Value]) -> Vec<(Value, Value, Value)> {
    let mut recorded = Vec::new();
    for entry in entries {
        for event in entry["events"].as_array().unwrap() {
            if event["type"] == "choice_recorded" {
                let reference = event["evidence"]["reference"].clone();
                recorded.push((reference, event["effect"].clone(), entry["position"].clone()));
            }
        }
    }
    recorded
}

fn is_recorded(recorded: &[(Value, Value, Value)], own: &Acknowledged) -> bool {
    let effect = if own.is_grant { "grant" } else { "denial" };
    let own = (json!(own.reference), json!(effect), json!(own.position));
    recorded.iter().filter(|one| **one == own).count() == 1
}

/// May the mailer send offers by e-mail? Not answered from before a token.
async fn ask(caller: &Caller, subject: &str, token: &str) -> Option<Value> {
    let question = json!({
        "subject": {"type": "recipient", "id": "mailer"},
        "action": {"name": "marketing.offers"},
        "resource": {"type": "contact.email", "id": subject},
        "context": {"channel": "email", "at_least_as_fresh": token},
    });
    let headers = [("content-type", "application/json")];
    let path = "/access/v1/evaluation";
    let answer = caller.attempt(Method::POST, path, &headers, question.to_string()).await?;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    Some(answer.json())
}

/// One of those who write.
struct Writer {
    caller: Caller,
    people: Vec<(usize, String)>,
    journal: Journal,
    dice: Dice,
}

impl Writer {
    /// Writes until it is told to stop. What it has begun it brings to an end.
    async fn run(mut self, stop: Arc<AtomicBool>) {
        let mut burst = 0;
        while !stop.load(Ordering::Acquire) {
            if burst == 0 {
                sleep(Duration::from_millis(self.dice.below(400))).await;
                burst = 1 + self.dice.below(4);
            }
            burst -= 1;
            self.choose().await;
        }
    }

    /// Says the opposite of what was said before, and asks at once what it came to.
    async fn choose(&mut self) {
        let (person, subject) = self.people[self.dice.below(OWN as u64) as usize].clone();
        let (reference, is_grant) = {
            let mut own = self.journal[person].lock().unwrap();
            let is_grant = own.acknowledged.last().is_none_or(|last| !last.is_grant);
            own.is_granting = is_grant;
            (format!("form-{person}-{}", own.acknowledged.len()), is_grant)
        };
        let position = self.send(&subject, &reference, is_grant).await;
        {
            let mut own = self.journal[person].lock().unwrap();
            own.acknowledged.push(Acknowledged { reference, is_grant, position: position.clone() });
            own.is_granting = false;
        }
        // The server may be killed before it answers; the check after its restart asks again.
        if let Some(answer) = ask(&self.caller, &subject, &position).await {
            let is_late = answer["context"]["reason"] == "overdue";
            assert_eq!(answer["decision"], json!(is_grant && !is_late), "{answer}");
        }
    }

    /// Sends a choice until it is acknowledged, always with the same idempotency key: whether a
    /// try that was not answered was recorded, nobody outside can know.
    async fn send(&mut self, subject: &str, reference: &str, is_grant: bool) -> String {
        let effect = if is_grant { "grant" } else { "denial" };
        let body = json!({"choices": [{
            "effect": effect,
            "scope": {"purpose": "marketing.offers", "channel": "email"},
            "evidence": {"reference": reference},
        }]});
        let path = format!("/v1/subjects/{subject}/choices");
        let headers = [("content-type", "application/json"), ("idempotency-key", reference)];
        loop {
            let answer = self.caller.attempt(Method::POST, &path, &headers, body.to_string()).await;
            match answer {
                Some(answer) if answer.status == StatusCode::OK => {
                    let written = answer.json();
                    assert_eq!(written["is_new"], true, "{written}");
                    return written["position"].as_str().unwrap().to_owned();
                }
                Some(answer) => {
                    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
                }
                None => {}
            }
            sleep(Duration::from_millis(10 + self.dice.below(40))).await;
        }
    }
}
