//! The plan that flags and `sevbench.toml` give, and the errors that name the flag to change.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use clap::CommandFactory;
use sevbench_protocol::{Bench, Bencher, Suite};
use sevbench_reports::Role;

fn plan(arguments: &[&str]) -> Result<Plan, String> {
    let arguments = [&["bench"], arguments].concat();
    let matches = BenchArguments::command().try_get_matches_from(arguments);
    let parsed = matches.and_then(|matches| BenchArguments::from_matches(&matches));
    let parsed = parsed.map_err(|error| error.to_string())?;
    let timed = Bench::new("a", |b: &mut Bencher<'_>| b.iter(|| ()));
    let suite = Suite::new("s", [timed, Bench::program("b", |_| ())]).unwrap().list();
    let cases: Vec<&ListedBench> = suite.benches.iter().collect();
    parsed.plan(&suite, &cases, 1).map_err(|failure| failure.message)
}

#[test]
fn default_testbed_is_loopback_against_itself() {
    let plan = plan(&["--bench"]).unwrap();
    let names: Vec<&str> = plan.arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!((names, plan.testbed.as_str()), (vec!["nosev", "aa"], "loopback"));
    assert_eq!((plan.settings.boots, plan.settings.rounds), (10, 4));
}

#[test]
fn boots_are_fixed_or_follow_the_precision() {
    for (arguments, expected) in [
        (&["--bench"][..], (10, Some(2.0))),
        (&["--boots", "7"], (7, None)),
        (&["--precision", "0.5"], (10, Some(0.5))),
        (&["--quick"], (5, None)),
        (&["--quick", "--precision", "1"], (5, Some(1.0))),
    ] {
        let Settings { boots, precision_percent, .. } = plan(arguments).unwrap().settings;
        assert_eq!((boots, precision_percent), expected, "{arguments:?}");
    }
}

#[test]
fn plan_line_states_the_limit_on_boots() {
    for (arguments, words) in [
        (&["--boots", "1"][..], "× 4 rounds, about 4 min 17 s"),
        (&["--bench"], "then more boots for intervals wider than ±2 %, for up to 1 h 25 min"),
        (&["--precision", "0.5"], "more boots for intervals wider than ±0.5 %"),
        (&["--max-time", "5min"], "than ±2 %; no boot starts after 5 min"),
        (&["--boots", "3", "--max-time", "5min"], "; no boot starts after 5 min"),
    ] {
        let text = plan(arguments).unwrap().describe();
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
}

#[test]
fn expected_time_counts_outside_programs() {
    let plan = plan(&["--boots", "2", "--rounds", "3", "--observation-time", "10s"]).unwrap();
    assert_eq!((plan.observed.len(), plan.settings.observation_ns), (1, 10_000_000_000));
    // 2 boots × 2 arms × 3 rounds of 10 s each, plus an estimated 2 s of overhead a round.
    let expected = plan.expected().as_secs();
    assert!((144..150).contains(&expected), "{expected} s");
}

/// What an author sets for a bench comes before the defaults, and after the flags.
#[test]
fn benches_have_settings_of_their_own_unless_a_flag_sets_them() {
    let second = Duration::from_secs(1);
    let own = || {
        let bench = Bench::new("own", |b: &mut Bencher<'_>| b.iter(|| ()));
        let bench = bench.warm_up_time(second).measurement_time(2 * second);
        let bench = bench.observation_time(3 * second).rounds(9).confidence_level(0.9);
        Suite::new("s", [bench, Bench::program("plain", |_| ())]).unwrap().list()
    };
    let settings = |flags: &[&str]| {
        let matches = BenchArguments::command().get_matches_from([&["bench"], flags].concat());
        let suite = own();
        let cases: Vec<&ListedBench> = suite.benches.iter().collect();
        let arguments = BenchArguments::from_matches(&matches).unwrap();
        arguments.plan(&suite, &cases, 1).map_err(|failure| failure.message).unwrap().settings
    };
    let of = |settings: &Settings, id: &str| {
        let times = [settings.warm_up_ns(id), settings.measurement_ns(id)];
        (times.map(|ns| ns / 1_000_000), settings.rounds(id), settings.confidence(id))
    };
    let by_default = settings(&[]);
    assert_eq!(of(&by_default, "s/own"), ([1_000, 2_000], 9, Some(0.9)));
    assert_eq!(by_default.observation_ns("s/own"), 3_000_000_000);
    assert_eq!(of(&by_default, "s/plain"), ([30, 130], 4, None));
    let flags = ["--rounds", "5", "--warm-up-time", "7ms", "--confidence-level", "0.5"];
    assert_eq!(of(&settings(&flags), "s/own"), ([7, 2_000], 5, None));
    assert_eq!(of(&settings(&["--quick"]), "s/own"), ([10, 30], 3, Some(0.9)));
}

#[test]
fn two_machines_make_a_plan() {
    let plan =
        plan(&["--control", "ssh://a@h1", "--treatment", "snp=ssh://a@h2", "--quick"]).unwrap();
    assert_eq!((plan.arms.len(), plan.settings.boots), (2, 5));
    assert_eq!(plan.arms[1].claimed(), Some(sevbench_guest::Protection::SevSnp));
}

#[test]
fn wrong_usage_says_what_to_type() {
    for (arguments, hint) in [
        (vec!["--bots", "3"], "--boots"),
        (vec!["--boots", "0"], "1..=10000"),
        (vec!["--boots", "3", "--precision", "1"], "cannot be used with"),
        (vec!["--precision", "0"], "such as 1.5"),
        (vec!["--max-time", "never"], "1min"),
        (vec!["--testbed", "moon"], "use one of loopback"),
        (vec!["--control", "ssh://a@h"], "add --treatment"),
        (vec!["--treatment", "ssh://a@h"], "NAME=URL"),
        (vec!["--confidence-level", "95"], "between 0 and 1"),
        (vec!["--margin", "0"], "percentage"),
        (vec!["--warm-up-time", "soon"], "100ms"),
        (vec!["--measurement-time", "0"], "above 0"),
        (vec!["--timeout", "-1"], "above 0"),
    ] {
        let error = plan(&arguments).unwrap_err();
        assert!(error.contains(hint), "{arguments:?}: {error}");
    }
}

#[test]
fn aa_adds_the_control_again() {
    let two = ["--control", "ssh://a@h1", "--treatment", "snp=ssh://a@h2"];
    let arms = plan(&[&two[..], &["--aa"]].concat()).unwrap().arms;
    let names: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!(names, ["nosev", "snp", "aa"]);
    assert_eq!((&arms[2].address, arms[2].role), (&arms[0].address, Role::Treatment));
    let error = plan(&["--aa"]).unwrap_err();
    assert!(
        error.contains("two arms are called `aa`"),
        "loopback has an arm `aa` already: {error}"
    );
}

#[test]
fn configuration_sets_margins_of_single_benches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sevbench.toml");
    let with = |text: &str| {
        std::fs::write(&path, text).unwrap();
        plan(&["--config", path.to_str().unwrap()])
    };
    let settings = with("[[margin]]\nbenches = \"s/a\"\npercent = 7.5\n").unwrap().settings;
    assert_eq!(settings.margin_rules().collect::<Vec<_>>(), [("s/a", 7.5)]);
    for (text, words) in [
        ("[[margin]]\nbenches = \"s/(\"\npercent = 7\n", "`s/(`: found open group"),
        ("[[margin]]\nbenches = \"s/a\"\npercent = 0\n", "`s/a`: a margin is a percentage"),
        ("[[margin]]\nbenches = \"s/a\"\npercentage = 7\n", "line 3"),
    ] {
        let error = with(text).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}
