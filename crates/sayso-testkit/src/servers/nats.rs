//! NATS with JetStream.

use std::{fs, io, path::Path, process::Command, time::Duration};

use rustix::process::Signal;

use super::{
    programs::{program, run},
    server::{Kind, Login, Place, Server},
};

/// A NATS server that keeps streams, and has them on disk before it says so where it can.
pub struct Nats;

/// The longest message that it takes.
const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

impl Kind for Nats {
    const PROGRAM: &'static str = "nats-server";
    const INSTALL: &'static str = "apt-get install nats-server";
    // It reads its configuration again.
    const HEEDS: Duration = Duration::from_millis(300);

    fn prepare(place: &Place) -> io::Result<()> {
        configure(place, &place.login)?;
        // Before 2.10 it does not know the setting.
        let tried = run(program(Self::PROGRAM)?.arg("-t").arg("-c").arg(place.path("conf")));
        if tried.is_err() {
            fs::write(place.path("no_sync"), "")?;
            configure(place, &place.login)?;
        }
        Ok(())
    }

    fn command(place: &Place) -> io::Result<Command> {
        let mut command = program(Self::PROGRAM)?;
        command.arg("-c").arg(place.path("conf"));
        Ok(command)
    }

    fn admit(server: &Server<Self>, is_admitted: bool) -> io::Result<()> {
        let place = server.place();
        let changed = Login { password: "changed".into(), ..place.login.clone() };
        configure(place, if is_admitted { &place.login } else { &changed })?;
        server.signal(Signal::HUP)
    }
}

impl Server<Nats> {
    /// Starts it again with TLS, and without it nobody gets in.
    ///
    /// # Errors
    /// It does not come up.
    pub fn secure(&self, certificate: &Path, key: &Path) -> io::Result<()> {
        let text = format!("tls {{ cert_file: {certificate:?}, key_file: {key:?} }}\n");
        fs::write(self.place().path("tls"), text)?;
        configure(self.place(), &self.place().login)?;
        self.restart()
    }
}

fn configure(place: &Place, login: &Login) -> io::Result<()> {
    let operator = &place.operator;
    let is_synced = !place.path("no_sync").exists();
    let sync = if is_synced { "sync_interval: always" } else { "" };
    let tls = fs::read_to_string(place.path("tls")).unwrap_or_default();
    let text = format!(
        "listen: \"{}\"\nmax_payload: {PAYLOAD_BYTES_MAX}\n\
         jetstream {{ store_dir: {:?}\n{sync} }}\n\
         authorization {{ users = [\n\
         {{ user: {:?}, password: {:?} }}\n{{ user: {:?}, password: {:?} }}\n] }}\n{tls}",
        place.address(),
        place.path("data"),
        login.name,
        login.password,
        operator.name,
        operator.password,
    );
    fs::write(place.path("conf"), text)
}
