//! Tests of the journal: whole, torn anywhere, corrupt, of a later schema.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::record::{ArmRound, RoundRecord, RoundSamples, Settings};
use proptest::prelude::*;
use sevbench_reports::Outcome;
use std::collections::BTreeMap;

fn header() -> Header {
    let settings = Settings {
        boots: 1,
        rounds: 1,
        samples: 1,
        warm_up_ns: 1,
        measurement_ns: 1,
        observation_ns: 1,
        timeout_ns: 1,
        boot_timeout_ns: None,
        confidence: 0.95,
        margin_percent: 3.0,
    };
    Header {
        schema: JOURNAL_SCHEMA.into(),
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
        settings,
    }
}

fn round(round: u32) -> Event {
    let arm = |name: &str| ArmRound {
        arm: name.into(),
        guest_ns: None,
        host_ns: None,
        measured_ns: None,
        samples: RoundSamples::ElapsedNs(vec![7, 8]),
    };
    let arms = vec![arm("nosev"), arm("aa")];
    Event::Round(RoundRecord { boot: 1, bench: "s/a".into(), round, at_ns: 5, iterations: 3, arms })
}

fn written(events: &[Event]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let mut writer = JournalWriter::create(&path, &header()).unwrap();
    events.iter().for_each(|event| writer.append(event).unwrap());
    writer.sync().unwrap();
    std::fs::read(&path).unwrap()
}

fn parsed(bytes: &[u8]) -> Result<Journal, JournalError> {
    parse_journal(&mut &*bytes, Path::new("run.ndjson"))
}

#[test]
fn what_is_written_is_read_back() {
    let end = EndRecord { outcome: Outcome::Complete };
    let journal = parsed(&written(&[round(1), round(2), Event::End(end.clone())])).unwrap();
    assert_eq!(journal.events, [round(1), round(2)]);
    assert_eq!((journal.end, journal.torn_line), (Some(end), None));
}

#[test]
fn a_journal_cut_anywhere_gives_its_whole_lines() {
    let bytes = written(&[round(1), round(2)]);
    let first = written(&[]).len();
    for len in first..bytes.len() {
        let journal = parsed(&bytes[..len]).unwrap();
        let whole = bytes[..len].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(journal.events.len(), whole - 1);
        assert_eq!(journal.torn_line.is_some(), bytes[len - 1] != b'\n');
    }
    assert!(matches!(parsed(&bytes[..first - 1]), Err(JournalError::NoHeader { .. })));
}

#[test]
fn a_corrupt_line_is_named() {
    let mut bytes = written(&[round(1)]);
    bytes.extend_from_slice(b"{\"event\":\"round\",\n");
    let error = parsed(&bytes).unwrap_err().to_string();
    assert!(error.contains("run.ndjson line 3: column"), "{error}");
}

#[test]
fn a_later_schema_is_named() {
    let line = b"{\"event\":\"header\",\"schema\":\"sevbench/journal/9\",\"new\":1}\n";
    let error = parsed(line).unwrap_err().to_string();
    assert!(error.contains("sevbench/journal/9") && error.contains(JOURNAL_SCHEMA), "{error}");
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parsed(&bytes);
        let mut with_header = written(&[]);
        with_header.extend_from_slice(&bytes);
        let _ = parsed(&with_header);
    }
}
