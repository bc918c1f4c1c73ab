//! `cargo sevbench guest …`: the guest image, and a guest that is held for the user.

mod held;

use clap::{Args, Subcommand};
use held::{hold, up};
use sevbench_guest::{
    ArmTarget, HeldGuest, ImageError, QemuMachine, SevCpuid, build_image, interactive_command,
};
use sevbench_runner::Config;
use sevbench_runner::cli::{CliError, catch_signals, print_text, tell};
use sevbench_text::{escaped, format_duration};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

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
    /// Print QEMU's command line for an arm; works on any host
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
    /// Read machines and testbeds from this file [default: sevbench.toml in this folder or a
    /// parent, up to the project's root]
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
            tell(line);
        }
    };
    let image = build_image(&recipe, &interrupt, &mut tell).map_err(|error| match error {
        ImageError::Interrupted => CliError::interrupted(error),
        error => CliError::failed(error),
    })?;
    let took = format_duration(start.elapsed());
    print_text(&format!("image: {} ({took})\n", image.root.display()))?;
    Ok(0)
}

fn print_command(choice: &ArmChoice) -> Result<u8, CliError> {
    let machine = choice.machine()?;
    let command = interactive_command(&machine).map_err(CliError::failed)?;
    let offered = SevCpuid::read().is_some_and(|cpuid| cpuid.sev());
    if machine.treatment.protection().is_some() && !offered {
        tell(
            "note: this processor has no SEV, so cbitpos is that of an EPYC 7713P; with SEV it is \
             read from CPUID 0x8000001F",
        );
    }
    print_text(&format!("{}\n", escaped(&shown(&command))))?;
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

fn find_guest() -> Result<HeldGuest, CliError> {
    let found = HeldGuest::find().map_err(CliError::failed)?;
    found.ok_or_else(|| {
        CliError::usage("no guest is running: start one with `cargo sevbench guest up`")
    })
}

fn ssh(command: &[String]) -> Result<u8, CliError> {
    let guest = find_guest()?;
    let error = Command::new("ssh").args(guest.ssh_arguments()).args(command).exec();
    Err(CliError::failed(format!("cannot run ssh: {error}; type `apt-get install openssh-client`")))
}

fn down() -> Result<u8, CliError> {
    let guest = find_guest()?;
    guest.end().map_err(CliError::failed)?;
    print_text(&format!("the guest `{}` is shut down\n", guest.arm))?;
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
