//! The tokens in settings of OpenSSH's client, such as `%h`.

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
        let mut expanded = String::new();
        let mut rest = text.chars();
        while let Some(char) = rest.next() {
            if char != '%' {
                expanded.push(char);
                continue;
            }
            match rest.next() {
                Some('%') => expanded.push('%'),
                Some('d') => expanded += &env::home_dir().unwrap_or_default().to_string_lossy(),
                Some('h') => expanded += self.host,
                Some('k') => expanded += self.key_name,
                Some('n') => expanded += self.original_host,
                Some('p') => expanded += &self.port.to_string(),
                Some('r') => expanded += self.user,
                Some('u') => expanded += &super::user::default_user().unwrap_or_default(),
                other => {
                    let token = ['%'].into_iter().chain(other).collect();
                    return Err(TokenError::Unknown { token, text: text.into() });
                }
            }
        }
        Ok(expanded)
    }
}

/// Replaces `${NAME}` by the environment variable.
pub(super) fn expand_environment(text: &str) -> Result<String, TokenError> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else { break };
        let value = env::var(name)
            .map_err(|_| TokenError::Unset { name: name.into(), text: text.into() })?;
        expanded += before;
        expanded += &value;
        rest = tail;
    }
    Ok(expanded + rest)
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
        let home = env::home_dir().unwrap();
        assert_eq!(TOKENS.expand("%d/x").unwrap(), format!("{}/x", home.display()));
        assert!(TOKENS.expand("a%C").unwrap_err().to_string().contains("%C"));
        assert!(TOKENS.expand("a%").is_err());
    }

    #[test]
    fn environment_variables_are_replaced() {
        let path = env::var("PATH").unwrap();
        assert_eq!(expand_environment("a${PATH}b${PATH}").unwrap(), format!("a{path}b{path}"));
        assert_eq!(expand_environment("$PATH ${").unwrap(), "$PATH ${");
        assert!(expand_environment("${NO_SUCH_THING}").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_expanded_without_a_panic(text in "(%[%dhknpru]|[^%\\x00]|\\$\\{)*") {
            TOKENS.expand(&text).unwrap();
            let _ = expand_environment(&text);
        }
    }
}
