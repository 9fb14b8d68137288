//! The commands, one file each.

pub(crate) mod audience;
mod audience_export;
pub(crate) mod backup;
pub(crate) mod catalog;
pub(crate) mod choose;
pub(crate) mod clock;
pub(crate) mod decide;
pub(crate) mod doctor;
pub(crate) mod filter;
pub(crate) mod follow;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod overview;
pub(crate) mod replica;
pub(crate) mod serve;
pub(crate) mod sink;
pub(crate) mod subject;
mod subject_import;

use anyhow::Result;
use clap::CommandFactory;

use crate::{cli::Cli, output::write};

/// Completions for a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sayso", &mut text);
    write(&String::from_utf8_lossy(&text))
}

/// The manual page.
pub(crate) fn man() -> Result<()> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    write(&String::from_utf8_lossy(&text))
}

/// Percent-encodes a value for a query.
pub(crate) fn encode(text: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/');
    text.bytes()
        .map(
            |byte| {
                if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}
