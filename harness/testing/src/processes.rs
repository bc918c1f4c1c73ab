//! Processes of this machine, as the tests look at them.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Waits up to 30 s until `holds` returns true. Panics with `what` if it never does.
#[track_caller]
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let limit = Duration::from_secs(30);
    let end = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < end, "timed out after {limit:?} waiting until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process is alive. A zombie is not.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

/// The process IDs of its children.
pub fn children_of(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    list.unwrap_or_default().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Sends it a signal.
pub fn signal(pid: u32, signal: i32) {
    // SAFETY: kill takes two numbers.
    assert_eq!(unsafe { libc::kill(pid.try_into().unwrap(), signal) }, 0);
}

/// The processes that have one of these folders in their environment and this argument.
pub(crate) fn processes_of(folders: &[&Path], argument: &str) -> Vec<u32> {
    let is_ours = |file: PathBuf| {
        fs::read(file).is_ok_and(|bytes| {
            folders
                .iter()
                .map(|folder| folder.as_os_str().as_bytes())
                .any(|mark| bytes.windows(mark.len()).any(|part| part == mark))
        })
    };
    let has_argument = |file: PathBuf| {
        fs::read(file).is_ok_and(|bytes| {
            bytes.split(|byte| *byte == 0).any(|part| part == argument.as_bytes())
        })
    };
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let folder = Path::new("/proc").join(pid.to_string());
        is_alive(*pid) && is_ours(folder.join("environ")) && has_argument(folder.join("cmdline"))
    })
    .collect()
}
