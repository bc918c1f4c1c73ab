//! Enums whose values are stored and shown as fixed words. Their words never change; new ones may
//! come.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An enum, and the word of each value in JSON and in text.
macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum $name {
            $($(#[$value_doc])* #[serde(rename = $word)] $value,)+
        }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// The word in JSON and in text.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

words! {
    /// Whether a slowdown, or its change, is within the margin.
    Verdict {
        /// Beyond the margin.
        Regressed = "regressed",
        /// Faster by more than the margin.
        Improved = "improved",
        /// Within the margin.
        NoChange = "no change",
        /// The data do not decide.
        Inconclusive = "inconclusive",
    }
}

words! {
    /// What an arm is for.
    Role {
        /// The treatments are compared with it.
        Control = "control",
        /// It is compared with the control.
        Treatment = "treatment",
    }
}

words! {
    /// What a machine does in its arm.
    MachineRole {
        /// Benches run and are timed here.
        Measured = "measured",
        /// The other end of a bench's network traffic. No run has one yet.
        Peer = "peer",
        /// Shares the host, to load it. No run has one yet.
        Neighbour = "neighbour",
    }
}

words! {
    /// The unit of a value. Nanoseconds are a duration; every other unit is a rate.
    Unit {
        /// Nanoseconds per operation.
        Nanoseconds = "ns",
        /// Bytes per second.
        BytesPerSecond = "B/s",
        /// Bits per second.
        BitsPerSecond = "bit/s",
        /// Elements per second.
        ElementsPerSecond = "elements/s",
        /// Operations per second.
        OperationsPerSecond = "ops/s",
        /// I/O operations per second.
        Iops = "iops",
    }
}

impl Unit {
    /// Whether more is better. The cost of an operation is then the inverse of the value.
    pub const fn is_rate(self) -> bool {
        !matches!(self, Self::Nanoseconds)
    }
}

words! {
    /// How a run ended.
    Outcome {
        /// All planned rounds were run, or `--max-time` ended it.
        Complete = "complete",
        /// The user ended it.
        Interrupted = "interrupted",
        /// An arm did not start in the first boot block.
        Stopped = "stopped",
        /// Too many boots lost a guest.
        BootsLost = "boots lost",
        /// Unknown: the record simply ends, as after a kill or if it could not be written.
        Truncated = "truncated",
    }
}

words! {
    /// Why a round is excluded. Each cause was declared before the data were seen.
    ExclusionKind {
        /// The guest's clock and the host's measured different durations for one request.
        ClockDisagreement = "clock disagreement",
        /// The guest's wall clock was set.
        ClockStep = "clock step",
        /// The hypervisor gave the guest's CPU time to others.
        Steal = "CPU steal",
        /// The process that runs the guest was stopped.
        GuestStopped = "guest stopped",
        /// A TCP segment to the guest was sent again.
        TransportRetry = "transport retry",
    }
}

words! {
    /// Where an outlier lies, by Tukey's fences.
    OutlierLabel {
        /// Below the outer fence.
        LowSevere = "low severe",
        /// Between the lower fences.
        LowMild = "low mild",
        /// Between the upper fences.
        HighMild = "high mild",
        /// Above the outer fence.
        HighSevere = "high severe",
    }
}

words! {
    /// How a warm-up went, in the terms of Barrett et al. (2017).
    WarmUpClass {
        /// Steady from the start.
        Flat = "flat",
        /// Became faster, then steady.
        WarmUp = "warm-up",
        /// Became slower, then steady.
        Slowdown = "slowdown",
        /// Never became steady.
        NoSteadyState = "no steady state",
    }
}

words! {
    /// What a verdict is about.
    Estimand {
        /// The mean boot: exp of the mean log ratio.
        Mean = "mean",
        /// The typical boot: exp of the median log ratio.
        Typical = "typical",
        /// Both. A verdict about both holds for each of them.
        Both = "both",
    }
}

words! {
    /// Where the margin of a comparison comes from.
    MarginSource {
        /// The default of 3 %.
        Default = "default",
        /// The flag `--margin`.
        Flag = "flag",
        /// An entry `[[margin]]` of sevbench.toml.
        Rule = "rule",
        /// The run's settings. Records made before this field do not say which.
        Run = "run",
    }
}

words! {
    /// The kind of machine that an arm runs on.
    Place {
        /// A process on the coordinator's machine.
        Loopback = "loopback",
        /// A guest that sevbench boots under QEMU.
        Qemu = "qemu",
        /// A machine that somebody else started, reached over SSH.
        Ssh = "ssh",
        /// Values from a table.
        Table = "table",
    }
}

impl Place {
    /// The kind of machine behind an address, by its scheme. `None` if the scheme is unknown.
    pub fn of_address(address: &str) -> Option<Self> {
        let scheme = address.split([':', '?']).next().unwrap_or_default();
        let addressed = [Self::Loopback, Self::Qemu, Self::Ssh];
        addressed.into_iter().find(|place| place.word() == scheme)
    }
}

words! {
    /// A protection that an arm claims.
    Protection {
        /// AMD SEV.
        Sev = "sev",
        /// AMD SEV-ES.
        SevEs = "sev-es",
        /// AMD SEV-SNP.
        SevSnp = "sev-snp",
    }
}

words! {
    /// The encryption of a machine's memory, as the machine reports it.
    Encryption {
        /// None.
        None = "none",
        /// AMD SEV.
        Sev = "SEV",
        /// AMD SEV-ES.
        SevEs = "SEV-ES",
        /// AMD SEV-SNP.
        SevSnp = "SEV-SNP",
        /// No source can be read, or the sources disagree.
        Unknown = "unknown",
    }
}

impl Encryption {
    /// Whether the machine reports a protection as active.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Sev | Self::SevEs | Self::SevSnp)
    }
}

words! {
    /// Who vouches for a piece of evidence.
    Witness {
        /// The host: how it launched the guest, and what QEMU reports.
        Host = "host",
        /// The guest's own kernel and CPU, read inside it.
        Guest = "guest",
        /// The processor: an attestation report signed by its key. No run has one yet.
        Processor = "processor",
    }
}

words! {
    /// What a gate judges a result against.
    Against {
        /// The margin: it judges the slowdown itself.
        Margin = "margin",
        /// A baseline: it judges the change of the slowdown since then.
        Baseline = "baseline",
    }
}

words! {
    /// What a gate decided about a run.
    GateDecision {
        /// Nothing regressed, and every bench is decided.
        Passed = "passed",
        /// Some bench regressed.
        Regressed = "regressed",
        /// No bench regressed, but some are not decided.
        Inconclusive = "inconclusive",
        /// The gate does not judge this run.
        Refused = "refused",
    }
}

words! {
    /// Why a gate could not decide.
    UndecidedReason {
        /// The interval crosses the edge of the margin.
        Inconclusive = "inconclusive",
        /// Histogram bins hide as much as the margin.
        BinsHideMargin = "its bins hide as much as the margin",
        /// One boot says nothing about the next.
        OneBoot = "one boot",
        /// The baseline has one boot of the bench.
        OneBootInBaseline = "one boot in the baseline",
        /// Too few boots for any data to reach the p-value of a failure.
        TooFewBoots = "too few boots",
        /// The rounds that were excluded may carry the result.
        Exclusions = "its exclusions may carry the result",
        /// It is to be judged by its median boot, but has none: a percentile of pooled values, or
        /// arms that are not paired.
        NoMedianBoot = "no median boot",
        /// The baseline does not have the bench.
        NotInBaseline = "not in the baseline",
        /// The bench has no result: it was skipped, or every round was excluded.
        NoResult = "no result",
        /// The bench failed in some boot.
        Failed = "failed",
        /// No bench has a result.
        Nothing = "no bench has a result",
        /// The run was interrupted or stopped, or its record is truncated.
        Incomplete = "the run did not reach its end",
    }
}

impl UndecidedReason {
    /// Whether more boots could decide.
    pub const fn needs_boots(self) -> bool {
        matches!(self, Self::Inconclusive | Self::OneBoot | Self::TooFewBoots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde::de::DeserializeOwned;

    fn check<W: Copy + fmt::Debug + fmt::Display + PartialEq + Serialize + DeserializeOwned>(
        words: &[W],
    ) {
        for word in words {
            let json = serde_json::to_value(word).expect("a word");
            assert_eq!(json, serde_json::json!(word.to_string()));
            assert_eq!(serde_json::from_value::<W>(json).expect("a word"), *word);
        }
    }

    #[test]
    fn words_are_the_same_in_json_and_in_text() {
        check(Verdict::ALL);
        check(Role::ALL);
        check(MachineRole::ALL);
        check(Unit::ALL);
        check(Outcome::ALL);
        check(ExclusionKind::ALL);
        check(OutlierLabel::ALL);
        check(WarmUpClass::ALL);
        check(Estimand::ALL);
        check(MarginSource::ALL);
        check(Place::ALL);
        check(Protection::ALL);
        check(Encryption::ALL);
        check(Witness::ALL);
        check(Against::ALL);
        check(GateDecision::ALL);
        check(UndecidedReason::ALL);
        assert!(serde_json::from_str::<Verdict>("\"slower\"").is_err());
    }
}
