//! Children that end with us, however we end.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Has the kernel send `signal` to the child when this thread ends. The child gets a group of its own, so that Ctrl-C
/// reaches us alone, and we end it in good order.
pub(crate) fn end_with_us(command: &mut Command, signal: libc::c_int) {
    let parent = std::process::id();
    command.process_group(0);
    let prepare = move || {
        // SAFETY: prctl with these arguments and getppid take and return numbers; both are safe after fork.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, signal) != 0 {
                return Err(io::Error::last_os_error());
            }
            // Had we ended before that, nobody would send it.
            if libc::getppid().cast_unsigned() != parent {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        Ok(())
    };
    // SAFETY: `prepare` calls only what is safe between fork and exec, and allocates nothing where it succeeds.
    unsafe { command.pre_exec(prepare) };
}
