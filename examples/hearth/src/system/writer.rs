//! The one thread that touches the database, and the handle that others ask it by.
//!
//! A commit costs the same for one message as for hundreds. So the thread takes whatever waits,
//! writes it in one transaction and then answers all who wait: the more comes in, the more of it
//! shares a commit. Nobody else holds a connection, so that nobody ever waits for a lock.

use std::thread;

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    SystemError,
    receive::Message,
    table::{Figures, Report, Table, Write},
};

/// Most writes that share a transaction: it bounds how long the first waits for the last.
const BATCH_MAX: usize = 512;
/// Most requests that wait for the thread. Beyond it senders wait, which is how they learn to slow.
const WAITING_MAX: usize = 2_048;

/// The database could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the table could not be read or written")]
pub(super) struct Unwritten;

enum Job {
    Write(Write, oneshot::Sender<()>),
    Unreported(usize, oneshot::Sender<Vec<Report>>),
    Figures(oneshot::Sender<Figures>),
}

/// Asks the thread. An answer that never comes, because the database failed, is [`Unwritten`].
#[derive(Clone)]
pub(super) struct Handle(mpsc::Sender<Job>);

impl Handle {
    /// Returns once the message is in the table.
    pub(super) async fn apply(&self, message: Message) -> Result<(), Unwritten> {
        self.write(Write::Apply(message)).await
    }

    /// Returns once it is written.
    pub(super) async fn write(&self, write: Write) -> Result<(), Unwritten> {
        self.ask(|reply| Job::Write(write, reply)).await
    }

    /// The oldest reports that Sayso has not accepted yet.
    pub(super) async fn unreported(&self, limit: usize) -> Result<Vec<Report>, Unwritten> {
        self.ask(|reply| Job::Unreported(limit, reply)).await
    }

    /// How much there is.
    pub(super) async fn figures(&self) -> Result<Figures, Unwritten> {
        self.ask(Job::Figures).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, Unwritten> {
        let (reply, answer) = oneshot::channel();
        self.0.send(job(reply)).await.map_err(|_| Unwritten)?;
        answer.await.map_err(|_| Unwritten)
    }
}

/// The running thread. It ends when the last handle is gone.
pub(super) struct Writer {
    handle: Handle,
    news: watch::Receiver<usize>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(table: Table) -> Result<Self, SystemError> {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let (tell, news) = watch::channel(0);
        thread::Builder::new()
            .name("table".to_owned())
            .spawn(move || work(table, waiting, &tell))
            .map_err(|error| SystemError::Stopped(Some(error)))?;
        Ok(Self { handle: Handle(jobs), news })
    }

    /// Asks the thread.
    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// How many reports were ever put into the outbox by this process.
    pub(super) fn news(&self) -> watch::Receiver<usize> {
        self.news.clone()
    }

    /// Lets go of the thread, and returns when it has closed the database.
    pub(super) async fn end(mut self) {
        drop(self.handle);
        while self.news.changed().await.is_ok() {}
    }
}

/// `tell` is borrowed so that it outlives the table: whoever waits for it to be gone knows that
/// the database is closed.
fn work(mut table: Table, mut waiting: mpsc::Receiver<Job>, tell: &watch::Sender<usize>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        let (mut writes, mut replies, mut questions) = (Vec::new(), Vec::new(), Vec::new());
        for job in batch {
            match job {
                Job::Write(write, reply) => {
                    writes.push(write);
                    replies.push(reply);
                }
                question => questions.push(question),
            }
        }
        commit(&mut table, &writes, replies, tell);
        // Only now: a report read before its commit could be sent and then not have happened.
        questions.into_iter().for_each(|question| answer(&table, question));
    }
}

/// Those who are not answered see their channel closed.
fn commit(
    table: &mut Table,
    writes: &[Write],
    replies: Vec<oneshot::Sender<()>>,
    tell: &watch::Sender<usize>,
) {
    if writes.is_empty() {
        return;
    }
    match table.write(writes) {
        Ok(reports) => {
            for reply in replies {
                // Whoever no longer waits for the answer is sent the message again, harmlessly.
                let _ = reply.send(());
            }
            if reports > 0 {
                tell.send_modify(|count| *count += reports);
            }
        }
        Err(error) => tracing::error!(%error, "could not write the table; nothing was changed"),
    }
}

fn answer(table: &Table, question: Job) {
    let answered = match question {
        Job::Unreported(limit, reply) => {
            table.unreported(limit).map(|reports| reply.send(reports).is_ok())
        }
        Job::Figures(reply) => table.figures().map(|figures| reply.send(figures).is_ok()),
        // Written before; see `work`.
        Job::Write(..) => Ok(true),
    };
    if let Err(error) = answered {
        tracing::error!(%error, "could not read the table");
    }
}
