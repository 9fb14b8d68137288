//! Puts on the ledger what a sink says was applied.

use std::sync::Arc;

use sayso_consent::{
    Command,
    event::EffectReport,
    id::{Id, Position},
};

use crate::{
    Ledger,
    deliver::{board::Board, compose::owed},
    sink::About,
};

/// Something that was applied, through which entry, and what was done.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) about: About,
    pub(super) position: Position,
    pub(super) detail: Option<String>,
}

/// Records what was owed and is applied now. What cannot be recorded stays owed, and its message is
/// sent again.
pub(super) async fn report(ledger: Arc<Ledger>, board: Arc<Board>, recipient: Id, done: Vec<Done>) {
    let commands: Vec<Command> =
        done.iter().filter_map(|done| command(&ledger, &board, &recipient, done)).collect();
    if commands.is_empty() {
        return;
    }
    let by = format!("sink:{recipient}");
    match ledger.submit(commands, &by, None).await {
        Ok(_) => {
            let at = ledger.clock().at();
            done.iter().for_each(|done| board.applied(&recipient, done.about.subject, at));
        }
        Err(error) => tracing::warn!(%recipient, %error, "effects cannot be recorded yet"),
    }
}

fn command(ledger: &Ledger, board: &Board, recipient: &Id, done: &Done) -> Option<Command> {
    let About { subject, former } = done.about;
    let state = ledger.snapshot().subject(subject)?;
    owed(recipient, &state, done.about)?;
    let trace = board.trace(recipient, subject).filter(|trace| trace.position <= done.position);
    let report = EffectReport {
        recipient: recipient.clone(),
        through: done.position,
        applied_at: Some(ledger.clock().at()),
        sent_at: trace.map(|trace| trace.sent_at),
        received_at: trace.and_then(|trace| trace.received_at),
        detail: done.detail.clone(),
        former,
    };
    Some(Command::ReportEffect { subject, report })
}
