//! The second stage of boots, and the limit in time: what is decided, recorded and said of them.

use super::bench_run::Stop;
use super::plan::STAGES_MAX;
use super::run::Run;
use crate::record::{Event, ExtendedRecord};
use sevbench_text::{format_duration, nanoseconds};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many benches are named that lack boots.
const CUT_OFF_NAMED_MAX: usize = 5;

impl Run<'_> {
    /// The second stage: every bench that needs more boots for the precision that was asked for wants them.
    pub(super) fn extend(&mut self) -> Result<(), Stop> {
        self.is_extended = true;
        let elapsed = self.elapsed();
        let first_stage = self.first_stage(elapsed);
        let wanted = match self.wiring.replication.boots_wanted(self.wiring.journal.path()) {
            Ok(wanted) => wanted,
            Err(reason) => {
                let text =
                    format!("warning: no more boots, since it is not known how many: {reason}");
                self.wiring.progress.warn(&text);
                return Ok(());
            }
        };
        for (bench, id) in self.plan.benches.iter().enumerate() {
            self.boots.want(bench, wanted.get(id).copied().unwrap_or(0));
        }
        let time_max = elapsed.saturating_add(first_stage.saturating_mul(STAGES_MAX - 1));
        let time_max = *self.time_max.get_or_insert(time_max);
        let needs_more =
            |(id, boots): (&String, u32)| (boots > 0).then(|| (id.clone(), wanted[id]));
        let left = self.boots.left();
        self.wiring.journal.append(&Event::Extended(ExtendedRecord {
            after_boot: self.boot,
            benches: self.plan.benches.iter().zip(left).filter_map(needs_more).collect(),
            first_stage_ns: nanoseconds(first_stage),
            max_time_ns: nanoseconds(time_max),
        }))?;
        self.tell_extension(time_max);
        Ok(())
    }

    /// How long the first stage took, where this process has run only some of its boots for about so long.
    fn first_stage(&self, elapsed: Duration) -> Duration {
        match (self.boot + 1 - self.first_boot, self.first_boot) {
            (_, 1) => elapsed,
            (0, _) => self.plan.expected(),
            (here, _) => elapsed.mul_f64(f64::from(self.boot) / f64::from(here)),
        }
    }

    fn tell_extension(&self, time_max: Duration) {
        let percent = self.plan.settings.precision_percent.unwrap_or_default();
        let (most, left) = (self.boots.most_left(), self.boots.left());
        let what = if most == 0 {
            format!("no bench needs more for ±{percent} %")
        } else {
            let expected = self.pace.time_for(&left, most).unwrap_or_default();
            let over = self.elapsed().saturating_add(expected) > time_max;
            let limit =
                format!("; none starts after {} (see --max-time)", format_duration(time_max));
            format!(
                "{} of {} benches need up to {most} more boots for ±{percent} %, about {}{}",
                self.boots.wanting(),
                left.len(),
                format_duration(expected),
                if over { limit.as_str() } else { "" },
            )
        };
        self.wiring.progress.note(&format!("{} boots done: {what}", self.boot));
    }

    pub(super) fn is_over_time(&self) -> bool {
        self.time_max.is_some_and(|time_max| self.elapsed() >= time_max)
    }

    /// The boots that benches still lack.
    pub(super) fn lacking(&self) -> BTreeMap<String, u32> {
        let all = self.plan.benches.iter().cloned().zip(self.boots.left());
        all.filter(|(_, left)| *left > 0).collect()
    }

    pub(super) fn tell_what_is_cut_off(&self) {
        let mut missing: Vec<(String, u32)> = self.lacking().into_iter().collect();
        missing.sort_by_key(|(_, left)| Reverse(*left));
        let named: Vec<String> = missing
            .iter()
            .take(CUT_OFF_NAMED_MAX)
            .map(|(id, left)| format!("{id} {left}"))
            .collect();
        let others = match missing.len().saturating_sub(named.len()) {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        self.wiring.progress.note(&format!(
            "cut off after {}: boots that are missing: {}{others}; give them time with --max-time, or ask for less with --precision or --boots",
            format_duration(self.elapsed()),
            named.join(", "),
        ));
    }

    /// How long the rest will take, as far as can be said.
    pub(super) fn time_left(&self, starts: u32) -> Duration {
        let so_far = || self.plan.expected().saturating_sub(self.elapsed());
        let left = self.pace.time_for(&self.boots.left(), starts).unwrap_or_else(so_far);
        let until_max = |time_max: Duration| time_max.saturating_sub(self.elapsed());
        left.min(self.time_max.map_or(Duration::MAX, until_max))
    }
}
