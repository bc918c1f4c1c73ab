//! How much an agent may send in one message. A frame's limit bounds memory; these limits keep the
//! record of a round readable, whatever a guest sends.

use crate::excess::{Excess, check};
use crate::link::BenchAnswer;
use crate::message::Hello;
use crate::observation::{Observation, ObservedValue};
use crate::warm_up::WarmUpSeries;

/// The longest failure, reason or hint, in bytes.
const TEXT_LEN_MAX: usize = 16 << 10;
/// The maximum number of samples in an answer.
const SAMPLES_MAX: usize = 1 << 16;
/// The maximum number of figures that an external program reports at once.
const OBSERVATIONS_MAX: usize = 256;
/// The maximum number of distinct values in all distributions of an answer. A histogram with three
/// digits from 1 ns to one hour has fewer than 40,000.
const VALUES_MAX: usize = 1 << 18;
/// The maximum number of benches in a list.
const BENCHES_MAX: usize = 1 << 16;
/// The length of all their ids together.
const IDS_LEN_MAX: usize = 4 << 20;
/// The maximum number of facts of a machine.
const FACTS_MAX: usize = 4096;
/// The longest name or value of a fact, in bytes.
const FACT_LEN_MAX: usize = 4096;
/// The length of all facts together.
const FACTS_LEN_MAX: usize = 1 << 20;

impl BenchAnswer {
    /// Checks that nothing in the answer exceeds its limit.
    ///
    /// # Errors
    /// Names the first excess.
    pub(crate) fn check(&self) -> Result<(), Excess> {
        match self {
            Self::Ready(_) | Self::Finished => Ok(()),
            Self::Warm(WarmUpSeries { iterations, elapsed_ns }) => {
                let batches = iterations.len().max(elapsed_ns.len());
                check("batches of a warm-up", batches, WarmUpSeries::LEN_MAX)
            }
            Self::Samples(samples) => check("samples", samples.len(), SAMPLES_MAX),
            Self::Observed(observed) => check_observations(&observed.observations),
            Self::Skipped { reason, hint } => {
                check("bytes of a reason", reason.len(), TEXT_LEN_MAX)?;
                check("bytes of a hint", hint.len(), TEXT_LEN_MAX)
            }
            Self::Failed(text) => check("bytes of a failure", text.len(), TEXT_LEN_MAX),
        }
    }

    /// The answer with its texts cut to their limit.
    pub(crate) fn cut(self) -> Self {
        match self {
            Self::Skipped { reason, hint } => {
                Self::Skipped { reason: cut(reason), hint: cut(hint) }
            }
            Self::Failed(text) => Self::Failed(cut(text)),
            answer => answer,
        }
    }
}

/// Cuts a text between characters and says how much is missing.
fn cut(mut text: String) -> String {
    if text.len() > TEXT_LEN_MAX {
        let len = text.len();
        text.truncate(text.floor_char_boundary(TEXT_LEN_MAX - 100));
        text += &format!("… ({} more bytes)", len - text.len());
    }
    text
}

fn check_observations(observations: &[Observation]) -> Result<(), Excess> {
    check("figures", observations.len(), OBSERVATIONS_MAX)?;
    let values = observations.iter().map(|observation| match &observation.value {
        ObservedValue::Scalar { .. } => 0,
        ObservedValue::Distribution { counts, .. } => counts.len(),
    });
    check("distinct values in distributions", values.sum(), VALUES_MAX)
}

impl Hello {
    /// Checks that nothing in the hello exceeds its limit.
    ///
    /// # Errors
    /// Names the first excess.
    pub(crate) fn check(&self) -> Result<(), Excess> {
        let facts = &self.facts;
        let texts = [
            &self.executable_sha256,
            &facts.kernel,
            &facts.architecture,
            &facts.cpu_model,
            &facts.boot_id,
            &facts.kernel_command_line,
            &facts.transparent_huge_pages,
            &facts.clock_source,
        ];
        let lines = facts.encryption.kernel_line.iter();
        let details = facts.details.iter().flat_map(|(name, value)| [name, value]);
        check("benches", self.benches.len(), BENCHES_MAX)?;
        check("bytes of ids", self.benches.iter().map(String::len).sum(), IDS_LEN_MAX)?;
        check("facts", facts.details.len(), FACTS_MAX)?;
        let mut total = 0;
        for text in texts.into_iter().chain(lines).chain(details) {
            check("bytes of a fact", text.len(), FACT_LEN_MAX)?;
            total += text.len();
        }
        check("bytes of facts", total, FACTS_LEN_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Observed;
    use crate::unit::Unit;
    use sevbench_facts::Facts;

    fn excess(answer: &BenchAnswer) -> String {
        answer.check().expect_err("it is too large").to_string()
    }

    #[test]
    fn oversized_answers_are_named_by_what_they_have_too_much_of() {
        let samples = BenchAnswer::Samples(vec![1; SAMPLES_MAX + 1]);
        assert_eq!(
            excess(&samples),
            "the message has 65537 samples, but at most 65536 are accepted"
        );
        let batches = vec![1; WarmUpSeries::LEN_MAX + 1];
        let series = WarmUpSeries { iterations: Vec::new(), elapsed_ns: batches };
        assert!(
            excess(&BenchAnswer::Warm(series))
                .starts_with("the message has 513 batches of a warm-up")
        );
        let figure = Observation::rate("a", 1.0, Unit::Iops);
        let figures = Observed::from(vec![figure; OBSERVATIONS_MAX + 1]);
        assert!(excess(&BenchAnswer::Observed(figures)).starts_with("the message has 257 figures"));
        let counts = vec![(1, 1); VALUES_MAX / 2 + 1];
        let value = ObservedValue::Distribution { significant_digits: 3, bin_width: None, counts };
        let distribution = Observation { name: "a".into(), value };
        let figures = Observed::from(vec![distribution.clone(), distribution]);
        assert!(excess(&BenchAnswer::Observed(figures)).contains("distinct values"));
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_then_accepted() {
        let long = "€".repeat(TEXT_LEN_MAX);
        let skipped = BenchAnswer::Skipped { reason: long.clone(), hint: long.clone() };
        for answer in [BenchAnswer::Failed(long), skipped] {
            assert!(answer.check().is_err());
            let cut = answer.cut();
            assert_eq!(cut.check(), Ok(()));
            assert!(format!("{cut:?}").contains("… (32868 more bytes)"), "{cut:?}");
        }
        assert_eq!(BenchAnswer::Failed("short".into()).cut(), BenchAnswer::Failed("short".into()));
    }

    fn hello(facts: Facts, benches: Vec<String>) -> Hello {
        Hello { executable_sha256: String::new(), benches, facts, resident_bytes: 0 }
    }

    #[test]
    fn lists_of_benches_are_bounded() {
        let check = |count: usize, len: usize| {
            hello(Facts::default(), vec!["x".repeat(len); count])
                .check()
                .map_err(|excess| excess.what)
        };
        assert_eq!(check(BENCHES_MAX, 64), Ok(()));
        assert_eq!(check(BENCHES_MAX + 1, 1), Err("benches"));
        assert_eq!(check(2, IDS_LEN_MAX), Err("bytes of ids"));
    }

    #[test]
    fn facts_are_bounded_one_by_one_and_together() {
        let hello = |facts| hello(facts, Vec::new());
        let details = |count: usize, len: usize| {
            let detail = |number| (format!("{number:04}"), "x".repeat(len));
            hello(Facts { details: (0..count).map(detail).collect(), ..Facts::default() }).check()
        };
        assert_eq!(details(FACTS_MAX, 100), Ok(()));
        for (count, len, what) in [
            (FACTS_MAX + 1, 1, "facts"),
            (1, FACT_LEN_MAX + 1, "bytes of a fact"),
            (FACTS_MAX, 1000, "bytes of facts"),
        ] {
            assert_eq!(details(count, len).expect_err("too much").what, what);
        }
        assert_eq!(hello(Facts::gather()).check(), Ok(()), "this machine's own facts");
    }
}
