//! What a replica cannot answer itself and passes on to its server: whatever takes the values of
//! identifiers, which it is not given. It is asked with the key of whoever asked the replica, so
//! nobody learns more by this way than by asking the server.

use std::{future::Future, pin::Pin};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};

use crate::problem::Problem;

/// The server's answer, to come; `None` if it cannot be reached.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Option<Response>> + Send + 'a>>;

/// A way to the server.
pub trait Onward: Send + Sync {
    /// Posts a JSON body to a path of the server, with an `Authorization` header as it came.
    fn post<'a>(&'a self, path: &'a str, authorization: HeaderValue, body: Bytes) -> Answer<'a>;
}

/// Passes a question on.
pub(crate) async fn pass(
    onward: &dyn Onward,
    path: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let authorization = headers.get(header::AUTHORIZATION).cloned();
    let authorization = authorization.ok_or_else(|| Problem::forbidden("it is none of a key"))?;
    let answer = onward.post(path, authorization, body).await;
    answer.ok_or_else(|| {
        Problem::unavailable("a replica keeps no identifiers, and its server cannot be reached")
    })
}
