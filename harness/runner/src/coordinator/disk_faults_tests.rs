//! The disk's part of the fault matrix: every write and every sync of a journal fails once, each in
//! a run of its own, and the power fails at every write. After each fault, what was recorded is
//! usable, what was synced is there, and a resumed run does the rest of the same schedule.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::checkpoint::Checkpoint;
use super::plan::Plan;
use super::scripted::checks::{plan, try_plan};
use super::scripted::{ScriptedReplication, Trouble};
use crate::record::{
    Event, Header, Journal, JournalError, JournalFile, JournalWriter, ResumedRecord, read_journal,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sevbench_reports::Outcome;
use sevbench_testing::count_faults;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;

/// A disk that forgets what was not synced.
#[derive(Clone, Debug, Default)]
struct Disk {
    durable: Vec<u8>,
    /// Whether the file itself was synced: its entry in its folder.
    is_listed: bool,
    unsynced: Vec<Vec<u8>>,
    appends: usize,
    syncs: usize,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// This write fails after this share of its bytes, in eighths.
    Append(usize, usize),
    /// This sync fails.
    Sync(usize),
    /// The power fails after this write: nothing more is written.
    PowerLoss(usize),
}

impl Disk {
    /// All bytes, as a process sees them.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        self.unsynced.iter().for_each(|write| bytes.extend(write));
        bytes
    }

    /// What is left after a power failure: what was synced, and any part of the other writes. Of a
    /// lost write before one that survived, the file system leaves zeros. Nothing is left of a file
    /// whose entry was not synced.
    fn after_power_loss(&self, random: &mut ChaCha8Rng) -> Vec<u8> {
        if !self.is_listed {
            return Vec::new();
        }
        let mut bytes = self.durable.clone();
        let mut end = bytes.len();
        for write in &self.unsynced {
            let survives: bool = random.random();
            match survives {
                true => bytes.extend(write),
                false => bytes.resize(bytes.len() + write.len(), 0),
            }
            end = if survives { bytes.len() } else { end };
        }
        bytes.truncate(end);
        bytes
    }
}

struct SimulatedFile(Rc<RefCell<Disk>>);

impl JournalFile for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        disk.appends += 1;
        match disk.fault {
            Some(Fault::Append(nth, eighths)) if nth == disk.appends => {
                let len = bytes.len() * eighths / 8;
                disk.unsynced.push(bytes[..len].to_vec());
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(Fault::PowerLoss(nth)) if disk.appends > nth => {
                Err(io::Error::other("the power is off"))
            }
            _ => {
                disk.unsynced.push(bytes.to_vec());
                Ok(())
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        disk.syncs += 1;
        match disk.fault {
            Some(Fault::Sync(nth)) if nth == disk.syncs => Err(io::Error::other("a bad block")),
            _ => {
                disk.durable = disk.bytes();
                disk.unsynced.clear();
                Ok(())
            }
        }
    }

    fn sync_entries(&mut self) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        disk.syncs += 1;
        match disk.fault {
            Some(Fault::Sync(nth)) if nth == disk.syncs => Err(io::Error::other("a bad block")),
            _ => {
                disk.is_listed = true;
                Ok(())
            }
        }
    }

    fn cut_torn_line(&mut self) -> io::Result<bool> {
        let mut disk = self.0.borrow_mut();
        let bytes = disk.bytes();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        disk.durable = bytes[..whole].to_vec();
        disk.unsynced.clear();
        Ok(whole < bytes.len())
    }
}

fn writer(disk: &Rc<RefCell<Disk>>) -> JournalWriter {
    JournalWriter::on("run.ndjson".as_ref(), Box::new(SimulatedFile(Rc::clone(disk))))
}

/// Runs the plan on this disk, from its header to its end or the fault.
fn run(plan: &Plan, disk: &Rc<RefCell<Disk>>) -> Result<Outcome, JournalError> {
    let mut journal = writer(disk);
    let header = Header {
        benches: plan.benches.clone(),
        settings: plan.settings.clone(),
        ..Header::smallest()
    };
    journal.begin(&header)?;
    try_plan(plan, Trouble::None, &mut replication(), &mut journal, &Checkpoint::default())
}

const fn replication() -> ScriptedReplication {
    ScriptedReplication { wanted: Ok(Vec::new()), asked: 0 }
}

fn journal_of(bytes: &[u8]) -> Result<Journal, JournalError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    std::fs::write(&path, bytes).unwrap();
    read_journal(&path)
}

/// The rounds with their order of arms.
fn rounds(journal: &Journal) -> Vec<(u32, String, u32, Vec<String>)> {
    let rounds = journal.events.iter().filter_map(|event| match event {
        Event::Round(round) => Some(round),
        _ => None,
    });
    let arms = |arms: &[crate::record::ArmRound]| arms.iter().map(|arm| arm.arm.clone()).collect();
    rounds.map(|round| (round.boot, round.bench.clone(), round.round, arms(&round.arms))).collect()
}

/// Continues the run of these bytes on a disk without a fault, and checks that nothing usable was
/// lost and that the schedule is the one of its seed.
fn resume(plan: &Plan, bytes: &[u8]) {
    let disk = Rc::new(RefCell::new(Disk { durable: bytes.to_vec(), ..Disk::default() }));
    let mut journal = writer(&disk);
    journal.cut_torn_line().unwrap();
    let before = journal_of(&disk.borrow().bytes()).unwrap();
    journal.append(&Event::Resumed(ResumedRecord { at: String::new() })).unwrap();
    let checkpoint = Checkpoint::of(&before);
    let outcome =
        try_plan(plan, Trouble::None, &mut replication(), &mut journal, &checkpoint).unwrap();
    assert_eq!(outcome, Outcome::Complete);
    let after = journal_of(&disk.borrow().bytes()).unwrap();
    assert!(rounds(&after).starts_with(&rounds(&before)), "resuming lost rounds");
    for bench in &plan.benches {
        let boots: BTreeSet<u32> = after
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Measured(record) if record.bench == *bench => Some(record.boot),
                _ => None,
            })
            .collect();
        assert_eq!(boots.len(), plan.settings.boots as usize, "{bench}");
    }
    // The order of a round depends on the seed, the boot and the round alone.
    let longer = Plan {
        settings: crate::record::Settings { boots: 4, ..plan.settings.clone() },
        ..plan.clone()
    };
    let whole = Rc::new(RefCell::new(Disk::default()));
    run(&longer, &whole).unwrap();
    let whole: BTreeSet<_> =
        rounds(&journal_of(&whole.borrow().bytes()).unwrap()).into_iter().collect();
    for round in rounds(&after) {
        assert!(whole.contains(&round), "{round:?} is not in the schedule");
    }
}

#[test]
fn every_failed_write_and_sync_keeps_what_was_recorded() {
    let plan = plan();
    let whole = Rc::new(RefCell::new(Disk::default()));
    assert_eq!(run(&plan, &whole).unwrap(), Outcome::Complete);
    let (appends, syncs) = (whole.borrow().appends, whole.borrow().syncs);
    let expected = rounds(&journal_of(&whole.borrow().bytes()).unwrap());
    assert!(appends > 20 && syncs >= 4, "{appends} {syncs}");
    let of_append = |nth| [0, 4, 7].map(|eighths| Fault::Append(nth, eighths));
    let faults = (1..=appends).flat_map(of_append).chain((1..=syncs).map(Fault::Sync));
    let mut survived = 0;
    for fault in faults {
        let disk = Rc::new(RefCell::new(Disk { fault: Some(fault), ..Disk::default() }));
        let error = run(&plan, &disk).unwrap_err().to_string();
        assert!(error.contains("cannot write run.ndjson"), "{fault:?}: {error}");
        let bytes = disk.borrow().bytes();
        match journal_of(&bytes) {
            Ok(journal) => {
                let found = rounds(&journal);
                assert!(expected.starts_with(&found), "{fault:?}: other rounds");
                let written = bytes.iter().filter(|byte| **byte == b'\n').count();
                assert_eq!(
                    journal.events.len() + usize::from(journal.tail.end.is_some()),
                    written - 1
                );
                resume(&plan, &bytes);
            }
            // Nothing was recorded yet.
            Err(_) => assert!(matches!(fault, Fault::Append(1, _)), "{fault:?}"),
        }
        survived += 1;
    }
    count_faults(survived, "failed writes and syncs survived");
}

#[test]
fn power_failure_loses_at_most_what_was_not_synced() {
    let plan = plan();
    let whole = Rc::new(RefCell::new(Disk::default()));
    run(&plan, &whole).unwrap();
    let appends = whole.borrow().appends;
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut survived = 0;
    for nth in 1..=appends {
        let disk = Disk { fault: Some(Fault::PowerLoss(nth)), ..Disk::default() };
        let disk = Rc::new(RefCell::new(disk));
        run(&plan, &disk).ok();
        let disk = disk.borrow();
        assert!(!disk.durable.is_empty(), "the header was not synced");
        for _ in 0..8 {
            let left = disk.after_power_loss(&mut random);
            let journal = journal_of(&left).unwrap();
            let synced = journal_of(&disk.durable).unwrap();
            assert!(rounds(&journal).starts_with(&rounds(&synced)));
            resume(&plan, &left);
            survived += 1;
        }
    }
    count_faults(survived, "power failures survived");
}
