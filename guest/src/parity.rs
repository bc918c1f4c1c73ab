//! Pure: in which facts two machines differ.

use crate::Facts;

/// The share by which the memory of two equal machines may differ: a kernel reserves what it needs.
const MEMORY_TOLERANCE: f64 = 0.01;

/// A fact in which a treatment differs from the control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The fact.
    pub fact: String,
    /// Its value in the control arm.
    pub control: String,
    /// Its value in the treatment arm.
    pub treatment: String,
    /// Whether the testbed declares it as the treatment.
    pub declared: bool,
}

/// All differences, in the order of the facts.
pub fn differences(control: &Facts, treatment: &Facts) -> Vec<Difference> {
    let memory = |facts: &Facts| format!("{} MiB", facts.memory_bytes >> 20);
    let (larger, smaller) = (
        control.memory_bytes.max(treatment.memory_bytes) as f64,
        control.memory_bytes.min(treatment.memory_bytes) as f64,
    );
    let same_memory = larger - smaller <= larger * MEMORY_TOLERANCE;
    let cpus = (control.cpus.to_string(), treatment.cpus.to_string());
    let memories = if same_memory { <_>::default() } else { (memory(control), memory(treatment)) };
    [
        ("kernel", &control.kernel, &treatment.kernel),
        ("architecture", &control.architecture, &treatment.architecture),
        ("CPU", &control.cpu_model, &treatment.cpu_model),
        ("CPUs", &cpus.0, &cpus.1),
        ("memory", &memories.0, &memories.1),
        ("kernel command line", &control.kernel_command_line, &treatment.kernel_command_line),
        (
            "transparent huge pages",
            &control.transparent_huge_pages,
            &treatment.transparent_huge_pages,
        ),
        ("clock source", &control.clock_source, &treatment.clock_source),
    ]
    .into_iter()
    .filter(|(_, control, treatment)| control != treatment)
    .map(|(fact, control, treatment)| Difference {
        fact: fact.into(),
        control: control.clone(),
        treatment: treatment.clone(),
        declared: false,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_facts_are_listed_and_boots_are_no_difference() {
        let control = Facts {
            kernel: "6.1".into(),
            boot_id: "a".into(),
            memory_bytes: 1 << 30,
            ..Facts::default()
        };
        let mut treatment = Facts { boot_id: "b".into(), ..control.clone() };
        assert!(differences(&control, &treatment).is_empty());
        treatment.memory_bytes += 1 << 20;
        assert!(differences(&control, &treatment).is_empty(), "within the tolerance");
        treatment.memory_bytes = 2 << 30;
        treatment.kernel = "6.8".into();
        let facts: Vec<_> = differences(&control, &treatment).into_iter().map(|d| d.fact).collect();
        assert_eq!(facts, ["kernel", "memory"]);
    }
}
