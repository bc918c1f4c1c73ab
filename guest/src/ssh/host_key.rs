//! Which host keys are trusted: one that is pinned, or those of known_hosts files. None is ever trusted on first use.

use super::connection::Endpoint;
use super::error::SshError;
use super::known_hosts::{KeyStatus, Known};
use russh::keys::ssh_key::{HashAlg, PublicKey};
use ssh2::{MethodType, Session};
use std::path::Path;

/// The host keys that are trusted.
pub(crate) enum HostTrust<'a> {
    /// This key alone; for a guest that we made.
    Pinned(&'a PublicKey),
    /// Those in this file, or else in the user's and the system's.
    KnownHosts(Option<&'a Path>),
}

impl HostTrust<'_> {
    /// Asks first for host keys of the types that are known for the host: a server has several, and another type than
    /// the known one would look changed.
    pub(super) fn prefer_known_types(
        &self,
        session: &Session,
        endpoint: &Endpoint<'_>,
    ) -> Result<(), SshError> {
        let Self::KnownHosts(file) = self else { return Ok(()) };
        let known = Known::read(session, *file, (endpoint.host, endpoint.port))?;
        let supported = session.supported_algs(MethodType::HostKey).unwrap_or_default();
        let (mut order, rest): (Vec<&str>, Vec<&str>) =
            supported.into_iter().partition(|algorithm| known.has_type(algorithm));
        if order.is_empty() {
            return Ok(());
        }
        order.extend(rest);
        session.method_pref(MethodType::HostKey, &order.join(",")).map_err(|error| {
            failed(endpoint, "choosing the type of host key", error.message().to_owned())
        })
    }

    /// Checks the key that the server has shown; returns its fingerprint.
    pub(super) fn check(
        &self,
        session: &Session,
        endpoint: &Endpoint<'_>,
    ) -> Result<String, SshError> {
        let step = "reading the host key";
        let (blob, _) =
            session.host_key().ok_or_else(|| failed(endpoint, step, "it showed none".into()))?;
        let shown = PublicKey::from_bytes(blob)
            .map_err(|error| failed(endpoint, step, error.to_string()))?;
        let fingerprint = shown.fingerprint(HashAlg::Sha256).to_string();
        let file = match self {
            Self::Pinned(pinned) if pinned.key_data() == shown.key_data() => {
                return Ok(fingerprint);
            }
            Self::Pinned(_) => {
                let reason = "it is not the key of the guest that was started".into();
                return Err(failed(endpoint, step, reason));
            }
            Self::KnownHosts(file) => *file,
        };
        let known = Known::read(session, file, (endpoint.host, endpoint.port))?;
        let host = endpoint.host.to_owned();
        match known.check(&shown) {
            KeyStatus::Known => Ok(fingerprint),
            KeyStatus::Unknown => Err(SshError::HostKeyUnknown {
                host,
                port: endpoint.port,
                fingerprint,
                known_hosts: known.path,
            }),
            KeyStatus::Changed => Err(SshError::HostKeyChanged {
                host,
                entry: known.name,
                fingerprint,
                known_hosts: known.path,
            }),
            KeyStatus::Revoked => {
                Err(SshError::HostKeyRevoked { host, fingerprint, known_hosts: known.path })
            }
        }
    }
}

fn failed(endpoint: &Endpoint<'_>, step: &'static str, reason: String) -> SshError {
    SshError::Handshake { host: endpoint.host.into(), port: endpoint.port, step, reason }
}
