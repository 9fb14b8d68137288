//! Connections: how many there may be, and how long each may be silent. Whoever only holds one
//! open must not keep others from an answer.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{Router, body::Body};
use bytes::Bytes;
use hyper::{
    Request,
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use rustix::process::{Resource, getrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Sleep, sleep},
};
use tower::ServiceExt;

/// How long the head of a request may take to come, and a connection be idle, in milliseconds.
const HEAD_MS_MAX: u64 = 15_000;
/// How long the body of a request may take to come, in milliseconds.
const BODY_MS_MAX: u64 = 60_000;
/// Most connections at a time; fewer if the system allows the process few open files, of which a
/// quarter is left for the ledger and for deliveries. Further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 16_384;
/// How long to wait after a connection could not be accepted, in milliseconds: what it takes, such
/// as a free file, is not there at once.
const ACCEPT_RETRY_MS: u64 = 200;
/// How long requests that are under way when the server is asked to end may take. A follower's
/// answer has no end of its own: it must not keep the server from ending.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// Serves until `shutdown`.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
) {
    let slots = Arc::new(Semaphore::new(connections_max()));
    let open = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, accept(&listener).await)
        };
        let (slot, stream) = tokio::select! {
            next = next => next,
            () = &mut shutdown => break,
        };
        let answers = open.watch(connection(stream, router.clone()));
        tokio::spawn(async move {
            // A connection that breaks off concerns nobody but the one who sent.
            let _ = answers.await;
            drop(slot);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(LAST_ANSWERS, open.shutdown()).await;
}

fn connections_max() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = usize::try_from(files - files / 4).unwrap_or(usize::MAX);
    room.clamp(1, CONNECTIONS_MAX)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_the_caller(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection cannot be accepted");
                sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
            }
        }
    }
}

/// Whether the one who called had gone again: no reason to wait before the next.
fn is_of_the_caller(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

type Answering =
    TowerToHyperService<tower::util::MapRequest<Router, fn(Request<Incoming>) -> Request<Body>>>;

fn connection(
    stream: TcpStream,
    router: Router,
) -> http1::Connection<TokioIo<TcpStream>, Answering> {
    // Without this a small answer waits for the acknowledgement of the one before it.
    let _ = stream.set_nodelay(true);
    let with_deadline: fn(Request<Incoming>) -> Request<Body> =
        |request| request.map(|body| Body::new(InTime { body, ends: None }));
    let answering = TowerToHyperService::new(router.map_request(with_deadline));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEAD_MS_MAX))
        .serve_connection(TokioIo::new(stream), answering)
}

/// A body that fails if it is not there in time. The clock is first looked at when something is
/// waited for, so that bodies that come with their head cost nothing.
struct InTime {
    body: Incoming,
    ends: Option<Pin<Box<Sleep>>>,
}

impl hyper::body::Body for InTime {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        let ends =
            self.ends.get_or_insert_with(|| Box::pin(sleep(Duration::from_millis(BODY_MS_MAX))));
        ready!(ends.as_mut().poll(cx));
        Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
