//! Pure: the facts in which two machines differ, and which of these the treatment explains.

use crate::qemu::{LaunchRecord, swiotlb_mib};
use crate::treatment::Treatment;
use serde::{Deserialize, Serialize};
use sevbench_facts::Facts;
use std::collections::{BTreeMap, BTreeSet};

/// Two equal machines may differ in memory by this share, since kernels reserve different amounts.
const MEMORY_TOLERANCE: f64 = 0.01;
/// Facts that are sets of words. Only the differing words are shown.
const WORD_SETS: [&str; 5] =
    ["CPU flags", "kernel command line", "virtio features of ", "disk queue of ", "clock sources"];

/// A fact in which a treatment differs from the control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The fact.
    pub fact: String,
    /// Its value in the control arm; for a set of words, those found only there.
    pub control: String,
    /// Its value in the treatment arm; for a set of words, those found only there.
    pub treatment: String,
    /// Whether the treatment is declared to change it.
    pub declared: bool,
}

/// A fact that a treatment is declared to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// The fact, or several of them.
    pub fact: FactPattern,
    /// The words that change, if the fact is a set of words; empty for all of them.
    pub words: Vec<String>,
}

/// Which facts a declaration is about. In JSON it is a text, which for several facts ends in a
/// space.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum FactPattern {
    /// The fact of this name.
    Name(String),
    /// All facts whose names begin with these whole words: `largest request of`.
    Prefix(String),
}

impl FactPattern {
    fn matches(&self, fact: &str) -> bool {
        match self {
            Self::Name(name) => fact == name,
            Self::Prefix(prefix) => {
                fact.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with(' '))
            }
        }
    }
}

impl From<String> for FactPattern {
    fn from(text: String) -> Self {
        match text.strip_suffix(' ') {
            Some(prefix) => Self::Prefix(prefix.into()),
            None => Self::Name(text),
        }
    }
}

impl From<FactPattern> for String {
    fn from(pattern: FactPattern) -> Self {
        match pattern {
            FactPattern::Name(name) => name,
            FactPattern::Prefix(prefix) => prefix + " ",
        }
    }
}

/// What is known about one of two compared machines.
#[derive(Clone, Copy, Debug)]
pub struct MachineFacts<'a> {
    /// Its facts.
    pub facts: &'a Facts,
    /// How we launched it, if we did.
    pub launch: Option<&'a LaunchRecord>,
}

/// What a treatment is declared to change. `words` are those that it adds to the kernel's command
/// line.
pub fn declarations(treatment: Treatment, words: Vec<String>) -> Vec<Declaration> {
    let declared = |fact: FactPattern, words: &[&str]| Declaration {
        fact,
        words: words.iter().map(|&word| word.into()).collect(),
    };
    let declare = |fact: &str, words: &[&str]| declared(FactPattern::Name(fact.into()), words);
    let declare_all = |of: &str, words: &[&str]| declared(FactPattern::Prefix(of.into()), words);
    if treatment == Treatment::Nosev {
        return Vec::new();
    }
    // VIRTIO_F_ACCESS_PLATFORM is bit 33. Bounce buffers limit the size of a device's requests.
    let mut declared = vec![
        declare("memory", &[]),
        declare("bounce buffers", &[]),
        declare_all("virtio features of", &["33"]),
        declare_all("largest request of", &[]),
    ];
    // A treatment that adds no words declares none, since an empty list would mean all.
    if !words.is_empty() {
        let fact = FactPattern::Name("kernel command line".into());
        declared.push(Declaration { fact, words });
    }
    if treatment == Treatment::Snp {
        declared.push(declare("memory backing", &[]));
    }
    if treatment.protection().is_some() {
        declared.push(declare("memory encryption", &[]));
        declared.push(declare("CPU flags", &["sev", "sev_es", "sev_snp", "sme"]));
    }
    declared
}

/// All differences, in the order of the facts.
pub fn differences(
    control: MachineFacts<'_>,
    treatment: MachineFacts<'_>,
    declared: &[Declaration],
) -> Vec<Difference> {
    let (here, there) = (named(control), named(treatment));
    let absent = String::from("absent");
    let names = here.iter().map(|(name, _)| name).chain(there.iter().map(|(name, _)| name));
    let mut seen = BTreeSet::new();
    let values = |facts: &[(String, String)]| -> BTreeMap<String, String> {
        facts.iter().cloned().collect()
    };
    let (here_values, there_values) = (values(&here), values(&there));
    let mut differences: Vec<Difference> = names
        .filter(|name| seen.insert(*name))
        .filter_map(|name| {
            let here = here_values.get(name).unwrap_or(&absent);
            let there = there_values.get(name).unwrap_or(&absent);
            difference(name, here, there, declared)
        })
        .collect();
    differences.extend(memory_difference(control.facts, treatment.facts, declared));
    differences
}

/// Everything that two machines must have in common, in the order in which differences are shown.
fn named(machine: MachineFacts<'_>) -> Vec<(String, String)> {
    let facts = machine.facts;
    let mut named: Vec<(String, String)> = [
        ("kernel", facts.kernel.clone()),
        ("architecture", facts.architecture.clone()),
        ("CPU", facts.cpu_model.clone()),
        ("CPUs", facts.cpus.to_string()),
        ("kernel command line", facts.kernel_command_line.clone()),
        ("transparent huge pages", facts.transparent_huge_pages.clone()),
        ("clock source", facts.clock_source.clone()),
        ("memory encryption", facts.encryption.state().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    named.extend(facts.details.clone());
    if let Some(launch) = machine.launch {
        named.extend(launch.facts.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    named
}

fn difference(name: &str, here: &str, there: &str, declared: &[Declaration]) -> Option<Difference> {
    if here == there {
        return None;
    }
    let declaration = declared.iter().find(|declaration| declaration.fact.matches(name));
    let is_word_set = WORD_SETS.iter().any(|start| name.starts_with(start));
    if !is_word_set {
        let (control, treatment) = (here.to_owned(), there.to_owned());
        let declared = declaration.is_some();
        return Some(Difference { fact: name.into(), control, treatment, declared });
    }
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    let (here, there) = (words(here), words(there));
    let is_declared = |word: &String| {
        declaration.is_some_and(|declaration| {
            declaration.words.is_empty() || declaration.words.contains(word)
        })
    };
    let declared = here.symmetric_difference(&there).all(is_declared);
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        let words: Vec<&str> = one.difference(other).map(String::as_str).collect();
        if words.is_empty() { "(none)".to_owned() } else { words.join(" ") }
    };
    // The order of the words does not matter.
    (here != there).then(|| Difference {
        fact: name.into(),
        control: only(&here, &there),
        treatment: only(&there, &here),
        declared,
    })
}

fn memory_difference(
    control: &Facts,
    treatment: &Facts,
    declared: &[Declaration],
) -> Option<Difference> {
    let (here, there) = (control.memory_bytes as f64, treatment.memory_bytes as f64);
    if (here - there).abs() <= here.max(there) * MEMORY_TOLERANCE {
        return None;
    }
    // The treatment takes no more memory than its bounce buffers.
    let lost = here - there;
    let buffers = (swiotlb_mib(control.memory_bytes >> 20) << 20) as f64;
    let explained = lost > 0.0 && lost <= buffers + here * MEMORY_TOLERANCE;
    let declared = if explained { declared } else { &[] };
    let in_mib = |facts: &Facts| format!("{} MiB", facts.memory_bytes >> 20);
    difference("memory", &in_mib(control), &in_mib(treatment), declared)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn found(control: &Facts, treatment: &Facts, declared: &[Declaration]) -> Vec<Difference> {
        let machine = |facts| MachineFacts { facts, launch: None };
        differences(machine(control), machine(treatment), declared)
    }

    fn bounce() -> Vec<Declaration> {
        declarations(Treatment::Bounce, vec!["swiotlb=force".into()])
    }

    #[test]
    fn differing_facts_are_listed_and_boot_ids_ignored() {
        let control = Facts {
            kernel: "6.1".into(),
            boot_id: "a".into(),
            memory_bytes: 1 << 30,
            ..Facts::default()
        };
        let mut treatment = Facts { boot_id: "b".into(), ..control.clone() };
        assert!(found(&control, &treatment, &[]).is_empty());
        treatment.memory_bytes += 1 << 20;
        assert!(found(&control, &treatment, &[]).is_empty(), "within the tolerance");
        treatment.memory_bytes = 2 << 30;
        treatment.kernel = "6.8".into();
        treatment.details.insert("KSM".into(), "1".into());
        let differences = found(&control, &treatment, &[]);
        let facts: Vec<&str> = differences.iter().map(|d| d.fact.as_str()).collect();
        assert_eq!(facts, ["kernel", "KSM", "memory"]);
        assert_eq!(differences[1].control, "absent");
    }

    #[test]
    fn only_the_words_of_the_treatment_are_declared() {
        let control = Facts { kernel_command_line: "root=x quiet".into(), ..Facts::default() };
        let treatment =
            Facts { kernel_command_line: "root=x quiet swiotlb=force".into(), ..Facts::default() };
        let difference = &found(&control, &treatment, &bounce())[0];
        assert!(difference.declared);
        assert_eq!((&*difference.control, &*difference.treatment), ("(none)", "swiotlb=force"));
        assert!(!found(&control, &treatment, &[])[0].declared);
        let other = Facts { kernel_command_line: "root=x swiotlb=force".into(), ..control.clone() };
        assert!(!found(&control, &other, &bounce())[0].declared, "quiet is missing too");
    }

    #[test]
    fn declarations_read_back_as_they_were_stored() {
        for declaration in bounce() {
            let stored = serde_json::to_string(&declaration).unwrap();
            assert_eq!(serde_json::from_str::<Declaration>(&stored).unwrap(), declaration);
        }
        let several = FactPattern::from("largest request of ".to_owned());
        assert_eq!(several, FactPattern::Prefix("largest request of".into()));
        assert!(several.matches("largest request of vda") && !several.matches("largest request"));
    }

    #[test]
    fn only_changes_of_the_bounce_treatment_are_declared() {
        let with = |name: &str, value: &str| Facts {
            details: BTreeMap::from([(name.to_owned(), value.to_owned())]),
            ..Facts::default()
        };
        let features = "virtio features of virtio0";
        let declared = |name: &str, here: &str, there: &str| {
            found(&with(name, here), &with(name, there), &bounce())[0].declared
        };
        assert!(declared(features, "0 5 32", "0 5 32 33"));
        assert!(!declared(features, "0 5 32", "0 32 33"), "bit 5 is gone too");
        assert!(declared("bounce buffers", "0 MiB", "64 MiB"));
        assert!(declared("largest request of vda", "512 kB", "252 kB"));
        assert!(!declared("disk queue of vda", "scheduler=none", "scheduler=bfq"));
        assert!(!declared("CPU flags", "avx2 sev", "avx2"));
        assert!(!declared("vulnerability spectre_v2", "Mitigation: Retpolines", "Vulnerable"));
        assert!(found(&with("CPU flags", "a b"), &with("CPU flags", "b a"), &[]).is_empty());
    }

    #[test]
    fn only_the_memory_of_the_bounce_buffers_is_declared() {
        let with = |mib: u64| Facts { memory_bytes: mib << 20, ..Facts::default() };
        let declared = |here, there| found(&with(here), &with(there), &bounce())[0].declared;
        assert!(declared(966, 902));
        assert!(!declared(966, 800) && !declared(902, 966));
    }

    #[test]
    fn launch_differences_are_listed() {
        let launch = |backing: &str| LaunchRecord {
            facts: BTreeMap::from([("memory backing".to_owned(), backing.to_owned())]),
            ..LaunchRecord::default()
        };
        let (facts, here, there) = (Facts::default(), launch("anonymous"), launch("memfd"));
        let machine = |launch| MachineFacts { facts: &facts, launch: Some(launch) };
        let found = differences(machine(&here), machine(&there), &bounce());
        assert_eq!((found[0].fact.as_str(), found[0].declared), ("memory backing", false));
    }
}
