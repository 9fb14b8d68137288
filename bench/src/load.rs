//! A load generator that costs little: requests are bytes that were made before, answers are read
//! only as far as HTTP demands, and everything happens on the thread that asks.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use crate::rounds::Sample;

/// How long an answer may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request with a JSON body, as bytes.
pub(crate) fn post(path: &str, key: Option<&str>, body: &str) -> Vec<u8> {
    let length = body.len();
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{key}\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Where what an answer says begins and how long it is, once all of the answer is there. An answer
/// that is not a good one is an error.
pub(crate) type Whole = fn(&[u8]) -> Result<Option<(usize, usize)>>;

/// One connection that is kept.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    whole: Whole,
}

impl Connection {
    /// Connects to a server that speaks HTTP.
    pub(crate) async fn http(address: SocketAddr) -> Result<Self> {
        Self::open(address, whole).await
    }

    /// Connects.
    pub(crate) async fn open(address: SocketAddr, whole: Whole) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("the server cannot be reached")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1_024), whole })
    }

    /// Sends a request, and returns what the answer says.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some((head, length)) = (self.whole)(&self.buffer)? {
                return Ok(&self.buffer[head..head + length]);
            }
        }
    }
}

/// An answer of HTTP: its body.
fn whole(answer: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&answer[..end]).context("the answer is not HTTP")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let is_length = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    };
    let length: usize = lines.find_map(is_length).unwrap_or(0);
    let begin = end + 4;
    if answer.len() < begin + length {
        return Ok(None);
    }
    if !status.starts_with("HTTP/1.1 2") {
        let body = String::from_utf8_lossy(&answer[begin..begin + length]);
        bail!("the server answered `{status}`: {body}");
    }
    Ok(Some((begin, length)))
}

/// One client: a connection, and what it sends, over and over.
pub(crate) struct Client {
    connection: Connection,
    requests: Vec<Vec<u8>>,
    next: usize,
}

/// A fixed number of clients, each of which sends its next request when it has the answer.
pub(crate) struct Clients {
    runtime: Runtime,
    clients: Vec<Client>,
}

impl Clients {
    /// Clients that are connected, on a runtime of one thread.
    pub(crate) fn new(runtime: Runtime, clients: Vec<Client>) -> Self {
        Self { runtime, clients }
    }

    /// Connects one client for each list of requests.
    pub(crate) fn connect(address: SocketAddr, requests: Vec<Vec<Vec<u8>>>) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut clients = Vec::new();
        for requests in requests {
            let connection = runtime.block_on(Connection::http(address))?;
            clients.push(Client::new(connection, requests));
        }
        Ok(Self::new(runtime, clients))
    }

    /// Keeps all of them busy for a turn.
    pub(crate) fn run(&mut self, turn: Duration) -> Result<Sample> {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        let clients = std::mem::take(&mut self.clients);
        let latencies = self.runtime.block_on(async {
            for mut client in clients {
                running.spawn(async move {
                    let latencies = client.run(begun + turn).await;
                    (client, latencies)
                });
            }
            let mut all = Vec::new();
            while let Some(ended) = running.join_next().await {
                let (client, latencies) = ended?;
                all.extend(latencies?);
                self.clients.push(client);
            }
            anyhow::Ok(all)
        })?;
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Sample { count: latencies.len() as u64, seconds, latencies, cpu: None })
    }
}

impl Client {
    /// A client that has not sent anything yet.
    pub(crate) fn new(connection: Connection, requests: Vec<Vec<u8>>) -> Self {
        Self { connection, requests, next: 0 }
    }

    async fn run(&mut self, until: Instant) -> Result<Vec<u64>> {
        let mut latencies = Vec::new();
        let mut sent = Instant::now();
        while sent < until {
            let request = &self.requests[self.next % self.requests.len()];
            self.next += 1;
            let answer = tokio::time::timeout(PATIENCE, self.connection.exchange(request)).await;
            answer.context("the server does not answer")??;
            let received = Instant::now();
            latencies.push((received - sent).as_nanos() as u64);
            sent = received;
        }
        Ok(latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n{}";
        for cut in 0..answer.len() {
            assert_eq!(whole(&answer[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(whole(answer).unwrap(), Some((answer.len() - 2, 2)));
        assert_eq!(whole(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), Some((27, 0)));
    }

    #[test]
    fn a_bad_answer_ends_the_run() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy";
        assert!(whole(answer).unwrap_err().to_string().ends_with("busy"));
    }
}
