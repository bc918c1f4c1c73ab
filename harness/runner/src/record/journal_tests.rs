//! Tests of the journal: complete, torn at any byte, corrupt, or of a later schema.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::record::JournalWriter;
use crate::record::event::{ArmRound, FailureRecord, ResumedRecord, RoundRecord, RoundSamples};
use proptest::prelude::*;
use sevbench_protocol::Conditions;
use sevbench_reports::Outcome;
use std::collections::BTreeMap;

fn round(round: u32) -> Event {
    let arm = |name: &str| ArmRound {
        arm: name.into(),
        conditions: Conditions::default(),
        measured_ns: None,
        samples: RoundSamples::ElapsedNs(vec![7, 8]),
    };
    let arms = vec![arm("nosev"), arm("aa")];
    Event::Round(RoundRecord { boot: 1, bench: "s/a".into(), round, at_ns: 5, iterations: 3, arms })
}

fn written(events: &[Event]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let mut writer = JournalWriter::create(&path, &Header::smallest()).unwrap();
    events.iter().for_each(|event| writer.append(event).unwrap());
    writer.sync().unwrap();
    std::fs::read(&path).unwrap()
}

fn parsed(bytes: &[u8]) -> Result<Journal, JournalError> {
    parse_journal(&mut &*bytes, Path::new("run.ndjson"))
}

#[test]
fn written_events_are_read_back() {
    let end = EndRecord { outcome: Outcome::Complete, lacking: BTreeMap::new() };
    let journal = parsed(&written(&[round(1), round(2), Event::End(end.clone())])).unwrap();
    assert_eq!(journal.events, [round(1), round(2)]);
    assert_eq!(journal.tail, Tail { end: Some(end), defects: Vec::new() });
}

#[test]
fn journal_cut_anywhere_yields_its_whole_lines() {
    let bytes = written(&[round(1), round(2)]);
    let first = written(&[]).len();
    for len in first..bytes.len() {
        let journal = parsed(&bytes[..len]).unwrap();
        let whole = bytes[..len].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(journal.events.len(), whole - 1);
        assert_eq!(!journal.tail.defects.is_empty(), bytes[len - 1] != b'\n');
    }
    assert!(matches!(parsed(&bytes[..first - 1]), Err(JournalError::NoHeader { .. })));
}

#[test]
fn resumed_run_forgets_its_earlier_end() {
    let ended = |outcome| Event::End(EndRecord { outcome, lacking: BTreeMap::new() });
    let resumed = Event::Resumed(ResumedRecord { at: "2026-01-02T00:00:00Z".into() });
    let interrupted = [round(1), ended(Outcome::Interrupted), resumed.clone(), round(2)];
    let journal = parsed(&written(&interrupted)).unwrap();
    assert_eq!((journal.events.len(), journal.tail.end), (3, None));
    let again = [&interrupted[..], &[ended(Outcome::Complete)]].concat();
    let end = EndRecord { outcome: Outcome::Complete, lacking: BTreeMap::new() };
    assert_eq!(parsed(&written(&again)).unwrap().tail.end, Some(end));
}

#[test]
fn appending_continues_after_the_last_whole_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    for torn in [String::new(), "{\"event\":".into(), "x".repeat(3 * 4096)] {
        let mut bytes = written(&[round(1)]);
        bytes.extend_from_slice(torn.as_bytes());
        std::fs::write(&path, bytes).unwrap();
        let mut writer = JournalWriter::open(&path).unwrap();
        assert_eq!(writer.cut_torn_line().unwrap(), !torn.is_empty());
        writer.append(&round(2)).unwrap();
        assert_eq!(read_journal(&path).unwrap().events, [round(1), round(2)]);
    }
}

#[test]
fn journal_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let first = JournalWriter::create(&path, &Header::smallest()).unwrap();
    let second = JournalWriter::open(&path).err().unwrap().to_string();
    assert!(second.contains("a run is still writing"), "{second}");
    drop(first);
    assert!(JournalWriter::open(&path).is_ok());
}

#[test]
fn corrupt_line_is_named_and_the_others_are_used() {
    let mut bytes = written(&[round(1)]);
    bytes.extend_from_slice(b"{\"event\":\"round\",\n");
    bytes.extend_from_slice(&written(&[round(2)])[written(&[]).len()..]);
    let journal = parsed(&bytes).unwrap();
    assert_eq!(journal.events, [round(1), round(2)]);
    let [defect] = journal.tail.defects.as_slice() else { panic!("not exactly one defect") };
    assert_eq!(defect, "line 3, column 17: EOF while parsing a value");
    let error = parsed(b"{\"event\":\"header\",\"schema\":\"sevbench/journal/1\"}\n").unwrap_err();
    assert!(error.to_string().contains("run.ndjson line 1: column"), "{error}");
    assert!(matches!(parsed(b""), Err(JournalError::NoHeader { .. })), "an empty file");
}

/// It decides whether a run is complete, so it is not believed either.
#[test]
fn changed_end_is_no_end() {
    let end = Event::End(EndRecord { outcome: Outcome::Complete, lacking: BTreeMap::new() });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let mut bytes = written(&[round(1), end]);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(read_end(&path).unwrap().unwrap().outcome, Outcome::Complete);
    // The last digits are those of the checksum.
    let digit = bytes.len() - "0\"}\n".len();
    bytes[digit] = if bytes[digit] == b'0' { b'1' } else { b'0' };
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(read_end(&path).unwrap(), None);
}

/// The reader skips what the writer refuses.
#[test]
fn line_that_is_too_long_is_neither_written_nor_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let mut writer = JournalWriter::create(&path, &Header::smallest()).unwrap();
    let reason = "x".repeat(LINE_LEN_MAX);
    let long = FailureRecord { boot: 1, bench: None, arm: "aa".into(), reason };
    let error = writer.append(&Event::Failed(long)).unwrap_err();
    assert!(matches!(error, JournalError::TooLong { .. }), "{error}");
    assert!(error.to_string().len() < 1000);
    assert_eq!(read_journal(&path).unwrap(), parsed(&written(&[])).unwrap());

    let mut bytes = written(&[round(1)]);
    bytes.resize(bytes.len() + LINE_LEN_MAX, b'x');
    bytes.push(b'\n');
    bytes.extend_from_slice(&written(&[round(2)])[written(&[]).len()..]);
    let journal = parsed(&bytes).unwrap();
    assert_eq!(journal.events, [round(1), round(2)]);
    assert_eq!(journal.tail.defects, ["line 3: it is longer than 64 MiB"]);
}

#[test]
fn round_has_one_kind_of_samples() {
    for (samples, reason) in [
        ("", "an arm has neither `elapsed_ns` nor `observations`"),
        (r#","elapsed_ns":[1],"observations":[]"#, "an arm has both"),
    ] {
        let line = format!(
            r#"{{"event":"round","boot":1,"bench":"a/b","round":1,"at_ns":1,"iterations":1,"arms":[{{"arm":"nosev"{samples}}}]}}"#
        );
        let error = Event::parse(line.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
}

#[test]
fn later_schema_is_refused_by_name() {
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

/// The names and the order of the stored fields are part of the format.
#[test]
fn golden_rounds_are_written_as_they_were_read() {
    for name in ["golden/journal-1.ndjson", "golden/journal-2.ndjson"] {
        let text = sevbench_testing::fixture(name);
        let rounds = text.lines().filter(|line| line.contains(r#""event":"round""#));
        let mut count = 0;
        for line in rounds {
            let event = Event::parse(line.as_bytes()).unwrap();
            assert_eq!(event, serde_json::from_str(line).unwrap(), "{name}");
            assert_eq!(serde_json::to_string(&event).unwrap(), line, "{name}");
            count += 1;
        }
        assert!(count > 0, "{name} has no rounds");
    }
}

/// A long journal is parsed on several threads, which must not change the order.
#[test]
fn long_journal_is_read_in_order() {
    const ROUNDS: u32 = 20_000;
    let rounds: Vec<Event> = (0..ROUNDS).map(round).collect();
    let mut bytes = written(&rounds);
    assert_eq!(parsed(&bytes).unwrap().events, rounds);
    let middle = bytes.len() / 2;
    let corrupt = middle + bytes[middle..].iter().position(|byte| *byte == b'{').unwrap() + 1;
    bytes[corrupt] = b'X';
    let number = 1 + bytes[..corrupt].iter().filter(|byte| **byte == b'\n').count();
    let journal = parsed(&bytes).unwrap();
    let intact = rounds.iter().enumerate().filter(|(index, _)| index + 2 != number);
    assert!(journal.events.iter().eq(intact.map(|(_, round)| round)));
    assert_eq!(journal.tail.defects, [format!("line {number}: its checksum does not match")]);

    let (folder, mut taken) = (tempfile::tempdir().unwrap(), 0);
    let path = folder.path().join("run.ndjson");
    std::fs::write(&path, &bytes).unwrap();
    stream_journal(&path, &mut |_| {
        taken += 1;
        if taken == 15_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!(taken, 15_000, "it went on after the end");
}
