//! Looks after the recipients that have a deadline and no sink.
//!
//! Nobody tells them anything, yet what they owe runs late all the same and is denied. Without
//! this nothing would say so.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_consent::{
    Timestamp,
    id::{Id, SubjectId},
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

/// Keeps the standing of every recipient that is not connected, for as long as it runs.
pub struct Watcher {
    ledger: Arc<Ledger>,
    board: Arc<Board>,
    connected: BTreeSet<Id>,
    alarms: BTreeMap<Id, Alarm>,
}

impl Watcher {
    /// For all recipients but those that have a dispatcher.
    pub fn new(ledger: Arc<Ledger>, board: Arc<Board>, connected: BTreeSet<Id>) -> Self {
        Self { ledger, board, connected, alarms: BTreeMap::new() }
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
        self.meet();
        if self.alarms.is_empty() {
            return;
        }
        let debts = self.debts(self.ledger.clock().at()).await;
        for (recipient, debt) in debts {
            self.alarms.entry(recipient.clone()).or_default().look(&recipient, debt);
            self.board.update(&recipient, |standing| debt.show(standing));
        }
    }

    /// Notes the recipients that the catalog in force declares. A catalog may come at any time.
    fn meet(&mut self) {
        let in_force = self.ledger.snapshot().in_force();
        let declared = in_force.iter().flat_map(|now| &now.catalog.recipients);
        for (recipient, _) in declared.filter(|(_, own)| own.effect_deadline.is_some()) {
            if self.connected.contains(recipient) || self.alarms.contains_key(recipient) {
                continue;
            }
            tracing::warn!(
                "{recipient} has an effect_deadline but no [sinks.{recipient}]: its use will be \
                 denied (overdue) from its deadline on"
            );
            self.alarms.insert(recipient.clone(), Alarm::default());
        }
    }

    async fn debts(&self, at: Timestamp) -> BTreeMap<Id, Debt> {
        let known = self.alarms.keys().map(|recipient| (recipient.clone(), Debt::default()));
        let mut debts: BTreeMap<Id, Debt> = known.collect();
        let snapshot = Arc::clone(self.ledger.snapshot());
        let mut from = Some(SubjectId(0));
        while let Some(page) = from.and_then(|from| snapshot.page_of_people(from)) {
            for (_, state) in &page.people {
                for (recipient, debt) in &mut debts {
                    debt.count(recipient, state, at);
                }
            }
            from = page.next;
            // Requests are answered between two pages.
            tokio::task::yield_now().await;
        }
        debts
    }
}
