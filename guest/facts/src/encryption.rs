//! What a machine says about AMD's memory encryption: the MSR, CPUID and the kernel log.

use crate::protection::Protection;
use crate::sev_cpuid::SevCpuid;
use crate::text::{UNKNOWN, bounded};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

/// SEV_STATUS: bit 0 SEV, 1 SEV-ES, 2 SEV-SNP (AMD64 Architecture Programmer's Manual, volume 2,
/// section 15.34.10).
const SEV_STATUS_MSR: u64 = 0xc001_0131;
/// The kernel's message. Old kernels print `AMD` before it, new ones in it.
const KERNEL_MARK: &str = "Memory Encryption Features active:";
/// The most of the kernel log that is read, and its longest record.
const LOG_LEN_MAX: usize = 8 << 20;
const RECORD_LEN_MAX: usize = 8 << 10;

/// What a machine says about memory encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EncryptionFacts {
    /// MSR 0xC0010131; `None` if it cannot be read.
    pub status_msr: Option<u64>,
    /// CPUID leaf 0x8000001F; `None` if there is no such leaf.
    pub cpuid: Option<SevCpuid>,
    /// Whether the kernel log could be read from its start.
    pub log_is_readable: bool,
    /// The kernel's line on active features; `None` if the log has no such line.
    pub kernel_line: Option<String>,
}

impl EncryptionFacts {
    pub(crate) fn gather() -> Self {
        let log = read_log();
        let kernel_line = log.as_ref().ok().and_then(|log| kernel_line(log));
        let log_is_readable = log.as_ref().is_ok_and(|log| starts_at_the_first_record(log));
        Self {
            status_msr: read_msr(SEV_STATUS_MSR).ok(),
            cpuid: SevCpuid::read(),
            log_is_readable,
            kernel_line,
        }
    }

    /// The strongest protection in the MSR; `None` if it names none or cannot be read.
    pub fn active(&self) -> Option<Protection> {
        let status = self.status_msr?;
        Protection::ALL.into_iter().rev().find(|protection| status & protection.status_bit() != 0)
    }

    /// Whether some source can be read, and no readable source reports encryption.
    pub fn is_none(&self) -> bool {
        let has_source = self.log_is_readable || self.status_msr.is_some();
        has_source && self.status_msr.unwrap_or(0) == 0 && self.kernel_line.is_none()
    }

    /// The encryption of the machine's memory, by these facts.
    pub fn state(&self) -> EncryptionState {
        match self.active() {
            Some(protection) => EncryptionState::Active(protection),
            None if self.is_none() => EncryptionState::Off,
            None => EncryptionState::Unknown,
        }
    }
}

/// The encryption of a machine's memory, as the machine reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionState {
    /// At least one source can be read, and no source reports encryption.
    Off,
    /// This protection is active.
    Active(Protection),
    /// No source can be read, or the sources disagree.
    Unknown,
}

impl fmt::Display for EncryptionState {
    /// `SEV-SNP`, `none` or `unknown`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("none"),
            Self::Active(protection) => protection.fmt(f),
            Self::Unknown => f.write_str(UNKNOWN),
        }
    }
}

fn read_msr(number: u64) -> io::Result<u64> {
    let mut value = [0; 8];
    File::open("/dev/cpu/0/msr")?.read_exact_at(&mut value, number)?;
    Ok(u64::from_le_bytes(value))
}

/// The kernel log, one record per line.
fn read_log() -> io::Result<String> {
    let mut file =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg")?;
    let mut log = Vec::new();
    let mut record = vec![0; RECORD_LEN_MAX];
    while log.len() < LOG_LEN_MAX {
        match file.read(&mut record) {
            Ok(0) => break,
            Ok(len) => log.extend_from_slice(&record[..len]),
            // The record was overwritten while we read.
            Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8_lossy(&log).into_owned())
}

/// Whether the log still has record 0. A record reads `priority,number,time,flags;text`.
fn starts_at_the_first_record(log: &str) -> bool {
    log.split(',').nth(1) == Some("0")
}

/// The text of the record on active features.
fn kernel_line(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains(KERNEL_MARK))?;
    let text = line.split_once(';').map_or(line, |(_, text)| text);
    Some(bounded(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn kernel_line_is_found_in_old_and_new_wording() {
        let old = "6,1,0,-;Linux version 5.19\n\
                   6,310,52191,-;AMD Memory Encryption Features active: SEV SEV-ES SEV-SNP\n";
        assert_eq!(
            kernel_line(old).unwrap(),
            "AMD Memory Encryption Features active: SEV SEV-ES SEV-SNP"
        );
        let new = "6,310,52191,-;Memory Encryption Features active: AMD SEV\n";
        assert_eq!(kernel_line(new).unwrap(), "Memory Encryption Features active: AMD SEV");
        assert_eq!(kernel_line("6,1,0,-;Linux version 6.1\n"), None);
    }

    #[test]
    fn log_with_overwritten_start_is_not_readable_from_the_start() {
        assert!(starts_at_the_first_record("5,0,0,-;Linux version 6.1\n6,1,0,-;x\n"));
        assert!(!starts_at_the_first_record("6,812,52191,-;usb 1-1: new device\n"));
        assert!(!starts_at_the_first_record(""));
    }

    #[test]
    fn active_is_the_strongest_protection_in_the_msr() {
        let facts = |status_msr| EncryptionFacts { status_msr, ..EncryptionFacts::default() };
        assert_eq!(facts(Some(7)).active(), Some(Protection::SevSnp));
        assert_eq!(facts(Some(3)).active(), Some(Protection::SevEs));
        assert_eq!(facts(Some(1)).active(), Some(Protection::Sev));
        assert_eq!((facts(Some(0)).active(), facts(Some(0)).is_none()), (None, true));
        assert!(!facts(None).is_none(), "nothing could be read");
    }

    proptest! {
        #[test]
        fn any_log_is_read_without_a_panic(log in ".{0,300}") {
            let _ = kernel_line(&log);
        }
    }
}
