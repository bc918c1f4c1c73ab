//! Pure: what the secret process reports, as a line of JSON. The report suffices to recognise the
//! secret, but not to know it.

use super::fingerprint::{SECRET_LEN, fingerprint};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The version of the line.
const VERSION: u32 = 1;
/// The length of the buffer that is filled with copies of the secret.
pub(crate) const BUFFER_LEN: usize = 64 << 10;
/// The longest line that a guest may send.
pub(crate) const LINE_LEN_MAX: usize = 4 << 10;
/// The page sizes of Linux on our processors.
const PAGE_LENS: [u64; 3] = [4 << 10, 16 << 10, 64 << 10];
/// Physical addresses of AMD64 and ARM are below this: 52 bits.
const PHYSICAL_ADDRESS_MAX: u64 = 1 << 52;

/// What the guest reports about a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretReport {
    version: u32,
    secret_len: usize,
    pub(crate) fingerprint: u64,
    sha256: [u8; 32],
    /// The guest's page size.
    pub(crate) page_len: u64,
    /// The guest-physical addresses of the pages filled with the secret, in order; `None` if the
    /// guest does not report them.
    pub(crate) frames: Option<Vec<u64>>,
}

/// A report that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the guest's report on its secret is not usable: {0}")]
pub struct ReportError(String);

impl SecretReport {
    pub(crate) fn new(secret: &[u8; SECRET_LEN], page_len: u64, frames: Option<Vec<u64>>) -> Self {
        Self {
            version: VERSION,
            secret_len: SECRET_LEN,
            fingerprint: fingerprint(secret),
            sha256: Sha256::digest(secret).into(),
            page_len,
            frames,
        }
    }

    /// Parses the line of a guest, which is not trusted.
    ///
    /// # Errors
    /// If it is not a report, or reports something impossible.
    pub fn parse(line: &str) -> Result<Self, ReportError> {
        let wrong = |what: &str| Err(ReportError(what.into()));
        if line.len() > LINE_LEN_MAX {
            return wrong("it is too long");
        }
        let report: Self =
            serde_json::from_str(line).map_err(|error| ReportError(error.to_string()))?;
        let Self { version, secret_len, page_len, frames, .. } = &report;
        if *version != VERSION || *secret_len != SECRET_LEN {
            return wrong("it has another version");
        }
        // Zeros have this fingerprint: every zero page would become a candidate.
        if report.fingerprint == 0 {
            return wrong("its fingerprint is that of zeros");
        }
        if !PAGE_LENS.contains(page_len) {
            return wrong("no page has that size");
        }
        let count = BUFFER_LEN as u64 / page_len;
        let cannot_be =
            |frame: &u64| !frame.is_multiple_of(*page_len) || *frame >= PHYSICAL_ADDRESS_MAX;
        match frames {
            Some(frames) if frames.len() as u64 != count => {
                wrong("the number of its pages is wrong")
            }
            Some(frames) if frames.iter().any(cannot_be) => {
                wrong("an address of its pages is impossible")
            }
            _ => Ok(report),
        }
    }

    /// Whether these bytes are the secret, and do not just share its fingerprint.
    pub(crate) fn is_secret(&self, window: &[u8]) -> bool {
        window.len() == SECRET_LEN && Sha256::digest(window)[..] == self.sha256
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    fn report() -> SecretReport {
        let frames = (0..16).map(|page| 0x1000 * (page + 7)).collect();
        SecretReport::new(&std::array::from_fn(|index| index as u8), 4096, Some(frames))
    }

    #[test]
    fn report_survives_a_round_trip_and_fits_a_line() {
        let line = serde_json::to_string(&report()).unwrap();
        assert!(line.len() < LINE_LEN_MAX / 2, "{}", line.len());
        assert_eq!(SecretReport::parse(&line).unwrap(), report());
        let without = SecretReport { frames: None, ..report() };
        assert_eq!(SecretReport::parse(&serde_json::to_string(&without).unwrap()), Ok(without));
    }

    #[test]
    fn report_does_not_hold_the_secret() {
        let line = serde_json::to_string(&report()).unwrap();
        assert!(!line.contains("0,1,2,3"), "{line}");
        assert!(report().is_secret(&std::array::from_fn::<u8, 64, _>(|index| index as u8)));
        assert!(!report().is_secret(&[0; 64]) && !report().is_secret(&[]));
    }

    #[test]
    fn impossible_reports_are_refused() {
        let changed = |change: fn(&mut SecretReport)| {
            let mut report = report();
            change(&mut report);
            SecretReport::parse(&serde_json::to_string(&report).unwrap())
        };
        for change in [
            (|report| report.version = 2) as fn(&mut SecretReport),
            |report| report.secret_len = 65,
            |report| report.fingerprint = 0,
            |report| report.page_len = 0,
            |report| report.page_len = 1 << 40,
            |report| report.frames = Some(vec![4096]),
            |report| report.frames = Some(vec![4097; 16]),
            |report| report.frames = Some(vec![1 << 52; 16]),
        ] {
            assert!(changed(change).is_err());
        }
        assert!(SecretReport::parse(&" ".repeat(LINE_LEN_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_without_a_panic(line in ".{0,300}") {
            let _ = SecretReport::parse(&line);
        }

        #[test]
        fn near_valid_lines_are_parsed_without_a_panic(
            version in 0_u32..3, len in 63_u64..66, fingerprint in any::<u64>(), page in prop_oneof![any::<u64>(), Just(4096)],
            frames in proptest::collection::vec(any::<u64>(), 0..20),
        ) {
            let line = format!(
                "{{\"version\":{version},\"secret_len\":{len},\"fingerprint\":{fingerprint},\"sha256\":{:?},\
                 \"page_len\":{page},\"frames\":{frames:?}}}",
                [7_u8; 32]
            );
            let _ = SecretReport::parse(&line);
        }
    }
}
