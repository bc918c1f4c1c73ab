//! `--resume`: continues the newest unfinished run of a suite as it began. Flags that contradict
//! its record are refused.

use super::bench_arguments::BenchArguments;
use super::bench_plan::testbed_arms;
use super::changed_settings::contradiction;
use super::exit::CliError;
use super::open_record::{OpenRecord, hashes};
use crate::config::Config;
use crate::coordinator::{Arm, Checkpoint, Plan, select};
use crate::record::{
    ArmRecord, Event, Header, Journal, JournalWriter, Location, ResumedRecord, Settings,
    find_unfinished, read_journal, warn_of_unreadable_runs,
};
use crate::stderr::tell;
use sevbench_guest::{Executable, typed_folder};
use sevbench_protocol::{BenchList, ListedBench};
use std::time::SystemTime;

/// An unfinished run. No other process can continue it meanwhile.
pub(super) struct Unfinished {
    pub location: Location,
    pub journal: Journal,
    writer: JournalWriter,
}

impl Unfinished {
    /// Finds the newest unfinished run of a suite and locks its journal. `None` if every run is
    /// complete.
    ///
    /// # Errors
    /// If the suite has no runs, or another process writes to its journal.
    pub(super) fn find(suite: &str) -> Result<Option<Self>, CliError> {
        let is_any_unreadable = warn_of_unreadable_runs();
        let Some(location) = find_unfinished(suite).map_err(CliError::usage)? else {
            return match is_any_unreadable {
                true => Err(CliError::usage(format!(
                    "no run of `{suite}` can be continued: what can be read is complete; start a \
                     new run without --resume"
                ))),
                false => Ok(None),
            };
        };
        let writer = JournalWriter::open(&location.journal()).map_err(CliError::usage)?;
        // No other process writes to it now.
        let journal = read_journal(&location.journal()).map_err(CliError::usage)?;
        Ok(Some(Self { location, journal, writer }))
    }

    /// The plan of the run, from its header.
    ///
    /// # Errors
    /// If this executable or a flag differs from those that started the run.
    pub(super) fn plan(
        &self,
        suite: &BenchList,
        arguments: &BenchArguments,
        executable: &Executable,
    ) -> Result<Plan, CliError> {
        let header = &self.journal.header;
        if header.executable_sha256 != executable.sha256 {
            return Err(self.refused(
                "this executable is not the one that started it; build that one again, from the \
                 same code and with the same profile",
            ));
        }
        if let Some(defect) = header.defect() {
            return Err(self.refused(&format!("its header is damaged: {defect}")));
        }
        let cases = self.cases(suite, arguments)?;
        let config = Config::load(arguments.config.as_deref()).map_err(CliError::usage)?;
        let arms = (header.testbed.clone(), self.arms(arguments, &config)?);
        let of_flags = arguments.plan_of(arms, &config, suite, &cases, header.seed)?;
        let now = hashes(&of_flags);
        if let Some((path, _)) =
            header.files.iter().find(|(path, hash)| now.get(*path) != Some(hash))
        {
            return Err(self.refused(&format!(
                "the file {path} has changed since it began; put back what it was"
            )));
        }
        let is_given = |flag: &str| arguments.is_given(flag);
        if let Some(changed) = contradiction(&header.settings, &of_flags.settings, is_given) {
            return Err(self.refused(&changed));
        }
        if arguments.is_given("seed") && arguments.seed != Some(header.seed) {
            return Err(self.refused(&format!("its seed is {}; drop --seed", header.seed)));
        }
        let Settings { timeout_ns, boot_timeout_ns, max_time_ns, .. } = of_flags.settings;
        let mut settings = header.settings.clone();
        // Time limits do not change what is measured.
        if arguments.is_given("timeout") {
            settings.timeout_ns = timeout_ns;
        }
        if arguments.is_given("boot_timeout") {
            settings.boot_timeout_ns = boot_timeout_ns;
        }
        settings.max_time_ns = max_time_ns.or(settings.max_time_ns);
        Ok(Plan { pauses_idle: !settings.no_pause, settings, ..of_flags })
    }

    /// Opens the record to continue it: cuts off a torn line and records the time of the
    /// resumption.
    pub(super) fn reopen(self, quiet: bool) -> Result<OpenRecord, CliError> {
        let Self { location, journal, mut writer } = self;
        let is_cut = writer.cut_torn_line().map_err(CliError::failed)?;
        let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        writer.append(&Event::Resumed(ResumedRecord { at })).map_err(CliError::failed)?;
        let checkpoint = Checkpoint::of(&journal);
        if !quiet {
            let torn = if is_cut { "; its incomplete last line was removed" } else { "" };
            tell(&format!(
                "continuing {} after boot {}{torn}",
                location.id(),
                checkpoint.last_boot
            ));
        }
        Ok(OpenRecord { location, journal: writer, checkpoint })
    }

    fn refused(&self, why: &str) -> CliError {
        let id = self.location.id();
        CliError::usage(format!(
            "cannot continue the run {id}: {why}, or start a new run without --resume"
        ))
    }

    /// The benches of the run. A filter, if there is one, must select the same.
    fn cases<'s>(
        &self,
        suite: &'s BenchList,
        arguments: &BenchArguments,
    ) -> Result<Vec<&'s ListedBench>, CliError> {
        let benches = &self.journal.header.benches;
        let is_of_run = |case: &&ListedBench| benches.iter().any(|id| id == case.id());
        let cases: Vec<&ListedBench> = suite.benches.iter().filter(is_of_run).collect();
        let selects =
            ["filters", "skip", "exact", "sweep"].iter().any(|flag| arguments.is_given(flag));
        let chosen = match selects {
            true => select(suite, &arguments.selection()).map_err(CliError::usage)?,
            false => cases.clone(),
        };
        let is_same =
            |cases: &[&ListedBench]| cases.iter().map(|case| case.id()).eq(benches.iter());
        if is_same(&chosen) && is_same(&cases) {
            return Ok(cases);
        }
        let shown: Vec<&str> = benches.iter().take(3).map(String::as_str).collect();
        let more = if benches.len() > shown.len() { ", …" } else { "" };
        Err(self.refused(&format!(
            "it measures {}{more}, but FILTER, --skip, --exact and --sweep select other benches; drop them",
            shown.join(", "),
        )))
    }

    /// The arms of the run, from the flags, or else from its testbed or the addresses in its
    /// header, whichever gives the same arms as the header.
    fn arms(&self, arguments: &BenchArguments, config: &Config) -> Result<Vec<Arm>, CliError> {
        let header = &self.journal.header;
        let has_aa = header.arms.iter().skip(1).any(|arm| arm.repeats(&header.arms[0]));
        if arguments.aa && !has_aa {
            return Err(self.refused("it has no second arm on the control's machine; drop --aa"));
        }
        let chooses =
            ["testbed", "control", "treatment"].iter().any(|flag| arguments.is_given(flag));
        let candidates = if chooses {
            vec![arguments.arms(config)?.1]
        } else {
            [of_testbed(header, config), of_addresses(header, config)]
                .into_iter()
                .flatten()
                .collect()
        };
        // Arms that flags choose may be other machines altogether.
        let of_config = if chooses { &[][..] } else { &candidates };
        let changed = of_config.iter().find_map(|arms| changed_setting(arms, &header.arms));
        let same = candidates.into_iter().find(|arms| are_same(arms, &header.arms));
        same.ok_or_else(|| match changed {
            Some(changed) => self.refused(&format!(
                "{changed}; set it back in sevbench.toml, or give the same --config"
            )),
            None => {
                let arms: Vec<String> =
                    header.arms.iter().map(|arm| format!("{}={}", arm.name, arm.address)).collect();
                self.refused(&format!(
                    "its arms are {} (testbed {}), but these flags and this configuration give \
                     others; repeat --testbed, --control, --treatment, --aa and --config as they \
                     were",
                    arms.join(", "),
                    header.testbed,
                ))
            }
        })
    }
}

/// The arms that the run's testbed has now, with the arm that `--aa` added. `None` if there is no
/// such testbed any more.
fn of_testbed(header: &Header, config: &Config) -> Option<Vec<Arm>> {
    let (_, mut arms) = testbed_arms(config, &header.testbed).ok()?;
    if arms.len() + 1 == header.arms.len() {
        arms.push(arms[0].again());
    }
    Some(arms)
}

/// The arms at their recorded addresses. `None` if an address is not valid any more.
fn of_addresses(header: &Header, config: &Config) -> Option<Vec<Arm>> {
    let arm = |record: &ArmRecord| {
        let mark = if record.address.contains('?') { '&' } else { '?' };
        let spin = record.spin_factor.map(|factor| format!("{mark}spin={factor}"));
        let url = format!("{}{}", record.address, spin.unwrap_or_default());
        Arm::named(&record.name, record.role, &url, config.machine(), typed_folder()).ok()
    };
    header.arms.iter().map(arm).collect()
}

/// Whether these are the recorded arms. An older record does not have every field.
fn are_same(arms: &[Arm], recorded: &[ArmRecord]) -> bool {
    let is_same = |(arm, there): (&Arm, &ArmRecord)| {
        let here = arm.record();
        let place = there.place.and(here.place);
        let machine = there.machine.as_ref().and(here.machine);
        ArmRecord { place, machine, ..here } == *there
    };
    arms.len() == recorded.len() && arms.iter().zip(recorded).all(is_same)
}

/// The first setting in which a machine differs from the recorded one of the same name: its name
/// and both values.
fn changed_setting(arms: &[Arm], recorded: &[ArmRecord]) -> Option<String> {
    let same_name = |(arm, there): &(&Arm, &ArmRecord)| arm.name == there.name;
    arms.iter().zip(recorded).filter(same_name).find_map(|(arm, there)| {
        let (here, there) = (arm.record().machine?, there.machine.as_ref()?);
        let (name, before) =
            there.as_object()?.iter().find(|(name, value)| here.get(name) != Some(*value))?;
        let shown = |value: Option<&serde_json::Value>| match value {
            None | Some(serde_json::Value::Null) => format!("no {name}"),
            Some(value) => format!("{name} = {value}"),
        };
        let (before, now) = (shown(Some(before)), shown(here.get(name)));
        Some(format!("the machine of {} had {before}, now it has {now}", arm.name))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    /// The arms of `qemu`, with machines of this many MiB of memory and this machine type.
    fn arms(memory_mib: u32, machine: &str) -> Vec<Arm> {
        let text = format!("[machine]\nmemory_mib = {memory_mib}\nmachine = \"{machine}\"\n");
        let config = Config::parse(&text).unwrap();
        testbed_arms(&config, "qemu").ok().unwrap().1
    }

    #[test]
    fn changed_machine_is_another_machine() {
        let recorded: Vec<ArmRecord> = arms(1024, "q35").iter().map(Arm::record).collect();
        assert!(are_same(&arms(1024, "q35"), &recorded));
        for (other, change) in [
            (
                arms(2048, "q35"),
                "the machine of nosev had memory_mib = 1024, now it has memory_mib = 2048",
            ),
            (
                arms(1024, "pc"),
                "the machine of nosev had machine = \"q35\", now it has machine = \"pc\"",
            ),
        ] {
            assert!(!are_same(&other, &recorded));
            assert_eq!(changed_setting(&other, &recorded).unwrap(), change);
        }
        let older: Vec<ArmRecord> = recorded
            .into_iter()
            .map(|arm| ArmRecord { place: None, machine: None, ..arm })
            .collect();
        assert!(are_same(&arms(1024, "pc"), &older), "an older record does not say");
        assert_eq!(changed_setting(&arms(1024, "pc"), &older), None);
        assert!(!are_same(&arms(1024, "q35")[..1], &older));
    }
}
