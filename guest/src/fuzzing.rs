//! What fuzzers call.

use crate::address::Address;
use crate::ssh::key_status_in;
use russh::keys::parse_public_key_base64;

/// The key of a made-up host, in the files that a fuzzer writes.
const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

/// Reads an address.
///
/// # Panics
/// If its text does not read back as the same address.
pub fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok((address, _)) = Address::parse(text) {
        let again = Address::parse(&address.to_string()).map(|(address, _)| address);
        assert_eq!(again.as_ref(), Ok(&address), "{text:?}");
    }
}

/// Reads a known_hosts file and looks up a key in it.
pub fn known_hosts(bytes: &[u8]) {
    let key = parse_public_key_base64(KEY).expect("the key is valid");
    for (host, port) in [("host.example", 22), ("192.0.2.1", 2222)] {
        let _ = key_status_in(bytes, (host, port), &key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sevbench_testing::fuzz;

    #[test]
    fn damaged_addresses_never_panic() {
        let seeds: [&[u8]; 4] = [
            b"ssh://root@host:22?key=/k%20&known_hosts=/h&dir=/d",
            b"ssh://u%40x@[fe80::1]:2222",
            b"qemu:bounce?vcpus=2&memory_mib=512&accelerator=tcg&firmware=/a%26b",
            b"loopback?spin=1.1",
        ];
        fuzz("addresses", &seeds, 20_000, address);
    }

    #[test]
    fn damaged_known_hosts_never_panic() {
        let file = format!(
            "# a comment\nhost.example,[192.0.2.1]:2222 ssh-ed25519 {KEY} a\n*.example,!x ssh-rsa A\n\
             @revoked * ssh-ed25519 {KEY}\n|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= \
             ssh-ed25519 {KEY}\n"
        );
        fuzz("known_hosts files", &[file.as_bytes()], 3_000, known_hosts);
    }
}
