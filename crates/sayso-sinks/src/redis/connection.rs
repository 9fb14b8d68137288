//! Connections. One carries many commands at a time, and ends with the first that fails.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, ServerErrorKind,
    aio::MultiplexedConnection,
};
use tokio::{sync::Mutex, time::timeout};
use zeroize::Zeroizing;

use crate::guard::door::Door;

/// How it proves who it is, and which database it means.
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) database: u32,
}

/// The way to the server, and the connection that is open.
pub(super) struct Connections {
    door: Door,
    login: Login,
    open: Mutex<Option<MultiplexedConnection>>,
}

impl Connections {
    pub(super) fn new(door: Door, login: Login) -> Self {
        Self { door, login, open: Mutex::default() }
    }

    pub(super) fn patience(&self) -> Duration {
        self.door.patience()
    }

    /// The open connection, or a new one; the class of failure if there is none.
    pub(super) async fn get(&self) -> Result<MultiplexedConnection, String> {
        let mut open = self.open.lock().await;
        if let Some(connection) = open.as_ref() {
            return Ok(connection.clone());
        }
        let link = self.door.open().await.map_err(|shut| shut.to_string())?;
        let mut info = RedisConnectionInfo::default().set_db(i64::from(self.login.database));
        if let Some(username) = &self.login.username {
            info = info.set_username(username);
        }
        if let Some(password) = &self.login.password {
            info = info.set_password(password.as_str());
        }
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(self.patience()));
        let made = MultiplexedConnection::new_with_config(&info, link, config);
        // What drives the connection is needed to make it, and is given away before it is made.
        let made = timeout(self.patience(), made).await.map_err(|_| "timeout".to_owned())?;
        let (connection, driver) = made.map_err(|error| class(&error).to_owned())?;
        tokio::spawn(driver);
        *open = Some(connection.clone());
        Ok(connection)
    }

    /// Lets go of a connection that did not do what it should.
    pub(super) async fn drop(&self) {
        *self.open.lock().await = None;
    }
}

/// The class of a failure.
pub(super) fn class(error: &RedisError) -> &'static str {
    if error.is_timeout() {
        return "timeout";
    }
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _)
        | (ErrorKind::Server(ServerErrorKind::NoPerm), _)
        | (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => "credentials",
        (_, Some("OOM" | "MISCONF")) => "full",
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => "read_only",
        (ErrorKind::Server(ServerErrorKind::BusyLoading), _) | (_, Some("BUSY")) => "busy",
        (ErrorKind::Server(_) | ErrorKind::Extension, _) => "script",
        _ => "broken",
    }
}
