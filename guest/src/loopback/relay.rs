//! One channel of a connection: a process, its three streams, and its exit status.

use super::processes::Processes;
use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin};

/// How much is read from a process at once.
const PIECE_LEN: usize = 32 << 10;

/// How long a process may continue after its channel was closed.
const CLOSED_GRACE: Duration = Duration::from_secs(2);

/// The extended data type for standard error.
const STDERR: u32 = 1;

/// Waits for a command, runs it, and reports its exit status. Errors here mean that the client is
/// gone.
pub(super) async fn serve(channel: Channel<Msg>, session: Handle, processes: &Processes) {
    let (mut requests, output) = channel.split();
    let id = output.id();
    let Some(command_line) = await_command(&mut requests, &output, &session).await else { return };
    let child = match processes.spawn(&command_line) {
        Ok(child) => child,
        Err(error) => {
            eprintln!("cannot run /bin/sh: {error}");
            session.channel_failure(id).await.ok();
            output.close().await.ok();
            return;
        }
    };
    session.channel_success(id).await.ok();
    let leader = child.id();
    let status = run(child, requests, &output, processes).await;
    if let Some(leader) = leader {
        processes.forget(leader);
    }
    report(status, &output, &session).await;
}

/// The command line to run; `None` if the channel closes without one.
async fn await_command(
    requests: &mut ChannelReadHalf,
    output: &ChannelWriteHalf<Msg>,
    session: &Handle,
) -> Option<Vec<u8>> {
    loop {
        match requests.wait().await? {
            ChannelMsg::Exec { command, .. } => return Some(command),
            ChannelMsg::Close => return None,
            ChannelMsg::Data { .. } | ChannelMsg::Eof | ChannelMsg::WindowAdjusted { .. } => {}
            // No shell, no terminal, no subsystem, no environment.
            _ => session.channel_failure(output.id()).await.ok()?,
        }
    }
}

async fn run(
    mut child: Child,
    requests: ChannelReadHalf,
    output: &ChannelWriteHalf<Msg>,
    processes: &Processes,
) -> Option<ExitStatus> {
    let leader = child.id();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let finished = async {
        tokio::join!(relay(stdout, output, None), relay(stderr, output, Some(STDERR)));
        child.wait().await.ok()
    };
    tokio::select! {
        status = finished => return status,
        () = feed(stdin, requests) => {}
    }
    // The client has closed the channel. Without its streams the process should end by itself.
    if tokio::time::timeout(CLOSED_GRACE, child.wait()).await.is_err() {
        leader.inspect(|&leader| processes.kill(leader));
    }
    child.wait().await.ok()
}

/// Forwards what the client sends until it closes the channel.
async fn feed(mut stdin: Option<ChildStdin>, mut requests: ChannelReadHalf) {
    while let Some(message) = requests.wait().await {
        match (message, &mut stdin) {
            (ChannelMsg::Close, _) => return,
            (ChannelMsg::Eof, _) => stdin = None,
            (ChannelMsg::Data { data }, Some(pipe)) => match pipe.write_all(&data).await {
                Ok(()) => {}
                Err(_) => stdin = None,
            },
            _ => {}
        }
    }
}

/// Forwards what the process writes until it closes the stream.
async fn relay(
    stream: Option<impl AsyncRead + Unpin>,
    output: &ChannelWriteHalf<Msg>,
    extended: Option<u32>,
) {
    let Some(mut stream) = stream else { return };
    let mut piece = vec![0; PIECE_LEN];
    while let Ok(len @ 1..) = stream.read(&mut piece).await {
        let data = piece[..len].to_vec();
        let sent = match extended {
            None => output.data_bytes(data).await,
            Some(kind) => output.extended_data_bytes(kind, data).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn report(status: Option<ExitStatus>, output: &ChannelWriteHalf<Msg>, session: &Handle) {
    if let Some(signal) = status.and_then(|status| status.signal()) {
        let (message, language) = (String::new(), String::new());
        session
            .exit_signal_request(output.id(), signal_name(signal), false, message, language)
            .await
            .ok();
    } else if let Some(code) = status.and_then(|status| status.code()) {
        output.exit_status(code.unsigned_abs()).await.ok();
    }
    output.eof().await.ok();
    output.close().await.ok();
}

/// The signal names of RFC 4254; other signals go by number.
fn signal_name(signal: i32) -> Sig {
    match signal {
        libc::SIGABRT => Sig::ABRT,
        libc::SIGALRM => Sig::ALRM,
        libc::SIGFPE => Sig::FPE,
        libc::SIGHUP => Sig::HUP,
        libc::SIGILL => Sig::ILL,
        libc::SIGINT => Sig::INT,
        libc::SIGKILL => Sig::KILL,
        libc::SIGPIPE => Sig::PIPE,
        libc::SIGQUIT => Sig::QUIT,
        libc::SIGSEGV => Sig::SEGV,
        libc::SIGTERM => Sig::TERM,
        libc::SIGUSR1 => Sig::USR1,
        libc::SIGBUS => Sig::Custom("BUS".into()),
        other => Sig::Custom(other.to_string()),
    }
}
