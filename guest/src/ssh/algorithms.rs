//! Which algorithms a server offers. libssh2 does not say which were missing when a handshake fails
//! for want of a common one, so the server's first message is read again, on another connection.

use crate::wait::Wait;
use ssh2::{MethodType, Session};
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

const GREETING: &[u8] = b"SSH-2.0-sevbench\r\n";
/// The most that is read.
const LEN_MAX: usize = 64 << 10;
/// The number of the message that lists the algorithms, and the length of the cookie after it.
const KEXINIT: u8 = 20;
const COOKIE_LEN: usize = 16;

/// A choice that client and server must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgorithmKind {
    /// How they agree on keys.
    KeyExchange,
    /// How the server proves who it is.
    HostKey,
    /// How they encrypt.
    Cipher,
    /// How they authenticate messages.
    Mac,
}

impl AlgorithmKind {
    /// The setting of sshd_config that lists the server's.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::KeyExchange => "KexAlgorithms",
            Self::HostKey => "HostKeyAlgorithms",
            Self::Cipher => "Ciphers",
            Self::Mac => "MACs",
        }
    }
}

impl fmt::Display for AlgorithmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyExchange => "key exchange",
            Self::HostKey => "host key type",
            Self::Cipher => "cipher",
            Self::Mac => "MAC",
        })
    }
}

/// The first choice for which client and server have nothing in common.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disagreement {
    pub(super) kind: AlgorithmKind,
    pub(super) ours: Vec<String>,
    pub(super) theirs: Vec<String>,
}

/// The kinds in the order of the server's lists. For ciphers and MACs, only client to server is
/// compared.
const LISTS: [(AlgorithmKind, MethodType, usize); 4] = [
    (AlgorithmKind::KeyExchange, MethodType::Kex, 0),
    (AlgorithmKind::HostKey, MethodType::HostKey, 1),
    (AlgorithmKind::Cipher, MethodType::CryptCs, 2),
    (AlgorithmKind::Mac, MethodType::MacCs, 4),
];
const LISTS_LEN: usize = 6;

/// The first kind of algorithm that `session` and the server at the other end of `stream` do not
/// share; `None` if they share all, or if the server's lists cannot be read.
pub(super) fn disagreement(
    session: &Session,
    mut stream: impl Read + Write + AsRawFd,
    wait: &Wait,
) -> Option<Disagreement> {
    let lists = read_lists(&mut stream, wait).ok().flatten()?;
    LISTS.into_iter().find_map(|(kind, method, place)| {
        let ours = session.supported_algs(method).ok()?;
        let theirs = lists.get(place)?;
        let is_common = theirs.iter().any(|name| ours.contains(&name.as_str()));
        (!is_common).then(|| Disagreement {
            kind,
            ours: ours.into_iter().map(str::to_owned).collect(),
            theirs: theirs.clone(),
        })
    })
}

fn read_lists(
    stream: &mut (impl Read + Write + AsRawFd),
    wait: &Wait,
) -> io::Result<Option<Vec<Vec<String>>>> {
    stream.write_all(GREETING)?;
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    while read.len() < LEN_MAX {
        wait.until_ready(stream.as_raw_fd(), libc::POLLIN)?;
        match stream.read(&mut piece)? {
            0 => break,
            len => read.extend_from_slice(&piece[..len]),
        }
        if let Some(lists) = parse(&read) {
            return Ok(Some(lists));
        }
    }
    Ok(None)
}

/// The lists of algorithms in what a server says first; `None` if it is not complete.
fn parse(said: &[u8]) -> Option<Vec<Vec<String>>> {
    let mut rest = said;
    // Other lines may come before the greeting.
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, after) = rest.split_at(end + 1);
        rest = after;
        if line.starts_with(b"SSH-") {
            break;
        }
    }
    let mut packet = take_text(&mut rest)?;
    take(&mut packet, 1)?; // The length of the padding.
    if take(&mut packet, 1)? != [KEXINIT] {
        return None;
    }
    take(&mut packet, COOKIE_LEN)?;
    let mut list = || {
        let names = String::from_utf8_lossy(take_text(&mut packet)?);
        Some(names.split(',').map(sevbench_text::escaped).collect())
    };
    (0..LISTS_LEN).map(|_| list()).collect()
}

/// Takes a length-prefixed string.
fn take_text<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take(from, 4)?.try_into().map(u32::from_be_bytes).ok()?;
    take(from, usize::try_from(len).ok()?)
}

fn take<'a>(from: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(len)?;
    *from = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    fn said(lists: &[&str]) -> Vec<u8> {
        let mut payload = vec![4, KEXINIT];
        payload.extend([7; COOKIE_LEN]);
        for list in lists {
            payload.extend((list.len() as u32).to_be_bytes());
            payload.extend(list.as_bytes());
        }
        let mut said = b"welcome\r\nSSH-2.0-x\r\n".to_vec();
        said.extend((payload.len() as u32).to_be_bytes());
        said.extend(payload);
        said
    }

    #[test]
    fn lists_are_read() {
        let whole = said(&["a,b", "c", "d", "e", "", "f"]);
        let lists = parse(&whole).unwrap();
        assert_eq!(lists[..2], [vec!["a".to_owned(), "b".into()], vec!["c".into()]]);
        assert_eq!(parse(&said(&["a"])), None);
        assert!((0..whole.len()).all(|len| parse(&whole[..len]).is_none()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, at in 0..60_usize, to: u8) {
            let _ = parse(&[b"SSH-2.0\n", bytes.as_slice()].concat());
            let mut damaged = said(&["a", "b", "c", "d", "e", "f"]);
            damaged[at] = to;
            let _ = parse(&damaged);
        }
    }
}
