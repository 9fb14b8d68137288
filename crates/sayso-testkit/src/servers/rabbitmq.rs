//! RabbitMQ.

use std::{fs, io, process::Command};

use super::{
    programs::{find, program, run},
    server::{Kind, Place, Server, free_port},
};

/// A RabbitMQ of one node, with a register of Erlang nodes of its own.
pub struct RabbitMq;

/// The longest message that it takes.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;

impl Kind for RabbitMq {
    const PROGRAM: &'static str = "rabbitmq-server";
    const INSTALL: &'static str = "apt-get install rabbitmq-server";

    fn is_installed() -> bool {
        find(Self::PROGRAM).is_some() && find("epmd").is_some()
    }

    fn prepare(place: &Place) -> io::Result<()> {
        // One port for the register, one for the nodes among each other.
        fs::write(place.path("ports"), format!("{} {}", free_port()?, free_port()?))?;
        fs::write(place.path("plugins"), "[].\n")?;
        let text = format!(
            "listeners.tcp.1 = {}\nloopback_users = none\nmax_message_size = {MESSAGE_BYTES_MAX}\n\
             default_user = {}\ndefault_pass = {}\n",
            place.address(),
            place.operator.name,
            place.operator.password,
        );
        fs::write(place.path("rabbitmq.conf"), text)
    }

    fn command(place: &Place) -> io::Result<Command> {
        let mut command = Command::new("sh");
        // The register is started beside the server, or the server would leave one behind.
        command.args(["-c", "epmd -address 127.0.0.1 & exec \"$0\""]);
        command.arg(program(Self::PROGRAM)?.get_program());
        surround(&mut command, place)?;
        Ok(command)
    }

    fn furnish(server: &Server<Self>) -> io::Result<()> {
        let (name, password) = (&server.place().login.name, &server.place().login.password);
        server.control(&["add_user", name, password])?;
        server.control(&["set_permissions", name, ".*", ".*", ".*"]).map(drop)
    }

    fn admit(server: &Server<Self>, is_admitted: bool) -> io::Result<()> {
        let (name, password) = (&server.place().login.name, &server.place().login.password);
        if is_admitted {
            return server.control(&["change_password", name, password]).map(drop);
        }
        server.control(&["change_password", name, "changed"])?;
        server.control(&["close_all_user_connections", name, "revoked"]).map(drop)
    }
}

impl Server<RabbitMq> {
    /// Runs `rabbitmqctl`.
    ///
    /// # Errors
    /// The node refuses.
    pub fn control(&self, arguments: &[&str]) -> io::Result<String> {
        let mut control = program("rabbitmqctl")?;
        surround(&mut control, self.place())?;
        run(control.args(["-q", "-n", &node(self.place())]).args(arguments))
    }
}

fn node(place: &Place) -> String {
    format!("sayso{}@localhost", place.port)
}

/// What keeps it to the loopback and to its folder.
fn surround(command: &mut Command, place: &Place) -> io::Result<()> {
    let ports = fs::read_to_string(place.path("ports"))?;
    let (register, nodes) = ports.split_once(' ').unwrap_or_default();
    command
        .env("HOME", &place.folder)
        .env("ERL_EPMD_PORT", register)
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", node(place))
        .env("RABBITMQ_DIST_PORT", nodes)
        .env("RABBITMQ_CONFIG_FILE", place.path("rabbitmq.conf"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", place.path("plugins"))
        .env("RABBITMQ_MNESIA_BASE", place.path("mnesia"))
        .env("RABBITMQ_LOG_BASE", place.path("logs"))
        .env("RABBITMQ_PID_FILE", place.path("rabbitmq.pid"))
        // Without it a shell stays in between, and signals do not reach the server.
        .env("RABBITMQ_ALLOW_INPUT", "true")
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-noinput -kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
        );
    Ok(())
}
