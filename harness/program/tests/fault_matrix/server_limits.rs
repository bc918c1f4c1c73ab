//! Limits of SSH servers and of their accounts: they are met, or named.

use crate::run::{check_and_complete, plan};
use sevbench_testing::{Lab, Options, Sshd, count_faults, skip};
use std::fs;

/// Further lines of the server's configuration, and what the message says where it prevents a run.
const LIMITS: [(&str, Option<&str>); 13] = [
    ("MaxSessions 1", None),
    ("MaxAuthTries 1", None),
    ("MaxStartups 1:100:1", None),
    ("PerSourceMaxStartups 1", None),
    ("LoginGraceTime 5", None),
    ("ClientAliveInterval 1\nClientAliveCountMax 2", None),
    ("RekeyLimit 16K", None),
    ("RekeyLimit default 1", None),
    ("UnusedConnectionTimeout 2", None),
    ("DisableForwarding yes\nPermitTTY no", None),
    ("ChannelTimeout session=2", None),
    ("MaxSessions 0", Some("MaxSessions")),
    ("ForceCommand internal-sftp", Some("This service allows sftp connections only")),
];

#[test]
fn limits_of_servers_are_met_or_named() {
    let control = match Sshd::start(&Options::default()) {
        Ok(sshd) => sshd,
        Err(reason) => return skip(reason),
    };
    // An account whose files are small.
    let script = tempfile::NamedTempFile::new().unwrap();
    fs::write(&script, "ulimit -f 64\neval \"$SSH_ORIGINAL_COMMAND\"\n").unwrap();
    let small_files = format!("ForceCommand sh {}", script.path().display());
    let small_files = (small_files.as_str(), Some("File size limit exceeded"));
    for (limit, message) in LIMITS.into_iter().chain([small_files]) {
        let options = Options { configuration: limit.into(), ..Options::default() };
        let Ok(limited) = Sshd::start(&options) else { return };
        let lab = Lab::new();
        let (control, treatment) =
            (control.address("").to_string(), format!("other={}", limited.address("")));
        let arms = ["--control", &control, "--treatment", &treatment];
        let ran = lab.run(&plan("2", &arms));
        match message {
            None => ran.expect(0, &["trials/spin"]),
            Some(message) => ran.expect(1, &[message]),
        }
        if message.is_none() {
            check_and_complete(&lab, limit, &ran);
        }
    }
    count_faults(LIMITS.len() + 1, "limits of servers met or named");
}
