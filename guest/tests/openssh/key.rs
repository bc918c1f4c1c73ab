//! Client authentication.

use crate::REACH;
use crate::support::*;
use sevbench_guest::{Address, GuestError, SshError};
use sevbench_testing::{Options, Sshd, eventually, make_key};
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) fn key_of_each_type() -> CaseResult {
    let sshd = sshd!();
    for key_type in ["rsa", "ecdsa", "ed25519"] {
        let key = sshd.path(&format!("client_{key_type}"));
        make_key(&key, key_type);
        fs::copy(sshd.path(&format!("client_{key_type}.pub")), sshd.path("authorized_keys"))
            .unwrap();
        started(&sshd.address_without_key(&format!("&key={}", key.display())));
    }
    let key = sshd.path("client_pem");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-t", "rsa", "-m", "PEM", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    fs::copy(sshd.path("client_pem.pub"), sshd.path("authorized_keys")).unwrap();
    started(&sshd.address_without_key(&format!("&key={}", key.display())));
    Ok(())
}

pub(crate) fn key_not_accepted() -> CaseResult {
    let sshd = sshd!();
    make_key(&sshd.path("other"), "ed25519");
    let address = sshd.address_without_key(&format!("&key={}", sshd.path("other").display()));
    let error = refused(&address, &format!("`ssh-copy-id -p {}", sshd.port));
    assert!(matches!(error, GuestError::Ssh(SshError::Authentication { .. })));
    assert!(error.to_string().contains("other: refused"), "{error}");
    assert!(error.to_string().contains("?key=PATH"), "{error}");
    Ok(())
}

pub(crate) fn key_that_is_none() -> CaseResult {
    let sshd = sshd!();
    let refused = |name: &str, hint: &str| {
        let key = format!("&key={}", sshd.path(name).display());
        let error = refused(&sshd.address_without_key(&key), hint);
        assert!(matches!(error, GuestError::Ssh(SshError::Key { .. })), "{error}");
    };
    refused("nonesuch", "there is no such file");
    refused("key.pub", "name the private key, without .pub");
    refused("sshd_config", "ssh-keygen -t ed25519");
    refused("", "directory");
    mkfifo(&sshd.path("fifo"));
    refused("fifo", "it is not a regular file");
    Ok(())
}

/// As in a container, with and without OpenSSH's client: the database of accounts knows the name.
pub(crate) fn no_user_in_the_environment() -> CaseResult {
    let sshd = sshd!();
    let Address::Ssh(mut address) = sshd.address("") else { panic!() };
    address.user = None;
    let address = Address::Ssh(address).to_string();
    for path in [std::env::var("PATH").unwrap(), "/nonesuch".into()] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([REACH, &address]).env("PATH", path).env_remove("USER").env_remove("LOGNAME");
        let output = command.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "reached\n");
    }
    Ok(())
}

/// An SSH agent with these keys. Dropping it ends it.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(sshd: &Sshd, keys: &[PathBuf]) -> Self {
        let socket = sshd.path("agent");
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null());
        let agent = Self { child: command.spawn().unwrap(), socket };
        eventually("the agent listens", || agent.socket.exists());
        for key in keys {
            let mut add = Command::new("ssh-add");
            add.arg("-q").arg(key).env("SSH_AUTH_SOCK", &agent.socket);
            assert!(add.status().unwrap().success());
        }
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The output of a process that connects to the server with this agent. The environment names the
/// agent's socket.
fn reach(sshd: &Sshd, options: &str, socket: &Path) -> String {
    let config = sshd.path("identities");
    if !config.exists() {
        let identity = sshd.path("home/.ssh/id_ed25519");
        fs::write(&config, format!("IdentityFile {}\n", identity.display())).unwrap();
    }
    let options = format!("&config={}{options}", config.display());
    let output = Command::new(std::env::current_exe().unwrap())
        .args([REACH, &sshd.address_without_key(&options).to_string()])
        .env("SSH_AUTH_SOCK", socket)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn encrypt(key: &Path, old: &str, new: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-p", "-P", old, "-N", new, "-f"]).arg(key);
    assert!(command.status().unwrap().success());
}

pub(crate) fn key_encrypted_and_in_agent() -> CaseResult {
    let sshd = sshd!();
    let key = sshd.path("key");
    encrypt(&key, "", "secret");
    let error = refused(&sshd.address(""), &format!("`ssh-add {}`", key.display()));
    assert!(matches!(error, GuestError::Ssh(SshError::Key { .. })));

    encrypt(&key, "secret", "");
    let agent = Agent::start(&sshd, std::slice::from_ref(&key));
    assert_eq!(reach(&sshd, "", &agent.socket), "reached\n");
    // The agent has the key of a file that is no use by itself.
    encrypt(&key, "", "secret");
    for file in ["key", "key.pub"] {
        let named = format!("&key={}", sshd.path(file).display());
        assert_eq!(reach(&sshd, &named, &agent.socket), "reached\n");
    }
    // The private key is elsewhere.
    fs::rename(&key, sshd.path("elsewhere")).unwrap();
    assert_eq!(reach(&sshd, &format!("&key={}", key.display()), &agent.socket), "reached\n");
    fs::rename(sshd.path("elsewhere"), &key).unwrap();
    encrypt(&key, "secret", "");
    let socket = agent.socket.clone();
    drop(agent);

    let said = reach(&sshd, "", &socket);
    assert!(
        said.contains("nothing: no identity file exists, and no SSH agent offers a key"),
        "{said}"
    );

    fs::create_dir_all(sshd.path("home/.ssh")).unwrap();
    fs::copy(&key, sshd.path("home/.ssh/id_ed25519")).unwrap();
    assert_eq!(reach(&sshd, "", &socket), "reached\n");
    Ok(())
}

/// A server ends a connection after six keys, so the agent's must not use up all of them.
pub(crate) fn agent_with_many_keys() -> CaseResult {
    let sshd = sshd!();
    let others: Vec<_> = (0..8).map(|n| sshd.path(&format!("other{n}"))).collect();
    others.iter().for_each(|key| make_key(key, "ed25519"));
    let agent = Agent::start(&sshd, &others);
    let said = reach(&sshd, "", &agent.socket);
    assert!(
        said.contains("2 more agent keys: not offered, since servers limit the number"),
        "{said}"
    );

    fs::create_dir_all(sshd.path("home/.ssh")).unwrap();
    fs::copy(sshd.path("key"), sshd.path("home/.ssh/id_ed25519")).unwrap();
    assert_eq!(reach(&sshd, "", &agent.socket), "reached\n");

    // The key of the configuration comes first, and alone if it says so.
    fs::remove_file(sshd.path("home/.ssh/id_ed25519")).unwrap();
    let last = others.last().unwrap();
    fs::copy(last.with_extension("pub"), sshd.path("authorized_keys")).unwrap();
    let identity = format!("IdentityFile {}\n", last.with_extension("pub").display());
    fs::write(sshd.path("identities"), &identity).unwrap();
    assert_eq!(reach(&sshd, "", &agent.socket), "reached\n");
    fs::copy(sshd.path("key.pub"), sshd.path("authorized_keys")).unwrap();
    fs::write(sshd.path("identities"), identity + "IdentitiesOnly yes\n").unwrap();
    let said = reach(&sshd, "", &agent.socket);
    assert!(said.contains("7 more agent keys: not offered (IdentitiesOnly)"), "{said}");
    assert!(said.contains(": refused; 7 more"), "{said}");
    Ok(())
}

pub(crate) fn agent_that_does_not_answer() -> CaseResult {
    let sshd = sshd!();
    let socket = sshd.path("agent");
    let _listener = UnixListener::bind(&socket).unwrap();
    let said = reach(&sshd, "", &socket);
    assert!(said.contains("it does not answer within"), "{said}");
    // It is not needed for a key in a file.
    let named = format!("&key={}", sshd.path("key").display());
    assert_eq!(reach(&sshd, &named, &socket), "reached\n");
    let public = format!("&key={}", sshd.path("key.pub").display());
    let said = reach(&sshd, &public, &socket);
    assert!(said.contains("it is a public key") && said.contains("it does not answer"), "{said}");
    Ok(())
}

pub(crate) fn certificate_beside_the_key() -> CaseResult {
    for key_type in ["rsa", "ecdsa", "ed25519"] {
        let sshd = sshd!();
        make_key(&sshd.path("authority"), "ed25519");
        let key = sshd.path("certified");
        make_key(&key, key_type);
        let mut sign = Command::new("ssh-keygen");
        sign.args(["-q", "-I", "name", "-n", &sevbench_testing::user(), "-s"])
            .arg(sshd.path("authority"))
            .arg(key.with_extension("pub"));
        assert!(sign.status().unwrap().success());
        let authority = fs::read_to_string(sshd.path("authority.pub")).unwrap();
        fs::write(sshd.path("authorized_keys"), format!("cert-authority {authority}")).unwrap();
        started(&sshd.address_without_key(&format!("&key={}", key.display())));
    }
    Ok(())
}
