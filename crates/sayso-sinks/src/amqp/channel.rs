//! Connections and channels. A broker answers a mistake by closing one of them.

use std::sync::{Arc, Mutex as Lock, PoisonError};

use async_compat::CompatExt;
use lapin::{
    AsyncTcpStream, Channel, Connection, ConnectionProperties, Error, ErrorKind,
    options::ConfirmSelectOptions,
    runtime::default_runtime,
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo},
};
use tokio::time::timeout;

use super::config::Login;
use crate::guard::door::Door;

/// After so many seconds without a word either side may hang up.
const HEARTBEAT_SECONDS: u16 = 20;

/// A connection, and the channel that messages are published on.
pub(super) struct Open {
    pub(super) connection: Connection,
    pub(super) channel: Channel,
}

impl Open {
    /// The class of failure if there is none.
    pub(super) async fn new(door: &Door, login: &Login) -> Result<Self, String> {
        let socket = door.socket().await.map_err(|shut| shut.to_string())?;
        // It is asked for once; what would connect again finds nothing.
        let socket = Arc::new(Lock::new(Some(socket)));
        let opened = async {
            let connect = async move |_, _| {
                let socket = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
                let socket = socket.ok_or_else(|| std::io::Error::other("used once"))?;
                Ok(AsyncTcpStream::Plain(socket.compat()))
            };
            let properties =
                ConnectionProperties::default().with_connection_name(login.name.clone().into());
            let runtime = default_runtime()?;
            let connection =
                Connection::connector(uri(login), runtime, connect, properties).await?;
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(Self { connection, channel })
        };
        let opened = timeout(door.patience(), opened).await;
        opened.map_err(|_| "timeout".to_owned())?.map_err(|error: Error| class(&error).to_owned())
    }

    pub(super) fn is_open(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }
}

fn uri(login: &Login) -> AMQPUri {
    AMQPUri {
        // What is spoken over is secured already, if it has to be.
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: login.username.clone(),
                password: login.password.to_string(),
            },
            host: "broker".to_owned(),
            port: 5672,
        },
        vhost: login.vhost.clone(),
        query: AMQPQueryString { heartbeat: Some(HEARTBEAT_SECONDS), ..AMQPQueryString::default() },
    }
}

/// The broker's code for what went wrong, if it said one (AMQP 0-9-1, section 1.2).
pub(super) fn code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(said) => Some(said.get_id()),
        _ => None,
    }
}

/// The class of a failure.
pub(super) fn class(error: &Error) -> &'static str {
    match (code(error), error.kind()) {
        (Some(403), _) => "credentials",
        (Some(404), _) => "no_exchange",
        (Some(530), _) => "no_vhost",
        (None, ErrorKind::MissingHeartbeatError) => "timeout",
        _ => "broken",
    }
}
