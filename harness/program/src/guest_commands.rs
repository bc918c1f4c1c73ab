//! `cargo sevbench guest …`: images and machines, by hand.

use clap::{Args, Subcommand};
use sevbench_guest::{
    ArmTarget, GuestError, HeldGuest, ImageError, QemuMachine, SevCpuid, build_image,
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

/// The longest that a guest by hand may take to come up, its disks included.
const UP_LIMIT: Duration = Duration::from_secs(900);
/// The time between two looks at the interrupt.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// What a holder says before its reason, where its guest does not come up.
const FAILED_MARK: &str = "failed: ";

/// What can be done with guests by hand.
#[derive(Debug, Subcommand)]
pub(super) enum GuestCommand {
    /// Make the guest's image, unless it is there
    Build {
        #[command(flatten)]
        settings: SettingsFile,
        /// Only the result, and errors
        #[arg(long)]
        quiet: bool,
    },
    /// Print QEMU's command line for an arm; works on any machine
    Command(ArmChoice),
    /// Boot an arm's guest and leave it running
    Up(ArmChoice),
    /// Log in to the guest that is up, or run a command there
    Ssh {
        /// The command; a shell where there is none
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// End the guest that is up
    Down,
    /// What `up` starts: holds the guest
    #[command(hide = true)]
    Hold(ArmChoice),
}

#[derive(Clone, Debug, Args)]
pub(super) struct SettingsFile {
    /// Settings of machines and testbeds of your own [default: sevbench.toml here or above]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// One arm of one testbed.
#[derive(Clone, Debug, Args)]
pub(super) struct ArmChoice {
    /// The testbed: qemu, sev, sev-es, snp, ladder, or one of sevbench.toml
    #[arg(long, value_name = "NAME", default_value = "qemu")]
    testbed: String,
    /// The arm
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
                "the testbed `{}` has no arm `{}`: its arms are {}",
                self.testbed,
                self.arm,
                known.join(", ")
            );
            return Err(CliError::usage(text));
        };
        match &arm.target {
            ArmTarget::Machine(machine) => Ok((**machine).clone()),
            ArmTarget::Address(address) => Err(CliError::usage(format!(
                "the arm `{}` is at {address}, and QEMU does not make it",
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
        let text = format!("the image is your own ({}): there is nothing to build", disk.display());
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
            "note: this processor has no SEV; cbitpos is that of an EPYC 7713P, and is read from CPUID 0x8000001F where there is one"
        );
    }
    println!("{}", shown(&command));
    Ok(0)
}

/// A command as a person would type it: each option on a line.
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

/// Quotes a word for a shell where it needs that.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Starts a process that holds the guest, and waits until it says that the guest is up.
fn up(choice: &ArmChoice) -> Result<u8, CliError> {
    choice.machine()?;
    let interrupt = catch_signals().map_err(CliError::failed)?;
    let program = std::env::current_exe().map_err(CliError::failed)?;
    let mut command = Command::new(program);
    command.args(["guest", "hold", "--testbed", &choice.testbed, "--arm", &choice.arm]);
    if let Some(config) = &choice.settings.config {
        command.arg("--config").arg(config);
    }
    // A group of its own: what the terminal sends later is not for it.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    let mut holder = command.spawn().map_err(CliError::failed)?;
    let (sender, said) = sync_channel(1);
    let output = holder.stdout.take();
    std::thread::spawn(move || {
        let line = output.and_then(|output| BufReader::new(output).lines().next()?.ok());
        sender.send(line.unwrap_or_default()).ok();
    });
    let deadline = Instant::now() + UP_LIMIT;
    let give_up = |holder: &mut Child| {
        // SAFETY: kill takes two numbers; the holder is our child and has not been waited for.
        unsafe { libc::kill(holder.id().cast_signed(), libc::SIGTERM) };
        // It ends its guest within some seconds.
        holder.wait().ok();
    };
    let line = loop {
        match said.recv_timeout(LOOK_PAUSE) {
            Ok(line) => break line,
            Err(RecvTimeoutError::Disconnected) => break String::new(),
            Err(RecvTimeoutError::Timeout) if interrupt.is_set() => {
                give_up(&mut holder);
                return Err(CliError::interrupted(GuestError::Interrupted));
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(RecvTimeoutError::Timeout) => {
                give_up(&mut holder);
                let limit = UP_LIMIT.as_secs();
                return Err(CliError::failed(format!("the guest is not up after {limit} s")));
            }
        }
    };
    if line.is_empty() {
        let status = holder.wait().map_err(CliError::failed)?;
        return Err(CliError::failed(format!(
            "the process that was to hold the guest ended ({status})"
        )));
    }
    if let Some(reason) = line.strip_prefix(FAILED_MARK) {
        holder.wait().ok();
        return Err(CliError::failed(reason.replace('\t', "\n")));
    }
    println!("{line}");
    println!("log in with `cargo sevbench guest ssh`, end it with `cargo sevbench guest down`");
    Ok(0)
}

fn hold(choice: &ArmChoice) -> Result<u8, CliError> {
    let machine = choice.machine()?;
    let interrupt = catch_signals().map_err(CliError::failed)?;
    let mut ready = |guest: &HeldGuest| {
        println!("the guest `{}` is up at {}@127.0.0.1 port {}", guest.arm, guest.user, guest.port);
        let_go_of_terminal();
    };
    let mut tell = |line: &str| eprintln!("{line}");
    let held = HeldGuest::hold(&choice.arm, &machine, &interrupt, &mut tell, &mut ready);
    if let Err(error) = held {
        // One line, for the process that waits for it.
        println!("{FAILED_MARK}{}", error.to_string().replace('\n', "\t"));
        return Ok(FAILED);
    }
    Ok(0)
}

/// Whoever reads what `up` has printed is not kept waiting for the holder.
fn let_go_of_terminal() {
    if let Ok(nowhere) = File::options().write(true).open("/dev/null") {
        for descriptor in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
            // SAFETY: dup2 takes two numbers, both of open descriptors.
            unsafe { libc::dup2(nowhere.as_raw_fd(), descriptor) };
        }
    }
}

fn find_guest() -> Result<HeldGuest, CliError> {
    let found = HeldGuest::find().map_err(CliError::failed)?;
    found.ok_or_else(|| CliError::usage("no guest is up: type `cargo sevbench guest up`"))
}

fn ssh(command: &[String]) -> Result<u8, CliError> {
    let guest = find_guest()?;
    let error = Command::new("ssh").args(guest.ssh_arguments()).args(command).exec();
    Err(CliError::failed(format!("cannot run ssh: {error}; type `apt-get install openssh-client`")))
}

fn down() -> Result<u8, CliError> {
    let guest = find_guest()?;
    guest.end().map_err(CliError::failed)?;
    println!("the guest `{}` is down", guest.arm);
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_shell_takes_it() {
        let command = ["qemu", "-m", "1024M", "-append", "root=x quiet", "-S"].map(str::to_owned);
        assert_eq!(
            shown(&command),
            "qemu \\\n    -m 1024M \\\n    -append 'root=x quiet' \\\n    -S"
        );
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
