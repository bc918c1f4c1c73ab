//! Client authentication: with keys in memory, in files and in the SSH agent.

use super::client_settings::{AgentSocket, ClientSettings, Identity};
use super::endpoint::Endpoint;
use super::error::SshError;
use super::key_file::{KeyFile, KeyProblem};
use super::ssh_agent::{self, SIGN_LIMIT, SshAgent};
use super::waiter::{StepError, Waiter};
use crate::limits::Limits;
use crate::wait::Wait;
use sevbench_text::counted;
use ssh2::ErrorCode;
use std::path::Path;

/// The maximum number of keys that are offered. An OpenSSH server disconnects after six.
const OFFERS_MAX: usize = 6;

/// libssh2's errors for a key that the server does not accept: without, and with our signature.
const REFUSED: [ErrorCode; 2] = [ErrorCode::Session(-18), ErrorCode::Session(-19)];

/// libssh2's message for a key that the server would accept, and whose agent or file fails.
const NOT_SIGNED: &str = "Callback returned error";

/// Which keys to offer.
pub(crate) enum Credentials<'a> {
    /// A key that exists in memory only, in OpenSSH's format.
    Memory(&'a str),
    /// The key of this file alone. The SSH agent may have it.
    Named(&'a Path, &'a AgentSocket),
    /// The keys of the SSH agent and of files that exist.
    Identities { files: &'a [Identity], only: bool, agent: &'a AgentSocket },
}

impl<'a> Credentials<'a> {
    /// The credentials that OpenSSH's client would use.
    pub(crate) fn of(settings: &'a ClientSettings, named: Option<&'a Path>) -> Self {
        match named {
            Some(file) => Self::Named(file, &settings.agent),
            None => Self::Identities {
                files: &settings.identities,
                only: settings.identities_only,
                agent: &settings.agent,
            },
        }
    }

    pub(super) fn authenticate(
        &self,
        waiter: &Waiter,
        endpoint: &Endpoint<'_>,
        limits: &Limits,
    ) -> Result<(), SshError> {
        let mut offers = Offers { waiter, endpoint, limits, tried: Vec::new() };
        let accepted = match self {
            Self::Memory(key) => offers.memory(key)?,
            Self::Named(file, agent) => offers.named(file, agent)?,
            Self::Identities { files, only, agent } => offers.identities(files, *only, agent)?,
        };
        if accepted {
            return Ok(());
        }
        if offers.tried.is_empty() {
            offers
                .tried
                .push("nothing: no identity file exists, and no SSH agent offers a key".into());
        }
        Err(SshError::Authentication {
            host: endpoint.host.into(),
            user: endpoint.user.into(),
            tried: offers.tried.join("; "),
            install: match endpoint.proxy {
                None => format!(
                    "install one with `ssh-copy-id -p {} {}@{}`",
                    endpoint.port, endpoint.user, endpoint.host
                ),
                Some(_) => "add its public key to ~/.ssh/authorized_keys there".into(),
            },
        })
    }
}

/// A key to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    /// The key of this number in the SSH agent.
    Agent(usize),
    /// The key in the file of this number.
    File(usize),
}

/// What is known of a key file.
#[derive(Clone, Copy, Debug, Default)]
struct Candidate<'a> {
    public_key: Option<&'a [u8]>,
    certificate: Option<&'a [u8]>,
    /// Whether it can be used without the SSH agent.
    is_usable: bool,
}

impl<'a> Candidate<'a> {
    fn of(file: &'a KeyFile) -> Self {
        Self {
            public_key: file.public_key.as_deref(),
            certificate: file.certificate_key.as_deref(),
            is_usable: file.problem.is_none(),
        }
    }
}

/// Orders the keys as OpenSSH's client does: those of the agent that a file names, the agent's
/// others, the files that the agent lacks. A certificate comes before its key. At most
/// [`OFFERS_MAX`] keys. If there are more, the agent's other keys are dropped first.
fn order(files: &[Candidate<'_>], agent: &[&[u8]], only: bool) -> Vec<Offer> {
    let in_agent = |blob: Option<&[u8]>| agent.iter().position(|key| Some(*key) == blob);
    let (mut named, mut left) = (Vec::new(), Vec::new());
    for (number, file) in files.iter().enumerate() {
        let of_agent = [in_agent(file.certificate), in_agent(file.public_key)];
        let has_agent = of_agent.iter().any(Option::is_some);
        for key in of_agent.into_iter().flatten().map(Offer::Agent) {
            if !named.contains(&key) {
                named.push(key);
            }
        }
        // The agent may have the key without the certificate beside the file.
        let brings_certificate = file.certificate.is_some() && of_agent[0].is_none();
        if file.is_usable && (!has_agent || brings_certificate) {
            left.push(Offer::File(number));
        }
    }
    let mut others: Vec<Offer> = (0..agent.len()).map(Offer::Agent).collect();
    others.retain(|offer| !only && !named.contains(offer));
    others.truncate(OFFERS_MAX.saturating_sub(named.len() + left.len()));
    let mut offers = named;
    offers.append(&mut others);
    offers.append(&mut left);
    offers.truncate(OFFERS_MAX);
    offers
}

/// The keys that were offered so far, each with the server's answer.
struct Offers<'a> {
    waiter: &'a Waiter,
    endpoint: &'a Endpoint<'a>,
    limits: &'a Limits,
    tried: Vec<String>,
}

impl Offers<'_> {
    fn memory(&mut self, key: &str) -> Result<bool, SshError> {
        let (session, user) = (&self.waiter.session, self.endpoint.user);
        let answer =
            self.waiter.until_done(|| session.userauth_pubkey_memory(user, None, key, None));
        self.note("the key made for this guest", answer)
    }

    /// The one key that the user named.
    fn named(&mut self, path: &Path, socket: &AgentSocket) -> Result<bool, SshError> {
        let unusable = |reason: String| SshError::Key { path: path.into(), reason };
        let file = KeyFile::read(path).map_err(|problem| unusable(problem.to_string()))?;
        let Some(problem) = &file.problem else { return self.file(&file) };
        // The agent may have what the file lacks.
        match self.open_agent(socket)? {
            Some(agent) if !agent.keys_of(&file).is_empty() => {
                for key in agent.keys_of(&file) {
                    if self.of_agent(&agent, key)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => {
                // Such as an agent that does not answer.
                let tried = std::mem::take(&mut self.tried);
                let reasons = std::iter::once(problem.to_string()).chain(tried);
                Err(unusable(reasons.collect::<Vec<_>>().join("; ")))
            }
        }
    }

    fn identities(
        &mut self,
        identities: &[Identity],
        only: bool,
        socket: &AgentSocket,
    ) -> Result<bool, SshError> {
        let mut files = Vec::new();
        for identity in identities {
            match identity {
                Identity::Unknown(reason) => self.tried.push(reason.clone()),
                Identity::File(path) => match KeyFile::read(path) {
                    Ok(file) => files.push(file),
                    Err(KeyProblem::Absent) => {}
                    Err(problem) => self.tried.push(format!("{}: {problem}", path.display())),
                },
            }
        }
        let agent = self.open_agent(socket)?;
        let keys = agent.as_ref().map_or(&[][..], |agent| &agent.keys);
        // A file that is no use without the agent takes no place.
        files.retain(|file| match &file.problem {
            Some(problem) if agent.as_ref().is_none_or(|agent| agent.keys_of(file).is_empty()) => {
                self.tried.push(format!("{}: {problem}", file.path.display()));
                false
            }
            _ => true,
        });
        let of_files: Vec<_> = files.iter().map(Candidate::of).collect();
        let of_agent: Vec<&[u8]> = keys.iter().map(ssh2::PublicKey::blob).collect();
        let offers = order(&of_files, &of_agent, only);
        for offer in &offers {
            let accepted = match (*offer, &agent) {
                (Offer::Agent(key), Some(agent)) => self.of_agent(agent, key)?,
                (Offer::Agent(_), None) => false,
                (Offer::File(file), _) => self.file(&files[file])?,
            };
            if accepted {
                return Ok(true);
            }
        }
        let is_offered = |key: &usize| offers.contains(&Offer::Agent(*key));
        let unusable = agent.as_ref().map_or(0, |agent| agent.unusable);
        if unusable > 0 {
            let keys = counted(unusable as u64, "agent key");
            self.tried.push(format!("{keys} on a security key: not supported"));
        }
        let rest = (0..keys.len()).filter(|key| !is_offered(key)).count();
        if rest > 0 {
            let reason = match only {
                true => "not offered (IdentitiesOnly)",
                false => "not offered, since servers limit the number of attempts",
            };
            let keys = counted(rest as u64, "more agent key");
            self.tried.push(format!("{keys}: {reason}"));
        }
        Ok(false)
    }

    /// Offers a file's certificate, if there is one, then its key.
    fn file(&mut self, file: &KeyFile) -> Result<bool, SshError> {
        let (session, user) = (&self.waiter.session, self.endpoint.user);
        let offered = [file.certificate.as_deref().map(Some), Some(None)];
        for public in offered.into_iter().flatten() {
            let answer = self
                .waiter
                .until_done(|| session.userauth_pubkey_file(user, public, &file.path, None));
            if self.note(&public.unwrap_or(&file.path).display().to_string(), answer)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn open_agent(&mut self, socket: &AgentSocket) -> Result<Option<SshAgent>, SshError> {
        match ssh_agent::open(&self.waiter.session, socket, &self.waiter.wait) {
            Ok(agent) => Ok(agent),
            Err(ssh_agent::AgentProblem::Interrupted) => Err(SshError::Interrupted),
            Err(problem) => {
                self.tried.push(problem.to_string());
                Ok(None)
            }
        }
    }

    fn of_agent(&mut self, agent: &SshAgent, key: usize) -> Result<bool, SshError> {
        let key = &agent.keys[key];
        // The agent may ask its user.
        let wait = Wait::new(&self.waiter.wait.interrupt, SIGN_LIMIT + self.limits.connect);
        let waiter = Waiter { session: self.waiter.session.clone(), wait };
        let answer = waiter.until_done(|| agent.agent.userauth(self.endpoint.user, key));
        if waiter.wait.interrupt.is_set() {
            return Err(SshError::Interrupted);
        }
        self.note(&format!("agent key {}", key.comment()), answer)
    }

    /// Whether the key was accepted; an error if offering another is pointless.
    fn note(&mut self, name: &str, answer: Result<(), StepError>) -> Result<bool, SshError> {
        let words = match answer {
            Ok(()) => return Ok(true),
            Err(StepError::Ssh(error)) if error.message() == NOT_SIGNED => {
                "accepted by the server, but the agent or the key file could not sign".into()
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_offered_in_openssh_order() {
        let agent: [&[u8]; 3] = [b"one", b"two", b"three"];
        let file = |public_key: &'static str| Candidate {
            public_key: Some(public_key.as_bytes()),
            is_usable: true,
            ..Candidate::default()
        };
        let files = [file("four"), file("two"), Candidate { public_key: None, ..file("") }];
        let (agents, file_at) = (Offer::Agent, Offer::File);
        let expected = [agents(1), agents(0), agents(2), file_at(0), file_at(2)];
        assert_eq!(order(&files, &agent, false), expected);
        assert_eq!(order(&files, &agent, true), [agents(1), file_at(0), file_at(2)]);
        assert_eq!(order(&[], &[], false), []);
        // A certificate that the agent lacks, one that it has, and a file that is no use by itself.
        let certified = Candidate { certificate: Some(b"signed"), ..file("two") };
        assert_eq!(order(&[certified], &agent, true), [agents(1), file_at(0)]);
        let certified = Candidate { certificate: Some(b"three"), is_usable: false, ..file("two") };
        assert_eq!(order(&[certified], &agent, true), [agents(2), agents(1)]);
    }

    #[test]
    fn files_keep_their_places_beside_many_keys_of_the_agent() {
        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let agent: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        let file = |public_key: &'static [u8]| Candidate {
            public_key: Some(public_key),
            is_usable: true,
            ..Candidate::default()
        };
        let offers = order(&[file(b"file"), file(b"7")], &agent, false);
        assert_eq!(offers.len(), OFFERS_MAX);
        assert_eq!((offers[0], offers[5]), (Offer::Agent(7), Offer::File(0)));
        assert_eq!(order(&[file(b"file"); 9], &agent, false).len(), OFFERS_MAX);
    }
}
