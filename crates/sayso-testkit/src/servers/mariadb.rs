//! MariaDB, which speaks MySQL.

use std::{fs, io, process::Command};

use super::{
    programs::{self, program, run},
    server::{Kind, Login, Place, Server},
};

/// A MariaDB with one database, which the login may do everything in and which has its name.
pub struct MariaDb;

impl Kind for MariaDb {
    const PROGRAM: &'static str = "mariadbd";
    const INSTALL: &'static str = "apt-get install mariadb-server";

    fn prepare(place: &Place) -> io::Result<()> {
        let mut install = program("mariadb-install-db")?;
        install.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
        install.args(["--skip-test-db", "--skip-name-resolve"]);
        if programs::is_root() {
            install.arg("--user=root");
        }
        run(install.arg(format!("--datadir={}", place.path("data").display())))?;
        let (login, operator) = (&place.login, &place.operator);
        let made = |of: &Login| {
            let Login { name, password } = of;
            format!("CREATE USER IF NOT EXISTS '{name}'@'%' IDENTIFIED BY '{password}';\n")
        };
        let name = &login.name;
        let text = format!(
            "{}{}CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4;\n\
             GRANT ALL ON {name}.* TO '{name}'@'%';\n\
             GRANT ALL ON *.* TO '{}'@'%' WITH GRANT OPTION;\n",
            made(login),
            made(operator),
            operator.name,
        );
        fs::write(place.path("init.sql"), text)
    }

    fn command(place: &Place) -> io::Result<Command> {
        let mut command = program(Self::PROGRAM)?;
        command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]);
        command.arg(format!("--port={}", place.port));
        for (name, file) in [
            ("datadir", "data"),
            ("socket", "socket"),
            ("pid-file", "mariadb.pid"),
            ("init-file", "init.sql"),
        ] {
            command.arg(format!("--{name}={}", place.path(file).display()));
        }
        command.args(["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M"]);
        if programs::is_root() {
            command.arg("--user=root");
        }
        Ok(command)
    }

    fn is_ready(place: &Place) -> bool {
        query(place, "mysql", "SELECT 1").is_ok()
    }

    fn admit(server: &Server<Self>, is_admitted: bool) -> io::Result<()> {
        let name = &server.place().login.name;
        let state = if is_admitted { "UNLOCK" } else { "LOCK" };
        server.query("mysql", &format!("ALTER USER '{name}'@'%' ACCOUNT {state}"))?;
        if is_admitted {
            return Ok(());
        }
        server.query("mysql", &format!("KILL CONNECTION USER '{name}'")).map(drop)
    }
}

impl Server<MariaDb> {
    /// Asks a database something as the operator; rows are lines, columns are parted by tabs.
    ///
    /// # Errors
    /// The database refuses.
    pub fn query(&self, database: &str, sql: &str) -> io::Result<String> {
        query(self.place(), database, sql)
    }
}

fn query(place: &Place, database: &str, sql: &str) -> io::Result<String> {
    let Login { name, password } = &place.operator;
    let mut client = program("mariadb")?;
    client.args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "-BN"]);
    client.args([format!("--port={}", place.port), format!("--user={name}")]);
    client.args(["--connect-timeout=2", "--default-character-set=utf8mb4"]);
    client.args([format!("--database={database}"), format!("--execute={sql}")]);
    run(client.env("MYSQL_PWD", password))
}
