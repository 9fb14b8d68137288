//! A ledger with everything in it that can be, in a folder of its own.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sayso_consent::{
    Choice, Command, Id, Position, Scope, SubjectId, Timestamp,
    choice::{Actor, Authority, Effect, Evidence, Method, NoticeRef},
    event::{EffectReport, Grade, Identifier, Key},
};
use sayso_decision::Snapshot;
use sayso_ledger::{
    Clock, Ledger, Secrets, Store, Written,
    journal::Journal,
    verify::{Report, verify},
    writer::{Idempotency, Outcomes, WriteError},
};
use sayso_stores::Embedded;
use tempfile::TempDir;

/// The root key of every ledger here.
pub(crate) const ROOT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// How many people the sample has; enough that their keys fill several pages of the file.
pub(crate) const PEOPLE: u128 = 60;

pub(crate) fn secrets() -> Secrets {
    Secrets::from_hex(ROOT).unwrap()
}

pub(crate) fn public_key() -> String {
    hex::encode(secrets().verifying().as_bytes())
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn noon() -> Timestamp {
    at("2026-01-10T12:00:00Z")
}

pub(crate) fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// The random-looking id of the sample's person `n`, so that their keys are inserted out of order.
pub(crate) fn person(n: u128) -> SubjectId {
    SubjectId((n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn catalog() -> sayso_consent::Catalog {
    let path = root().join("examples/hearth/catalog.yaml");
    sayso_catalog::read(&std::fs::read_to_string(path).unwrap(), "catalog.yaml").unwrap()
}

/// Opens the ledger in a folder over the embedded store.
pub(crate) fn open(folder: &Path) -> Ledger {
    open_with(folder, Arc::new(Embedded::open(folder).unwrap()))
}

/// Opens the ledger in a folder over any store.
pub(crate) fn open_with(folder: &Path, store: Arc<dyn Store>) -> Ledger {
    let journal = Journal::open(&folder.join("journal")).unwrap();
    Ledger::open(store, secrets(), Clock::fixed(noon()), Some(journal)).unwrap()
}

pub(crate) fn try_submit(
    ledger: &Ledger,
    commands: Vec<Command>,
    idempotency: Option<Idempotency>,
) -> Result<Outcomes, WriteError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(ledger.submit(commands, "test", idempotency))
}

/// Submits commands of which none is refused.
pub(crate) fn submit(ledger: &Ledger, commands: Vec<Command>) -> Vec<Written> {
    let outcomes = try_submit(ledger, commands, None).unwrap();
    outcomes.into_iter().map(|outcome| outcome.unwrap()).collect()
}

pub(crate) fn one(ledger: &Ledger, command: Command) -> Written {
    submit(ledger, vec![command]).remove(0)
}

pub(crate) fn identifier(ledger: &Ledger, namespace: &str, value: &str) -> Identifier {
    let (value, lookup) = ledger.identify(&id(namespace), value).unwrap();
    Identifier { namespace: id(namespace), value, lookup }
}

/// Offers over a channel, or over any.
pub(crate) fn offers(channel: Option<&str>) -> Scope {
    Scope { purpose: Some(id("marketing.offers")), channel: channel.map(id), ..Scope::default() }
}

pub(crate) fn choose(subject: SubjectId, choices: Vec<Choice>) -> Command {
    Command::Choose { subject, choices, authority: Authority::Strong }
}

pub(crate) fn grant(subject: SubjectId, scope: Scope) -> Command {
    choose(subject, vec![Choice::of_person(Effect::Grant, scope)])
}

pub(crate) fn deny(subject: SubjectId, scope: Scope) -> Command {
    choose(subject, vec![Choice::of_person(Effect::Denial, scope)])
}

/// Whether the mailer may send somebody offers by e-mail.
pub(crate) fn may_mail(ledger: &Ledger, subject: SubjectId) -> bool {
    may_mail_by(ledger.snapshot(), subject)
}

/// The same by any snapshot.
pub(crate) fn may_mail_by(snapshot: &Snapshot, subject: SubjectId) -> bool {
    let request = sayso_consent::Request {
        subject: Some(subject),
        data: id("contact.email"),
        purpose: id("marketing.offers"),
        recipient: id("mailer"),
        channel: Some(id("email")),
        device: None,
    };
    snapshot.decide(&request, noon()).allow()
}

/// Makes a person of the sample known, with three identifiers.
pub(crate) fn newcomer(ledger: &Ledger, n: u128) -> Command {
    let names = [("email", format!("person-{n}@example.org")), ("crm", format!("C-{n:05}"))];
    let names = names.iter().map(|(namespace, value)| identifier(ledger, namespace, value));
    Command::CreateSubject {
        subject: person(n),
        identifiers: names.collect(),
        is_active: !n.is_multiple_of(3),
        minor_until: (n == 7).then(|| at("2030-01-01")),
        choices: Vec::new(),
    }
}

fn key(name: &str, recipient: Option<&str>) -> Command {
    Command::CreateKey {
        key: Key {
            id: name.into(),
            digest: "ab".repeat(32),
            roles: vec![Grade::Decide, Grade::Report],
            recipient: recipient.map(id),
            label: "ein Schlüssel \"für\" Tests\n\u{1f511}".into(),
        },
    }
}

/// What is said with all its circumstances, so that every field is on the ledger once.
fn circumstances() -> Vec<Command> {
    let full = Choice {
        not_before: Some(at("2026-01-01")),
        until: Some(at("2027-01-01")),
        notice: Some(NoticeRef { id: id("offers"), version: 2, language: Some("de".into()) }),
        method: Method::CallCentre,
        actor: Actor::Agent { id: "agent-7".into() },
        evidence: Some(Evidence {
            reference: Some("call 4711 \u{7f}\u{e000}\u{1f642} \\ \"ok\"".into()),
            occurred_at: Some(at("2025-12-31")),
        }),
        ..Choice::of_person(Effect::Grant, offers(Some("call")))
    };
    let signal = Choice {
        method: Method::Gpc,
        ..Choice::of_person(
            Effect::Denial,
            Scope { purpose: Some(id("marketing.ads")), ..Scope::default() },
        )
    };
    let by_guardian = Choice {
        actor: Actor::Guardian { subject: person(1) },
        ..Choice::of_person(Effect::Grant, offers(Some("email")))
    };
    vec![
        choose(person(2), vec![full]),
        choose(person(2), vec![signal]),
        Command::SetGuardian { subject: person(7), guardian: person(1), is_guardian: true },
        choose(person(7), vec![by_guardian]),
        Command::AcquireDevice { subject: person(3), device: id("assistant/A-1"), from: None },
        Command::SetHousehold {
            subject: person(3),
            device: id("assistant/A-1"),
            members: vec![person(4), person(5)],
        },
        deny(person(4), Scope { data: Some(id("voice.recording")), ..Scope::default() }),
        Command::AcquireDevice {
            subject: person(6),
            device: id("assistant/A-1"),
            from: Some(person(3)),
        },
        Command::SetRelationship { subject: person(8), is_active: true },
        Command::SetRestriction { subject: person(9), is_restricted: true },
        Command::SetMinority { subject: person(8), minor_until: Some(at("2028-06-01")) },
    ]
}

/// Fills an empty ledger: about 300 entries, which is more than a tile of the tree.
pub(crate) fn fill(ledger: &Ledger) {
    one(ledger, Command::ApplyCatalog { catalog: Box::new(catalog()) });
    submit(
        ledger,
        vec![key("k1", None), key("k2", Some("mailer")), Command::RevokeKey { id: "k1".into() }],
    );
    submit(ledger, (0..PEOPLE).map(|n| newcomer(ledger, n)).collect());
    for round in ["email", "post", "push", "device"] {
        let said = |n: u128| match n % 4 {
            0 => deny(person(n), offers(Some(round))),
            _ => grant(person(n), offers(Some(round))),
        };
        submit(ledger, (0..PEOPLE).filter(|n| *n != 7).map(said).collect());
    }
    submit(ledger, circumstances());
    report(ledger, person(10));
    let mut changed = catalog();
    changed.organisation.address = Some("Neue Straße 1, 10115 Berlin".into());
    one(ledger, Command::ApplyCatalog { catalog: Box::new(changed) });
    one(
        ledger,
        Command::RemoveIdentifier {
            subject: person(11),
            namespace: id("crm"),
            lookup: identifier(ledger, "crm", "C-00011").lookup,
        },
    );
    one(ledger, Command::Erase { subject: person(12), at_once: false });
    erase(ledger, person(13));
}

/// Asks for an erasure, and reports for every system that it has applied it: the person is gone.
/// The entry that says so is returned.
pub(crate) fn erase(ledger: &Ledger, subject: SubjectId) -> Written {
    let asked = one(ledger, Command::Erase { subject, at_once: false });
    let last = report_all(ledger, subject);
    assert!(ledger.snapshot().subject(subject).is_none(), "every system has applied it");
    last.unwrap_or(asked)
}

/// Reports for every system that it has applied what it owes for somebody; the last of the reports.
pub(crate) fn report_all(ledger: &Ledger, subject: SubjectId) -> Option<Written> {
    let pending = ledger.snapshot().subject(subject).map(|state| state.pending.clone());
    let reports = pending.into_iter().flatten().map(|owed| {
        let former = owed.former_lookup();
        let report = EffectReport { former, ..effect(owed.recipient, owed.position) };
        Command::ReportEffect { subject, report }
    });
    let reports: Vec<Command> = reports.collect();
    if reports.is_empty() { None } else { submit(ledger, reports).pop() }
}

/// Reports that the mailer has applied all that it was told about somebody.
pub(crate) fn report(ledger: &Ledger, subject: SubjectId) {
    let through = ledger.snapshot().subject(subject).unwrap().position;
    let report = effect(id("mailer"), through);
    one(ledger, Command::ReportEffect { subject, report });
}

pub(crate) fn effect(recipient: Id, through: Position) -> EffectReport {
    EffectReport {
        recipient,
        through,
        applied_at: Some(noon()),
        sent_at: Some(noon()),
        received_at: Some(noon()),
        detail: Some("2 rows".into()),
        former: None,
    }
}

/// A filled ledger, closed, and the folder it is in.
pub(crate) fn closed() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path()));
    folder
}

/// What the program's own verifier says about a file.
pub(crate) fn report_of(
    file: &Path,
    with_root: bool,
    kept: Option<&str>,
) -> Result<Report, String> {
    let secrets = secrets();
    let root = with_root.then_some(&secrets);
    let store = Embedded::open_file(file).map_err(|error| error.to_string())?;
    verify(&store, &secrets.verifying(), root, kept, &mut |_| {}).map_err(|error| error.to_string())
}

pub(crate) fn holds(file: &Path, with_root: bool, kept: Option<&str>) -> bool {
    report_of(file, with_root, kept).is_ok_and(|report| report.holds())
}
