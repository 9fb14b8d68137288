//! PostgreSQL: a row for each question, found by its primary key with a prepared statement.
//!
//! It is spoken to in its own protocol, so that the client costs as little as any other here.

use std::{
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::peers::{
    process::{Process, free_port},
    store::Store,
};

const TABLE: &str = "CREATE TABLE decisions (question text PRIMARY KEY, allowed boolean NOT NULL)";
const LOOK_UP: &str = "SELECT allowed FROM decisions WHERE question = $1";
/// How many rows are put in at a time.
const ROWS: usize = 1_000;

/// Starts it in a folder of its own, with a yes to each of these.
pub(crate) fn start(keys: &[String]) -> Result<Store> {
    let programs = programs()?;
    let folder = tempfile::tempdir()?;
    let owner = owner()?;
    if let Some((user, group)) = owner {
        chown(folder.path(), Some(user), Some(group))?;
    }
    let program = |name: &str| {
        let mut command = Command::new(programs.join(name));
        command.current_dir(folder.path());
        if let Some((user, group)) = owner {
            command.uid(user).gid(group);
        }
        command
    };
    let data = folder.path().join("data");
    let mut prepare = program("initdb");
    prepare.args(["--auth=trust", "--username=sayso", "--encoding=UTF8", "--no-sync", "-D"]);
    let prepared = prepare.arg(&data).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(prepared.success(), "`initdb` failed: {prepared}");
    let port = free_port()?;
    let mut command = program("postgres");
    command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k"]);
    let store = Store {
        name: "PostgreSQL, a row by its primary key",
        process: Process::start(command.arg(folder.path()), port)?,
        greetings: vec![startup()],
        question,
        whole,
        yes: b"t",
        _folder: folder,
    };
    let row = |key: &String| format!("('{}', true)", key.replace('\'', "''"));
    let rows = keys.chunks(ROWS).map(|keys| {
        let rows: Vec<_> = keys.iter().map(row).collect();
        query(&format!("INSERT INTO decisions VALUES {}", rows.join(", ")))
    });
    let messages = std::iter::once(query(TABLE)).chain(rows);
    store.tell(&messages.chain([query("VACUUM ANALYZE decisions")]).collect::<Vec<_>>())?;
    Ok(Store { greetings: vec![startup(), prepare_look_up()], ..store })
}

/// Where its programs are: Debian keeps them apart by version, and not on the path.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let has_it = |folder: &&PathBuf| folder.join("initdb").is_file();
    folders.iter().rfind(has_it).cloned().context("no `initdb`; install postgresql")
}

/// As whom it runs: it refuses to run as root.
fn owner() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string(Path::new("/etc/passwd"))?;
    let ids = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    ids.map(Some).context("it does not run as root, and there is no user `postgres`")
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

/// The first message has no kind.
fn startup() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0sayso\0database\0postgres\0\0";
    [&(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
}

fn query(text: &str) -> Vec<u8> {
    message(b'Q', format!("{text}\0").as_bytes())
}

fn prepare_look_up() -> Vec<u8> {
    let parse = message(b'P', format!("look_up\0{LOOK_UP}\0\0\0").as_bytes());
    [parse, message(b'S', &[])].concat()
}

/// Bind, execute, sync: one round trip.
fn question(key: &str) -> Vec<u8> {
    let length = (key.len() as u32).to_be_bytes();
    let value = [&length[..], key.as_bytes()].concat();
    let bind = [b"\0look_up\0\0\0\0\x01", &value[..], b"\0\0"].concat();
    [message(b'B', &bind), message(b'E', b"\0\0\0\0\0"), message(b'S', &[])].concat()
}

/// An answer ends when the server is ready for the next question. What is shown of it is the last
/// row.
fn whole(answer: &[u8]) -> Result<Option<(usize, usize)>> {
    let (mut rest, mut row) = (answer, (0, 0));
    while let Some((kind, length, behind)) = next(rest) {
        let begin = answer.len() - behind.len();
        let Some(after) = behind.get(length..) else { return Ok(None) };
        match kind {
            b'E' => {
                bail!("it says {}", String::from_utf8_lossy(&behind[..length]).replace('\0', " "))
            }
            b'Z' => return Ok(Some(row)),
            b'D' => row = (begin, length),
            _ => {}
        }
        rest = after;
    }
    Ok(None)
}

/// The kind of a message, the length of what it says, and the bytes from there on.
fn next(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (length, behind) = rest.split_first_chunk::<4>()?;
    Some((*kind, (u32::from_be_bytes(*length) as usize).saturating_sub(4), behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_the_server_is_ready() {
        let row = message(b'D', b"\0\x01\0\0\0\x01t");
        let answer = [message(b'2', &[]), row, message(b'Z', b"I")].concat();
        for cut in 0..answer.len() {
            assert_eq!(whole(&answer[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(whole(&answer).unwrap(), Some((10, 7)));
        assert!(whole(&message(b'E', b"no")).is_err());
    }
}
