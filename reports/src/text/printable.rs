//! Foreign text made safe to print, once for a whole document. Names, facts, addresses and reasons
//! can come from a guest or from someone else's record. On a terminal they must neither steer it
//! nor look like a line of ours.

use crate::model::{
    Change, Comparison, Estimate, Flag, GateReport, Measurand, RecordComparison, Summary,
};
use sevbench_text::{indented, one_line};

/// A copy of the summary with every text safe to print.
pub(super) fn printable(summary: &Summary) -> Summary {
    let mut summary = summary.clone();
    let Summary {
        schema: _,
        run,
        comparisons,
        skipped,
        failed,
        exclusions,
        differences,
        overall,
        outliers,
        warm_ups: _,
        gate,
    } = &mut summary;
    lines([&mut run.id, &mut run.suite, &mut run.testbed, &mut run.started]);
    lines(&mut run.benches);
    lines(&mut run.defects);
    lines(run.noise_floor.iter_mut().map(|floor| &mut floor.arm));
    for arm in &mut run.arms {
        lines([&mut arm.name, &mut arm.address, &mut arm.description]);
        lines(&mut arm.evidence);
    }
    comparisons.iter_mut().for_each(comparison);
    for row in skipped {
        lines([&mut row.bench, &mut row.arm, &mut row.reason, &mut row.hint]);
    }
    for row in failed {
        lines(row.bench.iter_mut().chain([&mut row.arm]));
        // It may hold the last output of a program.
        row.reason = indented(&row.reason);
    }
    for row in exclusions {
        lines([&mut row.bench, &mut row.cause].into_iter().chain(&mut row.arm));
    }
    for row in differences {
        lines([&mut row.fact, &mut row.control, &mut row.arm, &mut row.treatment]);
    }
    for row in overall {
        line(&mut row.treatment);
        estimate(&mut row.slowdown);
    }
    for row in outliers {
        measurand(&mut row.measurand);
        line(&mut row.arm);
    }
    *gate = gate.as_ref().map(printable_gate);
    summary
}

/// A copy of the gate's decision with every text safe to print.
pub(super) fn printable_gate(report: &GateReport) -> GateReport {
    let mut report = report.clone();
    lines(report.baseline.iter_mut().chain(&mut report.refusal));
    let undecided = report.undecided.iter_mut().filter_map(|one| one.line.as_mut());
    for of in report.regressed.iter_mut().chain(&mut report.by_mean).chain(undecided) {
        of.measurand.iter_mut().for_each(measurand);
        line(&mut of.arm);
    }
    report
}

/// A copy of the comparison of two records with every text safe to print.
pub(super) fn printable_records(comparison: &RecordComparison) -> RecordComparison {
    let mut comparison = comparison.clone();
    let RecordComparison { schema: _, before, now, changes, only_before, only_now, differences } =
        &mut comparison;
    lines([before, now]);
    lines(only_before.iter_mut().chain(only_now));
    for row in changes {
        measurand(&mut row.measurand);
        line(&mut row.treatment);
        [&mut row.before, &mut row.now].into_iter().for_each(estimate);
        change(&mut row.change);
        row.flags.iter_mut().for_each(flag);
    }
    for row in differences {
        lines([&mut row.what, &mut row.before, &mut row.now]);
    }
    comparison
}

fn comparison(one: &mut Comparison) {
    measurand(&mut one.measurand);
    line(&mut one.treatment);
    estimate(&mut one.slowdown);
    let further = [
        &mut one.robust,
        &mut one.typical,
        &mut one.fieller,
        &mut one.bootstrap,
        &mut one.unexcluded,
    ];
    further.into_iter().flatten().for_each(estimate);
    lines(one.groups.iter_mut().flat_map(|groups| &mut groups.arms));
    one.change.iter_mut().for_each(change);
    one.flags.iter_mut().for_each(flag);
}

fn change(change: &mut Change) {
    line(&mut change.baseline);
    estimate(&mut change.factor);
}

fn estimate(estimate: &mut Estimate) {
    line(&mut estimate.method);
}

fn measurand(measurand: &mut Measurand) {
    lines([&mut measurand.bench].into_iter().chain(&mut measurand.metric));
}

fn flag(flag: &mut Flag) {
    if let Flag::Other(text) = flag {
        line(text);
    }
}

fn lines<'a>(texts: impl IntoIterator<Item = &'a mut String>) {
    texts.into_iter().for_each(line);
}

fn line(text: &mut String) {
    *text = one_line(text);
}
