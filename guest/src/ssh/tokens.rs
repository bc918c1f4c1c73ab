//! The tokens in settings of OpenSSH's client, such as `%h`.

use crate::account::Account;
use std::env;
use thiserror::Error;

/// What the tokens stand for.
pub(super) struct Tokens<'a> {
    pub(super) host: &'a str,
    /// As the user wrote it.
    pub(super) original_host: &'a str,
    pub(super) port: u16,
    pub(super) user: &'a str,
    /// The name under which the host's key is known.
    pub(super) key_name: &'a str,
}

/// A setting that cannot be expanded.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum TokenError {
    #[error("sevbench does not know the token {token} in `{text}`")]
    Unknown { token: String, text: String },
    #[error("`{text}` names the environment variable {name}, which is not set")]
    Unset { name: String, text: String },
}

impl Tokens<'_> {
    /// Replaces the tokens.
    pub(super) fn expand(&self, text: &str) -> Result<String, TokenError> {
        self.replace(text, false)
    }

    /// Replaces the tokens, and `${NAME}` by the environment variable.
    pub(super) fn expand_with_environment(&self, text: &str) -> Result<String, TokenError> {
        self.replace(text, true)
    }

    fn replace(&self, text: &str, with_environment: bool) -> Result<String, TokenError> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['%', '$']) {
            expanded += &rest[..at];
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix('%') {
                let token = after.chars().next();
                expanded += &self.token(token).ok_or_else(|| TokenError::Unknown {
                    token: ['%'].into_iter().chain(token).collect(),
                    text: text.into(),
                })?;
                rest = &after[token.map_or(0, char::len_utf8)..];
                continue;
            }
            let variable = rest.strip_prefix("${").and_then(|after| after.split_once('}'));
            match variable.filter(|_| with_environment) {
                Some((name, after)) => {
                    expanded += &env::var(name)
                        .map_err(|_| TokenError::Unset { name: name.into(), text: text.into() })?;
                    rest = after;
                }
                None => {
                    expanded.push('$');
                    rest = &rest[1..];
                }
            }
        }
        Ok(expanded + rest)
    }

    /// What a token stands for; `None` if we do not know it.
    fn token(&self, token: Option<char>) -> Option<String> {
        let account = Account::of_process();
        Some(match token? {
            '%' => "%".into(),
            'd' => account?.home.to_string_lossy().into_owned(),
            'h' => self.host.into(),
            // SAFETY: it takes nothing and cannot fail.
            'i' => unsafe { libc::getuid() }.to_string(),
            'k' => self.key_name.into(),
            'l' => host_name()?,
            'L' => host_name()?.split('.').next()?.to_owned(),
            'n' => self.original_host.into(),
            'p' => self.port.to_string(),
            'r' => self.user.into(),
            'u' => account?.name,
            _ => return None,
        })
    }
}

/// The name of this machine.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    const TOKENS: Tokens<'_> =
        Tokens { host: "host", original_host: "alias", port: 7, user: "user", key_name: "key" };

    #[test]
    fn tokens_are_replaced() {
        assert_eq!(TOKENS.expand("%r@%h:%p %n %k 100%%").unwrap(), "user@host:7 alias key 100%");
        let account = Account::of_process().unwrap();
        let home = account.home.display();
        assert_eq!(TOKENS.expand("%d/%u").unwrap(), format!("{home}/{}", account.name));
        assert!(!TOKENS.expand("%L%l%i").unwrap().contains('%'));
        assert!(TOKENS.expand("a%C").unwrap_err().to_string().contains("%C"));
        assert!(TOKENS.expand("a%").is_err());
    }

    #[test]
    fn environment_variables_are_replaced() {
        let path = env::var("PATH").unwrap();
        let expand = |text: &str| TOKENS.expand_with_environment(text);
        assert_eq!(expand("a${PATH}b${PATH}%h").unwrap(), format!("a{path}b{path}host"));
        assert_eq!(expand("$PATH ${").unwrap(), "$PATH ${");
        assert!(expand("${NO_SUCH_THING}").is_err());
        assert_eq!(TOKENS.expand("${PATH}").unwrap(), "${PATH}", "it is the shell's");
    }

    proptest! {
        #[test]
        fn any_text_is_expanded_without_a_panic(text in "(%[%dhknpru]|[^%\\x00]|\\$\\{)*") {
            TOKENS.expand(&text).unwrap();
            let _ = TOKENS.expand_with_environment(&text);
        }
    }
}
