//! Applying messages.

use std::sync::Arc;

use futures_util::future::join_all;
use redis::{Script, aio::MultiplexedConnection};
use sayso_ledger::{
    deliver::PermissionData,
    sink::{Answer, Message, Mirror, Outcome, Pace, Sink, Trouble},
};
use tokio::time::timeout;

use super::connection::{Connections, class};

/// How long it is remembered that somebody left, in seconds: older messages that come later are
/// known by it.
const REMEMBERED_SECONDS: u32 = 90 * 24 * 3_600;

/// One server.
pub struct Redis {
    pub(super) connections: Connections,
    pub(super) prefix: String,
    stream_length: u64,
    script: Script,
}

impl Redis {
    pub(super) fn new(connections: Connections, prefix: String, stream_length: u64) -> Self {
        let script = Script::new(include_str!("apply.lua"));
        Self { connections, prefix, stream_length, script }
    }

    async fn apply_all(&self, messages: &[Message]) -> Vec<Outcome> {
        let connection = match self.connections.get().await {
            Ok(connection) => connection,
            Err(why) => return vec![Outcome::again(why); messages.len()],
        };
        let applied = messages.iter().map(|message| self.apply(connection.clone(), message));
        let outcomes = join_all(applied).await;
        if outcomes.iter().any(|outcome| !matches!(outcome, Outcome::Applied { .. })) {
            self.connections.drop().await;
        }
        outcomes
    }

    async fn apply(&self, mut connection: MultiplexedConnection, message: &Message) -> Outcome {
        let Ok((names, fields)) = encoded(message) else {
            return Outcome::Refused { why: "not_json".into() };
        };
        let mut call = self.script.prepare_invoke();
        call.key(format!("{}person:{}", self.prefix, message.key))
            .key(format!("{}changes", self.prefix))
            .arg(format!("{}name:", self.prefix))
            .arg(&message.key)
            .arg(newness(message))
            .arg(message.position.to_string())
            .arg(u8::from(message.leaving))
            .arg(names)
            .arg(fields)
            .arg(&message.id)
            .arg(&message.body[..])
            .arg(self.stream_length)
            .arg(REMEMBERED_SECONDS);
        let called = call.invoke_async::<u64>(&mut connection);
        match timeout(self.connections.patience(), called).await {
            Err(_) => Outcome::again("timeout"),
            Ok(Err(error)) => Outcome::again(class(&error)),
            Ok(Ok(1)) => Outcome::Applied { detail: Some("1 hash".to_owned()) },
            Ok(Ok(changed)) => Outcome::Applied { detail: Some(format!("{changed} hashes")) },
        }
    }

    async fn look(&self) -> Result<Vec<String>, String> {
        let mut connection = self.connections.get().await?;
        let asked = async {
            redis::cmd("PING").exec_async(&mut connection).await?;
            redis::cmd("INFO").arg("persistence").query_async::<String>(&mut connection).await
        };
        let told = timeout(self.connections.patience(), asked).await;
        let told = match told {
            Ok(Ok(told)) => told,
            // It may write without being told how the server is run.
            Ok(Err(error)) if error.code() == Some("NOPERM") => String::new(),
            Ok(Err(error)) => {
                self.connections.drop().await;
                return Err(class(&error).to_owned());
            }
            Err(_) => {
                self.connections.drop().await;
                return Err("timeout".to_owned());
            }
        };
        let kept = match told.lines().find_map(|line| line.strip_prefix("aof_enabled:")) {
            Some("1") => "writes are logged to a file",
            Some(_) => "writes are not logged to a file: some are lost when the server stops",
            None => "whether writes are logged to a file is not told",
        };
        Ok(vec!["answers".to_owned(), kept.to_owned()])
    }
}

/// A text that sorts as `(position, moment)` does.
fn newness(message: &Message) -> String {
    let position = message.position;
    format!("{:010}-{:020}-{:020}", position.partition, position.number, message.at.0.max(0))
}

/// The names, and the fields of the hash of each, in JSON.
fn encoded(message: &Message) -> serde_json::Result<(String, String)> {
    let fields: Vec<String> = message.permissions.iter().flat_map(field).collect();
    Ok((serde_json::to_string(&message.identifiers)?, serde_json::to_string(&fields)?))
}

/// `purpose|data|channel` and `1 or 0|until`: what stands between the strokes of a mark's line.
fn field(permission: &PermissionData) -> [String; 2] {
    let channel = permission.channel.as_ref().map(ToString::to_string).unwrap_or_default();
    let until = permission.until.map(|until| until.0.to_string()).unwrap_or_default();
    let PermissionData { purpose, data, allow, .. } = permission;
    [format!("{purpose}|{data}|{channel}"), format!("{}|{until}", u8::from(*allow))]
}

impl Sink for Redis {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move { self.apply_all(&messages).await })
    }

    fn pace(&self) -> Pace {
        Pace { batch_max: 200, at_once: 2, per_second: None }
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async { self.look().await.map_err(Trouble) })
    }

    fn mirror(&self) -> Option<&dyn Mirror> {
        Some(self)
    }
}
