//! Over TLS, as in production: the address is the one that was looked at, the name stays the name.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::guarded::Exchange;
use super::receiver::{Receiver, hear};
use super::*;
use crate::guard::{Guard, Later, Resolve};

/// Self-signed, for `hooks.example`, good from 2020 to 2120 and used nowhere else.
const CERTIFICATE: &[u8] = include_bytes!("hooks.example.crt.der");
const KEY: &[u8] = include_bytes!("hooks.example.key.der");

const PUBLIC: &str = "93.184.216.34";

struct Public;

impl Resolve for Public {
    fn resolve<'a>(&'a self, _: &'a str) -> Later<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec![PUBLIC.parse().unwrap()]) })
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A receiver that notes the name it is called by in the handshake.
async fn receiver(names: Arc<Mutex<Vec<String>>>) -> Receiver {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Receiver::serving(move |stream, heard| {
        let (acceptor, names) = (acceptor.clone(), names.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
            names.lock().unwrap().push(name);
            while let Some(request) = hear(&mut stream).await {
                heard.lock().unwrap().push(request);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            }
        }
    })
    .await
}

fn webhook(url: &str, exchange: &Arc<Exchange>, trusted: &[&'static [u8]]) -> Webhook {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(CertificateDer::from(*certificate)).unwrap();
    }
    let tls = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let guard = Guard::over(Arc::new(Public), exchange.clone(), false, Duration::from_secs(5));
    Webhook::assemble(strict(url), guard, tls).unwrap()
}

#[tokio::test]
async fn the_looked_at_address_is_dialled_under_the_receivers_name() {
    let names = Arc::<Mutex<Vec<String>>>::default();
    let receiver = receiver(names.clone()).await;
    let exchange = Arc::new(Exchange::to(Some(receiver.address)));
    let webhook = webhook("https://hooks.example/in", &exchange, &[CERTIFICATE]);
    for _ in 0..3 {
        assert_eq!(send(&webhook).await, Sent::Delivered);
    }
    assert_eq!(exchange.dialled(), [format!("{PUBLIC}:443")]);
    assert_eq!(*names.lock().unwrap(), ["hooks.example"]);
    let heard = receiver.heard();
    assert_eq!(heard.len(), 3);
    assert_eq!(heard[0].header("host"), "hooks.example");
    assert_eq!(heard[0].line, "POST /in HTTP/1.1");
}

#[tokio::test]
async fn a_certificate_of_another_name_or_from_nobody_gets_no_message() {
    let receiver = receiver(Arc::default()).await;
    let exchange = Arc::new(Exchange::to(Some(receiver.address)));
    let other_name = webhook("https://other.example/in", &exchange, &[CERTIFICATE]);
    let unknown_issuer = webhook("https://hooks.example/in", &exchange, &[]);
    let address = webhook("https://93.184.216.34/in", &exchange, &[CERTIFICATE]);
    for webhook in [other_name, unknown_issuer, address] {
        assert_eq!(send(&webhook).await, again(Why::Tls));
    }
    assert_eq!(exchange.dialled().len(), 3);
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn a_receiver_that_speaks_plain_text_on_the_port_gets_no_message() {
    let greeting = b"220 mail.example ESMTP ready\r\n";
    let (report, mut reported) = tokio::sync::mpsc::channel(1);
    let receiver = Receiver::serving(move |mut stream, _| {
        let report = report.clone();
        async move {
            stream.write_all(greeting).await.unwrap();
            let mut taken = Vec::new();
            drop(stream.read_to_end(&mut taken).await);
            report.send(taken).await.unwrap();
        }
    })
    .await;
    let exchange = Arc::new(Exchange::to(Some(receiver.address)));
    let webhook = webhook("https://hooks.example/in", &exchange, &[CERTIFICATE]);
    assert_eq!(send(&webhook).await, again(Why::Tls));
    let taken = reported.recv().await.unwrap();
    assert!(!taken.is_empty(), "a handshake was begun");
    assert!(!taken.windows(ID.len()).any(|part| part == ID.as_bytes()), "and nothing else said");
}
