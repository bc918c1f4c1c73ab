//! Tests of `cargo sevbench analyze` and `compare`: tables, records, gates and errors.

use serde_json::Value;
use sevbench_testing::{Lab, Ran, faults};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;

const HEADER: &str = "bench,arm,boot,round,unit,value\n";

/// What these tests need of a lab.
trait Analyze {
    /// Runs `cargo sevbench`.
    fn sevbench(&self, arguments: &[&str]) -> Ran;

    /// The journal of a run of three boots, and its text.
    fn recorded(&self) -> (PathBuf, String);

    /// The path of a table with these rows.
    fn table(&self, rows: &str) -> String;
}

impl Analyze for Lab {
    fn sevbench(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        Ran::of(command.args(arguments).env("SEVBENCH_HOME", self.home.path()).output().unwrap())
    }

    fn recorded(&self) -> (PathBuf, String) {
        self.run(&["--quick", "--boots", "3", "spin"]).expect(0, &[]);
        let path = self.home.path().join("latest/run.ndjson");
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    }

    fn table(&self, rows: &str) -> String {
        let path = self.home.path().join("table.csv");
        fs::write(&path, format!("{HEADER}{rows}")).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// One row a boot and arm. In each boot, the treatment is slower by its factor, and both arms share
/// a spread.
fn rows(bench: &str, unit: &str, factors: &[f64]) -> String {
    let mut rows = String::new();
    for (boot, factor) in (1..).zip(factors) {
        let control = 10.0 + f64::from(boot % 3);
        let treated = if unit == "ms" { control * factor } else { control / factor };
        rows += &format!(
            "{bench},nosev,{boot},1,{unit},{control}\n{bench},snp,{boot},1,{unit},{treated}\n"
        );
    }
    rows
}

#[test]
fn table_gives_the_reference_interval_for_costs_and_rates() {
    let lab = Lab::new();
    let five = [1.063, 1.078, 1.071, 1.098, 1.059];
    let table = lab.table(&(rows("a/time", "ms", &five) + &rows("a/rate", "MiB/s", &five)));
    let ran = lab.sevbench(&["analyze", &table, "--format", "json"]);
    ran.expect(0, &[]);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    for comparison in summary["comparisons"].as_array().unwrap() {
        for (key, expected) in
            [("estimate", 1.073_712_376_8), ("low", 1.054_866_944_2), ("high", 1.092_894_487_1)]
        {
            let found = comparison["slowdown"][key].as_f64().unwrap();
            assert!((found / expected - 1.0).abs() < 1e-9, "{key}: {found}");
        }
        let bootstrap = &comparison["bootstrap"];
        assert!((bootstrap["low"].as_f64().unwrap() / 1.062_990_991_5 - 1.0).abs() < 1e-9);
        assert!((bootstrap["high"].as_f64().unwrap() / 1.086_905_556_9 - 1.0).abs() < 1e-9);
    }
    assert_eq!(faults("summary.schema.json", &summary), [""; 0]);
    let turned = lab.sevbench(&["analyze", &table, "--control", "snp"]);
    turned.expect(0, &["0.931 [0.915, 0.948]", "improved"]);
    let header = turned.out.lines().next().unwrap();
    assert!(
        header.find(" snp ") < header.find(" nosev ") && header.contains("nosev/snp"),
        "{header}"
    );
}

#[test]
fn thread_count_does_not_change_the_result() {
    let lab = Lab::new();
    let factors: Vec<f64> = (0..14).map(|boot| 1.0 + f64::from(boot * 7 % 5) / 100.0).collect();
    let all: String = (0..30).map(|bench| rows(&format!("a/{bench}"), "ms", &factors)).collect();
    let table = lab.table(&all);
    let on = |threads: &str| {
        let ran = lab.sevbench(&["analyze", &table, "--threads", threads, "--format", "json"]);
        ran.expect(0, &[]);
        ran.out
    };
    let one = on("1");
    assert!(one.contains("10000 resamples"));
    assert!(one == on("2") && one == on("8"));
    let other = lab.sevbench(&["analyze", &table, "--seed", "2", "--format", "json"]);
    assert!(other.out != one, "another seed gave the same resamples");
}

/// Arms that ran one after the other share no drift, so their boots are not pairs.
#[test]
fn unpaired_arms_are_compared_by_welch() {
    let lab = Lab::new();
    let table = lab.table(&rows("a/b", "ms", &[1.05, 1.06, 1.055, 1.052, 1.058]));
    lab.sevbench(&["analyze", &table]).expect(0, &["1.055 [1.050, 1.060]", "regressed"]);
    let unpaired = lab.sevbench(&["analyze", "--unpaired", "--verbose", &table]);
    unpaired.expect(0, &["unpaired", "inconclusive", "Welch's t on logarithms"]);
    // Against a single boot, rounds of several boots are not replicates.
    let boots = |arm: &str, boots: u32| -> String {
        let cells = (1..=boots).flat_map(|boot| [(boot, 1), (boot, 2)]);
        cells.map(|(boot, round)| format!("a/b,{arm},{boot},{round},ms,{}\n", 9 + round)).collect()
    };
    let table = lab.table(&(boots("nosev", 1) + &boots("snp", 4)));
    lab.sevbench(&["analyze", "--unpaired", &table])
        .expect(0, &["1.000 [no interval]", "inconclusive", "conditional on this boot"]);
    let table = lab.table(&(boots("nosev", 1) + &boots("snp", 1)));
    let single = lab.sevbench(&["analyze", "--unpaired", &table]);
    single.expect(0, &["conditional on this boot"]);
    assert!(!single.out.contains("no interval"), "{}", single.out);
}

#[test]
fn gate_on_a_table_exits_with_the_status_of_its_verdict() {
    let lab = Lab::new();
    let gate = |factors: &[f64], margin: &str| {
        let table = lab.table(&rows("a/b", "ms", factors));
        lab.sevbench(&["analyze", &table, "--gate", "--margin", margin])
    };
    let slow = [1.10, 1.11, 1.12, 1.105, 1.115];
    gate(&slow, "3").expect(3, &["gate failed: regressed: a/b in snp"]);
    gate(&slow, "30").expect(0, &["gate passed"]);
    gate(&slow, "11").expect(4, &["gate not decided: a/b in snp"]);
    gate(&slow[..1], "3").expect(2, &["gate refused", "single boot"]);
    gate(&slow[..3], "3").expect(2, &["gate refused", "a gate over 1 line needs 5 boots"]);
    // Without any pair, the gate does not pass.
    let apart = "a/b,nosev,1,1,ms,3\na/b,nosev,2,1,ms,3\na/b,snp,3,1,ms,3\na/b,snp,4,1,ms,3\n";
    let ran = lab.sevbench(&["analyze", &lab.table(apart), "--gate"]);
    ran.expect(2, &["have no boot in common"]);
    let one_armed = rows("a/b", "ms", &[1.0; 6]) + "a/c,nosev,1,1,ms,3\n";
    let ran = lab.sevbench(&["analyze", &lab.table(&one_armed), "--gate"]);
    ran.expect(
        4,
        &["skipped: a/c in snp: the table has no value for it", "a/c in snp (no result)"],
    );
}

/// One boot of eight is fast, so the mean is open and the median boot is not.
#[test]
fn verdicts_are_about_what_the_user_chooses() {
    let lab = Lab::new();
    let table = lab.table(&rows("a/b", "ms", &[1.07, 1.08, 1.09, 1.10, 1.11, 1.12, 1.13, 0.5]));
    let judged = |more: &[&str]| lab.sevbench(&[&["analyze", &table], more].concat());
    judged(&[]).expect(0, &["(margin 3 %, mean and median)", "inconclusive"]);
    judged(&["--judge", "mean"]).expect(0, &["(margin 3 %, mean)", "inconclusive"]);
    for word in ["typical", "median"] {
        judged(&["--judge", word]).expect(0, &["(margin 3 %, median)", "regressed"]);
    }
    judged(&["--judge", "mode"]).expect(2, &["[possible values: mean, typical, both]"]);

    let lab = Lab::new();
    lab.run(&["--quick", "--boots", "2", "--judge", "mean", "spin"]).expect(0, &["%, mean)"]);
    assert_eq!(lab.journal()[0]["settings"]["judge"], "mean");
    lab.sevbench(&["analyze"]).expect(0, &["%, mean)"]);
    let both = "verdicts: about the mean and median in this analysis, the mean in the run";
    lab.sevbench(&["analyze", "--judge", "both"]).expect(0, &[both]);
}

/// A table does not say what a boot costs, so no time is estimated.
#[test]
fn plan_for_an_inconclusive_table_is_in_boots_only() {
    let lab = Lab::new();
    let table = lab.table(&rows("a/b", "ms", &[1.00, 1.08, 1.02, 1.06, 1.04, 1.10]));
    let ran = lab.sevbench(&["analyze", &table]);
    ran.expect(
        0,
        &["a/b 51 % with --boots 12, 65 % with --boots 24 (18 boots narrow it to about ±1.5 %)"],
    );
}

/// The cost of an operation is total time ÷ total operations, not a mean of ratios.
#[test]
fn durations_and_operations_are_totalled() {
    let lab = Lab::new();
    let path = lab.home.path().join("ops.csv");
    let rows = "a,nosev,1,1,ns,100,1\na,nosev,1,1,ns,100,99\na,snp,1,1,ns,4,1\na,snp,1,1,ns,4,1\n";
    fs::write(&path, format!("bench,arm,boot,round,unit,value,ops\n{rows}")).unwrap();
    let ran = lab.sevbench(&["analyze", path.to_str().unwrap()]);
    ran.expect(0, &["2.000 ns", "4.000 ns", "2.000 [no interval]"]);
}

#[test]
fn records_are_compared_bench_by_bench() {
    let lab = Lab::new();
    let (before, now) = (lab.home.path().join("before.csv"), lab.home.path().join("now.csv"));
    let old =
        rows("a/b", "ms", &[1.02, 1.03, 1.025, 1.022, 1.028]) + &rows("a/old", "ms", &[1.0, 1.1]);
    fs::write(&before, format!("{HEADER}{old}")).unwrap();
    fs::write(&now, HEADER.to_owned() + &rows("a/b", "ms", &[1.12, 1.13, 1.125, 1.122, 1.128]))
        .unwrap();
    let paths = [before.to_str().unwrap(), now.to_str().unwrap()];
    let compared = lab.sevbench(&["compare", paths[0], paths[1]]);
    compared.expect(0, &["1.098 [1.09", "regressed", "only in", "a/old in snp"]);
    let document = lab.sevbench(&["compare", paths[0], paths[1], "--format", "json"]);
    let document: Value = serde_json::from_str(&document.out).unwrap();
    assert_eq!(faults("comparison.schema.json", &document), [""; 0]);
    assert_eq!(document["changes"][0]["change"]["verdict"], "regressed");
    let wider = lab.sevbench(&["compare", paths[0], paths[1], "--margin", "15"]);
    wider.expect(0, &["no change"]);
    let judged = lab.sevbench(&["analyze", paths[1], "--baseline", paths[0], "--gate"]);
    judged.expect(3, &["gate failed: regressed: a/b in snp", "change since"]);
    // A baseline with a single boot or without the bench cannot be compared with.
    let against = |rows: &str| {
        fs::write(&before, format!("{HEADER}{rows}")).unwrap();
        lab.sevbench(&["analyze", paths[1], "--baseline", paths[0], "--gate"])
    };
    against(&rows("a/b", "ms", &[1.02])).expect(2, &["gate refused", "too few boots of a/b"]);
    against(&rows("a/old", "ms", &[1.0, 1.1])).expect(2, &["gate refused", "has no a/b in snp"]);
    let once = rows("a/b", "ms", &[1.0]) + &rows("a/old", "ms", &[1.0, 1.1]);
    against(&once).expect(2, &["has too few boots of a/b in snp"]);
    // Against such an imprecise baseline hardly any run could pass, but this one fails.
    let noisy = rows("a/b", "ms", &[0.96, 1.00, 0.97, 0.99, 1.01]);
    against(&noisy).expect(3, &["gate failed: regressed: a/b in snp"]);
}

#[test]
fn error_in_a_table_is_located() {
    let lab = Lab::new();
    for (rows, words) in [
        ("a,nosev,1,1,ms,0\n", vec!["line 2, column 6", "above zero"]),
        ("a,nosev,1,1,ms,-3\n", vec!["line 2, column 6"]),
        ("a,nosev,1,1,ms,NaN\n", vec!["line 2, column 6"]),
        ("a,nosev,1,1,ms,inf\n", vec!["line 2, column 6"]),
        ("a,nosev,1,1,parsec,3\n", vec!["line 2, column 5", "parsec", "MiB/s"]),
        ("a,nosev,1,1,ms,3\na,snp,1,1,MB/s,3\n", vec!["line 3, column 5"]),
        ("a,nosev,one,1,ms,3\n", vec!["line 2, column 3"]),
        ("a,nosev,1,1,ms\n", vec!["line 2"]),
        ("", vec!["table.csv"]),
    ] {
        let table = lab.table(rows);
        lab.sevbench(&["analyze", &table]).expect(1, &words);
    }
    let table = lab.table("a,nosev,1,1,ms,3\n");
    lab.sevbench(&["analyze", &table]).expect(1, &["only the arm nosev"]);
    let table = lab.table(&rows("a", "ms", &[1.0, 1.1]));
    let wrong = lab.sevbench(&["analyze", &table, "--control", "moon"]);
    wrong.expect(2, &["no arm `moon`", "nosev, snp"]);
    fs::write(&table, "").unwrap();
    lab.sevbench(&["analyze", &table]).expect(1, &["empty", "bench,arm,boot,round,unit,value"]);
    lab.sevbench(&["compare", "moon", "mars"]).expect(2, &["`moon` names no run"]);
}

#[test]
fn records_that_say_nothing_about_each_other_are_refused() {
    let lab = Lab::new();
    lab.run(&["--quick", "--boots", "3", "spin"]).expect(0, &[]);
    lab.sevbench(&["analyze", "--unpaired", "latest"]).expect(2, &["apply only to tables"]);
    lab.sevbench(&["analyze", "--baseline", "latest"])
        .expect(2, &["--baseline latest is the analysed run itself"]);
    let table = lab.table(&rows("a", "ms", &[1.05, 1.06, 1.055]));
    lab.sevbench(&["compare", "latest", &table]).expect(1, &["have no bench in common"]);
}

/// A table may come from a pipe.
#[test]
fn table_is_read_from_standard_input() {
    let lab = Lab::new();
    let table = lab.table(&rows("a", "ms", &[1.05, 1.06, 1.055]));
    for name in ["-", "/dev/stdin"] {
        let script = "cat \"$0\" | \"$1\" analyze \"$2\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, &table, env!("CARGO_BIN_EXE_cargo-sevbench"), name]);
        Ran::of(command.output().unwrap()).expect(0, &["1.055 ["]);
    }
}

/// The name of a file may be any bytes.
#[test]
fn table_may_have_a_name_that_is_not_utf_8() {
    let lab = Lab::new();
    let table = lab.table(&rows("a", "ms", &[1.05, 1.06, 1.055]));
    let odd = lab.home.path().join(OsStr::from_bytes(b"\xff.csv"));
    fs::copy(&table, &odd).unwrap();
    let run = |words: &[&OsStr]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-sevbench"));
        Ran::of(command.args(words).output().unwrap())
    };
    run(&["analyze".as_ref(), odd.as_ref()]).expect(0, &["1.055 ["]);
    run(&["compare".as_ref(), odd.as_ref(), table.as_ref()]).expect(0, &["1.000 ["]);
    let absent = lab.home.path().join(OsStr::from_bytes(b"\xfe.csv"));
    run(&["analyze".as_ref(), absent.as_ref()]).expect(2, &["names no run, no baseline"]);
}

#[test]
fn boot_of_a_single_arm_is_excluded_and_counted() {
    let lab = Lab::new();
    let table = rows("a", "ms", &[1.05, 1.06, 1.055]) + "a,nosev,9,1,ms,3\n";
    let ran = lab.sevbench(&["analyze", &lab.table(&table), "--format", "json"]);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(summary["comparisons"][0]["slowdown"]["boots"], 3);
    assert_eq!(summary["comparisons"][0]["unpaired_rounds"], 1);
    let single = lab.sevbench(&["analyze", &lab.table(&rows("a", "ms", &[1.05]))]);
    single.expect(0, &["[no interval]", "conditional on this boot"]);
}

/// A corrupt line in the middle loses only its own content, and is named.
#[test]
fn corrupt_line_of_a_record_is_named_and_the_rest_is_used() {
    let lab = Lab::new();
    let (path, text) = lab.recorded();
    let mut lines: Vec<&str> = text.lines().collect();
    let round = lines.iter().position(|line| line.contains("\"event\":\"round\"")).unwrap();
    let torn = lines[round][..lines[round].len() / 2].to_owned();
    lines[round] = &torn;
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let place = format!("ignored: line {}, column", round + 1);
    let ran = lab.sevbench(&["analyze"]);
    ran.expect(0, &[&place, "trials/spin"]);
    assert!(ran.err.contains("warning: "), "{}", ran.err);
    assert!(ran.err.contains(": line ") && ran.err.contains("; ignored"), "{}", ran.err);
}

/// A digit that changed on the disk is no measurement.
#[test]
fn changed_digit_of_a_record_is_noticed() {
    let lab = Lab::new();
    let (path, text) = lab.recorded();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let round = lines.iter().position(|line| line.contains("\"event\":\"round\"")).unwrap();
    let sample = lines[round].find("\"elapsed_ns\":[").unwrap() + "\"elapsed_ns\":[".len();
    let digit = if lines[round].as_bytes()[sample] == b'9' { "8" } else { "9" };
    lines[round].replace_range(sample..=sample, digit);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let defect = format!("line {}: its checksum does not match", round + 1);
    lab.sevbench(&["analyze"]).expect(0, &[&defect, "trials/spin"]);
    lines[0] = lines[0].replacen("\"seed\":", "\"seed\":1", 1);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let named = ["analyze", path.to_str().unwrap()];
    lab.sevbench(&named).expect(1, &["line 1: its checksum does not match"]);
    lab.sevbench(&["analyze"]).expect(2, &["there is no run yet"]);
}

/// Recorded interference excludes rounds by name of the cause, and the output shows the effect.
#[test]
fn rounds_with_interference_are_excluded() {
    let lab = Lab::new();
    let (path, text) = lab.recorded();
    let causes = [
        ("steal_ns", 5_000_000_000_u64),
        ("clock_step_ns", 60_000_000_000),
        ("transport_retries", 2),
    ];
    // Rounds that were disturbed in truth would be excluded too.
    let undisturbed = |line: &str| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        if event["event"] != "round" {
            return line.to_owned();
        }
        for arm in event["arms"].as_array_mut().unwrap() {
            let arm = arm.as_object_mut().unwrap();
            causes.iter().for_each(|(key, _)| drop(arm.remove(*key)));
            arm.remove("host_ns");
        }
        event.as_object_mut().unwrap().remove("crc32");
        event.to_string()
    };
    let text: Vec<String> = text.lines().map(undisturbed).collect();
    let mut disturbed = causes.iter();
    let lines = text.iter().map(|line| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        if event["event"] == "round"
            && let Some((key, value)) = disturbed.next()
        {
            event["arms"][0][*key] = (*value).into();
            return event.to_string();
        }
        line.clone()
    });
    let changed = lines.collect::<Vec<_>>().join("\n") + "\n";
    fs::write(&path, changed).unwrap();
    lab.sevbench(&["analyze"]).expect(0, &["with the excluded rounds, trials/spin would be"]);
    let ran = lab.sevbench(&["analyze", "--format", "json"]);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    let exclusions = summary["exclusions"].as_array().unwrap();
    assert_eq!(exclusions.len(), causes.len(), "{exclusions:?}");
    for (exclusion, cause) in exclusions.iter().zip(["CPU steal", "clock step", "transport retry"])
    {
        assert_eq!(exclusion["kind"], cause, "{exclusion}");
    }
    let before: Value = {
        fs::write(&path, text.join("\n") + "\n").unwrap();
        serde_json::from_str(&lab.sevbench(&["analyze", "--format", "json"]).out).unwrap()
    };
    let estimates = |summary: &Value, key: &str| summary["comparisons"][0][key]["estimate"].clone();
    assert_eq!(estimates(&summary, "unexcluded"), estimates(&before, "slowdown"));
    assert_ne!(estimates(&summary, "slowdown"), estimates(&before, "slowdown"));
}

/// The README names this case: one arm ran entirely before the other.
#[test]
fn table_without_a_common_boot_names_unpaired() {
    let lab = Lab::new();
    let table = lab.home.path().join("t.csv");
    let header = "bench,arm,boot,round,unit,value";
    let rows = "b,c,1,1,ns,100\nb,c,2,1,ns,101\nb,t,3,1,ns,800\nb,t,4,1,ns,810\n";
    fs::write(&table, format!("{header}\n{rows}")).unwrap();
    let table = table.to_str().unwrap();
    lab.sevbench(&["analyze", table]).expect(2, &["have no boot in common", "add --unpaired"]);
    lab.sevbench(&["analyze", table, "--unpaired"]).expect(0, &["unpaired"]);
    for value in ["1e308", "1e-200"] {
        fs::write(table, format!("{header}\nb,c,1,1,ns,{value}\nb,t,1,1,ns,1\n")).unwrap();
        lab.sevbench(&["analyze", table]).expect(1, &["is too large or too small in ns"]);
    }
    lab.sevbench(&["analyze", "--control", "c", "missing.csv"])
        .expect(2, &["`missing.csv` names no run, no baseline and no table"]);
}
