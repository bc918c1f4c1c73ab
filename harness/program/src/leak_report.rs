//! Pure: the result of the search in each arm's memory, as a conclusion, as text and as JSON.

use serde_json::{Value, json};
use sevbench_guest::Protection;
use sevbench_guest::leak::{Finding, Hit, LeakVerdict};
use sevbench_reports::{Align, Role, Table, format_bytes};
use sevbench_text::escaped;

/// The version of the JSON document.
const SCHEMA: &str = "sevbench/leak/1";
const HEX_LINE_LEN: usize = 16;

/// The results of all arms.
pub(super) struct LeakReport {
    /// How the memory was read.
    pub dump: &'static str,
    /// The control first.
    pub arms: Vec<ArmLeak>,
}

/// The result of one arm.
pub(super) struct ArmLeak {
    pub name: String,
    /// The protection that its name claims, or that its machine is launched with.
    pub claimed: Option<Protection>,
    pub role: Role,
    /// What the search found, or why it failed.
    pub found: Result<Finding, String>,
}

/// The conclusion from all arms together.
pub(super) struct Conclusion {
    pub text: String,
    /// Whether every arm has a result, and no arm lacks the protection that it claims.
    pub is_fine: bool,
}

impl LeakReport {
    /// Draws the conclusion. The readable control proves that the search can find a secret: without
    /// it, finding none means nothing.
    pub(super) fn conclusion(&self) -> Conclusion {
        let none =
            |text: String| Conclusion { text: format!("no conclusion: {text}"), is_fine: false };
        let Some((control, treatments)) = self.arms.split_first() else {
            return none("there are no arms".into());
        };
        let name = &control.name;
        match &control.found {
            Err(reason) => {
                return none(format!("the control {name} could not be searched: {reason}"));
            }
            Ok(found) if found.verdict != LeakVerdict::Plaintext => {
                return none(format!(
                    "the secret of the unprotected control {name} was not found ({}), so its \
                     absence elsewhere proves nothing",
                    found.reason
                ));
            }
            Ok(_) => {}
        }
        let all_plaintext = self.arms.iter().all(ArmLeak::is_unclaimed_plaintext);
        if all_plaintext {
            let who = if self.arms.len() == 2 { "neither arm" } else { "no arm" };
            let text = format!("{who} is encrypted: the host reads their secrets in plaintext");
            return Conclusion { text, is_fine: true };
        }
        let mut text = format!("{name} is not encrypted: the host reads its secret");
        let mut is_fine = true;
        for arm in treatments {
            let (sentence, fine) = arm.sentence();
            text += &format!("; {sentence}");
            is_fine &= fine;
        }
        Conclusion { text, is_fine }
    }

    /// The report for people.
    pub(super) fn text(&self) -> String {
        let mut table = Table::new(&[
            ("arm", Align::Left),
            ("claims", Align::Left),
            ("answer", Align::Left),
            ("dump", Align::Right),
            ("guest memory", Align::Right),
            ("non-zero", Align::Right),
            ("hits", Align::Right),
        ]);
        for arm in &self.arms {
            table.row(arm.cells());
        }
        let mut lines = table.lines();
        for arm in &self.arms {
            lines.push(String::new());
            lines.extend(arm.details());
        }
        lines.push(String::new());
        lines.push(escaped(&self.conclusion().text));
        lines.join("\n") + "\n"
    }

    /// The report for scripts.
    pub(super) fn json(&self) -> Value {
        let Conclusion { text, is_fine } = self.conclusion();
        let arms: Vec<Value> = self.arms.iter().map(ArmLeak::json).collect();
        json!({
            "schema": SCHEMA, "dump": self.dump, "arms": arms, "conclusion": text, "fine": is_fine,
        })
    }
}

impl ArmLeak {
    fn is_unclaimed_plaintext(&self) -> bool {
        let is_plaintext =
            self.found.as_ref().is_ok_and(|found| found.verdict == LeakVerdict::Plaintext);
        is_plaintext && self.claimed.is_none()
    }

    /// The conclusion on a treatment whose control is readable, and whether it is fine.
    fn sentence(&self) -> (String, bool) {
        let name = &self.name;
        let found = match &self.found {
            Ok(found) => found,
            Err(_) => return (format!("{name} has no result"), false),
        };
        match (found.verdict, self.claimed) {
            (LeakVerdict::Plaintext, Some(claim)) => (
                format!(
                    "{name} claims {} AND IS NOT PROTECTED: the host reads its secret",
                    claim.name()
                ),
                false,
            ),
            (LeakVerdict::Plaintext, None) => (format!("{name} is not encrypted either"), true),
            (LeakVerdict::Ciphertext, _) => (
                format!("{name} is encrypted: where its secret is, the host reads ciphertext"),
                true,
            ),
            (LeakVerdict::UnmappedOrZero, _) => (
                format!("the host cannot read the memory of {name}, and its secret is not there"),
                true,
            ),
            (LeakVerdict::NotThisGuest, _) => {
                (format!("no conclusion about {name}: {}", found.reason), false)
            }
        }
    }

    fn cells(&self) -> Vec<String> {
        let claim = self.claimed.map_or("nothing", Protection::name).to_owned();
        let Ok(found) = &self.found else {
            return vec![self.name.clone(), claim, "failed".into()];
        };
        let bytes = |len: u64| format_bytes(len as f64);
        vec![
            self.name.clone(),
            claim,
            found.verdict.to_string(),
            bytes(found.dump_len),
            bytes(found.memory_len),
            format!("{:.1} %", 100.0 * found.result.nonzero_share()),
            found.result.hits.to_string(),
        ]
    }

    fn details(&self) -> Vec<String> {
        let name = &self.name;
        let found = match &self.found {
            Ok(found) => found,
            Err(reason) => return vec![format!("{name}: {}", escaped(reason))],
        };
        let pages = match found.pages_in_place {
            Some(0) => String::new(),
            Some(count) => format!("; found in {count} of the pages that the guest named"),
            None => String::new(),
        };
        let mut lines =
            vec![format!("{name}: {}{pages} (process {})", found.reason, found.process_id)];
        if let Some(hit) = &found.result.first {
            lines.push(format!(
                "{name}: the first hit is at {:#x}. The bytes around it:",
                hit.address
            ));
            lines.extend(hex_lines(hit));
        }
        lines
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "name": self.name,
            "role": self.role,
            "claimed": self.claimed,
        });
        match &self.found {
            Err(reason) => value["failed"] = json!(reason),
            Ok(found) => {
                value["answer"] = json!(found.verdict);
                value["reason"] = json!(found.reason);
                value["process"] = json!(found.process_id);
                value["memory_bytes"] = json!(found.memory_len);
                value["dump_bytes"] = json!(found.dump_len);
                value["read_bytes"] = json!(found.result.read_len);
                value["unreadable_bytes"] = json!(found.result.unreadable_len);
                value["nonzero_bytes"] = json!(found.result.nonzero_len);
                value["nonzero_pages"] = json!(found.result.nonzero_pages);
                value["hits"] = json!(found.result.hits);
                value["pages_in_place"] = json!(found.pages_in_place);
                value["first_hit"] = json!(found.result.first.as_ref().map(|hit| json!({
                    "address": hit.address,
                    "around_address": hit.around_address,
                    "around": hex(&hit.around),
                })));
            }
        }
        value
    }
}

/// Lines in the format of `hexdump -C`.
fn hex_lines(hit: &Hit) -> Vec<String> {
    let line = |(index, bytes): (usize, &[u8])| {
        let address = hit.around_address + (index * HEX_LINE_LEN) as u64;
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' };
        let text: String = bytes.iter().map(shown).collect();
        format!("  {address:012x}  {:<47}  |{text}|", hex.join(" "))
    };
    hit.around.chunks(HEX_LINE_LEN).enumerate().map(line).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "leak_report_tests.rs"]
mod tests;
