//! The way to one server that speaks something else than HTTP.
//!
//! The guard looks at the address, connects to the very address that it looked at, and TLS is
//! spoken with the name that was configured. Clients of other protocols get the finished stream,
//! so that none of them resolves a name or trusts a certificate by rules of its own.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Guard, GuardError, SystemResolver, tls, without_brackets};
use crate::open::{OpenError, Setting};

/// The longest that one attempt may take, in milliseconds.
pub const ATTEMPT_MS_MAX: u64 = 60_000;

/// Where a server is and how it is reached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// `host:port`.
    pub address: String,
    /// Whether TLS is spoken.
    #[serde(default = "yes")]
    pub tls: bool,
    /// Certificates of authorities, in PEM; without, those that browsers trust.
    pub ca_file: Option<PathBuf>,
    /// Whether it may be the machine itself or on a private network, and be spoken to without TLS.
    #[serde(default)]
    pub allow_private: bool,
    /// How long one attempt may take.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

fn yes() -> bool {
    true
}

fn timeout_ms() -> u64 {
    5_000
}

/// The settings of an endpoint, for people.
pub const ENDPOINT: [Setting; 5] = [
    Setting { name: "address", what: "where the server is: `host:port`", default: None },
    Setting { name: "tls", what: "whether TLS is spoken", default: Some("true") },
    Setting {
        name: "ca_file",
        what: "certificates of authorities in a PEM file",
        default: Some("those that browsers trust"),
    },
    Setting {
        name: "allow_private",
        what: "whether it may be this machine or on a private network, and be spoken to without TLS",
        default: Some("false"),
    },
    Setting {
        name: "timeout_ms",
        what: "how long one attempt may take, in milliseconds",
        default: Some("5000"),
    },
];

/// A stream that a protocol is spoken over.
pub trait Link: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Link for T {}

/// Why there is no stream. Shown as a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shut {
    /// The name has no address.
    #[error("unresolved")]
    Unresolved,
    /// The name has an address that may not be reached.
    #[error("forbidden_address")]
    Forbidden,
    /// No connection was accepted.
    #[error("unreachable")]
    Unreachable,
    /// The connection could not be secured.
    #[error("tls")]
    Tls,
    /// It took too long.
    #[error("timeout")]
    Timeout,
}

impl From<GuardError> for Shut {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Unresolved(_) => Self::Unresolved,
            GuardError::Forbidden => Self::Forbidden,
            GuardError::Unreachable(_) => Self::Unreachable,
        }
    }
}

/// The way to one server.
#[derive(Clone)]
pub struct Door {
    guard: Guard,
    host: String,
    port: u16,
    tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
    patience: Duration,
}

impl Door {
    /// To an endpoint.
    ///
    /// # Errors
    /// A setting of it cannot be used.
    pub fn new(endpoint: &Endpoint) -> Result<Self, OpenError> {
        if !(1..=ATTEMPT_MS_MAX).contains(&endpoint.timeout_ms) {
            let why = format!("is not between 1 and {ATTEMPT_MS_MAX} ms");
            return Err(OpenError::wrong("timeout_ms", why));
        }
        if !endpoint.tls && !endpoint.allow_private {
            let why = "cannot be false unless `allow_private` is true";
            return Err(OpenError::wrong("tls", why));
        }
        let (host, port) = host_and_port(&endpoint.address)?;
        let patience = Duration::from_millis(endpoint.timeout_ms);
        let guard = Guard::new(Arc::new(SystemResolver), endpoint.allow_private, patience);
        let name = ServerName::try_from(host.clone());
        let name = name.map_err(|_| OpenError::wrong("address", "has no host that TLS knows"))?;
        let tls = match endpoint.tls {
            true => Some((Arc::new(tls::config(endpoint.ca_file.as_deref())?), name)),
            false => None,
        };
        Ok(Self { guard, host, port, tls, patience })
    }

    /// How long one attempt may take.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// The name that must be in the server's certificate, if TLS is spoken.
    #[cfg(feature = "nats")]
    pub(crate) fn name(&self) -> Option<&ServerName<'static>> {
        self.tls.as_ref().map(|(_, name)| name)
    }

    /// Where the server is, if all that its name stands for may be reached.
    ///
    /// # Errors
    /// Not all may, or there is nothing.
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, Shut> {
        let found = timeout(self.patience, self.guard.addresses(&self.host)).await;
        let found = found.map_err(|_| Shut::Timeout)??;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, self.port)).collect())
    }

    /// A stream to the server, secured if it has to be.
    ///
    /// # Errors
    /// There is none.
    pub async fn open(&self) -> Result<Box<dyn Link>, Shut> {
        timeout(self.patience, self.connect()).await.unwrap_or(Err(Shut::Timeout))
    }

    async fn connect(&self) -> Result<Box<dyn Link>, Shut> {
        let stream = self.guard.reach(&self.host, self.port).await?;
        let Some((config, name)) = &self.tls else { return Ok(Box::new(stream)) };
        let connector = TlsConnector::from(Arc::clone(config));
        let secured = connector.connect(name.clone(), stream).await.map_err(|_| Shut::Tls)?;
        Ok(Box::new(secured))
    }

    /// The same for a client that takes nothing but a socket. If the stream is secured, that is
    /// one end of a connection within this process whose other end is passed on.
    ///
    /// # Errors
    /// There is no stream.
    pub async fn socket(&self) -> Result<TcpStream, Shut> {
        if self.tls.is_none() {
            let reached = timeout(self.patience, self.guard.reach(&self.host, self.port)).await;
            return Ok(reached.map_err(|_| Shut::Timeout)??);
        }
        let mut secured = self.open().await?;
        let (own, mut other) = pair().await.map_err(|_| Shut::Unreachable)?;
        tokio::spawn(async move { copy_bidirectional(&mut other, &mut secured).await });
        Ok(own)
    }
}

/// Two ends of one connection within this process.
async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let own = TcpStream::connect(listener.local_addr()?).await?;
    own.set_nodelay(true)?;
    loop {
        // Whoever else on this machine was quicker is hung up on.
        let (other, from) = listener.accept().await?;
        if from == own.local_addr()? {
            other.set_nodelay(true)?;
            return Ok((own, other));
        }
    }
}

/// The parts of `host:port`; the host of an IPv6 address without its brackets.
pub(crate) fn host_and_port(address: &str) -> Result<(String, u16), OpenError> {
    let wrong = |why: &str| OpenError::wrong("address", why);
    let (host, port) =
        address.rsplit_once(':').ok_or_else(|| wrong("has no port; write host:port"))?;
    let port = port.parse().ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| wrong("has a port that is not a number from 1 to 65535"))?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.[]:".contains(&byte);
    let host = without_brackets(host);
    if host.is_empty() || !host.bytes().all(is_plain) {
        return Err(wrong("has no host, or more than that; write host:port"));
    }
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(address: &str) -> Endpoint {
        let address = address.to_owned();
        Endpoint { address, tls: true, ca_file: None, allow_private: false, timeout_ms: 1_000 }
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (address, expected) in [
            ("mq.example.org:4222", Some(("mq.example.org", 4222))),
            ("192.0.2.1:1", Some(("192.0.2.1", 1))),
            ("[2001:db8::1]:5671", Some(("2001:db8::1", 5671))),
            ("mq.example.org", None),
            (":4222", None),
            ("mq.example.org:0", None),
            ("mq.example.org:70000", None),
            ("somebody:secret@mq.example.org:4222", None),
            ("nats://mq.example.org:4222", None),
        ] {
            let found = host_and_port(address);
            let found = found.as_ref().ok().map(|(host, port)| (host.as_str(), *port));
            assert_eq!(found, expected, "{address}");
        }
    }

    #[test]
    fn without_tls_only_private_networks_are_spoken_to() {
        let refused = Door::new(&Endpoint { tls: false, ..endpoint("mq.example.org:1") });
        assert!(matches!(refused, Err(OpenError::Wrong { setting, .. }) if setting == "tls"));
        assert!(Door::new(&endpoint("mq.example.org:1")).is_ok());
    }

    #[tokio::test]
    async fn the_machine_itself_is_reached_only_if_that_is_allowed() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let own = endpoint(&listener.local_addr().unwrap().to_string());
        let door = Door::new(&own).unwrap();
        assert_eq!(door.open().await.err(), Some(Shut::Forbidden));
        assert_eq!(door.addresses().await, Err(Shut::Forbidden));
        let door = Door::new(&Endpoint { tls: false, allow_private: true, ..own }).unwrap();
        assert!(door.open().await.is_ok());
        assert!(door.socket().await.is_ok());
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(door.open().await.err(), Some(Shut::Unreachable));
        assert_eq!(door.addresses().await, Ok(vec![address]));
    }

    #[tokio::test]
    async fn two_ends_of_one_connection_are_each_others() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut own, mut other) = pair().await.unwrap();
        own.write_all(b"word").await.unwrap();
        let mut read = [0; 4];
        other.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"word");
        assert_eq!(own.local_addr().unwrap(), other.peer_addr().unwrap());
    }

    /// Speaks to a server over a stream, and over a socket for those who take nothing else.
    #[tokio::test]
    async fn tls_is_spoken_with_the_name_that_was_configured() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = echo.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let port = crate::guard::secured::before(server).await;
        let trusting = Endpoint {
            allow_private: true,
            ca_file: Some(crate::guard::secured::certificate()),
            ..endpoint(&format!("localhost:{port}"))
        };
        let door = Door::new(&trusting).unwrap();
        let (mut stream, mut socket) = (door.open().await.unwrap(), door.socket().await.unwrap());
        let mut read = [0; 4];
        stream.write_all(b"word").await.unwrap();
        stream.read_exact(&mut read).await.unwrap();
        socket.write_all(&read).await.unwrap();
        socket.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"word");
        // By another name it is somebody else, and whom browsers trust does not vouch for it.
        let address = format!("127.0.0.1:{port}");
        let renamed = Door::new(&Endpoint { address, ..trusting.clone() }).unwrap();
        let doubting = Door::new(&Endpoint { ca_file: None, ..trusting }).unwrap();
        for door in [renamed, doubting] {
            assert_eq!(door.open().await.err(), Some(Shut::Tls));
            assert_eq!(door.socket().await.err(), Some(Shut::Tls));
        }
    }
}
