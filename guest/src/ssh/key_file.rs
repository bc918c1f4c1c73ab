//! A key file: what it holds, and what keeps it from being used. libssh2's errors do not say.

use crate::regular_file::read_regular;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::{Certificate, PublicKey};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The longest key file that is read.
const LEN_MAX: u64 = 64 << 10;

/// A file that holds a key.
#[derive(Debug)]
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    /// The public key, as it is sent; `None` if unknown.
    pub(super) public_key: Option<Vec<u8>>,
    /// The certificate beside it.
    pub(super) certificate: Option<PathBuf>,
    /// The certificate, as it is sent.
    pub(super) certificate_key: Option<Vec<u8>>,
    /// Why it cannot be used without the SSH agent; `None` if it can.
    pub(super) problem: Option<KeyProblem>,
}

/// Why a key file cannot be used.
#[derive(Debug, Error)]
pub(super) enum KeyProblem {
    #[error("there is no such file; name a private key with ?key=PATH")]
    Absent,
    #[error("{0}; name a readable one with ?key=PATH")]
    Unreadable(io::Error),
    #[error("it is not a private key; make one with `ssh-keygen -t ed25519`")]
    NoKey,
    #[error(
        "it is a public key, and the SSH agent does not have its private key; add it with `ssh-add`, \
         or name the private key, without .pub"
    )]
    Public,
    #[error("it is on a security key, which sevbench cannot use; name another key with ?key=PATH")]
    SecurityKey,
    #[error("it is encrypted; add it to the SSH agent with `ssh-add {}`", .0.display())]
    Encrypted(PathBuf),
}

impl KeyFile {
    /// Reads a file. The error is a problem that the SSH agent does not solve.
    pub(super) fn read(path: &Path) -> Result<Self, KeyProblem> {
        let text = match read_regular(path, LEN_MAX) {
            // The private key may be elsewhere, such as on a token behind the SSH agent.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let public_key = public_key_beside(path).ok_or(KeyProblem::Absent)?;
                return Ok(Self::with(path, Some(public_key), Some(KeyProblem::Absent)));
            }
            Err(error) => return Err(KeyProblem::Unreadable(error)),
            Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
        };
        if let Some(public_key) = parse_public(&text) {
            return Ok(Self::with(path, Some(public_key), Some(KeyProblem::Public)));
        }
        if !text.contains("PRIVATE KEY-----") {
            return Err(KeyProblem::NoKey);
        }
        let parsed = PrivateKey::from_openssh(&text).ok();
        // Older formats say so in their headers.
        let is_encrypted = text.contains("ENCRYPTED")
            || parsed.as_ref().is_some_and(|private_key| private_key.is_encrypted());
        let in_file = parsed.and_then(|private_key| private_key.public_key().to_bytes().ok());
        let public_key = in_file.or_else(|| public_key_beside(path));
        let problem = if public_key.as_deref().is_some_and(is_security_key) {
            Some(KeyProblem::SecurityKey)
        } else {
            is_encrypted.then(|| KeyProblem::Encrypted(path.into()))
        };
        Ok(Self::with(path, public_key, problem))
    }

    fn with(path: &Path, public_key: Option<Vec<u8>>, problem: Option<KeyProblem>) -> Self {
        let certificate = beside(path, "-cert.pub").filter(|path| path.is_file());
        let text = certificate.as_ref().and_then(|path| read_regular(path, LEN_MAX).ok());
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        let certificate_key = text
            .and_then(|text| Certificate::from_openssh(text.trim()).ok())
            .and_then(|certificate| certificate.to_bytes().ok());
        Self { path: path.into(), public_key, certificate, certificate_key, problem }
    }
}

/// The public key in the file that `ssh-keygen` makes beside a private key.
fn public_key_beside(path: &Path) -> Option<Vec<u8>> {
    let bytes = read_regular(&beside(path, ".pub")?, LEN_MAX).ok()?;
    parse_public(&String::from_utf8(bytes).ok()?)
}

/// Whether a public key is that of a security key, whose signatures libssh2 cannot handle.
pub(super) fn is_security_key(public_key: &[u8]) -> bool {
    // Its type comes first, after the type's length.
    public_key.get(4..).is_some_and(|kind| kind.starts_with(b"sk-"))
}

fn parse_public(text: &str) -> Option<Vec<u8>> {
    PublicKey::from_openssh(text.trim()).ok()?.to_bytes().ok()
}

fn beside(path: &Path, ending: &str) -> Option<PathBuf> {
    let mut name = path.file_name()?.to_owned();
    name.push(ending);
    Some(path.with_file_name(name))
}
