//! `sayso doctor`.

use std::{os::unix::fs::PermissionsExt, path::Path, process::ExitCode};

use anyhow::Result;
use serde_json::json;

use crate::{
    cli::Global,
    commands::log::check,
    home::Home,
    output::{Output, field, table},
};

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    is_ok: bool,
    said: String,
}

pub(crate) async fn run(global: &Global, out: Output) -> Result<ExitCode> {
    let home = global.home()?;
    let findings = [
        folder(&home),
        root_key(&home),
        admin_key(&home),
        server(&home),
        systems(global).await,
        sqlite(),
        disk(&home),
        journal(&home),
        ledger(&home),
    ];
    let is_ok = findings.iter().all(|finding| finding.is_ok);
    let object = |finding: &Finding| json!({"what": finding.what, "ok": finding.is_ok, "said": finding.said});
    out.value(&json!(findings.iter().map(object).collect::<Vec<_>>()), |_| {
        let mark = |is_ok| if is_ok { "ok" } else { "PROBLEM" };
        let row = |finding: &Finding| {
            vec![mark(finding.is_ok).into(), finding.what.into(), finding.said.clone()]
        };
        table(&["", "what", "found"], findings.iter().map(row))
    })?;
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn finding(what: &'static str, found: Result<String, String>) -> Finding {
    match found {
        Ok(said) => Finding { what, is_ok: true, said },
        Err(said) => Finding { what, is_ok: false, said },
    }
}

fn folder(home: &Home) -> Finding {
    let shown = home.dir().display().to_string();
    finding(
        "folder",
        if home.dir().is_dir() {
            private(home.dir(), "700").map(|()| shown)
        } else {
            Err(format!("{shown} is missing; run `sayso init`"))
        },
    )
}

fn root_key(home: &Home) -> Finding {
    let read = home.secrets().map(drop).map_err(|error| format!("{error:#}"));
    let found = read.and_then(|()| private(&home.file("root.key"), "600"));
    finding("root key", found.map(|()| "readable by its owner only".into()))
}

fn admin_key(home: &Home) -> Finding {
    let path = home.file("admin.key");
    let found = if path.exists() {
        private(&path, "600").map(|()| "readable by its owner only".into())
    } else {
        Ok("none here".into())
    };
    finding("admin key", found)
}

/// Says if others than the owner can look into something.
fn private(path: &Path, right: &str) -> Result<(), String> {
    let mode = std::fs::metadata(path).map_err(|error| error.to_string())?.permissions().mode();
    match mode & 0o777 {
        mode if mode & 0o077 != 0 => {
            Err(format!("others can read it (mode {mode:o}); run `chmod {right}`"))
        }
        _ => Ok(()),
    }
}

fn server(home: &Home) -> Finding {
    let said = match (home.lock(), home.running()) {
        (Ok(None), Some(running)) => {
            Ok(format!("runs at {} (process {})", running.url, running.pid))
        }
        (Ok(None), None) => {
            Err("something holds the ledger and does not say where it is reached".into())
        }
        (Ok(Some(_)), _) => Ok("none runs".into()),
        (Err(error), _) => Err(format!("{error:#}")),
    };
    finding("server", said)
}

/// The systems that a server has nothing to tell by. Only a server knows its configuration.
async fn systems(global: &Global) -> Finding {
    finding("systems", unconnected(global).await.map_err(|error| format!("{error:#}")).flatten())
}

async fn unconnected(global: &Global) -> Result<Result<String, String>> {
    let home = global.home()?;
    // A folder that is missing or damaged is a finding of its own.
    if !home.exists() || home.lock()?.is_some() {
        return Ok(Ok("no server runs that would tell them anything".into()));
    }
    let systems = global.client()?.get("/v1/systems").await?;
    let systems = systems.as_array().cloned().unwrap_or_default();
    let missing = systems.iter().filter(|system| system["is_connected"] == false);
    let missing: Vec<String> = missing.map(|system| field(system, "recipient")).collect();
    Ok(match missing.as_slice() {
        [] => Ok(format!("{}, all connected", systems.len())),
        missing => Err(format!(
            "there is an effect_deadline but no sink for {}: its use will be denied (overdue) from \
             its deadline on; declare one with `sayso sink add`",
            missing.join(", ")
        )),
    })
}

fn sqlite() -> Finding {
    finding("SQLite", Ok(sayso_stores::embedded::sqlite_version().to_owned()))
}

fn disk(home: &Home) -> Finding {
    let path = home.file("doctor.probe");
    let probe = || -> std::io::Result<()> {
        std::fs::write(&path, b"probe")?;
        std::fs::File::open(&path)?.sync_all()?;
        std::fs::remove_file(&path)
    };
    finding(
        "disk",
        probe().map(|()| "takes writes and syncs".into()).map_err(|error| error.to_string()),
    )
}

fn journal(home: &Home) -> Finding {
    let path = home.journal();
    let shown = path.display();
    let read = |secrets| match sayso_ledger::journal::read(path, &secrets) {
        Ok((lines, 0)) => Ok(format!("{shown}, {} lines", lines.len())),
        Ok((lines, bad)) => Err(format!("{shown}, {} lines, {bad} unreadable", lines.len())),
        Err(error) => Err(format!("{shown}: {error}")),
    };
    finding(
        "journal",
        if path.exists() {
            home.secrets().map_err(|error| format!("{error:#}")).and_then(read)
        } else if home.file("ledger.db").exists() {
            Err(format!("{shown} is missing; bring it back, or a restore forgets withdrawals"))
        } else {
            Ok(format!("{shown}, empty"))
        },
    )
}

fn ledger(home: &Home) -> Finding {
    let report = home.secrets().and_then(|secrets| {
        check(&home.file("ledger.db"), &secrets.verifying(), Some(&secrets), None)
    });
    finding(
        "ledger",
        match report {
            Ok(report) if report.holds() => Ok(format!("{} entries, all hold", report.entries)),
            Ok(report) => Err(report.problems.join("; ")),
            Err(error) => Err(format!("{error:#}")),
        },
    )
}
