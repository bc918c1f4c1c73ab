//! `cargo sevbench guest …`: the guest image, and a guest that is held for the user.

use clap::{Args, Subcommand};
use sevbench_guest::{
    ArmTarget, GuestError, HeldGuest, ImageError, Interrupt, QemuMachine, SevCpuid, build_image,
    interactive_command,
};
use sevbench_runner::Config;
use sevbench_runner::cli::{CliError, FAILED, catch_signals};
use sevbench_text::format_duration;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// The longest time that a held guest may take to come up, including its disks.
const UP_LIMIT: Duration = Duration::from_secs(900);
/// How often the interrupt is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// What the holding process prints before the reason if its guest does not come up.
const FAILED_MARK: &str = "failed: ";

/// The commands of `cargo sevbench guest`.
#[derive(Debug, Subcommand)]
pub(super) enum GuestCommand {
    /// Build the guest image unless it exists
    Build {
        #[command(flatten)]
        settings: SettingsFile,
        /// Print only the result and errors
        #[arg(long)]
        quiet: bool,
    },
    /// Print QEMU's command line for an arm, on any machine
    Command(ArmChoice),
    /// Boot an arm's guest and keep it running
    Up(ArmChoice),
    /// Log in to the running guest, or run a command there
    Ssh {
        /// Run this command [default: a login shell]
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Shut down the running guest
    Down,
    /// Hold the guest; started by `up`
    #[command(hide = true)]
    Hold(ArmChoice),
}

#[derive(Clone, Debug, Args)]
pub(super) struct SettingsFile {
    /// Read your machines and testbeds from this file [default: sevbench.toml here or above]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// One arm of one testbed.
#[derive(Clone, Debug, Args)]
pub(super) struct ArmChoice {
    /// Choose the testbed: qemu, sev, sev-es, snp, ladder, or one from sevbench.toml
    #[arg(long, value_name = "NAME", default_value = "qemu")]
    testbed: String,
    /// Choose the arm of the testbed
    #[arg(long, value_name = "NAME", default_value = "nosev")]
    arm: String,
    #[command(flatten)]
    settings: SettingsFile,
}

pub(super) fn run_guest_command(command: &GuestCommand) -> Result<u8, CliError> {
    match command {
        GuestCommand::Build { settings, quiet } => build(settings, *quiet),
        GuestCommand::Command(choice) => print_command(choice),
        GuestCommand::Up(choice) => up(choice),
        GuestCommand::Ssh { command } => ssh(command),
        GuestCommand::Down => down(),
        GuestCommand::Hold(choice) => hold(choice),
    }
}

impl SettingsFile {
    pub(super) fn load(&self) -> Result<Config, CliError> {
        Config::load(self.config.as_deref()).map_err(CliError::usage)
    }
}

impl ArmChoice {
    /// The machine of the arm.
    fn machine(&self) -> Result<QemuMachine, CliError> {
        let testbed = self.settings.load()?.testbed(&self.testbed).map_err(CliError::usage)?;
        let Some(arm) = testbed.arms.iter().find(|arm| arm.name == self.arm) else {
            let known: Vec<&str> = testbed.arms.iter().map(|arm| arm.name.as_str()).collect();
            let text = format!(
                "the testbed `{}` has no arm `{}`: use one of {}",
                self.testbed,
                self.arm,
                known.join(", ")
            );
            return Err(CliError::usage(text));
        };
        match &arm.target {
            ArmTarget::Machine(machine) => Ok((**machine).clone()),
            ArmTarget::Address(address) => Err(CliError::usage(format!(
                "the arm `{}` is at {address}, not a QEMU guest: choose another with --arm",
                self.arm
            ))),
        }
    }
}

fn build(settings: &SettingsFile, quiet: bool) -> Result<u8, CliError> {
    let start = Instant::now();
    let config = settings.load()?;
    let image = &config.machine().image;
    if let Some(disk) = &image.disk {
        let text =
            format!("the image is your own ({}), so there is nothing to build", disk.display());
        return Err(CliError::usage(text));
    }
    let recipe = image.recipe().map_err(CliError::usage)?;
    let interrupt = catch_signals().map_err(CliError::failed)?;
    let mut tell = |line: &str| {
        if !quiet {
            eprintln!("{line}");
        }
    };
    let image = build_image(&recipe, &interrupt, &mut tell).map_err(|error| match error {
        ImageError::Interrupted => CliError::interrupted(error),
        error => CliError::failed(error),
    })?;
    println!("image: {} ({})", image.root.display(), format_duration(start.elapsed()));
    Ok(0)
}

fn print_command(choice: &ArmChoice) -> Result<u8, CliError> {
    let machine = choice.machine()?;
    let command = interactive_command(&machine).map_err(CliError::failed)?;
    let offered = SevCpuid::read().is_some_and(|cpuid| cpuid.sev());
    if machine.treatment.protection().is_some() && !offered {
        eprintln!(
            "note: this processor has no SEV, so cbitpos is that of an EPYC 7713P; with SEV it is read \
             from CPUID 0x8000001F"
        );
    }
    println!("{}", shown(&command));
    Ok(0)
}

/// A command as a person would type it, with each option on its own line.
fn shown(command: &[String]) -> String {
    let mut text = String::new();
    for word in command {
        if word.starts_with('-') {
            text += " \\\n   ";
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text += &quoted(word);
    }
    text
}

/// Quotes a word for a shell if necessary.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Starts a process that holds the guest, and waits until it reports that the guest is up.
fn up(choice: &ArmChoice) -> Result<u8, CliError> {
    choice.machine()?;
    let interrupt = catch_signals().map_err(CliError::failed)?;
    let mut process = start_hold(choice)?;
    let line = match wait_for_line(&mut process, &interrupt) {
        Ok(line) => line,
        Err(error) => {
            end_hold(&mut process);
            return Err(error);
        }
    };
    if line.is_empty() {
        let status = process.wait().map_err(CliError::failed)?;
        let text = format!("the process that should hold the guest ended ({status})");
        return Err(CliError::failed(text));
    }
    if let Some(reason) = line.strip_prefix(FAILED_MARK) {
        process.wait().ok();
        return Err(CliError::failed(reason.replace('\t', "\n")));
    }
    println!("{line}");
    println!("log in with `cargo sevbench guest ssh`; stop it with `cargo sevbench guest down`");
    Ok(0)
}

fn start_hold(choice: &ArmChoice) -> Result<Child, CliError> {
    let program = std::env::current_exe().map_err(CliError::failed)?;
    let mut command = Command::new(program);
    command.args(["guest", "hold", "--testbed", &choice.testbed, "--arm", &choice.arm]);
    if let Some(config) = &choice.settings.config {
        command.arg("--config").arg(config);
    }
    // In a process group of its own, it gets no signals from this terminal.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    command.spawn().map_err(CliError::failed)
}

/// The first line that the process prints, or an empty one if it prints none.
///
/// # Errors
/// If the user interrupts, or the guest takes too long.
fn wait_for_line(process: &mut Child, interrupt: &Interrupt) -> Result<String, CliError> {
    let (sender, first_line) = sync_channel(1);
    let output = process.stdout.take();
    std::thread::spawn(move || {
        let line = output.and_then(|output| BufReader::new(output).lines().next()?.ok());
        sender.send(line.unwrap_or_default()).ok();
    });
    let deadline = Instant::now() + UP_LIMIT;
    loop {
        match first_line.recv_timeout(POLL_INTERVAL) {
            Ok(line) => return Ok(line),
            Err(RecvTimeoutError::Disconnected) => return Ok(String::new()),
            Err(RecvTimeoutError::Timeout) if interrupt.is_set() => {
                return Err(CliError::interrupted(GuestError::Interrupted));
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(RecvTimeoutError::Timeout) => {
                let limit = format_duration(UP_LIMIT);
                return Err(CliError::failed(format!("the guest is not up after {limit}")));
            }
        }
    }
}

/// Asks the process to end its guest, which takes some seconds, and waits for that.
fn end_hold(process: &mut Child) {
    // SAFETY: kill takes two numbers. The process is our child and has not been waited for.
    unsafe { libc::kill(process.id().cast_signed(), libc::SIGTERM) };
    process.wait().ok();
}

fn hold(choice: &ArmChoice) -> Result<u8, CliError> {
    let machine = choice.machine()?;
    let interrupt = catch_signals().map_err(CliError::failed)?;
    let mut ready = |guest: &HeldGuest| {
        println!("the guest `{}` is up at {}@127.0.0.1 port {}", guest.arm, guest.user, guest.port);
        detach_from_terminal();
    };
    let mut tell = |line: &str| eprintln!("{line}");
    let held = HeldGuest::hold(&choice.arm, &machine, &interrupt, &mut tell, &mut ready);
    if let Err(error) = held {
        // As one line, for the waiting process.
        println!("{FAILED_MARK}{}", error.to_string().replace('\n', "\t"));
        return Ok(FAILED);
    }
    Ok(0)
}

/// Closes this process's ends of the output pipes, so that a reader of `up` does not wait for it.
fn detach_from_terminal() {
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        for descriptor in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
            // SAFETY: dup2 takes two numbers. Both are open descriptors.
            unsafe { libc::dup2(null.as_raw_fd(), descriptor) };
        }
    }
}

fn find_guest() -> Result<HeldGuest, CliError> {
    let found = HeldGuest::find().map_err(CliError::failed)?;
    found.ok_or_else(|| {
        CliError::usage("no guest is running: start one with `cargo sevbench guest up`")
    })
}

fn ssh(command: &[String]) -> Result<u8, CliError> {
    let guest = find_guest()?;
    let error = Command::new("ssh").args(guest.ssh_arguments()).args(command).exec();
    Err(CliError::failed(format!(
        "cannot run ssh: {error}; install it, as with `apt-get install openssh-client`"
    )))
}

fn down() -> Result<u8, CliError> {
    let guest = find_guest()?;
    guest.end().map_err(CliError::failed)?;
    println!("the guest `{}` is shut down", guest.arm);
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_shown_in_shell_syntax() {
        let command = ["qemu", "-m", "1024M", "-append", "root=x quiet", "-S"].map(str::to_owned);
        assert_eq!(
            shown(&command),
            "qemu \\\n    -m 1024M \\\n    -append 'root=x quiet' \\\n    -S"
        );
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
