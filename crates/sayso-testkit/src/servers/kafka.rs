//! A Kafka cluster of one broker, as librdkafka brings it along for tests.

use std::{fs, io, process::Command};

use super::{
    programs,
    server::{Kind, Place, Server},
};

/// A broker that speaks Kafka's protocol over TCP and keeps everything in memory: it chooses its
/// port by itself, forgets all when it is started again, and lets everybody in.
pub struct Kafka;

/// Starts a broker, says where it is, and lives until it is killed.
const SCRIPT: &str = "\
import os, sys, threading
from confluent_kafka import Producer
own = Producer({'bootstrap.servers': 'none', 'test.mock.num.brokers': 1})
broker = list(own.list_topics(timeout=10).brokers.values())[0]
with open(sys.argv[1] + '.new', 'w') as noted:
    noted.write(str(broker.port))
os.rename(sys.argv[1] + '.new', sys.argv[1])
threading.Event().wait()
";

impl Kind for Kafka {
    const PROGRAM: &'static str = "confluent-kafka for Python";
    const INSTALL: &'static str = "cargo xtask test --only tools";

    fn is_installed() -> bool {
        programs::python("confluent_kafka").is_some()
    }

    fn prepare(_: &Place) -> io::Result<()> {
        Ok(())
    }

    fn command(place: &Place) -> io::Result<Command> {
        let _ = fs::remove_file(place.path("port"));
        let python = programs::python("confluent_kafka");
        let mut command = Command::new(python.ok_or_else(|| io::Error::other("no python"))?);
        command.args(["-c", SCRIPT]).arg(place.path("port"));
        Ok(command)
    }

    fn is_ready(place: &Place) -> bool {
        place.path("port").exists()
    }

    fn admit(_: &Server<Self>, _: bool) -> io::Result<()> {
        Err(io::Error::other("this broker asks nobody who they are"))
    }
}

impl Server<Kafka> {
    /// Where to begin: another address after each start.
    ///
    /// # Errors
    /// It does not run.
    pub fn bootstrap(&self) -> io::Result<String> {
        let port = fs::read_to_string(self.place().path("port"))?;
        Ok(format!("127.0.0.1:{port}"))
    }
}
