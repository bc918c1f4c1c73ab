//! The accounts and groups of this machine. The files are read here: in a static executable, libc's
//! own functions load modules for other databases, and can crash.

use crate::regular_file::read_regular;
use std::env;
use std::path::{Path, PathBuf};

/// The longest database that is read.
const LEN_MAX: u64 = 16 << 20;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) home: PathBuf,
    /// Its primary group.
    group: u32,
}

impl Account {
    /// The account that this process runs as. As OpenSSH's client does, it looks into the database,
    /// whatever the environment says. An account of another database, such as LDAP, is described
    /// by the environment.
    pub(crate) fn of_process() -> Option<Self> {
        // SAFETY: both functions take nothing and cannot fail.
        let (user, group) = unsafe { (libc::getuid(), libc::getgid()) };
        Self::of(user).or_else(|| {
            let name = ["USER", "LOGNAME"].iter().find_map(|name| env::var(name).ok())?;
            Some(Self { name, home: env::home_dir()?, group })
        })
    }

    /// The account with this number.
    fn of(user: u32) -> Option<Self> {
        Self::find(&text("/etc/passwd"), |_, number| number == user)
    }

    /// The account of this name.
    fn named(name: &str) -> Option<Self> {
        Self::find(&text("/etc/passwd"), |found, _| found == name)
    }

    fn find(passwd: &str, is_wanted: impl Fn(&str, u32) -> bool) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, user, group, _, home, ..] = fields[..] else { return None };
            let (user, group) = (user.parse().ok()?, group.parse().ok()?);
            is_wanted(name, user).then(|| Self { name: name.into(), home: home.into(), group })
        })
    }
}

/// The group of this user alone: the user's primary group, if it has the user's name and no other
/// member. A group such as `users` is everybody's.
pub(crate) fn private_group(user: u32) -> Option<u32> {
    let account = Account::of(user)?;
    is_private(&text("/etc/group"), &account).then_some(account.group)
}

fn is_private(groups: &str, account: &Account) -> bool {
    groups.lines().any(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, group, members] = fields[..] else { return false };
        let is_own = name == account.name && group.parse() == Ok(account.group);
        is_own && members.split(',').all(|member| member.is_empty() || member == account.name)
    })
}

fn text(database: &str) -> String {
    let bytes = read_regular(Path::new(database), LEN_MAX).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A path whose leading `~/` or `~NAME/` stands for a home folder, as OpenSSH's client reads it.
pub(crate) fn expand_tilde(path: &str) -> PathBuf {
    let Some((user, rest)) = path.strip_prefix('~').and_then(|path| path.split_once('/')) else {
        return path.into();
    };
    let account = if user.is_empty() { Account::of_process() } else { Account::named(user) };
    account.map_or_else(|| path.into(), |account| account.home.join(rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn account_of_this_process_is_known_without_the_environment() {
        let shown = std::process::Command::new("id").arg("-un").output().unwrap();
        let account = Account::of_process().unwrap();
        assert_eq!(account.name, String::from_utf8(shown.stdout).unwrap().trim());
        assert_eq!(Account::named(&account.name), Some(account.clone()));
        assert_eq!(Account::named("no such account"), None);
        for path in ["~/x/y".to_owned(), format!("~{}/x/y", account.name)] {
            assert_eq!(expand_tilde(&path), account.home.join("x/y"));
        }
        assert_eq!(expand_tilde("~nobody-at-all/x"), PathBuf::from("~nobody-at-all/x"));
        assert_eq!(expand_tilde("/a/~/b"), PathBuf::from("/a/~/b"));
    }

    #[test]
    fn group_is_private_if_it_is_the_users_alone() {
        let passwd = "damaged\nme:x:7:9:Me,,,:/home/me:/bin/sh\n";
        let me = Account::find(passwd, |name, _| name == "me").unwrap();
        assert_eq!((me.home.to_str(), me.group), (Some("/home/me"), 9));
        for (groups, expected) in [
            ("me:x:9:\n", true),
            ("x\nme:x:9:me\n", true),
            ("me:x:9:me,you\n", false),
            ("users:x:9:\n", false),
            ("me:x:8:\n", false),
            ("", false),
        ] {
            assert_eq!(is_private(groups, &me), expected, "{groups}");
        }
    }
}
