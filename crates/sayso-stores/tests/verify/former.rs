//! A name that is somebody's no longer: whoever knew them by it is told, and an erasure waits for
//! that as for anything else.

use std::sync::{Arc, Mutex};

use sayso_consent::{Command, Position, SubjectId, id::Lookup};
use sayso_ledger::{
    Ledger,
    deliver::{Board, Dispatcher},
    sink::{Answer, Message, Outcome, Sink, Trouble},
};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::world::{
    catalog, deny, effect, erase, grant, id, identifier, newcomer, offers, one, open, person,
    try_submit,
};

const ANA: u128 = 1;
const BEN: u128 = 2;
const EMAIL: &str = "person-1@example.org";

/// A ledger with one person, whom the mailer knows by e-mail and the CRM by a number.
fn ledger(folder: &std::path::Path) -> Ledger {
    let ledger = open(folder);
    one(&ledger, Command::ApplyCatalog { catalog: Box::new(catalog()) });
    one(&ledger, newcomer(&ledger, ANA));
    one(&ledger, grant(person(ANA), offers(None)));
    ledger
}

fn email(ledger: &Ledger) -> Lookup {
    identifier(ledger, "email", EMAIL).lookup
}

fn remove(ledger: &Ledger) -> Position {
    let (namespace, lookup) = (id("email"), email(ledger));
    one(ledger, Command::RemoveIdentifier { subject: person(ANA), namespace, lookup }).position
}

/// Who owes something about Ana: since which entry, and whether it is about a former name.
fn owed(ledger: &Ledger) -> Vec<(String, Position, bool)> {
    let state = ledger.snapshot().subject(person(ANA));
    let pending = state.iter().flat_map(|state| &state.pending);
    let mut owed: Vec<_> = pending
        .map(|owed| (owed.recipient.to_string(), owed.position, owed.former.is_some()))
        .collect();
    owed.sort();
    owed
}

fn report(ledger: &Ledger, recipient: &str, through: Position, former: Option<Lookup>) {
    let report = sayso_consent::event::EffectReport { former, ..effect(id(recipient), through) };
    one(ledger, Command::ReportEffect { subject: person(ANA), report });
}

fn exists(ledger: &Ledger, subject: SubjectId) -> bool {
    ledger.snapshot().subject(subject).is_some()
}

/// A system that takes everything and keeps it.
#[derive(Default)]
struct Taking(Mutex<Vec<Value>>);

impl Sink for Taking {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        let told = messages.iter().map(|message| {
            let event: Value = serde_json::from_slice(&message.body).unwrap();
            event["data"].clone()
        });
        self.0.lock().unwrap().extend(told);
        Box::pin(std::future::ready(vec![Outcome::Delivered; messages.len()]))
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// What the mailer is told within a moment, and how many people the board says it owes.
fn told(ledger: &Arc<Ledger>, count: usize) -> (Vec<Value>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (taking, board) = (Arc::new(Taking::default()), Arc::new(Board::default()));
        let (stop, stopped) = watch::channel(false);
        let sink = Arc::clone(&taking) as Arc<dyn Sink>;
        let dispatcher =
            Dispatcher::new(Arc::clone(ledger), Arc::clone(&board), id("mailer"), sink);
        let running = tokio::spawn(dispatcher.run(stopped));
        for _ in 0..100 {
            if taking.0.lock().unwrap().len() >= count {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        stop.send(true).unwrap();
        running.await.unwrap();
        let unapplied = board.standings().first().map_or(0, |(_, standing)| standing.unapplied);
        (std::mem::take(&mut *taking.0.lock().unwrap()), unapplied)
    })
}

#[test]
fn a_system_is_told_to_forget_a_name_that_is_the_persons_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(ledger(folder.path()));
    let head = ledger.snapshot().head();
    report(&ledger, "mailer", head, None);
    report(&ledger, "crm", head, None);
    assert_eq!(owed(&ledger), []);

    let removed = remove(&ledger);
    assert_eq!(owed(&ledger), [("mailer".to_owned(), removed, true)]);
    assert_eq!(ledger.formerly(&email(&ledger), &id("mailer")), [(person(ANA), removed)]);
    let (told, unapplied) = told(&ledger, 1);
    assert_eq!(unapplied, 1);
    let told = told.first().expect("it is told");
    assert_eq!(told["identifiers"], json!([format!("email:{EMAIL}")]));
    assert_eq!((&told["leaving"], &told["permissions"]), (&json!(true), &json!([])));
    assert_eq!(told["position"], json!(removed.to_string()));

    one(&ledger, deny(person(ANA), offers(None)));
    let asked = one(&ledger, Command::Erase { subject: person(ANA), at_once: false }).position;
    report(&ledger, "crm", asked, None);
    assert!(exists(&ledger, person(ANA)), "the mailer has said nothing yet");
    report(&ledger, "mailer", removed, Some(email(&ledger)));
    assert!(!exists(&ledger, person(ANA)), "now she is gone");
    assert_eq!(ledger.formerly(&email(&ledger), &id("mailer")), []);
}

#[test]
fn an_erasure_ends_although_a_system_was_away_when_its_name_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(ledger(folder.path()));
    report(&ledger, "crm", ledger.snapshot().head(), None);
    let removed = remove(&ledger);
    assert_eq!(owed(&ledger), [("mailer".to_owned(), removed, true)], "and nothing else");
    let asked = one(&ledger, Command::Erase { subject: person(ANA), at_once: false }).position;
    report(&ledger, "crm", asked, None);

    // The server was down meanwhile: what is owed is known from the ledger.
    drop(ledger);
    let ledger = Arc::new(open(folder.path()));
    let (told, unapplied) = told(&ledger, 1);
    assert_eq!((told.len(), unapplied), (1, 1));
    assert_eq!(told[0]["identifiers"], json!([format!("email:{EMAIL}")]));
    report(&ledger, "mailer", removed, Some(email(&ledger)));
    assert!(!exists(&ledger, person(ANA)));
}

#[test]
fn what_was_said_about_other_names_says_nothing_about_a_former_one() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let identifier = identifier(&ledger, "email", "ana@example.net");
    one(&ledger, Command::AddIdentifier { subject: person(ANA), identifier });
    let removed = remove(&ledger);
    one(&ledger, deny(person(ANA), offers(None)));
    let head = ledger.snapshot().head();
    report(&ledger, "mailer", head, None);
    report(&ledger, "crm", head, None);
    assert_eq!(owed(&ledger), [("mailer".to_owned(), removed, true)]);
}

#[test]
fn a_name_that_is_taken_back_is_told_as_it_is_now_and_no_deadline_moves() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let due = || {
        let state = ledger.snapshot().subject(person(ANA)).unwrap();
        let own = state.pending.iter().filter(|owed| owed.recipient == id("mailer"));
        own.map(|owed| owed.due).min().unwrap()
    };
    let first = due();
    remove(&ledger);
    assert_eq!(due(), first);
    let identifier = identifier(&ledger, "email", EMAIL);
    let added = one(&ledger, Command::AddIdentifier { subject: person(ANA), identifier }).position;
    assert_eq!(due(), first);
    let mailer: Vec<_> =
        owed(&ledger).into_iter().filter(|(recipient, ..)| recipient == "mailer").collect();
    assert_eq!(mailer, [("mailer".to_owned(), added, false)]);
}

/// The message keeps the position of the removal. With a later one it would undo, with the
/// receiver, what somebody else who has the name now was allowed.
#[test]
fn a_name_that_is_somebody_elses_by_now_is_not_taken_from_them() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(ledger(folder.path()));
    one(&ledger, newcomer(&ledger, BEN));
    let removed = remove(&ledger);
    let identifier = identifier(&ledger, "email", EMAIL);
    let added = one(&ledger, Command::AddIdentifier { subject: person(BEN), identifier }).position;
    one(&ledger, deny(person(ANA), offers(None)));
    let (told, _) = told(&ledger, 2);
    let of = |leaving: bool| told.iter().find(|told| told["leaving"] == leaving).unwrap();
    assert_eq!(of(true)["position"], json!(removed.to_string()));
    assert_eq!(of(false)["position"], json!(added.to_string()));
}

#[test]
fn nobody_is_erased_at_once_while_a_system_holds_them() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let at_once = || {
        let command = Command::Erase { subject: person(ANA), at_once: true };
        try_submit(&ledger, vec![command], None).unwrap().remove(0)
    };
    let refused = |why: &str| {
        let head = ledger.snapshot().head();
        assert_eq!(at_once().map_err(|refused| refused.code), Err("still_held".into()), "{why}");
        assert_eq!(ledger.snapshot().head(), head, "nothing was recorded");
    };
    refused("nobody has applied anything");
    let head = ledger.snapshot().head();
    report(&ledger, "mailer", head, None);
    report(&ledger, "crm", head, None);
    refused("both have her in their tables");
    one(&ledger, Command::Erase { subject: person(ANA), at_once: false });
    refused("neither has said that hers are gone");
    one(&ledger, newcomer(&ledger, BEN));
    erase(&ledger, person(BEN));
    assert!(!exists(&ledger, person(BEN)));
}
