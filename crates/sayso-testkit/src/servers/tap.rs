//! A listener on the way to a server: it passes everything on and keeps what was sent there.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// A way to a server on which every byte is kept.
pub struct Tap {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    /// In front of a server. It listens until the test's process ends.
    ///
    /// # Errors
    /// There is no free port.
    pub fn before(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&sent);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Where nobody is behind it, whoever connects is hung up on.
                let Ok(behind) = TcpStream::connect(server) else { continue };
                let _ = pass(client, behind, &kept);
            }
        });
        Ok(Self { address, sent })
    }

    /// Where to connect to instead.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every byte that was sent to the server.
    pub fn sent(&self) -> Vec<u8> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn pass(client: TcpStream, server: TcpStream, kept: &Arc<Mutex<Vec<u8>>>) -> io::Result<()> {
    let (client_too, server_too, kept) = (client.try_clone()?, server.try_clone()?, kept.clone());
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    thread::spawn(move || copy(client, server, Some(&kept)));
    thread::spawn(move || copy(server_too, client_too, None));
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, kept: Option<&Mutex<Vec<u8>>>) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let read = bytes.get(..count).unwrap_or_default();
        if let Some(kept) = kept {
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(read);
        }
        if to.write_all(read).is_err() {
            break;
        }
    }
    // Who is hung up on hangs up.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
