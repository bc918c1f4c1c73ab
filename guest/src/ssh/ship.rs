//! Copies the executable, and files that benches need, into a guest: once per content hash,
//! completely or not at all, private to the account.

use super::connection::Connection;
use super::ending::Ending;
use super::error::SshError;
use super::process::RemoteProcess;
use crate::data_file::DataFile;
use crate::escape;
use crate::executable::{Architecture, Executable};
use crate::limits::is_interrupt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Instant;

/// Marks our lines among the output of the account's start-up files.
pub(super) const MARK: &str = "@sevbench@";

/// The longest output of a script that is read.
const ANSWER_LEN_MAX: u64 = 64 << 10;

/// An executable in a guest that no run has used for this many days is removed.
const UNUSED_DAYS_MAX: u32 = 7;

/// How much is written at once; each piece has a limit of its own.
const PIECE_LEN: usize = 32 << 10;

/// The exit statuses with which the scripts report what went wrong.
const DIRECTORY_STATUS: i32 = 41;
const CANNOT_RUN_STATUS: i32 = 42;

/// An executable or a file that is in the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// Its path in the guest.
    pub path: String,
    /// Whether it had to be uploaded.
    pub uploaded: bool,
}

/// What the guest reports before anything is copied.
struct Probe {
    /// As `uname -sm` prints it.
    system: String,
    /// The processor architecture, if it is a Linux of one that we know.
    architecture: Option<Architecture>,
    directory: String,
    present_len: Option<u64>,
}

/// How a script ended, and what it printed.
struct ScriptResult {
    output: String,
    reason: String,
    ending: Ending,
}

/// What is copied. Its name in the guest is its hash.
#[derive(Clone, Copy)]
enum Payload<'a> {
    Executable(&'a Executable),
    Data(&'a DataFile),
}

impl Payload<'_> {
    fn sha256(&self) -> &str {
        match self {
            Self::Executable(executable) => &executable.sha256,
            Self::Data(file) => &file.sha256,
        }
    }

    const fn len_bytes(&self) -> u64 {
        match self {
            Self::Executable(executable) => executable.len_bytes,
            Self::Data(file) => file.len_bytes,
        }
    }

    /// Its mode in the guest.
    const fn mode(&self) -> &'static str {
        match self {
            Self::Executable(_) => "700",
            // All benches of a boot share it.
            Self::Data(file) if file.is_executable => "500",
            Self::Data(_) => "400",
        }
    }

    /// The test of the shell that it must pass in the guest.
    const fn test(&self) -> &'static str {
        match self {
            Self::Executable(_) => "-x",
            Self::Data(file) if file.is_executable => "-x",
            Self::Data(_) => "-r",
        }
    }

    /// What it is, in messages.
    const fn what(&self) -> &'static str {
        match self {
            Self::Executable(_) => "executable",
            Self::Data(_) => "file",
        }
    }

    const fn path(&self) -> &PathBuf {
        match self {
            Self::Executable(executable) => &executable.path,
            Self::Data(file) => &file.path,
        }
    }

    fn open(&self) -> io::Result<Box<dyn Read>> {
        Ok(match self {
            Self::Executable(executable) => Box::new(executable.open_image()?),
            Self::Data(file) => Box::new(File::open(&file.path)?.take(file.len_bytes)),
        })
    }
}

/// Copies the executable into `directory` of the guest, unless it is there.
pub(crate) fn ship(
    connection: &Connection,
    executable: &Executable,
    directory: Option<&str>,
) -> Result<Shipped, SshError> {
    let probe = probe(connection, Payload::Executable(executable), directory)?;
    check_architecture(&probe, executable.architecture)?;
    ship_probed(connection, Payload::Executable(executable), &probe)
}

/// Copies a file into `directory` of the guest, unless it is there.
pub(crate) fn ship_file(
    connection: &Connection,
    file: &DataFile,
    directory: Option<&str>,
) -> Result<Shipped, SshError> {
    let probe = probe(connection, Payload::Data(file), directory)?;
    ship_probed(connection, Payload::Data(file), &probe)
}

fn ship_probed(
    connection: &Connection,
    payload: Payload<'_>,
    probe: &Probe,
) -> Result<Shipped, SshError> {
    let path = format!("{}/{}", probe.directory, payload.sha256());
    if probe.present_len == Some(payload.len_bytes()) {
        return Ok(Shipped { path, uploaded: false });
    }
    upload(connection, payload, &probe.directory)?;
    Ok(Shipped { path, uploaded: true })
}

fn check_architecture(probe: &Probe, wanted: Architecture) -> Result<(), SshError> {
    if probe.architecture == Some(wanted) {
        return Ok(());
    }
    Err(SshError::OtherArchitecture { found: escape::for_terminal(&probe.system), wanted })
}

fn probe(
    connection: &Connection,
    payload: Payload<'_>,
    directory: Option<&str>,
) -> Result<Probe, SshError> {
    // The default folder is ours, so it may be made private. Another one may be any folder, and
    // keeps its mode.
    let open = match directory {
        None => "chmod 700 -- \"$d\"",
        Some(_) => "no \"$d is open to others (its mode is $1, not drwx------)\"",
    };
    let directory = match directory {
        None => r#""${XDG_CACHE_HOME:-$HOME/.cache}/sevbench""#.to_owned(),
        Some(path) => path.strip_prefix("~/").map_or_else(
            || escape::for_shell(path),
            |rest| format!("\"$HOME\"/{}", escape::for_shell(rest)),
        ),
    };
    // One line, since a login shell may be csh.
    let script = format!(
        "umask 077; d={directory}; f=\"$d/{hash}\"; n=; \
         no() {{ echo \"$1\" >&2; exit {DIRECTORY_STATUS}; }}; \
         [ ! -L \"$d\" ] || no \"$d is a symbolic link\"; \
         [ -d \"$d\" ] || mkdir -p -- \"$d\" || exit {DIRECTORY_STATUS}; \
         set -- $(ls -ldn -- \"$d\"); \
         [ \"$3\" = \"$(id -u)\" ] || no \"$d belongs to another account\"; \
         case $1 in drwx------*) ;; *) {open} || exit {DIRECTORY_STATUS} ;; esac; \
         if [ -f \"$f\" ] && [ ! -L \"$f\" ]; then n=$(wc -c < \"$f\"); \
         chmod {mode} \"$f\" && touch \"$f\"; [ {test} \"$f\" ] || exit {CANNOT_RUN_STATUS}; \
         if command -v sha256sum > /dev/null && [ \"$(sha256sum < \"$f\" | cut -c 1-64)\" != {hash} ]; then n=; fi; \
         fi; \
         d=$(CDPATH= cd -- \"$d\" && pwd) || exit {DIRECTORY_STATUS}; \
         echo; echo \"{MARK}$(uname -sm){MARK}$d{MARK}$n{MARK}\"",
        hash = payload.sha256(),
        mode = payload.mode(),
        test = payload.test(),
    );
    let answer = run(connection, &script, &mut io::empty(), "inspecting the guest")?;
    match (parse_probe(&answer.output), &answer.ending) {
        (Some(probe), Ending::Exited(0)) => Ok(probe),
        (_, Ending::Exited(DIRECTORY_STATUS)) => Err(SshError::Directory { reason: answer.reason }),
        (_, Ending::Exited(CANNOT_RUN_STATUS)) => Err(cannot_run(payload)),
        _ => Err(SshError::Shell { reason: answer.in_words() }),
    }
}

fn parse_probe(answer: &str) -> Option<Probe> {
    answer.lines().find_map(parse_probe_line)
}

fn parse_probe_line(line: &str) -> Option<Probe> {
    let mut parts = line.strip_prefix(MARK)?.split(MARK);
    let (system, directory, len) = (parts.next()?, parts.next()?, parts.next()?);
    if !directory.starts_with('/') || directory.contains(char::is_control) {
        return None;
    }
    let present_len = len.trim().parse().ok();
    let architecture = system.strip_prefix("Linux ").and_then(Architecture::from_uname);
    Some(Probe { system: system.into(), architecture, directory: directory.into(), present_len })
}

fn upload(connection: &Connection, payload: Payload<'_>, directory: &str) -> Result<(), SshError> {
    let len_bytes = payload.len_bytes();
    let script = format!(
        "umask 077; cd -- {} || exit 1; t=.upload-$$; trap \"rm -f $t\" 0; trap \"exit 1\" 1 2 13 15; \
         find . -name \".upload-*\" -mtime +0 -exec rm -f \"{{}}\" +; \
         for f in *; do [ ${{#f}} -ne 64 ] || find \"$f\" -type f -mtime +{UNUSED_DAYS_MAX} -exec rm -f \"{{}}\" +; done; \
         cat > $t || exit 1; n=$(wc -c < $t); \
         if [ \"$n\" -ne {len_bytes} ]; then echo \"only $n bytes arrived\" >&2; exit 1; fi; \
         chmod {mode} $t && [ {test} $t ] || exit {CANNOT_RUN_STATUS}; mv -f $t {hash}",
        escape::for_shell(directory),
        mode = payload.mode(),
        test = payload.test(),
        hash = payload.sha256(),
    );
    let mut content = payload.open().map_err(|source| cannot_read(payload, source))?;
    let step = match payload {
        Payload::Executable(_) => "uploading the executable",
        Payload::Data(_) => "uploading a file",
    };
    let answer = run(connection, &script, &mut content, step)?;
    match answer.ending {
        Ending::Exited(0) => Ok(()),
        Ending::Exited(CANNOT_RUN_STATUS) => Err(cannot_run(payload)),
        _ => Err(SshError::Upload {
            what: payload.what(),
            directory: directory.into(),
            len_bytes,
            reason: answer.in_words(),
        }),
    }
}

fn cannot_run(payload: Payload<'_>) -> SshError {
    let reason = "permission denied, although its mode allows execution".into();
    SshError::CannotRun { path: format!("the {} {}", payload.what(), payload.sha256()), reason }
}

fn cannot_read(payload: Payload<'_>, source: io::Error) -> SshError {
    SshError::Unreadable { what: payload.what(), path: payload.path().clone(), source }
}

impl ScriptResult {
    /// Why the output is not what was expected.
    fn in_words(&self) -> String {
        if !self.reason.is_empty() {
            return self.reason.clone();
        }
        let output: String = escape::for_terminal(&self.output).chars().take(200).collect();
        format!("{}, it said `{output}`", self.ending)
    }
}

/// Runs a script and feeds it. The limit applies to each piece of input, and again to the output.
fn run(
    connection: &Connection,
    script: &str,
    input: &mut impl Read,
    step: &'static str,
) -> Result<ScriptResult, SshError> {
    let mut process =
        connection.exec(&format!("exec sh -c {}", escape::for_shell(script)), step)?;
    match feed(connection, &mut process, input) {
        // A script that ended early reports why itself.
        Err(error) if error.kind() == io::ErrorKind::TimedOut || is_interrupt(&error) => {
            return Err(connection.explain(error, step));
        }
        _ => process.set_deadline(Instant::now() + connection.limits.request),
    }
    let mut output = Vec::new();
    (&mut process)
        .take(ANSWER_LEN_MAX)
        .read_to_end(&mut output)
        .map_err(|error| connection.explain(error, step))?;
    let ending = process.ending();
    if ending == Ending::ConnectionLost {
        return Err(SshError::Lost {
            step,
            reason: "the guest did not report how it ended".into(),
        });
    }
    let output = String::from_utf8_lossy(&output).into_owned();
    Ok(ScriptResult { output, reason: process.stderr_tail(), ending })
}

fn feed(
    connection: &Connection,
    process: &mut RemoteProcess,
    input: &mut impl Read,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_LEN];
    loop {
        // If the file cannot be read further, the upload is short, and the guest reports the wrong
        // length.
        let len = input.read(&mut piece)?;
        process.set_deadline(Instant::now() + connection.limits.request);
        match len {
            0 => return process.close_input(),
            len => process.write_all(&piece[..len])?,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn probe_is_found_among_start_up_output() {
        let answer = "Welcome!\n\n@sevbench@Linux x86_64@sevbench@/root/.cache/sevbench@sevbench@ 123@sevbench@\nbye";
        let probe = parse_probe(answer).unwrap();
        assert_eq!((probe.system.as_str(), probe.present_len), ("Linux x86_64", Some(123)));
        assert_eq!(probe.directory, "/root/.cache/sevbench");
        assert!(parse_probe("Welcome!").is_none());
        assert!(
            parse_probe("@sevbench@Linux x86_64@sevbench@/\x1b[31m@sevbench@@sevbench@").is_none()
        );
    }

    #[test]
    fn other_architecture_is_named() {
        let check = |system: &str| {
            let probe = parse_probe(&format!("{MARK}{system}{MARK}/d{MARK}{MARK}")).unwrap();
            check_architecture(&probe, Architecture::X86_64)
        };
        assert!(check("Linux x86_64").is_ok());
        for found in ["Linux aarch64", "Darwin x86_64", "FreeBSD amd64", ""] {
            let error = check(found).unwrap_err().to_string();
            assert!(
                error.contains(&format!(
                    "the guest is {found}, but the executable is for Linux x86_64"
                )),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_parsed_without_a_panic(answer in ".{0,200}") {
            let _ = parse_probe(&answer);
            let _ = parse_probe(&format!("{MARK}{answer}"));
        }
    }
}
