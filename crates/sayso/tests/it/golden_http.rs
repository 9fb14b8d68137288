//! The golden examples over HTTP: a server on a socket, its ledger in a file, keys with one role
//! each. And what only the bytes of an answer can show.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use hyper::Method;
use sayso_api::App;
use sayso_consent::{
    Command, Position, Timestamp,
    event::{Grade, Key},
};
use sayso_ledger::{Clock, Ledger, Secrets};
use sayso_stores::Embedded;
use sayso_testkit::golden::{
    Answer, Deed, Library, Question, Surface, check,
    step::{Identity, Person, Whose},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};

use crate::{
    golden_wire::{People, answer, name, place, position, refusal},
    world::{self, Caller},
};

/// Before every story.
const LONG_AGO: Timestamp = Timestamp(946_684_800_000);

/// A server, and those who may speak to it.
pub(crate) struct Server {
    pub(crate) clock: Clock,
    pub(crate) decide: Caller,
    pub(crate) record: Caller,
    pub(crate) report: Caller,
    pub(crate) administer: Caller,
    serving: JoinHandle<()>,
    _dir: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    /// On an empty ledger.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(LONG_AGO);
        let store = Arc::new(Embedded::open(dir.path()).unwrap());
        let secrets = Secrets::generate().unwrap();
        let ledger = Ledger::open(store, secrets, clock.clone(), None).unwrap();
        let mut keys = Vec::new();
        for role in [Grade::Decide, Grade::Record, Grade::Report, Grade::Administer] {
            keys.push(key(&ledger, role).await);
        }
        let app = App {
            ledger: Arc::new(ledger),
            board: Arc::default(),
            door: Arc::default(),
            drivers: sayso_ledger::deliver::Drivers::none(),
            metrics: Arc::default(),
            public_url: String::new(),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let caller = Caller::new(&format!("http://{}", listener.local_addr().unwrap()));
        let router = sayso_api::router(Arc::new(app));
        let serving = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        let [decide, record, report, administer] =
            [0, 1, 2, 3].map(|at| caller.with_key(&keys[at]));
        Self { clock, decide, record, report, administer, serving, _dir: dir }
    }

    /// Asks, and gives the bytes of the answer.
    async fn ask(&self, question: &Value) -> world::Answer {
        let headers = [("content-type", "application/json")];
        let path = "/access/v1/evaluation";
        let answer = self.decide.send(Method::POST, path, &headers, question.to_string()).await;
        assert_eq!(answer.status, 200, "{question}: {answer:?}");
        answer
    }
}

/// Makes a key, as the ledger knows it: by its digest.
async fn key(ledger: &Ledger, role: Grade) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let secret = format!("sayso_{role:?}_{}", MADE.fetch_add(1, Ordering::Relaxed));
    let digest = hex::encode(Sha256::digest(&secret));
    let (recipient, label) = (None, "golden".into());
    let key =
        Key { id: secret.replace("sayso", "key"), digest, roles: vec![role], recipient, label };
    ledger.command(Command::CreateKey { key }, "golden").await.unwrap().unwrap();
    secret
}

/// The question as AuthZEN writes it.
pub(crate) fn evaluation(question: &Question, whose: &str) -> Value {
    let mut resource = json!({"type": question.data, "id": whose});
    if let Some(device) = &question.device {
        resource["properties"] = json!({"device": device});
    }
    let mut context = json!({});
    if let Some(channel) = &question.channel {
        context["channel"] = json!(channel);
    }
    json!({
        "subject": {"type": "recipient", "id": question.recipient},
        "action": {"name": question.purpose},
        "resource": resource,
        "context": context,
    })
}

/// What was written, or the code of the refusal.
type Outcome = Result<Option<Position>, String>;

/// The API as examples use it.
struct Http {
    runtime: Runtime,
    server: Option<Server>,
    people: People,
}

impl Surface for Http {
    fn name(&self) -> &str {
        "http"
    }

    fn reset(&mut self) {
        self.server = Some(self.runtime.block_on(Server::start()));
        self.people = People::default();
    }

    fn command(&mut self, at: Timestamp, deed: &Deed) -> Outcome {
        let Self { runtime, server, people } = self;
        let server = server.as_ref().expect("a story begins with a reset");
        server.clock.set(at);
        let outcome = runtime.block_on(Sent { server, people }.deed(deed));
        outcome.map_err(|code| refusal(deed, &code))
    }

    fn decide(&mut self, at: Timestamp, question: &Question) -> Answer {
        let server = self.server.as_ref().expect("a story begins with a reset");
        server.clock.set(at);
        let whose = match &question.whose {
            Whose::Person(person) => self.people.id(person),
            Whose::Identity(identity) => name(identity),
        };
        let question = evaluation(question, &whose);
        answer(&self.runtime.block_on(server.ask(&question)).json())
    }
}

/// A deed on its way.
struct Sent<'a> {
    server: &'a Server,
    people: &'a mut People,
}

impl Sent<'_> {
    async fn deed(&mut self, deed: &Deed) -> Outcome {
        let id = |person: &Person| self.people.id(person);
        match deed {
            Deed::Applies { catalog } => {
                let body = serde_json::to_string(catalog).unwrap();
                let headers = [("content-type", "application/json")];
                let administer = &self.server.administer;
                written(&administer.send(Method::POST, "/v1/catalog", &headers, body).await)
            }
            Deed::Appears { .. } => self.appears(deed).await,
            Deed::Imported { .. } => self.imported(deed).await,
            Deed::Known { person, identity, is_theirs } => {
                let path = format!("/v1/subjects/{}/identifiers", id(person));
                let path = if *is_theirs { path } else { format!("{path}/remove") };
                self.record(Method::POST, &path, &json!({"identifier": name(identity)})).await
            }
            Deed::Chooses { person, choices, authority } => {
                let path = format!("/v1/subjects/{}/choices", id(person));
                let choices = self.people.choices(choices);
                let body = json!({"choices": choices, "authority": authority});
                self.record(Method::POST, &path, &body).await
            }
            Deed::Relationship { person, is_active } => {
                self.patch(person, &json!({"is_active": is_active})).await
            }
            Deed::Restriction { person, is_restricted } => {
                self.patch(person, &json!({"is_restricted": is_restricted})).await
            }
            Deed::Minority { person, minor_until } => {
                self.patch(person, &json!({"minor_until": minor_until})).await
            }
            Deed::Guardian { person, guardian, is_guardian } => {
                let path = format!("/v1/subjects/{}/guardians/{}", id(person), id(guardian));
                let method = if *is_guardian { Method::PUT } else { Method::DELETE };
                self.record(method, &path, &json!({})).await
            }
            Deed::Acquires { person, device, from } => {
                let path = format!("/v1/subjects/{}/devices/{device}", id(person));
                self.record(Method::PUT, &path, &json!({"from": from.as_ref().map(id)})).await
            }
            Deed::Shares { person, device, members } => {
                let path = format!("/v1/subjects/{}/devices/{device}", id(person));
                let members: Vec<String> = members.iter().map(id).collect();
                self.record(Method::PUT, &path, &json!({"members": members})).await
            }
            Deed::Reports { recipient, person, through } => {
                let effect =
                    json!({"identifier": id(person), "position": through, "state": "applied"});
                let body = json!({"recipient": recipient, "effects": [effect]});
                let answer = self.server.report.post("/v1/effects", &body).await;
                let result = &answer["results"][0];
                match result["status"].as_str() {
                    Some("recorded") => Ok(Some(place(&result["position"]))),
                    Some("known") => Ok(None),
                    status => Err(status.unwrap_or("nothing").to_owned()),
                }
            }
            Deed::Erased { person, at_once } => {
                let path = format!("/v1/subjects/{}?at_once={at_once}", id(person));
                written(&self.server.administer.send(Method::DELETE, &path, &[], "").await)
            }
        }
    }

    async fn record(&self, method: Method, path: &str, body: &Value) -> Outcome {
        let headers = [("content-type", "application/json")];
        written(&self.server.record.send(method, path, &headers, body.to_string()).await)
    }

    async fn patch(&self, person: &Person, body: &Value) -> Outcome {
        let path = format!("/v1/subjects/{}", self.people.id(person));
        self.record(Method::PATCH, &path, body).await
    }

    async fn appears(&mut self, deed: &Deed) -> Outcome {
        let Deed::Appears { person, identities, is_active, minor_until, choices } = deed else {
            unreachable!("{deed:?}")
        };
        // The server gives out ids itself, so nobody can ask for one that is taken.
        let path = format!("/v1/subjects/{}", self.people.id(person));
        let known = self.server.record.send(Method::GET, &path, &[], "").await;
        if known.status.is_success() {
            return Err("subject_exists".into());
        }
        let body = json!({
            "identifiers": identities.iter().map(name).collect::<Vec<_>>(),
            "is_active": is_active,
            "minor_until": minor_until,
            "choices": self.people.choices(choices),
        });
        let headers = [("content-type", "application/json")];
        let record = &self.server.record;
        let answer = record.send(Method::POST, "/v1/subjects", &headers, body.to_string()).await;
        let outcome = written(&answer)?;
        self.people.meet(person, answer.json()["subject"].as_str().unwrap());
        Ok(outcome)
    }

    async fn imported(&mut self, deed: &Deed) -> Outcome {
        let Deed::Imported { person, identities, is_active, minor_until, choices } = deed else {
            unreachable!("{deed:?}")
        };
        let (row, rest) = self.people.row(identities, *is_active, *minor_until, choices);
        for identity in rest {
            self.also_known(&identities[0], identity).await?;
        }
        let headers = [("content-type", "application/x-ndjson")];
        let record = &self.server.record;
        let answer = record.send(Method::POST, "/v1/imports", &headers, row.to_string()).await;
        let imported = answer.json();
        if let Some(code) = imported["refused"][0]["code"].as_str() {
            return Err(code.to_owned());
        }
        let found = self.find(&identities[0]).await;
        self.people.meet(person, &found);
        Ok((imported["recorded"] == 1).then(|| place(&imported["position"])))
    }

    /// Adds a second identifier of a namespace, for which a row has no place.
    async fn also_known(&self, first: &Identity, other: &Identity) -> Outcome {
        let path = format!("/v1/subjects/{}/identifiers", self.find(first).await);
        self.record(Method::POST, &path, &json!({"identifier": name(other)})).await
    }

    async fn find(&self, identity: &Identity) -> String {
        let body = json!({"identifier": name(identity)});
        let found = self.server.record.post("/v1/subjects/find", &body).await;
        found["subject"].as_str().unwrap().to_owned()
    }
}

/// What a write came to.
fn written(answer: &world::Answer) -> Outcome {
    let body = answer.json();
    if answer.status.is_success() {
        return Ok(position(&body));
    }
    let code = body["code"].as_str().unwrap_or_else(|| panic!("no problem document: {answer:?}"));
    Err(code.to_owned())
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn golden_examples_hold_over_http() {
    let mut http = Http { runtime: runtime(), server: None, people: People::default() };
    let summary = check(&Library::here(), &mut http).unwrap_or_else(|report| panic!("{report}"));
    assert!(summary.steps > 0, "no golden example was found");
}

const HEARTH: &str = include_str!("../../../../examples/hearth/catalog.yaml");

/// Of each basis that a stranger could be told from a known person by, one question.
const QUESTIONS: [(&str, &str, &str, Option<&str>, &str); 4] = [
    ("mailer", "contact.email", "marketing.offers", Some("email"), "never_asked"),
    ("service-cloud", "voice.recording", "improvement.speech", None, "never_asked"),
    ("service-cloud", "device.usage", "improvement", None, "objected"),
    ("service-cloud", "contact.email", "service.support", None, "no_contract"),
];

/// Whoever asks about anybody must not learn from the answer who is known. What is compared is
/// every byte, the head and the lease among them: the clock stands and nothing is recorded.
#[test]
fn somebody_unknown_is_answered_with_the_bytes_of_a_known_no() {
    let runtime = runtime();
    runtime.block_on(async {
        let server = Server::start().await;
        server.clock.set(LONG_AGO.plus_ms(1));
        let yaml = [("content-type", "application/yaml")];
        let applied = server.administer.send(Method::POST, "/v1/catalog", &yaml, HEARTH).await;
        assert_eq!(applied.status, 200, "{applied:?}");
        let appear = async |identifier: &str, choices: Value| {
            let body =
                json!({"identifiers": [identifier], "is_active": false, "choices": choices});
            let made = server.record.post("/v1/subjects", &body).await;
            made["subject"].as_str().unwrap().to_owned()
        };
        let objection = json!([{"effect": "denial", "scope": {"purpose": "improvement", "data": "device.usage"}}]);
        let silent = appear("email:ana@example.org", objection).await;
        let erased = appear("email:ben@example.org", json!([])).await;
        let path = format!("/v1/subjects/{erased}?at_once=true");
        let refused = server.administer.send(Method::DELETE, &path, &[], "").await;
        assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (409, &json!("still_held")));
        let path = format!("/v1/subjects/{erased}");
        let asked = server.administer.send(Method::DELETE, &path, &[], "").await.json();
        let gone = json!({"identifier": erased, "position": asked["position"], "state": "applied"});
        let report = json!({"recipient": "mailer", "effects": [gone]});
        server.report.post("/v1/effects", &report).await;
        assert_eq!(server.administer.send(Method::GET, &path, &[], "").await.status, 404);

        let strangers = [
            "0000000000000000000000000000dead",
            "email:nobody@example.org",
            "email:ben@example.org",
            "email:no address",
            "fax:1",
            "nobody",
            "",
            erased.as_str(),
        ];
        for (recipient, data, purpose, channel, reason) in QUESTIONS {
            let about = |whose: &str| {
                let context = channel.map_or(json!({}), |channel| json!({"channel": channel}));
                json!({
                    "subject": {"type": "recipient", "id": recipient},
                    "action": {"name": purpose},
                    "resource": {"type": data, "id": whose},
                    "context": context,
                })
            };
            let known = server.ask(&about(&silent)).await;
            assert_eq!(known.json()["context"]["reason"], reason, "{known:?}");
            assert_eq!(server.ask(&about("email:ana@example.org")).await.text, known.text);
            for stranger in strangers {
                let unknown = server.ask(&about(stranger)).await;
                assert_eq!(unknown.text, known.text, "{purpose} of `{stranger}`");
                let names = |answer: &world::Answer| {
                    answer.headers.iter().map(|(name, value)| (name.clone(), value.clone()))
                        .filter(|(name, _)| name != "date").collect::<Vec<_>>()
                };
                assert_eq!(names(&unknown), names(&known), "{purpose} of `{stranger}`");
            }
        }
    });
}
