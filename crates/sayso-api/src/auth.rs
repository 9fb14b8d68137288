//! Who asks: API keys, held by digest, with roles; one bound to a recipient speaks only for it.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
};
use sayso_consent::{
    Id, SubjectId,
    event::{Grade, Key},
};
use sha2::{Digest, Sha256};

use crate::{App, point::Keys, problem::Problem};

/// Whoever sent a request.
#[derive(Clone, Debug)]
pub struct Principal {
    key: Arc<Key>,
}

/// Put among a request's extensions by a program that embeds the API and has authenticated
/// itself by other means, such as holding the ledger's folder open. Never by way of a socket.
#[derive(Clone, Copy, Debug)]
pub struct Internal;

/// The mark of a request from within the program itself.
pub const INTERNAL: Internal = Internal;

impl Principal {
    /// The public name of the key: what the ledger notes as `by`.
    pub fn id(&self) -> &str {
        &self.key.id
    }

    /// The digest by which the key's secret is known; empty for the program itself.
    pub(crate) fn digest(&self) -> &str {
        &self.key.digest
    }

    /// The recipient that the key is bound to.
    pub fn recipient(&self) -> Option<&Id> {
        self.key.recipient.as_ref()
    }

    /// Whether the key sees subject ids, or only the identifiers of its own recipient.
    pub fn is_bound(&self) -> bool {
        self.key.recipient.is_some()
    }

    /// Lets pass only a key with a role.
    pub fn require(&self, role: Grade) -> Result<(), Problem> {
        let has = self.key.roles.iter().any(|own| *own == role || *own == Grade::Administer);
        if has {
            Ok(())
        } else {
            Err(Problem::forbidden(format!("it takes the role `{}`", name(role))))
        }
    }

    /// Lets pass only a key that may speak for a recipient.
    pub fn speak_for(&self, recipient: &str) -> Result<(), Problem> {
        match self.recipient() {
            Some(own) if own.as_str() != recipient => {
                Err(Problem::forbidden(format!("it speaks for `{own}` only")))
            }
            _ => Ok(()),
        }
    }

    /// Whether the key is good still: asked at each step of an answer that takes long, for a key
    /// that is withdrawn reads nothing from then on.
    pub(crate) fn is_good(&self, app: &App) -> bool {
        let Some(id) = self.key_id() else { return true };
        app.ledger.snapshot().key(&self.key.digest).is_some_and(|key| key.id == id)
    }

    /// The public name of the key; none for the program itself, which has none to lose.
    pub(crate) fn key_id(&self) -> Option<&str> {
        (!self.key.digest.is_empty()).then_some(&self.key.id)
    }

    /// Where a list goes on behind a person, as this key may know it: a recipient must not learn
    /// subject ids, by which it could compare notes with another.
    pub(crate) fn place(&self, app: &App, subject: SubjectId) -> Result<String, Problem> {
        let Some(recipient) = self.recipient() else { return Ok(subject.to_string()) };
        let place = app.ledger.secrets().place(recipient, subject);
        place.map_err(|_| Problem::unavailable("no random bytes"))
    }

    /// The person at a place; `None` if it is not one that this key was given.
    pub(crate) fn person_at(&self, app: &App, place: &str) -> Option<SubjectId> {
        match self.recipient() {
            Some(recipient) => app.ledger.secrets().person_at(recipient, place).ok(),
            None => place.parse().ok(),
        }
    }

    fn internal() -> Self {
        let key = Key {
            id: "internal".into(),
            digest: String::new(),
            roles: vec![Grade::Administer],
            recipient: None,
            label: String::new(),
        };
        Self { key: Arc::new(key) }
    }
}

/// The name of a role.
pub(crate) fn name(role: Grade) -> &'static str {
    match role {
        Grade::Decide => "decide",
        Grade::Record => "record",
        Grade::Report => "report",
        Grade::Follow => "follow",
        Grade::Administer => "administer",
    }
}

/// The digest by which a secret is known.
pub fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

impl<S: Keys + Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, keys: &S) -> Result<Self, Problem> {
        if parts.extensions.get::<Internal>().is_some() {
            return Ok(Self::internal());
        }
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let secret = header.and_then(|header| {
            let (scheme, secret) = header.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
        });
        let key = match secret {
            Some(secret) => {
                let mut text = [0; 64];
                let _ = hex::encode_to_slice(Sha256::digest(secret.as_bytes()), &mut text);
                keys.key(std::str::from_utf8(&text).unwrap_or_default())?
            }
            None => None,
        };
        key.map(|key| Self { key }).ok_or_else(|| {
            let title = "a valid API key is needed";
            Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", title)
                .detail("send `Authorization: Bearer <key>`; make a key with `sayso key create`")
        })
    }
}
