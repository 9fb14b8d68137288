//! A stranger's TLS for tests: something that speaks it in front of a server that does not.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// Self-signed, for `localhost`, good from 2026 to 2126 and used nowhere else.
const CERTIFICATE: &str = "localhost.crt.pem";
const KEY: &str = "localhost.key.pem";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guard/tests").join(name)
}

/// Whom to trust.
pub(crate) fn certificate() -> PathBuf {
    file(CERTIFICATE)
}

/// The other half of it.
#[cfg(feature = "nats")]
pub(crate) fn key() -> PathBuf {
    file(KEY)
}

/// Speaks TLS on a port of the loopback, and passes on what it hears.
pub(crate) async fn before(server: SocketAddr) -> u16 {
    let certificate = CertificateDer::from_pem_file(certificate()).unwrap();
    let key = PrivateKeyDer::from_pem_file(file(KEY)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut secured = acceptor.accept(stream).await?;
                let mut behind = TcpStream::connect(server).await?;
                copy_bidirectional(&mut secured, &mut behind).await
            });
        }
    });
    port
}
