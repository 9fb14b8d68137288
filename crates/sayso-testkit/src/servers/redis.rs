//! Redis, or Valkey under that name.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use super::{
    programs::program,
    server::{Kind, Place, Server},
};

/// A Redis that has every write on disk before it answers.
pub struct Redis;

impl Kind for Redis {
    const PROGRAM: &'static str = "redis-server";
    const INSTALL: &'static str = "apt-get install redis-server";

    fn prepare(place: &Place) -> io::Result<()> {
        let (login, operator) = (&place.login, &place.operator);
        let text = format!(
            "port {}\nbind 127.0.0.1\ndir {}\nappendonly yes\nappendfsync always\nsave \"\"\n\
             user default off\nuser {} on >{} ~* &* +@all -@dangerous +info\n\
             user {} on >{} ~* &* +@all\n",
            place.port,
            place.folder.display(),
            login.name,
            login.password,
            operator.name,
            operator.password,
        );
        fs::write(place.path("conf"), text)
    }

    fn command(place: &Place) -> io::Result<Command> {
        let mut command = program(Self::PROGRAM)?;
        command.arg(place.path("conf"));
        Ok(command)
    }

    fn is_ready(place: &Place) -> bool {
        // While it reads what it had kept, it accepts connections and answers with an error.
        say(place, &["PING".into()]).is_ok()
    }

    fn admit(server: &Server<Self>, is_admitted: bool) -> io::Result<()> {
        let place = server.place();
        let name = &place.login.name;
        let state = if is_admitted { "on" } else { "off" };
        let mut lines = vec![format!("ACL SETUSER {name} {state}")];
        if !is_admitted {
            lines.push(format!("CLIENT KILL USER {name}"));
        }
        say(place, &lines)
    }
}

/// Says something as the operator, line by line.
fn say(place: &Place, lines: &[String]) -> io::Result<()> {
    let stream = TcpStream::connect_timeout(&place.address(), Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let enter = format!("AUTH {} {}", place.operator.name, place.operator.password);
    for line in [&enter].into_iter().chain(lines) {
        (&stream).write_all(format!("{line}\r\n").as_bytes())?;
        let mut answer = String::new();
        answers.read_line(&mut answer)?;
        if !answer.starts_with(['+', ':']) {
            return Err(io::Error::other(format!("redis says: {answer}")));
        }
    }
    Ok(())
}
