//! What the tests need and a fresh Debian machine lacks.
//!
//! Rust and a C compiler are there, or this program could not have been built. Everything else
//! goes under `target/`, but for the system's own packages, which need root or `sudo`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::run;

/// Where the libraries of the Python tools are.
pub(crate) const PYTHON: &str = "target/python";
/// Where the libraries of the browser tests are.
pub(crate) const NODE: &str = "target/node";

const REQUIREMENTS: &str = "tools/requirements.txt";
const BROWSER: &str = "tools/browser";
const SERVERS: &str = "crates/sayso-testkit/src/servers/mod.rs";

/// A program, how it shows that it is there, and the package that brings it. A server need not lie
/// where programs are looked for; that its file exists is enough.
struct Need {
    name: &'static str,
    probe: &'static [&'static str],
    package: &'static str,
    wanted_by: &'static str,
}

const NEEDS: [Need; 11] = [
    Need { name: "cc", probe: &["--version"], package: "gcc", wanted_by: "Cargo.toml" },
    Need {
        name: "python3",
        probe: &["-c", "import ensurepip, venv"],
        package: "python3-venv",
        wanted_by: REQUIREMENTS,
    },
    Need { name: "chromium", probe: &["--version"], package: "chromium", wanted_by: BROWSER },
    Need { name: "node", probe: &["--version"], package: "nodejs", wanted_by: BROWSER },
    Need { name: "npm", probe: &["--version"], package: "npm", wanted_by: BROWSER },
    Need {
        name: "test",
        probe: &["-e", "/usr/sbin/nats-server"],
        package: "nats-server",
        wanted_by: SERVERS,
    },
    Need {
        name: "test",
        probe: &["-e", "/usr/sbin/mosquitto"],
        package: "mosquitto",
        wanted_by: SERVERS,
    },
    Need {
        name: "test",
        probe: &["-e", "/usr/bin/redis-server"],
        package: "redis-server",
        wanted_by: SERVERS,
    },
    Need {
        name: "test",
        probe: &["-e", "/usr/sbin/mariadbd"],
        package: "mariadb-server",
        wanted_by: SERVERS,
    },
    Need {
        name: "test",
        probe: &["-e", "/usr/lib/postgresql"],
        package: "postgresql",
        wanted_by: SERVERS,
    },
    Need {
        name: "test",
        probe: &["-e", "/usr/lib/rabbitmq/bin/rabbitmq-server"],
        package: "rabbitmq-server",
        wanted_by: SERVERS,
    },
];

/// Installs what is missing.
pub(crate) fn all() -> Result<()> {
    let root = run::root();
    system_packages(&root)?;
    python(&root)?;
    node(&root)
}

/// The environment by which tests find what was installed.
pub(crate) fn environment() -> [(&'static str, PathBuf); 2] {
    let root = run::root();
    [
        ("SAYSO_PYTHON", root.join(PYTHON).join("bin/python3")),
        ("SAYSO_NODE_MODULES", root.join(NODE).join("node_modules")),
    ]
}

fn system_packages(root: &Path) -> Result<()> {
    let is_missing =
        |need: &&Need| root.join(need.wanted_by).exists() && !run::works(need.name, need.probe);
    let missing: Vec<&str> = NEEDS.iter().filter(is_missing).map(|need| need.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !run::works("apt-get", &["--version"]) {
        bail!("these are missing and there is no apt-get to install them: {}", missing.join(", "));
    }
    run::check(apt().args(["update", "-q"]))?;
    run::check(apt().args(["install", "-q", "-y", "--no-install-recommends"]).args(&missing))
        .with_context(|| format!("install by hand: {}", missing.join(", ")))
}

/// `apt-get`, through `sudo` unless this is root.
fn apt() -> Command {
    let is_root =
        run::program("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0\n"));
    let mut command = run::program(if is_root { "env" } else { "sudo" });
    // A server is installed to be started by tests, not by the system.
    command.args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]);
    command
}

fn python(root: &Path) -> Result<()> {
    let folder = root.join(PYTHON);
    let requirements = root.join(REQUIREMENTS);
    if !requirements.exists() || is_done(&folder, &[&requirements]) {
        return Ok(());
    }
    run::check(run::program("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = run::program(folder.join("bin/python3"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    run::check(pip.arg(&requirements))?;
    done(&folder, &[&requirements])
}

/// The browser itself is the system's; only the libraries that drive it come from here.
fn node(root: &Path) -> Result<()> {
    let folder = root.join(NODE);
    let [package, lock] =
        ["package.json", "package-lock.json"].map(|name| root.join(BROWSER).join(name));
    if !package.exists() || is_done(&folder, &[&package, &lock]) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    fs::copy(&package, folder.join("package.json"))?;
    let how = if lock.exists() { "ci" } else { "install" };
    if lock.exists() {
        fs::copy(&lock, folder.join("package-lock.json"))?;
    }
    let mut npm = run::program("npm");
    npm.args([how, "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(&folder);
    run::check(&mut npm)?;
    done(&folder, &[&package, &lock])
}

/// The stamp is written last: an installation that broke off is begun again.
fn stamp(folder: &Path) -> PathBuf {
    folder.join("installed.txt")
}

fn contents(sources: &[&Path]) -> String {
    sources.iter().map(|source| fs::read_to_string(source).unwrap_or_default()).collect()
}

fn is_done(folder: &Path, sources: &[&Path]) -> bool {
    fs::read_to_string(stamp(folder)).is_ok_and(|stamp| stamp == contents(sources))
}

fn done(folder: &Path, sources: &[&Path]) -> Result<()> {
    Ok(fs::write(stamp(folder), contents(sources))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_done_until_its_list_changes() {
        let folder = std::env::temp_dir().join(format!("sayso-install-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let list = folder.join("requirements.txt");
        fs::write(&list, "one==1\n").unwrap();
        assert!(!is_done(&folder, &[&list]));
        done(&folder, &[&list]).unwrap();
        assert!(is_done(&folder, &[&list]));
        fs::write(&list, "one==2\n").unwrap();
        assert!(!is_done(&folder, &[&list]));
        fs::remove_dir_all(&folder).unwrap();
    }
}
