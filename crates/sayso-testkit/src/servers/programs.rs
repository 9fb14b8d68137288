//! Finding what is installed, and what to say if it is not.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where Debian keeps programs that nobody calls by hand. First, for what goes by their names
/// elsewhere changes to another account before it starts them.
const ASIDE: [&str; 2] = ["/usr/lib/rabbitmq/bin", "/usr/lib/postgresql"];

/// Whether a test that needs what is not there fails, instead of being left out.
pub fn is_required() -> bool {
    env::var_os("SAYSO_REQUIRE_ALL").is_some_and(|value| value == "1")
}

/// A program by its name.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let aside = ASIDE.iter().flat_map(|folder| versions(folder));
    let folders = aside.chain(env::split_paths(&path)).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A folder, or what Debian has below it for each version.
fn versions(folder: &str) -> Vec<PathBuf> {
    let below = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = below.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    versions.push(folder.into());
    versions.reverse();
    versions
}

/// A program that must be there.
pub(super) fn program(name: &str) -> io::Result<Command> {
    find(name).map(Command::new).ok_or_else(|| io::Error::other(format!("{name} is not installed")))
}

/// The Python of the tests, if it knows a module.
pub(super) fn python(module: &str) -> Option<PathBuf> {
    let named = env::var_os("SAYSO_PYTHON").map(PathBuf::from);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/python3");
    let knows = |python: &PathBuf| {
        let mut tried = Command::new(python);
        tried.args(["-c", &format!("import {module}")]).stderr(Stdio::null());
        tried.status().is_ok_and(|status| status.success())
    };
    named.into_iter().chain([own, "python3".into()]).find(knows)
}

/// Runs a program to its end.
pub(super) fn run(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{:?}: {}: {said}", command.get_program(), output.status)))
}

/// Whether this process may do everything, and so servers have to be kept from it.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
