//! Reads known_hosts files and compares names as OpenSSH does. Knows nothing about connections.

use super::error::SshError;
use crate::account::expand_tilde;
use crate::regular_file::read_regular;
use russh::keys::ssh_key::PublicKey;
use russh::keys::{PublicKeyBase64, parse_public_key_base64};
use ssh2::{CheckResult, KnownHostFileKind, Session};
use std::io;
use std::path::{Path, PathBuf};

/// The file that ssh makes.
const USUAL: &str = "~/.ssh/known_hosts";

/// The longest known_hosts file.
const FILE_LEN_MAX: u64 = 16 << 20;

/// How a hashed name starts.
const HASHED: &str = "|1|";

/// The port that known_hosts files omit.
const DEFAULT_PORT: u16 = 22;

/// What known_hosts files say about one host.
pub(super) struct Known {
    /// Keys of the host at this port.
    keys: Vec<(PublicKey, PathBuf)>,
    /// Keys of the host without a port, if the port is not the default one.
    keys_of_any_port: Vec<(PublicKey, PathBuf)>,
    /// As base64.
    revoked: Vec<(String, PathBuf)>,
    /// The file with a certificate authority of the host.
    authority: Option<PathBuf>,
    /// The name in the files: `[host]:port`, or only the host for port 22.
    pub(super) name: String,
    host: String,
    /// The file in which the user would fix it.
    pub(super) path: PathBuf,
}

/// The known_hosts files for a host.
#[derive(Clone, Copy)]
pub(crate) struct KnownHostsFiles<'a> {
    /// The one that the address names, which must exist. It replaces the user's.
    pub(crate) named: Option<&'a Path>,
    /// The user's.
    pub(crate) users: &'a [PathBuf],
    /// The system's.
    pub(crate) system: &'a [PathBuf],
    /// The name of the host in the files, if it is not that of host and port.
    pub(crate) alias: Option<&'a str>,
}

/// What known_hosts files say about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyStatus {
    Known,
    Unknown,
    /// Only a certificate authority of the host is known, and libssh2 cannot check certificates.
    Certified,
    Changed,
    Revoked,
}

impl Known {
    /// Reads the files.
    pub(super) fn read(
        session: &Session,
        files: &KnownHostsFiles<'_>,
        (host, port): (&str, u16),
    ) -> Result<Self, SshError> {
        let first = files.named.or_else(|| files.users.first().map(PathBuf::as_path));
        let first = first.map_or_else(|| expand_tilde(USUAL), Path::to_path_buf);
        let mut known = match files.alias {
            // As in OpenSSH, an alias stands for host and port.
            Some(alias) => Self::nothing((alias, DEFAULT_PORT), first),
            None => Self::nothing((host, port), first),
        };
        if let Some(path) = files.named {
            known.add_file(session, path, false)?;
        }
        let users = if files.named.is_none() { files.users } else { &[] };
        for path in users.iter().chain(files.system) {
            known.add_file(session, path, true)?;
        }
        Ok(known)
    }

    fn nothing((host, port): (&str, u16), path: PathBuf) -> Self {
        let host = host.to_ascii_lowercase();
        let name = if port == DEFAULT_PORT { host.clone() } else { format!("[{host}]:{port}") };
        let (keys, keys_of_any_port, revoked) = <_>::default();
        Self { keys, keys_of_any_port, revoked, authority: None, name, host, path }
    }

    fn add_file(
        &mut self,
        session: &Session,
        path: &Path,
        may_be_absent: bool,
    ) -> Result<(), SshError> {
        match read_regular(path, FILE_LEN_MAX + 1) {
            Ok(bytes) if bytes.len() as u64 > FILE_LEN_MAX => {
                let source = io::ErrorKind::FileTooLarge.into();
                return Err(SshError::KnownHosts { path: path.into(), source });
            }
            Ok(bytes) => self.add_text(session, &bytes, path),
            Err(error) if may_be_absent && error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(SshError::KnownHosts { path: path.into(), source }),
        }
        Ok(())
    }

    fn add_text(&mut self, session: &Session, bytes: &[u8], path: &Path) {
        for line in String::from_utf8_lossy(bytes).lines().map(str::trim) {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("@revoked") => {
                    let key = words.nth(2).map(|key| (key.to_owned(), path.to_owned()));
                    self.revoked.extend(key);
                }
                Some("@cert-authority") => {
                    let is_about =
                        |patterns| matches(patterns, &self.name) || matches(patterns, &self.host);
                    if words.next().is_some_and(is_about) {
                        self.authority = Some(path.into());
                    }
                }
                Some(first) if !first.starts_with(['#', '@']) => {
                    self.add_line(session, line, first, path)
                }
                _ => {}
            }
        }
    }

    /// Takes the line's key if the line matches the host. Each line is parsed separately, since one
    /// that libssh2 does not understand must not hide the others.
    fn add_line(&mut self, session: &Session, line: &str, patterns: &str, path: &Path) {
        let Ok(mut entries) = session.known_hosts() else { return };
        let line = line.replacen(patterns, &self.expand(patterns), 1);
        if entries.read_str(&line, KnownHostFileKind::OpenSSH).is_err() {
            return;
        }
        let first = entries.hosts().unwrap_or_default().into_iter().next();
        let Some(key) = first.and_then(|entry| parse_public_key_base64(entry.key()).ok()) else {
            return;
        };
        let blob = key.public_key_bytes();
        let is_about = |name: &str| matches!(entries.check(name, &blob), CheckResult::Match);
        if is_about(&self.name) {
            self.keys.push((key, path.into()));
        } else if is_about(&self.host) {
            self.keys_of_any_port.push((key, path.into()));
        }
    }

    /// Replaces names and patterns that match with the host's own name. libssh2 supports no
    /// patterns, and tells upper case from lower case.
    fn expand(&self, patterns: &str) -> String {
        if patterns.starts_with(HASHED) {
            return patterns.to_owned();
        }
        match [&self.name, &self.host].into_iter().find(|name| matches(patterns, name)) {
            Some(name) => name.clone(),
            None if patterns.contains(['*', '?', '!']) => "-".into(),
            None => patterns.to_owned(),
        }
    }

    /// What the files say about this key.
    pub(super) fn check(&self, key: &PublicKey) -> KeyStatus {
        let is_in =
            |keys: &[(PublicKey, _)]| keys.iter().any(|known| known.0.key_data() == key.key_data());
        if self.revocation(key).is_some() {
            KeyStatus::Revoked
        } else if is_in(&self.keys) {
            KeyStatus::Known
        } else if !self.keys.is_empty() {
            KeyStatus::Changed
        } else if is_in(&self.keys_of_any_port) {
            // As in OpenSSH, an entry without a port confirms a key for every port, but contradicts
            // none.
            KeyStatus::Known
        } else if self.authority.is_some() {
            KeyStatus::Certified
        } else {
            KeyStatus::Unknown
        }
    }

    /// The file to look at after this status.
    pub(super) fn file(&self, status: KeyStatus, key: &PublicKey) -> &Path {
        let file = match status {
            KeyStatus::Revoked => self.revocation(key),
            KeyStatus::Changed => self.keys.first().map(|(_, path)| path),
            KeyStatus::Certified => self.authority.as_ref(),
            KeyStatus::Known | KeyStatus::Unknown => None,
        };
        file.unwrap_or(&self.path)
    }

    fn revocation(&self, key: &PublicKey) -> Option<&PathBuf> {
        let key = key.public_key_base64();
        self.revoked.iter().find(|(revoked, _)| *revoked == key).map(|(_, path)| path)
    }

    /// Whether a key for this algorithm is known. An RSA key serves three algorithms.
    pub(super) fn has_type(&self, algorithm: &str) -> bool {
        let keys = if self.keys.is_empty() { &self.keys_of_any_port } else { &self.keys };
        keys.iter().any(|(key, _)| match key.algorithm().as_str() {
            "ssh-rsa" => matches!(algorithm, "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512"),
            known => known == algorithm,
        })
    }
}

/// Whether a name matches at least one pattern of a list, and no negated one.
fn matches(patterns: &str, name: &str) -> bool {
    let mut matched = false;
    for pattern in patterns.to_ascii_lowercase().split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if is_match(pattern.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => matched |= is_match(pattern.as_bytes(), name.as_bytes()),
        }
    }
    matched
}

/// Shell-like matching: `*` is any text, `?` any character. It only ever goes back to the last `*`.
fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut back = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match back {
                Some((star, from)) => {
                    back = Some((star, from + 1));
                    (p, n) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// What the text of a known_hosts file says about a key.
#[cfg(any(test, fuzzing))]
pub(crate) fn key_status_in(text: &[u8], of: (&str, u16), key: &PublicKey) -> KeyStatus {
    let session = Session::new().expect("a session needs only memory");
    let mut known = Known::nothing(of, PathBuf::new());
    known.add_text(&session, text, Path::new("known_hosts"));
    known.check(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_openssh() {
        assert!(matches("*.example.com", "a.example.com"));
        assert!(!matches("*.example.com", "example.com"));
        assert!(!matches("*.example.com,!a.example.com", "a.example.com"));
        assert!(matches("[10.0.0.?]:22*", "[10.0.0.7]:2222"));
        assert!(matches("*a*b*", "xaxxb"));
        assert!(!matches("", "a"));
        assert!(matches("HOST*", "host1"));
        assert!(!matches("*,!HOST", "host"));
    }
}
