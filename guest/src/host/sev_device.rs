//! Asks the secure processor's firmware for its status, through `/dev/sev` (linux/psp-sev.h).
//! Changes nothing there.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

const DEVICE: &str = "/dev/sev";
/// `_IOWR('S', 0, struct sev_issue_cmd)`.
const ISSUE_COMMAND: libc::Ioctl = 0xc000_5300 | (size_of::<IssueCommand>() as libc::Ioctl) << 16;
const PLATFORM_STATUS: u32 = 1;

/// `struct sev_issue_cmd`.
#[repr(C, packed)]
struct IssueCommand {
    command: u32,
    data: u64,
    error: u32,
}

/// `struct sev_user_data_status`.
#[derive(Default)]
#[repr(C, packed)]
struct PlatformStatus {
    api_major: u8,
    api_minor: u8,
    state: u8,
    flags: u32,
    build: u8,
    guest_count: u32,
}

/// The status of the secure processor's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SevFirmware {
    /// The version of its interface, major and minor.
    pub(super) api: (u8, u8),
    /// Its build number.
    pub(super) build: u8,
    /// Guests that run now.
    pub(super) guests: u32,
}

impl SevFirmware {
    /// # Errors
    /// If the device cannot be opened, or the firmware does not answer.
    pub(super) fn ask() -> io::Result<Self> {
        let device = File::open(DEVICE)?;
        let mut status = PlatformStatus::default();
        let data = (&raw mut status).expose_provenance() as u64;
        let mut request = IssueCommand { command: PLATFORM_STATUS, data, error: 0 };
        // SAFETY: the request has the layout and the length that the number says, `data` is the
        // address of a status of the layout that the command fills in, and both outlive the call.
        let result = unsafe { libc::ioctl(device.as_raw_fd(), ISSUE_COMMAND, &raw mut request) };
        if result == -1 {
            let (error, code) = (io::Error::last_os_error(), request.error);
            return Err(io::Error::other(format!("{error} (firmware error {code:#x})")));
        }
        let PlatformStatus { api_major, api_minor, build, guest_count, .. } = status;
        Ok(Self { api: (api_major, api_minor), build, guests: guest_count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of the structures in linux/psp-sev.h, and the request number of its macro.
    #[test]
    fn structures_have_the_kernel_layout() {
        assert_eq!(size_of::<IssueCommand>(), 16);
        assert_eq!(size_of::<PlatformStatus>(), 12);
        assert_eq!(ISSUE_COMMAND as u32, 0xc010_5300);
    }

    #[test]
    fn missing_device_is_an_error() {
        if !std::path::Path::new(DEVICE).exists() {
            let error = SevFirmware::ask().expect_err("no device");
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }
    }
}
