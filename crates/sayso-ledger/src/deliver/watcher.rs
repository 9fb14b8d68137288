//! Goes through everybody for what no dispatcher sees.
//!
//! Recipients that have a deadline and no sink: nobody tells them anything, yet what they owe runs
//! late all the same and is denied. And systems that may know somebody under a name that is not known
//! here: they cannot be told, and without this nothing would say so.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_consent::{
    Timestamp,
    catalog::{Catalog, Nameless, Recipient},
    id::Id,
};
use tokio::sync::watch;

use crate::{
    Ledger,
    deliver::{
        board::Board,
        debt::{Alarm, Debt},
    },
};

/// The shortest rest between two looks at everyone.
const REST: Duration = Duration::from_secs(2);
/// A rest is so many times as long as the look before it, so that with many people the looking
/// takes a twentieth of one core at most.
const REST_PER_LOOK: u32 = 20;

/// Keeps those standings, for as long as it runs.
pub struct Watcher {
    ledger: Arc<Ledger>,
    board: Arc<Board>,
    alarms: BTreeMap<Id, Alarm>,
}

/// What there is to count.
#[derive(Default)]
struct Counted {
    debts: BTreeMap<Id, Debt>,
    unresolved: BTreeMap<Id, usize>,
}

impl Watcher {
    /// For the recipients of a ledger.
    pub fn new(ledger: Arc<Ledger>, board: Arc<Board>) -> Self {
        Self { ledger, board, alarms: BTreeMap::new() }
    }

    /// Runs until told to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let begun = Instant::now();
            self.look().await;
            let rest = REST.max(begun.elapsed() * REST_PER_LOOK);
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn look(&mut self) {
        let Some(in_force) = self.ledger.snapshot().in_force() else { return };
        self.meet(&in_force.catalog);
        let vague = vague(&in_force.catalog);
        if self.alarms.is_empty() && vague.is_empty() {
            return;
        }
        let counted = self.count(&vague, self.ledger.clock().at()).await;
        for (recipient, debt) in counted.debts {
            self.alarms.entry(recipient.clone()).or_default().look(&recipient, debt);
            self.board.update(&recipient, |standing| {
                standing.is_connected = false;
                debt.show(standing);
            });
        }
        for (recipient, people) in counted.unresolved {
            self.board.update(&recipient, |standing| standing.unresolved = people);
        }
    }

    /// Notes the recipients that the catalog in force declares and nobody tells. A catalog or a sink
    /// may come at any time.
    fn meet(&mut self, catalog: &Catalog) {
        let sinks = self.ledger.snapshot().sinks();
        self.alarms.retain(|recipient, _| !sinks.contains_key(recipient));
        let told = catalog.recipients.iter().filter(|(_, own)| own.effect_deadline.is_some());
        for (recipient, _) in told {
            if sinks.contains_key(recipient) || self.alarms.contains_key(recipient) {
                continue;
            }
            tracing::warn!(
                "{recipient} has an effect_deadline but no sink: its use will be denied (overdue) \
                 from its deadline on; declare one with `sayso sink add {recipient}`"
            );
            self.alarms.insert(recipient.clone(), Alarm::default());
        }
    }

    async fn count(&self, vague: &BTreeMap<&Id, &Id>, at: Timestamp) -> Counted {
        let known = self.alarms.keys().map(|recipient| (recipient.clone(), Debt::default()));
        let unresolved = vague.keys().map(|recipient| ((*recipient).clone(), 0));
        let mut counted = Counted { debts: known.collect(), unresolved: unresolved.collect() };
        let snapshot = Arc::clone(self.ledger.snapshot());
        for people in snapshot.pages_of_people() {
            for (_, state) in &people {
                for (recipient, debt) in &mut counted.debts {
                    debt.count(recipient, state, at);
                }
                for (recipient, people) in &mut counted.unresolved {
                    let namespace = vague.get(recipient);
                    let is_known = |namespace: &&Id| state.has_namespace(namespace);
                    *people += usize::from(!namespace.is_some_and(is_known));
                }
            }
            // Requests are answered between two pages.
            tokio::task::yield_now().await;
        }
        counted
    }
}

/// Those that may know somebody whose name in their namespace is not known here.
fn vague(catalog: &Catalog) -> BTreeMap<&Id, &Id> {
    let is_vague = |own: &Recipient| {
        own.effect_deadline.is_some() && own.without_identifier == Nameless::Unresolved
    };
    let vague = catalog.recipients.iter().filter(|(_, own)| is_vague(own));
    vague.filter_map(|(recipient, own)| Some((recipient, own.namespace.as_ref()?))).collect()
}
