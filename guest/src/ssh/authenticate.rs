//! Client authentication: with a named key, or with the SSH agent's keys and the default
//! identities.

use super::endpoint::Endpoint;
use super::error::SshError;
use super::waiter::{StepError, Waiter};
use crate::limits::Limits;
use crate::regular_file::read_regular;
use russh::keys::PrivateKey;
use ssh2::ErrorCode;
use std::io;
use std::path::{Path, PathBuf};

/// The default identities of OpenSSH's client.
const IDENTITIES: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// The maximum number of keys that are offered. An OpenSSH server disconnects after six.
const OFFERS_MAX: usize = 6;

/// The longest key file that is read.
const KEY_LEN_MAX: u64 = 64 << 10;

/// libssh2's errors for a key that the server does not accept: without, and with our signature.
const REFUSED: [ErrorCode; 2] = [ErrorCode::Session(-18), ErrorCode::Session(-19)];

/// Which keys to offer.
pub(crate) enum Credentials<'a> {
    /// A key that exists in memory only, in OpenSSH's format.
    Memory(&'a str),
    /// This file alone.
    File(&'a Path),
    /// The SSH agent's keys, then the default identities.
    Default,
}

impl Credentials<'_> {
    pub(super) fn authenticate(
        &self,
        waiter: &Waiter,
        endpoint: &Endpoint<'_>,
        limits: &Limits,
    ) -> Result<(), SshError> {
        let mut offer = Offer { waiter, endpoint, limits, tried: Vec::new() };
        let accepted = match self {
            Self::Memory(key) => offer.memory(key)?,
            Self::File(path) => {
                check_key(path)
                    .map_err(|reason| SshError::Key { path: path.to_path_buf(), reason })?;
                offer.file(path)?
            }
            Self::Default => offer.agent()? || offer.identities()?,
        };
        if accepted {
            return Ok(());
        }
        if offer.tried.is_empty() {
            offer.tried.push("nothing: neither an SSH agent nor ~/.ssh has a key to offer".into());
        }
        Err(SshError::Authentication {
            host: endpoint.host.into(),
            port: endpoint.port,
            user: endpoint.user.into(),
            tried: offer.tried.join("; "),
        })
    }
}

/// The keys that were offered so far, each with the server's answer.
struct Offer<'a> {
    waiter: &'a Waiter,
    endpoint: &'a Endpoint<'a>,
    limits: &'a Limits,
    tried: Vec<String>,
}

impl Offer<'_> {
    fn memory(&mut self, key: &str) -> Result<bool, SshError> {
        let (session, user) = (&self.waiter.session, self.endpoint.user);
        let answer =
            self.waiter.until_done(|| session.userauth_pubkey_memory(user, None, key, None));
        self.note("the key made for this guest", answer)
    }

    fn file(&mut self, path: &Path) -> Result<bool, SshError> {
        let (session, user) = (&self.waiter.session, self.endpoint.user);
        let answer =
            self.waiter.until_done(|| session.userauth_pubkey_file(user, None, path, None));
        self.note(&path.display().to_string(), answer)
    }

    fn identities(&mut self) -> Result<bool, SshError> {
        let folder = std::env::home_dir().unwrap_or_default().join(".ssh");
        let paths = IDENTITIES.map(|name| folder.join(name));
        for path in paths.iter().filter(|path: &&PathBuf| path.exists()) {
            match check_key(path) {
                Err(reason) => self.tried.push(format!("{}: {reason}", path.display())),
                Ok(()) if self.tried.len() < OFFERS_MAX && self.file(path)? => return Ok(true),
                Ok(()) => {}
            }
        }
        Ok(false)
    }

    fn agent(&mut self) -> Result<bool, SshError> {
        let Ok(mut agent) = self.waiter.session.agent() else { return Ok(false) };
        if agent.connect().and_then(|()| agent.list_identities()).is_err() {
            return Ok(false);
        }
        let keys = agent.identities().unwrap_or_default();
        for key in keys.iter().take(OFFERS_MAX) {
            let answer = self.waiter.until_done(|| agent.userauth(self.endpoint.user, key));
            if self.note(&format!("{} of the SSH agent", key.comment()), answer)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the key was accepted; an error if offering another is pointless.
    fn note(&mut self, name: &str, answer: Result<(), StepError>) -> Result<bool, SshError> {
        let words = match answer {
            Ok(()) => return Ok(true),
            Err(StepError::Ssh(error)) if REFUSED.contains(&error.code()) => "refused".into(),
            // The server may have disconnected after too many keys; the list shows which.
            Err(StepError::Ssh(error)) => error.message().to_owned(),
            Err(error) => {
                return Err(self.endpoint.explain(error, "authentication", self.limits));
            }
        };
        self.tried.push(format!("{name}: {words}"));
        Ok(false)
    }
}

/// Explains what is wrong with a key file. libssh2's errors do not.
fn check_key(path: &Path) -> Result<(), String> {
    let text = match read_regular(path, KEY_LEN_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("there is no such file; name a private key with ?key=PATH".into());
        }
        Err(error) => return Err(format!("{error}; name one that you may read with ?key=PATH")),
        Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
    };
    if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
        return Err("it is a public key; name the private one, without .pub".into());
    }
    if !text.contains("PRIVATE KEY-----") {
        return Err("it is not a private key; make one with `ssh-keygen -t ed25519`".into());
    }
    // Older formats say so in their headers.
    if text.contains("ENCRYPTED")
        || PrivateKey::from_openssh(&text).is_ok_and(|key| key.is_encrypted())
    {
        let add = format!("`ssh-add {}`", path.display());
        return Err(format!(
            "it is encrypted; add it to the SSH agent with {add}, and leave out ?key="
        ));
    }
    Ok(())
}
