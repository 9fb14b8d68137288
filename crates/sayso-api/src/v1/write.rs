//! The way of every write: submit, wait until it is on disk and in force, answer with the token.

use sayso_consent::{
    Command, SubjectId,
    event::{Grade, Identifier},
    subject::SubjectState,
};
use sayso_ledger::{Written, ledger::IdentifierError};
use std::sync::Arc;

use crate::{App, auth::Principal, body::Asked, problem::Problem};

/// Submits one command.
pub(crate) async fn submit(
    app: &App,
    principal: &Principal,
    asked: Option<&Asked>,
    command: Command,
) -> Result<Written, Problem> {
    let idempotency = asked.and_then(|asked| asked.idempotency(principal));
    let outcomes = app.ledger.submit(vec![command], principal.id(), idempotency).await?;
    let outcome = outcomes.into_iter().next();
    Ok(outcome.ok_or_else(|| Problem::unavailable("see the server's log"))??)
}

/// An identifier in its recorded form.
pub(crate) fn identifier(app: &App, text: &str) -> Result<Identifier, Problem> {
    let (namespace, value) = text.split_once(':').ok_or(IdentifierError::NoNamespace)?;
    let namespace = namespace.parse().map_err(|_| IdentifierError::NoNamespace)?;
    let (value, lookup) = app.ledger.identify(&namespace, value)?;
    Ok(Identifier { namespace, value, lookup })
}

/// A person's state, for somebody who may read personal data.
pub(crate) fn readable(
    app: &App,
    principal: &Principal,
    subject: &str,
) -> Result<(SubjectId, Arc<SubjectState>), Problem> {
    principal.require(Grade::Record)?;
    if !app.ledger.is_healthy() {
        return Err(Problem::unavailable("personal data is not read while the store fails"));
    }
    let subject = subject_id(subject)?;
    let state = app.ledger.snapshot().subject(subject).ok_or_else(Problem::not_found)?;
    Ok((subject, state))
}

/// The subject of a path. What is no subject id is nobody's.
pub(crate) fn subject_id(text: &str) -> Result<SubjectId, Problem> {
    text.parse().map_err(|_| Problem::not_found().detail("a subject id is 32 hexadecimal digits"))
}

/// Runs what reads the disk off the threads that answer requests.
pub(crate) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|_| Problem::unavailable("the read was stopped"))?
}
