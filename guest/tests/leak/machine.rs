//! One boot of a real guest, probed in its own QEMU and elsewhere.

use crate::SecretProcess;
use crate::support::*;
use sevbench_guest::leak::{
    DumpMethod, Finding, LeakError, LeakProbe, LeakVerdict, probe_for_secret,
};
use sevbench_guest::{
    Address, Guest, GuestError, HostUse, ImageError, Interrupt, Limits, QemuError, prepare,
};
use sevbench_testing::Skip;
use std::path::Path;

const MEMORY_LEN: u64 = 512 << 20;
/// 64 KiB in pages of 4 KiB.
const PAGES: usize = 16;

pub(crate) fn found_at_the_reported_address() -> CaseResult {
    let (address, _) = Address::parse("qemu:nosev?memory_mib=512").unwrap();
    let _prepared = match prepare(&[&address], HostUse::Exclusive, &Interrupt::new(), &mut |_| {}) {
        Ok(prepared) => prepared,
        Err(
            error @ (GuestError::Obstacles(_)
            | GuestError::Qemu(QemuError::NoFirmware)
            | GuestError::Image(ImageError::NotBuilt)),
        ) => return Err(Skip(error.to_string())),
        Err(error) => panic!("{error}"),
    };
    let mut guest =
        Guest::start(&address, &this().path, &Limits::default(), &Interrupt::new()).unwrap();
    let machine = guest.machine_process_id().unwrap();

    let found = probe(&mut guest, DumpMethod::Mem, None).unwrap();
    assert_plaintext(&found, machine);

    // A process that maps none of the guest's memory, and is smaller.
    let other = SecretProcess::start();
    let absent = probe(&mut guest, DumpMethod::Mem, Some(other.child.id())).unwrap();
    assert_eq!(
        (absent.verdict, absent.result.hits),
        (LeakVerdict::NotThisGuest, 0),
        "{}",
        absent.reason
    );
    assert_eq!(absent.pages_in_place, None);

    let outcome = match probe(&mut guest, DumpMethod::Gcore, None) {
        Err(error @ LeakError::NoGdb) => Err(Skip(error.to_string())),
        found => {
            assert_plaintext(&found.unwrap(), machine);
            Ok(())
        }
    };
    guest.shut_down().unwrap();
    assert!(!Path::new(&format!("/proc/{machine}")).exists());
    outcome
}

fn probe(
    guest: &mut Guest,
    method: DumpMethod,
    process_id: Option<u32>,
) -> Result<Finding, LeakError> {
    let probe = LeakProbe { method, process_id, memory_len: MEMORY_LEN };
    probe_for_secret(guest, &this(), &probe, &Interrupt::new(), &mut |_| {})
}

#[track_caller]
fn assert_plaintext(found: &Finding, machine: u32) {
    assert_eq!(
        (found.verdict, found.process_id),
        (LeakVerdict::Plaintext, machine),
        "{}",
        found.reason
    );
    assert!(found.dump_len >= MEMORY_LEN && found.result.hits >= 1024, "{found:?}");
    assert_eq!(found.pages_in_place, Some(PAGES));
}
