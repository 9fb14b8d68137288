//! What leaves the machine, byte for byte.

use super::receiver::Receiver;
use super::*;
use crate::webhook::send::ID_BYTES_MAX;

#[tokio::test]
async fn exactly_the_listed_headers_leave() {
    let receiver = Receiver::status(200).await;
    assert_eq!(send_to(local(&receiver.url())).await, Sent::Delivered);
    let heard = receiver.heard();
    let [request] = &heard[..] else { panic!("{} requests", heard.len()) };
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "webhook-id",
            "webhook-signature",
            "webhook-timestamp"
        ]
    );
    assert_eq!(request.line, "POST /in?from=sayso HTTP/1.1");
    assert_eq!(request.header("host"), receiver.address.to_string());
    assert_eq!(request.header("content-type"), "application/cloudevents+json; charset=utf-8");
    assert_eq!(request.header("content-length"), BODY.len().to_string());
    assert_eq!(request.header("user-agent"), concat!("sayso/", env!("CARGO_PKG_VERSION")));
    assert_eq!(request.header("webhook-id"), ID);
    assert_eq!(request.header("webhook-timestamp"), "1614265330");
    assert_eq!(request.body, BODY);
}

#[tokio::test]
async fn a_receiver_can_check_what_it_hears() {
    let receiver = Receiver::status(200).await;
    assert_eq!(send_to(local(&receiver.url())).await, Sent::Delivered);
    let request = &receiver.heard()[0];
    let message = Message {
        id: request.header("webhook-id"),
        timestamp: request.header("webhook-timestamp"),
        body: &request.body,
    };
    let signatures = request.header("webhook-signature");
    for verifier in [
        Verifier { secrets: vec![SECRET.parse().unwrap()], keys: vec![] },
        Verifier { secrets: vec![], keys: vec![PUBLIC_KEY.parse().unwrap()] },
    ] {
        assert_eq!(verifier.verify(&message, signatures, AT + 2), Ok(()));
        let forged = Message { body: b"{}", ..message };
        assert_eq!(verifier.verify(&forged, signatures, AT + 2), Err(VerifyError::Signature));
    }
}

#[tokio::test]
async fn every_attempt_is_signed_for_its_own_moment_under_the_same_id() {
    let receiver = Receiver::status(500).await;
    let webhook = Webhook::new(local(&receiver.url())).unwrap();
    for at in [AT, AT + 60] {
        let sent = webhook.send(ID, Bytes::from_static(BODY), at).await;
        assert_eq!(sent, again(Why::Status(500)));
    }
    let heard = receiver.heard();
    assert_eq!(heard[0].header("webhook-id"), heard[1].header("webhook-id"));
    assert_eq!(heard[1].header("webhook-timestamp"), (AT + 60).to_string());
    assert_ne!(heard[0].header("webhook-signature"), heard[1].header("webhook-signature"));
}

#[tokio::test]
async fn one_connection_serves_many_messages() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let webhook = Webhook::new(local(&receiver.url())).unwrap();
    for _ in 0..20 {
        assert_eq!(send(&webhook).await, Sent::Delivered);
    }
    assert_eq!(receiver.heard().len(), 20);
    assert_eq!(receiver.connections().await, 1);
}

#[tokio::test]
async fn many_messages_leave_at_once_and_none_is_mixed_up() {
    let receiver = Receiver::status(200).await;
    let webhook = Webhook::new(local(&receiver.url())).unwrap();
    let sends = (0..50).map(|number| {
        let webhook = webhook.clone();
        tokio::spawn(async move {
            let body = Bytes::from(format!("{{\"number\":{number}}}").repeat(200));
            webhook.send(&format!("m{number}"), body, AT).await
        })
    });
    for sent in sends.collect::<Vec<_>>() {
        assert_eq!(sent.await.unwrap(), Sent::Delivered);
    }
    let heard = receiver.heard();
    assert_eq!(heard.len(), 50);
    for request in &heard {
        let number = request.header("webhook-id").trim_start_matches('m');
        let expected = format!("{{\"number\":{number}}}").repeat(200);
        assert_eq!(request.body, expected.as_bytes());
    }
}

#[tokio::test]
async fn an_id_that_would_not_fit_the_header_never_leaves() {
    let receiver = Receiver::status(200).await;
    let webhook = Webhook::new(local(&receiver.url())).unwrap();
    let long = "x".repeat(ID_BYTES_MAX + 1);
    for id in ["", " ", "a b", "a.b", "a\r\nx-evil: 1", "a\nb", "ä", "a\u{0}", long.as_str()] {
        let sent = webhook.send(id, Bytes::from_static(BODY), AT).await;
        assert_eq!(sent, Sent::Refused { why: Why::Id }, "{id:?}");
    }
    assert_eq!(receiver.connections().await, 0);
    let longest = "x".repeat(ID_BYTES_MAX);
    assert_eq!(webhook.send(&longest, Bytes::from_static(BODY), AT).await, Sent::Delivered);
}

#[tokio::test]
async fn an_empty_and_a_large_body_arrive_whole() {
    let receiver = Receiver::status(200).await;
    let webhook = Webhook::new(local(&receiver.url())).unwrap();
    for length in [0, 1, 300_000] {
        let body = Bytes::from(vec![b'x'; length]);
        assert_eq!(webhook.send(ID, body.clone(), AT).await, Sent::Delivered);
        let heard = receiver.heard();
        let request = heard.last().unwrap();
        assert_eq!(request.body, body);
        assert_eq!(request.headers.len(), 7);
    }
}
