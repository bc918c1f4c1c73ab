//! A child that never outlives the value that owns it.

use crate::lifetime::{end_with_parent, start_session};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// The time between two checks whether a child has ended.
const END_INTERVAL: Duration = Duration::from_millis(10);

/// The process group of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// A new group, led by the child. Ctrl-C in the terminal does not reach it. When the child has
    /// ended, for whatever reason, the rest of its group is killed.
    Own,
    /// As [`Group::Own`], in a new session: the child has no terminal, so it asks nobody.
    Session,
    /// The parent's group. Only the child itself is killed.
    Inherited,
}

/// A child process. Dropping it ends the child; the kernel ends it too if the thread that spawned
/// it ends first.
#[derive(Debug)]
pub struct OwnedChild {
    child: Child,
    group: Group,
    grace: Duration,
    status: Option<ExitStatus>,
}

impl OwnedChild {
    /// Spawns a child. It is killed at once when it has to end; with a `grace` above zero it gets
    /// SIGTERM first and that long to clean up.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn spawn(command: &mut Command, group: Group, grace: Duration) -> io::Result<Self> {
        match group {
            Group::Own => {
                command.process_group(0);
            }
            Group::Session => start_session(command),
            Group::Inherited => {}
        }
        end_with_parent(command, if grace.is_zero() { libc::SIGKILL } else { libc::SIGTERM });
        Ok(Self { child: command.spawn()?, group, grace, status: None })
    }

    /// The child's process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child's standard output, if it is a pipe and was not taken before.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The child's standard error, if it is a pipe and was not taken before.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// How the child ended; `None` while it runs.
    ///
    /// # Errors
    /// If the kernel does not say.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() && has_ended(self.child.id())? {
            self.reap();
        }
        Ok(self.status)
    }

    /// Waits up to `limit` for the child to end by itself, and returns whether it has.
    pub fn wait_up_to(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            match self.try_wait() {
                Ok(None) if Instant::now() < deadline => thread::sleep(END_INTERVAL),
                Ok(status) => return status.is_some(),
                Err(_) => return false,
            }
        }
    }

    /// Ends the child, and its group if that is its own. Does nothing if the child has already been
    /// reaped.
    pub fn end(&mut self) {
        if self.status.is_some() {
            return;
        }
        if !self.grace.is_zero() {
            self.signal(libc::SIGTERM);
            if self.wait_up_to(self.grace) {
                return;
            }
        }
        self.reap();
    }

    /// Kills the child and its group, then reaps the child. Its PID cannot be reused before that.
    fn reap(&mut self) {
        self.signal(libc::SIGKILL);
        self.status = self.child.wait().ok();
    }

    fn signal(&self, signal: libc::c_int) {
        match self.group {
            Group::Own | Group::Session => signal_group(self.child.id(), signal),
            Group::Inherited => signal_process(self.child.id(), signal),
        }
    }
}

impl Drop for OwnedChild {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a child of ours has ended. Does not reap it.
fn has_ended(child: u32) -> io::Result<bool> {
    // SAFETY: a siginfo_t of zeros is valid, and is what the kernel leaves if nothing has ended.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the pointer is to a whole structure that outlives the call, which does not keep it.
    match unsafe { libc::waitid(libc::P_PID, child, &raw mut info, options) } {
        // SAFETY: for waitid the kernel fills in the process number, or leaves it zero.
        0 => Ok(unsafe { info.si_pid() } != 0),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends a signal to all processes of a group, named by its leader. A group that is gone is not an
/// error.
pub fn signal_group(leader: u32, signal: libc::c_int) {
    send(leader, signal, |group| -group);
}

fn signal_process(process: u32, signal: libc::c_int) {
    send(process, signal, |process| process);
}

fn send(number: u32, signal: libc::c_int, target: impl Fn(libc::pid_t) -> libc::pid_t) {
    // To kill, 0 and -1 mean our own group and every process.
    if let Some(number) = libc::pid_t::try_from(number).ok().filter(|&number| number > 1) {
        // SAFETY: kill takes two numbers, and reports a process or group that does not exist.
        unsafe { libc::kill(target(number), signal) };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    /// A shell that starts a child of its own, and the number of that grandchild.
    fn shell_with_a_child(trap: &str, group: Group, grace: Duration) -> (OwnedChild, u32) {
        let script = format!("{trap}; sleep 1000 & echo $!; while :; do sleep 0.02; done");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = OwnedChild::spawn(&mut command, group, grace).unwrap();
        let mut line = String::new();
        BufReader::new(child.take_stdout().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().parse().unwrap())
    }

    fn is_alive(process: u32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
    }

    fn ends(process: u32) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while is_alive(process) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        !is_alive(process)
    }

    #[test]
    fn dropping_a_child_kills_its_own_group() {
        let (child, grandchild) = shell_with_a_child(":", Group::Own, Duration::ZERO);
        let process = child.id();
        assert!(is_alive(process) && is_alive(grandchild));
        drop(child);
        assert!(!is_alive(process) && ends(grandchild));
    }

    #[test]
    fn child_in_the_inherited_group_is_killed_alone() {
        let (child, grandchild) = shell_with_a_child(":", Group::Inherited, Duration::ZERO);
        let process = child.id();
        drop(child);
        assert!(!is_alive(process) && is_alive(grandchild));
        signal_process(grandchild, libc::SIGKILL);
    }

    #[test]
    fn child_that_ignores_sigterm_is_killed_after_its_grace() {
        let grace = Duration::from_millis(50);
        let (mut child, grandchild) = shell_with_a_child("trap '' TERM", Group::Own, grace);
        child.end();
        assert!(child.try_wait().unwrap().is_some() && ends(grandchild));
    }

    #[test]
    fn child_with_a_grace_can_clean_up() {
        let grace = Duration::from_secs(60);
        let (mut child, grandchild) = shell_with_a_child("trap 'exit 7' TERM", Group::Own, grace);
        child.end();
        assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(7));
        assert!(ends(grandchild));
    }

    #[test]
    fn group_ends_with_a_child_that_exits_by_itself() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $!"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = OwnedChild::spawn(&mut command, Group::Own, Duration::ZERO).unwrap();
        let mut line = String::new();
        BufReader::new(child.take_stdout().unwrap()).read_line(&mut line).unwrap();
        assert!(child.wait_up_to(Duration::from_secs(60)));
        assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(0));
        assert!(ends(line.trim().parse().unwrap()));
    }

    #[test]
    fn child_ends_with_the_thread_that_spawned_it() {
        let process = thread::spawn(|| {
            let mut command = Command::new("sleep");
            command.arg("1000").stdin(Stdio::null());
            let child = OwnedChild::spawn(&mut command, Group::Own, Duration::ZERO).unwrap();
            let process = child.id();
            std::mem::forget(child);
            process
        });
        let process = process.join().unwrap();
        assert!(ends(process));
        // SAFETY: waitpid takes numbers; a null status is allowed. The child is ours.
        unsafe { libc::waitpid(process as libc::pid_t, std::ptr::null_mut(), 0) };
    }
}
