//! The host's side: has a guest hold a secret, looks for it in the memory of a process, and says what came of it.

use super::answer::{Evidence, Place, judge};
use super::dump::mappings_of;
use super::ram::{Ram, ram_offset};
use super::report::LINE_LEN_MAX;
use super::{
    Answer, Dump, DumpWay, LeakError, SECRET_ARGUMENT, SearchResult, SecretReport, search,
};
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

/// How long the holder in the guest may take for a line; the guest may be emulated.
const HOLDER_LIMIT: Duration = Duration::from_secs(60);
/// How long a search may take; it goes through some 100 MB a second at the least.
const SEARCH_LIMIT: Duration = Duration::from_secs(30 * 60);

/// How long gdb may take to print its version.
const GDB_VERSION_LIMIT: Duration = Duration::from_secs(30);

/// How to look.
#[derive(Clone, Debug)]
pub struct Look {
    /// How the memory is got at.
    pub way: DumpWay,
    /// The process to be searched; none for the guest's own machine.
    pub process_id: Option<u32>,
    /// The size of the guest's memory, in bytes.
    pub memory_len: u64,
}

/// What came of a look.
#[derive(Clone, Debug)]
pub struct Finding {
    /// One of four.
    pub answer: Answer,
    /// Why, in a part of a sentence.
    pub reason: String,
    /// The process that was searched.
    pub process_id: u32,
    /// The size of the guest's memory, in bytes.
    pub memory_len: u64,
    /// What the dump covers, readable or not.
    pub dump_len: u64,
    /// What is in it.
    pub result: SearchResult,
    /// How many of the secret's pages hold it where the guest says that they are; none where that place is unknown.
    pub pages_in_place: Option<usize>,
}

impl Look {
    /// Looks whether it can be done, before any guest is started for it.
    ///
    /// # Errors
    /// If there is no such process, it is ours, or gdb is wanted and missing.
    pub fn check(&self) -> Result<(), LeakError> {
        if let Some(process_id) = self.process_id {
            // It reads what it searches, and so would find its own copy.
            if process_id == std::process::id() {
                return Err(LeakError::OurOwn { process_id });
            }
            mappings_of(process_id)?;
        }
        let mut gdb = Command::new("gdb");
        let mut run = || Program::new(gdb.arg("--version"), GDB_VERSION_LIMIT).run();
        match self.way {
            DumpWay::Gcore => match run() {
                Ok(output) if output.status.success() => Ok(()),
                _ => Err(LeakError::NoGdb),
            },
            DumpWay::Mem => Ok(()),
        }
    }
}

/// Has the guest hold a new secret and looks for it. `executable` must play the holder's role on
/// [`SECRET_ARGUMENT`](super::SECRET_ARGUMENT).
///
/// # Errors
/// If the guest is no machine of ours or does not hold a secret, or the process cannot be searched.
pub fn look_for_secret(
    guest: &mut Guest,
    executable: &Executable,
    look: &Look,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&str),
) -> Result<Finding, LeakError> {
    let machine = guest.machine_process_id().ok_or(LeakError::NoMachine)?;
    let process_id = look.process_id.unwrap_or(machine);
    let mut holder = Holder::start(guest, executable)?;
    tell(&format!("the guest holds a secret; dumping process {process_id}"));
    let dump = match look.way {
        DumpWay::Mem => Dump::of_process(process_id)?,
        DumpWay::Gcore => Dump::of_core(process_id, interrupt)?,
    };
    tell(&format!("searching {} MiB", dump.len() >> 20));
    let wait = Wait::new(interrupt, SEARCH_LIMIT);
    let mut progress = |_| {
        wait.slice()?;
        holder.process.tend()
    };
    let result = search(&dump, &holder.secret, &mut progress).map_err(search_failed)?;
    let mut place = look_at_place(&dump, &holder.secret, (process_id, machine), look.memory_len)?;
    let secret = holder.secret.clone();
    if holder.release()? != secret {
        place = Place::Unknown("the guest moved the secret's pages meanwhile; try again".into());
    }
    let evidence = Evidence {
        memory_len: look.memory_len,
        dump_len: dump.len(),
        nonzero_len: result.nonzero_len,
        hits: result.hits,
        place,
    };
    let (answer, reason) = judge(&evidence);
    let pages_in_place = match &evidence.place {
        Place::Pages(pages) => {
            let holds = |page: &&Vec<u8>| {
                page.first_chunk::<64>().is_some_and(|first| secret.is_secret(first))
            };
            Some(pages.iter().flatten().filter(holds).count())
        }
        Place::Unknown(_) => None,
    };
    let (memory_len, dump_len) = (look.memory_len, evidence.dump_len);
    Ok(Finding { answer, reason, process_id, memory_len, dump_len, result, pages_in_place })
}

/// What stands where the guest says that its secret is.
fn look_at_place(
    dump: &Dump,
    secret: &SecretReport,
    (process_id, machine): (u32, u32),
    memory_len: u64,
) -> Result<Place, LeakError> {
    let unknown = |reason: String| Ok(Place::Unknown(reason));
    let Some(frames) = &secret.frames else {
        return unknown(
            "the guest does not tell where the secret is (its /proc/self/pagemap needs root)"
                .into(),
        );
    };
    let own = Ram::find(&mappings_of(machine)?, memory_len);
    let ram = match (own, process_id == machine) {
        (Ok(ram), true) => ram,
        (Err(reason), true) => {
            return unknown(format!("the guest's memory was not found: {reason}"));
        }
        (own, false) => {
            // Another process may map the same memory, as vhost-user's do. It is the same file then.
            let file = own.ok().and_then(|ram| ram.file);
            let mappings = mappings_of(process_id)?;
            match file.map(|file| Ram::of_file(&mappings, &file)) {
                Some(ram) if !ram.is_empty() => ram,
                _ => {
                    return unknown(format!(
                        "process {process_id} is not the guest's QEMU and does not map its memory"
                    ));
                }
            }
        }
    };
    let page = |frame: &u64| {
        let address = ram_offset(*frame, memory_len).and_then(|offset| ram.address_of(offset))?;
        let mut page = vec![0; usize::try_from(secret.page_len).ok()?];
        dump.read_exact_at(address, &mut page).then_some(page)
    };
    Ok(Place::Pages(frames.iter().map(page).collect()))
}

fn search_failed(error: io::Error) -> LeakError {
    match error.kind() {
        _ if is_interrupt(&error) => LeakError::Interrupted,
        io::ErrorKind::TimedOut => LeakError::TooLong { limit: SEARCH_LIMIT },
        _ => LeakError::HolderEnded { ending: Ending::ConnectionLost, reason: error.to_string() },
    }
}

/// The process in the guest that holds the secret. Dropping it ends the process's input, and so the process.
struct Holder {
    process: RemoteProcess,
    secret: SecretReport,
}

impl Holder {
    fn start(guest: &mut Guest, executable: &Executable) -> Result<Self, LeakError> {
        let shipped = guest.ship(executable)?;
        let mut process = guest.spawn(&shipped, &[SECRET_ARGUMENT])?;
        let secret = read_report(&mut process)?;
        Ok(Self { process, secret })
    }

    /// Has the secret wiped; gives the holder's last word on it.
    fn release(mut self) -> Result<SecretReport, LeakError> {
        self.process.set_deadline(Instant::now() + HOLDER_LIMIT);
        self.process.close_input().map_err(|error| holder_failed(error, &mut self.process))?;
        read_report(&mut self.process)
    }
}

fn read_report(process: &mut RemoteProcess) -> Result<SecretReport, LeakError> {
    process.set_deadline(Instant::now() + HOLDER_LIMIT);
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() <= LINE_LEN_MAX {
        match process.read(&mut byte) {
            Ok(0) => {
                if let Some(error) = process.cannot_run() {
                    return Err(GuestError::from(error).into());
                }
                return Err(holder_failed(io::ErrorKind::UnexpectedEof.into(), process));
            }
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => line.push(byte[0]),
            Err(error) => return Err(holder_failed(error, process)),
        }
    }
    Ok(SecretReport::parse(&String::from_utf8_lossy(&line))?)
}

fn holder_failed(error: io::Error, process: &mut RemoteProcess) -> LeakError {
    match error.kind() {
        _ if is_interrupt(&error) => LeakError::Interrupted,
        io::ErrorKind::TimedOut => LeakError::HolderSilent { limit: HOLDER_LIMIT },
        _ => {
            let ending = process.ending();
            LeakError::HolderEnded { ending, reason: process.stderr_tail() }
        }
    }
}
