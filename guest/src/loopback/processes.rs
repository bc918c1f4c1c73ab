//! The processes that the server has started, and their descendants. None outlives the server.

use sevbench_process::{end_with_parent, signal_group};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::process::{Child, Command};

/// What OpenSSH's server gives a command in a fresh guest, apart from the user's name and home.
/// Nothing else of this process's environment reaches a body, as nothing would reach it in a guest.
const LOGIN_ENVIRONMENT: [(&str, &str); 2] = [
    ("SHELL", "/bin/sh"),
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
];

/// The maximum number of processes that run at once.
const RUNNING_MAX: usize = 256;

/// How often the shutdown looks for descendants, and the pause in between: 2 s in all.
const SWEEPS_MAX: usize = 1000;
const SWEEP_PAUSE: Duration = Duration::from_millis(2);

/// The running processes, each the leader of its own group.
pub(super) struct Processes {
    home: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_ending: bool,
    leaders: Vec<u32>,
}

impl Processes {
    /// Makes this process adopt its orphaned descendants, so that it can end them too.
    pub(super) fn new(home: &Path) -> io::Result<Self> {
        // SAFETY: this option takes one number and touches no memory.
        if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { home: home.into(), state: Mutex::default() })
    }

    /// Runs a command line in a shell, in the home folder, with pipes. The kernel kills the shell
    /// when the calling thread ends.
    pub(super) fn spawn(&self, command_line: &[u8]) -> io::Result<Child> {
        let mut state = self.lock();
        if state.is_ending || state.leaders.len() >= RUNNING_MAX {
            return Err(io::Error::other(
                "the server is shutting down, or runs too many processes",
            ));
        }
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(OsStr::from_bytes(command_line))
            .current_dir(&self.home)
            .env_clear()
            .envs(LOGIN_ENVIRONMENT)
            .envs(std::env::vars_os().filter(|(name, _)| name == "USER" || name == "LOGNAME"))
            .env("HOME", &self.home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        end_with_parent(command.as_std_mut(), libc::SIGKILL);
        let child = command.spawn()?;
        state.leaders.extend(child.id());
        Ok(child)
    }

    /// Ends a process and what is left of its group.
    pub(super) fn kill(&self, leader: u32) {
        kill_group(leader);
    }

    /// Ends what is left of the group of a process that has been waited for.
    pub(super) fn forget(&self, leader: u32) {
        kill_group(leader);
        self.lock().leaders.retain(|&other| other != leader);
    }

    /// Ends all processes and their descendants. No new ones are started.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.is_ending = true;
        state.leaders.drain(..).for_each(kill_group);
        drop(state);
        // A descendant that left its group becomes our child when its parent dies.
        for _ in 0..SWEEPS_MAX {
            let children = children();
            if children.is_empty() {
                return;
            }
            for child in children {
                // SAFETY: kill and waitpid take numbers; a null status is allowed. The child is
                // ours and has not been waited for, so no other process can have its number.
                unsafe {
                    libc::kill(child, libc::SIGKILL);
                    libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG);
                }
            }
            thread::sleep(SWEEP_PAUSE);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kill_group(leader: u32) {
    signal_group(leader, libc::SIGKILL);
}

/// The children of this process, those of all its threads.
fn children() -> Vec<libc::pid_t> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let numbers = |list: String| -> Vec<libc::pid_t> {
        list.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
    };
    lists.flat_map(numbers).collect()
}
