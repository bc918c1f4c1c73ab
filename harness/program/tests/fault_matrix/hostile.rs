//! A hostile agent: whatever it sends, its benches fail with a reason, the others are measured, and
//! record and output stay sound.

use serde_json::Value;
use sevbench_testing::{Lab, count_faults, example, faults};
use std::collections::BTreeSet;

/// Strange, but what an honest guest could send as well.
const PLAUSIBLE: [&str; 10] = [
    "honest",
    "ready-all-operations",
    "warm-endless",
    "warm-timeless",
    "observe-same-names",
    "observe-descending",
    "observe-all-counts",
    "observe-255-digits",
    "conditions-timeless",
    "conditions-host",
];

/// Rounds with these are excluded, for a cause.
const EXCLUDED: [&str; 6] = [
    "measure-max",
    "measure-hour",
    "observe-endless",
    "conditions-endless",
    "conditions-stolen",
    "conditions-stepped",
];

fn benches(rows: &Value) -> BTreeSet<String> {
    let ids = rows.as_array().unwrap().iter().filter_map(|row| row["bench"].as_str());
    ids.filter_map(|id| id.strip_prefix("hostile/")).map(str::to_owned).collect()
}

#[test]
fn hostile_agent_spoils_nothing_but_its_own_benches() {
    let lab = Lab::new();
    let ran = lab.run_example(
        &example("hostile"),
        &["--quick", "--boots", "1", "--rounds", "2", "--timeout", "2s"],
    );
    ran.expect(1, &["hostile/honest", "record: "]);
    for text in [&ran.out, &ran.err] {
        assert!(text.len() < 300_000, "{} bytes were printed", text.len());
        assert!(!text.contains(['\x1b', '\u{9b}', '\u{202e}', '\r']), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("fake/row")), "{text}");
    }
    let journal = lab.journal();
    for event in &journal {
        assert!(event.to_string().len() < 100_000, "a line of the journal is very long");
    }
    let summary = lab.summary();
    assert_eq!(faults("summary.schema.json", &summary), [""; 0]);
    let (failed, skipped) = (benches(&summary["failed"]), benches(&summary["skipped"]));
    let excluded = benches(&summary["exclusions"]);
    let list = lab.run_example(&example("hostile"), &["--list"]).out;
    let modes =
        list.lines().filter_map(|line| line.strip_prefix("hostile/")?.strip_suffix(": bench"));
    let mut tried = 0;
    for mode in modes {
        let is_refused = failed.contains(mode) || skipped.contains(mode);
        let is_fine = PLAUSIBLE.contains(&mode);
        if EXCLUDED.contains(&mode) {
            assert!(excluded.contains(mode), "no round of {mode} is excluded");
        } else {
            assert!(is_refused != is_fine, "{mode}: refused {is_refused}, plausible {is_fine}");
        }
        tried += 1;
    }
    assert!(tried >= 60, "{tried} modes");
    count_faults(tried, "hostile answers survived");
    lab.assert_nothing_runs();
}
