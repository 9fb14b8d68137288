mod batches;
mod clients;
mod config;
mod guarded;
mod outcomes;
mod receiver;
mod rotation;
mod schemas;
mod signatures;
mod suite;
mod tls;
mod wire;

use bytes::Bytes;

use super::*;

pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(super) const SIGNING_KEY: &str = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub(super) const PUBLIC_KEY: &str = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";

pub(super) const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
pub(super) const AT: i64 = 1_614_265_330;
pub(super) const BODY: &[u8] = br#"{"test": 2432232314}"#;

/// A configuration as production has it, but for its address.
pub(super) fn strict(url: &str) -> WebhookConfig {
    WebhookConfig {
        url: url.to_owned(),
        secret: SECRET.parse().unwrap(),
        signing_key: SIGNING_KEY.parse().unwrap(),
        allow_private: false,
        timeout_ms: 5_000,
    }
}

/// A configuration that may speak to this machine.
pub(super) fn local(url: &str) -> WebhookConfig {
    WebhookConfig { allow_private: true, ..strict(url) }
}

pub(super) async fn send(webhook: &Webhook) -> Sent {
    webhook.send(ID, Bytes::from_static(BODY), AT).await
}

pub(super) async fn send_to(config: WebhookConfig) -> Sent {
    send(&Webhook::new(config).unwrap()).await
}

pub(super) fn again(why: Why) -> Sent {
    Sent::Retry { after_ms: None, why }
}
