//! `X-Request-ID`: what the asker sent comes back, so that both sides can find it in their logs.
//!
//! A service of its own rather than an async function: every request passes here, and a function
//! would put each into a box of its own.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::http::{HeaderName, HeaderValue, Request, Response, header};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::limits::HEADER_BYTES_MAX;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Sends request ids back, and says that answers are neither guessed at nor stored.
#[derive(Clone, Copy)]
pub(crate) struct Echo;

/// A service whose answers carry them.
#[derive(Clone)]
pub(crate) struct Echoing<S>(S);

impl<S> Layer<S> for Echo {
    type Service = Echoing<S>;

    fn layer(&self, inner: S) -> Echoing<S> {
        Echoing(inner)
    }
}

impl<S, B, A> Service<Request<B>> for Echoing<S>
where
    S: Service<Request<B>, Response = Response<A>>,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = Echoed<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let id = request.headers().get(X_REQUEST_ID).filter(|id| id.len() <= HEADER_BYTES_MAX);
        Echoed { id: id.cloned(), answer: self.0.call(request) }
    }
}

pin_project! {
    /// An answer to come.
    pub(crate) struct Echoed<F> {
        id: Option<HeaderValue>,
        #[pin]
        answer: F,
    }
}

impl<F, A, E> Future for Echoed<F>
where
    F: Future<Output = Result<Response<A>, E>>,
{
    type Output = Result<Response<A>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.answer.poll(context))?;
        let headers = answer.headers_mut();
        if let Some(id) = this.id.take() {
            headers.insert(X_REQUEST_ID, id);
        }
        let nosniff = HeaderValue::from_static("nosniff");
        headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(nosniff);
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Poll::Ready(Ok(answer))
    }
}
