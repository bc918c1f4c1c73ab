//! Tests of the README's promises: its example in a crate outside this workspace, and the form of
//! its output.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use sevbench_testing::{Lab, Ran};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// One run at a time: two would be warned of each other.
static TURN: Mutex<()> = Mutex::new(());

fn root() -> PathBuf {
    sevbench_testing::workspace()
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The README's fenced block that contains this text.
fn block(mark: &str) -> String {
    let text = readme();
    let block = text.split("```").skip(1).step_by(2).find(|block| block.contains(mark)).unwrap();
    block.split_once('\n').unwrap().1.to_owned()
}

/// Writes the README's example and the rest of a new crate.
fn write_crate(folder: &Path) {
    let manifest = block("# Cargo.toml").replace(
        "../sevbench/harness/author",
        &root().join("harness/author").display().to_string(),
    );
    // With the workspace's versions and profiles, cargo reuses what is already built.
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let profiles = &workspace[workspace.find("[profile.dev]").unwrap()..];
    let profiles = &profiles[..profiles.find("[workspace.lints").unwrap()];
    let package = "[package]\nname = \"newcomer\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs::write(
        folder.join("Cargo.toml"),
        format!("{package}\n{manifest}\n[workspace]\n\n{profiles}"),
    )
    .unwrap();
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    for (path, mark) in
        [(".cargo/config.toml", "# .cargo/config.toml"), ("benches/sum.rs", "fn sum(")]
    {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, block(mark)).unwrap();
    }
    fs::create_dir(folder.join("src")).unwrap();
    fs::write(folder.join("src/lib.rs"), "").unwrap();
}

#[test]
fn example_builds_and_runs_in_its_own_crate() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (folder, lab) = (tempfile::tempdir().unwrap(), Lab::new());
    write_crate(folder.path());
    // <target>/<triple>/debug/deps/<this test>
    let target = std::env::current_exe().unwrap().ancestors().nth(4).unwrap().to_owned();
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).current_dir(folder.path()).env("CARGO_TARGET_DIR", &target);
        Ran::of(command.env("SEVBENCH_HOME", lab.home.path()).output().unwrap())
    };
    let bench = ["bench", "--offline", "--profile", "dev", "--bench", "sum", "--"];
    let ran = cargo(&[&bench[..], &["--quick", "--boots", "2"]].concat());
    ran.expect(0, &["example/sum/64KiB", "example/sum/16MiB", "B/s", "A/A"]);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    let compiled = lab.journal().first().unwrap()["benches"].clone();
    assert_eq!(compiled, serde_json::json!(["example/sum/64KiB", "example/sum/16MiB"]));
    cargo(&[&bench[..], &["--list"]].concat()).expect(0, &["example/sum/16MiB: bench"]);

    // Cargo starts benches in the folder of their package; relative paths count from where it is.
    let typed = folder.path().join("src");
    let margins = "[[margin]]\nbenches = \"example/sum/64KiB\"\npercent = 900\n";
    fs::write(typed.join("wide.toml"), margins).unwrap();
    let mut below = Command::new(env!("CARGO"));
    below.args(bench).args(["--quick", "--boots", "2", "--config", "wide.toml", "64KiB"]);
    below.current_dir(&typed).env("CARGO_TARGET_DIR", &target).env("SEVBENCH_HOME", "records");
    Ran::of(below.output().unwrap()).expect(0, &["example/sum/64KiB"]);
    let header = fs::read_to_string(typed.join("records/latest/run.ndjson")).unwrap();
    let header: serde_json::Value = serde_json::from_str(header.lines().next().unwrap()).unwrap();
    assert_eq!(header["settings"]["margins"][0]["percent"], 900.0, "{header}");
    lab.assert_nothing_runs();
}

/// With `default-features = false`, the executable contains only the agent, and the program drives
/// it.
/// Both ways measure the same benches in the same order.
#[test]
fn agent_alone_is_driven_by_the_installed_program() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    write_crate(folder.path());
    let manifest = folder.path().join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let (before, after) = text.split_once("harness/author\" }").unwrap();
    let slim = format!("{before}harness/author\", default-features = false }}{after}");
    // The path to the build flags is not needed for `cargo sevbench run`.
    let target = std::env::current_exe().unwrap().ancestors().nth(4).unwrap().to_owned();
    let programs = Path::new(env!("CARGO_BIN_EXE_cargo-sevbench")).parent().unwrap().to_owned();
    let path = |with_program: bool| {
        let own = std::env::var_os("PATH").unwrap();
        // It may be installed here.
        let others =
            std::env::split_paths(&own).filter(|path| !path.join("cargo-sevbench").exists());
        std::env::join_paths(with_program.then(|| programs.clone()).into_iter().chain(others))
            .unwrap()
    };
    let run = |lab: &Lab, with_program: bool, program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder.path()).env("CARGO_TARGET_DIR", &target);
        command.env("PATH", path(with_program)).env("SEVBENCH_HOME", lab.home.path());
        Ran::of(command.output().unwrap())
    };
    let cargo = |lab: &Lab, with_program, first: &str, arguments: &[&str]| {
        let build = [first, "--offline", "--profile", "dev", "--bench", "sum", "--"];
        run(lab, with_program, env!("CARGO"), &[&build[..], arguments].concat())
    };
    let short = ["--boots", "2", "--rounds", "2", "--measurement-time", "10ms", "--seed", "7"];
    let schedule = |lab: &Lab| -> Vec<String> {
        let rounds = lab.journal().into_iter().filter(|event| event["event"] == "round");
        let names = rounds.map(|round| {
            let arms: Vec<_> =
                round["arms"].as_array().unwrap().iter().map(|arm| arm["arm"].clone()).collect();
            format!("{} {} {} {arms:?}", round["boot"], round["bench"], round["round"])
        });
        names.collect()
    };
    let whole = Lab::new();
    cargo(&whole, false, "bench", &short).expect(0, &["example/sum/64KiB"]);
    fs::write(&manifest, slim).unwrap();
    let slim = Lab::new();
    cargo(&slim, true, "bench", &short).expect(0, &["example/sum/64KiB", "example/sum/16MiB"]);
    assert_eq!(schedule(&slim), schedule(&whole));
    assert_eq!(slim.journal()[0]["benches"], whole.journal()[0]["benches"]);
    let listed = cargo(&slim, true, "bench", &["--list", "64KiB"]);
    assert_eq!(listed.out, "example/sum/64KiB: bench\n", "{listed:#?}");
    cargo(&slim, false, "bench", &short)
        .expect(2, &["type `cargo install --locked --path harness/program` in sevbench's folder"]);
    cargo(&slim, true, "test", &["16MiB"])
        .expect(0, &["test example/sum/16MiB ... ok", "1 passed"]);
    cargo(&slim, false, "test", &[]).expect(0, &["test example/sum/16MiB ... ok", "2 passed"]);

    // It builds with flags of its own, so the crate needs no configuration.
    fs::remove_dir_all(folder.path().join(".cargo")).unwrap();
    let third = Lab::new();
    let build = ["run", "--offline", "--profile", "dev", "--bench", "sum"];
    let program = env!("CARGO_BIN_EXE_cargo-sevbench");
    run(&third, true, program, &[&build[..], &short].concat()).expect(0, &["example/sum/64KiB"]);
    assert_eq!(schedule(&third), schedule(&whole));
    for lab in [whole, slim, third] {
        lab.assert_nothing_runs();
    }
}

/// The text without what differs from run to run.
fn form(line: &str) -> String {
    let digits = |c: char| if c.is_ascii_digit() { '#' } else { c };
    let mut form: String = line.chars().map(digits).collect();
    while form.contains("##") {
        form = form.replace("##", "#");
    }
    form
}

#[test]
fn output_in_the_readme_has_the_current_form() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = Lab::new();
    let ran = lab.run(&["--quick", "--boots", "5", "--seed", "3", "spin"]);
    ran.expect(0, &[]);
    let shown = block("slowdown [95 % interval]");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(shown.lines().next().unwrap()), words(ran.out.lines().next().unwrap()));
    let first_word = |text: &str| -> Vec<String> {
        let below = text.lines().skip_while(|line| !line.is_empty()).skip(1);
        below.map(|line| form(line).split(": ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(first_word(&shown), first_word(&ran.out));
    let result = shown.lines().find(|line| line.starts_with("memory/memcpy/32MiB")).unwrap();
    let (control, treatment) = (&words(result)[1], &words(result)[3]);
    let sentence = readme().split_whitespace().collect::<Vec<_>>().join(" ");
    let said = format!(
        "copied at {control} GB/s in the control `nosev` and at {treatment} GB/s in the treatment"
    );
    assert!(sentence.contains(&said), "the README does not say `{said}`");
}
