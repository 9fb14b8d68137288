//! What kinds of sinks there are, and how one is made from what an operator wrote.

use std::{collections::BTreeMap, sync::Arc};

use sayso_ledger::sink::{Sink, Told};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Secrets by name: passwords, tokens, keys.
pub type Secrets = BTreeMap<String, Zeroizing<String>>;

/// What is wrong with what an operator wrote. Settings are named, values are not repeated: some
/// are secrets in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Nothing goes by this name.
    #[error("there is no kind of sink called `{0}`; `kinds` lists what there is")]
    Kind(String),
    /// They are no table.
    #[error("the settings are not a table of names and values")]
    Shape,
    /// There is no such setting.
    #[error("`{0}` is no setting of this kind; check its spelling")]
    Unknown(String),
    /// It has to be there.
    #[error("the setting `{0}` is missing")]
    Missing(String),
    /// It cannot be used.
    #[error("the setting `{setting}` {why}")]
    Wrong {
        /// Its name.
        setting: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A secret has to be there.
    #[error("the secret `{0}` is missing")]
    MissingSecret(String),
    /// There is no such secret.
    #[error("`{0}` is no secret of this kind; check its spelling")]
    UnknownSecret(String),
    /// A secret cannot be used.
    #[error("the secret `{secret}` {why}")]
    WrongSecret {
        /// Its name.
        secret: String,
        /// What is wrong, and what to do.
        why: String,
    },
}

impl OpenError {
    /// A setting that cannot be used.
    pub fn wrong(setting: &str, why: impl Into<String>) -> Self {
        Self::Wrong { setting: setting.to_owned(), why: why.into() }
    }
}

/// Makes a sink.
pub type Open = fn(&Value, &Secrets, &Told) -> Result<Arc<dyn Sink>, OpenError>;

/// A kind of sink.
#[derive(Clone, Copy)]
pub struct Kind {
    /// As it is written in a configuration.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub what: &'static str,
    /// Which settings it takes.
    pub settings: &'static [Setting],
    /// Which secrets it takes.
    pub secrets: &'static [Secret],
    /// Makes one.
    pub open: Open,
}

/// A setting of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it is, and its unit.
    pub what: &'static str,
    /// What it is if it is not written; none if it has to be.
    pub default: Option<&'static str>,
}

/// A secret of a kind. None has to be there unless a setting asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
}

/// All kinds that this program was built with.
pub fn kinds() -> Vec<Kind> {
    vec![
        #[cfg(feature = "amqp")]
        crate::amqp::KIND,
        #[cfg(feature = "exec")]
        crate::exec::KIND,
        #[cfg(feature = "file")]
        crate::file::KIND,
        #[cfg(feature = "kafka")]
        crate::kafka::KIND,
        #[cfg(feature = "mqtt")]
        crate::mqtt::KIND,
        #[cfg(feature = "nats")]
        crate::nats::KIND,
        #[cfg(feature = "redis")]
        crate::redis::KIND,
        #[cfg(feature = "sql")]
        crate::sql::KIND,
        #[cfg(feature = "suppression")]
        crate::suppression::KIND,
        #[cfg(feature = "webhook")]
        crate::webhook::KIND,
    ]
}

/// Makes a sink of a kind. Connects to nothing: it may be away when the server starts.
///
/// # Errors
/// What an operator wrote cannot be used.
pub fn open(
    kind: &str,
    settings: &Value,
    secrets: &Secrets,
    told: &Told,
) -> Result<Arc<dyn Sink>, OpenError> {
    let known = kinds().into_iter().find(|known| known.name == kind);
    let known = known.ok_or_else(|| OpenError::Kind(kind.to_owned()))?;
    let is_known = |name: &&String| !known.secrets.iter().any(|secret| secret.name == **name);
    if let Some(unknown) = secrets.keys().find(is_known) {
        return Err(OpenError::UnknownSecret(unknown.clone()));
    }
    (known.open)(settings, secrets, told)
}

/// Reads settings. Those that `part` names are read apart, as settings of another struct.
///
/// # Errors
/// What an operator wrote cannot be used.
pub fn read<P: DeserializeOwned, S: DeserializeOwned>(
    settings: &Value,
    part: &[Setting],
) -> Result<(P, S), OpenError> {
    let all = settings.as_object().ok_or(OpenError::Shape)?;
    let is_part = |name: &str| part.iter().any(|setting| setting.name == name);
    let (apart, own): (Map<_, _>, Map<_, _>) =
        all.clone().into_iter().partition(|(name, _)| is_part(name));
    Ok((read_one(apart)?, read_one(own)?))
}

/// Reads settings that are all of one struct.
///
/// # Errors
/// What an operator wrote cannot be used.
pub fn read_all<S: DeserializeOwned>(settings: &Value) -> Result<S, OpenError> {
    read_one(settings.as_object().ok_or(OpenError::Shape)?.clone())
}

fn read_one<T: DeserializeOwned>(settings: Map<String, Value>) -> Result<T, OpenError> {
    serde_path_to_error::deserialize(Value::Object(settings)).map_err(|error| {
        let said = error.inner().to_string();
        let named = |prefix: &str| Some(said.strip_prefix(prefix)?.split('`').next()?.to_owned());
        if let Some(name) = named("unknown field `") {
            return OpenError::Unknown(name);
        }
        if let Some(name) = named("missing field `") {
            return OpenError::Missing(name);
        }
        // What else it says repeats the value.
        OpenError::wrong(&error.path().to_string(), "has the wrong type, or a value out of range")
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        #[serde(rename = "address")]
        _address: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Own {
        #[serde(default, rename = "size")]
        _size: u16,
    }

    const PART: [Setting; 1] = [Setting { name: "address", what: "", default: None }];

    #[test]
    fn what_is_wrong_is_named_and_not_repeated() {
        let told = |settings: Value| read::<Part, Own>(&settings, &PART).unwrap_err().to_string();
        for (settings, said) in [
            (json!([1]), "the settings are not a table of names and values"),
            (json!({}), "the setting `address` is missing"),
            (json!({"address": "a", "sise": 1}), "`sise` is no setting of this kind"),
            (json!({"address": "a", "size": "hunter2"}), "the setting `size` has the wrong type"),
            (json!({"address": ["hunter2"]}), "the setting `address` has the wrong type"),
            (json!({"address": "a", "size": 70_000}), "the setting `size` has the wrong type"),
        ] {
            let found = told(settings);
            assert!(found.starts_with(said) && !found.contains("hunter2"), "{found}");
        }
    }

    #[test]
    fn every_kind_says_what_it_is() {
        for kind in kinds() {
            assert!(!kind.what.is_empty() && !kind.settings.is_empty(), "{}", kind.name);
            let refused = (kind.open)(&json!({"nonsense": 1}), &Secrets::new(), &told());
            assert!(refused.is_err(), "{}", kind.name);
        }
        assert!(matches!(
            open("pigeon", &json!({}), &Secrets::new(), &told()),
            Err(OpenError::Kind(_))
        ));
    }

    fn told() -> Told {
        Told { recipient: "mailer".parse().unwrap(), ledger: "c0ffee".into() }
    }
}
