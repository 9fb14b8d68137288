//! Delivery: lines, on the disk before they count.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use sayso_ledger::{
    Clock,
    sink::{About, Answer, Message, Outcome, Pace, Sink, Told, Trouble},
};
use serde::de::IgnoredAny;

use super::{config::Settings, spool::Spool};
use crate::open::{OpenError, Secrets, read};

/// Most lines that are written between two waits for the disk.
const BATCH_MAX: usize = 1_000;

/// Writes files.
#[derive(Clone)]
pub struct File(Arc<Inner>);

struct Inner {
    settings: Settings,
    name: String,
    clock: Clock,
    spool: Mutex<Option<Spool>>,
}

pub(super) fn open(
    settings: &serde_json::Value,
    _: &Secrets,
    told: &Told,
) -> Result<Arc<dyn Sink>, OpenError> {
    let (_, settings): (IgnoredAny, Settings) = read(settings, &[])?;
    Ok(Arc::new(File::new(settings, told, Clock::system())?))
}

impl File {
    /// A sink with these settings.
    ///
    /// # Errors
    /// They are not fit.
    pub fn new(settings: Settings, told: &Told, clock: Clock) -> Result<Self, OpenError> {
        settings.check()?;
        let name = settings.name.as_ref().unwrap_or(&told.recipient).to_string();
        Ok(Self(Arc::new(Inner { settings, name, clock, spool: Mutex::default() })))
    }

    /// Does something with the files on a thread that may wait.
    async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Inner, &mut Option<Spool>) -> T + Send + 'static,
    ) -> Option<T> {
        let inner = Arc::clone(&self.0);
        let acted = tokio::task::spawn_blocking(move || {
            let mut spool = inner.spool.lock().unwrap_or_else(PoisonError::into_inner);
            act(&inner, &mut spool)
        });
        acted.await.ok()
    }
}

#[cfg(test)]
impl File {
    /// Lets go of the files, as a program that ends does.
    pub(super) fn close(&self) {
        *self.0.spool.lock().unwrap() = None;
    }
}

impl Inner {
    fn write(&self, slot: &mut Option<Spool>, messages: &[Message]) -> io::Result<()> {
        let good: Vec<&Message> = messages.iter().filter(|message| is_line(message)).collect();
        let Some(at) = good.iter().map(|message| message.at).min() else { return Ok(()) };
        if slot.as_ref().is_some_and(|spool| !spool.is_in_place()) {
            *slot = None;
        }
        let spool = match slot {
            Some(spool) => spool,
            None => slot.insert(Spool::open(&self.settings.folder, &self.name)?),
        };
        let mut lines = Vec::new();
        for message in good {
            lines.extend_from_slice(&message.body);
            lines.push(b'\n');
        }
        let appended = spool.append(&lines, at);
        if appended.is_err() {
            *slot = None;
        }
        appended
    }

    fn rotate_if_due(&self, slot: &mut Option<Spool>) {
        let Settings { rotate_bytes, rotate_seconds, .. } = self.settings;
        let at = self.clock.at();
        let due = slot.as_mut().filter(|spool| spool.is_due(at, rotate_bytes, rotate_seconds));
        // Lines that were written stay where they are: the next start finishes what is left.
        if due.is_some_and(|spool| spool.rotate().is_err()) {
            *slot = None;
        }
    }
}

/// Whether it can be told apart from its neighbours.
fn is_line(message: &Message) -> bool {
    !message.body.contains(&b'\n')
}

fn class(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "no_folder",
        io::ErrorKind::PermissionDenied => "credentials",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk_full",
        io::ErrorKind::ResourceBusy => "in_use",
        io::ErrorKind::AlreadyExists => "name_taken",
        _ => "io",
    }
}

impl Sink for File {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move {
            let told = Arc::clone(&messages);
            let written = self.with(move |inner, slot| {
                let written = inner.write(slot, &told);
                inner.rotate_if_due(slot);
                written
            });
            let taken = match written.await {
                Some(Ok(())) => Outcome::Delivered,
                Some(Err(error)) => Outcome::again(class(&error)),
                None => Outcome::again("io"),
            };
            let refused = Outcome::Refused { why: "line_break".into() };
            let outcome = |message: &Message| match is_line(message) {
                true => taken.clone(),
                false => refused.clone(),
            };
            messages.iter().map(outcome).collect()
        })
    }

    fn pace(&self) -> Pace {
        Pace { batch_max: BATCH_MAX, at_once: 1, per_second: None }
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async move {
            let folder = self.0.settings.folder.clone();
            let found = tokio::task::spawn_blocking(move || std::fs::metadata(folder)).await;
            match found {
                Ok(Ok(found)) if found.is_dir() => Ok(vec!["the folder is there".into()]),
                Ok(Ok(_)) => Err(Trouble("no_folder".into())),
                Ok(Err(error)) => Err(Trouble(class(&error).into())),
                Err(_) => Err(Trouble("io".into())),
            }
        })
    }

    /// Nothing ever is, from here; but a file that nobody writes to any more becomes old.
    fn applied(&self) -> Answer<'_, Vec<(About, sayso_consent::Position)>> {
        Box::pin(async move {
            self.with(|inner, slot| inner.rotate_if_due(slot)).await;
            Vec::new()
        })
    }
}
