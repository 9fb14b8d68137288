//! PostgreSQL.

use std::{fs, io, os::unix::fs::chown, path::Path, process::Command};

use rustix::process::Signal;

use super::{
    programs::{self, program, run},
    server::{Kind, Login, Place, Server},
};

/// A PostgreSQL with one database, which belongs to the login and has its name.
pub struct Postgres;

impl Kind for Postgres {
    const PROGRAM: &'static str = "initdb";
    const INSTALL: &'static str = "apt-get install postgresql";
    // Without waiting for connections to end.
    const END: Signal = Signal::INT;

    fn prepare(place: &Place) -> io::Result<()> {
        let secret = place.path("secret");
        fs::write(&secret, &place.operator.password)?;
        for path in [&place.folder, &secret] {
            hand_over(path)?;
        }
        let mut initdb = as_postgres("initdb")?;
        initdb.args(["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        initdb.args(["-U", &place.operator.name]).arg("--pwfile").arg(&secret);
        run(initdb.arg("-D").arg(place.path("data"))).map(drop)
    }

    fn command(place: &Place) -> io::Result<Command> {
        // Whoever was killed could not clean up.
        for left in ["data/postmaster.pid".to_owned(), format!(".s.PGSQL.{}.lock", place.port)] {
            let _ = fs::remove_file(place.path(&left));
        }
        let mut command = as_postgres("postgres")?;
        command.arg("-D").arg(place.path("data"));
        for setting in [
            format!("port={}", place.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", place.folder.display()),
            "max_connections=50".to_owned(),
        ] {
            command.arg("-c").arg(setting);
        }
        Ok(command)
    }

    fn is_ready(place: &Place) -> bool {
        query(place, &place.operator, "postgres", "SELECT 1").is_ok()
    }

    fn furnish(server: &Server<Self>) -> io::Result<()> {
        let Login { name, password } = &server.place().login;
        server.query("postgres", &format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"))?;
        server.query("postgres", &format!("CREATE DATABASE {name} OWNER {name}")).map(drop)
    }

    fn admit(server: &Server<Self>, is_admitted: bool) -> io::Result<()> {
        let name = &server.place().login.name;
        let may = if is_admitted { "LOGIN" } else { "NOLOGIN" };
        server.query("postgres", &format!("ALTER ROLE {name} {may}"))?;
        if is_admitted {
            return Ok(());
        }
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename =";
        server.query("postgres", &format!("{end} '{name}'")).map(drop)
    }
}

impl Server<Postgres> {
    /// Asks a database something as the operator; rows are lines, columns are parted by `|`.
    ///
    /// # Errors
    /// The database refuses.
    pub fn query(&self, database: &str, sql: &str) -> io::Result<String> {
        query(self.place(), &self.place().operator, database, sql)
    }
}

fn query(place: &Place, login: &Login, database: &str, sql: &str) -> io::Result<String> {
    let mut psql = program("psql")?;
    psql.args(["-h", "127.0.0.1", "-p", &place.port.to_string(), "-U", &login.name]);
    psql.args(["-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]);
    run(psql.env("PGPASSWORD", &login.password).env("PGCONNECT_TIMEOUT", "2"))
}

/// It refuses to run as root.
fn as_postgres(name: &str) -> io::Result<Command> {
    let found = program(name)?;
    if !programs::is_root() {
        return Ok(found);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    command.arg(found.get_program());
    Ok(command)
}

fn hand_over(path: &Path) -> io::Result<()> {
    if !programs::is_root() {
        return Ok(());
    }
    let number = |what: &str| -> io::Result<Option<u32>> {
        Ok(run(Command::new("id").args([what, "postgres"]))?.trim().parse().ok())
    };
    chown(path, number("-u")?, number("-g")?)
}
