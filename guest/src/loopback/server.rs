//! The child's side: an SSH server for one key that runs for as long as its standard input is open.

use super::greeting::LINE_LEN_MAX;
use super::processes::Processes;
use super::{Greeting, HOME_PREFIX, leftovers, relay};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use russh::keys::ssh_key::PublicKey;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
    run_stream,
};
use russh::{Channel, Disconnect, MethodKind, MethodSet};
use std::error::Error;
use std::fs::{self, Permissions};
use std::io::{self, BufRead, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// The most connections at once.
const CONNECTIONS_MAX: usize = 8;

/// How long a connection may take to authenticate.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);

/// The maximum number of keys that a connection may offer.
const OFFERS_MAX: usize = 3;

/// This process's name in Linux, at most 15 bytes.
const PROCESS_NAME: &std::ffi::CStr = c"sevbench-server";

/// Serves until standard input ends. Then kills every process that it has started, removes its
/// folder, and exits.
///
/// Call it first in `main` if the first argument is [`crate::LOOPBACK_SERVER_ARGUMENT`].
pub fn serve_loopback() -> ExitCode {
    // SAFETY: this option reads one string that ends with a zero, and copies it.
    unsafe { libc::prctl(libc::PR_SET_NAME, PROCESS_NAME.as_ptr()) };
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    io::stdin().lock().take(LINE_LEN_MAX as u64).read_line(&mut line)?;
    let client_key = PublicKey::from_openssh(line.trim())?;
    let home = tempfile::Builder::new()
        .prefix(HOME_PREFIX)
        .permissions(Permissions::from_mode(0o700))
        .tempdir()?;
    let _claim = leftovers::claim(home.path())?;
    leftovers::sweep(&std::env::temp_dir());
    let processes = Arc::new(Processes::new(home.path())?);
    thread::Builder::new().name("stdin".into()).spawn({
        let (home, processes) = (home.path().to_owned(), Arc::clone(&processes));
        move || end_with_stdin(&home, &processes)
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(listen(home.path(), client_key, processes))?;
    Ok(())
}

/// Runs on a thread of its own, so that it works even if the server hangs.
fn end_with_stdin(home: &Path, processes: &Processes) {
    // The parent sends nothing but the end; an error counts as the end.
    io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
    processes.end();
    let status = match fs::remove_dir_all(home) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            eprintln!("cannot remove {}: {error}", home.display());
            1
        }
        _ => 0,
    };
    std::process::exit(status);
}

async fn listen(
    home: &Path,
    client_key: PublicKey,
    processes: Arc<Processes>,
) -> Result<(), Box<dyn Error>> {
    let host_key = PrivateKey::random(&mut UnwrapErr(SysRng), Algorithm::Ed25519)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let greeting = Greeting {
        port: listener.local_addr()?.port(),
        host_key: host_key.public_key().clone(),
        home: home.into(),
    };
    let line = greeting.to_line().ok_or("the folder for temporary files has an odd name")?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    let config = Arc::new(Config {
        keys: vec![host_key],
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        max_auth_attempts: OFFERS_MAX,
        auth_rejection_time: Duration::ZERO,
        // A guest may compute for hours without sending anything.
        inactivity_timeout: None,
        ..Config::default()
    });
    let connections = Arc::new(());
    loop {
        let (stream, _) = listener.accept().await?;
        if Arc::strong_count(&connections) > CONNECTIONS_MAX {
            continue;
        }
        let guard = Arc::clone(&connections);
        let client = Client {
            key: client_key.clone(),
            processes: Arc::clone(&processes),
            is_authenticated: Arc::default(),
        };
        let config = Arc::clone(&config);
        tokio::spawn(async move {
            serve_connection(stream, client, config).await;
            drop(guard);
        });
    }
}

/// Errors here mean that the client is gone, or is not ours.
async fn serve_connection(stream: TcpStream, client: Client, config: Arc<Config>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let is_authenticated = Arc::clone(&client.is_authenticated);
    let Ok(Ok(session)) =
        tokio::time::timeout(HANDSHAKE_LIMIT, run_stream(config, stream, client)).await
    else {
        return;
    };
    let handle = session.handle();
    tokio::pin!(session);
    if tokio::time::timeout(HANDSHAKE_LIMIT, &mut session).await.is_ok() {
        return;
    }
    if is_authenticated.load(Ordering::Relaxed) {
        session.await.ok();
    } else {
        handle.disconnect(Disconnect::ByApplication, "too slow".into(), String::new()).await.ok();
    }
}

/// One connection.
struct Client {
    key: PublicKey,
    processes: Arc<Processes>,
    is_authenticated: Arc<AtomicBool>,
}

impl Client {
    fn judge(&self, key: &PublicKey) -> Auth {
        if key.key_data() == self.key.key_data() { Auth::Accept } else { Auth::reject() }
    }
}

impl Handler for Client {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.judge(offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.judge(key.public_key))
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), Self::Error> {
        self.is_authenticated.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        let (handle, processes) = (session.handle(), Arc::clone(&self.processes));
        tokio::spawn(async move { relay::serve(channel, handle, &processes).await });
        Ok(())
    }
}
