//! What fuzzers call: everything that reads a file, up to the text that a terminal gets.

use crate::analysis::{Analysis, JournalAnalysis, Overrides, TableOptions, analyze_table};
use crate::config::Config;
use crate::gate::Margins;
use crate::record::{parse_journal, parse_table};
use sevbench_reports::{Estimand, TextOptions, render_text};
use sevbench_statistics::Confidence;
use std::path::Path;

/// Reads a journal, analyses it and renders the result.
///
/// # Panics
/// If the result could steer a terminal.
pub fn journal(bytes: &[u8]) {
    let Ok(journal) = parse_journal(&mut { bytes }, Path::new("run.ndjson")) else { return };
    let mut analysis = JournalAnalysis::new(journal.header.clone(), &Overrides::default());
    journal.events.iter().for_each(|event| analysis.event(event));
    if let Ok(analysis) = analysis.finish(&journal.tail, 1) {
        check_text(&analysis);
    }
}

/// Reads a table, analyses it and renders the result.
///
/// # Panics
/// If the result or an error could steer a terminal.
pub fn table(bytes: &[u8]) {
    let table = match parse_table(&mut { bytes }, Path::new("times.csv")) {
        Ok(table) => table,
        Err(error) => return assert_harmless(&error.to_string()),
    };
    for unpaired in [false, true] {
        let options = TableOptions {
            name: "times.csv",
            control: None,
            unpaired,
            confidence: Confidence::P95,
            margins: Margins::of(3.0, []).expect("3 % is a margin"),
            judge: Estimand::Both,
            seed: 1,
            threads: 1,
        };
        match analyze_table(&table, options) {
            Ok(analysis) => check_text(&analysis),
            Err(error) => assert_harmless(&error.to_string()),
        }
    }
}

/// Reads a configuration, and every testbed that it defines.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = Config::parse(text) {
        for name in ["loopback", "qemu", "lab"] {
            let _ = config.testbed(name);
        }
    }
}

fn check_text(analysis: &Analysis) {
    let options = TextOptions { verbose: true, colour: false };
    assert_harmless(&render_text(&analysis.summary, options));
}

fn assert_harmless(text: &str) {
    let harmful = text.chars().find(|c| *c != '\n' && sevbench_text::is_steering(*c));
    assert!(harmful.is_none(), "{harmful:?} in {text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use sevbench_testing::{fixture, fuzz};

    #[test]
    fn damaged_journals_never_panic() {
        let seeds = ["golden/journal-1.ndjson", "golden/journal-2.ndjson"].map(fixture);
        let seeds = seeds.each_ref().map(String::as_bytes);
        fuzz("journals", &seeds, 1_000, journal);
    }

    #[test]
    fn damaged_tables_never_panic() {
        let header = "bench,arm,boot,round,unit,value";
        let paired = format!(
            "{header}\nb,nosev,1,1,ms,1.5\nb,snp,1,1,ms,1.6\nb,nosev,2,1,ms,1.5\nb,snp,2,1,ms,2\n"
        );
        let quoted = format!(
            "{header},ops\n\"a \"\"b\"\"\",\"x,y\",1,1,GiB/s,1e3,1\r\n\"a \"\"b\"\"\",z,1,2,s,3,7\r\n"
        );
        fuzz("tables", &[paired.as_bytes(), quoted.as_bytes()], 5_000, table);
    }

    #[test]
    fn damaged_configurations_never_panic() {
        let text = "[machine]\nvcpus = 2\nmemory_mib = 512\nvcpu_pins = [0, 1]\n\
                    firmware = \"/fw\"\naccelerator = \"tcg\"\n[machine.data_disks]\n\
                    size_mib = 64\nnvme = \"/dev/x\"\n[machine.image]\ndisk = \"a.qcow2\"\n\
                    [[margin]]\nbenches = \"memory/.*\"\npercent = 5.0\n[testbeds.lab]\n\
                    control = \"qemu:nosev\"\ntreatments = { b = \"qemu:bounce?vcpus=1\" }\n";
        fuzz("configurations", &[text.as_bytes()], 5_000, configuration);
    }
}
