//! Servers with threads of their own, so that what they spend can be told apart.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use axum::{Router, serve::ListenerExt};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle, Runtime},
};

/// How many threads a server has: as many as the program would on the machine that the page
/// describes.
const THREADS: usize = 2;

/// A server on a port of its own. It ends when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    name: &'static str,
    runtime: Option<Runtime>,
}

impl Server {
    /// Serves as the program does. The name is that of its threads, at most 15 bytes.
    pub(crate) fn start(name: &'static str, router: Router) -> Result<Self> {
        let runtime = runtime(name)?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.context("no port is free")?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, name, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its threads, for what runs beside the server in the program.
    pub(crate) fn handle(&self) -> Result<Handle> {
        let runtime = self.runtime.as_ref().context("the server has ended")?;
        Ok(runtime.handle().clone())
    }

    /// What its threads have spent so far, in nanoseconds; none where the machine does not say.
    pub(crate) fn cpu(&self) -> Option<u64> {
        let mut total = 0;
        for thread in std::fs::read_dir("/proc/self/task").ok()? {
            let path = thread.ok()?.path();
            let Ok(name) = std::fs::read_to_string(path.join("comm")) else { continue };
            if name.trim() == self.name {
                let spent = std::fs::read_to_string(path.join("schedstat")).ok()?;
                total += spent.split(' ').next()?.parse::<u64>().ok()?;
            }
        }
        Some(total)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Threads of this name.
pub(crate) fn runtime(name: &str) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(THREADS).thread_name(name).enable_all();
    builder.build().context("no threads can be started")
}
