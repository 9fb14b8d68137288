//! A process that ends with its test.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Runs a program, says which process it is, and waits for the end of its standard input. That
/// comes when the test's process ends, however it ends, and then everything is killed.
const WATCH: &str = r#""$@" & echo $! > "$0"; read -r _; kill -9 0"#;

/// A server that runs.
pub(super) struct Process {
    watcher: Child,
    server: Pid,
}

/// Whether all threads of a process stand still, or it has ended.
fn has_stopped(process: Pid) -> bool {
    let threads = format!("/proc/{}/task", process.as_raw_nonzero());
    let state = |stat: String| stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    let mut threads = fs::read_dir(threads).into_iter().flatten().flatten();
    threads.all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        matches!(state(stat), None | Some('T' | 't' | 'Z'))
    })
}

impl Process {
    /// Starts a server; what it says goes to `log`.
    pub(super) fn start(command: &Command, folder: &Path) -> io::Result<Self> {
        let (noted, log) = (folder.join("pid"), folder.join("log"));
        let _ = fs::remove_file(&noted);
        let log = fs::File::options().create(true).append(true).open(log)?;
        let mut watch = Command::new("sh");
        watch.arg("-c").arg(WATCH).arg(&noted).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => watch.env(name, value),
                None => watch.env_remove(name),
            };
        }
        watch.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let mut watcher = watch.current_dir(folder).process_group(0).spawn()?;
        match pid_in(&noted) {
            Some(server) => Ok(Self { watcher, server }),
            None => {
                let _ = watcher.kill();
                Err(io::Error::other("a server did not start"))
            }
        }
    }

    /// Whether it has ended by itself. Its watcher does not look, so that it may stay as a shadow.
    pub(super) fn has_ended(&self) -> bool {
        state_of(self.server).is_none_or(|state| state == 'Z')
    }

    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(self.server, signal)?)
    }

    /// Stops it where it stands, with everything that it has started.
    pub(super) fn pause(&self) -> io::Result<()> {
        self.signal_all(Signal::STOP)?;
        // The signal is sent; each thread stops when it comes to it.
        while !has_stopped(self.server) {
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub(super) fn resume(&self) -> io::Result<()> {
        self.signal_all(Signal::CONT)
    }

    fn signal_all(&self, signal: Signal) -> io::Result<()> {
        kill_process(self.server, signal)?;
        for below in descendants(self.server) {
            // It may have ended meanwhile.
            let _ = kill_process(below, signal);
        }
        Ok(())
    }

    /// Asks it to end, and waits.
    pub(super) fn stop(mut self, with: Signal) -> io::Result<()> {
        self.signal(with)?;
        let end = Instant::now() + Duration::from_secs(30);
        while !self.has_ended() && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
        self.kill();
        Ok(())
    }

    /// Ends it at once, and what it has started.
    pub(super) fn kill(&mut self) {
        // Before the server, as long as they can be told by whose they are.
        let below = descendants(self.server);
        if let Some(group) = i32::try_from(self.watcher.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        for process in &below {
            let _ = kill_process(*process, Signal::KILL);
        }
        let _ = self.watcher.wait();
        let end = Instant::now() + Duration::from_secs(5);
        let is_left = |process: &Pid| state_of(*process).is_some_and(|state| state != 'Z');
        while (below.iter().any(is_left) || is_left(&self.server)) && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pid_in(noted: &Path) -> Option<Pid> {
    for _ in 0..500 {
        let text = fs::read_to_string(noted).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n').and_then(|text| text.parse().ok()) {
            return Pid::from_raw(pid);
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}

/// The state and the parent of a process, as the system tells them.
fn stat(process: i32) -> Option<(char, i32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in brackets and may hold anything.
    let mut rest = text.rsplit_once(") ")?.1.split(' ');
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

fn state_of(process: Pid) -> Option<char> {
    stat(process.as_raw_nonzero().get()).map(|(state, _)| state)
}

/// Everything that a process has started, and what that has.
fn descendants(process: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some((_, parent)) = stat(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = BTreeSet::new();
    let mut next = vec![process.as_raw_nonzero().get()];
    while let Some(parent) = next.pop() {
        for child in children.get(&parent).into_iter().flatten() {
            if found.insert(*child) {
                next.push(*child);
            }
        }
    }
    found.into_iter().filter_map(Pid::from_raw).collect()
}
