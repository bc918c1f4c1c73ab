//! The host's side: has a guest hold a secret, searches the memory of a process for it, and judges
//! what it finds.

use super::dump::{Dump, DumpMethod, mappings_of};
use super::error::LeakError;
use super::ram::{Ram, ram_offset};
use super::report::{LINE_LEN_MAX, SecretReport};
use super::search::{SearchResult, search};
use super::secret_process::SECRET_ARGUMENT;
use super::verdict::{Evidence, LeakVerdict, SecretPages, judge};
use crate::error::GuestError;
use crate::executable::Executable;
use crate::guest::Guest;
use crate::limits::{Interrupt, is_interrupt};
use crate::ssh::{Ending, RemoteProcess};
use crate::wait::Wait;
use sevbench_process::Program;
use std::io::{self, Read};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long the secret process may take for a report; its guest may be emulated.
const REPORT_LIMIT: Duration = Duration::from_secs(60);
/// How long a search may take; it covers at least some 100 MB a second.
const SEARCH_LIMIT: Duration = Duration::from_secs(30 * 60);
/// How long gdb may take to print its version.
const GDB_VERSION_LIMIT: Duration = Duration::from_secs(30);

/// Where and how to search.
#[derive(Clone, Debug)]
pub struct LeakProbe {
    /// How memory is read.
    pub method: DumpMethod,
    /// The process to search; `None` for the guest's own QEMU.
    pub process_id: Option<u32>,
    /// The size of the guest's memory, in bytes.
    pub memory_len: u64,
}

/// The result of a probe.
#[derive(Clone, Debug)]
pub struct Finding {
    /// One of four verdicts.
    pub verdict: LeakVerdict,
    /// Why, as part of a sentence.
    pub reason: String,
    /// The process that was searched.
    pub process_id: u32,
    /// The size of the guest's memory, in bytes.
    pub memory_len: u64,
    /// The length of the dump, readable or not.
    pub dump_len: u64,
    /// What the dump holds.
    pub result: SearchResult,
    /// How many of the pages reported by the guest hold the secret; `None` if their location in the
    /// dump is unknown.
    pub pages_in_place: Option<usize>,
}

impl LeakProbe {
    /// Checks that the probe can run, before a guest is started for it.
    ///
    /// # Errors
    /// If the executable is dynamically linked, there is no such process, the process is this one,
    /// or gdb is needed and missing.
    pub fn check(&self, executable: &Executable) -> Result<(), LeakError> {
        if let Some(interpreter) = executable.interpreter.clone() {
            let architecture = executable.architecture;
            return Err(LeakError::Dynamic { interpreter, architecture });
        }
        if let Some(process_id) = self.process_id {
            // A process that searches itself finds the copies that it reads.
            if process_id == std::process::id() {
                return Err(LeakError::OurOwn { process_id });
            }
            mappings_of(process_id)?;
        }
        match self.method {
            DumpMethod::Mem => Ok(()),
            DumpMethod::Gcore => {
                let mut gdb = Command::new("gdb");
                match Program::new(gdb.arg("--version"), GDB_VERSION_LIMIT).run() {
                    Ok(output) if output.status.success() => Ok(()),
                    _ => Err(LeakError::NoGdb),
                }
            }
        }
    }
}

/// Has the guest hold a new secret, and searches for it. `executable` must call
/// [`hold_secret`](super::hold_secret) on [`SECRET_ARGUMENT`](super::SECRET_ARGUMENT).
///
/// # Errors
/// If sevbench did not boot the guest, the guest does not hold a secret, or the process cannot be
/// searched.
pub fn probe_for_secret(
    guest: &mut Guest,
    executable: &Executable,
    probe: &LeakProbe,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&str),
) -> Result<Finding, LeakError> {
    let machine = guest.machine_process_id().ok_or(LeakError::NoMachine)?;
    let process_id = probe.process_id.unwrap_or(machine);
    let mut holder = SecretProcess::start(guest, executable)?;
    tell(&format!("the guest holds a secret; dumping process {process_id}"));
    let dump = match probe.method {
        DumpMethod::Mem => Dump::of_process(process_id)?,
        DumpMethod::Gcore => Dump::of_core(process_id, interrupt)?,
    };
    tell(&format!("searching {} MiB", dump.len() >> 20));
    let result = holder.search(&dump, interrupt)?;
    let secret = holder.secret.clone();
    let processes = Processes { searched: process_id, machine };
    let mut pages = read_secret_pages(&dump, &secret, processes, probe.memory_len)?;
    if holder.release()? != secret {
        let reason = "the guest moved the secret's pages during the search; try again";
        pages = SecretPages::Unknown(reason.into());
    }
    let pages_in_place = pages.count_holding(&secret);
    let evidence = Evidence {
        memory_len: probe.memory_len,
        dump_len: dump.len(),
        nonzero_len: result.nonzero_len,
        hits: result.hits,
        pages,
    };
    let (verdict, reason) = judge(&evidence);
    let (memory_len, dump_len) = (probe.memory_len, evidence.dump_len);
    Ok(Finding { verdict, reason, process_id, memory_len, dump_len, result, pages_in_place })
}

/// The process that is searched, and the one that is the guest's machine.
#[derive(Clone, Copy)]
struct Processes {
    searched: u32,
    machine: u32,
}

/// Reads the pages that hold the secret, according to the guest.
fn read_secret_pages(
    dump: &Dump,
    secret: &SecretReport,
    processes: Processes,
    memory_len: u64,
) -> Result<SecretPages, LeakError> {
    let Some(frames) = &secret.frames else {
        let reason =
            "the guest does not report the secret's address (its /proc/self/pagemap needs root)";
        return Ok(SecretPages::Unknown(reason.into()));
    };
    let ram = match find_ram(processes, memory_len)? {
        Ok(ram) => ram,
        Err(reason) => return Ok(SecretPages::Unknown(reason)),
    };
    let page = |frame: &u64| {
        let address = ram_offset(*frame, memory_len).and_then(|offset| ram.address_of(offset))?;
        let mut page = vec![0; usize::try_from(secret.page_len).ok()?];
        dump.read_exact_at(address, &mut page).then_some(page)
    };
    Ok(SecretPages::Read(frames.iter().map(page).collect()))
}

/// The guest's memory in the searched process, or why it is not there.
fn find_ram(processes: Processes, memory_len: u64) -> Result<Result<Ram, String>, LeakError> {
    let Processes { searched, machine } = processes;
    let own = Ram::find(&mappings_of(machine)?, memory_len);
    if searched == machine {
        return Ok(own.map_err(|reason| format!("the guest's memory was not found: {reason}")));
    }
    // Another process may map the same file, as vhost-user backends do.
    let file = own.ok().and_then(|ram| ram.file);
    let mappings = mappings_of(searched)?;
    let ram = file.map(|file| Ram::of_file(&mappings, &file)).filter(|ram| !ram.is_empty());
    Ok(ram.ok_or_else(|| {
        format!("process {searched} is not the guest's QEMU and does not map its memory")
    }))
}

/// The process in the guest that holds the secret. Dropping it closes the process's input, and so
/// ends it.
struct SecretProcess {
    process: RemoteProcess,
    secret: SecretReport,
}

impl SecretProcess {
    fn start(guest: &mut Guest, executable: &Executable) -> Result<Self, LeakError> {
        let shipped = guest.ship(executable)?;
        let mut process = guest.spawn(&shipped, &[SECRET_ARGUMENT])?;
        let secret = read_report(&mut process)?;
        Ok(Self { process, secret })
    }

    /// Searches a dump for the secret, and keeps the connection to the guest alive meanwhile.
    fn search(&mut self, dump: &Dump, interrupt: &Interrupt) -> Result<SearchResult, LeakError> {
        let wait = Wait::new(interrupt, SEARCH_LIMIT);
        let mut progress = |_| {
            wait.slice()?;
            self.process.keep_alive()
        };
        search(dump, &self.secret, &mut progress).map_err(|error| match error.kind() {
            _ if is_interrupt(&error) => LeakError::Interrupted,
            io::ErrorKind::TimedOut => LeakError::TooLong { limit: SEARCH_LIMIT },
            _ => LeakError::SecretProcessEnded {
                ending: Ending::ConnectionLost,
                reason: error.to_string(),
            },
        })
    }

    /// Has the secret wiped, and returns the process's last report on it.
    fn release(mut self) -> Result<SecretReport, LeakError> {
        self.process.set_deadline(Instant::now() + REPORT_LIMIT);
        self.process.close_input().map_err(|error| report_failed(error, &mut self.process))?;
        read_report(&mut self.process)
    }
}

fn read_report(process: &mut RemoteProcess) -> Result<SecretReport, LeakError> {
    process.set_deadline(Instant::now() + REPORT_LIMIT);
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() <= LINE_LEN_MAX {
        match process.read(&mut byte) {
            Ok(0) => {
                if let Some(error) = process.cannot_run() {
                    return Err(GuestError::from(error).into());
                }
                return Err(report_failed(io::ErrorKind::UnexpectedEof.into(), process));
            }
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => line.push(byte[0]),
            Err(error) => return Err(report_failed(error, process)),
        }
    }
    Ok(SecretReport::parse(&String::from_utf8_lossy(&line))?)
}

fn report_failed(error: io::Error, process: &mut RemoteProcess) -> LeakError {
    match error.kind() {
        _ if is_interrupt(&error) => LeakError::Interrupted,
        io::ErrorKind::TimedOut => LeakError::SecretProcessSilent { limit: REPORT_LIMIT },
        _ => {
            let ending = process.ending();
            LeakError::SecretProcessEnded { ending, reason: process.stderr_tail() }
        }
    }
}
