//! Mosquitto, an MQTT broker.

use std::{fs, io, process::Command, time::Duration};

use rustix::process::Signal;

use super::{
    programs::{program, run},
    server::{Kind, Login, Place, Server},
};

/// A Mosquitto that keeps retained messages and sessions over an end in good order. What it kept
/// since is gone if it is killed: on every change it would write the whole of it.
pub struct Mosquitto;

/// The longest payload that it takes.
const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

impl Kind for Mosquitto {
    const PROGRAM: &'static str = "mosquitto";
    const INSTALL: &'static str = "apt-get install mosquitto";
    // It writes down what it keeps when it ends.
    const KEEPS_WHEN_KILLED: bool = false;
    // It reads its passwords again.
    const HEEDS: Duration = Duration::from_millis(500);

    fn prepare(place: &Place) -> io::Result<()> {
        fs::create_dir_all(place.path("data"))?;
        passwords(place, &place.login)?;
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous false\npassword_file {}\n\
             persistence true\npersistence_location {}/\nmessage_size_limit {PAYLOAD_BYTES_MAX}\n\
             max_queued_messages 1000000\nset_tcp_nodelay true\nuser root\n",
            place.port,
            place.path("passwords").display(),
            place.path("data").display(),
        );
        fs::write(place.path("conf"), text)
    }

    fn command(place: &Place) -> io::Result<Command> {
        let mut command = program(Self::PROGRAM)?;
        command.arg("-c").arg(place.path("conf"));
        Ok(command)
    }

    fn admit(server: &Server<Self>, is_admitted: bool) -> io::Result<()> {
        let place = server.place();
        let changed = Login { password: "changed".into(), ..place.login.clone() };
        passwords(place, if is_admitted { &place.login } else { &changed })?;
        server.signal(Signal::HUP)
    }
}

fn passwords(place: &Place, login: &Login) -> io::Result<()> {
    let file = place.path("passwords");
    let lines = [login, &place.operator].map(|of| format!("{}:{}\n", of.name, of.password));
    fs::write(&file, lines.concat())?;
    // It takes digests only, and makes them by itself.
    run(program("mosquitto_passwd")?.arg("-U").arg(&file)).map(drop)
}
