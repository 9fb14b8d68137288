//! The sample company's systems: separate processes that are started, looked after and stopped.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use hearth::system::{
    SystemConfig,
    quiet::{self, Quiet, QuietConfig},
};
use rusqlite::Connection;
use sayso_api::App;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
};

use super::{broker::Broker, sinks};
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
    way: Way,
}

/// How a system hears what it may do.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// By signed requests.
    Hook,
    /// From the stream of a broker that is here.
    Stream(String),
    /// From lists that it fetches in this folder.
    Lists(PathBuf),
    /// Sayso writes into its database.
    Written,
}

impl Way {
    fn of(name: &str, broker: Option<&Broker>, lists: &Path) -> Self {
        match (name, broker) {
            ("crm", _) => Self::Written,
            ("ad-partner", _) => Self::Lists(lists.to_owned()),
            ("service-cloud", Some(broker)) => Self::Stream(broker.address()),
            _ => Self::Hook,
        }
    }
}

/// One system.
struct System {
    name: &'static str,
    port: u16,
    /// Its database, if Sayso writes into it: whoever stops the system shuts that.
    written: Option<PathBuf>,
    shut: Option<Connection>,
    told: PathBuf,
    /// If this file is there, the system is to be off.
    off: PathBuf,
    child: Option<Child>,
}

/// The systems.
pub(super) struct Systems {
    systems: Vec<System>,
    broker: Option<Broker>,
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

pub(super) fn free_port() -> Result<u16> {
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
        broker: Option<Broker>,
    ) -> Result<Self> {
        let mut systems = Vec::new();
        let lists = home.file("lists");
        std::fs::create_dir_all(&lists)?;
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
                way: Way::of(name, broker.as_ref(), &lists),
            };
            let written = matches!(told.way, Way::Written).then(|| told.database.clone());
            if let Some(how) = told.quiet() {
                quiet::prepare(&told.database, &how)?;
            }
            let path = home.file(&format!("{name}.json"));
            write_private(&path, &serde_json::to_vec(&told)?)?;
            let off = off_file(home.dir(), name);
            let _ = std::fs::remove_file(&off);
            let (port, told) = (told.port, path);
            let mut system = System { name, port, written, shut: None, told, off, child: None };
            system.start()?;
            systems.push(system);
        }
        Ok(Self { systems, broker })
    }

    /// How each is told: what is declared on the ledger.
    pub(super) fn sinks(&self, home: &Home) -> Vec<(&'static str, Value)> {
        let of = |system: &System| {
            (system.name, sinks::of(system.name, system.port, &self.broker, home))
        };
        self.systems.iter().map(of).collect()
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
        if let Some(broker) = self.broker.take() {
            broker.stop().await?;
        }
        Ok(())
    }
}

impl Told {
    /// How it learns what it may do, if not by messages.
    fn quiet(&self) -> Option<Quiet> {
        match &self.way {
            Way::Lists(folder) => Some(Quiet::Lists { folder: folder.clone() }),
            Way::Written => Some(Quiet::Written),
            Way::Hook | Way::Stream(_) => None,
        }
    }
}

impl System {
    fn start(&mut self) -> Result<()> {
        self.shut = None;
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
            if let Some(database) = &self.written {
                // As a database that is down: nobody else gets in.
                let shut = Connection::open(database)?;
                shut.busy_timeout(Duration::from_secs(5))?;
                shut.execute_batch("BEGIN EXCLUSIVE")?;
                self.shut = Some(shut);
            }
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
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, told.port));
    if let Some(how) = told.quiet() {
        let config = QuietConfig { name: told.name, listen, database: told.database, how };
        quiet::run(config, parent_has_gone()).await?;
        return Ok(());
    }
    let stream = match told.way {
        Way::Stream(address) => Some(address),
        _ => None,
    };
    let config = SystemConfig {
        name: told.name,
        listen,
        stream,
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
