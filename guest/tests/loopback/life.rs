//! A loopback guest leaves nothing behind, and never outlives its parent.

use crate::HOLD;
use crate::support::*;
use sevbench_guest::{Address, Ending, Guest, RemoteProcess, Shipped};
use sevbench_testing::{children_of, eventually, is_alive, signal};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The only child of this process.
pub(crate) fn server_pid() -> u32 {
    let children: Vec<u32> =
        children_of(std::process::id()).into_iter().filter(|&pid| is_alive(pid)).collect();
    assert_eq!(children.len(), 1, "{children:?}");
    children[0]
}

/// The server's folder: the working folder of its children.
fn home_of(pid: u32) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/cwd")).unwrap()
}

fn is_home(path: &Path) -> bool {
    path.file_name().unwrap().to_str().unwrap().starts_with("sevbench-loopback-")
}

/// A guest with a busy process: also the process numbers of the server and the process, and the
/// folder.
pub(crate) fn busy_guest() -> (Guest, RemoteProcess, u32, u32, PathBuf) {
    let mut guest = started(&Address::Loopback);
    let mut process = spawn_in_place(&mut guest, &[SPIN]);
    let pid = read_line(&mut process).parse().unwrap();
    let home = home_of(pid);
    assert!(is_home(&home), "{}", home.display());
    assert_eq!(mode(&home), 0o700);
    (guest, process, server_pid(), pid, home)
}

#[track_caller]
fn assert_gone(server: u32, pid: u32, home: &Path) {
    assert!(!is_alive(server) && !is_alive(pid) && !home.exists());
}

pub(crate) fn shut_down_leaves_nothing() -> CaseResult {
    let (guest, _process, server, pid, home) = busy_guest();
    let start = Instant::now();
    guest.shut_down().unwrap();
    assert_gone(server, pid, &home);
    println!("  shut down in {:.0?}", start.elapsed());
    Ok(())
}

pub(crate) fn drop_leaves_nothing() -> CaseResult {
    let (guest, process, server, pid, home) = busy_guest();
    drop(guest);
    assert_gone(server, pid, &home);
    drop(process);
    Ok(())
}

pub(crate) fn a_stopped_server_is_killed() -> CaseResult {
    let (guest, _process, server, pid, home) = busy_guest();
    signal(server, libc::SIGSTOP);
    guest.shut_down().unwrap();
    eventually("its process is gone", || !is_alive(pid));
    assert_gone(server, pid, &home);
    Ok(())
}

pub(crate) fn killed_parent_leaves_nothing() -> CaseResult {
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .arg(HOLD)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = read_line(parent.stdout.as_mut().unwrap());
    let (server, pid) = line.split_once(' ').unwrap();
    let (server, pid) = (server.parse().unwrap(), pid.parse().unwrap());
    let home = home_of(pid);
    assert!(is_alive(server) && is_alive(pid) && is_home(&home));
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the server is gone", || !is_alive(server));
    assert_gone(server, pid, &home);
    Ok(())
}

pub(crate) fn killed_server_is_a_lost_connection() -> CaseResult {
    let (guest, mut process, server, pid, home) = busy_guest();
    signal(server, libc::SIGKILL);
    process.set_deadline(Instant::now() + Duration::from_secs(10));
    assert!(!matches!(process.read(&mut [0; 10]), Ok(1..)));
    assert_eq!(process.ending(), Ending::ConnectionLost);
    eventually("its process is gone", || !is_alive(pid));
    guest.shut_down().unwrap();
    assert_gone(server, pid, &home);
    Ok(())
}

/// A process is found even after it has left its group and its session.
pub(crate) fn orphans_end_with_the_guest() -> CaseResult {
    let mut guest = started(&Address::Loopback);
    let shell = Shipped { path: "/bin/sh".into(), uploaded: false };
    let script = "setsid sh -c 'echo $$; exec sleep 1000' & wait $!";
    let mut process = guest.spawn(&shell, &["-c", script]).unwrap();
    let pid = read_line(&mut process).parse().unwrap();
    assert!(is_alive(pid));
    guest.shut_down().unwrap();
    assert!(!is_alive(pid));
    Ok(())
}

pub(crate) fn closed_channel_ends_the_process() -> CaseResult {
    let (guest, process, _, pid, _) = busy_guest();
    drop(process);
    eventually("the process is gone", || !is_alive(pid));
    guest.shut_down().unwrap();
    Ok(())
}

pub(crate) fn idle_server_uses_no_cpu() -> CaseResult {
    let (_guest, _process, server, _, _) = busy_guest();
    let ticks = || -> u64 {
        let stat = fs::read_to_string(format!("/proc/{server}/stat")).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let switches = || fs::read_to_string(format!("/proc/{server}/status")).unwrap();
    let voluntary = |status: String| -> u64 {
        let line = status.lines().find(|line| line.starts_with("voluntary")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    // On a busy machine it may take a while until it is idle.
    let is_idle = |_| {
        std::thread::sleep(Duration::from_millis(50));
        let before = (ticks(), voluntary(switches()));
        std::thread::sleep(Duration::from_secs(1));
        before == (ticks(), voluntary(switches()))
    };
    assert!((0..10).any(is_idle), "it ticks or wakes up in every second");
    Ok(())
}
