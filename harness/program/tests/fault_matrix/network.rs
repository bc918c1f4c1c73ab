//! Networks that break after any number of bytes: in the handshake, the upload, the agent's hello,
//! the warm-up and the rounds.

use crate::run::{check_and_complete, plan};
use sevbench_testing::{
    Lab, NetworkFault, Options, Proxy, Ran, Skip, Sshd, count_faults, eventually, is_alive, skip,
};
use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

/// What a run notices at once.
const FAULTS: [NetworkFault; 4] =
    [NetworkFault::Ends, NetworkFault::Resets, NetworkFault::FlipsABit, NetworkFault::Stalls];

/// What a message may say about a network that broke, apart from the place.
const CAUSES: [&str; 6] = [
    "accepted the connection",
    "did not complete",
    "lost the connection to the guest",
    "the connection to the guest was lost",
    "no answer from the guest within",
    "no answer within",
];

/// How often a fault may miss its run.
const ATTEMPTS_MAX: u32 = 3;

/// A server, and the proxy that leads to it.
struct Network {
    // Fields drop in order: connections end, and with them their agents.
    proxy: Proxy,
    sshd: Sshd,
    uploads: bool,
    /// The bytes of a whole run.
    len: u64,
}

impl Network {
    /// With `uploads`, the server keeps no executable.
    fn start(uploads: bool) -> Result<Self, Skip> {
        let sshd = Sshd::start(&Options::default())?;
        let proxy = Proxy::start(SocketAddr::from((sshd.address, sshd.port)));
        let mut network = Self { proxy, sshd, uploads, len: 0 };
        // The first run uploads in any case.
        for _ in 0..2 {
            let before = network.proxy.passed();
            network.run(&Lab::new()).expect(0, &[]);
            network.len = network.proxy.passed() - before;
        }
        Ok(network)
    }

    fn run(&self, lab: &Lab) -> Ran {
        if self.uploads {
            fs::remove_dir_all(self.sshd.path("cache")).ok();
        }
        let treatment = format!("other={}", self.sshd.address_through(&self.proxy));
        lab.run(&plan("2", &["--control", "loopback", "--treatment", &treatment]))
    }

    /// A run that is struck. `None` if it ended before: on a busy machine, one takes fewer bytes
    /// than another.
    fn attempt(&self, fault: NetworkFault, part: f64) -> Option<(Lab, Ran)> {
        let lab = Lab::new();
        self.proxy.strike_after((self.len as f64 * part) as u64, fault);
        let ran = self.run(&lab);
        let has_struck = self.proxy.has_struck();
        self.proxy.heal();
        has_struck.then_some((lab, ran))
    }

    /// Strikes after this part of the bytes of a whole run. Returns whether the run was continued.
    fn strike(&self, fault: NetworkFault, part: f64) -> bool {
        let what = format!("{fault:?} after {part:.3} of {} bytes", self.len);
        let (lab, ran) = (0..ATTEMPTS_MAX)
            .find_map(|_| self.attempt(fault, part))
            .unwrap_or_else(|| panic!("{what}: the fault did not strike"));
        assert!(
            ran.status == Some(0) || CAUSES.iter().any(|cause| ran.err.contains(cause)),
            "{what}: {ran:#?}"
        );
        let is_continued = check_and_complete(&lab, &what, &ran);
        // Those behind a silent network wait for their minute to pass.
        if fault != NetworkFault::FallsSilent {
            eventually(&format!("{what}: the agent ends"), || {
                self.sshd.processes("--sevbench-agent").is_empty()
            });
        }
        is_continued
    }
}

/// The middles of equal parts of a run.
fn parts(count: u32) -> impl Iterator<Item = f64> {
    (0..count).map(move |place| (f64::from(place) + 0.5) / f64::from(count))
}

fn count(continued: &[bool], what: &str) {
    let runs = continued.iter().filter(|is_continued| **is_continued).count();
    count_faults(continued.len(), &format!("{what}, {runs} runs continued"));
}

#[test]
fn broken_network_in_a_run_loses_nothing() {
    let network = match Network::start(false) {
        Ok(network) => network,
        Err(reason) => return skip(reason),
    };
    let strikes = FAULTS.iter().flat_map(|fault| parts(6).map(|part| (*fault, part)));
    let continued: Vec<bool> = strikes.map(|(fault, part)| network.strike(fault, part)).collect();
    count(&continued, "broken networks survived in runs");
}

#[test]
fn broken_network_in_an_upload_loses_nothing() {
    let network = match Network::start(true) {
        Ok(network) => network,
        Err(reason) => return skip(reason),
    };
    let strikes = FAULTS.iter().flat_map(|fault| parts(2).map(|part| (*fault, part)));
    let continued: Vec<bool> = strikes.map(|(fault, part)| network.strike(fault, part)).collect();
    count(&continued, "broken networks survived in uploads");
}

/// Most of the time passes with waiting, so the places are tried at the same time.
#[test]
fn silent_network_loses_nothing() {
    let places: Vec<(bool, f64)> =
        parts(5).map(|part| (false, part)).chain([(true, 0.5)]).collect();
    let networks: Result<Vec<Network>, Skip> =
        places.iter().map(|(uploads, _)| Network::start(*uploads)).collect();
    let networks = match networks {
        Ok(networks) => networks,
        Err(reason) => return skip(reason),
    };
    let continued: Vec<bool> = thread::scope(|scope| {
        let strike = |(network, (_, part)): (Network, &(bool, f64))| {
            let part = *part;
            scope.spawn(move || network.strike(NetworkFault::FallsSilent, part))
        };
        let strikes: Vec<_> = networks.into_iter().zip(&places).map(strike).collect();
        strikes.into_iter().map(|strike| strike.join().unwrap()).collect()
    });
    count(&continued, "silent networks survived");
}

/// A killed coordinator's connection is not closed if its network is cut too. The agent in the
/// machine notices that the heartbeats stop.
#[test]
fn agent_behind_a_cut_connection_ends_within_a_minute() {
    let sshd = match Sshd::start(&Options::default()) {
        Ok(sshd) => sshd,
        Err(reason) => return skip(reason),
    };
    let proxy = Proxy::start(SocketAddr::from((sshd.address, sshd.port)));
    let treatment = format!("other={}", sshd.address_through(&proxy));
    let lab = Lab::new();
    let long = ["--boots", "1", "--rounds", "400", "--measurement-time", "60s", "trials/spin"];
    let arms = ["--control", "loopback", "--treatment", &treatment];
    let mut child = lab.start(&[&arms[..], &long].concat(), 2);
    let agents = sshd.processes("--sevbench-agent");
    assert_eq!(agents.len(), 1);
    proxy.strike_after(0, NetworkFault::FallsSilent);
    eventually("the network is cut", || proxy.has_struck());
    child.kill().unwrap();
    child.wait().unwrap();
    for _ in 0..80 {
        if !is_alive(agents[0]) {
            return count_faults(1, "agent behind a cut connection ended");
        }
        thread::sleep(Duration::from_secs(1));
    }
    panic!("the agent still runs after 80 s");
}
