//! The account that this process runs as.

use std::ffi::CStr;

/// The longest entry of the user database.
const USER_ENTRY_LEN_MAX: usize = 16 << 10;

/// The name of the account that this process runs as: from the environment or, as in containers
/// that set neither variable, from the user database.
pub(super) fn default_user() -> Option<String> {
    let named = |name: &&str| std::env::var(name).ok().filter(|user| !user.is_empty());
    ["USER", "LOGNAME"].iter().find_map(named).or_else(user_of_process)
}

fn user_of_process() -> Option<String> {
    let mut entry: libc::passwd;
    let mut texts = [0; USER_ENTRY_LEN_MAX];
    let mut found = std::ptr::null_mut();
    // SAFETY: zeroes are a valid entry. All pointers are valid for the call, which writes the texts
    // of the entry into `texts` and keeps no pointer. If `found` is not null, `pw_name` is a string
    // in `texts`, which outlives its use.
    unsafe {
        entry = std::mem::zeroed();
        let (id, buffer) = (libc::geteuid(), texts.as_mut_ptr());
        libc::getpwuid_r(id, &raw mut entry, buffer, texts.len(), &raw mut found);
        if found.is_null() {
            return None;
        }
        CStr::from_ptr(entry.pw_name).to_str().ok().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn user_of_this_process_is_known_without_the_environment() {
        let shown = std::process::Command::new("id").arg("-un").output().unwrap();
        assert_eq!(user_of_process().unwrap(), String::from_utf8(shown.stdout).unwrap().trim());
    }
}
