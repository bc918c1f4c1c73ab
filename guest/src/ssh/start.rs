//! Starts the shipped executable, and skips the output of the account's start-up files.

use super::connection::Connection;
use super::error::SshError;
use super::process::RemoteProcess;
use super::ship::MARK;
use super::ship::Shipped;
use crate::escape;
use std::io::{self, Read};
use std::iter;

/// The most output of start-up files.
const NOISE_LEN_MAX: usize = 64 << 10;

/// Starts the shipped executable. Returns once the guest's shells have printed everything.
pub(crate) fn start(
    connection: &Connection,
    shipped: &Shipped,
    arguments: &[&str],
) -> Result<RemoteProcess, SshError> {
    let step = "starting the executable";
    let path = shipped.path.as_str();
    let words: Vec<_> =
        iter::once(&path).chain(arguments).map(|word| escape::for_shell(word)).collect();
    let script = format!("echo; echo {MARK}; exec \"$0\" \"$@\"");
    let command = format!("exec sh -c {} {}", escape::for_shell(&script), words.join(" "));
    let mut process = connection.exec(&command, step)?;
    let heard = skip_noise(&mut process).map_err(|error| connection.explain(error, step))?;
    if let Some(noise) = heard {
        let ending = process.ending();
        let reason = if process.stderr_tail().is_empty() {
            escape::for_terminal(&noise)
        } else {
            process.stderr_tail()
        };
        return Err(SshError::NotStarted { path: path.into(), ending, reason });
    }
    process.executable = Some(path.into());
    Ok(process)
}

/// Reads up to the mark and not beyond. Returns what was read if the mark never came.
fn skip_noise(process: &mut impl Read) -> io::Result<Option<String>> {
    let end = format!("\n{MARK}\n");
    let mut heard = Vec::new();
    let mut byte = [0];
    while process.read(&mut byte)? > 0 && heard.len() < NOISE_LEN_MAX {
        heard.push(byte[0]);
        if heard.ends_with(end.as_bytes()) {
            return Ok(None);
        }
    }
    Ok(Some(String::from_utf8_lossy(&heard).into_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn start_up_output_is_skipped_up_to_the_mark() {
        let mut stream = &b"Welcome!\n\n@sevbench@\nfirst"[..];
        assert_eq!(skip_noise(&mut stream).unwrap(), None);
        assert_eq!(stream, b"first");
        assert_eq!(skip_noise(&mut &b"sh: not found"[..]).unwrap().unwrap(), "sh: not found");
    }

    proptest! {
        #[test]
        fn any_start_up_output_is_skipped_without_a_panic(noise in ".{0,200}") {
            let _ = skip_noise(&mut noise.as_bytes());
        }
    }
}
