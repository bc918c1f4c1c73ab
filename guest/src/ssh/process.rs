//! A process in a guest, as a byte stream with a deadline.

use super::ending::Ending;
use super::error::SshError;
use super::waiter::Waiter;
use crate::escape;
use crate::wait::Wait;
use sevbench_process::Tail;
use ssh2::{BlockDirections, Channel};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// How long to wait for the end of a process once its output has ended.
const ENDING_LIMIT: Duration = Duration::from_secs(2);

/// How much output is discarded while waiting for the end of a process.
const REST_LEN_MAX: usize = 64 << 20;

/// How much is read from standard error at once.
const PIECE_LEN: usize = 4096;

/// A process in a guest. Reads come from its standard output, writes go to its standard input;
/// standard error is kept separately. Dropping it closes its input and its output.
pub struct RemoteProcess {
    channel: Channel,
    waiter: Waiter,
    stderr: Tail,
    is_input_closed: bool,
    /// What [`RemoteProcess::write_later`] was given and the socket has not taken.
    unsent: Vec<u8>,
    /// The path of the shipped executable, if that was started.
    pub(super) executable: Option<String>,
}

impl RemoteProcess {
    pub(super) fn new(channel: Channel, waiter: Waiter) -> Self {
        let (stderr, unsent) = (Tail::default(), Vec::new());
        Self { channel, waiter, stderr, is_input_closed: false, unsent, executable: None }
    }

    /// Reads and writes after the deadline fail with [`io::ErrorKind::TimedOut`].
    pub const fn set_deadline(&mut self, deadline: Instant) {
        self.waiter.wait.deadline = deadline;
    }

    /// The end of standard error, up to 16 KiB, with control characters escaped.
    pub fn stderr_tail(&self) -> String {
        escape::for_terminal(&self.stderr.text())
    }

    /// Answers the server's keep-alive requests, without waiting. Call it now and then while the
    /// process is silent: a server that checks whether its clients are alive disconnects one that
    /// never answers.
    ///
    /// # Errors
    /// If the connection broke.
    pub fn keep_alive(&mut self) -> io::Result<()> {
        self.send_unsent()?;
        // Not while a packet is half sent: reading may send a packet of its own.
        if self.unsent.is_empty() { self.drain_stderr().map(drop) } else { Ok(()) }
    }

    /// Writes without waiting. What the connection does not take now is sent before whatever is
    /// written next, or by [`RemoteProcess::keep_alive`].
    ///
    /// # Errors
    /// If the connection broke.
    pub fn write_later(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.unsent.extend(bytes);
        self.send_unsent()
    }

    fn send_unsent(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.channel.write(&self.unsent) {
                Ok(0) => break,
                Ok(len) => drop(self.unsent.drain(..len)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads like [`Read::read`]. Until there is something to read, it calls `while_waiting`
    /// several times a second.
    ///
    /// # Errors
    /// If the connection broke or the deadline passed.
    pub fn read_while(
        &mut self,
        buf: &mut [u8],
        while_waiting: &mut dyn FnMut(),
    ) -> io::Result<usize> {
        loop {
            match self.channel.read(buf) {
                Ok(0) if !buf.is_empty() && !self.channel.eof() => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            while_waiting();
            self.wait()?;
        }
    }

    /// Closes all streams and waits, for up to 2 s, until the server has closed its side too. A
    /// server with `MaxSessions 1` allows no other process before.
    pub fn close(&mut self) {
        self.waiter.wait = Wait::uninterrupted(ENDING_LIMIT);
        let Self { channel, waiter, .. } = self;
        // Best effort: if the connection is gone, so is the process's input.
        waiter.until_done(|| channel.close()).ok();
        waiter.until_done(|| channel.wait_close()).ok();
    }

    /// Closes the process's standard input.
    ///
    /// # Errors
    /// If the connection broke or the deadline passed.
    pub fn close_input(&mut self) -> io::Result<()> {
        let Self { channel, waiter, is_input_closed, .. } = self;
        if !*is_input_closed {
            waiter.until_done(|| channel.send_eof())?;
            *is_input_closed = true;
        }
        Ok(())
    }

    /// How the process ended. Closes its input, discards its output, and waits up to 2 s,
    /// regardless of the deadline and of cancellation.
    pub fn ending(&mut self) -> Ending {
        self.waiter.wait = Wait::uninterrupted(ENDING_LIMIT);
        self.try_ending().unwrap_or(Ending::ConnectionLost)
    }

    /// Why the guest could not run the shipped executable, if that is how the process ended. Waits
    /// like [`RemoteProcess::ending`].
    pub fn cannot_run(&mut self) -> Option<SshError> {
        let path = self.executable.clone()?;
        match self.ending() {
            Ending::Exited(126 | 127) => {
                Some(SshError::CannotRun { path, reason: self.stderr_tail() })
            }
            _ => None,
        }
    }

    fn try_ending(&mut self) -> io::Result<Ending> {
        // If the process is gone, its input cannot be closed, and need not be.
        self.close_input().ok();
        let mut rest = [0; PIECE_LEN];
        let mut len_left = REST_LEN_MAX;
        loop {
            match self.read(&mut rest)? {
                0 => break,
                len => len_left = len_left.checked_sub(len).ok_or(io::ErrorKind::FileTooLarge)?,
            }
        }
        let Self { channel, waiter, .. } = self;
        waiter.until_done(|| channel.wait_close())?;
        match channel.exit_signal().ok().and_then(|signal| signal.exit_signal) {
            Some(name) => Ok(Ending::Signalled(name)),
            None => Ok(Ending::Exited(channel.exit_status()?)),
        }
    }

    /// Reads the available standard error, which would otherwise fill the channel's window. Returns
    /// whether there was any.
    fn drain_stderr(&mut self) -> io::Result<bool> {
        let mut piece = [0; PIECE_LEN];
        let mut any = false;
        loop {
            match self.channel.stderr().read(&mut piece) {
                Ok(0) => return Ok(any),
                Ok(len) => self.stderr.push(&piece[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(any),
                Err(error) => return Err(error),
            }
            any = true;
        }
    }

    /// Waits until more can be written.
    fn wait_to_write(&mut self) -> io::Result<()> {
        // The process no longer reads, and libssh2 would wait for a window that never opens.
        if self.channel.eof() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match self.waiter.session.block_directions() {
            BlockDirections::Outbound | BlockDirections::Both => self.waiter.wait(),
            // Not while a packet is half sent: reading may send a packet of its own.
            BlockDirections::Inbound | BlockDirections::None => self.wait(),
        }
    }

    /// Waits for the socket, unless standard error held data that may have blocked the channel.
    fn wait(&mut self) -> io::Result<()> {
        if self.drain_stderr()? { Ok(()) } else { self.waiter.wait() }
    }
}

impl Read for RemoteProcess {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_while(buf, &mut || ())
    }
}

impl Write for RemoteProcess {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        loop {
            self.send_unsent()?;
            if self.unsent.is_empty() {
                match self.channel.write(buf) {
                    Ok(0) if buf.is_empty() => return Ok(0),
                    Ok(0) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result,
                }
            }
            self.wait_to_write()?;
        }
    }

    /// Nothing is buffered. (libssh2's own flush discards received data.)
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for RemoteProcess {
    fn drop(&mut self) {
        // Closes the input first. Best effort: if the connection is gone, so is the process's
        // input.
        self.channel.close().ok();
    }
}
