//! Tests of results: printed, stored, and computed again from the journal.

use serde_json::Value;
use sevbench_testing::{Lab, faults};
use std::collections::BTreeMap;
use std::process::Command;

/// The 97.5th percentile of Student's t with one to four degrees of freedom, from a table.
const T_975: [f64; 4] =
    [12.706_204_736_174_7, 4.302_652_729_749_46, 3.182_446_305_283_71, 2.776_445_105_197_79];

/// Computes the slowdown and its 95 % interval from the journal, without the project's statistics.
/// A busy machine may steal time from a round, which is then excluded, and a boot with it where
/// that happens in all of its rounds.
fn recompute(journal: &[Value], bench: &str, exclusions: &Value) -> [f64; 3] {
    let mut boots: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    let is_same = |one: &Value, other: &Value| {
        ["bench", "boot", "round"].iter().all(|key| one[*key] == other[*key])
    };
    let is_excluded = |round: &Value| {
        exclusions.as_array().unwrap().iter().any(|exclusion| is_same(exclusion, round))
    };
    for round in journal
        .iter()
        .filter(|event| event["event"] == "round" && event["bench"] == bench && !is_excluded(event))
    {
        let total = |arm: &str| -> f64 {
            let arms = round["arms"].as_array().unwrap();
            let samples = &arms.iter().find(|entry| entry["arm"] == arm).unwrap()["elapsed_ns"];
            samples.as_array().unwrap().iter().map(|ns| ns.as_f64().unwrap()).sum()
        };
        let ratio = (total("aa") / total("nosev")).ln();
        boots.entry(round["boot"].as_u64().unwrap()).or_default().push(ratio);
    }
    let means: Vec<f64> =
        boots.values().map(|ratios| ratios.iter().sum::<f64>() / ratios.len() as f64).collect();
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let t = T_975[means.len() - 2];
    let half_width = t * (variance / n).sqrt();
    [mean, mean - half_width, mean + half_width].map(f64::exp)
}

#[test]
fn slowdowns_agree_with_those_computed_from_the_journal() {
    let lab = Lab::new();
    let ran = lab.run(&["--quick", "--seed", "7", "spin|rate|slow"]);
    ran.expect(
        0,
        &["plan: 3 benches", "A/A", "record: ", "trials/spin", "trials/rate", "trials/slow"],
    );
    let (journal, summary) = (lab.journal(), lab.summary());
    assert_eq!(summary["schema"], "sevbench/summary/1");
    assert_eq!(summary["run"]["seed"], 7);
    let comparisons = summary["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.len(), 3);
    for comparison in comparisons {
        let found =
            ["estimate", "low", "high"].map(|key| comparison["slowdown"][key].as_f64().unwrap());
        let expected =
            recompute(&journal, comparison["bench"].as_str().unwrap(), &summary["exclusions"]);
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected}");
        }
    }
    lab.assert_nothing_runs();
}

/// The precision requires a second stage, and the time limit ends it soon.
#[test]
fn second_stage_runs_until_the_time_limit() {
    let lab = Lab::new();
    let asked = ["--quick", "--precision", "0.001", "trials/spin"];
    lab.run(&asked).expect(
        0,
        &[
            "then more boots for intervals wider than ±0.001 %, for up to",
            "5 boots done: 1 of 1 benches need up to",
            "cut off by --max-time after",
            "trials/spin",
        ],
    );
    let journal = lab.journal();
    let extended: Vec<&Value> =
        journal.iter().filter(|event| event["event"] == "extended").collect();
    assert_eq!((extended.len(), &extended[0]["after_boot"]), (1, &Value::from(5)));
    assert!(lab.summary()["comparisons"][0]["slowdown"]["boots"].as_u64().unwrap() > 5);
}

#[test]
fn summary_follows_its_schema() {
    let lab = Lab::new();
    lab.run(&[
        "--quick",
        "--boots",
        "2",
        "--observation-time",
        "100ms",
        "spin|program|skips|panics",
    ])
    .expect(1, &[]);
    let summary = lab.summary();
    assert_eq!(faults("summary.schema.json", &summary), [""; 0]);
    let mut broken = summary;
    broken["comparisons"][0]["slowdown"]["estimate"] = "fast".into();
    assert_eq!(faults("summary.schema.json", &broken).len(), 1);
}

#[test]
fn outside_programs_are_compared_and_never_slowed() {
    let lab = Lab::new();
    let observed = ["--boots", "2", "--rounds", "2", "--observation-time", "300ms", "program"];
    lab.run(&observed).expect(0, &["trials/program/bandwidth", "duty: "]);
    let arms = |event: &Value| event["arms"].as_array().unwrap().clone();
    let rounds = lab.journal().into_iter().filter(|event| event["event"] == "round");
    let measured: Vec<Value> =
        rounds.flat_map(|event| arms(&event)).map(|arm| arm["measured_ns"].clone()).collect();
    assert_eq!(measured, vec![Value::from(300_000_000); 2 * 2 * 2]);
    let lab = Lab::new();
    let spun = ["--quick", "--boots", "2", "--treatment", "injected=loopback?spin=2", "program"];
    lab.run(&spun).expect(1, &["skipped: trials/program in injected", "without `spin=`"]);
}

#[test]
fn analyze_reproduces_the_stored_summary() {
    let lab = Lab::new();
    lab.run(&["--quick", "--boots", "2", "spin"]).expect(0, &[]);
    let mut analyze = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
    analyze.args(["analyze", "--format", "json"]).env("SEVBENCH_HOME", lab.home.path());
    let output = analyze.output().unwrap();
    let stored = std::fs::read(lab.home.path().join("latest/summary.json")).unwrap();
    assert!(output.status.success() && output.stdout == stored);
}

/// The conditions are recorded with the samples, whatever their values.
#[test]
fn rounds_record_their_conditions() {
    let lab = Lab::new();
    lab.run(&["--quick", "--boots", "1", "trials/spin"]).expect(0, &[]);
    let journal = lab.journal();
    let arms: Vec<&Value> = journal
        .iter()
        .filter(|event| event["event"] == "round")
        .flat_map(|event| event["arms"].as_array().unwrap())
        .collect();
    assert_eq!(arms.len(), 3 * 2);
    for arm in &arms {
        assert!(arm["steal_ns"].is_u64(), "{arm}");
        assert!(arm["transport_retries"].is_u64(), "{arm}");
    }
    // A step of 0 ns is not recorded.
    let steps: Vec<i64> = arms.iter().filter_map(|arm| arm["clock_step_ns"].as_i64()).collect();
    assert!(!steps.is_empty() && steps.iter().all(|step| step.abs() < 100_000_000), "{steps:?}");
}

#[test]
fn json_output_is_the_summary() {
    let lab = Lab::new();
    let ran = lab.run(&["--quick", "--boots", "2", "--format", "json", "--quiet", "spin"]);
    ran.expect(0, &[]);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), lab.summary());
    assert_eq!(ran.err, "");
}

#[test]
fn same_seed_gives_the_same_schedule() {
    let order = |lab: &Lab| -> Vec<String> {
        let names = |event: &Value| -> String {
            let arms = event["arms"].as_array().unwrap().iter().map(|arm| arm["arm"].to_string());
            format!("{}{}", event["bench"], arms.collect::<String>())
        };
        lab.journal().iter().filter(|event| event["event"] == "round").map(names).collect()
    };
    let labs = [Lab::new(), Lab::new()];
    for lab in &labs {
        lab.run(&["--quick", "--boots", "2", "--seed", "11", "spin|rate"]).expect(0, &[]);
    }
    assert_eq!(order(&labs[0]), order(&labs[1]));
}

/// Different margins decide the same slowdown differently.
#[test]
fn gate_exits_with_the_status_of_its_verdict() {
    // Samples of 30 ms are long beside the time slices that other tests take.
    let injected = [
        "--control",
        "loopback",
        "--treatment",
        "slow=loopback?spin=4",
        "--gate",
        "--quick",
        "--measurement-time",
        "300ms",
    ];
    let run = |lab: &Lab, margin: &str, boots: &str| {
        let rest = ["--margin", margin, "--boots", boots, "trials/spin"];
        lab.run(&[&injected[..], &rest].concat())
    };
    // Rounds that a busy machine disturbs are excluded, and many of them decide nothing.
    let gate = |margin: &str| {
        let mut runs = (0..5).map(|_| {
            let lab = Lab::new();
            let ran = run(&lab, margin, "6");
            (lab.summary()["exclusions"] == serde_json::json!([])).then_some(ran)
        });
        runs.find_map(|ran| ran).expect("a run without a disturbed round")
    };
    gate("10").expect(3, &["gate failed: regressed: trials/spin in slow"]);
    gate("900").expect(0, &["gate passed"]);
    run(&Lab::new(), "10", "1").expect(2, &["a gate cannot judge a single boot"]);
}

#[test]
fn bench_has_the_settings_of_its_author() {
    let lab = Lab::new();
    let short = ["--boots", "3", "--measurement-time", "10ms", "trials/(rate|own-settings)"];
    lab.run(&short).expect(0, &["slowdown [95 % interval]", "] (80 %)"]);
    let rounds = |bench: &str| {
        let is_round = |event: &&Value| event["event"] == "round" && event["bench"] == bench;
        lab.journal().iter().filter(is_round).count()
    };
    assert_eq!((rounds("trials/rate"), rounds("trials/own-settings")), (3 * 4, 3 * 2));
}
