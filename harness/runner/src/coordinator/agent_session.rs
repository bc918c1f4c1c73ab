//! The coordinator's end of the protocol: an agent in each guest. Every request has a deadline.

use super::arm::Arm;
use super::attendant::{Attendant, SharedProcess};
use super::fleet::{AgentError, AgentLink, Booted, Fleet};
use super::plan::Plan;
use crate::record::Phases;
use sevbench_guest::{
    Address, DataFile, Ending, Executable, Guest, GuestError, Interrupt, Limits, OWN_EXECUTABLE,
    RemoteProcess, Shipped, is_interrupt,
};
use sevbench_protocol::{
    AGENT_ARGUMENT, FrameError, GreetingError, Hello, Reply, Request, read_greeting, read_reply,
    write_request,
};
use sevbench_text::nanoseconds;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The guests of a plan's arms.
pub(crate) struct GuestFleet {
    arms: Vec<Arm>,
    executable: Executable,
    /// What the benches need beside it.
    files: Vec<DataFile>,
    limits: Limits,
    interrupt: Interrupt,
    /// The folder of the guests' console logs.
    consoles: PathBuf,
    attendant: Arc<Attendant>,
}

impl GuestFleet {
    pub(crate) fn new(
        plan: &Plan,
        executable: Executable,
        interrupt: Interrupt,
        consoles: PathBuf,
    ) -> Self {
        let request = Duration::from_nanos(plan.settings.timeout_ns);
        let mut limits = Limits { request, ..Limits::default() };
        if let Some(boot_ns) = plan.settings.boot_timeout_ns {
            limits.boot = Duration::from_nanos(boot_ns);
        }
        let (arms, attendant) = (plan.arms.clone(), Arc::new(Attendant::start()));
        let files = plan.files.values().cloned().collect();
        Self { arms, executable, files, limits, interrupt, consoles, attendant }
    }
}

impl Fleet for GuestFleet {
    fn boot(&mut self, boot: u32, arm: usize) -> Result<(Box<dyn AgentLink>, Booted), AgentError> {
        let mut phases = Phases::default();
        let mut clock = Instant::now();
        let address = self.address_with_console(boot, arm)?;
        let server = Path::new(OWN_EXECUTABLE);
        let mut guest = Guest::start(&address, server, &self.limits, &self.interrupt)?;
        phases.start_ns = lap(&mut clock);
        add_boot_phases(&mut phases, &guest);
        let mut shipped = guest.ship(&self.executable)?;
        for file in &self.files {
            shipped.uploaded |= guest.ship_file(file)?.uploaded;
        }
        phases.ship_ns = lap(&mut clock);
        // The agent reads the guest's facts, which a boot still under way would change.
        guest.wait_until_booted();
        phases.settle_ns = lap(&mut clock);
        let sha256 = self.executable.sha256.clone();
        let (process, hello) = start_agent(&mut guest, &shipped, &sha256, self.limits.request)?;
        phases.agent_ns = lap(&mut clock);
        let booted = booted(phases, &guest, &shipped, hello);
        // Agents in guests that we start end with them.
        let outlives_us = matches!(address, Address::Ssh(_));
        let attendant = Arc::clone(&self.attendant);
        let session = AgentSession {
            process: attendant.attend(process, outlives_us),
            attendant,
            outlives_us,
            guest,
            shipped,
            sha256,
            request_limit: self.limits.request,
            requests: 0,
        };
        Ok((Box::new(session), booted))
    }
}

impl GuestFleet {
    /// An arm's address. A guest that we start writes its console to a file of this boot.
    fn address_with_console(&self, boot: u32, arm: usize) -> Result<Address, AgentError> {
        let mut address = self.arms[arm].address.clone();
        if let Address::Qemu(machine) = &mut address {
            std::fs::create_dir_all(&self.consoles).map_err(|error| {
                AgentError::failed(format!("cannot make {}: {error}", self.consoles.display()))
            })?;
            let name = format!("{boot}-{}.log", self.arms[arm].name);
            machine.console = Some(self.consoles.join(name));
        }
        Ok(address)
    }
}

/// Splits the start of a guest that we boot into its parts.
fn add_boot_phases(phases: &mut Phases, guest: &Guest) {
    if let Some(boot) = guest.boot_phases() {
        phases.qemu_ns = Some(nanoseconds(boot.qemu));
        phases.kernel_ns = boot.kernel.map(nanoseconds);
        phases.ssh_ns = Some(nanoseconds(boot.ssh));
    }
}

fn booted(phases: Phases, guest: &Guest, shipped: &Shipped, hello: Hello) -> Booted {
    Booted {
        phases,
        uploaded: shipped.uploaded,
        host_key: guest.host_key_fingerprint().to_owned(),
        agent_resident_bytes: hello.resident_bytes,
        launch: guest.launch_record().cloned(),
        facts: hello.facts,
        benches: hello.benches,
    }
}

/// A running agent.
struct AgentSession {
    // Fields drop in order: the agent ends before its machine.
    process: SharedProcess,
    attendant: Arc<Attendant>,
    /// Whether the agent can outlive the coordinator, if nothing tells it that the connection is
    /// cut.
    outlives_us: bool,
    guest: Guest,
    shipped: Shipped,
    /// The hash that an agent must report of itself.
    sha256: String,
    request_limit: Duration,
    /// The number of the last request.
    requests: u64,
}

impl AgentLink for AgentSession {
    fn ask(&mut self, request: &Request, expected: Duration) -> Result<Reply, AgentError> {
        let Self { process, guest, request_limit, requests, outlives_us, .. } = self;
        *requests += 1;
        let (number, limit) = (*requests, *request_limit + expected);
        let advice = if *outlives_us { IDLE_ADVICE } else { "" };
        let exchange = Exchange { number, limit, guest, advice };
        process
            .with(|process| exchange.run(process, request))
            .unwrap_or_else(|| Err(AgentError::failed("no agent runs in the guest".into())))
    }

    fn restart(&mut self) -> Result<(), AgentError> {
        self.process.close();
        let (process, _) =
            start_agent(&mut self.guest, &self.shipped, &self.sha256, self.request_limit)?;
        self.process = self.attendant.attend(process, self.outlives_us);
        Ok(())
    }

    fn set_paused(&mut self, paused: bool) -> Result<(), AgentError> {
        Ok(self.guest.set_paused(paused)?)
    }

    fn defect(&mut self) -> Option<String> {
        self.guest.defect()
    }
}

/// A request and the reply to it.
struct Exchange<'a> {
    number: u64,
    limit: Duration,
    guest: &'a Guest,
    /// What is added if the connection is lost.
    advice: &'static str,
}

impl Exchange<'_> {
    fn run(self, process: &mut RemoteProcess, request: &Request) -> Result<Reply, AgentError> {
        let Self { number, limit, guest, advice } = self;
        let retries = guest.transport_retries();
        let start = Instant::now();
        process.set_deadline(start + limit);
        let mut stopped = false;
        let reply = write_request(process, number, request).and_then(|()| {
            let while_waiting = &mut || stopped |= guest.is_stopped();
            read_reply(&mut Attentive { process, while_waiting }, number)
        });
        let host_ns = nanoseconds(start.elapsed());
        let mut reply = reply.map_err(|error| broken(error, process, limit, advice))?;
        // Fill in the host's fields, and overwrite anything that the guest put there.
        reply.conditions.host_ns = Some(host_ns);
        reply.conditions.stopped = stopped;
        reply.conditions.transport_retries = guest
            .transport_retries()
            .zip(retries)
            .map(|(after, before)| after.saturating_sub(before));
        Ok(reply)
    }
}

/// Reads from a process and does something else while it waits.
struct Attentive<'a> {
    process: &'a mut RemoteProcess,
    while_waiting: &'a mut dyn FnMut(),
}

impl Read for Attentive<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.process.read_while(buf, self.while_waiting)
    }
}

fn start_agent(
    guest: &mut Guest,
    shipped: &Shipped,
    sha256: &str,
    limit: Duration,
) -> Result<(RemoteProcess, Hello), AgentError> {
    let mut process = guest.spawn(shipped, &[AGENT_ARGUMENT])?;
    process.set_deadline(Instant::now() + limit);
    let hello = match read_greeting(&mut process) {
        Ok(hello) => hello,
        Err(GreetingError::Frame(error)) => {
            if is_end(&error)
                && let Some(cause) = process.cannot_run()
            {
                return Err(GuestError::from(cause).into());
            }
            return Err(broken(error, &mut process, limit, ""));
        }
        Err(other) => return Err(AgentError::failed(other.to_string())),
    };
    if hello.executable_sha256 != sha256 {
        return Err(AgentError::failed(format!(
            "the executable in the guest differs from this one: type `rm {}` there and run again",
            shipped.path
        )));
    }
    Ok((process, hello))
}

fn is_end(error: &FrameError) -> bool {
    matches!(error, FrameError::Io(io) if io.kind() == io::ErrorKind::UnexpectedEof)
}

/// Why an exchange failed: the time limit, or how the agent ended and what it printed last.
fn broken(
    error: FrameError,
    process: &mut RemoteProcess,
    limit: Duration,
    advice: &str,
) -> AgentError {
    let io = match error {
        FrameError::Io(io) => io,
        other => return AgentError::failed(format!("the agent's answer is unusable: {other}")),
    };
    if is_interrupt(&io) {
        return AgentError::interrupted();
    }
    if io.kind() == io::ErrorKind::TimedOut {
        let limit = humantime::format_duration(Duration::from_millis(limit.as_millis() as u64));
        return AgentError::failed(format!(
            "no answer within {limit} (raise --timeout to wait longer)"
        ));
    }
    let ending = match process.ending() {
        Ending::ConnectionLost => format!("the connection to the guest was lost ({io}){advice}"),
        ending => format!("the agent ended ({ending})"),
    };
    match process.stderr_tail() {
        log if log.is_empty() => AgentError::failed(ending),
        log => AgentError::failed(format!("{ending}; its last output:\n{log}")),
    }
}

/// A server may end connections that it takes for dead.
const IDLE_ADVICE: &str = "; if that happens while other arms measure, raise ClientAliveInterval \
                           in its sshd_config";

fn lap(clock: &mut Instant) -> u64 {
    let now = Instant::now();
    let elapsed = now.duration_since(*clock);
    *clock = now;
    nanoseconds(elapsed)
}

impl From<GuestError> for AgentError {
    fn from(error: GuestError) -> Self {
        match error {
            GuestError::Interrupted => Self::interrupted(),
            other => Self::failed(other.to_string()),
        }
    }
}
