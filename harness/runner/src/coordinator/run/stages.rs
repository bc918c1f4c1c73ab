//! The second stage of boots, and the time limit.

use super::Run;
use crate::coordinator::early_end::EarlyEnd;
use crate::coordinator::plan::STAGES_MAX;
use crate::record::{Event, ExtendedRecord};
use sevbench_text::{counted, format_duration, nanoseconds};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many benches that lack boots are named.
const CUT_OFF_NAMED_MAX: usize = 5;

impl Run<'_> {
    /// Plans the second stage: more boots for each bench that needs them for the wanted precision.
    pub(super) fn extend(&mut self) -> Result<(), EarlyEnd> {
        self.is_extended = true;
        let elapsed = self.state.elapsed();
        let first_stage = self.state.first_stage(elapsed);
        let wanted = match self.replication.boots_wanted(&self.log.journal.path()) {
            Ok(wanted) => wanted,
            Err(reason) => {
                let text = format!(
                    "warning: no more boots, since their number could not be computed: {reason}"
                );
                self.log.progress.warn(&text);
                return Ok(());
            }
        };
        for (bench, id) in self.plan.benches.iter().enumerate() {
            self.state.boots.want(bench, wanted.get(id).copied().unwrap_or(0));
        }
        let time_max = elapsed.saturating_add(first_stage.saturating_mul(STAGES_MAX - 1));
        let time_max = *self.state.time_max.get_or_insert(time_max);
        let needs_more =
            |(id, boots): (&String, u32)| (boots > 0).then(|| (id.clone(), wanted[id]));
        let left = self.state.boots.left();
        self.log.append(&Event::Extended(ExtendedRecord {
            after_boot: self.state.boot,
            benches: self.plan.benches.iter().zip(left).filter_map(needs_more).collect(),
            first_stage_ns: nanoseconds(first_stage),
            max_time_ns: nanoseconds(time_max),
        }))?;
        self.log.progress.note(&self.describe_extension(time_max));
        Ok(())
    }

    fn describe_extension(&self, time_max: Duration) -> String {
        let done = counted(self.state.boot, "boot");
        let percent = self.plan.settings.precision_percent.unwrap_or_default();
        let (most, left) = (self.state.boots.most_left(), self.state.boots.left());
        if most == 0 {
            return format!("{done} done: every slowdown is known to ±{percent} %");
        }
        let expected = self.state.pace.time_for(&left, most).unwrap_or_default();
        let over = self.state.elapsed().saturating_add(expected) > time_max;
        let limit =
            format!("; no boot starts after {} (see --max-time)", format_duration(time_max));
        format!(
            "{done} done: {} of {} benches need up to {} for ±{percent} %, about {}{}",
            self.state.boots.wanting(),
            left.len(),
            counted(most, "more boot"),
            format_duration(expected),
            if over { limit.as_str() } else { "" },
        )
    }

    /// The boots that benches still lack.
    pub(super) fn lacking(&self) -> BTreeMap<String, u32> {
        let all = self.plan.benches.iter().cloned().zip(self.state.boots.left());
        all.filter(|(_, left)| *left > 0).collect()
    }

    /// Tells the user which benches lack boots now that the time is up.
    pub(super) fn note_cut_off(&self) {
        let mut missing: Vec<(String, u32)> = self.lacking().into_iter().collect();
        missing.sort_by_key(|(_, left)| Reverse(*left));
        self.log.progress.note(&format!(
            "cut off by --max-time after {}; missing boots: {}; allow more time with \
             --max-time, or ask for less with --precision or --boots",
            format_duration(self.state.elapsed()),
            missing_boots(&missing),
        ));
    }
}

/// The benches that lack most boots, each with their number, then how many others lack some.
fn missing_boots(missing: &[(String, u32)]) -> String {
    let named = missing.iter().take(CUT_OFF_NAMED_MAX).map(|(id, left)| format!("{id} {left}"));
    let named = named.collect::<Vec<_>>().join(", ");
    match missing.len().saturating_sub(CUT_OFF_NAMED_MAX) {
        0 => named,
        others => format!("{named} and {}", counted(others as u64, "more bench")),
    }
}

#[cfg(test)]
#[path = "stages_tests.rs"]
mod tests;
