//! Over TLS: the certificate has to come from whom the settings say.

use std::{os::unix::fs::chown, path::Path, process::Command};

use sayso_testkit::servers::Postgres;

use super::{rig::Room, *};
use crate::conformance::people::Person;

/// A certificate for this machine that nobody else knows.
fn certificate(folder: &Path, name: &str) {
    let status = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.crt")))
        .output();
    assert!(status.unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_believed_by_its_certificate() {
    let Some(room) = Room::<Postgres>::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "own");
    certificate(folder.path(), "other");
    let data = room.server.place().path("data");
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&data).unwrap());
    for (from, to) in [("own.crt", "server.crt"), ("own.key", "server.key")] {
        std::fs::copy(folder.path().join(from), data.join(to)).unwrap();
        chown(data.join(to), Some(owner), None).unwrap();
    }
    let password = Some(room.server.place().login.password.as_str());
    let url = format!("postgres://sayso@{}/sayso", room.server.address());
    let settings = |ca: &str| {
        let ca_file = folder.path().join(ca);
        json!({ "url": url, "tls": true, "ca_file": ca_file })
    };
    let told = Person::new(&sayso_ledger::Secrets::generate().unwrap(), 1).told(1, true);
    // A server without TLS is not spoken to.
    let own = super::sink(&settings("own.crt"), password);
    assert_eq!(deliver(&own, std::slice::from_ref(&told)).await, [Outcome::again("tls")]);
    room.server.query("sayso", "alter system set ssl = on").unwrap();
    room.server.restart().unwrap();
    assert_eq!(apply(&own, std::slice::from_ref(&told)).await, ["5 rows"]);
    for stranger in [settings("other.crt"), json!({ "url": url, "tls": true })] {
        let stranger = super::sink(&stranger, password);
        assert_eq!(deliver(&stranger, std::slice::from_ref(&told)).await, [Outcome::again("tls")]);
        assert_eq!(stranger.check().await.unwrap_err().0, "tls");
    }
}
