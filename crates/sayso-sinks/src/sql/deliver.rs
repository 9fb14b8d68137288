//! Delivery: a batch is a transaction, over a connection that is kept.

use std::{sync::Arc, time::Duration};

use sayso_ledger::sink::{Answer, Message, Mirror, Outcome, Pace, Sink, Told, Trouble};
use serde::de::IgnoredAny;
use tokio::{sync::Mutex, time::timeout};
use zeroize::Zeroizing;

use super::{
    config::Settings,
    database::{Database, Profile, Tls},
    failure::Failure,
};
use crate::open::{OpenError, Secrets, read};

/// A connection, once there is one.
type Slot = Mutex<Option<Box<dyn Database>>>;

/// Tells a database. Connects when there is something to tell.
pub struct Sql {
    profile: Profile,
    timeout: Duration,
    batch_max: usize,
    writer: Slot,
    /// Reading back takes its time, and nobody's withdrawal waits for it.
    reader: Slot,
}

pub(super) fn open(
    settings: &serde_json::Value,
    secrets: &Secrets,
    told: &Told,
) -> Result<Arc<dyn Sink>, OpenError> {
    let (_, settings): (IgnoredAny, Settings) = read(settings, &[])?;
    Ok(Arc::new(Sql::new(&settings, secrets.get("password").cloned(), told)?))
}

impl Sql {
    /// A sink with these settings.
    ///
    /// # Errors
    /// They are not fit.
    pub fn new(
        settings: &Settings,
        password: Option<Zeroizing<String>>,
        told: &Told,
    ) -> Result<Self, OpenError> {
        let target = settings.target()?;
        let tls = settings.tls.then(|| Tls::new(settings.ca_file.as_deref())).transpose()?;
        let prepared = (1..).zip(&settings.statements).map(|(number, statement)| {
            let prepared = statement.prepare(target.dialect);
            prepared.map_err(|problem| {
                OpenError::wrong("statements", format!("cannot be run, number {number}: {problem}"))
            })
        });
        let prepared: Vec<_> = prepared.collect::<Result<_, _>>()?;
        let profile = Profile {
            target,
            password: password.map(Arc::new),
            tls,
            allow_private: settings.allow_private,
            timeout: settings.timeout(),
            prefix: settings.prefix.clone(),
            create_tables: settings.create_tables,
            owner: (told.ledger.clone(), told.recipient.to_string()),
            statements: settings.statements.clone().into(),
            prepared: prepared.into(),
        };
        let (writer, reader) = (Mutex::new(None), Mutex::new(None));
        let (timeout, batch_max) = (settings.timeout(), settings.batch_max);
        Ok(Self { profile, timeout, batch_max, writer, reader })
    }

    /// Does something over the connection in a slot, which is made first if there is none. After
    /// whatever may have left it in the middle of something it is dropped, and with it what was
    /// not committed.
    async fn over<T, A>(&self, slot: &Slot, patience: Duration, act: A) -> Result<T, Failure>
    where
        A: for<'a> FnOnce(&'a mut dyn Database) -> Answer<'a, Result<T, Failure>> + Send,
    {
        let mut slot = slot.lock().await;
        let mut database = match slot.take() {
            Some(database) => database,
            None => timeout(self.timeout, self.profile.connect())
                .await
                .map_err(|_| Failure::Timeout)??,
        };
        let done = timeout(patience, act(&mut *database)).await.unwrap_or(Err(Failure::Timeout));
        if done.as_ref().err().is_none_or(Failure::leaves_connection) {
            *slot = Some(database);
        }
        done
    }

    pub(super) async fn reading<T, A>(&self, act: A) -> Result<T, Failure>
    where
        A: for<'a> FnOnce(&'a mut dyn Database) -> Answer<'a, Result<T, Failure>> + Send,
    {
        self.over(&self.reader, self.patience(), act).await
    }

    async fn apply(&self, messages: Arc<[Message]>) -> Result<Vec<Outcome>, Failure> {
        let changed = self.over(&self.writer, self.timeout, |own| own.apply(messages)).await?;
        let outcome = |rows| {
            let unit = if rows == 1 { "row" } else { "rows" };
            Outcome::Applied { detail: Some(format!("{rows} {unit}")) }
        };
        Ok(changed.into_iter().map(outcome).collect())
    }

    /// Values that a statement cannot take must not stop the other messages of their batch.
    async fn one_by_one(&self, messages: &[Message]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            let alone = self.apply(Arc::new([message.clone()])).await;
            let outcome = alone.map(|mut outcomes| outcomes.pop());
            outcomes.push(match outcome {
                Ok(outcome) => outcome.unwrap_or_else(|| Outcome::again("no_answer")),
                Err(failure) => failure.outcome(),
            });
        }
        outcomes
    }
}

impl Sink for Sql {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move {
            match self.apply(Arc::clone(&messages)).await {
                _ if messages.is_empty() => Vec::new(),
                Ok(outcomes) => outcomes,
                Err(Failure::Values(_)) if messages.len() > 1 => self.one_by_one(&messages).await,
                Err(failure) => vec![failure.outcome(); messages.len()],
            }
        })
    }

    fn pace(&self) -> Pace {
        // Transactions wait for one another: a second one under way would be no faster.
        Pace { batch_max: self.batch_max, at_once: 1, per_second: None }
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async move {
            let bare = Profile { create_tables: false, ..self.profile.clone() };
            let look = async {
                let mut database = bare.connect().await?;
                database.look().await
            };
            let mut found = vec!["connected".to_owned()];
            match timeout(self.timeout, look).await.unwrap_or(Err(Failure::Timeout)) {
                Ok(Some(version)) => {
                    found.push(format!("tables at {}-{}", version.epoch, version.number));
                }
                Ok(None) => found.push("tables are empty".into()),
                Err(Failure::Missing) if self.profile.create_tables => {
                    found.push("tables will be created".into());
                }
                Err(failure) => return Err(failure.into()),
            }
            Ok(found)
        })
    }

    fn mirror(&self) -> Option<&dyn Mirror> {
        Some(self)
    }
}
