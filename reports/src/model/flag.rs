//! Warnings about one line of a result.

use crate::model::word::Against;
use serde::de::{Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use sevbench_text::plural;
use std::fmt;

/// A warning about a comparison. It is stored as its words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// A treatment that repeats the control; no gate judges it.
    ControlRepeated,
    /// A known slowdown was injected.
    Injected,
    /// An arm claims a protection that is not verified.
    ClaimedNotVerified,
    /// The control claims no protection, but is encrypted.
    ControlIsEncrypted,
    /// The machines differ in more than the treatment.
    UndeclaredDifferences,
    /// There is one boot, or the machines were not rebooted between boots.
    ConditionalOnThisBoot,
    /// The boots fall into two groups.
    TwoGroups,
    /// Timings never reached a steady state in some warm-up.
    NoSteadyState,
    /// Rounds in which one arm has no usable value.
    RoundsUnpaired(u32),
    /// Every round is excluded.
    AllRoundsExcluded,
    /// Rounds are excluded for causes in one of the arms, more often than by chance.
    ExcludedInOneArm,
    /// More than a tenth of the rounds is excluded.
    ManyExcluded,
    /// With the excluded rounds, the verdict would be another.
    ExclusionsDecide,
    /// Values repeat, since they are too coarse to show how much they vary.
    NoSpread,
    /// The mean is within the margin, or faster, but the median boot is beyond it.
    MedianBeyond,
    /// The percentile lies in a gap between two modes.
    PercentileInGap,
    /// Boots depend on those before them.
    SerialDependence,
    /// Boots have different numbers of rounds.
    UnequalRounds,
    /// `--max-time` ended the run before this bench had all its boots.
    CutOff,
    /// The arms did not run in common boot blocks.
    Unpaired,
    /// A flag of a later version.
    Other(String),
}

/// The flags without a number.
const PLAIN: [(Flag, &str); 19] = [
    (Flag::ControlRepeated, "A/A"),
    (Flag::Injected, "injected"),
    (Flag::ClaimedNotVerified, "claimed, not verified"),
    (Flag::ControlIsEncrypted, "control is encrypted"),
    (Flag::UndeclaredDifferences, "undeclared differences"),
    (Flag::ConditionalOnThisBoot, "conditional on this boot"),
    (Flag::TwoGroups, "two groups of boots"),
    (Flag::NoSteadyState, "no steady state"),
    (Flag::AllRoundsExcluded, "all rounds excluded"),
    (Flag::ExcludedInOneArm, "excluded in one arm"),
    (Flag::ManyExcluded, "many rounds excluded"),
    (Flag::ExclusionsDecide, "exclusions decide"),
    (Flag::NoSpread, "no spread"),
    (Flag::MedianBeyond, "median boot beyond the margin"),
    (Flag::PercentileInGap, "percentile in a gap"),
    (Flag::SerialDependence, "boots depend on each other"),
    (Flag::UnequalRounds, "unequal rounds"),
    (Flag::CutOff, "cut off"),
    (Flag::Unpaired, "unpaired"),
];

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoundsUnpaired(count) => {
                write!(f, "{count} {} unpaired", plural(*count, "round"))
            }
            Self::Other(words) => f.write_str(words),
            plain => {
                let words = PLAIN.iter().find(|(flag, _)| flag == plain).map(|(_, words)| *words);
                f.write_str(words.unwrap_or_default())
            }
        }
    }
}

impl Flag {
    /// Whether rounds that were left out may carry what a gate judges. Those that decide the
    /// verdict on a slowdown need not decide the one on its change.
    pub fn is_about_exclusions(&self, against: Against) -> bool {
        match self {
            Self::ExcludedInOneArm | Self::ManyExcluded => true,
            Self::ExclusionsDecide => against == Against::Margin,
            _ => false,
        }
    }

    /// Parses a flag from its text.
    fn read(words: String) -> Self {
        if let Some((flag, _)) = PLAIN.iter().find(|(_, of_flag)| *of_flag == words) {
            return flag.clone();
        }
        let count = words.strip_suffix(" unpaired").and_then(|counted| {
            counted.strip_suffix(" rounds").or_else(|| counted.strip_suffix(" round"))?.parse().ok()
        });
        count.map_or(Self::Other(words), Self::RoundsUnpaired)
    }
}

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_back_from_their_words() {
        let mut flags: Vec<Flag> = PLAIN.iter().map(|(flag, _)| flag.clone()).collect();
        flags.extend([Flag::RoundsUnpaired(1), Flag::RoundsUnpaired(7)]);
        flags.push(Flag::Other("of a later version".into()));
        for flag in flags {
            assert!(!flag.to_string().is_empty());
            assert_eq!(Flag::read(flag.to_string()), flag);
        }
        assert_eq!(Flag::RoundsUnpaired(2).to_string(), "2 rounds unpaired");
    }
}
