//! A real OpenSSH server on 127.0.0.1 with its own configuration, keys and folder.

use crate::lab::Skip;
use crate::processes::{children_of, eventually, processes_of};
use crate::proxy::Proxy;
use sevbench_guest::Address;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// What differs between the servers of the checks.
pub struct Options {
    /// Where it listens.
    pub address: IpAddr,
    /// Types of the host keys, as `ssh-keygen -t` names them.
    pub host_keys: &'static [&'static str],
    /// Further lines of its configuration.
    pub configuration: String,
}

impl Default for Options {
    fn default() -> Self {
        let address = Ipv4Addr::LOCALHOST.into();
        Self { address, host_keys: &["ed25519"], configuration: String::new() }
    }
}

/// A running server. It accepts the key `key` in its folder; `known_hosts` there lists its host
/// keys.
pub struct Sshd {
    /// Its keys and configuration.
    pub folder: TempDir,
    /// Where it listens.
    pub address: IpAddr,
    /// Its TCP port.
    pub port: u16,
    child: Child,
}

impl Sshd {
    /// Starts a server. Returns [`Skip`] if OpenSSH's server is not installed.
    pub fn start(options: &Options) -> Result<Self, Skip> {
        if !Path::new(SSHD).exists() {
            let reason = format!("{SSHD} is not installed (apt-get install openssh-server)");
            return Err(Skip(reason));
        }
        // For its privilege separation; only root may make it, and only root needs it.
        fs::create_dir_all("/run/sshd").ok();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        make_key(&path("key"), "ed25519");
        fs::copy(path("key.pub"), path("authorized_keys")).unwrap();
        let port = free_port(options.address);
        let mut configuration = format!(
            "{}\nListenAddress {}\nPort {port}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin yes\nSetEnv XDG_CACHE_HOME={}\n",
            options.configuration,
            options.address,
            path("authorized_keys").display(),
            path("cache").display(),
        );
        for key_type in options.host_keys {
            let key = path(&format!("host_{key_type}"));
            make_key(&key, key_type);
            configuration += &format!("HostKey {}\n", key.display());
        }
        fs::write(path("sshd_config"), configuration).unwrap();
        let child = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        let sshd = Self { folder, address: options.address, port, child };
        eventually("sshd listens", || TcpStream::connect((sshd.address, port)).is_ok());
        sshd.know(options.host_keys);
        Ok(sshd)
    }

    /// Rewrites `known_hosts` with the server's host keys of these types.
    pub fn know(&self, key_types: &[&str]) {
        let lines = key_types.iter().map(|key_type| self.host_key_line(key_type, self.port));
        fs::write(self.known_hosts(), lines.collect::<String>()).unwrap();
    }

    fn host_key_line(&self, key_type: &str, port: u16) -> String {
        let key = fs::read_to_string(self.path(&format!("host_{key_type}.pub"))).unwrap();
        format!("[{}]:{port} {key}", self.address)
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file that holds its host key.
    pub fn known_hosts(&self) -> PathBuf {
        self.path("known_hosts")
    }

    /// Its address, with its key, its known_hosts file and further `options`, each preceded by `&`.
    pub fn address(&self, options: &str) -> Address {
        let key = format!("&key={}{options}", self.path("key").display());
        self.address_without_key(&key)
    }

    /// Its address without a key file.
    pub fn address_without_key(&self, options: &str) -> Address {
        let host = match self.address {
            IpAddr::V4(number) => number.to_string(),
            IpAddr::V6(number) => format!("[{number}]"),
        };
        address(&host, self.port, &self.known_hosts(), options)
    }

    /// Its address behind a proxy on 127.0.0.1, with its key.
    pub fn address_through(&self, proxy: &Proxy) -> Address {
        let known_hosts = self.path(&format!("known_hosts_{}", proxy.port));
        fs::write(&known_hosts, self.host_key_line("ed25519", proxy.port)).unwrap();
        let key = format!("&key={}", self.path("key").display());
        address("127.0.0.1", proxy.port, &known_hosts, &key)
    }

    /// The processes that run in the guest and have this argument.
    pub fn processes(&self, argument: &str) -> Vec<u32> {
        processes_of(&[self.folder.path()], argument)
    }

    /// Kills the server and its part of every connection at once, but nothing that runs in the
    /// guest.
    pub fn kill(&self) {
        let mut pids = vec![self.child.id()];
        let mut next = 0;
        while next < pids.len() {
            let children = children_of(pids[next]);
            pids.extend(children.into_iter().filter(|&pid| is_sshd(pid)));
            next += 1;
        }
        // Some may have just ended with their parent.
        for pid in pids {
            // SAFETY: kill takes two numbers.
            unsafe { libc::kill(pid as i32, libc::SIGKILL) };
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn address(host: &str, port: u16, known_hosts: &Path, options: &str) -> Address {
    let (user, known_hosts) = (user(), known_hosts.display());
    let text = format!("ssh://{user}@{host}:{port}?known_hosts={known_hosts}{options}");
    let (address, rest) = Address::parse(&text).unwrap();
    assert!(rest.is_empty());
    address
}

fn is_sshd(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("sshd"))
}

/// Makes a key pair with `ssh-keygen`.
pub fn make_key(path: &Path, key_type: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-N", "", "-t", key_type, "-f"]).arg(path);
    assert!(command.status().unwrap().success());
}

/// A TCP port that nobody listens on.
pub fn free_port(address: IpAddr) -> u16 {
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}

/// The name of the account that this process runs as.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
