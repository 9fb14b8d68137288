use super::*;
use crate::webhook::sign::{TOLERANCE_SECONDS, sign};

/// Published with the specification.
const SHARED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
/// Of the same message, under [`SIGNING_KEY`], made with OpenSSL.
const OURS: &str =
    "v1a,yoUrgEkc12aGqm0n4Sydmdz55xJfTz4AsAgieHFjmkR7LJtqVCZOQYzvvHjI5kAey+r4iaBGxTFRrl2iBQxtDQ==";

const MESSAGE: Message<'_> = Message { id: ID, timestamp: "1614265330", body: BODY };

fn shared_only() -> Verifier {
    Verifier { secrets: vec![SECRET.parse().unwrap()], keys: vec![] }
}

fn ours_only() -> Verifier {
    Verifier { secrets: vec![], keys: vec![PUBLIC_KEY.parse().unwrap()] }
}

fn is_good(verifier: &Verifier, signatures: &str) -> bool {
    match verifier.verify(&MESSAGE, signatures, AT) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error, VerifyError::Signature);
            false
        }
    }
}

#[test]
fn the_published_example_and_the_foreign_signature_are_reproduced() {
    let signatures = sign(&SECRET.parse().unwrap(), &SIGNING_KEY.parse().unwrap(), &MESSAGE);
    assert_eq!(signatures, format!("{SHARED} {OURS}"));
    assert!(is_good(&shared_only(), SHARED));
    assert!(is_good(&ours_only(), OURS));
}

#[test]
fn any_good_signature_is_enough_and_a_bad_one_does_no_harm() {
    for verifier in [shared_only(), ours_only()] {
        assert!(is_good(&verifier, &format!("{SHARED} {OURS}")));
        assert!(is_good(&verifier, &format!("v1,AAAA {OURS} v2,x {SHARED}")));
        assert!(is_good(&verifier, &format!(" , v1 {SHARED}  {OURS} ")));
    }
    assert!(!is_good(&shared_only(), OURS));
    assert!(!is_good(&ours_only(), SHARED));
    assert!(!is_good(&Verifier::default(), &format!("{SHARED} {OURS}")));
}

#[test]
fn old_and_new_secrets_hold_side_by_side() {
    let other = HmacSecret::from_bytes(&[7; 32]).unwrap();
    let both = Verifier { secrets: vec![other.clone(), SECRET.parse().unwrap()], keys: vec![] };
    assert!(is_good(&both, SHARED));
    assert!(!is_good(&Verifier { secrets: vec![other], keys: vec![] }, SHARED));
}

#[test]
fn every_changed_character_is_found() {
    for (verifier, good) in [(shared_only(), SHARED), (ours_only(), OURS)] {
        for place in 0..good.len() {
            for other in ['A', 'B', '/', '=', ',', ' '] {
                let mut chars: Vec<char> = good.chars().collect();
                if std::mem::replace(&mut chars[place], other) != other {
                    let bad: String = chars.into_iter().collect();
                    assert!(!is_good(&verifier, &bad), "{bad}");
                }
            }
        }
    }
}

#[test]
fn no_part_of_a_signature_will_do() {
    for (verifier, good) in [(shared_only(), SHARED), (ours_only(), OURS)] {
        for end in 0..good.len() {
            assert!(!is_good(&verifier, &good[..end]), "{}", &good[..end]);
            assert!(!is_good(&verifier, &good[end + 1..]), "{}", &good[end + 1..]);
        }
        for bad in [format!("{good}A"), format!("{good}{good}"), good.replace(',', "")] {
            assert!(!is_good(&verifier, &bad), "{bad}");
        }
    }
    for bad in ["", " ", ",", "v1,", "v1a,", "v1", "v1,====", "v1,AA==", "v0,g0hM", "v1, ", "\u{0}"]
    {
        assert!(!is_good(&shared_only(), bad) && !is_good(&ours_only(), bad), "{bad}");
    }
}

#[test]
fn the_version_says_how_to_check() {
    assert!(!is_good(&shared_only(), &SHARED.replace("v1,", "v1a,")));
    assert!(!is_good(&shared_only(), &SHARED.replace("v1,", "V1,")));
    assert!(!is_good(&ours_only(), &OURS.replace("v1a,", "v1,")));
}

#[test]
fn every_part_of_the_message_is_signed() {
    let verifier = Verifier { keys: ours_only().keys, ..shared_only() };
    for message in [
        Message { id: "msg_other", ..MESSAGE },
        Message { id: "", ..MESSAGE },
        Message { timestamp: "1614265331", ..MESSAGE },
        // The same number in another spelling is another message.
        Message { timestamp: "+1614265330", ..MESSAGE },
        Message { timestamp: "01614265330", ..MESSAGE },
        Message { body: br#"{"test": 2432232315}"#, ..MESSAGE },
        Message { body: br#"{"test": 2432232314} "#, ..MESSAGE },
        Message { body: b"", ..MESSAGE },
    ] {
        for signatures in [SHARED, OURS] {
            let outcome = verifier.verify(&message, signatures, AT);
            assert_eq!(
                outcome,
                Err(VerifyError::Signature),
                "{} {}",
                message.id,
                message.timestamp
            );
        }
    }
}

#[test]
fn a_message_is_believed_for_five_minutes_either_way() {
    let reach = i64::try_from(TOLERANCE_SECONDS).unwrap();
    for (at, expected) in [
        (AT, Ok(())),
        (AT + reach, Ok(())),
        (AT - reach, Ok(())),
        (AT + reach + 1, Err(VerifyError::Stale)),
        (AT - reach - 1, Err(VerifyError::Stale)),
        (i64::MAX, Err(VerifyError::Stale)),
        (i64::MIN, Err(VerifyError::Stale)),
    ] {
        assert_eq!(shared_only().verify(&MESSAGE, SHARED, at), expected, "{at}");
    }
    for timestamp in ["", " ", "soon", "1614265330.0", " 1614265330", "9223372036854775808"] {
        let message = Message { timestamp, ..MESSAGE };
        let outcome = shared_only().verify(&message, SHARED, AT);
        assert_eq!(outcome, Err(VerifyError::Timestamp), "{timestamp}");
    }
}

#[test]
fn keys_are_read_and_written_in_their_forms() {
    let secret: HmacSecret = SECRET.parse().unwrap();
    assert_eq!(*secret.reveal(), SECRET);
    let key: SigningKey = SIGNING_KEY.parse().unwrap();
    assert_eq!(key.public().to_string(), PUBLIC_KEY);
    let pair = key.reveal();
    assert!(pair.starts_with("whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/"), "{}", *pair);
    assert_eq!(pair.parse::<SigningKey>().unwrap().public(), key.public());
}

#[test]
fn damaged_keys_are_refused_and_not_repeated() {
    let pair = SIGNING_KEY.parse::<SigningKey>().unwrap().reveal();
    let mismatched = pair.replace("DoQe/", "DoQf/");
    let outcome = |text: &str| {
        let secret = text.parse::<HmacSecret>().err();
        let key = text.parse::<SigningKey>().err();
        [secret, key, text.parse::<PublicKey>().err()]
    };
    let length = Some(KeyError::Length);
    let encoding = Some(KeyError::Encoding);
    assert_eq!(outcome("whsec_")[0], length);
    assert_eq!(outcome("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==")[0], length, "22 bytes");
    assert_eq!(outcome(&format!("whsec_{}", "A".repeat(88)))[0], length, "66 bytes");
    assert_eq!(outcome(&SECRET[..SECRET.len() - 1])[0], encoding);
    assert_eq!(outcome("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!")[0], encoding);
    assert_eq!(outcome("whsk_AAEC")[1], length);
    assert_eq!(outcome(&mismatched)[1], Some(KeyError::Damaged));
    assert_eq!(outcome("whpk_AAEC")[2], length);
    // Its y has no x on the curve.
    let off_curve = "whpk_AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(outcome(off_curve)[2], Some(KeyError::Damaged));
    for text in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "WHSEC_MfKQ9r8G", " whsec_MfKQ9r8G"] {
        let is_prefix = |error: &Option<KeyError>| matches!(error, Some(KeyError::Prefix(_)));
        assert!(outcome(text).iter().all(is_prefix), "{text}");
    }
    for error in [outcome(SECRET), outcome(&mismatched)].into_iter().flatten().flatten() {
        assert!(!error.to_string().contains("MfKQ9"), "{error}");
    }
}

#[test]
fn secrets_do_not_show_when_debugged() {
    let shown = format!(
        "{:?} {:?}",
        SECRET.parse::<HmacSecret>().unwrap(),
        SIGNING_KEY.parse::<SigningKey>().unwrap()
    );
    assert_eq!(shown, "HmacSecret(…) SigningKey(…)");
}

#[test]
fn a_secret_of_every_allowed_length_signs_as_the_plain_algorithm_does() {
    use base64::Engine;
    use hmac::{Hmac, KeyInit, Mac};
    for length in [24, 32, 63, 64] {
        let bytes: Vec<u8> = (0..length).collect();
        let mut plain = Hmac::<sha2::Sha256>::new_from_slice(&bytes).unwrap();
        plain.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
        let expected =
            base64::engine::general_purpose::STANDARD.encode(plain.finalize().into_bytes());
        let secret = HmacSecret::from_bytes(&bytes).unwrap();
        let signatures = sign(&secret, &SIGNING_KEY.parse().unwrap(), &MESSAGE);
        assert!(signatures.starts_with(&format!("v1,{expected} ")), "{length}");
    }
}
