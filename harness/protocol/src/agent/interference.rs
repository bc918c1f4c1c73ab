//! Interference with the guest while it serves a request: CPU time that the hypervisor stole, and
//! steps of the wall clock.

use std::time::{Instant, SystemTime};

/// How often the two clocks are compared. The comparison that took least time counts.
const READINGS: u32 = 3;

/// The guest's steal counter and clocks at the start of a request.
pub(super) struct Interference {
    steal_ticks: Option<u64>,
    offset_ns: i128,
    /// Zero of the monotonic clock.
    origin: Instant,
}

impl Interference {
    /// Reads the counter and the clocks.
    pub(super) fn watch() -> Self {
        let origin = Instant::now();
        Self { steal_ticks: read_steal_ticks(), offset_ns: clock_offset_ns(origin), origin }
    }

    /// The time that the hypervisor has stolen since then, summed over all CPUs. It comes in clock
    /// ticks, usually of 10 ms. `None` if the kernel does not count it.
    pub(super) fn steal_ns(&self) -> Option<u64> {
        let ticks = read_steal_ticks()?.saturating_sub(self.steal_ticks?);
        // SAFETY: sysconf takes no pointers.
        let ticks_per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).ok()?;
        ticks.saturating_mul(1_000_000_000).checked_div(ticks_per_second)
    }

    /// By how much the wall clock has been stepped since then; negative if it was set back. The
    /// error is at most the time that it takes to read both clocks.
    pub(super) fn clock_step_ns(&self) -> i64 {
        let step_ns = clock_offset_ns(self.origin) - self.offset_ns;
        i64::try_from(step_ns).unwrap_or(if step_ns < 0 { i64::MIN } else { i64::MAX })
    }
}

fn read_steal_ticks() -> Option<u64> {
    steal_ticks(&std::fs::read_to_string("/proc/stat").ok()?)
}

/// The eighth number in the line that sums all CPUs.
fn steal_ticks(stat: &str) -> Option<u64> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    all.split_ascii_whitespace().nth(7)?.parse().ok()
}

/// The wall clock minus the monotonic clock, in ns.
fn clock_offset_ns(origin: Instant) -> i128 {
    let reading = |_| {
        let before = origin.elapsed().as_nanos();
        let wall_ns = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => since.as_nanos() as i128,
            Err(until) => -(until.duration().as_nanos() as i128),
        };
        let after = origin.elapsed().as_nanos();
        // The wall clock was read about halfway between the two readings of the monotonic clock.
        (after - before, wall_ns - before.midpoint(after) as i128)
    };
    (0..READINGS).map(reading).min_by_key(|(took, _)| *took).map_or(0, |(_, offset)| offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_the_eighth_number_in_the_line_of_all_cpus() {
        let stat =
            "cpu  1216980 0 207208 1203112 14197 0 7665 1217 3 4\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(steal_ticks(stat), Some(1217));
    }

    #[test]
    fn steal_is_none_if_the_kernel_does_not_count_it() {
        for stat in ["", "cpu  1 2 3 4 5 6 7\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 3 4 5 6 7 x\n"]
        {
            assert_eq!(steal_ticks(stat), None, "{stat}");
        }
    }

    #[test]
    fn clock_steps_are_measured_from_the_start() {
        let mut interference = Interference::watch();
        assert!(interference.clock_step_ns().abs() < 1_000_000_000, "no step within a test");
        interference.steal_ticks = None;
        assert_eq!(interference.steal_ns(), None);
        interference.offset_ns -= 3_600_000_000_000;
        assert!(interference.clock_step_ns() > 3_599_000_000_000, "an hour forward");
    }
}
