//! Classifies a series of iteration times: whether it became steady, and what came before.

use super::changepoint::{changepoint_penalty, changepoints};
use super::outlier::{OUTER_FENCE, quantile};
use crate::quantity::Cost;
use std::fmt;

/// The shortest series that is classified: in a shorter one the penalty hides all but the coarsest
/// changes.
const SERIES_LEN_MIN: usize = 10;

/// How many values at the end of a series [`is_steady`] looks at.
const RECENT_LEN_MAX: usize = 512;

/// Means that differ by less than this share of the last segment's mean are equal in practice.
const TOLERANCE: f64 = 0.01;

/// How many values on each side decide whether a value is an outlier.
const WINDOW_HALF: usize = 25;

/// What a series of times did, in the terms of Barrett et al. (2017).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SteadyClass {
    /// Every segment is equivalent to the last one.
    Flat,
    /// Every earlier, non-equivalent segment was slower than the steady part.
    WarmUp,
    /// Some earlier, non-equivalent segment was faster than the steady part.
    Slowdown,
    /// The steady part would be at most a quarter of the series, so there is none.
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

/// Classifies iteration times in the order in which they ran; `None` for fewer than ten, which are
/// too few to tell.
///
/// 1. Outliers are clamped to the fences Q1 − 3·IQR and Q3 + 3·IQR of a window, so that a lone
///    spike is not a segment. The window is the value and the 25 values on each side, fewer at the
///    ends. The values before the first one inside its fences are a cold start and stay as they
///    are. Barrett et al. do the same with a wider window, other fences and deletion.
/// 2. Segments come from [`changepoints`] with [`changepoint_penalty`].
/// 3. A segment is equivalent to the last one if their means differ by less than the last one's
///    standard deviation, or by less than 1 % of its mean. The steady part is the run of equivalent
///    segments at the end.
/// 4. If the steady part is at most a quarter of the series, there is no steady state. If it is the
///    whole series, the series is flat. If every earlier, non-equivalent segment has a larger mean,
///    it is a warm-up. Otherwise it is a slowdown.
///
/// So levels that alternate slowly count as a warm-up or a slowdown if the last one lasts for more
/// than a quarter of the series. A drift is classified by its end, but is never flat.
///
/// Barrett, E., Bolz-Tereick, C. F., Killick, R., Mount, S. & Tratt, L. (2017): Virtual machine
/// warmup blows hot and cold. Proc. ACM Program. Lang. 1 (OOPSLA), 52.
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

/// Whether the last 512 values have a steady part, see [`classify`]. Shorter series are used whole;
/// fewer than ten values are never steady. Cheap enough to call during a warm-up, each time the
/// series has grown by some share.
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

/// Clamps outliers to their window's fences, except a cold start.
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
