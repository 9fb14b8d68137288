//! `tools/verify.py` as a second opinion.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::world::{ROOT, public_key, root};

/// A Python that has what the verifier needs.
pub(crate) struct Python(PathBuf);

/// What it says about one file.
#[derive(Debug)]
pub(crate) struct Said {
    /// Whether all holds.
    pub(crate) holds: bool,
    /// Everything that it says.
    pub(crate) report: serde_json::Value,
}

impl Python {
    /// The one to use; `None`, with a word, if there is none and that is allowed.
    pub(crate) fn find() -> Option<Self> {
        let named = std::env::var_os("SAYSO_PYTHON").map(PathBuf::from);
        let own = root().join("target/python/bin/python");
        let candidates = named.into_iter().chain([own, "python3".into()]);
        let has_nacl = |python: &PathBuf| {
            let tried = Command::new(python).args(["-c", "import nacl.signing"]).output();
            tried.is_ok_and(|output| output.status.success())
        };
        let found = candidates.into_iter().find(has_nacl).map(Self);
        if found.is_none() {
            let is_required =
                std::env::var_os("SAYSO_REQUIRE_ALL").is_some_and(|value| value == "1");
            assert!(
                !is_required,
                "no Python with PyNaCl: install tools/requirements.txt or set SAYSO_PYTHON"
            );
            eprintln!("left out: no Python with PyNaCl (tools/requirements.txt)");
        }
        found
    }

    fn run(&self, command: &str, files: &[PathBuf], options: &[&str]) -> (Vec<Said>, i32) {
        let script = root().join("tools/verify.py");
        let output = Command::new(&self.0)
            .arg(script)
            .arg(command)
            .args(files)
            .args(options)
            .arg("--json")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let said: Vec<Said> = text
            .lines()
            .map(|line| {
                let report: serde_json::Value = serde_json::from_str(line).unwrap();
                Said { holds: report["holds"] == true, report }
            })
            .collect();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said.len(), files.len(), "one line for each file: {stderr}");
        (said, output.status.code().unwrap())
    }

    /// Verifies ledgers.
    pub(crate) fn ledgers(
        &self,
        files: &[PathBuf],
        with_root: bool,
        kept: Option<&Path>,
    ) -> Vec<Said> {
        let folder = tempfile::tempdir().unwrap();
        let root_key = folder.path().join("root.key");
        std::fs::write(&root_key, format!("{ROOT}\n")).unwrap();
        let (public, root_key) = (public_key(), root_key.to_str().unwrap().to_owned());
        let mut options =
            if with_root { vec!["--root-key", &root_key] } else { vec!["--public-key", &public] };
        if let Some(kept) = kept {
            options.extend(["--checkpoint", kept.to_str().unwrap()]);
        }
        let (said, code) = self.run("ledger", files, &options);
        check_code(&said, code);
        said
    }

    /// Verifies receipts under a key.
    pub(crate) fn receipts(&self, files: &[PathBuf], key: &str) -> Vec<Said> {
        let (said, code) = self.run("receipt", files, &["--public-key", key]);
        check_code(&said, code);
        said
    }
}

/// The exit code says what the reports say.
fn check_code(said: &[Said], code: i32) {
    let expected = said.iter().map(|said| match said.holds {
        true => 0,
        false if said.report.get("error").is_some() => 2,
        false => 1,
    });
    assert_eq!(code, expected.max().unwrap_or(0));
}
