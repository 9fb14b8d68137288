use std::time::{Duration, Instant};

use hyper::header::{HeaderMap, RETRY_AFTER};
use hyper::http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::receiver::{Receiver, hear};
use super::*;

fn answered(status: u16, retry_after: &[u8]) -> Sent {
    let mut headers = HeaderMap::new();
    if !retry_after.is_empty() {
        headers.insert(RETRY_AFTER, hyper::http::HeaderValue::from_bytes(retry_after).unwrap());
    }
    Sent::answered(StatusCode::from_u16(status).unwrap(), &headers, AT)
}

#[test]
fn every_status_has_an_outcome() {
    for status in 100..=999 {
        let expected = match status {
            200..=299 => Sent::Delivered,
            400 | 413 | 415 | 422 => Sent::Refused { why: Why::Status(status) },
            410 => Sent::Retry { after_ms: Some(3_600_000), why: Why::Status(status) },
            300..=399 => again(Why::Redirect),
            _ => again(Why::Status(status)),
        };
        assert_eq!(answered(status, b""), expected);
    }
}

#[test]
fn what_somebody_can_repair_is_never_given_up() {
    for status in [401, 403, 404, 405, 408, 409, 425, 429, 451, 500, 502, 503, 504, 507, 599] {
        assert!(matches!(answered(status, b""), Sent::Retry { .. }), "{status}");
    }
}

#[test]
fn retry_after_is_read_as_seconds_or_as_a_date_and_has_a_limit() {
    // AT is 25 February 2021, 15:02:10.
    for (value, expected) in [
        ("0", Some(0)),
        ("7", Some(7_000)),
        (" 120 ", Some(120_000)),
        ("3600", Some(3_600_000)),
        ("3601", Some(3_600_000)),
        ("99999999999999999999999999", Some(3_600_000)),
        ("Thu, 25 Feb 2021 15:02:40 GMT", Some(30_000)),
        ("Thursday, 25-Feb-21 15:02:40 GMT", Some(30_000)),
        ("Thu Feb 25 15:02:40 2021", Some(30_000)),
        ("Thu, 25 Feb 2021 15:00:00 GMT", Some(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(3_600_000)),
        ("-1", None),
        ("+5", None),
        ("1.5", None),
        ("soon", None),
        ("Thu, 99 Feb 2021 15:02:40 GMT", None),
    ] {
        for status in [302, 401, 429, 503] {
            let Sent::Retry { after_ms, .. } = answered(status, value.as_bytes()) else {
                panic!("{status} is tried again");
            };
            assert_eq!(after_ms, expected, "{value}");
        }
    }
    assert_eq!(answered(503, b"\xff"), again(Why::Status(503)));
    assert_eq!(answered(200, b"60"), Sent::Delivered);
}

#[test]
fn reasons_have_stable_codes() {
    for (why, code) in [
        (Why::Id, "message_id"),
        (Why::Timeout, "timeout"),
        (Why::Unresolved, "unresolved"),
        (Why::Forbidden, "forbidden_address"),
        (Why::Unreachable, "unreachable"),
        (Why::Tls, "tls"),
        (Why::Broken, "broken"),
        (Why::Redirect, "redirect"),
        (Why::Status(503), "http_503"),
    ] {
        assert_eq!(why.to_string(), code);
    }
}

#[tokio::test]
async fn the_answer_decides() {
    for (status, expected) in [
        (200, Sent::Delivered),
        (204, Sent::Delivered),
        (500, again(Why::Status(500))),
        (401, again(Why::Status(401))),
        (410, Sent::Retry { after_ms: Some(3_600_000), why: Why::Status(410) }),
    ] {
        let receiver = Receiver::status(status).await;
        assert_eq!(send_to(local(&receiver.url())).await, expected);
        assert_eq!(receiver.heard().len(), 1, "one attempt, whatever the answer");
    }
}

#[tokio::test]
async fn a_busy_receiver_says_when() {
    let answer = "HTTP/1.1 429 Busy\r\nretry-after: 17\r\ncontent-length: 0\r\n\r\n";
    let receiver = Receiver::answering(answer).await;
    let expected = Sent::Retry { after_ms: Some(17_000), why: Why::Status(429) };
    assert_eq!(send_to(local(&receiver.url())).await, expected);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Receiver::status(200).await;
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.url();
        let receiver = Receiver::answering(&format!(
            "HTTP/1.1 {status} X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        ))
        .await;
        assert_eq!(send_to(local(&receiver.url())).await, again(Why::Redirect));
        assert_eq!(receiver.heard().len(), 1);
    }
    assert_eq!(elsewhere.connections().await, 0);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_left_in_time() {
    let silent = Receiver::serving(|mut stream, _| async move {
        hear(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let trickling = Receiver::serving(|mut stream, _| async move {
        hear(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while stream.write_all(b"a: b\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    for receiver in [silent, trickling] {
        let started = Instant::now();
        let config = WebhookConfig { timeout_ms: 200, ..local(&receiver.url()) };
        assert_eq!(send_to(config).await, again(Why::Timeout));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn nobody_at_home_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(send_to(local(&format!("http://{address}/"))).await, again(Why::Unreachable));
}

#[tokio::test]
async fn a_broken_answer_is_tried_again() {
    let reset = Receiver::serving(|mut stream, _| async move {
        hear(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let closed = Receiver::serving(|mut stream, _| async move {
        hear(&mut stream).await;
    })
    .await;
    let babble = Receiver::answering("220 mail.example ESMTP\r\n\r\n").await;
    let cut = Receiver::serving(|mut stream, _| async move {
        hear(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await.unwrap();
    })
    .await;
    let long_head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let long_head = Receiver::serving(move |mut stream, _| {
        let answer = long_head.clone();
        async move {
            hear(&mut stream).await;
            // It is hung up on while it speaks.
            drop(stream.write_all(answer.as_bytes()).await);
        }
    })
    .await;
    for receiver in [reset, closed, babble, cut, long_head] {
        assert_eq!(send_to(local(&receiver.url())).await, again(Why::Broken));
    }
}

#[tokio::test]
async fn a_receiver_that_comes_back_is_reached_again() {
    let receiver = Receiver::serving(|mut stream, heard| async move {
        let Some(request) = hear(&mut stream).await else { return };
        let is_first = heard.lock().unwrap().is_empty();
        heard.lock().unwrap().push(request);
        if !is_first {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let webhook = Webhook::new(local(&receiver.url())).unwrap();
    assert_eq!(send(&webhook).await, again(Why::Broken));
    assert_eq!(send(&webhook).await, Sent::Delivered);
}

#[tokio::test]
async fn an_endless_answer_is_cut_off_and_still_counts() {
    let (report, mut reported) = mpsc::channel(1);
    let receiver = Receiver::serving(move |mut stream, _| {
        let report = report.clone();
        async move {
            hear(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut written = 0_usize;
            while written < 1 << 30 && stream.write_all(&[b'x'; 4096]).await.is_ok() {
                written += 4096;
            }
            report.send(written).await.unwrap();
        }
    })
    .await;
    assert_eq!(send_to(local(&receiver.url())).await, Sent::Delivered);
    // What the kernel buffers between the two is all that can have left the receiver.
    let written = reported.recv().await.unwrap();
    assert!(written < 64 << 20, "{written} bytes were taken");
}

#[tokio::test]
async fn an_answer_that_does_not_end_does_not_hold_up_the_next_message() {
    let receiver = Receiver::serving(|mut stream, _| async move {
        hear(&mut stream).await;
        stream.write_all(b"HTTP/1.1 503 X\r\ncontent-length: 9\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let started = Instant::now();
    let config = WebhookConfig { timeout_ms: 60_000, ..local(&receiver.url()) };
    let webhook = Webhook::new(config).unwrap();
    for _ in 0..2 {
        assert_eq!(send(&webhook).await, again(Why::Status(503)));
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(receiver.connections().await, 2, "the unread rest is never taken for an answer");
}

/// The environment is the process's, so the sending test runs again in one of its own.
#[tokio::test]
async fn a_proxy_in_the_environment_is_not_used() {
    let proxy = Receiver::status(200).await;
    let url = format!("http://{}", proxy.address);
    let mut again = tokio::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "webhook::tests::outcomes::the_answer_decides"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    {
        again.env(name, &url);
    }
    let output = again.env_remove("no_proxy").env_remove("NO_PROXY").output().await.unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
    assert_eq!(proxy.connections().await, 0);
}
