//! Stores that are asked over a socket for what somebody else has decided: one look-up a decision.

use std::{io::Write, time::Instant};

use anyhow::{Result, ensure};
use tokio::runtime::Builder;

use crate::{
    load::{Client, Clients, Connection, Whole},
    peers::{
        postgres,
        process::{PATIENCE, PAUSE, Process},
        redis,
    },
};

/// A store that knows the answers.
pub(crate) struct Store {
    /// What it is, and what is asked.
    pub(crate) name: &'static str,
    pub(crate) process: Process,
    /// What a new connection says first, one message an answer.
    pub(crate) greetings: Vec<Vec<u8>>,
    /// The question about one key.
    pub(crate) question: fn(&str) -> Vec<u8>,
    pub(crate) whole: Whole,
    /// How what it says ends if the answer is yes.
    pub(crate) yes: &'static [u8],
    // The last field: the store ends before its folder goes.
    pub(crate) _folder: tempfile::TempDir,
}

/// Those that are there. Of one that is not it is said why.
pub(crate) fn all(keys: &[String]) -> Result<Vec<Store>> {
    let started = [("Redis", redis::start(keys)), ("PostgreSQL", postgres::start(keys))];
    let mut stores = Vec::new();
    for (name, store) in started {
        match store.and_then(|store| store.check(keys).map(|()| store)) {
            Ok(store) => stores.push(store),
            Err(error) => writeln!(std::io::stderr(), "{name} is left out: {error:#}")?,
        }
    }
    Ok(stores)
}

impl Store {
    /// A connection that is ready for questions.
    async fn open(&self) -> Result<Connection> {
        let mut connection = Connection::open(self.process.address(), self.whole).await?;
        for greeting in &self.greetings {
            connection.exchange(greeting).await?;
        }
        Ok(connection)
    }

    /// The first connection. PostgreSQL listens a while before it lets anybody in.
    async fn await_ready(&self) -> Result<Connection> {
        let begun = Instant::now();
        loop {
            match self.open().await {
                Err(_) if begun.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
                opened => return opened,
            }
        }
    }

    /// Sends what nobody waits for the figures of.
    pub(crate) fn tell(&self, messages: &[Vec<u8>]) -> Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut connection = self.await_ready().await?;
            for message in messages {
                connection.exchange(message).await?;
            }
            Ok(())
        })
    }

    /// Whether it knows them.
    fn check(&self, keys: &[String]) -> Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut connection = self.open().await?;
            for key in keys {
                let answer = connection.exchange(&(self.question)(key)).await?;
                ensure!(answer.ends_with(self.yes), "a yes is missing");
            }
            Ok(())
        })
    }

    /// One client for each list of keys.
    pub(crate) fn clients(&self, keys: &[Vec<String>]) -> Result<Clients> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut clients = Vec::new();
        for keys in keys {
            let connection = runtime.block_on(self.open())?;
            let questions = keys.iter().map(|key| (self.question)(key)).collect();
            clients.push(Client::new(connection, questions));
        }
        Ok(Clients::new(runtime, clients))
    }
}
