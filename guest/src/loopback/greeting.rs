//! The line that the server sends its parent: where it listens, its host key, and the folder that
//! it will remove.

use russh::keys::ssh_key::PublicKey;
use std::path::PathBuf;

/// The longest line of either side.
pub(super) const LINE_LEN_MAX: usize = 8 << 10;

const FIRST_WORD: &str = "sevbench-loopback";

/// Where the server listens, its host key, and its private folder.
#[derive(Debug, PartialEq)]
pub(super) struct Greeting {
    pub(super) port: u16,
    pub(super) host_key: PublicKey,
    pub(super) home: PathBuf,
}

impl Greeting {
    /// As one line, without a line feed; `None` if the folder's name does not fit into one.
    pub(super) fn to_line(&self) -> Option<String> {
        let home = self.home.to_str().filter(|home| !home.contains('\n'))?;
        let key = self.host_key.to_openssh().ok()?;
        let mut words = key.split(' ');
        let (algorithm, base64) = (words.next()?, words.next()?);
        let line = format!("{FIRST_WORD} {} {algorithm} {base64} {home}", self.port);
        (line.len() < LINE_LEN_MAX).then_some(line)
    }

    /// None if the line is not a greeting.
    pub(super) fn from_line(line: &str) -> Option<Self> {
        let mut words = line.splitn(5, ' ');
        if words.next()? != FIRST_WORD {
            return None;
        }
        let port = words.next()?.parse().ok()?;
        let key = format!("{} {}", words.next()?, words.next()?);
        let host_key = PublicKey::from_openssh(&key).ok()?;
        Some(Self { port, host_key, home: words.next()?.into() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    proptest! {
        #[test]
        fn greeting_survives_a_round_trip(port: u16, home in "/[^\n\x00]{0,40}") {
            let host_key = PublicKey::from_openssh(KEY).unwrap();
            let greeting = Greeting { port, host_key, home: home.into() };
            prop_assert_eq!(Greeting::from_line(&greeting.to_line().unwrap()), Some(greeting));
        }

        #[test]
        fn garbage_is_not_a_greeting(rest in ".{0,80}") {
            prop_assert_eq!(Greeting::from_line(&rest), None);
            prop_assert_eq!(Greeting::from_line(&format!("{FIRST_WORD} {rest}")), None);
        }
    }

    #[test]
    fn folder_with_a_line_feed_is_refused() {
        let host_key = PublicKey::from_openssh(KEY).unwrap();
        assert_eq!(Greeting { port: 1, host_key, home: "/a\nb".into() }.to_line(), None);
    }
}
