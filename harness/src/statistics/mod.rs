//! Pure statistics: numbers in, intervals out. No I/O, no clock, no seed that is not an argument.

mod interval;
mod quantity;

pub use interval::{Interval, minimum_detectable, t_interval, yuen_interval};
pub use quantity::{Confidence, Cost, LogRatio, Slowdown, StatisticsError};
