//! The first exchange with a QEMU: version, forwarded port, pins, and the start of its CPUs.

use super::launch::Launch;
use super::pins::pin_threads;
use super::qmp::Qmp;
use crate::escape;
use crate::wait::Wait;
use serde_json::{Value, json};
use std::io;
use std::os::unix::net::UnixStream;

/// A QEMU that has answered.
pub(super) struct Opened {
    pub(super) control: Qmp,
    pub(super) version: String,
    pub(super) query_sev: Option<String>,
    pub(super) port: u16,
}

/// Asks QEMU for what is recorded, pins its threads, and starts its CPUs.
pub(super) fn open(
    stream: UnixStream,
    process: u32,
    launch: &Launch<'_>,
    wait: &Wait,
) -> io::Result<Opened> {
    let mut control = Qmp::open(stream, wait)?;
    let version = control.execute("query-version", json!({}), wait)?;
    let port = forwarded_port(&mut control, wait)?;
    pin_threads(&mut control, process, &launch.machine.settings, wait)?;
    control.execute("cont", json!({}), wait)?;
    // The launch of a protected guest completes when its CPUs start.
    let query_sev = match launch.machine.treatment.protection() {
        Some(_) => Some(control.execute("query-sev", json!({}), wait)?.to_string()),
        None => None,
    };
    Ok(Opened { control, version: version_number(&version), query_sev, port })
}

fn version_number(version: &Value) -> String {
    let number = |part: &str| version["qemu"][part].as_u64().unwrap_or_default();
    format!("{}.{}.{}", number("major"), number("minor"), number("micro"))
}

/// The port on this machine that QEMU forwards to the guest's SSH server.
fn forwarded_port(control: &mut Qmp, wait: &Wait) -> io::Result<u16> {
    let arguments = json!({ "command-line": "info usernet" });
    let text = control.execute("human-monitor-command", arguments, wait)?;
    let text = text.as_str().unwrap_or_default();
    parse_port(text).ok_or_else(|| {
        io::Error::other(format!("no forwarded port in `{}`", escape::for_terminal(text)))
    })
}

/// A line reads `TCP[HOST_FORWARD]  9  127.0.0.1 34651  10.0.2.15  22  0  0`.
fn parse_port(text: &str) -> Option<u16> {
    let line = text.lines().find(|line| line.contains("HOST_FORWARD"))?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "127.0.0.1");
    words.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forwarded_port_is_parsed() {
        let text = "Hub -1 (net):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n  \
                    TCP[HOST_FORWARD]   9       127.0.0.1 34651       10.0.2.15    22     0     0\r\n";
        assert_eq!(parse_port(text), Some(34651));
        assert_eq!(parse_port("Hub -1 (net):\r\n"), None);
    }

    proptest! {
        #[test]
        fn any_output_is_parsed_without_a_panic(text in ".{0,200}") {
            let _ = parse_port(&text);
        }
    }
}
