//! `cargo sevbench run`: builds a bench executable so that it runs in any guest, and drives it.

use clap::Args;
use serde_json::Value;
use sevbench_guest::typed_folder;
use sevbench_runner::cli::{CliError, drive_executable, report};
use sevbench_runner::{keep_runs_in, target_of_project};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// What cargo passes to rustc. A static executable needs nothing of the guest.
const STATIC: &str = "target-feature=+crt-static";
/// The folder of these builds, in cargo's target folder. The flags differ from those of other
/// builds, which would otherwise be undone each time.
const BUILD_FOLDER: &str = "sevbench-build";

/// The arguments of `cargo sevbench run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// Build and run this bench target
    #[arg(long, value_name = "NAME")]
    bench: String,
    /// Take it from this package [default: that of this folder]
    #[arg(long, short, value_name = "NAME")]
    package: Option<String>,
    /// Activate these features of the package
    #[arg(long, short = 'F', value_name = "FEATURES")]
    features: Option<String>,
    /// Activate all features of the package
    #[arg(long)]
    all_features: bool,
    /// Do not activate the package's default features
    #[arg(long)]
    no_default_features: bool,
    /// Build with this profile
    #[arg(long, value_name = "NAME", default_value = "bench")]
    profile: String,
    /// Require that Cargo.lock is up to date
    #[arg(long)]
    locked: bool,
    /// Build without the network
    #[arg(long)]
    offline: bool,
    /// The flags of the bench run, as after `cargo bench --bench NAME --`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    flags: Vec<OsString>,
}

pub(super) fn run_benches(arguments: RunArguments) -> ExitCode {
    // Relative paths in the flags count from the folder in which the user typed them.
    typed_folder();
    let built = build(&arguments).and_then(|built| {
        // Where cargo starts benches, and where the files lie that they declare.
        std::env::set_current_dir(&built.package).map_err(CliError::failed)?;
        Ok(built)
    });
    match built {
        Ok(built) => {
            let name = ["bench", "--bench"].map(OsString::from);
            drive_executable(&built.executable, name.into_iter().chain(arguments.flags))
        }
        Err(error) => report(Err(error)),
    }
}

/// A bench target that cargo has built.
#[derive(Debug, PartialEq)]
struct Built {
    executable: PathBuf,
    /// The folder of its package.
    package: PathBuf,
}

/// Builds the bench target.
fn build(arguments: &RunArguments) -> Result<Built, CliError> {
    let target = target_of_project().ok_or_else(|| {
        CliError::usage(
            "cargo cannot read the project: run this in a package's folder, or type `cargo metadata` \
             to see what is wrong with it",
        )
    })?;
    keep_runs_in(&target);
    let target = target.join(BUILD_FOLDER);
    let host = host()?;
    let mut command = cargo();
    command.args(["bench", "--no-run", "--bench", &arguments.bench]);
    command.args(["--profile", &arguments.profile, "--target", &host]);
    command.arg("--target-dir").arg(target);
    command.args(["--message-format", "json-render-diagnostics"]);
    command.args(["--config", &format!("target.{host}.rustflags=['-C', '{STATIC}']")]);
    for (flag, value) in [("--package", &arguments.package), ("--features", &arguments.features)] {
        if let Some(value) = value {
            command.arg(flag).arg(value);
        }
    }
    for (flag, is_given) in [
        ("--all-features", arguments.all_features),
        ("--no-default-features", arguments.no_default_features),
        ("--locked", arguments.locked),
        ("--offline", arguments.offline),
    ] {
        if is_given {
            command.arg(flag);
        }
    }
    // Where one of these is set, it overrides the configuration.
    for (name, separator) in [("RUSTFLAGS", " "), ("CARGO_ENCODED_RUSTFLAGS", "\u{1f}")] {
        if let Ok(flags) = std::env::var(name) {
            command.env(name, [&flags, "-C", STATIC].join(separator));
        }
    }
    let output = command.stderr(Stdio::inherit()).output().map_err(cannot_run("cargo"))?;
    if !output.status.success() {
        // cargo has said why.
        return Err(CliError::usage(format!("cargo did not build `{}`", arguments.bench)));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    built_in(&messages, &arguments.bench).ok_or_else(|| {
        CliError::usage(format!(
            "cargo built several bench targets called `{}`, or none: name the package with \
             --package",
            arguments.bench
        ))
    })
}

/// This bench target, if exactly one was built.
fn built_in(messages: &str, bench: &str) -> Option<Built> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_bench = artifacts.filter_map(|artifact| {
        let target = &artifact["target"];
        let is_bench = target["kind"].as_array()?.iter().any(|kind| kind == "bench");
        let executable = PathBuf::from(artifact["executable"].as_str()?);
        let package = PathBuf::from(artifact["manifest_path"].as_str()?).parent()?.into();
        (is_bench && target["name"] == bench).then_some(Built { executable, package })
    });
    let mut all: Vec<Built> = of_bench.collect();
    let only = all.pop();
    only.filter(|_| all.is_empty())
}

/// Keeps runs in the target folder of the project in this folder, if there is one.
pub(super) fn keep_runs_of_project() {
    if let Some(target) = target_of_project() {
        keep_runs_in(&target);
    }
}

/// The target that rustc builds for by default. Named, it keeps the flags from build scripts and
/// procedural macros, which cannot be static.
fn host() -> Result<String, CliError> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().map_err(cannot_run("rustc"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| CliError::failed("rustc does not name its host"))
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn cannot_run(program: &'static str) -> impl Fn(std::io::Error) -> CliError {
    move |error| {
        CliError::failed(format!("cannot run {program}: {error}; install Rust with rustup"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executable_is_found_among_the_messages_of_cargo() {
        let artifact = |kind: &str, name: &str, path: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["{kind}"],"name":"{name}"}},"manifest_path":"/p/Cargo.toml","executable":{path}}}"#
            )
        };
        let messages = [
            artifact("lib", "sum", "null"),
            artifact("bench", "other", r#""/t/other""#),
            artifact("bench", "sum", r#""/t/sum""#),
            r#"{"reason":"build-finished","success":true}"#.into(),
        ];
        let built = Built { executable: "/t/sum".into(), package: "/p".into() };
        assert_eq!(built_in(&messages.join("\n"), "sum"), Some(built));
        assert_eq!(built_in(&messages.join("\n"), "lib"), None);
        let twice = [&messages[..], &messages[2..3]].concat().join("\n");
        assert_eq!(built_in(&twice, "sum"), None);
    }
}
