//! Whether a series of times of iterations has become steady, and what came before.

use super::Cost;
use super::changepoint::{changepoint_penalty, changepoints};
use super::outlier::{OUTER_FENCE, quantile};
use std::fmt;

/// The shortest series that is judged: in a shorter one the penalty hides all but the coarsest changes.
const SERIES_LEN_MIN: usize = 10;

/// The values at the end of a series that [`is_steady`] looks at.
const RECENT_LEN_MAX: usize = 512;

/// Means that differ by less than this share of the last segment's mean are the same for a user.
const TOLERANCE: f64 = 0.01;

/// The values on either side of a value that say whether it is an outlier.
const WINDOW_HALF: usize = 25;

/// What a series of times did, by the words of Barrett et al. (2017).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SteadyClass {
    /// Every segment is equivalent to the last.
    Flat,
    /// The steady part is faster than every segment that is not equivalent to it.
    WarmUp,
    /// Some segment was faster than the steady part.
    Slowdown,
    /// The steady part would begin in the last quarter of the series: there is none.
    NoSteadyState,
}

impl fmt::Display for SteadyClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flat => "flat",
            Self::WarmUp => "warm-up",
            Self::Slowdown => "slowdown",
            Self::NoSteadyState => "no steady state",
        })
    }
}

/// The class of a series, and where it became steady.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SteadyState {
    /// What the series did.
    pub class: SteadyClass,
    /// The index of the first value of the steady part; `None` without a steady state.
    pub steady_from: Option<usize>,
}

/// Classifies the times of iterations in the order in which they ran; `None` of fewer than ten, which cannot tell.
///
/// 1. Outliers are drawn to the fences Q1 − 3·IQR and Q3 + 3·IQR of the 25 values on either side (fewer after the
///    first and before the last value), so that a lone spike is no segment. Left alone are the values from the first
///    one on that lie outside of the fences without a gap: they are a cold start. Barrett et al. do the like with a
///    wider window, other fences and deletion.
/// 2. Segments: [`changepoints`] with [`changepoint_penalty`].
/// 3. A segment is equivalent to the last one if their means differ by less than the last one's standard deviation or
///    by less than 1 % of its mean. The steady part is the run of equivalent segments at the end.
/// 4. It must begin before the last quarter of the series, or there is no steady state. It makes the series flat if it
///    is all of it, a warm-up if its mean is less than that of each segment not equivalent to it, else a slowdown.
///
/// So levels that alternate slowly, with the last one held for more than a quarter of the series, are seen as a
/// warm-up or a slowdown; and a drift is whatever its end looks like, but not flat.
///
/// Barrett, E., Bolz-Tereick, C. F., Killick, R., Mount, S. & Tratt, L. (2017): Virtual machine warmup blows hot and
/// cold. Proc. ACM Program. Lang. 1 (OOPSLA), 52.
pub fn classify(series: &[Cost]) -> Option<SteadyState> {
    if series.len() < SERIES_LEN_MIN {
        return None;
    }
    let winsorised = winsorise(series);
    let segments = segments(&winsorised);
    let last = segments.last()?;
    let limit = last.deviation.max(TOLERANCE * last.mean);
    let equivalent = |segment: &&Segment| (segment.mean - last.mean).abs() < limit;
    let steady_count = segments.iter().rev().take_while(|segment| equivalent(segment)).count();
    let (before, steady) = segments.split_at(segments.len() - steady_count.max(1));
    let steady_from = steady[0].start;
    if 4 * steady_from >= 3 * series.len() {
        return Some(SteadyState { class: SteadyClass::NoSteadyState, steady_from: None });
    }
    let faster = |segment: &Segment| segment.mean < last.mean && !equivalent(&segment);
    let class = match before {
        [] => SteadyClass::Flat,
        before if before.iter().any(faster) => SteadyClass::Slowdown,
        _ => SteadyClass::WarmUp,
    };
    Some(SteadyState { class, steady_from: Some(steady_from) })
}

/// Whether the last 512 values (or all, if there are fewer) have a steady part, see [`classify`]; `false` of fewer than
/// ten. Cheap enough to ask while warming up, after each growth of the series by some share of it.
pub fn is_steady(series: &[Cost]) -> bool {
    let recent = &series[series.len().saturating_sub(RECENT_LEN_MAX)..];
    classify(recent).is_some_and(|state| state.steady_from.is_some())
}

struct Segment {
    start: usize,
    mean: f64,
    deviation: f64,
}

fn segments(series: &[Cost]) -> Vec<Segment> {
    let changes = changepoints(series, changepoint_penalty(series.len()));
    let ends = changes.iter().copied().chain([series.len()]);
    let starts = std::iter::once(0).chain(changes.iter().copied());
    starts.zip(ends).map(|(start, end)| segment(start, &series[start..end])).collect()
}

fn segment(start: usize, values: &[Cost]) -> Segment {
    let n = values.len() as f64;
    let mean = values.iter().map(|cost| cost.value()).sum::<f64>() / n;
    let variance = values.iter().map(|cost| (cost.value() - mean).powi(2)).sum::<f64>() / n;
    Segment { start, mean, deviation: variance.sqrt() }
}

/// Draws outliers to their window's fences, but for a cold start.
fn winsorise(series: &[Cost]) -> Vec<Cost> {
    let mut cold = true;
    let mut window = Vec::with_capacity(2 * WINDOW_HALF + 1);
    let mut drawn = |index: usize, cost: Cost| {
        let near = index.saturating_sub(WINDOW_HALF)..series.len().min(index + WINDOW_HALF + 1);
        window.clear();
        window.extend(series[near].iter().map(|cost| cost.value()));
        window.sort_by(f64::total_cmp);
        let (first, third) = (quantile(&window, 0.25), quantile(&window, 0.75));
        let reach = OUTER_FENCE * (third - first);
        let fenced = cost.value().max(first - reach).min(third + reach);
        cold &= fenced != cost.value();
        if cold { cost } else { Cost::new(fenced).unwrap_or(cost) }
    };
    series.iter().enumerate().map(|(index, cost)| drawn(index, *cost)).collect()
}

#[cfg(test)]
#[path = "steady_state_tests.rs"]
mod tests;
