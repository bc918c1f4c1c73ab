//! Pure statistics: numbers in, intervals out. No I/O, no clock, no seed that is not an argument.

mod interval;
mod log_ratio;

pub use interval::{Interval, minimum_detectable, t_interval, yuen_interval};
pub use log_ratio::{Confidence, LogRatio, Slowdown, StatisticsError};
