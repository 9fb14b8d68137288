//! What the operator wrote, and what it means.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use serde::Deserialize;

/// The commented default: the manual.
pub(crate) const MANUAL: &str = include_str!("sayso.default.toml");

/// The file as it is written. Unknown settings are refused: a mistyped one must not be silent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) store: Store,
    pub(crate) alert: Alert,
    pub(crate) log: Log,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), public_url: None }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    pub(crate) dir: Option<PathBuf>,
    pub(crate) journal: Option<PathBuf>,
    pub(crate) save_seconds: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { dir: None, journal: None, save_seconds: 900 }
    }
}

impl Store {
    /// How often the snapshot is saved.
    pub(crate) fn save_every(&self) -> Duration {
        Duration::from_secs(self.save_seconds.max(1))
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Alert {
    pub(crate) url: Option<String>,
    pub(crate) allow_private: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Text }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// Reads a file; the defaults if there is none.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let shown = path.display();
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
        toml::from_str(&text)
            .with_context(|| format!("`{shown}` has a setting that cannot be read"))
    }

    /// Where the server is reached.
    pub(crate) fn public_url(&self) -> String {
        let given = self.server.public_url.clone();
        given
            .unwrap_or_else(|| format!("http://{}", self.server.listen))
            .trim_end_matches('/')
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_is_a_configuration_and_says_the_defaults() {
        let uncommented: String = MANUAL
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.contains(" = ") || setting.starts_with('[') => setting,
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let said: Config = toml::from_str(&uncommented).unwrap();
        let default: Config = toml::from_str(MANUAL).unwrap();
        assert_eq!(said.server.listen, default.server.listen);
        assert_eq!(said.public_url(), default.public_url());
        assert_eq!(said.log.filter, default.log.filter);
        assert_eq!(said.store.save_every(), default.store.save_every());
        assert_eq!(said.alert.allow_private, default.alert.allow_private);
        assert!(default.alert.url.is_none());
        assert!(toml::from_str::<Config>("[server]\nlisten_on = 1").is_err());
    }
}
