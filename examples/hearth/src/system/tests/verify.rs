//! Only what Sayso signed, just now, is believed.

use super::super::verify::{BadKey, Signed, Unverified, Verifier};
use super::*;

const NOW: i64 = 1_700_000_000;

fn check(id: &str, timestamp: &str, signatures: &str, body: &str) -> Result<(), Unverified> {
    let verifier = Verifier::new(&public_key(), &secret()).unwrap();
    verifier.verify(&Signed { id, timestamp, signatures }, body.as_bytes(), NOW)
}

#[test]
fn either_signature_is_enough() {
    let content = format!("a.{NOW}.body");
    let (v1, v1a, now) = (v1(&content), v1a(&content), NOW.to_string());
    let other_v1a = super::v1a("another");
    for signatures in [
        v1a.clone(),
        v1.clone(),
        format!("{v1} {v1a}"),
        format!("{other_v1a} {v1a}"),
        format!("{other_v1a} {v1}"),
        format!("v2,AAAA nonsense {v1}"),
    ] {
        assert_eq!(check("a", &now, &signatures, "body"), Ok(()), "{signatures}");
    }
}

#[test]
fn another_message_is_not_signed() {
    let content = format!("a.{NOW}.body");
    let now = NOW.to_string();
    let wrong = Err(Unverified::Signature);
    for signatures in [v1a(&content), v1(&content)] {
        assert_eq!(check("a", &now, &signatures, "Body"), wrong);
        assert_eq!(check("b", &now, &signatures, "body"), wrong);
        assert_eq!(check("a", &(NOW + 1).to_string(), &signatures, "body"), wrong);
        // The right bytes under the other name.
        let (name, value) = signatures.split_once(',').unwrap();
        let other = if name == "v1" { "v1a" } else { "v1" };
        assert_eq!(check("a", &now, &format!("{other},{value}"), "body"), wrong);
        // A part of a signature.
        assert_eq!(check("a", &now, &signatures[..signatures.len() - 4], "body"), wrong);
    }
    for signatures in ["", "v1,", "v1a,", "v1", ",", "v1,AAAA", "v1a,AAAA"] {
        assert_eq!(check("a", &now, signatures, "body"), wrong, "{signatures}");
    }
    let late = format!("{}{}", "v1,AAAA ".repeat(8), v1(&content));
    assert_eq!(check("a", &now, &late, "body"), wrong, "the ninth signature is not looked at");
}

#[test]
fn the_clock_may_differ_by_five_minutes() {
    for (seconds, expected) in [
        (-301, Err(Unverified::Clock)),
        (-300, Ok(())),
        (300, Ok(())),
        (301, Err(Unverified::Clock)),
        (i64::MIN + NOW, Err(Unverified::Clock)),
    ] {
        let timestamp = seconds.wrapping_add(NOW).to_string();
        let signature = v1a(&format!("a.{timestamp}.body"));
        assert_eq!(check("a", &timestamp, &signature, "body"), expected, "{seconds}");
    }
    for timestamp in ["", "soon", "1e9", "99999999999999999999"] {
        assert_eq!(
            check("a", timestamp, "v1,AAAA", "body"),
            Err(Unverified::Header),
            "{timestamp}"
        );
    }
}

/// From the tests of other implementations of Standard Webhooks.
#[test]
fn a_signature_made_elsewhere_is_read() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let signed = Signed {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };
    let verifier = Verifier::new(&public_key(), secret).unwrap();
    let body = br#"{"test": 2432232314}"#;
    assert_eq!(verifier.verify(&signed, body, 1_614_265_330), Ok(()));
    assert_eq!(verifier.verify(&signed, b"{}", 1_614_265_330), Err(Unverified::Signature));
}

#[test]
fn keys_that_cannot_be_right_are_refused() {
    let short = format!("whsec_{}", BASE64_STANDARD.encode([0; 23]));
    let not_a_point = format!("whpk_{}", BASE64_STANDARD.encode([2; 31]));
    for (public_key, secret, is_public) in [
        ("", secret().as_str(), true),
        (secret().as_str(), secret().as_str(), true),
        (not_a_point.as_str(), secret().as_str(), true),
        (public_key().as_str(), "", false),
        (public_key().as_str(), "whsec_", false),
        (public_key().as_str(), "whsec_!", false),
        (public_key().as_str(), short.as_str(), false),
    ] {
        let error = Verifier::new(public_key, secret).err().unwrap();
        assert_eq!(matches!(error, BadKey::Public), is_public, "{error}");
    }
}
