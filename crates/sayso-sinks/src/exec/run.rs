//! One run of the program.

use std::{io, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::timeout,
};

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With an exit status.
    Status(i32),
    /// By a signal.
    Signal,
    /// It was killed when its time was over.
    Timeout,
    /// It was killed because it said too much.
    TooMuch,
    /// It did not read everything that it was given.
    Unread,
    /// It could not be started.
    Unstarted(io::ErrorKind),
}

/// How a run ended, and what the program said until then.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) ended: Ended,
    pub(super) said: Vec<u8>,
}

/// A process group, killed when nobody waits for it any more.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs the command once.
pub(super) async fn run(
    command: &mut Command,
    input: Vec<u8>,
    patience: Duration,
    said_bytes_max: usize,
) -> Run {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // What a program complains of may hold anything, personal data included.
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let mut said = Vec::new();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Run { ended: Ended::Unstarted(error.kind()), said },
    };
    let mut group = Group::of(&child);
    let talked = timeout(patience, talk(&mut child, input, &mut said, said_bytes_max)).await;
    let ended = match talked {
        Err(_) => Ended::Timeout,
        Ok(Err(ended)) => ended,
        Ok(Ok(())) => match timeout(patience, child.wait()).await {
            Ok(Ok(status)) => {
                // It is over: its number may be somebody else's by now.
                group.0 = None;
                status.code().map_or(Ended::Signal, Ended::Status)
            }
            _ => Ended::Timeout,
        },
    };
    group.kill();
    let _ = child.wait().await;
    Run { ended, said }
}

/// Says everything and hears everything, both at once: either side may have to wait for the other.
async fn talk(
    child: &mut Child,
    input: Vec<u8>,
    said: &mut Vec<u8>,
    said_bytes_max: usize,
) -> Result<(), Ended> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let write = async move {
        let Some(mut stdin) = stdin else { return Err(Ended::Unread) };
        let written = stdin.write_all(&input).await;
        written.map_err(|_| Ended::Unread)
    };
    let read = async {
        let Some(stdout) = stdout else { return Ok(()) };
        let mut bounded = stdout.take(said_bytes_max as u64 + 1);
        let _ = bounded.read_to_end(said).await;
        if said.len() > said_bytes_max { Err(Ended::TooMuch) } else { Ok(()) }
    };
    let (written, read) = tokio::join!(write, read);
    read.and(written)
}
