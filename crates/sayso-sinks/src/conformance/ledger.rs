//! A real ledger in a folder of its own, with people who change their minds.

use std::{collections::BTreeMap, sync::Arc};

use sayso_consent::{
    Choice, Command, Scope, SubjectId,
    choice::{Authority, Effect},
    event::Identifier,
};
use sayso_ledger::{
    Clock, Ledger, Secrets,
    deliver::{self, Board, Dispatcher, PermissionData, Standing},
    sink::{About, Kept, Sink},
};
use sayso_stores::Embedded;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

use super::people::{id, recipient};

/// A ledger, and what is known about telling the mailer of it.
pub(super) struct Told {
    ledger: Arc<Ledger>,
    board: Arc<Board>,
    people: u64,
    _folder: TempDir,
}

/// A dispatcher that runs.
pub(super) struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Asks it to end and waits until it has.
    pub(super) async fn stop(self) {
        self.stop.send(true).expect("it runs");
        self.task.await.expect("it ends");
    }

    /// Ends it where it stands.
    pub(super) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Told {
    /// The sample's catalog and so many people, of whom two systems know a name each.
    pub(super) async fn new(people: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(Embedded::open(folder.path()).expect("a store"));
        let secrets = Secrets::generate().expect("random bytes");
        let ledger = Ledger::open(store, secrets, Clock::system(), None).expect("a ledger");
        let told =
            Self { ledger: Arc::new(ledger), board: Arc::default(), people, _folder: folder };
        told.submit(vec![Command::ApplyCatalog { catalog: Box::new(catalog()) }]).await;
        let newcomers = (0..people).map(|number| told.newcomer(number)).collect();
        told.submit(newcomers).await;
        told
    }

    fn newcomer(&self, number: u64) -> Command {
        let names = [
            ("email", format!("p{number}@{}.example.org", self.ledger.id())),
            ("crm", format!("C-{number}")),
        ];
        let identifier = |(namespace, value): &(&str, String)| {
            let namespace = id(namespace);
            let (value, lookup) = self.ledger.identify(&namespace, value).expect("a name");
            Identifier { namespace, value, lookup }
        };
        Command::CreateSubject {
            subject: subject(number),
            identifiers: names.iter().map(identifier).collect(),
            is_active: true,
            minor_until: None,
            choices: Vec::new(),
        }
    }

    async fn submit(&self, commands: Vec<Command>) {
        let outcomes = self.ledger.submit(commands, "conformance", None).await.expect("a write");
        assert!(outcomes.iter().all(Result::is_ok), "no command is refused");
    }

    /// Everybody allows offers, or takes that back.
    pub(super) async fn everybody_says(&self, yes: bool) {
        let effect = if yes { Effect::Grant } else { Effect::Denial };
        let scope = Scope { purpose: Some(id("marketing.offers")), ..Scope::default() };
        let choice = |number| Command::Choose {
            subject: subject(number),
            choices: vec![Choice::of_person(effect, scope.clone())],
            authority: Authority::Strong,
        };
        self.submit((0..self.people).map(choice).collect()).await;
    }

    /// Somebody asks to be forgotten.
    pub(super) async fn erase(&self, number: u64) {
        self.submit(vec![Command::Erase { subject: subject(number), at_once: false }]).await;
    }

    /// Tells the mailer by a sink.
    pub(super) fn run(&self, sink: Arc<dyn Sink>) -> Running {
        let (stop, stopped) = watch::channel(false);
        let (ledger, board) = (Arc::clone(&self.ledger), Arc::clone(&self.board));
        let dispatcher = Dispatcher::new(ledger, board, recipient(), sink);
        Running { stop, task: tokio::spawn(dispatcher.run(stopped)) }
    }

    /// How the mailer stands.
    pub(super) fn standing(&self) -> Standing {
        let own = self.board.standings().into_iter().find(|(name, _)| *name == recipient());
        own.map(|(_, standing)| standing).unwrap_or_default()
    }

    /// What the mailer should hold by now, by key.
    pub(super) fn expected(&self) -> BTreeMap<String, Option<Kept>> {
        (0..self.people).map(|number| self.expected_of(subject(number))).collect()
    }

    fn expected_of(&self, subject: SubjectId) -> (String, Option<Kept>) {
        let about = About { subject, former: None };
        let key = self.ledger.secrets().recipient_keys(&recipient()).of(about);
        let snapshot = self.ledger.snapshot();
        let state = snapshot.subject(subject).expect("nobody is gone for good");
        let own = state.pending.iter().filter(|owed| owed.recipient == recipient());
        let applied = state.applied.iter().find(|applied| applied.recipient == recipient());
        let position = own.map(|owed| owed.position).max().or(applied.map(|own| own.through));
        let at = self.ledger.clock().at();
        let permissions = snapshot.permissions(subject, &recipient(), at);
        let permissions: Vec<PermissionData> = permissions.into_iter().map(Into::into).collect();
        let marks = deliver::sum(&key, &permissions);
        let kept = Kept { key: key.clone(), position, names: 1, marks };
        (key, (!state.is_leaving).then_some(kept))
    }
}

fn subject(number: u64) -> SubjectId {
    SubjectId((u128::from(number) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

fn catalog() -> sayso_consent::Catalog {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hearth/catalog.yaml");
    let text = std::fs::read_to_string(path).expect("the sample's catalog");
    sayso_catalog::read(&text, "catalog.yaml").expect("a catalog")
}
