//! A run's folder and its journal, open for writing.

use super::exit::CliError;
use crate::coordinator::{Arm, Checkpoint, Plan};
use crate::record::{Header, JOURNAL_SCHEMA, JournalWriter, Location, next_number};
use sevbench_guest::{Executable, HostFacts};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Where a run is recorded, and what it has recorded before.
pub(super) struct OpenRecord {
    pub location: Location,
    pub journal: JournalWriter,
    pub checkpoint: Checkpoint,
}

impl OpenRecord {
    /// Makes the folder and the journal of a new run.
    ///
    /// # Errors
    /// If either cannot be written.
    pub(super) fn create(plan: &Plan, executable: &Executable) -> Result<Self, CliError> {
        let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let stamp = format!("{}-{}", started.replace(['-', ':'], ""), plan.suite);
        let number = next_number();
        let location = Location::create(&stamp).map_err(CliError::failed)?;
        let header = header(plan, &location, number, started, executable);
        let journal = JournalWriter::create(&location.journal(), &header);
        let journal = journal.map_err(CliError::failed)?;
        Ok(Self { location, journal, checkpoint: Checkpoint::default() })
    }
}

fn header(
    plan: &Plan,
    location: &Location,
    number: u64,
    started: String,
    executable: &Executable,
) -> Header {
    Header {
        schema: JOURNAL_SCHEMA.into(),
        id: location.id(),
        number,
        suite: plan.suite.clone(),
        testbed: plan.testbed.clone(),
        started,
        seed: plan.seed,
        sevbench_version: env!("CARGO_PKG_VERSION").into(),
        executable_sha256: executable.sha256.clone(),
        host: HostFacts::gather().named,
        arms: plan.arms.iter().map(Arm::record).collect(),
        benches: plan.benches.clone(),
        files: hashes(plan),
        settings: plan.settings.clone(),
    }
}

/// The hashes of a plan's files.
pub(super) fn hashes(plan: &Plan) -> BTreeMap<String, String> {
    plan.files.iter().map(|(path, file)| (path.clone(), file.sha256.clone())).collect()
}
