//! What all servers have in common.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{process::Process, programs};

/// How long a server may take until it can be used.
const START: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A name and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl Login {
    fn of(name: &str) -> Self {
        Self { name: name.into(), password: format!("password-of-{name}") }
    }
}

/// Where a server is and who may use it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Everything that it keeps.
    pub folder: PathBuf,
    /// Where it listens, on the loopback.
    pub port: u16,
    /// For what is tested; can be revoked.
    pub login: Login,
    /// For the test itself.
    pub operator: Login,
}

impl Place {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// A path below its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// What is particular about a server.
pub trait Kind: Sized + Send + Sync + 'static {
    /// The program.
    const PROGRAM: &'static str;
    /// What to do to have it.
    const INSTALL: &'static str;
    /// What asks it to end in good order.
    const END: Signal = Signal::TERM;

    /// Whether it still knows everything after it was killed, and not only when it ended in good
    /// order.
    const KEEPS_WHEN_KILLED: bool = true;
    /// How long it may take to heed a change of who is let in, if it does not say when it has.
    const HEEDS: Duration = Duration::ZERO;

    /// Whether it is there.
    fn is_installed() -> bool {
        programs::find(Self::PROGRAM).is_some()
    }

    /// Makes what it needs before its first start.
    ///
    /// # Errors
    /// That cannot be made.
    fn prepare(place: &Place) -> io::Result<()>;

    /// What starts it, in the foreground.
    ///
    /// # Errors
    /// The program is not there.
    fn command(place: &Place) -> io::Result<Command>;

    /// Whether it can be used.
    fn is_ready(place: &Place) -> bool {
        TcpStream::connect_timeout(&place.address(), Duration::from_secs(1)).is_ok()
    }

    /// Makes what it needs after its first start.
    ///
    /// # Errors
    /// That cannot be made.
    fn furnish(_: &Server<Self>) -> io::Result<()> {
        Ok(())
    }

    /// Lets the login in, or not any longer; then its connections end as well.
    ///
    /// # Errors
    /// The server does not do it, or cannot at all.
    fn admit(server: &Server<Self>, is_admitted: bool) -> io::Result<()>;
}

/// A server that is there for one test.
pub struct Server<K: Kind> {
    place: Place,
    process: Mutex<Option<Process>>,
    _folder: TempDir,
    _kind: std::marker::PhantomData<K>,
}

impl<K: Kind> Server<K> {
    /// Starts one and waits until it can be used; none, with a word, if it is not installed.
    ///
    /// # Errors
    /// It does not start, or is not installed and has to be.
    pub fn start() -> io::Result<Option<Self>> {
        if !K::is_installed() {
            let what = format!("{} is not installed ({})", K::PROGRAM, K::INSTALL);
            if programs::is_required() {
                return Err(io::Error::other(what));
            }
            eprintln!("skipped: {what}");
            return Ok(None);
        }
        // Between finding a free port and using it somebody else may take it.
        let mut last = None;
        for _ in 0..3 {
            match Self::begin() {
                Ok(server) => return Ok(Some(server)),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("not tried")))
    }

    fn begin() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("sayso-").tempdir()?;
        let place = Place {
            folder: folder.path().to_owned(),
            port: free_port()?,
            login: Login::of("sayso"),
            operator: Login::of("operator"),
        };
        K::prepare(&place)?;
        let server = Self {
            place,
            process: Mutex::new(None),
            _folder: folder,
            _kind: std::marker::PhantomData,
        };
        server.restart()?;
        K::furnish(&server)?;
        Ok(server)
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is and who may use it.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.place.address()
    }

    /// Starts it again, on the same port and what it had kept, and waits until it can be used.
    ///
    /// # Errors
    /// It does not come up.
    pub fn restart(&self) -> io::Result<()> {
        let mut running = self.process();
        *running = None;
        let process = Process::start(&K::command(&self.place)?, &self.place.folder)?;
        let end = Instant::now() + START;
        while !K::is_ready(&self.place) {
            if process.has_ended() || Instant::now() > end {
                let said = tail(&self.place.path("log"));
                return Err(io::Error::other(format!("{} does not start: {said}", K::PROGRAM)));
            }
            thread::sleep(LOOK);
        }
        *running = Some(process);
        Ok(())
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// It cannot be told to.
    pub fn stop(&self) -> io::Result<()> {
        let stopped = self.process().take().map_or(Ok(()), |process| process.stop(K::END));
        self.until_closed();
        stopped
    }

    /// Ends it where it stands, as a power cut does.
    pub fn kill(&self) {
        *self.process() = None;
        self.until_closed();
    }

    /// Ends it as suddenly as it can bear.
    ///
    /// # Errors
    /// It cannot be told to.
    pub fn break_off(&self) -> io::Result<()> {
        if K::KEEPS_WHEN_KILLED {
            self.kill();
            return Ok(());
        }
        self.stop()
    }

    /// What has ended may leave threads that are still about to, and hold its port.
    fn until_closed(&self) {
        let end = Instant::now() + START;
        while TcpStream::connect(self.address()).is_ok() && Instant::now() < end {
            thread::sleep(LOOK);
        }
    }

    /// Lets it do nothing for a while; connections stay open.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> io::Result<()> {
        self.process().as_ref().map_or_else(|| Err(not_running()), Process::pause)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> io::Result<()> {
        self.process().as_ref().map_or_else(|| Err(not_running()), Process::resume)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It does not run.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        self.process().as_ref().map_or_else(|| Err(not_running()), |process| process.signal(signal))
    }

    /// Takes its credentials from the login, and ends its connections.
    ///
    /// # Errors
    /// The server cannot do that.
    pub fn revoke(&self) -> io::Result<()> {
        K::admit(self, false)?;
        thread::sleep(K::HEEDS);
        Ok(())
    }

    /// Gives them back.
    ///
    /// # Errors
    /// The server cannot do that.
    pub fn admit(&self) -> io::Result<()> {
        K::admit(self, true)?;
        thread::sleep(K::HEEDS);
        Ok(())
    }
}

impl<K: Kind> Drop for Server<K> {
    /// Before its folder goes.
    fn drop(&mut self) {
        self.kill();
    }
}

fn not_running() -> io::Error {
    io::Error::other("the server does not run")
}

/// A port that nobody listens at.
pub(super) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn tail(log: &Path) -> String {
    let said = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&said[said.len().saturating_sub(2_000)..]).into_owned()
}
