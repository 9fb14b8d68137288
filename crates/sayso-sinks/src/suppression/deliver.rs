//! Delivery: durable in the state first, in a list later, applied when that was taken.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use sayso_consent::id::Position;
use sayso_ledger::{
    Clock,
    sink::{About, Answer, Message, Outcome, Pace, Sink, Told, Trouble},
};
use serde::de::IgnoredAny;

use super::{
    config::Settings,
    export::Shelf,
    state::{Applied, State, Waiting},
};
use crate::open::{OpenError, Secrets, read};

/// Most messages that are made durable at once.
const BATCH_MAX: usize = 1_000;
/// Most people that are reported at once.
const APPLIED_MAX: usize = 10_000;

/// Writes lists.
pub struct Suppression(Arc<Inner>);

struct Inner {
    settings: Settings,
    name: String,
    clock: Clock,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    state: Option<State>,
    /// What was reported the last time. Whoever asks again has it.
    reported: Vec<Applied>,
}

pub(super) fn open(
    settings: &serde_json::Value,
    _: &Secrets,
    told: &Told,
) -> Result<Arc<dyn Sink>, OpenError> {
    let (_, settings): (IgnoredAny, Settings) = read(settings, &[])?;
    Ok(Arc::new(Suppression::new(settings, told, Clock::system())?))
}

impl Suppression {
    /// A sink with these settings.
    ///
    /// # Errors
    /// They are not fit.
    pub fn new(settings: Settings, told: &Told, clock: Clock) -> Result<Self, OpenError> {
        settings.check()?;
        let name = settings.name.as_ref().unwrap_or(&told.recipient).to_string();
        Ok(Self(Arc::new(Inner { settings, name, clock, kept: Mutex::default() })))
    }

    /// Does something with the state on a thread that may wait.
    async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Inner, &mut Kept) -> io::Result<T> + Send + 'static,
    ) -> Result<T, &'static str> {
        let inner = Arc::clone(&self.0);
        let acted = tokio::task::spawn_blocking(move || {
            let mut kept = inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.state.is_none() {
                kept.state = Some(State::open(&inner.settings.folder)?);
            }
            act(&inner, &mut kept)
        });
        acted
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
            .map_err(|error| class(&error))
    }
}

impl Inner {
    fn shelf(&self) -> Shelf<'_> {
        Shelf { settings: &self.settings, name: &self.name }
    }

    /// Sees what was taken, and writes a list if it is time for one.
    fn look(&self, state: &State) -> io::Result<()> {
        let shelf = self.shelf();
        for list in state.waiting().map_err(io::Error::other)? {
            if shelf.is_taken(list.number)? {
                state.ended(list.number, true).map_err(io::Error::other)?;
            }
        }
        let at = self.clock.at();
        let newest = state.newest().map_err(io::Error::other)?;
        let is_time = newest.is_none_or(|newest| {
            let age_ms = at.0.saturating_sub(newest.at.0);
            u64::try_from(age_ms).is_ok_and(|age_ms| age_ms >= self.settings.every_seconds * 1_000)
        });
        if !is_time || !state.is_dirty().map_err(io::Error::other)? {
            return Ok(());
        }
        let number = newest.map_or(1, |newest| newest.number + 1);
        let before = state.waiting().map_err(io::Error::other)?;
        shelf.write(state, Waiting { number, at })?;
        state.written(Waiting { number, at }).map_err(io::Error::other)?;
        for list in before {
            let is_taken = shelf.take_back(list.number)?;
            state.ended(list.number, is_taken).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

fn class(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "no_folder",
        io::ErrorKind::PermissionDenied => "credentials",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk_full",
        _ => "io",
    }
}

impl Sink for Suppression {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move {
            let count = messages.len();
            let taken = self.with(move |inner, kept| {
                let Some(state) = &mut kept.state else { return Ok(()) };
                state.take(&messages, &inner.settings).map_err(io::Error::other)
            });
            match taken.await {
                Ok(()) => vec![Outcome::Delivered; count],
                Err(class) => vec![Outcome::again(class); count],
            }
        })
    }

    fn pace(&self) -> Pace {
        Pace { batch_max: BATCH_MAX, at_once: 1, per_second: None }
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async move {
            let exports = self.0.settings.exports.clone();
            let found = tokio::task::spawn_blocking(move || std::fs::metadata(exports)).await;
            match found {
                Ok(Ok(found)) if found.is_dir() => {}
                _ => return Err(Trouble("no_folder".into())),
            }
            if !self.0.settings.folder.is_dir() {
                return Ok(vec!["there is no list yet".into()]);
            }
            let lag = self.with(|inner, kept| {
                let since = kept.state.as_ref().map(State::untaken_since).transpose();
                let since = since.map_err(io::Error::other)?.flatten();
                Ok(since.map(|since| inner.clock.at().0.saturating_sub(since.0) / 1_000))
            });
            Ok(vec![match lag.await.map_err(|class| Trouble(class.into()))? {
                None => "no list waits to be taken".into(),
                Some(seconds) => format!("no list was taken for {seconds} seconds"),
            }])
        })
    }

    fn applied(&self) -> Answer<'_, Vec<(About, Position)>> {
        Box::pin(async move {
            let applied = self.with(|inner, kept| {
                let reported = std::mem::take(&mut kept.reported);
                let Some(state) = &mut kept.state else { return Ok(Vec::new()) };
                state.reported(&reported).map_err(io::Error::other)?;
                // A list that cannot be written now must not keep what was taken from being said.
                let looked = inner.look(state);
                if let Err(error) = looked {
                    tracing::warn!(
                        recipient = inner.name,
                        class = class(&error),
                        "no list can be written"
                    );
                }
                kept.reported = state.applied(APPLIED_MAX).map_err(io::Error::other)?;
                Ok(kept.reported.iter().map(|own| (own.about, own.position)).collect())
            });
            applied.await.unwrap_or_default()
        })
    }
}
