//! The [`Observer`]: runs an external program whenever the coordinator requests its figures.

use crate::bencher::BodyState;
use crate::data_files::DataFiles;
use crate::link::{BenchAnswer, BenchRequest, Link, Ready, SampleKind};
use crate::observation::Observed;
use crate::warm_up::WarmUpSeries;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

/// Measures the external program of a bench body.
///
/// A body runs once in each boot of each arm, on a thread of its own. It sets up, calls
/// [`observe`](Self::observe) once, and then verifies the result. A panic anywhere fails the bench
/// in this boot.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::{Observation, Observer};
/// use std::{fs, process::Command, time::Instant};
///
/// fn copy(o: &mut Observer<'_>) {
///     let folder = std::env::temp_dir().join(format!("copy-{}", std::process::id()));
///     let (original, copy) = (folder.join("original"), folder.join("copy"));
///     fs::create_dir(&folder).expect("the folder is new"); // set-up: once per boot
///     fs::write(&original, [7; 4096]).expect("the folder is writable");
///     o.observe(|_| {
///         let start = Instant::now();
///         let status = Command::new("cp").args([&original, &copy]).status()?; // measured
///         let elapsed = start.elapsed();
///         if !status.success() {
///             return Err(format!("cp failed: {status}").into());
///         }
///         Ok(vec![Observation::duration("copy", elapsed)])
///     });
///     assert!(fs::read(&copy).is_ok_and(|copy| copy == [7; 4096])); // verification
///     fs::remove_dir_all(&folder).expect("the folder is ours");
/// }
/// ```
pub struct Observer<'a> {
    link: &'a mut dyn Link,
    files: DataFiles,
    state: BodyState,
}

impl<'a> Observer<'a> {
    pub(crate) const fn new(link: &'a mut dyn Link, files: DataFiles) -> Self {
        Self { link, files, state: BodyState::Pending }
    }

    /// The path, in this guest, of a file that [`Bench::file`](crate::bench::Bench::file) declares.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bench, Observation, Observer, Unit};
    /// use std::process::Command;
    ///
    /// fn replay(o: &mut Observer<'_>) {
    ///     let trace = o.file("traces/monday");
    ///     o.observe(|_| {
    ///         let output = Command::new("replay").arg(&trace).output()?;
    ///         assert!(output.status.success(), "{output:?}");
    ///         let rate: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
    ///         Ok(vec![Observation::rate("requests", rate, Unit::OperationsPerSecond)])
    ///     });
    /// }
    ///
    /// let bench = Bench::program("replay", replay).file("traces/monday");
    /// # drop(bench);
    /// ```
    ///
    /// # Panics
    /// If the bench does not declare it.
    pub fn file(&self, path: &str) -> PathBuf {
        self.files.find(path)
    }

    /// Measures the program. Each round calls `run` with the duration that the program should
    /// measure for, which `--observation-time` sets.
    ///
    /// `run` returns the figures that the program reports: a `Vec<Observation>`, or an [`Observed`]
    /// that also says how long the program measured. Every call must return the same names with the
    /// same units. An `Err` fails the bench in this boot with its text; `?` converts any error that
    /// can be displayed. A figure that is not positive fails the bench too.
    ///
    /// A call may take twice its duration, plus one minute, plus `--timeout`. After that, the
    /// coordinator stops waiting and the bench fails.
    ///
    /// ```
    /// # use sevbench_protocol as sevbench;
    /// use sevbench::{Bench, Observation, Observer, Unit};
    /// use std::process::Command;
    ///
    /// fn requests(o: &mut Observer<'_>) {
    ///     o.observe(|duration| {
    ///         let output = Command::new("load-generator")
    ///             .arg(format!("--seconds={}", duration.as_secs_f64()))
    ///             .output()
    ///             .map_err(|error| format!("cannot run load-generator: {error}"))?;
    ///         assert!(output.status.success(), "{output:?}");
    ///         let text = String::from_utf8_lossy(&output.stdout);
    ///         let rate: f64 = text.trim().parse()?;
    ///         Ok(vec![Observation::rate("requests", rate, Unit::OperationsPerSecond)])
    ///     });
    /// }
    ///
    /// let bench = Bench::program("requests", requests);
    /// # drop(bench);
    /// ```
    ///
    /// # Panics
    /// If the body has measured before, or if `run` panics.
    pub fn observe<O: Into<Observed>>(
        &mut self,
        mut run: impl FnMut(Duration) -> Result<O, Failure>,
    ) {
        assert!(self.state == BodyState::Pending, "a bench body may measure only once");
        self.state = BodyState::Measured;
        let ready = Ready { kind: SampleKind::Observed, throughput: None, operations: 1 };
        let mut answer = BenchAnswer::Ready(ready);
        loop {
            answer = match self.link.exchange(answer) {
                // No warm-up: a program repeats its ramp and its first load from disk in every
                // round. A run in advance would cost a round and change none.
                BenchRequest::WarmUp { .. } => BenchAnswer::Warm(WarmUpSeries::default()),
                BenchRequest::Observe { duration_ns } => {
                    let observed = run(Duration::from_nanos(duration_ns)).map(Into::into);
                    match observed.and_then(without_defect) {
                        Ok(observed) => BenchAnswer::Observed(observed),
                        Err(Failure(message)) => return self.state = BodyState::Failed(message),
                    }
                }
                BenchRequest::Measure(_) => {
                    let message = "timed samples were requested from an external program";
                    return self.state = BodyState::Failed(message.into());
                }
                BenchRequest::Finish => return,
            };
        }
    }

    pub(crate) fn into_state(self) -> BodyState {
        self.state
    }
}

fn without_defect(observed: Observed) -> Result<Observed, Failure> {
    match observed.defect() {
        Some(defect) => Err(Failure(defect)),
        None => Ok(observed),
    }
}

/// Why an external program has no figures. `?` converts any error that can be displayed.
///
/// ```
/// # use sevbench_protocol as sevbench;
/// use sevbench::Failure;
///
/// fn rate(printed: &str) -> Result<f64, Failure> {
///     let rate = printed.strip_prefix("rate: ").ok_or("the program printed no rate")?;
///     Ok(rate.trim().parse()?)
/// }
///
/// assert!(rate("rate: 84000\n").is_ok());
/// assert!(rate("rate: fast\n").is_err());
/// ```
#[derive(Debug)]
pub struct Failure(String);

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
