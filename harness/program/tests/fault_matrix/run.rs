//! A small run with a known schedule, and what must hold of it after a fault.

use serde_json::Value;
use sevbench_testing::{Lab, Ran};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// The benches of the run.
const BENCHES: [&str; 2] = ["trials/rate", "trials/spin"];
/// The boots that it wants.
pub(crate) const BOOTS: usize = 2;

/// A round: boot, bench and number.
pub(crate) type RoundId = (u64, String, u64);

/// The arguments of the run with these boots.
pub(crate) fn plan<'a>(boots: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--boots", boots, "--rounds", "3", "--seed", "5"];
    arguments.extend(["--warm-up-time", "10ms", "--measurement-time", "30ms", "--timeout", "3s"]);
    arguments.extend(more);
    arguments.push("trials/(spin|rate)");
    arguments
}

/// The order of the arms in each round of this lab's only run.
pub(crate) fn rounds(lab: &Lab) -> BTreeMap<RoundId, Vec<String>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    // A killed run can leave an incomplete last line.
    let events = lab.journal_text();
    let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let rounds = events.filter(|event| event["event"] == "round").map(|round| {
        let id = (
            round["boot"].as_u64().unwrap(),
            text(&round["bench"]),
            round["round"].as_u64().unwrap(),
        );
        let arms = round["arms"].as_array().unwrap().iter().map(|arm| text(&arm["arm"]));
        (id, arms.collect())
    });
    rounds.collect()
}

/// The schedule of the seed, of more boots than any faulty run needs. It depends on the number of
/// arms alone, not on where they run.
fn schedule() -> &'static BTreeMap<RoundId, Vec<String>> {
    static SCHEDULE: OnceLock<BTreeMap<RoundId, Vec<String>>> = OnceLock::new();
    SCHEDULE.get_or_init(|| {
        let lab = Lab::new();
        lab.run(&plan("8", &[])).expect(0, &[]);
        let is_treatment = |arm: &String| if arm == "aa" { "other".into() } else { arm.clone() };
        let rename = |arms: &Vec<String>| arms.iter().map(is_treatment).collect();
        rounds(&lab).iter().map(|(id, arms)| (id.clone(), rename(arms))).collect()
    })
}

/// Checks a run after its fault, and completes it. Returns whether it had to be continued.
#[track_caller]
pub(crate) fn check_and_complete(lab: &Lab, fault: &str, ran: &Ran) -> bool {
    lab.assert_nothing_runs();
    let recorded = rounds(lab);
    for (id, arms) in &recorded {
        let arms: Vec<&str> =
            arms.iter().map(|arm| if arm == "aa" { "other" } else { arm.as_str() }).collect();
        assert_eq!(schedule()[id], arms, "{fault}: another order in round {id:?}");
    }
    let resumed = lab.run(&["--resume"]);
    let is_continued = resumed.err.contains("continuing ");
    if !is_continued {
        if resumed.err.contains("no run to continue") {
            assert_eq!(resumed.status, Some(2), "{fault}: {resumed:#?}");
            assert!(recorded.is_empty(), "{fault}: rounds without a run");
            return false;
        }
        assert!(resumed.err.contains("nothing to continue"), "{fault}: {resumed:#?}");
        assert_eq!(resumed.status, Some(0), "{fault}: {resumed:#?}");
    }
    lab.assert_nothing_runs();
    let after = rounds(lab);
    for (id, arms) in &recorded {
        assert_eq!(after.get(id), Some(arms), "{fault}: the recorded round {id:?} is lost");
    }
    let whole_boots = |bench: &str| {
        let of_bench = after.keys().filter(|(_, id, _)| id == bench);
        let mut boots: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for (boot, _, round) in of_bench {
            boots.entry(*boot).or_default().insert(*round);
        }
        boots.values().filter(|rounds| rounds.len() == 3).count()
    };
    for bench in BENCHES {
        let is_failed =
            lab.summary()["failed"].as_array().unwrap().iter().any(|row| row["bench"] == bench);
        let boots = whole_boots(bench);
        assert!(
            boots >= BOOTS || (is_failed && boots + 1 >= BOOTS),
            "{fault}: {boots} boots of {bench}, after {ran:#?} and {resumed:#?}"
        );
    }
    is_continued
}
