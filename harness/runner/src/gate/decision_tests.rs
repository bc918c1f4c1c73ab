//! Gates on runs with known decisions, and their error rates on simulated runs.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::super::margin::Margin;
use super::super::plan::GatePlan;
use super::super::verdict::Evidence;
use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sevbench_statistics::{LogRatio, Pivot, holm};
use std::sync::LazyLock;

/// A stored run. It is read once, since simulations need it thousands of times.
static STORED: LazyLock<Summary> = LazyLock::new(|| {
    let text = sevbench_testing::fixture("golden/summary-1.json");
    sevbench_reports::parse_summary(&text).unwrap()
});

/// The stored run with one bench regressed, one inconclusive, and enough boots for a gate.
fn stored() -> Summary {
    let mut summary = STORED.clone();
    summary.run.benches = ["trials/spin", "trials/rate"].map(str::to_owned).to_vec();
    summary.run.boots = 10;
    summary.failed.clear();
    summary.comparisons.iter_mut().for_each(|comparison| comparison.slowdown.boots = 10);
    summary
}

fn judged(summary: &Summary) -> GateReport {
    judge_run(summary, Against::Margin, None)
}

fn changes_judged(summary: &Summary) -> GateReport {
    judge_run(summary, Against::Baseline, Some("main"))
}

/// The decision and the lines that it names, as printed.
fn told(report: &GateReport) -> String {
    let text = sevbench_reports::render_gate(report);
    text.trim_start_matches("gate ").split("; a run with more boots").next().unwrap().to_owned()
}

#[track_caller]
fn assert_passed(report: &GateReport) {
    assert_eq!(report.decision, GateDecision::Passed, "{report:?}");
}

#[test]
fn runs_are_judged_by_adjusted_p_values_and_verdicts() {
    let mut summary = stored();
    summary.comparisons[0].p_regressed_holm = Some(0.049);
    assert_eq!(told(&judged(&summary)), "failed: regressed: trials/spin in injected");
    // Beyond the margin by its verdict, but not after the adjustment: not decided.
    summary.comparisons[0].p_regressed_holm = Some(0.051);
    let undecided = "not decided: trials/spin in injected, trials/rate in injected";
    assert_eq!(told(&judged(&summary)), undecided);
    summary.comparisons[0].verdict = Verdict::NoChange;
    summary.comparisons[1].judged = false;
    assert_passed(&judged(&summary));
}

#[test]
fn gate_says_what_it_has_judged() {
    let mut summary = stored();
    for comparison in &mut summary.comparisons {
        (comparison.verdict, comparison.p_regressed_holm) = (Verdict::NoChange, Some(0.9));
    }
    assert_eq!(told(&judged(&summary)), "passed");
    summary.run.judge = Estimand::Both;
    summary.comparisons[1].estimand = Estimand::Both;
    let gate = judged(&summary);
    assert_eq!((gate.judge, gate.by_mean.len()), (Estimand::Both, 1));
    assert_eq!(told(&gate), "passed; for 1 line only the mean is shown to be within the margin");
    summary.run.judge = Estimand::Typical;
    for comparison in &mut summary.comparisons {
        comparison.estimand = Estimand::Typical;
    }
    assert_eq!(told(&judged(&summary)), "passed");
    // A percentile of pooled values has none.
    summary.comparisons[1].p_regressed_holm = None;
    summary.comparisons[1].verdict = Verdict::Inconclusive;
    let text = "not decided: trials/rate in injected (no median boot)";
    assert_eq!(told(&judged(&summary)), text);
    assert_eq!(changes_judged(&summary).judge, Estimand::Mean);
}

#[test]
fn benches_without_a_usable_result_are_not_decided() {
    let mut summary = stored();
    for comparison in &mut summary.comparisons {
        comparison.verdict = Verdict::NoChange;
        comparison.p_regressed_holm = Some(0.9);
    }
    assert_passed(&judged(&summary));
    let open = |summary: &Summary| told(&judged(summary)).replace("not decided: ", "");
    let mut missing = summary.clone();
    missing.run.benches.push("trials/slow".into());
    assert_eq!(open(&missing), "trials/slow in injected (no result)");
    // A result of `slow/fast` is not a result of `slow`.
    missing.run.benches.push("trials/slow/fast".into());
    missing.comparisons[1].measurand.bench = "trials/slow/fast".into();
    missing.comparisons[1].measurand.metric = Some("rate".into());
    let text = "trials/rate in injected (no result), trials/slow in injected (no result)";
    assert_eq!(open(&missing), text);
    // A boot time is no result of a bench that has its name.
    let mut boot_time = summary.clone();
    boot_time.comparisons[1].is_boot_time = true;
    assert_eq!(open(&boot_time), "trials/rate in injected (no result)");
    let mut truncated = summary.clone();
    truncated.run.outcome = Outcome::Truncated;
    assert_eq!(open(&truncated), "the run did not reach its end");
    truncated.run.boots = 1;
    assert_eq!(open(&truncated), "the run did not reach its end", "its one boot is not the reason");
    let mut binned = summary.clone();
    binned.comparisons[1].verdict = Verdict::Inconclusive;
    binned.comparisons[1].resolution = Some(1.0 / 64.0);
    assert_eq!(open(&binned), "trials/rate in injected");
    binned.comparisons[1].margin = 0.015;
    assert_eq!(open(&binned), "trials/rate in injected (its bins hide as much as the margin)");
    let mut single = summary.clone();
    single.comparisons[1].slowdown.boots = 1;
    single.comparisons[1].p_regressed_holm = Some(0.001);
    assert_eq!(open(&single), "trials/rate in injected (one boot)");
    // Five boots reach p = 1 in 32; the stricter of two tests needs 1 in 40.
    single.comparisons[1].slowdown.boots = 5;
    assert_eq!(open(&single), "trials/rate in injected (too few boots)");
    // Every round is excluded.
    single.comparisons[1].slowdown.boots = 0;
    assert_eq!(open(&single), "trials/rate in injected (no result)");
    let mut failed = summary.clone();
    let failures = |arm: &str| {
        [3, 7].map(|boot| sevbench_reports::FailedRow {
            bench: Some("trials/rate".into()),
            arm: arm.into(),
            boot,
            reason: "a wrong byte".into(),
        })
    };
    failed.failed.extend(failures("nosev"));
    assert_eq!(open(&failed), "trials/rate in nosev (failed)");
    // One that has no result because it failed is named once.
    failed.comparisons.remove(1);
    assert_eq!(open(&failed), "trials/rate in nosev (failed)");
    let mut unjudged = summary.clone();
    let mut again = unjudged.run.arms[1].clone();
    again.name = "aa".into();
    again.judged = false;
    unjudged.run.arms.push(again);
    unjudged.failed.extend(failures("aa"));
    assert_passed(&judged(&unjudged));
    let mut empty = summary;
    empty.comparisons.clear();
    empty.run.benches.clear();
    assert_eq!(open(&empty), "no bench has a result");
}

#[test]
fn gate_against_a_baseline_judges_the_change() {
    let mut summary = stored();
    let open = changes_judged(&summary);
    assert_eq!(open.undecided[0].reason, UndecidedReason::NotInBaseline);
    assert_eq!(open.baseline.as_deref(), Some("main"));
    let change = |verdict: Verdict, p: f64, summary: &Summary| sevbench_reports::Change {
        baseline: "main".into(),
        factor: summary.comparisons[0].slowdown.clone(),
        p_regressed: Some(p),
        p_regressed_holm: Some(p),
        verdict,
        resolution: None,
    };
    for index in 0..2 {
        summary.comparisons[index].change = Some(change(Verdict::NoChange, 0.9, &summary));
    }
    assert_passed(&changes_judged(&summary));
    summary.comparisons[1].change = Some(change(Verdict::Regressed, 0.01, &summary));
    let regressed = "failed: regressed: trials/rate in injected";
    assert_eq!(told(&changes_judged(&summary)), regressed);
    // The bins of the baseline hide the margin, even if those of the run are fine.
    let binned = sevbench_reports::Change {
        resolution: Some(1.0 / 32.0),
        ..change(Verdict::Inconclusive, 0.9, &summary)
    };
    let mut hidden = summary.clone();
    hidden.comparisons[1].change = Some(binned);
    hidden.comparisons[1].margin = 0.03;
    let open = "not decided: trials/rate in injected (its bins hide as much as the margin)";
    assert_eq!(told(&changes_judged(&hidden)), open);
    hidden.comparisons[1].margin = 0.04;
    assert_eq!(told(&changes_judged(&hidden)), "not decided: trials/rate in injected");
    // The baseline has one boot, so its error comes from rounds, which are no replicates.
    summary.comparisons[1].change.as_mut().unwrap().factor.boots = 1;
    let open = "not decided: trials/rate in injected (one boot in the baseline)";
    assert_eq!(told(&changes_judged(&summary)), open);
}

#[test]
fn runs_that_cannot_be_judged_are_refused() {
    let mut summary = stored();
    summary.run.boots = 1;
    assert_refused(&summary, &GateRefusal::OneBoot);
    let mut summary = stored();
    summary.comparisons.iter_mut().for_each(|comparison| comparison.slowdown.boots = 5);
    assert_refused(&summary, &GateRefusal::CannotFail { boots: 5, comparisons: 2, needed: 6 });
    let mut summary = stored();
    summary.comparisons[0].p_regressed_holm = Some(0.01);
    summary.differences.push(sevbench_reports::DifferenceRow {
        fact: "kernel".into(),
        control: "6.1".into(),
        arm: "injected".into(),
        treatment: "6.8".into(),
        declared: true,
    });
    assert_eq!(judged(&summary).decision, GateDecision::Regressed, "the difference is declared");
    summary.differences[0].declared = false;
    let text = told(&judged(&summary));
    assert!(text.contains("injected differs") && text.contains("kernel"), "{text}");
    summary.run.arms[1].verified = Some(false);
    assert_refused(&summary, &GateRefusal::Unverified("injected".into()));
}

#[track_caller]
fn assert_refused(summary: &Summary, why: &GateRefusal) {
    assert_eq!(told(&judged(summary)), format!("refused: {why}"));
}

/// Simulates runs with a gate. The log ratios of boots are normal.
struct Simulation {
    boots: u32,
    deviation: f64,
    margin: Margin,
    /// The true slowdown of each bench.
    truths: Vec<f64>,
}

impl Simulation {
    const RUNS: u64 = 2_000;

    /// The share of runs that the gate fails.
    fn failed(&self, seed: u64) -> f64 {
        let failed = (0..Self::RUNS).filter(|run| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(*run);
            judged(&self.run(&mut rng)).decision == GateDecision::Regressed
        });
        failed.count() as f64 / Self::RUNS as f64
    }

    fn run(&self, rng: &mut ChaCha8Rng) -> Summary {
        let mut summary = stored();
        let row = summary.comparisons[0].clone();
        let pivots: Vec<Pivot> =
            self.truths.iter().map(|truth| self.estimate(*truth, rng)).collect();
        let p: Vec<f64> =
            pivots.iter().map(|pivot| pivot.p_above(self.margin.log_ratio())).collect();
        let rows = pivots.iter().zip(holm(&p)).map(|(pivot, adjusted)| Comparison {
            p_regressed_holm: Some(adjusted),
            verdict: self.verdict(pivot),
            slowdown: sevbench_reports::Estimate { boots: self.boots, ..row.slowdown.clone() },
            ..row.clone()
        });
        summary.comparisons = rows.collect();
        summary.run.benches.truncate(1);
        summary
    }

    fn verdict(&self, mean: &Pivot) -> Verdict {
        let evidence =
            Evidence { boots: self.boots, mean: Some(mean), ratios: &[], blur: LogRatio::ZERO };
        evidence.judge(Estimand::Mean, self.margin).verdict
    }

    fn estimate(&self, truth: f64, rng: &mut ChaCha8Rng) -> Pivot {
        let boots: Vec<LogRatio> = (0..self.boots)
            .map(|_| LogRatio::new(truth.ln() + self.deviation * normal(rng)))
            .collect();
        Pivot::mean(&boots).unwrap()
    }
}

/// A standard normal deviate, by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let [u, v]: [f64; 2] = [rng.random(), rng.random()];
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Three standard deviations of a share among [`Simulation::RUNS`] runs.
fn error_of(share: f64) -> f64 {
    3.0 * (share * (1.0 - share) / Simulation::RUNS as f64).sqrt()
}

#[test]
fn slowdowns_at_the_margin_fail_at_most_one_gate_in_twenty() {
    for benches in [1, 5, 20] {
        let margin = Margin::percent(3.0).unwrap();
        let truths = vec![1.03; benches];
        let failed = Simulation { boots: 10, deviation: 0.02, margin, truths }.failed(1);
        assert!(failed <= ALPHA + error_of(ALPHA), "{benches} benches: {failed}");
        // Holm is not conservative either.
        assert!(failed >= ALPHA - error_of(ALPHA) - 0.01, "{benches} benches: {failed}");
    }
}

#[test]
fn slowdowns_of_twice_the_margin_fail_with_the_planned_power() {
    for (benches, boots, deviation) in [(1, 10, 0.02), (1, 10, 0.04), (10, 12, 0.03)] {
        let margin = Margin::percent(3.0).unwrap();
        let mut truths = vec![1.0; benches];
        truths[0] = 1.06;
        let failed = Simulation { boots, deviation, margin, truths }.failed(2);
        let comparisons = benches as u32;
        let planned =
            GatePlan { margin, boots, baseline_boots: None, comparisons, judge: Estimand::Both }
                .power(deviation);
        assert!((failed - planned).abs() <= error_of(planned), "{failed} for {planned}");
    }
}

/// Both runs have an error. The gate keeps its level and its power.
#[test]
fn gates_on_changes_keep_their_level_and_planned_power() {
    let margin = Margin::percent(3.0).unwrap();
    let deviation = 0.02;
    let failed = |truth: f64, seed: u64| {
        let simulation = Simulation { boots: 10, deviation, margin, truths: Vec::new() };
        let failed = (0..Simulation::RUNS).filter(|run| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(*run);
            let (before, now) =
                (simulation.estimate(1.1, &mut rng), simulation.estimate(1.1 * truth, &mut rng));
            Pivot::change(&now, &before).p_above(margin.log_ratio()) <= ALPHA
        });
        failed.count() as f64 / Simulation::RUNS as f64
    };
    let at_margin = failed(1.03, 3);
    assert!((at_margin - ALPHA).abs() <= error_of(ALPHA), "{at_margin}");
    let judge = Estimand::Mean;
    let plan = GatePlan { margin, boots: 10, baseline_boots: Some(10), comparisons: 1, judge };
    let (found, planned) = (failed(1.06, 4), plan.power(deviation));
    assert!((found - planned).abs() <= error_of(planned), "{found} for {planned}");
}
