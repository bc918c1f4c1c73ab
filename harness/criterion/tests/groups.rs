//! Benches written for criterion are listed, tested and measured.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sevbench_testing::{Lab, example};

const IDS: [&str; 11] = [
    "groups/sum of squares",
    "groups/input/7",
    "groups/group/64",
    "groups/group/4096",
    "groups/ways/iter_batched",
    "groups/ways/iter_batched_ref",
    "groups/ways/iter_with_setup",
    "groups/ways/iter_with_large_drop",
    "groups/ways/iter_custom",
    "groups/ways/to_async",
    "groups/ways/to_async #2",
];

#[test]
fn benches_of_criterion_are_listed_and_tested() {
    let lab = Lab::new();
    let listed = lab.run_example(&example("groups"), &["--list"]);
    assert!(listed.out.lines().eq(IDS.map(|id| format!("{id}: bench"))), "{listed:#?}");
    assert_eq!(listed.err, "this is no id\n", "nothing is ignored in a list");
    let tested = lab.run_example(&example("groups"), &["--test", "ways|input"]);
    tested.expect(0, &["test groups/ways/to_async #2 ... ok", "8 passed, 0 failed, 0 skipped"]);
}

#[test]
fn benches_of_criterion_are_measured_in_both_arms() {
    let lab = Lab::new();
    let arguments = ["--boots", "2", "group/64", "sum of", "ways/iter_custom"];
    let ran = lab.run_example(&example("groups"), &arguments);
    ran.expect(
        0,
        &[
            "note: these calls of criterion have no meaning here and are ignored: nresamples, \
             plot_config, sample_size, sampling_mode, without_plots;",
            "groups/sum of squares",
            "groups/group/64",
            "(90 %)",
            "groups/ways/iter_custom",
        ],
    );
    let summary = lab.summary();
    let rows = summary["comparisons"].as_array().unwrap();
    let units: Vec<_> =
        rows.iter().map(|row| (row["bench"].as_str(), row["unit"].as_str())).collect();
    assert!(units.contains(&(Some("groups/group/64"), Some("B/s"))), "{units:?}");
    assert_eq!(rows.len(), 3);
}

/// Without `criterion_main!` nothing would be measured.
#[test]
fn groups_without_the_macro_main_are_refused() {
    let ran = Lab::new().run_example(&example("own_main"), &["--bench"]);
    ran.expect(2, &["only benches that criterion_main! runs"]);
}

#[test]
fn custom_measurement_is_refused() {
    let ran = Lab::new().run_example(&example("cycles"), &["--list"]);
    ran.expect(2, &["the measurement cycles::Cycles cannot be made here", "with_measurement"]);
}
