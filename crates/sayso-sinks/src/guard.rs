//! The outbound guard: which addresses a message may be sent to.
//!
//! A webhook address is a request that this machine makes on somebody's word. Pointed at a
//! neighbour (`http://10.0.0.7/admin`), at the machine itself or at a cloud's metadata service, it
//! would turn the sender into a key to the inside. Looking at the URL does not help: a public
//! name may point anywhere and point elsewhere a second later. So the guard stands where the
//! connection is made. It resolves the name, looks at *every* address that came back, and connects
//! to one of these very addresses; there is no second resolution that could answer differently. One
//! address that is not public condemns the name, because a mixed answer is what an attack looks
//! like and never what a receiver needs.
//!
//! Odd spellings of an address (`2130706433`, `0x7f.1`, `127.1`, `017700000001`) need no rule of
//! their own here: whatever the resolver makes of them is an address and is looked at.
//!
//! The guard is one wall. Run the program in a network that cannot reach what it need not reach.

mod address;
pub mod door;
#[cfg(feature = "nats")]
pub(crate) mod named;
#[cfg(test)]
pub(crate) mod secured;
#[cfg(test)]
mod tests;
mod tls;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How many addresses of one name are looked at and tried. A name with more is refused whole: what
/// is not looked at must not be connected to.
pub const ADDRESSES_MAX: usize = 32;

/// What a trait method answers later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Turns a host name into addresses.
pub trait Resolve: Send + Sync + 'static {
    /// Every address of `host`, which may itself be an address.
    fn resolve<'a>(&'a self, host: &'a str) -> Later<'a, io::Result<Vec<IpAddr>>>;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Later<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The name has no address, or the resolver did not answer.
    #[error("the receiver's host name has no address; check the url and the name server")]
    Unresolved(#[source] Option<io::Error>),
    /// The name has an address that is not public.
    #[error(
        "the receiver's host name has an address that is not public; \
         correct the url, or allow private addresses for this receiver"
    )]
    Forbidden,
    /// The addresses are fit to be reached and none of them answered.
    #[error("none of the receiver's addresses accepts a connection; check that it runs")]
    Unreachable(#[source] Option<io::Error>),
}

/// Makes connections, and only to addresses that it has looked at.
#[derive(Clone)]
pub struct Guard {
    resolver: Arc<dyn Resolve>,
    dialer: Arc<dyn Dial>,
    allow_private: bool,
    patience: Duration,
}

impl Guard {
    /// A guard that asks `resolver` and gives up connecting after `patience`. With `allow_private`
    /// it lets through the machine itself and private networks, and still neither link-local
    /// addresses, where clouds keep their metadata service, nor multicast and reserved ones.
    pub fn new(resolver: Arc<dyn Resolve>, allow_private: bool, patience: Duration) -> Self {
        Self::over(resolver, Arc::new(Tcp), allow_private, patience)
    }

    pub(crate) fn over(
        resolver: Arc<dyn Resolve>,
        dialer: Arc<dyn Dial>,
        allow_private: bool,
        patience: Duration,
    ) -> Self {
        Self { resolver, dialer, allow_private, patience }
    }

    /// The addresses of `host`, if all of them may be reached.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, GuardError> {
        let found = self.resolver.resolve(host).await;
        let found = found.map_err(|error| GuardError::Unresolved(Some(error)))?;
        if found.is_empty() {
            return Err(GuardError::Unresolved(None));
        }
        if found.len() > ADDRESSES_MAX || !found.iter().all(|address| self.allows(*address)) {
            return Err(GuardError::Forbidden);
        }
        Ok(found)
    }

    fn allows(&self, address: IpAddr) -> bool {
        address::is_global(address) || self.allow_private && address::is_private(address)
    }

    async fn connect(&self, uri: &Uri) -> Result<TokioIo<TcpStream>, GuardError> {
        let host = uri.host().ok_or(GuardError::Unresolved(None))?;
        let port = uri.port_u16().unwrap_or_else(|| default_port(uri));
        Ok(TokioIo::new(self.reach(without_brackets(host), port).await?))
    }

    /// A connection to one of the addresses of `host`, if all of them may be reached.
    pub(crate) async fn reach(&self, host: &str, port: u16) -> Result<TcpStream, GuardError> {
        let addresses = self.addresses(host).await?;
        let stream = self.dial_any(&addresses, port).await?;
        // Without it the last piece of a message may wait for a delayed acknowledgement.
        stream.set_nodelay(true).map_err(|error| GuardError::Unreachable(Some(error)))?;
        Ok(stream)
    }

    /// Each address gets its share of the patience, so that one that swallows packets does not keep
    /// the others from being tried.
    async fn dial_any(&self, addresses: &[IpAddr], port: u16) -> Result<TcpStream, GuardError> {
        let share = self.patience / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut last = None;
        for address in addresses {
            let dialled = self.dialer.dial(SocketAddr::new(*address, port));
            match tokio::time::timeout(share, dialled).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = Some(error),
                Err(elapsed) => last = Some(elapsed.into()),
            }
        }
        Err(GuardError::Unreachable(last))
    }
}

impl tower::Service<Uri> for Guard {
    type Response = TokioIo<TcpStream>;
    type Error = GuardError;
    type Future = Later<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move { guard.connect(&uri).await })
    }
}

/// Opens the connection itself. A seam of its own so that tests can see which address is dialled
/// without reaching for the network.
pub(crate) trait Dial: Send + Sync + 'static {
    fn dial(&self, address: SocketAddr) -> Later<'_, io::Result<TcpStream>>;
}

struct Tcp;

impl Dial for Tcp {
    fn dial(&self, address: SocketAddr) -> Later<'_, io::Result<TcpStream>> {
        Box::pin(TcpStream::connect(address))
    }
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn default_port(uri: &Uri) -> u16 {
    if uri.scheme_str() == Some("http") { 80 } else { 443 }
}
