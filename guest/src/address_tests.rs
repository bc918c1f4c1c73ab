//! Addresses: which are valid, and what is shown for the others.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::treatment::Treatment;
use proptest::prelude::*;

fn ssh(text: &str) -> SshAddress {
    match Address::parse(text).unwrap() {
        (Address::Ssh(ssh), options) if options.is_empty() => ssh,
        other => panic!("{other:?}"),
    }
}

#[test]
fn address_parts_are_parsed() {
    let address = ssh("ssh://root@host:2222?key=/k/id+1%20a&known_hosts=/h&dir=/opt/x");
    assert_eq!(
        (address.user.as_deref(), address.host.as_str(), address.port),
        (Some("root"), "host", Some(2222))
    );
    assert_eq!(address.key.unwrap().to_str(), Some("/k/id+1 a"));
    assert_eq!(address.directory.as_deref(), Some("/opt/x"));
    assert_eq!(ssh("ssh://a@[::1]").host, "::1");
    let bare = ssh("ssh://h?config=none");
    assert_eq!((bare.user, bare.port, bare.config), (None, None, ClientConfig::Nothing));
}

#[test]
fn unknown_options_are_passed_on() {
    let (address, options) = Address::parse("loopback?spin=1.10").unwrap();
    assert_eq!((address, options), (Address::Loopback, vec![("spin".into(), "1.10".into())]));
}

#[test]
fn invalid_address_shows_the_form() {
    for text in [
        "",
        "host",
        "http://h",
        "ssh://",
        "ssh://u@h/path",
        "ssh://u@h?key",
        "ssh://u@h?key=",
        "ssh://u@h?key=a&key=b",
        "ssh://u@h:99999",
        "ssh://u@h:0",
        "ssh://a%0Aproxycommand%20x@h",
        "ssh://-oProxyCommand=x@h",
        "loopbac",
    ] {
        let error = Address::parse(text).unwrap_err().to_string();
        assert!(error.contains("ssh://[user@]host[:port][?key=PATH]"), "{text}: {error}");
    }
    for text in ["ssh://u:secret@h", "ssh://u:secret@h:99999", "ssh://u:sec@ret@h?key"] {
        let error = Address::parse(text).unwrap_err().to_string();
        assert!(!error.contains("ret@"), "{error}");
    }
}

#[test]
fn address_without_a_scheme_is_taken_as_ssh_takes_it() {
    let parsed = |text: &str| Address::parse(text).map(|(address, _)| address.to_string());
    assert_eq!(parsed("root@host").unwrap(), "ssh://root@host");
    assert_eq!(parsed("root@host:2222?key=/k").unwrap(), "ssh://root@host:2222?key=/k");
    assert!(parsed("host").unwrap_err().to_string().contains("no scheme"));
    assert!(matches!(Address::parse("a:b@host"), Err(AddressError::Password)));
}

#[test]
fn zones_are_parsed_and_non_ascii_hosts_are_refused() {
    let shown = |text: &str| (ssh(text).host, Address::parse(text).unwrap().0.to_string());
    let error = Address::parse("ssh://bücher.example").unwrap_err().to_string();
    assert!(error.contains("xn--"), "{error}");
    assert_eq!(ssh("ssh://xn--bcher-kva.example").host, "xn--bcher-kva.example");
    for text in
        ["ssh://[fe80::1%25eth0]:22", "root@[fe80::1%eth0.1]", "ssh://[fe80::1%eth0]?dir=/[%"]
    {
        let (host, again) = shown(text);
        assert!(host.starts_with("fe80::1%eth0"), "{host}");
        assert_eq!(ssh(&again).host, host);
    }
    for text in ["ssh://[fe80::1%]", "ssh://[fe80::1%a b]", "ssh://b%00", "ssh://h[::1%eth0]"] {
        assert!(matches!(Address::parse(text), Err(AddressError::Form { .. })), "{text}");
    }
}

#[test]
fn address_of_a_machine_round_trips_whatever_the_path_of_its_firmware_is() {
    for path in ["/fw/OVMF.fd", "/a&b/50%/c?d=e#f"] {
        let firmware = Some(PathBuf::from(path));
        let settings = MachineSettings { firmware, ..MachineSettings::default() };
        let machine = QemuMachine::new(Treatment::Bounce, settings);
        let address = Address::Qemu(Box::new(machine));
        assert_eq!(Address::parse(&address.to_string()), Ok((address, Options::new())), "{path}");
    }
}

/// The `url` crate would drop them, and reach another host.
#[test]
fn control_characters_are_refused() {
    for text in ["ssh://h\n2", "ssh://127.0.0\t.1:1", "me@h\u{9b}", "ssh://h?dir=/tmp/n%0Al"] {
        let error = Address::parse(text).unwrap_err().to_string();
        assert!(error.contains("holds a control character"), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_parsed_without_a_panic(text in "(ssh://)?.{0,60}") {
        let _ = Address::parse(&text);
    }

    #[test]
    fn near_valid_text_is_parsed_without_a_panic(
        text in "ssh://[a%:@0-9]{0,8}@?[a.%\\[\\]:0-9]{0,12}(:[0-9]{0,6})?(\\?[a-z%0-9&=+~/]{0,20})?",
    ) {
        let _ = Address::parse(&text);
    }

    #[test]
    fn displayed_address_parses_to_itself(
        user in proptest::option::of("[^\\p{C}-][^\\p{C}]{0,11}"),
        host in prop_oneof!["[a-z0-9.]{1,12}", any::<std::net::Ipv6Addr>().prop_map(|n| n.to_string())],
        port in proptest::option::of(1_u16..),
        key in proptest::option::of("/[^\\x00]{1,20}"),
        known_hosts in proptest::option::of("/[^\\x00]{1,20}"),
        config in proptest::option::of("/[^\\x00]{1,20}"),
        directory in proptest::option::of("[^\\p{Cc}]{1,20}"),
    ) {
        let [key, known_hosts, config] = [key, known_hosts, config].map(|file| file.map(PathBuf::from));
        let config = config.map_or(ClientConfig::Usual, ClientConfig::File);
        let ssh = SshAddress { user, host, port, key, known_hosts, config, directory };
        let address = Address::Ssh(ssh);
        prop_assert_eq!(Address::parse(&address.to_string()).unwrap().0, address);
    }
}
