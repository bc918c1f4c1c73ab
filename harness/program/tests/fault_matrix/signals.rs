//! Signals to every process of a run in every phase.

use crate::run::{check_and_complete, plan};
use sevbench_testing::{Lab, Ran, count_faults, signal, wait_while_running};
use std::process::Stdio;
use std::sync::Mutex;
use std::thread::{self, sleep};
use std::time::Duration;

/// The phases, by the first event that the journal has in each, and how many of that event.
const PHASES: [(&str, usize); 8] = [
    ("header", 1),
    ("boot", 1),
    ("boot", 2),
    ("setup", 2),
    ("warm_up", 2),
    ("round", 1),
    ("round", 2),
    ("measured", 1),
];

const SIGNALS: [i32; 3] = [libc::SIGKILL, libc::SIGSTOP, libc::SIGTERM];

/// How long a stopped process sleeps, if it is awakened.
const SLEEP: Duration = Duration::from_millis(300);

/// Starts the run, signals a process in a phase, and waits for the run's end. `None` if there was
/// no such process.
fn struck(lab: &Lab, phase: (&str, usize), number: i32, victim: Option<&str>) -> Option<Ran> {
    let mut command = lab.command(&plan("2", &[]));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (event, count) = phase;
    let tag = format!(r#"{{"event":"{event}""#);
    let mut child = wait_while_running(child, Duration::from_secs(60), "the phase begins", || {
        lab.journal_text().matches(&tag).count() >= count
    });
    let pid = match victim {
        None => child.id(),
        Some(argument) => match lab.processes(argument)[..] {
            [pid, ..] => pid,
            [] => {
                child.kill().unwrap();
                child.wait().unwrap();
                return None;
            }
        },
    };
    // It may just have ended.
    // SAFETY: kill takes two numbers.
    unsafe { libc::kill(pid.try_into().unwrap(), number) };
    if number == libc::SIGSTOP && victim.is_none() {
        sleep(SLEEP);
        signal(pid, libc::SIGCONT);
    }
    Some(Ran::of(child.wait_with_output().unwrap()))
}

/// Strikes one kind of process in every phase with every signal that it treats differently.
fn strike(victim: Option<&str>, expected: impl Fn(i32, &Ran) -> bool + Sync) {
    // Agents and servers do not handle SIGTERM.
    let signals = if victim.is_none() { &SIGNALS[..] } else { &SIGNALS[..2] };
    let cases = PHASES.iter().flat_map(|phase| signals.iter().map(move |number| (*phase, *number)));
    let cases = Mutex::new(cases);
    let next = || cases.lock().unwrap().next();
    // Whether each run that was struck was continued.
    let strike_next = || {
        let mut continued = Vec::new();
        while let Some((phase, number)) = next() {
            let lab = Lab::new();
            let Some(ran) = struck(&lab, phase, number, victim) else { continue };
            let fault = format!("signal {number} to {victim:?} at {phase:?}");
            assert!(expected(number, &ran), "{fault}: {ran:#?}");
            continued.push(check_and_complete(&lab, &fault, &ran));
        }
        continued
    };
    // Half of the time passes with waiting.
    let continued: Vec<bool> = thread::scope(|scope| {
        let other = scope.spawn(strike_next);
        let continued = strike_next();
        [continued, other.join().unwrap()].concat()
    });
    let survived = continued.len();
    assert!(survived >= 2 * signals.len(), "{survived}");
    let continued = continued.into_iter().filter(|is_continued| *is_continued).count();
    let name = victim.unwrap_or("the coordinator");
    count_faults(survived, &format!("signals to {name} survived, {continued} runs continued"));
}

#[test]
fn coordinator_survives_signals_or_leaves_a_usable_record() {
    strike(None, |number, ran| match number {
        libc::SIGKILL => ran.status.is_none(),
        libc::SIGTERM => ran.status == Some(130) && ran.out.contains("interrupted"),
        _ => ran.status == Some(0),
    });
}

#[test]
fn run_survives_signals_to_an_agent() {
    let words = ["the agent ended (killed by SIG", "no answer within 3s"];
    strike(Some("--sevbench-agent"), |_, ran| {
        ran.status == Some(0) || words.iter().any(|words| ran.err.contains(words))
    });
}

#[test]
fn run_survives_signals_to_a_server() {
    let words = ["the connection to the guest was lost", "no answer within 3s", "boot 1"];
    strike(Some("--sevbench-loopback-server"), |_, ran| {
        ran.status == Some(0) || words.iter().any(|words| ran.err.contains(words))
    });
}
