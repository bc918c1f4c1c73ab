//! `cargo sevbench doctor`: which testbeds this host can run, and what to type to enable the
//! others.

use clap::Args;
use serde::Serialize;
use sevbench_guest::{
    Check, CheckStatus, HostProbe, TestbedKind, TestbedSupport, examine, testbed_support,
};
use sevbench_reports::{Align, Table};
use sevbench_runner::cli::{CliError, FAILED, Format, print_json, print_text};
use sevbench_text::escaped;
use std::collections::BTreeMap;

/// The version of the JSON document. Fields are added, never changed.
const SCHEMA: &str = "sevbench/doctor/1";
/// The longest line, and the width of the column of findings.
const LINE_LEN_MAX: usize = 100;
const FOUND_LEN_MAX: usize = 72;

/// The arguments of `cargo sevbench doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Require this testbed; may be repeated [default: loopback and qemu]
    #[arg(long, value_name = "NAME", value_parser = parse_testbed)]
    testbed: Vec<TestbedKind>,
    /// Choose the output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    testbeds: &'a [TestbedSupport],
    checks: &'a [Check],
    /// CPUID 0x8000001F, decoded. `None` if the processor has no such leaf.
    cpuid: Option<BTreeMap<&'static str, String>>,
    facts: &'a BTreeMap<String, String>,
}

pub(super) fn run_doctor(arguments: &DoctorArguments) -> Result<u8, CliError> {
    let probe = HostProbe::gather();
    let checks = examine(&probe);
    let verdicts = testbed_support(&probe, &checks);
    let cpuid = probe.facts.sev.map(|leaf| leaf.listing());
    match arguments.format {
        Format::Text => print_text(&render(&checks, cpuid.as_deref(), &verdicts))?,
        Format::Json => {
            let cpuid = cpuid.map(|fields| fields.into_iter().collect());
            let (testbeds, checks, facts) = (&verdicts[..], &checks[..], &probe.facts.named);
            print_json(&Document { schema: SCHEMA, testbeds, checks, cpuid, facts })?;
        }
    }
    Ok(status(&verdicts, &arguments.testbed))
}

/// 0 if every wanted testbed is usable. Without names, those that any machine can run are wanted.
fn status(verdicts: &[TestbedSupport], wanted: &[TestbedKind]) -> u8 {
    let wanted =
        if wanted.is_empty() { &[TestbedKind::Loopback, TestbedKind::Qemu] } else { wanted };
    let unusable = |verdict: &TestbedSupport| wanted.contains(&verdict.testbed) && !verdict.usable;
    if verdicts.iter().any(unusable) { FAILED } else { 0 }
}

fn parse_testbed(name: &str) -> Result<TestbedKind, String> {
    let known = TestbedKind::ALL.map(TestbedKind::name).join(", ");
    TestbedKind::named(name).ok_or_else(|| format!("no such testbed: use one of {known}"))
}

fn render(
    checks: &[Check],
    cpuid: Option<&[(&'static str, String)]>,
    verdicts: &[TestbedSupport],
) -> String {
    let mut lines = check_lines(checks);
    lines.extend([String::new(), "CPUID 0x8000001F".into()]);
    match cpuid {
        None => lines.push("  this processor has no such leaf".into()),
        Some(fields) => lines.extend(cpuid_lines(fields)),
    }
    lines.extend([String::new(), "testbeds".into()]);
    for verdict in verdicts {
        let usable = match (verdict.usable, verdict.testbed) {
            (true, TestbedKind::Loopback) => "usable".into(),
            (true, _) => format!("usable, {}", verdict.reason),
            (false, _) => format!("not usable: {}", verdict.reason),
        };
        let line = format!("{}: {usable}", verdict.testbed.name());
        let pieces = wrapped(&escaped(&line), LINE_LEN_MAX - 4);
        let indented = pieces.iter().enumerate().map(|(index, piece)| {
            let indent = if index == 0 { "  " } else { "    " };
            format!("{indent}{piece}")
        });
        lines.extend(indented);
    }
    lines.join("\n") + "\n"
}

fn check_lines(checks: &[Check]) -> Vec<String> {
    let columns = [("", Align::Left), ("subject", Align::Left), ("found", Align::Left)];
    let mut table = Table::new(&columns);
    for check in checks {
        let mark = match check.status {
            CheckStatus::Fine => "ok",
            CheckStatus::Note => "note",
            CheckStatus::Failed => "FAILED",
        };
        let (mut mark, mut subject) = (mark, check.subject);
        for piece in wrapped(&escaped(&check.found), FOUND_LEN_MAX) {
            table.row(vec![mark.into(), subject.into(), piece]);
            (mark, subject) = ("", "");
        }
        let remedy = check.remedy.as_ref().map(|remedy| format!("to do: {}", escaped(remedy)));
        for piece in remedy.iter().flat_map(|remedy| wrapped(remedy, FOUND_LEN_MAX)) {
            table.row(vec![String::new(), String::new(), piece]);
        }
    }
    table.lines()
}

fn cpuid_lines(fields: &[(&'static str, String)]) -> Vec<String> {
    let mut table = Table::new(&[("  field", Align::Left), ("value", Align::Left)]);
    for (name, value) in fields {
        table.row(vec![format!("  {name}"), value.clone()]);
    }
    table.lines()
}

/// Wraps a text at spaces into pieces of at most `len_max` characters. Text in backquotes and
/// longer words stay whole, so that they can be copied.
fn wrapped(text: &str, len_max: usize) -> Vec<String> {
    let mut quoted = false;
    let is_cut = |c: char| {
        quoted ^= c == '`';
        c.is_whitespace() && !quoted
    };
    let mut pieces = vec![String::new()];
    for word in text.split(is_cut).filter(|word| !word.is_empty()) {
        let last = pieces.len() - 1;
        let piece = &mut pieces[last];
        if piece.is_empty() {
            piece.push_str(word);
        } else if piece.chars().count() + 1 + word.chars().count() <= len_max {
            piece.push(' ');
            piece.push_str(word);
        } else {
            pieces.push(word.into());
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use sevbench_guest::CheckScope;

    fn check(
        subject: &'static str,
        status: CheckStatus,
        found: &str,
        remedy: Option<&str>,
    ) -> Check {
        let needed_by = &[TestbedKind::Qemu, TestbedKind::Snp];
        let (found, remedy) = (found.into(), remedy.map(str::to_owned));
        Check { subject, status, found, remedy, needed_by, scope: CheckScope::Host }
    }

    fn verdict(testbed: TestbedKind, usable: bool, reason: &str) -> TestbedSupport {
        TestbedSupport { testbed, usable, reason: reason.into(), obstacles: Vec::new() }
    }

    #[test]
    fn diagnosis_is_rendered_as_text() {
        let remedy = "type `apt-get install -t bookworm-backports qemu-system-x86`, or build one \
                      from qemu.org";
        let checks = [
            check("kernel", CheckStatus::Fine, "6.11", None),
            check("SMT", CheckStatus::Note, "on: two vCPUs may share a core", None),
            check(
                "QEMU's SEV-SNP",
                CheckStatus::Failed,
                "8.0.0, and SEV-SNP takes 9.1",
                Some(remedy),
            ),
        ];
        let verdicts = [
            verdict(TestbedKind::Loopback, true, "this machine against itself"),
            verdict(TestbedKind::Qemu, true, "by the processor itself (KVM)"),
            verdict(TestbedKind::Snp, false, &format!("a\x1b[1m {}", "QEMU's SEV-SNP; ".repeat(8))),
        ];
        let cpuid = [("SEV", "yes".to_owned()), ("C-bit", "51".to_owned())];
        insta::assert_snapshot!(render(&checks, Some(&cpuid), &verdicts), @r#"
                subject         found
        ok      kernel          6.11
        note    SMT             on: two vCPUs may share a core
        FAILED  QEMU's SEV-SNP  8.0.0, and SEV-SNP takes 9.1
                                to do: type `apt-get install -t bookworm-backports qemu-system-x86`, or
                                build one from qemu.org

        CPUID 0x8000001F
          field  value
          SEV    yes
          C-bit  51

        testbeds
          loopback: usable
          qemu: usable, by the processor itself (KVM)
          snp: not usable: a\u{1b}[1m QEMU's SEV-SNP; QEMU's SEV-SNP; QEMU's SEV-SNP; QEMU's SEV-SNP;
            QEMU's SEV-SNP; QEMU's SEV-SNP; QEMU's SEV-SNP; QEMU's SEV-SNP;
        "#);
        assert!(render(&checks, None, &verdicts).contains("no such leaf"));
    }

    /// Scripts read these names.
    #[test]
    fn document_keeps_its_names() {
        let verdicts = [verdict(TestbedKind::SevEs, false, "KVM: absent")];
        let checks = [check("KVM", CheckStatus::Failed, "absent", Some("type `modprobe kvm_amd`"))];
        let document = Document {
            schema: SCHEMA,
            testbeds: &verdicts,
            checks: &checks,
            cpuid: Some([("C-bit", "51".into())].into()),
            facts: &[("kernel".into(), "6.11".into())].into(),
        };
        insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap_or_default(), @r#"
        {
          "schema": "sevbench/doctor/1",
          "testbeds": [
            {
              "name": "sev-es",
              "usable": false,
              "reason": "KVM: absent",
              "obstacles": []
            }
          ],
          "checks": [
            {
              "subject": "KVM",
              "state": "failed",
              "found": "absent",
              "remedy": "type `modprobe kvm_amd`",
              "needed_by": [
                "qemu",
                "snp"
              ]
            }
          ],
          "cpuid": {
            "C-bit": "51"
          },
          "facts": {
            "kernel": "6.11"
          }
        }
        "#);
    }

    #[test]
    fn exit_status_depends_on_the_wanted_testbeds() {
        let verdicts = [
            verdict(TestbedKind::Loopback, true, ""),
            verdict(TestbedKind::Qemu, true, ""),
            verdict(TestbedKind::Snp, false, ""),
        ];
        assert_eq!(status(&verdicts, &[]), 0);
        assert_eq!(status(&verdicts, &[TestbedKind::Qemu, TestbedKind::Snp]), FAILED);
        let verdicts =
            [verdict(TestbedKind::Loopback, true, ""), verdict(TestbedKind::Qemu, false, "")];
        assert_eq!(status(&verdicts, &[]), FAILED);
        assert_eq!(status(&verdicts, &[TestbedKind::Loopback]), 0);
        assert!(parse_testbed("moon").is_err_and(|text| text.contains("sev-es, snp")));
    }

    #[test]
    fn text_is_wrapped_at_spaces_and_words_stay_whole() {
        assert_eq!(wrapped("a bc  def\nghij k", 5), ["a bc", "def", "ghij", "k"]);
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("/a/long/path b", 3), ["/a/long/path", "b"]);
        assert_eq!(wrapped("type `a b c`, or d", 8), ["type", "`a b c`,", "or d"]);
        assert_eq!(wrapped("an `open one", 8), ["an", "`open one"]);
    }
}
