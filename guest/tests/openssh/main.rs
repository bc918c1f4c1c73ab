//! Guests behind real OpenSSH servers on 127.0.0.1.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

/// A server, or the reason to skip.
macro_rules! sshd {
    ($($field:ident: $value:expr),*) => {{
        #[allow(clippy::needless_update, reason = "of a macro")]
        let options = Options { $($field: $value,)* ..Options::default() };
        Sshd::start(&options)?
    }};
}

mod client_settings;
mod host_key;
mod key;
mod reach;
mod ship;

use sevbench_guest::{Address, Ending};
use sevbench_testing::{Options, Skip, Sshd};
use std::fs::{self, Permissions};
use std::io::Read;
use std::net::{Ipv6Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use support::*;

/// Connects to the given address in the given environment.
pub(crate) const REACH: &str = "--reach";

fn main() -> ExitCode {
    if let (Some(REACH), Some(address)) =
        (std::env::args().nth(1).as_deref(), std::env::args().nth(2))
    {
        match start(&Address::parse(&address).unwrap().0) {
            Ok(_) => say("reached"),
            Err(error) => say(&error.to_string()),
        }
        return ExitCode::SUCCESS;
    }
    play_role().unwrap_or_else(|| {
        run(&[
            ("ship_once_and_echo", ship_once_and_echo),
            ("noise_of_start_up_files", noise_of_start_up_files),
            ("ipv6", ipv6),
            ("host_key_unknown", host_key::host_key_unknown),
            ("host_key_changed", host_key::host_key_changed),
            ("host_key_revoked", host_key::host_key_revoked),
            ("host_key_certified", host_key::host_key_certified),
            ("host_key_of_another_port", host_key::host_key_of_another_port),
            ("host_key_hashed", host_key::host_key_hashed),
            ("host_key_by_pattern", host_key::host_key_by_pattern),
            ("host_key_of_each_type", host_key::host_key_of_each_type),
            ("key_of_each_type", key::key_of_each_type),
            ("key_not_accepted", key::key_not_accepted),
            ("key_that_is_none", key::key_that_is_none),
            ("no_user_in_the_environment", key::no_user_in_the_environment),
            ("key_encrypted_and_in_agent", key::key_encrypted_and_in_agent),
            ("agent_with_many_keys", key::agent_with_many_keys),
            ("agent_that_does_not_answer", key::agent_that_does_not_answer),
            ("certificate_beside_the_key", key::certificate_beside_the_key),
            ("host_alias_from_ssh_config", client_settings::host_alias_from_ssh_config),
            ("address_overrides_ssh_config", client_settings::address_overrides_ssh_config),
            ("host_that_looks_like_an_option", client_settings::host_that_looks_like_an_option),
            ("host_key_alias", client_settings::host_key_alias),
            ("proxy_jump", client_settings::proxy_jump),
            ("proxy_command", client_settings::proxy_command),
            ("silent_proxy_command", client_settings::silent_proxy_command),
            ("agent_that_does_not_sign", client_settings::agent_that_does_not_sign),
            ("known_hosts_of_the_system", client_settings::known_hosts_of_the_system),
            (
                "ignored_settings_are_warned_about",
                client_settings::ignored_settings_are_warned_about,
            ),
            ("no_such_host", reach::no_such_host),
            ("port_refused", reach::port_refused),
            ("silent_server", reach::silent_server),
            ("babbling_server", reach::babbling_server),
            ("no_common_algorithm", reach::no_common_algorithm),
            ("interrupted_connect", reach::interrupted_connect),
            ("data_file", ship::data_file),
            ("no_room", ship::no_room),
            ("no_execution", ship::no_execution),
            ("folder_not_private", ship::folder_not_private),
            ("dynamic_executable", ship::dynamic_executable),
            ("stale_uploads", ship::stale_uploads),
            ("open_default_folder", ship::open_default_folder),
            ("no_posix_shell", ship::no_posix_shell),
            ("connection_lost", reach::connection_lost),
            ("kept_alive_connection", reach::kept_alive_connection),
            ("no_session", reach::no_session),
            ("frozen_guest", reach::frozen_guest),
        ])
    })
}

fn ship_once_and_echo() -> CaseResult {
    let sshd = sshd!();
    let start = Instant::now();
    let mut guest = started(&sshd.address(""));
    println!("  connected after {:.0?}", start.elapsed());
    assert!(guest.host_key_fingerprint().starts_with("SHA256:"));
    let first = guest.ship(&this()).unwrap();
    let second = guest.ship(&this()).unwrap();
    assert_eq!((first.uploaded, second.uploaded), (true, false));
    assert_eq!(first.path, second.path);
    let folder = sshd.path("cache/sevbench");
    assert_eq!(Path::new(&first.path), folder.join(this().sha256));
    assert_eq!((mode(&folder), mode(Path::new(&first.path))), (0o700, 0o700));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left there");
    let mut process = guest.spawn(&first, &[ECHO]).unwrap();
    assert_echoes(&mut process, b"hello");
    let times = (0..500).map(|_| {
        let start = Instant::now();
        assert_echoes(&mut process, &[7; 100]);
        start.elapsed()
    });
    let mut times: Vec<_> = times.collect();
    times.sort();
    println!("  round trip of 100 bytes: median {:.0?}, 95 % {:.0?}", times[250], times[475]);
    process.close_input().unwrap();
    assert_eq!(process.ending(), Ending::Exited(0));
    let mut process = spawn(&mut guest, &[SHOUT]);
    let mut said = String::new();
    process.read_to_string(&mut said).unwrap();
    assert_eq!((said.as_str(), process.ending()), ("done\n", Ending::Exited(0)));
    assert!(process.stderr_tail().ends_with("shout"));
    guest.shut_down().unwrap();

    // Neither a truncated upload nor a changed one of the same length is mistaken for the
    // executable.
    let mut changed = fs::read(&first.path).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for spoiled in [b"cut short".to_vec(), changed] {
        // A file that still runs cannot be written to.
        fs::remove_file(&first.path).unwrap();
        fs::write(&first.path, spoiled).unwrap();
        let mut guest = started(&sshd.address(""));
        assert!(guest.ship(&this()).unwrap().uploaded);
        assert_echoes(&mut spawn(&mut guest, &[ECHO]), b"hello");
    }

    // A link is replaced, and what it leads to is left alone.
    let elsewhere = sshd.path("elsewhere");
    fs::write(&elsewhere, "text").unwrap();
    fs::set_permissions(&elsewhere, Permissions::from_mode(0o640)).unwrap();
    fs::remove_file(&first.path).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &first.path).unwrap();
    let mut guest = started(&sshd.address(""));
    assert!(guest.ship(&this()).unwrap().uploaded);
    assert!(!Path::new(&first.path).is_symlink());
    assert_eq!((mode(&elsewhere), fs::read(&elsewhere).unwrap()), (0o640, b"text".to_vec()));
    Ok(())
}

fn noise_of_start_up_files() -> CaseResult {
    let noise = "ForceCommand echo '@sevbench@ welcome'; printf 'no end'; echo oops >&2; eval \"$SSH_ORIGINAL_COMMAND\"";
    let sshd = sshd!(configuration: noise.into());
    let mut guest = started(&sshd.address(""));
    assert_echoes(&mut spawn(&mut guest, &[ECHO]), b"hello");
    Ok(())
}

fn ipv6() -> CaseResult {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return Err(Skip("this machine has no ::1".into()));
    }
    let sshd = sshd!(address: Ipv6Addr::LOCALHOST.into());
    let mut guest = started(&sshd.address(""));
    assert_echoes(&mut spawn(&mut guest, &[ECHO]), b"hello");
    Ok(())
}
