//! The settings that a flag contradicts when a run is continued, in the words of the flags.

use crate::record::Settings;
use humantime::format_duration;
use std::fmt;
use std::time::Duration;

/// A setting of a run, as a user knows it.
struct Setting {
    name: &'static str,
    of: fn(&Settings) -> SettingValue,
}

#[derive(PartialEq)]
enum SettingValue {
    Count(u32),
    Percent(Option<f64>),
    Nanoseconds(u64),
    Level(f64),
    Switch(bool),
    Word(&'static str),
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Percent(Some(percent)) => write!(f, "{percent} %"),
            Self::Percent(None) => f.write_str("none"),
            Self::Nanoseconds(ns) => format_duration(Duration::from_nanos(*ns)).fmt(f),
            Self::Level(level) => level.fmt(f),
            Self::Switch(true) => f.write_str("on"),
            Self::Switch(false) => f.write_str("off"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

const BOOTS: Setting =
    Setting { name: "number of boots", of: |settings| SettingValue::Count(settings.boots) };
const PRECISION: Setting =
    Setting { name: "precision", of: |settings| SettingValue::Percent(settings.precision_percent) };
const ROUNDS: Setting =
    Setting { name: "number of rounds", of: |settings| SettingValue::Count(settings.rounds) };
const WARM_UP: Setting =
    Setting { name: "warm-up time", of: |settings| SettingValue::Nanoseconds(settings.warm_up_ns) };
const MEASUREMENT: Setting = Setting {
    name: "measurement time",
    of: |settings| SettingValue::Nanoseconds(settings.measurement_ns),
};
const OBSERVATION: Setting = Setting {
    name: "observation time",
    of: |settings| SettingValue::Nanoseconds(settings.observation_ns),
};
const PAUSE: Setting = Setting {
    name: "pausing of idle guests",
    of: |settings| SettingValue::Switch(!settings.no_pause),
};
const CONFIDENCE: Setting =
    Setting { name: "confidence level", of: |settings| SettingValue::Level(settings.confidence) };
const MARGIN: Setting =
    Setting { name: "margin", of: |settings| SettingValue::Percent(Some(settings.margin_percent)) };

const JUDGE: Setting =
    Setting { name: "judged estimand", of: |settings| SettingValue::Word(settings.judge().word()) };

/// Flags that set how a run measures and judges, by their fields, each with the settings that
/// follow from it.
const FLAGS: [(&str, &[Setting]); 11] = [
    ("boots", &[BOOTS, PRECISION]),
    ("precision", &[PRECISION]),
    ("rounds", &[ROUNDS]),
    ("warm_up_time", &[WARM_UP]),
    ("measurement_time", &[MEASUREMENT]),
    ("observation_time", &[OBSERVATION]),
    ("no_pause", &[PAUSE]),
    ("confidence_level", &[CONFIDENCE]),
    ("margin", &[MARGIN]),
    ("judge", &[JUDGE]),
    ("quick", &[BOOTS, ROUNDS, WARM_UP, MEASUREMENT, OBSERVATION]),
];

/// The first setting that a given flag changes: what it was, what it would be, and the flag to
/// drop.
pub(super) fn contradiction(
    before: &Settings,
    given: &Settings,
    is_given: impl Fn(&str) -> bool,
) -> Option<String> {
    let flags = FLAGS.iter().filter(|(flag, _)| is_given(flag));
    let mut settings =
        flags.flat_map(|(flag, settings)| settings.iter().map(move |setting| (flag, setting)));
    let changed = settings.find_map(|(flag, Setting { name, of })| {
        let (before, given) = (of(before), of(given));
        let flag = flag.replace('_', "-");
        (before != given).then(|| format!("its {name} is {before}, not {given}; drop --{flag}"))
    });
    changed.or_else(|| overridden_bench(before, given, is_given))
}

/// As [`contradiction`], for what the author of a bench has set for it.
fn overridden_bench(
    before: &Settings,
    given: &Settings,
    is_given: impl Fn(&str) -> bool,
) -> Option<String> {
    let flags = FLAGS.iter().map(|(flag, _)| *flag).filter(|flag| is_given(flag));
    let flags: Vec<String> = flags.map(|flag| format!("--{}", flag.replace('_', "-"))).collect();
    let is_changed = |id: &&String| before.of_benches.get(*id) != given.of_benches.get(*id);
    let bench = before.of_benches.keys().chain(given.of_benches.keys()).find(is_changed)?;
    (!flags.is_empty()).then(|| {
        format!("it measures {bench} with settings of its own; drop {}", flags.join(" and "))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use sevbench_protocol::BenchSettings;

    #[test]
    fn changed_setting_is_named_in_the_words_of_its_flag() {
        let before = Settings { boots: 10, warm_up_ns: 30_000_000, ..Settings::smallest() };
        let given = Settings { warm_up_ns: 10_000_000, ..before.clone() };
        let told = |flag: &str| contradiction(&before, &given, |given| given == flag);
        let text = "its warm-up time is 30ms, not 10ms; drop --warm-up-time";
        assert_eq!(told("warm_up_time").unwrap(), text);
        assert_eq!(told("quick").unwrap(), text.replace("--warm-up-time", "--quick"));
        assert_eq!(told("boots"), None);
        let given = Settings { precision_percent: Some(1.5), no_pause: true, ..before.clone() };
        let told = |flag: &str| contradiction(&before, &given, |given| given == flag).unwrap();
        assert_eq!(told("precision"), "its precision is none, not 1.5 %; drop --precision");
        assert_eq!(told("no_pause"), "its pausing of idle guests is on, not off; drop --no-pause");
    }

    #[test]
    fn flag_that_overrides_the_settings_of_a_bench_is_named() {
        let own = BenchSettings { rounds: Some(7), ..BenchSettings::default() };
        let of_benches = [("s/a".to_owned(), own)].into();
        let before = Settings { of_benches, ..Settings::smallest() };
        let said = contradiction(&before, &Settings::smallest(), |flag| flag == "rounds").unwrap();
        assert_eq!(said, "it measures s/a with settings of its own; drop --rounds");
        assert_eq!(contradiction(&before, &Settings::smallest(), |_| false), None);
        assert_eq!(contradiction(&before, &before, |flag| flag == "boots"), None);
    }
}
