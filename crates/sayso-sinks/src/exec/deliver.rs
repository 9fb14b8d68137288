//! Delivery: lines in, results out.

use std::{io, os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use sayso_ledger::sink::{Answer, Message, Outcome, Pace, Sink, Told, Trouble};
use serde::de::IgnoredAny;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::{
    config::Settings,
    run::{Ended, Run, run},
};
use crate::{
    open::{OpenError, Secrets, read},
    results::{Said, by_message},
};

/// How much a program may say beside what it says of each message.
const SAID_BYTES_MAX: usize = 4_096;
/// How much it may say of one message.
const RESULT_BYTES_MAX: usize = 512;

/// What exit statuses mean, after `sysexits.h`.
const EX_DATAERR: i32 = 65;
const EX_NOPERM: i32 = 77;

/// Runs a program.
pub struct Exec {
    settings: Settings,
    secret: Option<Zeroizing<String>>,
}

pub(super) fn open(
    settings: &serde_json::Value,
    secrets: &Secrets,
    _: &Told,
) -> Result<Arc<dyn Sink>, OpenError> {
    let (_, settings): (IgnoredAny, Settings) = read(settings, &[])?;
    Ok(Arc::new(Exec::new(settings, secrets.get("secret").cloned())?))
}

impl Exec {
    /// A sink with these settings.
    ///
    /// # Errors
    /// They are not fit.
    pub fn new(settings: Settings, secret: Option<Zeroizing<String>>) -> Result<Self, OpenError> {
        settings.check(secret.as_ref().map(|secret| secret.as_str()))?;
        Ok(Self { settings, secret })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.settings.program);
        command.args(&self.settings.arguments).current_dir(&self.settings.folder);
        command.env_clear().envs(&self.settings.environment);
        command.envs(self.secret.iter().map(|secret| ("SAYSO_SECRET", secret.as_str())));
        command
    }

    async fn run(&self, messages: &[Message]) -> (Ended, Vec<Outcome>) {
        let mut input = Vec::new();
        for message in messages {
            input.extend_from_slice(&message.body);
            input.push(b'\n');
        }
        let patience = Duration::from_millis(self.settings.timeout_ms);
        let bytes_max = SAID_BYTES_MAX + RESULT_BYTES_MAX * messages.len();
        let Run { ended, said } = run(&mut self.command(), input, patience, bytes_max).await;
        let said = said.split(|byte| *byte == b'\n');
        let said = said.filter_map(|line| serde_json::from_slice::<Said>(line).ok());
        let outcomes = by_message(messages, said, &unsaid(&ended));
        (ended, outcomes)
    }
}

/// What a run means for a message of which it said nothing.
fn unsaid(ended: &Ended) -> Outcome {
    match ended {
        Ended::Status(0) => Outcome::Applied { detail: None },
        Ended::Status(EX_DATAERR) => Outcome::Refused { why: "exit_65".into() },
        Ended::Status(EX_NOPERM) => Outcome::again("credentials"),
        Ended::Status(status) => Outcome::again(format!("exit_{status}")),
        Ended::Signal => Outcome::again("signal"),
        Ended::Timeout => Outcome::again("timeout"),
        Ended::TooMuch => Outcome::again("too_much_output"),
        Ended::Unread => Outcome::again("unread"),
        Ended::Unstarted(kind) => Outcome::again(unstarted(*kind)),
    }
}

fn unstarted(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "no_program",
        io::ErrorKind::PermissionDenied => "not_executable",
        _ => "not_started",
    }
}

impl Sink for Exec {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move {
            if messages.is_empty() {
                return Vec::new();
            }
            let (ended, outcomes) = self.run(&messages).await;
            if ended != Ended::Status(EX_DATAERR) || messages.len() < 2 {
                return outcomes;
            }
            // It refused the whole of them: those that it would take alone are found one by one.
            let mut outcomes = Vec::with_capacity(messages.len());
            for message in messages.iter() {
                outcomes.append(&mut self.run(std::slice::from_ref(message)).await.1);
            }
            outcomes
        })
    }

    fn pace(&self) -> Pace {
        let Settings { batch_max, at_once, .. } = self.settings;
        Pace { batch_max, at_once, per_second: None }
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async move {
            let found = tokio::fs::metadata(&self.settings.program).await;
            let found = found.map_err(|error| Trouble(unstarted(error.kind()).into()))?;
            if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
                return Err(Trouble("not_executable".into()));
            }
            let folder = tokio::fs::metadata(&self.settings.folder).await;
            match folder.is_ok_and(|folder| folder.is_dir()) {
                true => Ok(vec!["the program is there".into()]),
                false => Err(Trouble("no_folder".into())),
            }
        })
    }
}
