//! Which host keys are trusted: a pinned key, or those in known_hosts files. No key is trusted on
//! first use.

use super::endpoint::Endpoint;
use super::error::SshError;
use super::known_hosts::{KeyStatus, Known, KnownHostsFiles};
use russh::keys::ssh_key::{HashAlg, PublicKey};
use ssh2::{MethodType, Session};
use std::path::Path;

/// The trusted host keys.
pub(crate) enum HostTrust<'a> {
    /// Only this key; for a guest that we booted.
    Pinned(&'a PublicKey),
    /// The keys in these files.
    KnownHosts(KnownHostsFiles<'a>),
}

impl HostTrust<'_> {
    /// Prefers host keys of the types that are known for the host. A server has several keys, and a
    /// key of another type than the known one would look changed.
    pub(super) fn prefer_known_types(
        &self,
        session: &Session,
        endpoint: &Endpoint<'_>,
    ) -> Result<(), SshError> {
        let Self::KnownHosts(files) = self else { return Ok(()) };
        let known = Known::read(session, files, (endpoint.host, endpoint.port))?;
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

    /// Checks the server's host key and returns its fingerprint.
    pub(super) fn check(
        &self,
        session: &Session,
        endpoint: &Endpoint<'_>,
    ) -> Result<String, SshError> {
        let step = "reading the host key";
        let (blob, _) = session
            .host_key()
            .ok_or_else(|| failed(endpoint, step, "the server sent none".into()))?;
        let shown = PublicKey::from_bytes(blob)
            .map_err(|error| failed(endpoint, step, error.to_string()))?;
        let fingerprint = shown.fingerprint(HashAlg::Sha256).to_string();
        let files = match self {
            Self::Pinned(pinned) if pinned.key_data() == shown.key_data() => {
                return Ok(fingerprint);
            }
            Self::Pinned(_) => {
                let reason = "it is not the key of the guest that was started".into();
                return Err(failed(endpoint, step, reason));
            }
            Self::KnownHosts(files) => files,
        };
        let known = Known::read(session, files, (endpoint.host, endpoint.port))?;
        let host = endpoint.host.to_owned();
        let status = known.check(&shown);
        let known_hosts = known.file(status, &shown).to_owned();
        // `ssh-keyscan` knows neither proxies nor aliases.
        let is_direct = endpoint.proxy.is_none() && files.alias.is_none();
        let is_kept = known.path != Path::new("/dev/null");
        let add = match is_direct && is_kept {
            true => format!("ssh-keyscan -p {} {host} >> {}", endpoint.port, known.path.display()),
            false => endpoint.ssh_command.to_owned(),
        };
        match status {
            KeyStatus::Known => Ok(fingerprint),
            KeyStatus::Unknown => Err(SshError::HostKeyUnknown { host, fingerprint, add }),
            KeyStatus::Certified => {
                // `ssh` trusts the authority, and would not add the key.
                let add = match is_direct {
                    true => format!("type `{add}`"),
                    false => format!(
                        "add the key to {} by hand, as {}",
                        known.path.display(),
                        known.name
                    ),
                };
                Err(SshError::HostKeyCertified { host, fingerprint, known_hosts, add })
            }
            KeyStatus::Changed => {
                let entry = known.name;
                Err(SshError::HostKeyChanged { host, entry, fingerprint, known_hosts })
            }
            KeyStatus::Revoked => Err(SshError::HostKeyRevoked { host, fingerprint, known_hosts }),
        }
    }
}

fn failed(endpoint: &Endpoint<'_>, step: &'static str, reason: String) -> SshError {
    SshError::Handshake { host: endpoint.host.into(), port: endpoint.port, step, reason }
}
