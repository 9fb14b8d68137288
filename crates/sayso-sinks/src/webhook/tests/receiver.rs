//! A receiver that speaks raw TCP, so that tests see every byte and can misbehave at will.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request as it came over the wire.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Heard {
    pub(super) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(own, _)| own == name);
        let value = &found.next().unwrap_or_else(|| panic!("no header {name}")).1;
        assert!(found.next().is_none(), "more than one header {name}");
        value
    }
}

pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    accepted: Arc<Mutex<Vec<SocketAddr>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Receiver {
    /// Answers every request with the same bytes and keeps the connection open.
    pub(super) async fn answering(answer: &str) -> Self {
        let answer: Arc<str> = answer.into();
        Self::serving(move |mut stream, heard| {
            let answer = answer.clone();
            async move {
                while let Some(request) = hear(&mut stream).await {
                    heard.lock().unwrap().push(request);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        })
        .await
    }

    /// Answers with a status and nothing else.
    pub(super) async fn status(status: u16) -> Self {
        Self::answering(&format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")).await
    }

    /// Leaves each connection to `serve`.
    pub(super) async fn serving<S, F>(serve: S) -> Self
    where
        S: Fn(TcpStream, Arc<Mutex<Vec<Heard>>>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (peers, log) = (accepted.clone(), heard.clone());
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                peers.lock().unwrap().push(peer);
                tokio::spawn(serve(stream, log.clone()));
            }
        });
        Self { address, accepted, heard }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/in?from=sayso", self.address)
    }

    /// How many connections were made so far, found out by making one more: connections are
    /// accepted in order, so all that came before it are counted when it is.
    pub(super) async fn connections(&self) -> usize {
        let probe = TcpStream::connect(self.address).await.unwrap();
        let own = probe.local_addr().unwrap();
        loop {
            if let Some(before) = self.accepted_before(own) {
                return before;
            }
            tokio::task::yield_now().await;
        }
    }

    fn accepted_before(&self, probe: SocketAddr) -> Option<usize> {
        let mut accepted = self.accepted.lock().unwrap();
        let place = accepted.iter().position(|peer| *peer == probe)?;
        accepted.remove(place);
        Some(place)
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

/// Reads one request; `None` if the connection ends first.
pub(super) async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Option<Heard> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let split = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    };
    let headers: Vec<_> = lines.map(split).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Heard { line, headers, body })
}
