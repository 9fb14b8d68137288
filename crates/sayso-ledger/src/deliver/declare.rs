//! Declaring how a recipient is told: what was wished becomes what is recorded, after a look at the
//! system. The same for every surface.

use std::{collections::BTreeMap, time::Duration};

use sayso_consent::{id::Id, sink::Declared};
use zeroize::Zeroizing;

use crate::{Ledger, deliver::Open, keys::CryptoError, sink::Trouble};

/// How long a system may take to be looked at.
const LOOK: Duration = Duration::from_secs(20);
/// How often the canary is changed and the system read back unless said otherwise, in seconds.
pub const WATCH_SECONDS: u32 = 300;

/// What somebody wants.
pub struct Wish {
    /// Which kind of sink.
    pub kind: String,
    /// What may be shown of it: a JSON object.
    pub settings: String,
    /// What may not. What is not given stays as it was.
    pub secrets: BTreeMap<String, Zeroizing<String>>,
    /// How often the canary is changed and the system read back, in seconds.
    pub watch_seconds: u32,
    /// The name of the canary, as `namespace:value`.
    pub canary: Option<String>,
}

/// Why a system cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A setting cannot be used.
    #[error("{0}")]
    Settings(String),
    /// It is not there, or does not let us in, or lacks something: a class.
    #[error("{0}")]
    Trouble(String),
}

/// The wish as it is recorded: with the secrets that it had before, sealed.
///
/// # Errors
/// What was sealed before does not open, or there are no random bytes.
pub fn declared(ledger: &Ledger, recipient: &Id, wish: Wish) -> Result<Declared, CryptoError> {
    let sinks = ledger.snapshot().sinks();
    let before = sinks.get(recipient).filter(|sink| sink.declared.kind == wish.kind);
    let sealed = before.map_or("", |sink| sink.declared.sealed.as_str());
    let mut secrets = ledger.secrets().open_sink(recipient, sealed)?;
    secrets.extend(wish.secrets);
    Ok(Declared {
        kind: wish.kind,
        settings: wish.settings,
        sealed: ledger.secrets().seal_sink(recipient, &secrets)?,
        watch_seconds: wish.watch_seconds.clamp(1, 86_400),
        canary: wish.canary,
    })
}

/// Looks at a system and changes nothing. What was seen, in a few words each.
///
/// # Errors
/// It cannot be used as it is.
pub async fn look(
    open: &Open,
    recipient: &Id,
    declared: &Declared,
) -> Result<Vec<String>, Unusable> {
    let sink = open(recipient, declared).map_err(Unusable::Settings)?;
    match tokio::time::timeout(LOOK, sink.check()).await {
        Ok(seen) => seen.map_err(|Trouble(why)| Unusable::Trouble(why)),
        Err(_) => Err(Unusable::Trouble("timeout".to_owned())),
    }
}
