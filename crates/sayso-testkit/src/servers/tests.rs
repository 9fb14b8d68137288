use std::{
    io::Read,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use super::{Kafka, Kind, MariaDb, Mosquitto, Nats, Postgres, RabbitMq, Redis, Server};

fn is_open(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

/// Started, killed and started again on the same port, paused, and gone.
fn lives<K: Kind>() {
    let Some(server) = Server::<K>::start().unwrap() else { return };
    let address = server.address();
    assert!(is_open(address), "{} listens", K::PROGRAM);
    server.pause().unwrap();
    server.resume().unwrap();
    server.kill();
    assert!(!is_open(address), "{} is killed", K::PROGRAM);
    server.restart().unwrap();
    assert!(is_open(address), "{} is back where it was", K::PROGRAM);
    server.revoke().unwrap();
    server.admit().unwrap();
    server.stop().unwrap();
    assert!(!is_open(address), "{} has ended", K::PROGRAM);
    server.restart().unwrap();
    let folder = server.place().folder.clone();
    drop(server);
    assert!(!is_open(address) && !folder.exists(), "{} is gone", K::PROGRAM);
}

#[test]
fn nats_lives_as_long_as_its_test() {
    lives::<Nats>();
}

#[test]
fn mosquitto_lives_as_long_as_its_test() {
    lives::<Mosquitto>();
}

#[test]
fn redis_lives_as_long_as_its_test() {
    lives::<Redis>();
}

#[test]
fn rabbitmq_lives_as_long_as_its_test() {
    lives::<RabbitMq>();
}

#[test]
fn databases_keep_what_they_were_told() {
    lives::<Postgres>();
    let Some(server) = Server::<Postgres>::start().unwrap() else { return };
    server.query("sayso", "CREATE TABLE t (n int); INSERT INTO t VALUES (7)").unwrap();
    server.kill();
    server.restart().unwrap();
    assert_eq!(server.query("sayso", "SELECT n FROM t").unwrap(), "7\n");
}

#[test]
fn databases_that_speak_mysql_too() {
    lives::<MariaDb>();
    let Some(server) = Server::<MariaDb>::start().unwrap() else { return };
    server.query("sayso", "CREATE TABLE t (n int); INSERT INTO t VALUES (7)").unwrap();
    server.kill();
    server.restart().unwrap();
    assert_eq!(server.query("sayso", "SELECT n FROM t").unwrap(), "7\n");
}

#[test]
fn kafka_says_where_it_is() {
    let Some(server) = Server::<Kafka>::start().unwrap() else { return };
    let address = server.bootstrap().unwrap().parse().unwrap();
    assert!(is_open(address));
    drop(server);
    let is_shut = || {
        std::thread::sleep(Duration::from_millis(100));
        !is_open(address)
    };
    assert!((0..50).any(|_| is_shut()));
}

/// What is paused accepts and says nothing; what goes on answers.
#[test]
fn a_paused_server_is_silent() {
    let Some(server) = Server::<Nats>::start().unwrap() else { return };
    server.pause().unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut greeting = [0; 4];
    assert!(stream.read_exact(&mut greeting).is_err());
    let paused = Instant::now();
    server.resume().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"INFO");
    assert!(paused.elapsed() < Duration::from_secs(5));
}
