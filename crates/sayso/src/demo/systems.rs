//! The sample company's systems: separate processes that are started, looked after and stopped.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use hearth::system::SystemConfig;
use sayso_api::App;
use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
};

use crate::{
    drivers,
    home::{Home, write_private},
    output::Output,
    server,
};

/// Their names: recipients of the catalog.
pub(super) const SYSTEMS: [&str; 4] = ["mailer", "crm", "ad-partner", "service-cloud"];

/// What a system's process is told, in a file that only its owner can read.
#[derive(Serialize, Deserialize)]
struct Told {
    name: String,
    port: u16,
    database: PathBuf,
    public_key: String,
    secret: String,
    sayso_url: String,
    key: String,
}

/// One system.
struct System {
    name: &'static str,
    port: u16,
    told: PathBuf,
    /// If this file is there, the system is to be off.
    off: PathBuf,
    child: Option<Child>,
}

/// The systems.
pub(super) struct Systems {
    systems: Vec<System>,
}

/// The file that says that a system is to be off.
fn off_file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.off"))
}

/// Asks a demo that runs to stop or start a system.
pub(super) fn ask(dir: &Path, name: &str, on: bool, out: Output) -> Result<()> {
    if !dir.join("running.json").exists() {
        bail!("no demo runs in `{}`; name its folder with `--dir`", dir.display());
    }
    let off = off_file(dir, name);
    let said = match (on, off.exists()) {
        (true, true) => {
            std::fs::remove_file(&off)?;
            format!("{name} is being started; it catches up within half a minute")
        }
        (false, false) => {
            std::fs::write(&off, b"")?;
            format!("{name} is being stopped")
        }
        (true, false) => format!("{name} runs already"),
        (false, true) => format!("{name} is stopped already"),
    };
    out.note(said);
    Ok(())
}

/// How this program is called again, as it would be typed here, on the demo's folder.
pub(super) fn called(dir: &Path) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "sayso".into());
    let here = std::env::current_dir().unwrap_or_default();
    let near = program.strip_prefix(here).map_or_else(|_| program.clone(), Path::to_path_buf);
    format!("{} --dir {}", near.display(), dir.display())
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

impl Systems {
    /// Starts all of them.
    pub(super) fn start(
        home: &Home,
        app: &App,
        url: &str,
        keys: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let mut systems = Vec::new();
        for name in SYSTEMS {
            let (secret, signing) = drivers::delivery_keys(app.ledger.secrets(), &name.parse()?)?;
            let told = Told {
                name: name.to_owned(),
                port: free_port()?,
                database: home.file(&format!("{name}.db")),
                public_key: signing.public().to_string(),
                secret: secret.reveal().to_string(),
                sayso_url: url.to_owned(),
                key: keys.get(name).cloned().unwrap_or_default(),
            };
            let path = home.file(&format!("{name}.json"));
            write_private(&path, &serde_json::to_vec(&told)?)?;
            let off = off_file(home.dir(), name);
            let _ = std::fs::remove_file(&off);
            let mut system = System { name, port: told.port, told: path, off, child: None };
            system.start()?;
            systems.push(system);
        }
        Ok(Self { systems })
    }

    /// Name and port of each.
    pub(super) fn ports(&self) -> impl Iterator<Item = (&'static str, u16)> {
        self.systems.iter().map(|system| (system.name, system.port))
    }

    /// Starts and stops what was asked for since.
    pub(super) fn look_after(&mut self, out: Output) -> Result<()> {
        self.systems.iter_mut().try_for_each(|system| system.look_after(out))
    }

    /// Stops all of them.
    pub(super) async fn stop(mut self) -> Result<()> {
        for system in &mut self.systems {
            if let Some(mut child) = system.child.take() {
                // Its standard input closes with this: it ends by itself, and is waited for.
                drop(child.stdin.take());
                if tokio::time::timeout(Duration::from_secs(5), child.wait()).await.is_err() {
                    child.kill().await?;
                }
            }
        }
        Ok(())
    }
}

impl System {
    fn start(&mut self) -> Result<()> {
        let program = std::env::current_exe().context("the program does not know where it is")?;
        let mut command = Command::new(program);
        command.arg("demo-system").arg(&self.told).stdin(Stdio::piped()).stdout(Stdio::null());
        // Ctrl-C is for the demo, which then ends its systems in order.
        command.process_group(0).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{} cannot be started", self.name))?;
        self.child = Some(child);
        Ok(())
    }

    fn look_after(&mut self, out: Output) -> Result<()> {
        let wants_off = self.off.exists();
        let has_ended = match &mut self.child {
            Some(child) => child.try_wait()?.is_some(),
            None => false,
        };
        if has_ended {
            self.child = None;
            // Somebody ended the process by other means; it stays off until it is started again.
            std::fs::write(&self.off, b"")?;
            let called = called(self.off.parent().unwrap_or(Path::new(".")));
            out.note(format!(
                "{} has stopped; start it again with `{called} demo start {0}`",
                self.name
            ));
        } else if wants_off && let Some(mut child) = self.child.take() {
            child.start_kill()?;
            out.note(format!("{} is stopped", self.name));
        } else if !wants_off && self.child.is_none() {
            self.start()?;
            out.note(format!("{} is started", self.name));
        }
        Ok(())
    }
}

/// Runs one system: what a process of the demo does.
pub(crate) async fn system(path: &Path) -> Result<()> {
    server::log("error", crate::config::LogFormat::Text);
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{shown}`"))?;
    let told: Told = serde_json::from_slice(&bytes).with_context(|| format!("`{shown}`"))?;
    let config = SystemConfig {
        name: told.name,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, told.port)),
        database: told.database,
        public_key: told.public_key,
        secret: told.secret,
        sayso_url: told.sayso_url,
        key: told.key,
    };
    hearth::system::run(config, parent_has_gone()).await?;
    Ok(())
}

/// Completes when the demo ends: its end of this process's standard input closes, however it ends.
async fn parent_has_gone() {
    let mut stdin = tokio::io::stdin();
    let mut byte = [0];
    while stdin.read(&mut byte).await.is_ok_and(|bytes| bytes > 0) {}
}
