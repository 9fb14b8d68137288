//! Connections, each used until it breaks and never by itself again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_nats::{
    Auth, AuthError, Client, ConnectErrorKind, ConnectOptions, ServerAddr, connection::State,
};
use sayso_ledger::sink::Told;
use tokio::{sync::Mutex, time::timeout};

use super::config::Login;
use crate::{
    guard::{
        door::{Door, Endpoint, Shut},
        named::Named,
    },
    open::OpenError,
};

/// How many messages wait in memory to be written to the connection.
const WAITING_MAX: usize = 1_024;

/// The way to the server, and the connection that is open.
pub(super) struct Clients {
    door: Door,
    tls: Option<rustls::ClientConfig>,
    login: Login,
    name: String,
    open: Mutex<Option<Client>>,
}

impl Clients {
    pub(super) fn new(endpoint: &Endpoint, login: Login, told: &Told) -> Result<Self, OpenError> {
        let door = Door::new(endpoint)?;
        let named = |name| Named::config(endpoint.ca_file.as_deref(), name);
        let tls = door.name().cloned().map(named).transpose()?;
        let name = format!("sayso {}", told.recipient);
        Ok(Self { door, tls, login, name, open: Mutex::default() })
    }

    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// The open connection, or a new one; the class of failure if there is none.
    pub(super) async fn get(&self) -> Result<Client, String> {
        let mut open = self.open.lock().await;
        if let Some(client) = open.as_ref() {
            if client.connection_state() == State::Connected {
                return Ok(client.clone());
            }
            *open = None;
        }
        let connected = timeout(self.door.patience(), self.connect()).await;
        let client = connected.map_err(|_| Shut::Timeout.to_string())??;
        *open = Some(client.clone());
        Ok(client)
    }

    /// Lets go of a connection that did not do what it should.
    pub(super) async fn drop(&self) {
        *self.open.lock().await = None;
    }

    async fn connect(&self) -> Result<Client, String> {
        let addresses = self.door.addresses().await.map_err(|shut| shut.to_string())?;
        let servers: Vec<ServerAddr> =
            addresses.iter().filter_map(|address| format!("{address}").parse().ok()).collect();
        let is_used = Arc::new(AtomicBool::new(false));
        let mut options = ConnectOptions::with_auth_callback(self.credentials(&is_used))
            .name(&self.name)
            .connection_timeout(self.door.patience())
            .request_timeout(Some(self.door.patience()))
            .client_capacity(WAITING_MAX)
            .max_reconnects(servers.len())
            .ignore_discovered_servers()
            .require_tls(self.tls.is_some());
        if let Some(tls) = &self.tls {
            options = options.tls_client_config(tls.clone());
        }
        let client = options.connect(servers).await.map_err(|error| class(error.kind()).into());
        is_used.store(true, Ordering::Release);
        client
    }

    /// Credentials for one connection. A client whose connection broke makes another by itself and
    /// sends what it still had; without credentials it gives up instead.
    fn credentials(
        &self,
        is_used: &Arc<AtomicBool>,
    ) -> impl Fn(Vec<u8>) -> std::future::Ready<Result<Auth, AuthError>> + Send + Sync + 'static
    {
        let (login, is_used) = (self.login.clone(), Arc::clone(is_used));
        move |_| {
            if is_used.load(Ordering::Acquire) {
                return std::future::ready(Err(AuthError::new("used once")));
            }
            let mut auth = Auth::new();
            auth.username.clone_from(&login.username);
            auth.password = login.password.as_ref().map(|password| password.to_string());
            auth.token = login.token.as_ref().map(|token| token.to_string());
            std::future::ready(Ok(auth))
        }
    }
}

fn class(kind: ConnectErrorKind) -> &'static str {
    match kind {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            "credentials"
        }
        ConnectErrorKind::TimedOut => "timeout",
        ConnectErrorKind::Tls => "tls",
        _ => "unreachable",
    }
}
