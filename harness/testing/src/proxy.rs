//! A TCP proxy that breaks the connections through it.

use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

/// How often a quiet connection looks for a fault.
const TICK: Duration = Duration::from_millis(10);

/// What happens to every connection once a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkFault {
    /// Both sides are closed in order, as when the server ends.
    Ends,
    /// Both sides are reset.
    Resets,
    /// Nothing passes any more and both sides stay open, as when a cable is pulled.
    FallsSilent,
    /// One bit changes. The rest passes.
    FlipsABit,
    /// Nothing passes for half a second. Then all of it does.
    Stalls,
}

/// A running proxy.
pub struct Proxy {
    /// Its TCP port on 127.0.0.1.
    pub port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The bytes that passed, in both directions.
    passed: u64,
    /// A fault, and after how many bytes in all it strikes.
    armed: Option<(u64, NetworkFault)>,
    /// The fault that struck. It lasts, also for new connections.
    struck: Option<NetworkFault>,
    /// The proxy is gone.
    is_over: bool,
}

impl Proxy {
    /// Starts a proxy to a server.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.lock().unwrap().is_over {
                    return;
                }
                let Ok(server) = TcpStream::connect(server) else { continue };
                pass(&client, &server, &shared);
                pass(&server, &client, &shared);
            }
        });
        Self { port, state }
    }

    /// Lets a fault strike once this many bytes more have passed, in both directions together.
    pub fn strike_after(&self, bytes: u64, fault: NetworkFault) {
        let mut state = self.state.lock().unwrap();
        state.armed = Some((state.passed + bytes, fault));
    }

    /// How many bytes have passed, in both directions together.
    pub fn passed(&self) -> u64 {
        self.state.lock().unwrap().passed
    }

    /// Whether a fault struck.
    pub fn has_struck(&self) -> bool {
        self.state.lock().unwrap().struck.is_some()
    }

    /// Ends the fault. Connections that it spoiled stay spoiled.
    pub fn heal(&self) {
        let mut state = self.state.lock().unwrap();
        (state.armed, state.struck) = (None, None);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.lock().unwrap().is_over = true;
        // Wakes the listener.
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok();
    }
}

/// Passes bytes on in one direction, on a thread of its own.
fn pass(from: &TcpStream, to: &TcpStream, state: &Arc<Mutex<State>>) {
    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    from.set_read_timeout(Some(TICK)).unwrap();
    let state = Arc::clone(state);
    std::thread::spawn(move || pass_on(from, to, &state));
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, state: &Mutex<State>) {
    let mut piece = [0; 4096];
    let mut survived = None;
    loop {
        let len = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => break,
        };
        let now = state.lock().unwrap().pass(len as u64);
        if now.is_over {
            break;
        }
        match now.fault.filter(|_| now.fault != survived) {
            Some(NetworkFault::Ends) => break,
            Some(NetworkFault::Resets) => {
                for side in [&from, &to] {
                    SockRef::from(side).set_linger(Some(Duration::ZERO)).ok();
                }
                return;
            }
            Some(NetworkFault::FallsSilent) => {
                while !state.lock().unwrap().is_over {
                    sleep(TICK);
                }
                return;
            }
            Some(fault @ NetworkFault::FlipsABit) if len > 0 => {
                piece[len / 2] ^= 1;
                survived = Some(fault);
            }
            Some(NetworkFault::FlipsABit) | None => {}
            Some(fault @ NetworkFault::Stalls) => {
                sleep(Duration::from_millis(500));
                survived = Some(fault);
            }
        }
        if to.write_all(&piece[..len]).is_err() {
            break;
        }
    }
    for side in [&from, &to] {
        side.shutdown(Shutdown::Both).ok();
    }
}

/// What a direction must know after each piece.
struct Now {
    fault: Option<NetworkFault>,
    is_over: bool,
}

impl State {
    fn pass(&mut self, len: u64) -> Now {
        self.passed += len;
        if let Some((_, fault)) = self.armed.take_if(|(at, _)| *at <= self.passed) {
            self.struck = Some(fault);
        }
        Now { fault: self.struck, is_over: self.is_over }
    }
}
