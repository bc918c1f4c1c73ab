//! Verdicts and gates on data whose answer is known, and how often they err on simulated ones.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sevbench_statistics::holm;

fn pivot(ratios: &[f64]) -> Option<Pivot> {
    let logs: Vec<LogRatio> = ratios.iter().map(|ratio| LogRatio::new(ratio.ln())).collect();
    Pivot::mean(&logs).ok()
}

fn verdict(ratios: [f64; 3]) -> Verdict {
    judge(pivot(&ratios).as_ref(), Margin::percent(3.0).unwrap(), LogRatio::ZERO)
}

#[test]
fn each_verdict_has_its_interval() {
    assert_eq!(verdict([1.10, 1.11, 1.12]), Verdict::Regressed);
    assert_eq!(verdict([0.90, 0.91, 0.89]), Verdict::Improved);
    assert_eq!(verdict([1.00, 1.005, 0.995]), Verdict::NoChange);
    assert_eq!(verdict([1.00, 1.05, 1.03]), Verdict::Inconclusive);
}

/// A percentile that fell into the same bins each time has no spread, and is known to a bin only.
#[test]
fn what_bins_hide_decides_nothing() {
    let judged = |ratio: f64| {
        judge(pivot(&[ratio; 3]).as_ref(), Margin::percent(3.0).unwrap(), blur(Some(1.0 / 64.0)))
    };
    assert_eq!((judged(1.0), judged(1.05)), (Verdict::NoChange, Verdict::Regressed));
    assert_eq!((judged(1.031), judged(1.02)), (Verdict::Inconclusive, Verdict::Inconclusive));
    assert_eq!((judged(0.969), judged(0.94)), (Verdict::Inconclusive, Verdict::Improved));
}

#[test]
fn no_interval_is_inconclusive() {
    assert_eq!(judge(None, Margin::percent(3.0).unwrap(), LogRatio::ZERO), Verdict::Inconclusive);
}

/// A run as it was stored, with one bench regressed and one inconclusive, and boots enough to be judged.
fn stored() -> Summary {
    let text = sevbench_testing::fixture("golden/summary-1.json");
    let mut summary: Summary = serde_json::from_str(&text).unwrap();
    summary.run.benches = ["trials/spin", "trials/rate"].map(str::to_owned).to_vec();
    summary.run.boots = 10;
    summary.failed.clear();
    summary.comparisons.iter_mut().for_each(|comparison| comparison.slowdown.boots = 10);
    summary
}

fn judged(summary: &Summary) -> GateOutcome {
    judge_run(summary, Against::Margin)
}

#[test]
fn a_run_is_judged_by_its_adjusted_p_values_and_its_verdicts() {
    let mut summary = stored();
    summary.comparisons[0].p_regressed_holm = Some(0.049);
    let regressed = vec!["trials/spin in injected".to_owned()];
    assert_eq!(judged(&summary), GateOutcome::Regressed(regressed));
    // Beyond the margin by itself, but not among all: that is no failure, and it is not decided either.
    summary.comparisons[0].p_regressed_holm = Some(0.051);
    let open = ["trials/spin in injected", "trials/rate in injected"].map(str::to_owned).to_vec();
    assert_eq!(judged(&summary), GateOutcome::Inconclusive(open));
    summary.comparisons[0].verdict = "no change".into();
    summary.comparisons[1].judged = false;
    assert_eq!(judged(&summary), GateOutcome::Passed, "what is not judged does not count");
}

#[test]
fn what_has_no_result_is_not_decided() {
    let mut summary = stored();
    for comparison in &mut summary.comparisons {
        comparison.verdict = "no change".into();
        comparison.p_regressed_holm = Some(0.9);
    }
    assert_eq!(judged(&summary), GateOutcome::Passed);
    let open = |summary: &Summary| match judged(summary) {
        GateOutcome::Inconclusive(open) => open.join("; "),
        other => panic!("{other:?}"),
    };
    let mut missing = summary.clone();
    missing.run.benches.push("trials/slow".into());
    assert_eq!(open(&missing), "trials/slow in injected (no result)");
    // A bench whose id begins another's has no result because that one has.
    missing.run.benches.push("trials/slow/fast".into());
    missing.comparisons[1].bench = "trials/slow/fast/rate".into();
    let text = "trials/rate in injected (no result); trials/slow in injected (no result)";
    assert_eq!(open(&missing), text);
    let mut truncated = summary.clone();
    truncated.run.outcome = Outcome::Truncated;
    assert_eq!(open(&truncated), "the run did not come to its end");
    truncated.run.boots = 1;
    assert_eq!(open(&truncated), "the run did not come to its end", "not that it has one boot");
    let mut binned = summary.clone();
    binned.comparisons[1].verdict = "inconclusive".into();
    binned.comparisons[1].resolution = Some(1.0 / 64.0);
    assert_eq!(open(&binned), "trials/rate in injected");
    binned.comparisons[1].margin = 0.015;
    assert_eq!(open(&binned), "trials/rate in injected (its bins hide as much as the margin)");
    let mut single = summary.clone();
    single.comparisons[1].slowdown.boots = 1;
    single.comparisons[1].p_regressed_holm = Some(0.001);
    assert_eq!(open(&single), "trials/rate in injected (one boot)");
    // Five boots that point one way are 1 in 32; the strictest of two tests asks for 1 in 40.
    single.comparisons[1].slowdown.boots = 5;
    assert_eq!(open(&single), "trials/rate in injected (too few boots)");
    let mut failed = summary.clone();
    for boot in [3, 7] {
        let (bench, arm) = (Some("trials/rate".into()), "nosev".into());
        failed.failed.push(FailedRow { bench, arm, boot, reason: "a wrong byte".into() });
    }
    assert_eq!(open(&failed), "trials/rate in nosev (failed)");
    let mut empty = summary;
    empty.comparisons.clear();
    empty.run.benches.clear();
    assert_eq!(open(&empty), "no bench has a result");
}

#[test]
fn against_a_baseline_the_change_is_judged() {
    let mut summary = stored();
    let open = judge_run(&summary, Against::Baseline);
    assert!(
        matches!(&open, GateOutcome::Inconclusive(open) if open[0].contains("not in the baseline"))
    );
    let change = |verdict: Verdict, p: f64, summary: &Summary| sevbench_reports::Change {
        baseline: "main".into(),
        factor: summary.comparisons[0].slowdown.clone(),
        p_regressed: Some(p),
        p_regressed_holm: Some(p),
        verdict: verdict.to_string(),
    };
    for index in 0..2 {
        summary.comparisons[index].change = Some(change(Verdict::NoChange, 0.9, &summary));
    }
    assert_eq!(judge_run(&summary, Against::Baseline), GateOutcome::Passed);
    summary.comparisons[1].change = Some(change(Verdict::Regressed, 0.01, &summary));
    let regressed = GateOutcome::Regressed(vec!["trials/rate in injected".into()]);
    assert_eq!(judge_run(&summary, Against::Baseline), regressed);
    // In the baseline the bench has one boot: its error comes from rounds, which are no replicates.
    summary.comparisons[1].change.as_mut().unwrap().factor.boots = 1;
    let open = vec!["trials/rate in injected (one boot in the baseline)".to_owned()];
    assert_eq!(judge_run(&summary, Against::Baseline), GateOutcome::Inconclusive(open));
}

#[test]
fn what_says_nothing_of_the_treatment_is_refused() {
    let mut summary = stored();
    summary.run.boots = 1;
    assert_eq!(judged(&summary), GateOutcome::Refused(GateRefusal::OneBoot));
    let mut summary = stored();
    summary.comparisons.iter_mut().for_each(|comparison| comparison.slowdown.boots = 5);
    let few = GateRefusal::CannotFail { boots: 5, comparisons: 2, needed: 6 };
    assert_eq!(judged(&summary), GateOutcome::Refused(few));
    let mut summary = stored();
    summary.comparisons[0].p_regressed_holm = Some(0.01);
    summary.differences.push(sevbench_reports::DifferenceRow {
        fact: "kernel".into(),
        control: "6.1".into(),
        arm: "injected".into(),
        treatment: "6.8".into(),
        declared: true,
    });
    assert!(matches!(judged(&summary), GateOutcome::Regressed(_)), "it is declared");
    summary.differences[0].declared = false;
    let GateOutcome::Refused(refusal) = judged(&summary) else { panic!("judged") };
    let text = refusal.to_string();
    assert!(text.contains("injected differs") && text.contains("kernel"), "{text}");
    summary.run.arms[1].verified = Some(false);
    let unverified = GateRefusal::Unverified("injected".into());
    assert_eq!(judged(&summary), GateOutcome::Refused(unverified));
}

/// Simulated runs in which the gate is asked; boots' log ratios are normal.
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
            matches!(judged(&self.run(&mut rng)), GateOutcome::Regressed(_))
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
            verdict: judge(Some(pivot), self.margin, LogRatio::ZERO).to_string(),
            slowdown: sevbench_reports::Estimate { boots: self.boots, ..row.slowdown.clone() },
            ..row.clone()
        });
        summary.comparisons = rows.collect();
        summary.run.benches.truncate(1);
        summary
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

/// Three standard deviations of a share in so many runs.
fn error_of(share: f64) -> f64 {
    3.0 * (share * (1.0 - share) / Simulation::RUNS as f64).sqrt()
}

#[test]
fn effects_at_the_margin_fail_a_gate_in_one_run_of_twenty_at_most() {
    for benches in [1, 5, 20] {
        let margin = Margin::percent(3.0).unwrap();
        let truths = vec![1.03; benches];
        let failed = Simulation { boots: 10, deviation: 0.02, margin, truths }.failed(1);
        assert!(failed <= ALPHA + error_of(ALPHA), "{benches} benches: {failed}");
        // Holm is no stricter than it must be.
        assert!(failed >= ALPHA - error_of(ALPHA) - 0.01, "{benches} benches: {failed}");
    }
}

#[test]
fn an_effect_of_twice_the_margin_is_found_with_the_planned_power() {
    for (benches, boots, deviation) in [(1, 10, 0.02), (1, 10, 0.04), (10, 12, 0.03)] {
        let margin = Margin::percent(3.0).unwrap();
        let mut truths = vec![1.0; benches];
        truths[0] = 1.06;
        let failed = Simulation { boots, deviation, margin, truths }.failed(2);
        let comparisons = benches as u32;
        let planned =
            GatePlan { margin, boots, baseline_boots: None, comparisons }.power(deviation);
        assert!((failed - planned).abs() <= error_of(planned), "{failed} for {planned}");
    }
}

/// Against a baseline either run errs, and the gate keeps both promises all the same.
#[test]
fn a_gate_on_changes_keeps_its_level_and_its_planned_power() {
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
    let plan = GatePlan { margin, boots: 10, baseline_boots: Some(10), comparisons: 1 };
    let (found, planned) = (failed(1.06, 4), plan.power(deviation));
    assert!((found - planned).abs() <= error_of(planned), "{found} for {planned}");
}
