//! The analysis of a table: values from elsewhere, by bench, arm, boot and round.

use super::arm_pair::ArmPair;
use super::comparisons::{Comparisons, compare_all};
use super::costs::Costs;
use super::dataset::{Dataset, Design};
use super::error::AnalysisError;
use super::metrics::{Value, model_unit};
use super::result::Analysis;
use super::series::{PooledTable, Row, Series};
use super::warm_ups::WarmUpTable;
use crate::gate::Margins;
use crate::record::{ArmRecord, Table, TableBench, TableRow};
use sevbench_reports::{
    ArmSummary, Estimand, Measurand, Outcome, Place, Role, Run, SUMMARY_SCHEMA, SkippedRow,
    Summary, Unit,
};
use sevbench_statistics::Confidence;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// More arms than this suggest that the column holds something else.
const ARMS_MAX: usize = 1_000;

/// How a table is analysed.
#[derive(Debug)]
pub(crate) struct TableOptions<'a> {
    /// The file's name, for the summary.
    pub name: &'a str,
    /// The control arm; by default the table's first arm.
    pub control: Option<&'a str>,
    /// Whether the arms ran independently of each other, not in common boot blocks.
    pub unpaired: bool,
    pub confidence: Confidence,
    pub margins: Margins,
    /// What verdicts are about.
    pub judge: Estimand,
    pub seed: u64,
    pub threads: usize,
}

/// Analyses a table.
pub(crate) fn analyze_table(
    table: &Table,
    options: TableOptions<'_>,
) -> Result<Analysis, AnalysisError> {
    let order = ArmOrder::new(table, options.control)?;
    let arms = order.arms(table, options.name);
    let benches = table.benches.iter().enumerate();
    let series: Vec<Series> =
        benches.map(|(index, bench)| series(index, bench, &order.positions)).collect();
    let boots: BTreeSet<u32> =
        series.iter().flat_map(|series| series.rows.iter().map(|row| row.boot)).collect();
    if !options.unpaired && !series.iter().any(has_pair) {
        return Err(AnalysisError::NoPairs);
    }
    let skipped = missing_values(&series, &arms);
    let data = Dataset {
        arms: &arms,
        design: if options.unpaired { Design::Unpaired } else { Design::Paired },
        pairs: (1..arms.len()).map(|treatment| arm_pair(treatment as u16)).collect(),
        series,
        pooled: PooledTable::new(),
        warm_ups: WarmUpTable::default(),
        costs: Costs::default(),
        excluded_by_arm: HashMap::new(),
        confidence: options.confidence,
        own_confidence: HashMap::new(),
        margins: &options.margins,
        judge: options.judge,
        first_stage: None,
        cut_off: HashSet::new(),
        seed: options.seed,
    };
    let Comparisons { comparisons, estimates, outliers, overall, noise_floor, warm_ups } =
        compare_all(data, options.threads);
    let run = Run {
        arms: arms.iter().map(summary_of_arm).collect(),
        benches: table.benches.iter().map(|bench| bench.id.clone()).collect(),
        boots: boots.len() as u32,
        noise_floor,
        ..run(&options)
    };
    let summary = Summary {
        schema: SUMMARY_SCHEMA.into(),
        run,
        comparisons,
        skipped,
        failed: Vec::new(),
        exclusions: Vec::new(),
        differences: Vec::new(),
        overall,
        outliers,
        warm_ups,
        gate: None,
    };
    Ok(Analysis { summary, estimates, margins: options.margins, boots_tried: HashMap::new() })
}

/// Whether the control and another arm have values in the same boot.
fn has_pair(series: &Series) -> bool {
    let boots = |is_control: bool| -> BTreeSet<u32> {
        let rows = series.rows.iter().filter(|row| (row.arm == 0) == is_control);
        rows.map(|row| row.boot).collect()
    };
    !boots(true).is_disjoint(&boots(false))
}

/// The order of the arms in the result: the control first, then the others as in the table.
struct ArmOrder {
    /// By position, the index in the table.
    indices: Vec<usize>,
    /// By index in the table, the position.
    positions: Vec<u16>,
}

impl ArmOrder {
    fn new(table: &Table, control: Option<&str>) -> Result<Self, AnalysisError> {
        let known = || table.arms.join(", ");
        let control = match control {
            None => 0,
            Some(name) => table
                .arms
                .iter()
                .position(|arm| arm == name)
                .ok_or_else(|| AnalysisError::NoArm { name: name.into(), known: known() })?,
        };
        match table.arms.len() {
            0..2 => return Err(AnalysisError::OneArm(known())),
            2..=ARMS_MAX => {}
            count => return Err(AnalysisError::TooManyArms(count)),
        }
        let mut indices: Vec<usize> = (0..table.arms.len()).collect();
        indices[..=control].rotate_right(1);
        let mut positions = vec![0_u16; indices.len()];
        (0..).zip(&indices).for_each(|(position, index)| positions[*index] = position);
        Ok(Self { indices, positions })
    }

    fn arms(&self, table: &Table, file: &str) -> Vec<ArmRecord> {
        let arms = self.indices.iter().enumerate().map(|(position, index)| {
            let name = &table.arms[*index];
            ArmRecord {
                name: name.clone(),
                role: if position == 0 { Role::Control } else { Role::Treatment },
                address: format!("{file}:{name}"),
                place: Some(Place::Table),
                claimed: None,
                spin_factor: None,
                rebooted: true,
                declares: Vec::new(),
                machine: None,
            }
        });
        arms.collect()
    }
}

const fn arm_pair(treatment: u16) -> ArmPair {
    ArmPair {
        control: 0,
        treatment,
        injected: false,
        rebooted: true,
        are_verified: true,
        control_is_encrypted: false,
        differ_undeclared: false,
        repeats_control: false,
        judged: true,
    }
}

fn run(options: &TableOptions<'_>) -> Run {
    Run {
        id: options.name.into(),
        suite: "table".into(),
        testbed: "elsewhere".into(),
        started: String::new(),
        sevbench_version: String::new(),
        host: BTreeMap::new(),
        seed: options.seed,
        arms: Vec::new(),
        benches: Vec::new(),
        outcome: Outcome::Complete,
        cut_off: false,
        defects: Vec::new(),
        duty: None,
        boots: 0,
        first_sample_ns: None,
        replication: None,
        judge: options.judge,
        overridden: Vec::new(),
        noise_floor: None,
    }
}

fn summary_of_arm(arm: &ArmRecord) -> ArmSummary {
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
        description: "measured elsewhere, on an unknown machine".into(),
        injected: None,
        agent_resident_bytes: None,
    }
}

/// The benches that the table has no value of in some arm.
fn missing_values(series: &[Series], arms: &[ArmRecord]) -> Vec<SkippedRow> {
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

/// The series of a bench. Several values of an arm in one round are its samples.
fn series(bench: usize, table: &TableBench, positions: &[u16]) -> Series {
    let unit = model_unit(table.unit);
    let mut rounds: BTreeMap<(u32, u32, u16), Vec<&TableRow>> = BTreeMap::new();
    for row in &table.rows {
        rounds.entry((row.boot, row.round, positions[row.arm])).or_default().push(row);
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

/// The value of a round. For durations, the cost is total time ÷ total operations; for rates, it is
/// the mean of the inverses.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::record::parse_table;
    use std::path::Path;

    impl TableOptions<'static> {
        /// The defaults, on one thread.
        pub(in super::super) fn smallest() -> Self {
            Self {
                name: "t.csv",
                control: None,
                unpaired: false,
                confidence: Confidence::P95,
                margins: Margins::of(3.0, []).unwrap(),
                judge: Estimand::Both,
                seed: 1,
                threads: 1,
            }
        }
    }

    /// With more than ten boots, the bootstrap draws random numbers.
    #[test]
    fn order_of_benches_changes_no_bootstrap() {
        let bounds = |benches: [&str; 2]| {
            let mut text = "bench,arm,boot,round,unit,value\n".to_owned();
            for bench in benches {
                for boot in 1..=12 {
                    text += &format!("{bench},nosev,{boot},1,ns,100\n");
                    text += &format!("{bench},snp,{boot},1,ns,{}\n", 100 + boot * 5 % 13);
                }
            }
            let table = parse_table(&mut text.as_bytes(), Path::new("t.csv")).unwrap();
            let lines =
                analyze_table(&table, TableOptions::smallest()).unwrap().summary.comparisons;
            let line = lines.iter().find(|line| line.measurand.bench == "a/b").unwrap();
            let bootstrap = line.bootstrap.clone().unwrap();
            (bootstrap.low.unwrap().to_bits(), bootstrap.high.unwrap().to_bits())
        };
        assert_eq!(bounds(["a/b", "a/c"]), bounds(["a/c", "a/b"]));
    }
}
