//! Binds QEMU's threads to CPUs of the host, as the testbed's settings say.

use super::MachineSettings;
use super::qmp::Qmp;
use crate::wait::Wait;
use serde_json::{Value, json};
use std::io;

/// Pins each vCPU to its CPU, and the threads that do I/O to theirs.
pub(super) fn pin_threads(
    control: &mut Qmp,
    process: u32,
    settings: &MachineSettings,
    wait: &Wait,
) -> io::Result<()> {
    if !settings.vcpu_pins.is_empty() {
        let vcpus = control.execute("query-cpus-fast", json!({}), wait)?;
        for (thread, cpu) in threads(&vcpus).zip(&settings.vcpu_pins) {
            pin(thread, &[*cpu])?;
        }
    }
    if !settings.io_pins.is_empty() {
        let io_threads = control.execute("query-iothreads", json!({}), wait)?;
        // What has no thread of its own is done by QEMU's first one: NVMe, the root disk, the network.
        let first = libc::pid_t::try_from(process).ok();
        for thread in threads(&io_threads).chain(first) {
            pin(thread, &settings.io_pins)?;
        }
    }
    Ok(())
}

fn threads(answer: &Value) -> impl Iterator<Item = libc::pid_t> + '_ {
    answer.as_array().into_iter().flatten().filter_map(|thread| {
        thread["thread-id"].as_i64().and_then(|id| libc::pid_t::try_from(id).ok())
    })
}

/// Binds one thread to these CPUs.
fn pin(thread: libc::pid_t, cpus: &[u32]) -> io::Result<()> {
    // SAFETY: a set of CPUs is an array of numbers, for which zeros are a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for cpu in cpus {
        // SAFETY: the set is whole, and settings name no CPU beyond it.
        unsafe { libc::CPU_SET(*cpu as usize, &mut set) };
    }
    // SAFETY: the pointer is to a whole set, of the size that is given; the call keeps neither.
    match unsafe { libc::sched_setaffinity(thread, size_of_val(&set), &raw const set) } {
        0 => Ok(()),
        _ => {
            let error = io::Error::last_os_error();
            let text = format!("cannot pin a thread of QEMU to the CPUs {cpus:?}: {error}");
            Err(io::Error::new(error.kind(), text))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn a_thread_is_bound_to_a_cpu_that_there_is_and_to_no_other() {
        // On a thread of its own: the rest of the tests keep their CPUs.
        std::thread::spawn(|| {
            pin(0, &[0]).unwrap();
            assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
            assert!(pin(0, &[1023]).unwrap_err().to_string().contains("[1023]"));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_threads_of_an_answer_are_its_numbers() {
        let answer =
            json!([{ "thread-id": 7, "cpu-index": 0 }, { "cpu-index": 1 }, { "thread-id": 9 }]);
        assert_eq!(threads(&answer).collect::<Vec<_>>(), [7, 9]);
        assert_eq!(threads(&json!({})).count(), 0);
    }
}
