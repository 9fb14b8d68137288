//! A server that is started for a measurement and ended after it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long it may take to begin, and to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait before looking again.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// A running server. It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

impl Process {
    /// Starts it, and waits until it listens on a port of this machine.
    pub(crate) fn start(command: &mut Command, port: u16) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("`{name}` cannot be started"))?;
        let mut process = Self { child, address: (Ipv4Addr::LOCALHOST, port).into() };
        let begun = Instant::now();
        while TcpStream::connect(process.address).is_err() {
            if let Some(status) = process.child.try_wait()? {
                bail!("`{name}` ended at once: {status}");
            }
            if begun.elapsed() > PATIENCE {
                bail!("`{name}` does not listen");
            }
            std::thread::sleep(PAUSE);
        }
        Ok(process)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let begun = Instant::now();
        // Asked to end, a server takes its own processes with it; killed, PostgreSQL leaves some.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let is_asked = pid.is_some_and(|pid| kill_process(pid, Signal::INT).is_ok());
        while is_asked && !self.has_ended() && begun.elapsed() < PATIENCE {
            std::thread::sleep(PAUSE);
        }
        if !self.has_ended() {
            // If even that fails there is nothing left to try.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
