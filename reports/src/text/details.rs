//! `--verbose`: the other estimates, and the sources of the variance.

use crate::model::{Estimate, Summary, VarianceShares, WarmUpClass, WarmUpClasses, WarmUps};
use crate::table::{Align, Table};
use crate::text::lines::{interval, name};
use std::fmt::{Result, Write};

/// A p-value below this is shown as smaller than it.
const P_SHOWN_MIN: f64 = 0.0001;

pub(super) fn write_details(out: &mut String, summary: &Summary) -> Result {
    let mut table = Table::new(&[
        ("bench", Align::Left),
        ("ratio of means", Align::Left),
        ("bootstrap", Align::Left),
        ("boot/round/sample", Align::Left),
        ("best rounds", Align::Right),
        ("p", Align::Right),
        ("q", Align::Right),
        ("warm-up", Align::Left),
        ("method", Align::Left),
    ]);
    let estimate = |estimate: &Option<Estimate>| estimate.as_ref().map_or("—".into(), interval);
    for comparison in &summary.comparisons {
        table.row(vec![
            name(summary, comparison),
            estimate(&comparison.fieller),
            estimate(&comparison.bootstrap),
            comparison.variance_shares.as_ref().map_or("—".into(), shares),
            comparison.best_rounds.map_or("—".into(), |rounds| rounds.to_string()),
            probability(comparison.p_value),
            probability(comparison.q_value),
            comparison.warm_up.as_ref().map_or("—".into(), warm_ups),
            comparison.slowdown.method.clone(),
        ]);
    }
    writeln!(out)?;
    table.lines().iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out)
}

fn shares(shares: &VarianceShares) -> String {
    let percent =
        |share: Option<f64>| share.map_or("—".into(), |share| format!("{:.0}", share * 100.0));
    let [boot, round, sample] = [shares.boot, shares.round, shares.sample].map(percent);
    format!("{boot}/{round}/{sample} %")
}

fn probability(p: Option<f64>) -> String {
    match p {
        None => "—".into(),
        Some(p) if p < P_SHOWN_MIN => format!("<{P_SHOWN_MIN}"),
        Some(p) => format!("{p:.4}"),
    }
}

/// The classes of both arms' warm-ups together.
fn warm_ups(warm_ups: &WarmUps) -> String {
    let (a, b) = (&warm_ups.control, &warm_ups.treated);
    let count = |of: fn(&WarmUpClasses) -> u32| of(a) + of(b);
    let classes = [
        (count(|classes| classes.flat), WarmUpClass::Flat),
        (count(|classes| classes.warm_up), WarmUpClass::WarmUp),
        (count(|classes| classes.slowdown), WarmUpClass::Slowdown),
        (count(|classes| classes.no_steady_state), WarmUpClass::NoSteadyState),
    ];
    let seen = classes.iter().filter(|(count, _)| *count > 0);
    seen.map(|(count, class)| format!("{count} {class}")).collect::<Vec<_>>().join(", ")
}
