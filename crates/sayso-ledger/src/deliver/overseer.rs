//! Looks whether a system obeys: changes its canary and times it through to being read back, reads
//! the whole system back and holds it against the ledger, and has it told again where it differs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_consent::{
    Command, Timestamp,
    event::Identifier,
    id::{Id, Position, SubjectId},
    sink::{Compared, Mode},
};
use tokio::sync::watch;

use crate::{
    Ledger,
    deliver::{
        board::{Board, Canary},
        compare::{Found, compare, find},
        compose::own,
        round::order,
    },
    keys::random,
    limits::DRIFTED_MAX,
    sink::{About, Sink},
};

/// Between two looks at a canary that was changed.
const LOOK: Duration = Duration::from_millis(250);
/// Reading everything back takes a twentieth of the time at most.
const REST_PER_READING: u32 = 20;
/// How many commands are submitted at once.
const SUBMIT: usize = 1_000;

/// Looks after one recipient.
pub(super) struct Overseer {
    ledger: Arc<Ledger>,
    board: Arc<Board>,
    recipient: Id,
    sink: Arc<dyn Sink>,
}

/// A canary that was changed.
struct Changed {
    subject: SubjectId,
    position: Position,
    at: Timestamp,
}

impl Overseer {
    pub(super) fn new(
        ledger: Arc<Ledger>,
        board: Arc<Board>,
        recipient: Id,
        sink: Arc<dyn Sink>,
    ) -> Self {
        Self { ledger, board, recipient, sink }
    }

    /// Runs until told to stop.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            let begun = Instant::now();
            let rest = tokio::select! {
                rest = self.look() => rest,
                _ = stop.changed() => return,
            };
            let period = self.period().saturating_sub(begun.elapsed()).max(rest);
            tokio::select! {
                () = tokio::time::sleep(period) => {}
                _ = stop.changed() => return,
            }
        }
    }

    fn by(&self) -> String {
        format!("sink:{}", self.recipient)
    }

    fn mode(&self) -> Mode {
        let sinks = self.ledger.snapshot().sinks();
        sinks.get(&self.recipient).map_or(Mode::Killed, |sink| sink.mode)
    }

    fn period(&self) -> Duration {
        let sinks = self.ledger.snapshot().sinks();
        let seconds = sinks.get(&self.recipient).map_or(60, |sink| sink.declared.watch_seconds);
        Duration::from_secs(u64::from(seconds.max(1)))
    }

    /// Looks once. How long to rest after it at least.
    async fn look(&self) -> Duration {
        if self.mode() == Mode::Killed {
            return Duration::ZERO;
        }
        let begun = Instant::now();
        self.read_back().await;
        let rest = begun.elapsed() * REST_PER_READING;
        // What is being given is not sent while it is paused, and so not the canary's either.
        if self.mode() == Mode::Running {
            self.watch_canary().await;
        }
        rest
    }

    /// Whether everybody is still being told: until then what it lacks is no drift.
    fn is_ordered(&self) -> bool {
        let sinks = self.ledger.snapshot().sinks();
        let again = sinks.get(&self.recipient).and_then(|sink| sink.again);
        let obeyed = self.ledger.store().cursor(&order(&self.recipient)).unwrap_or_default();
        again.is_some_and(|again| obeyed < again.ordered)
    }

    async fn read_back(&self) {
        let Some(mirror) = self.sink.mirror().filter(|_| !self.is_ordered()) else { return };
        let through = self.ledger.snapshot().head();
        let (begun, at) = (Instant::now(), self.ledger.clock().at());
        let found = compare(&self.ledger, &self.recipient, mirror).await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.board.update(&self.recipient, |standing| {
            let reading = &mut standing.reading;
            (reading.at, reading.took_ms) = (Some(at), took_ms);
            match &found {
                Ok(found) => {
                    reading.drifted += found.drifted.len() as u64;
                    reading.lapsed += found.lapsed.len() as u64;
                    (reading.strangers, reading.failure) = (found.strangers, None);
                }
                Err(trouble) => reading.failure = Some(trouble.0.clone()),
            }
        });
        match found {
            Ok(found) => self.mend(found, through, at).await,
            Err(trouble) => {
                tracing::warn!(recipient = %self.recipient, why = trouble.0, "cannot be read back");
            }
        }
    }

    /// Has whoever differs told again, and records what was seen.
    async fn mend(&self, found: Found, through: Position, at: Timestamp) {
        let Found { people, drifted, lapsed, strangers } = found;
        if !drifted.is_empty() || strangers > 0 {
            tracing::error!(
                recipient = %self.recipient,
                people = drifted.len(),
                strangers,
                "holds something else than it was told; it is told again"
            );
        }
        let recipient = || self.recipient.clone();
        let compared = Compared { through, at, people, drifted: drifted.len() as u64 };
        let mut commands = Vec::new();
        if drifted.len() + lapsed.len() > DRIFTED_MAX {
            let after = Position::START;
            commands.push(Command::ReplaySink { recipient: recipient(), after });
        } else {
            let drift = |subject| Command::FindDrift { subject, recipient: recipient() };
            commands.extend(drifted.into_iter().map(drift));
            let repeat = |subject| Command::RepeatDelivery { subject, recipient: recipient() };
            commands.extend(lapsed.into_iter().map(repeat));
        }
        commands.push(Command::NoteCompared { recipient: recipient(), compared });
        for some in commands.chunks(SUBMIT) {
            if let Err(error) = self.ledger.submit(some.to_vec(), &self.by(), None).await {
                tracing::warn!(recipient = %self.recipient, %error, "a reading cannot be recorded");
                return;
            }
        }
    }

    async fn watch_canary(&self) {
        let Some(changed) = self.change_canary().await else { return };
        let mut canary = Canary { changed_at: Some(changed.at), ..self.before() };
        (canary.applied_at, canary.verified_at) = (None, None);
        self.show(canary);
        let end = Instant::now() + self.period();
        while Instant::now() < end {
            if self.has_obeyed(&changed, &mut canary).await {
                let seen = canary.verified_at.or(canary.applied_at);
                canary.took_ms = seen.map(|seen| seen.0 - changed.at.0);
                canary.is_lost = false;
                self.show(canary);
                return;
            }
            self.show(canary);
            tokio::time::sleep(LOOK).await;
        }
        canary.is_lost = true;
        self.show(canary);
        tracing::error!(recipient = %self.recipient, "the canary was not seen: the connector is broken");
    }

    fn before(&self) -> Canary {
        self.board.standing(&self.recipient).canary
    }

    fn show(&self, canary: Canary) {
        self.board.update(&self.recipient, |standing| standing.canary = canary);
    }

    /// Whether the newest change of the canary is applied, and seen where it can be read back.
    async fn has_obeyed(&self, changed: &Changed, canary: &mut Canary) -> bool {
        let state = self.ledger.snapshot().subject(changed.subject);
        let is_open =
            |state: &_| own(&self.recipient, state).any(|owed| owed.position <= changed.position);
        if state.is_none_or(|state| is_open(&state)) {
            return false;
        }
        let at = self.ledger.clock().at();
        canary.applied_at = canary.applied_at.or(Some(at));
        let Some(mirror) = self.sink.mirror() else { return true };
        let about = About { subject: changed.subject, former: None };
        let key = self.ledger.secrets().recipient_keys(&self.recipient).of(about);
        let Ok(Some(kept)) = find(mirror, &key).await else { return false };
        if kept.position.is_some_and(|position| position < changed.position) {
            return false;
        }
        canary.verified_at = Some(self.ledger.clock().at());
        true
    }

    /// Changes the canary: what it restricts it sets free, and the other way round.
    async fn change_canary(&self) -> Option<Changed> {
        let sinks = self.ledger.snapshot().sinks();
        let name = sinks.get(&self.recipient)?.declared.canary.clone()?;
        let subject = self.canary(&name).await?;
        let is_restricted = !self.ledger.snapshot().subject(subject)?.is_restricted;
        let command = Command::SetRestriction { subject, is_restricted };
        let written = self.ledger.command(command, &self.by()).await.ok()?.ok()?;
        Some(Changed { subject, position: written.position, at: self.ledger.clock().at() })
    }

    /// Who the canary is; made if there is none.
    async fn canary(&self, name: &str) -> Option<SubjectId> {
        let known = self.ledger.find(name).inspect_err(|_| {
            tracing::error!(recipient = %self.recipient, "the canary's name is no identifier");
        });
        if let Some(subject) = known.ok()? {
            return Some(subject);
        }
        let (namespace, value) = name.split_once(':')?;
        let namespace: Id = namespace.parse().ok()?;
        let (value, lookup) = self.ledger.identify(&namespace, value).ok()?;
        let fresh = SubjectId(u128::from_be_bytes(random().ok()?));
        let identifiers = vec![Identifier { namespace, value, lookup }];
        let (is_active, minor_until, choices) = (Some(true), None, Vec::new());
        let command = Command::Import { fresh, identifiers, is_active, minor_until, choices };
        self.ledger.command(command, &self.by()).await.ok()?.ok()?.subject
    }
}
