//! Only what is the recipient's leaves: its key and its names for the person.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use sayso_consent::id::SubjectId;

use crate::conformance::{
    bench::{Bench, Verdict, must},
    people::Person,
};

pub(in crate::conformance) async fn privacy(bench: &Bench<'_>) -> Verdict {
    let people = bench.people(4);
    let sink = bench.rig.open();
    let mut told: Vec<_> = people.iter().map(|person| person.told(1, true)).collect();
    bench.take(&sink, &told).await?;
    told[2] = people[2].leaving(2);
    bench.take(&sink, &told[2..3]).await?;
    let parted = people[3].parting(&bench.secrets, 2);
    bench.take(&sink, std::slice::from_ref(&parted)).await?;
    bench.holds(&told).await?;
    let heard = bench.rig.heard().await;
    is_told_alone(&people, &heard)?;
    let wire = bench.rig.wire().unwrap_or_default();
    for bytes in heard.iter().chain([&wire]) {
        for person in &people {
            shows_no_subject(bytes, person.subject())?;
        }
        shows_no_digest(bytes, parted.about.former.map(|former| former.0))?;
    }
    Ok(())
}

/// What tells of somebody tells of nobody else.
fn is_told_alone(people: &[Person], heard: &[Vec<u8>]) -> Verdict {
    for person in people {
        let own: Vec<&Vec<u8>> =
            heard.iter().filter(|bytes| holds(bytes, person.key().as_bytes())).collect();
        must(!own.is_empty(), "a key did not arrive")?;
        for bytes in own {
            for other in people.iter().filter(|other| other.key() != person.key()) {
                must(!holds(bytes, other.key().as_bytes()), "a message holds another's key")?;
                // Both names of a person hold the beginning of their key.
                let name = format!("-{}@example.org", &other.key()[..12]);
                must(!holds(bytes, name.as_bytes()), "a message holds another's name")?;
            }
        }
    }
    Ok(())
}

fn shows_no_subject(bytes: &[u8], subject: SubjectId) -> Verdict {
    shows_none_of(bytes, &subject.0.to_be_bytes(), "the id of a subject")?;
    let shown = [subject.to_string().to_uppercase(), subject.0.to_string(), hyphenated(subject)];
    for form in shown {
        must(!holds(bytes, form.as_bytes()), "the id of a subject left")?;
    }
    must(!holds(bytes, &subject.0.to_le_bytes()), "the id of a subject left")
}

fn shows_no_digest(bytes: &[u8], digest: Option<[u8; 16]>) -> Verdict {
    digest.map_or(Ok(()), |digest| shows_none_of(bytes, &digest, "the digest of a name"))
}

fn shows_none_of(bytes: &[u8], secret: &[u8; 16], what: &str) -> Verdict {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let forms = [
        secret.to_vec(),
        hex.into_bytes(),
        STANDARD_NO_PAD.encode(secret).into_bytes(),
        URL_SAFE_NO_PAD.encode(secret).into_bytes(),
    ];
    must(!forms.iter().any(|form| holds(bytes, form)), format!("{what} left"))
}

/// As a UUID is written.
fn hyphenated(subject: SubjectId) -> String {
    let hex = subject.to_string();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &hex[part]);
    parts.join("-")
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
