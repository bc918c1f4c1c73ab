//! Data from elsewhere: a table of values by bench, arm, boot and round.

use super::context::{ArmPair, Costs};
use super::metrics::{Value, model_unit};
use super::series::{Row, Series};
use super::warm_ups::WarmUpTable;
use super::{Analysis, AnalysisError, Dataset};
use crate::gate::Margins;
use crate::record::{ArmRecord, Table, TableBench, TableRow};
use sevbench_reports::{
    ArmSummary, Measurand, Outcome, Place, Role, Run, SUMMARY_SCHEMA, SkippedRow, Summary, Unit,
};
use sevbench_statistics::Confidence;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// More arms than this are a mistake in the column.
const ARMS_MAX: usize = 1_000;

/// How a table is analysed.
#[derive(Debug)]
pub(crate) struct TableOptions<'a> {
    /// The file's name, for the summary.
    pub name: &'a str,
    /// The control arm; the first one where none is named.
    pub control: Option<&'a str>,
    /// Whether the arms did not run in common blocks.
    pub unpaired: bool,
    pub confidence: Confidence,
    pub margins: Margins,
    pub seed: u64,
    pub threads: usize,
}

/// The analysis of a table.
pub(crate) fn analyze_table(
    table: &Table,
    options: TableOptions<'_>,
) -> Result<Analysis, AnalysisError> {
    let control = match options.control {
        None => 0,
        Some(name) => table.arms.iter().position(|arm| arm == name).ok_or_else(|| {
            AnalysisError::NoArm { name: name.into(), known: table.arms.join(", ") }
        })?,
    };
    if table.arms.len() < 2 {
        return Err(AnalysisError::OneArm(table.arms.join(", ")));
    }
    if table.arms.len() > ARMS_MAX {
        return Err(AnalysisError::TooManyArms(table.arms.len()));
    }
    // The control first, as everywhere.
    let mut order: Vec<usize> = (0..table.arms.len()).collect();
    order[..=control].rotate_right(1);
    let arms: Vec<ArmRecord> = (0..)
        .zip(&order)
        .map(|(place, arm)| arm_record(&table.arms[*arm], place == 0, options.name))
        .collect();
    let mut places = vec![0_u16; order.len()];
    (0..).zip(&order).for_each(|(place, arm)| places[*arm] = place);
    let benches = table.benches.iter().enumerate();
    let series: Vec<Series> = benches.map(|(i, bench)| series(i, bench, &places)).collect();
    let boots: BTreeSet<u32> =
        series.iter().flat_map(|s| s.rows.iter().map(|row| row.boot)).collect();
    let arm_pairs = (1..arms.len()).map(|arm| ArmPair {
        treatment: arm as u16,
        injected: false,
        rebooted: true,
        are_verified: true,
        control_is_encrypted: false,
        differ_undeclared: false,
        judged: true,
    });
    let dataset = Dataset {
        control: 0,
        series,
        pooled: BTreeMap::new(),
        warm_ups: WarmUpTable::default(),
        costs: Costs::default(),
        confidence: options.confidence,
        margins: &options.margins,
        first_stage: None,
        seed: options.seed,
        unpaired: options.unpaired,
        pairs: arm_pairs.collect(),
        arms: &arms,
    };
    let skipped = lacking(&dataset.series, &arms);
    let compares = dataset.compare(options.threads);
    let run = Run {
        id: options.name.into(),
        suite: "table".into(),
        testbed: "elsewhere".into(),
        started: String::new(),
        sevbench_version: String::new(),
        host: BTreeMap::new(),
        seed: options.seed,
        arms: arms.iter().map(summary).collect(),
        benches: table.benches.iter().map(|bench| bench.id.clone()).collect(),
        outcome: Outcome::Complete,
        cut_off: false,
        defects: Vec::new(),
        duty: None,
        boots: boots.len() as u32,
        first_sample_ns: None,
        replication: None,
        noise_floor: compares.noise_floor,
    };
    Ok(Analysis {
        estimates: compares.estimates,
        boots_tried: HashMap::new(),
        margins: options.margins,
        summary: Summary {
            schema: SUMMARY_SCHEMA.into(),
            run,
            comparisons: compares.comparisons,
            skipped,
            failed: Vec::new(),
            exclusions: Vec::new(),
            differences: Vec::new(),
            overall: compares.overall,
            outliers: compares.outliers,
            warm_ups: Vec::new(),
            gate: None,
        },
    })
}

fn arm_record(name: &str, is_control: bool, file: &str) -> ArmRecord {
    ArmRecord {
        name: name.into(),
        role: if is_control { Role::Control } else { Role::Treatment },
        address: format!("{file}:{name}"),
        claimed: None,
        spin_factor: None,
        rebooted: true,
        declares: Vec::new(),
    }
}

fn summary(arm: &ArmRecord) -> ArmSummary {
    ArmSummary {
        name: arm.name.clone(),
        role: arm.role,
        repeats_control: false,
        judged: arm.role == Role::Treatment,
        claimed: None,
        verified: None,
        encryption: None,
        evidence: Vec::new(),
        testimony: Vec::new(),
        place: Some(Place::Table),
        address: arm.address.clone(),
        machines: Vec::new(),
        build: None,
        description: "measured elsewhere: nothing is known about its machine".into(),
        injected: None,
        agent_resident_bytes: None,
    }
}

/// The benches that an arm has no value of.
fn lacking(series: &[Series], arms: &[ArmRecord]) -> Vec<SkippedRow> {
    let mut rows = Vec::new();
    for series in series {
        for (index, arm) in (0_u16..).zip(arms) {
            if !series.rows.iter().any(|row| row.arm == index) {
                rows.push(SkippedRow {
                    bench: series.measurand.to_string(),
                    arm: arm.name.clone(),
                    reason: "the table has no value for it".into(),
                    hint: "add rows, or leave the bench out".into(),
                });
            }
        }
    }
    rows
}

/// Several values of a round are its samples. Of durations, T = total time ÷ total operations; of rates, the mean of the inverses.
fn series(bench: usize, table: &TableBench, places: &[u16]) -> Series {
    let unit = model_unit(table.unit);
    let mut rounds: BTreeMap<(u32, u32, u16), Vec<&TableRow>> = BTreeMap::new();
    for row in &table.rows {
        rounds.entry((row.boot, row.round, places[row.arm])).or_default().push(row);
    }
    let rows = rounds.into_iter().map(|((boot, round, arm), samples)| {
        let value = value(unit, &samples);
        Row { boot, round, arm, excluded: false, value, samples: None }
    });
    Series {
        measurand: Measurand::of_bench(table.id.clone()),
        bench,
        unit,
        rows: rows.collect(),
        is_boot_time: false,
        percentile: None,
    }
}

fn value(unit: Unit, samples: &[&TableRow]) -> Value {
    let n = samples.len() as f64;
    if unit.is_rate() {
        let cost = samples.iter().map(|row| 1.0 / row.value).sum::<f64>() / n;
        return Value { cost, shown: 1.0 / cost };
    }
    let operations: f64 = samples.iter().map(|row| row.operations).sum();
    let cost = samples.iter().map(|row| row.value).sum::<f64>() / operations;
    Value { cost, shown: cost }
}
