//! One series, one treatment: the estimates, the verdict, the flags.

use super::BootEstimate;
use super::context::{ArmPair, Context};
use super::jackknife::pooled_percentile;
use super::pairs::{BootPairs, Pairing, pair_rounds, replicates};
use super::series::Series;
use crate::gate::{blur, judge};
use sevbench_reports::{
    BootRow, Comparison, Estimand, Estimate, Flag, Mean, Settle, VarianceShares, Verdict,
};
use sevbench_statistics::{
    BootstrapMethod, Confidence, Cost, LogRatio, Pivot, StatisticsError, VarianceComponents,
    best_repetitions, boots_to_settle, bootstrap_interval, fieller_interval,
};

/// A comparison with what others are computed from.
pub(super) struct SeriesComparison {
    pub comparison: Comparison,
    /// The bench that it is of.
    pub bench: usize,
    /// The log ratio of each boot, and of how many rounds it is the mean.
    pub boots: Vec<(u32, LogRatio, u32)>,
    /// The estimate; none without an interval.
    pub pivot: Option<Pivot>,
}

impl SeriesComparison {
    pub(super) fn estimated(&self) -> BootEstimate {
        BootEstimate {
            boots: self.boots.iter().map(|(_, ratio, _)| *ratio).collect(),
            pivot: self.pivot,
        }
    }
}

/// What an estimate rests on.
#[derive(Clone, Copy)]
pub(super) struct Basis {
    pub boots: u32,
    pub rounds: u32,
    pub confidence: Confidence,
}

impl Basis {
    /// An estimate from its pivot; without one, a point.
    pub(super) fn estimate(
        self,
        point: LogRatio,
        pivot: &Result<Pivot, StatisticsError>,
        method: &str,
    ) -> Estimate {
        let interval = pivot.as_ref().ok().map(|pivot| pivot.interval(self.confidence));
        self.of(
            interval.map_or(point, |interval| interval.estimate).exp().factor(),
            interval.map(|interval| (interval.low.exp().factor(), interval.high.exp().factor())),
            method,
        )
    }

    fn of(self, estimate: f64, bounds: Option<(f64, f64)>, method: &str) -> Estimate {
        Estimate {
            estimate,
            low: bounds.map(|bounds| bounds.0),
            high: bounds.map(|bounds| bounds.1),
            confidence: self.confidence.level(),
            method: method.into(),
            boots: self.boots,
            rounds: self.rounds,
        }
    }
}

/// Comparisons a treatment with the control, pair by pair; nothing where no round pairs.
pub(super) fn compare(
    series: &Series,
    pair: ArmPair,
    context: &Context<'_>,
    seed: u64,
) -> Option<SeriesComparison> {
    let Pairing { boots, unpaired_rounds } =
        pair_rounds(series, context.control, pair.treatment, false);
    let replicates = replicates(&boots);
    let pooled = pooled_percentile(series, &boots, pair, context);
    let unexcluded = unexcluded(series, pair, context);
    // Where the exclusions leaves nothing, the line stands there without an interval, with what it would have been.
    let of_excluded = unexcluded.as_ref().map(|estimate| LogRatio::new(estimate.estimate.ln()));
    let of_pooled = pooled.as_ref().map(|pooled| pooled.pivot.estimate);
    let point = LogRatio::mean(&replicates).or(of_pooled).or(of_excluded)?;
    let basis = Basis {
        boots: boots.len() as u32,
        rounds: boots.iter().map(|boot| boot.pairs.len()).sum::<usize>() as u32,
        confidence: context.confidence,
    };
    let headline_basis = match &pooled {
        Some(pooled) => Basis { boots: pooled.boots, rounds: pooled.rounds, ..basis },
        None => basis,
    };
    let (pivot, method) = match &pooled {
        Some(pooled) => (Ok(pooled.pivot), "delete-one-boot jackknife"),
        None => of_boots(&boots, &replicates, context.first_stage),
    };
    let robust = Pivot::trimmed_mean(&replicates);
    let costs: Vec<_> = boots.iter().filter_map(BootPairs::costs).collect();
    let components = components(&boots);
    let margin = context.margins.of_measurand(&series.measurand);
    let [control_shown, treated_shown] = match pooled {
        Some(pooled) => pooled.shown,
        None if boots.is_empty() => {
            shown(&pair_rounds(series, context.control, pair.treatment, true).boots)
        }
        None => shown(&boots),
    };
    let headline = headline_basis.estimate(point, &pivot, method);
    let robust_estimate = basis.estimate(point, &robust, "Yuen 20 % trimmed");
    let means = [control_shown, treated_shown];
    let mut comparison = Comparison {
        fieller: fieller(&costs, basis),
        bootstrap: bootstrap(&replicates, basis, seed),
        unexcluded,
        variance_shares: Some(shares(&components)),
        best_rounds: best_rounds(&components, series.bench, context),
        unpaired_rounds,
        warm_up: context.warm_ups.of(series.bench, context.control, pair.treatment),
        judged: !series.is_boot_time && pair.judged,
        is_boot_time: series.is_boot_time,
        per_boot: boots.iter().map(boot_row).collect(),
        ..line(series, pair, context, means, [headline, robust_estimate], pivot.as_ref().ok())
    };
    // Nobody boots on for the sake of boot times.
    if comparison.verdict == Verdict::Inconclusive
        && headline_basis.boots > 1
        && !series.is_boot_time
    {
        comparison.settle = settle(
            series.bench,
            &pivot,
            headline_basis.boots,
            [margin.log_ratio(), blur(comparison.resolution)],
            context,
        );
    }
    comparison.flags = flags(&comparison, pair, headline_basis.boots < 2, &pivot, &robust);
    if headline_basis.boots == 0 {
        comparison.flags.push(Flag::AllRoundsExcluded);
    }
    if boots.iter().any(|boot| boot.pairs.len() != boots[0].pairs.len()) {
        comparison.flags.push(Flag::UnequalRounds);
    }
    let of_boot = |boot: &BootPairs| (boot.boot, boot.mean(), boot.pairs.len() as u32);
    let boots = boots.iter().map(of_boot).collect();
    Some(SeriesComparison { comparison, bench: series.bench, boots, pivot: pivot.ok() })
}

/// A boot of the comparison by itself.
fn boot_row(boot: &BootPairs) -> BootRow {
    let [control, treated] = boot.shown();
    BootRow {
        boot: boot.boot,
        rounds: boot.pairs.len() as u32,
        control: Some(control),
        treated: Some(treated),
        slowdown: Some(boot.mean().exp().factor()),
    }
}

/// What every line has, however its arms were compared: the means, both estimates, and what a test says of the first.
pub(super) fn line(
    series: &Series,
    pair: ArmPair,
    context: &Context<'_>,
    [control, treated]: [f64; 2],
    [slowdown, robust]: [Estimate; 2],
    pivot: Option<&Pivot>,
) -> Comparison {
    let margin = context.margins.of_measurand(&series.measurand);
    let (margin_source, margin_rule) = context.margins.source_of(&series.measurand);
    let resolution = context.resolution(series);
    let blur = blur(resolution);
    let detectable =
        |pivot: &Pivot| (pivot.minimum_detectable(context.confidence) + blur).exp().factor() - 1.0;
    Comparison {
        measurand: series.measurand.clone(),
        treatment: context.arms[usize::from(pair.treatment)].name.clone(),
        point: None,
        unit: series.unit,
        control: Mean { mean: control },
        treated: Mean { mean: treated },
        slowdown,
        robust,
        fieller: None,
        bootstrap: None,
        unexcluded: None,
        variance_shares: None,
        p_value: pivot.map(|pivot| pivot.p_beyond(blur)),
        q_value: None,
        p_regressed: pivot.map(|pivot| pivot.p_above(margin.log_ratio() + blur)),
        p_regressed_holm: None,
        verdict: judge(pivot, margin, blur),
        estimand: Estimand::Mean,
        margin: margin.fraction(),
        margin_source,
        margin_rule,
        minimum_detectable: pivot.map(detectable),
        settle: None,
        best_rounds: None,
        unpaired_rounds: 0,
        warm_up: None,
        resolution,
        change: None,
        judged: true,
        is_boot_time: false,
        per_boot: Vec::new(),
        flags: Vec::new(),
    }
}

/// The estimate from boots, and its name. `first_stage` is its last boot, where there was a second one.
pub(super) fn of_boots(
    boots: &[BootPairs],
    replicates: &[LogRatio],
    first_stage: Option<u32>,
) -> (Result<Pivot, StatisticsError>, &'static str) {
    let first =
        boots.iter().filter(|boot| first_stage.is_none_or(|last| boot.boot <= last)).count();
    match boots.len() {
        1 => (Pivot::mean(replicates), "t on log ratios of rounds"),
        all if first < all => {
            (Pivot::two_stage(replicates, first), "t on log ratios, Stein's two stages")
        }
        _ => (Pivot::mean(replicates), "t on log ratios"),
    }
}

fn fieller(costs: &[(Cost, Cost)], basis: Basis) -> Option<Estimate> {
    let interval = fieller_interval(costs, basis.confidence).ok()?;
    let method = match interval.bounds {
        Some(_) => "Fieller, paired",
        None => "Fieller, paired: unbounded",
    };
    Some(basis.of(interval.estimate.factor(), interval.bounds, method))
}

fn bootstrap(replicates: &[LogRatio], basis: Basis, seed: u64) -> Option<Estimate> {
    let bootstrap = bootstrap_interval(replicates, basis.confidence, seed).ok()?;
    let interval = bootstrap.interval;
    let [low, high] = [interval.low, interval.high].map(|bound| bound.exp().factor());
    let how = match bootstrap.method {
        BootstrapMethod::Exact { .. } => "exact".into(),
        BootstrapMethod::MonteCarlo { resamples } => format!("{resamples} resamples"),
    };
    let what = if basis.boots == 1 { "rounds" } else { "boots" };
    let method = format!("percentile bootstrap over {what}, {how}");
    Some(basis.of(interval.estimate.exp().factor(), Some((low, high)), &method))
}

/// What the estimate would be if the exclusions had left nothing out; nothing where it left nothing out.
fn unexcluded(series: &Series, pair: ArmPair, context: &Context<'_>) -> Option<Estimate> {
    series.rows.iter().any(|row| row.excluded).then_some(())?;
    let Pairing { boots, .. } = pair_rounds(series, context.control, pair.treatment, true);
    let replicates = replicates(&boots);
    let basis = Basis {
        boots: boots.len() as u32,
        rounds: boots.iter().map(|boot| boot.pairs.len()).sum::<usize>() as u32,
        confidence: context.confidence,
    };
    let point = LogRatio::mean(&replicates)?;
    let (pivot, method) = of_boots(&boots, &replicates, context.first_stage);
    Some(basis.estimate(point, &pivot, method))
}

fn components(boots: &[BootPairs]) -> VarianceComponents {
    let samples: Vec<(f32, u32)> =
        boots.iter().flat_map(|boot| &boot.pairs).filter_map(|pair| pair.samples).collect();
    let n = samples.len() as f64;
    let mean = |of: fn(&(f32, u32)) -> f64| samples.iter().map(of).sum::<f64>() / n;
    let variance = (!samples.is_empty()).then(|| mean(|sample| f64::from(sample.0)));
    let rounds: Vec<Vec<f64>> = boots
        .iter()
        .map(|boot| boot.pairs.iter().map(|pair| pair.ratio.value()).collect())
        .collect();
    VarianceComponents::of_rounds(&rounds, variance, mean(|sample| f64::from(sample.1)))
}

fn shares(components: &VarianceComponents) -> VarianceShares {
    let [sample, round, boot] = components.shares();
    VarianceShares { boot, round, sample }
}

/// From the costs of this run: a boot's share for one bench, and a round.
fn best_rounds(
    components: &VarianceComponents,
    bench: usize,
    context: &Context<'_>,
) -> Option<u32> {
    let variances = [components.s_squared[1]?, components.t_squared[2]?];
    let costs = context.costs.of(bench)?;
    let best = best_repetitions(variances, [costs.round_s, costs.boot_s])?;
    Some(best.ceil().max(1.0) as u32)
}

fn settle(
    bench: usize,
    pivot: &Result<Pivot, StatisticsError>,
    boots: u32,
    [margin, blur]: [LogRatio; 2],
    context: &Context<'_>,
) -> Option<Settle> {
    let pivot = pivot.as_ref().ok()?;
    let more = boots_to_settle(pivot, boots, margin, blur)? - boots;
    let seconds = context
        .costs
        .of(bench)
        .map(|costs| f64::from(more) * (costs.whole_boot_s + costs.round_s * costs.rounds));
    Some(Settle { boots: more, seconds })
}

fn flags(
    comparison: &Comparison,
    pair: ArmPair,
    single_boot: bool,
    pivot: &Result<Pivot, StatisticsError>,
    robust: &Result<Pivot, StatisticsError>,
) -> Vec<Flag> {
    let mut flags = pair.flags();
    if single_boot || !pair.rebooted {
        flags.push(Flag::ConditionalOnThisBoot);
    }
    if has_tail_effect(pivot, robust, comparison.slowdown.confidence) {
        flags.push(Flag::TailEffect);
    }
    let unsteady = comparison.warm_up.as_ref().is_some_and(|warm_up| {
        warm_up.control.no_steady_state + warm_up.treated.no_steady_state > 0
    });
    if unsteady {
        flags.push(Flag::NoSteadyState);
    }
    if comparison.unpaired_rounds > 0 {
        flags.push(Flag::RoundsUnpaired(comparison.unpaired_rounds));
    }
    flags
}

/// Whether the two intervals disagree, at either bound, by more than half of the wider one's width.
pub(super) fn has_tail_effect(
    t: &Result<Pivot, StatisticsError>,
    yuen: &Result<Pivot, StatisticsError>,
    level: f64,
) -> bool {
    let (Ok(t), Ok(yuen), Ok(confidence)) = (t, yuen, Confidence::new(level)) else { return false };
    let (t, yuen) = (t.interval(confidence), yuen.interval(confidence));
    let low = (t.low.value() - yuen.low.value()).abs();
    let high = (t.high.value() - yuen.high.value()).abs();
    low.max(high) > t.width().max(yuen.width()) / 2.0
}

/// The mean over boots of what is shown.
fn shown(boots: &[BootPairs]) -> [f64; 2] {
    let n = boots.len() as f64;
    let mean = |side: usize| boots.iter().map(|boot| boot.shown()[side]).sum::<f64>() / n;
    [mean(0), mean(1)]
}
