//! The broker of the demo: a NATS server of its own, if there is one on this machine.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use super::systems::free_port;
use crate::{home::Home, output::Output};

/// How long it may take to answer.
const READY: Duration = Duration::from_secs(10);

/// A NATS server.
pub(super) struct Broker {
    port: u16,
    child: Child,
}

impl Broker {
    /// Starts one; none if none is installed, which is said.
    pub(super) async fn start(home: &Home, out: Output) -> Result<Option<Self>> {
        let port = free_port()?;
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-js", "-sd"]).arg(home.file("nats"));
        command.args(["-p", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C is for the demo, which then ends it in order.
        command.process_group(0).kill_on_drop(true);
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                out.note(
                    "nats-server is not installed (Debian: apt-get install nats-server), so the \
                     service cloud is told by webhook; `--embedded` says so on purpose",
                );
                return Ok(None);
            }
            Err(error) => return Err(error).context("nats-server cannot be started"),
        };
        let mut broker = Self { port, child };
        broker.is_ready().await?;
        Ok(Some(broker))
    }

    async fn is_ready(&mut self) -> Result<()> {
        let tried = async {
            while TcpStream::connect(self.address()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(READY, tried).await.is_err() {
            bail!("nats-server does not answer; `sayso demo --embedded` does without it");
        }
        Ok(())
    }

    /// Where it is.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Stops it.
    pub(super) async fn stop(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}
