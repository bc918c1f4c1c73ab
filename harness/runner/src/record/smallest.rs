//! The smallest settings and header, from which tests build theirs.

use super::header::{Header, JOURNAL_SCHEMA, Settings};
use std::collections::BTreeMap;

impl Settings {
    pub(crate) const fn smallest() -> Self {
        Self {
            margin_source: None,
            judge: None,
            boots: 1,
            precision_percent: None,
            max_time_ns: None,
            rounds: 1,
            samples: 1,
            warm_up_ns: 1,
            measurement_ns: 1,
            observation_ns: 1,
            timeout_ns: 1,
            boot_timeout_ns: None,
            no_pause: false,
            confidence: 0.95,
            margin_percent: 3.0,
            margins: Vec::new(),
            of_benches: BTreeMap::new(),
        }
    }
}

impl Header {
    /// Of a run on `loopback`, without arms.
    pub(crate) fn smallest() -> Self {
        Self {
            schema: JOURNAL_SCHEMA.into(),
            number: 0,
            id: "id".into(),
            suite: "s".into(),
            testbed: "loopback".into(),
            started: "2026-01-01T00:00:00Z".into(),
            seed: 1,
            sevbench_version: "0".into(),
            executable_sha256: String::new(),
            host: BTreeMap::new(),
            arms: Vec::new(),
            benches: vec!["s/a".into()],
            files: BTreeMap::new(),
            settings: Settings::smallest(),
        }
    }
}
