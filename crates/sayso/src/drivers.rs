//! What sinks are made of: the one place that knows every driver.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use sayso_consent::{Id, sink::Declared};
use sayso_ledger::deliver::Drivers;
use sayso_ledger::{
    Secrets,
    sink::{Field, Kind, Sink, Told},
};
use sayso_sinks::{
    open::{Secret, Setting},
    webhook::{HmacSecret, SigningKey},
};
use zeroize::Zeroizing;

/// What deliveries to a recipient are signed with, as long as nobody made it another secret.
pub(crate) fn delivery_keys(secrets: &Secrets, recipient: &Id) -> Result<(HmacSecret, SigningKey)> {
    let secret = HmacSecret::from_bytes(secrets.webhook_secret(recipient).as_slice())?;
    Ok((secret, SigningKey::from_seed(secrets.webhook().as_bytes())))
}

/// All drivers, for the recipients of one ledger.
pub(crate) fn drivers(secrets: &Secrets, ledger: &str) -> Drivers {
    let (secrets, ledger) = (secrets.clone(), ledger.to_owned());
    let open = move |recipient: &Id, declared: &Declared| {
        let told = Told { recipient: recipient.clone(), ledger: ledger.clone() };
        open(&secrets, &told, declared)
    };
    Drivers {
        open: Arc::new(open),
        kinds: sayso_sinks::open::kinds().into_iter().map(shown).collect(),
    }
}

fn shown(kind: sayso_sinks::open::Kind) -> Kind {
    let setting = |own: &Setting| Field { name: own.name, about: own.what, default: own.default };
    let secret = |own: &Secret| Field { name: own.name, about: own.what, default: None };
    Kind {
        name: kind.name,
        about: kind.what,
        settings: kind.settings.iter().map(setting).collect(),
        secrets: kind.secrets.iter().map(secret).collect(),
    }
}

fn open(secrets: &Secrets, told: &Told, declared: &Declared) -> Result<Arc<dyn Sink>, String> {
    let settings = serde_json::from_str(&declared.settings)
        .map_err(|_| "the settings are not a JSON object".to_owned())?;
    let mut own = secrets
        .open_sink(&told.recipient, &declared.sealed)
        .map_err(|_| "what was sealed for it does not open".to_owned())?;
    if declared.kind == "webhook" {
        add_delivery_keys(&mut own, secrets, &told.recipient)?;
    }
    sayso_sinks::open::open(&declared.kind, &settings, &own, told)
        .map_err(|error| error.to_string())
}

/// A webhook is signed with keys of ours, unless it was given a secret of its own.
fn add_delivery_keys(
    own: &mut BTreeMap<String, Zeroizing<String>>,
    secrets: &Secrets,
    recipient: &Id,
) -> Result<(), String> {
    let (secret, signing) = delivery_keys(secrets, recipient).map_err(|error| error.to_string())?;
    own.entry("secret".to_owned()).or_insert_with(|| secret.reveal());
    own.insert("signing_key".to_owned(), signing.reveal());
    Ok(())
}
