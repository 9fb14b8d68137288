//! A replica's way to its server, for what it cannot answer itself.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, header},
    response::Response,
};
use bytes::Bytes;
use http_body_util::Full;
use sayso_api::onward::{Answer, Onward};

use crate::client::Client;

/// How long the server may take to answer what a replica passes on, in milliseconds.
const ANSWER_MS_MAX: u64 = 10_000;

impl Onward for Client {
    fn post<'a>(&'a self, path: &'a str, authorization: HeaderValue, body: Bytes) -> Answer<'a> {
        Box::pin(async move {
            let Self::Remote { http, url, .. } = self else { return None };
            let request = Request::builder()
                .method(Method::POST)
                .uri(format!("{url}{path}"))
                .header(header::AUTHORIZATION, authorization)
                .header(header::CONTENT_TYPE, "application/json");
            let answer = http.request(request.body(Full::new(body)).ok()?);
            let patience = Duration::from_millis(ANSWER_MS_MAX);
            let (head, body) =
                tokio::time::timeout(patience, answer).await.ok()?.ok()?.into_parts();
            let mut passed = Response::new(Body::new(body));
            *passed.status_mut() = head.status;
            let media = head.headers.get(header::CONTENT_TYPE)?.clone();
            passed.headers_mut().insert(header::CONTENT_TYPE, media);
            Some(passed)
        })
    }
}
