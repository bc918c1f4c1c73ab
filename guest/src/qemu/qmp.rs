//! QEMU's control connection: JSON lines, one answer for each command, with events in between.

use crate::wait::Wait;
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// The longest line that QEMU may send.
const LINE_LEN_MAX: usize = 1 << 20;

/// The control connection of one QEMU.
pub(crate) struct Qmp {
    stream: UnixStream,
    received: Vec<u8>,
    /// The id of the last command.
    last_id: u64,
}

impl Qmp {
    /// Waits for QEMU's greeting and negotiates capabilities.
    pub(super) fn open(stream: UnixStream, wait: &Wait) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let mut qmp = Self { stream, received: Vec::new(), last_id: 0 };
        let greeting = qmp.read_line(wait)?;
        if greeting.get("QMP").is_none() {
            return Err(io::Error::other(format!(
                "QEMU sent an unexpected greeting: `{greeting}`"
            )));
        }
        qmp.execute("qmp_capabilities", json!({}), wait)?;
        Ok(qmp)
    }

    /// Sends a command and waits for its answer.
    pub(super) fn execute(
        &mut self,
        command: &str,
        arguments: Value,
        wait: &Wait,
    ) -> io::Result<Value> {
        self.last_id += 1;
        let request = json!({ "execute": command, "arguments": arguments, "id": self.last_id });
        let text = request.to_string() + "\n";
        // Does not block: a command is far smaller than the socket's buffer.
        self.stream.write_all(text.as_bytes())?;
        loop {
            let mut line = self.read_line(wait)?;
            // The late answer to an earlier command that timed out.
            if line.get("id").is_some_and(|id| id.as_u64() != Some(self.last_id)) {
                continue;
            }
            if let Some(error) = line.get("error") {
                return Err(io::Error::other(format!("QEMU refuses `{command}`: {error}")));
            }
            if line.get("return").is_some() {
                return Ok(line["return"].take());
            }
        }
    }

    /// The next line; events are lines too.
    fn read_line(&mut self, wait: &Wait) -> io::Result<Value> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                return serde_json::from_slice(&line).map_err(io::Error::other);
            }
            if self.received.len() > LINE_LEN_MAX {
                return Err(io::Error::other("QEMU sent a line that is too long"));
            }
            wait.until_ready(self.stream.as_raw_fd(), libc::POLLIN)?;
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.received.extend_from_slice(&piece[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn answered(answer: &[u8]) -> io::Result<Value> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(answer).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let wait = Wait::uninterrupted(Duration::from_secs(1));
        Qmp::open(ours, &wait)?.execute("query-status", json!({}), &wait)
    }

    #[test]
    fn events_before_an_answer_are_skipped() {
        let answer = b"{\"QMP\": {}}\n{\"return\": {}}\n{\"event\": \"RESUME\"}\r\n{\"return\": {\"status\": \"running\"}}\r\n";
        assert_eq!(answered(answer).unwrap()["status"], "running");
    }

    #[test]
    fn late_answer_to_an_earlier_command_is_skipped() {
        let answer = b"{\"QMP\": {}}\n{\"return\": {}, \"id\": 1}\n{\"return\": {\"status\": \"late\"}, \"id\": 1}\n{\"return\": {\"status\": \"running\"}, \"id\": 2}\n";
        assert_eq!(answered(answer).unwrap()["status"], "running");
    }

    #[test]
    fn refusals_and_torn_answers_are_errors() {
        let refusal = b"{\"QMP\": {}}\n{\"return\": {}}\n{\"error\": {\"desc\": \"no\"}}\n";
        assert!(answered(refusal).unwrap_err().to_string().contains("refuses `query-status`"));
        let torn = answered(b"{\"QMP\": {}}\n{\"return\": {}}\n{\"ret").unwrap_err();
        assert_eq!(torn.kind(), io::ErrorKind::UnexpectedEof);
        assert!(
            answered(b"{\"hello\": 1}\n").unwrap_err().to_string().contains("unexpected greeting")
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = answered(&bytes);
        }
    }
}
