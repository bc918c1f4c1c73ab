//! The quantities of the analysis as types of their own: a cost, a log ratio and a slowdown factor do not mix.

use std::ops::Add;
use thiserror::Error;

/// Data from which nothing can be estimated.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum StatisticsError {
    /// A cost that has no logarithm.
    #[error("a cost must be finite and above zero, not {0}")]
    NotPositive(f64),
    /// Fewer values than an interval needs.
    #[error("{needed} values are needed for an interval, not {found}")]
    TooFew {
        /// Values there are.
        found: usize,
        /// Values needed.
        needed: usize,
    },
    /// More values than can be counted one by one.
    #[error("at most {allowed} values can be counted one by one, not {found}")]
    TooMany {
        /// Values there are.
        found: usize,
        /// Values allowed.
        allowed: usize,
    },
    /// A level outside of (0, 1).
    #[error("a confidence level lies between 0 and 1, not {0}")]
    NotALevel(f64),
}

/// Time an operation, or the inverse of a rate: finite and above zero. Any unit, the same on both sides of a ratio.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Cost(f64);

impl Cost {
    /// Checks the value.
    ///
    /// # Errors
    /// If it is not finite and above zero.
    pub fn new(value: f64) -> Result<Self, StatisticsError> {
        let sound = value.is_finite() && value > 0.0;
        if sound { Ok(Self(value)) } else { Err(StatisticsError::NotPositive(value)) }
    }

    /// The value.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// Its natural logarithm.
    pub fn ln(self) -> f64 {
        self.0.ln()
    }
}

/// ln(treatment cost) − ln(control cost): dimensionless, 0 where both cost the same.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct LogRatio(pub(super) f64);

impl LogRatio {
    /// Of two costs that are equal.
    pub const ZERO: Self = Self(0.0);

    /// The log ratio of two costs in the same unit.
    pub fn of_costs(treatment: Cost, control: Cost) -> Self {
        Self(treatment.ln() - control.ln())
    }

    /// The log ratio that a slowdown factor stands for.
    pub fn of_slowdown(slowdown: Slowdown) -> Self {
        Self(slowdown.0.ln())
    }

    /// A log ratio that was computed elsewhere.
    pub const fn new(value: f64) -> Self {
        Self(value)
    }

    /// The value.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// The mean of log ratios; `None` of none.
    pub fn mean(ratios: &[Self]) -> Option<Self> {
        (!ratios.is_empty())
            .then(|| Self(ratios.iter().map(|r| r.0).sum::<f64>() / ratios.len() as f64))
    }

    /// The slowdown factor that it stands for.
    pub fn exp(self) -> Slowdown {
        Slowdown(self.0.exp())
    }
}

/// Factors after one another.
impl Add for LogRatio {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

/// Treatment cost ÷ control cost: 1.25 is a quarter slower, whatever the metric's direction.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Slowdown(f64);

impl Slowdown {
    /// Checks a factor.
    ///
    /// # Errors
    /// If it is not finite and above zero.
    pub fn new(factor: f64) -> Result<Self, StatisticsError> {
        Cost::new(factor).map(|cost| Self(cost.value()))
    }

    /// The factor.
    pub const fn factor(self) -> f64 {
        self.0
    }
}

/// A two-sided confidence level, between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// Checks the level.
    ///
    /// # Errors
    /// If it does not lie between 0 and 1, both excluded.
    pub fn new(level: f64) -> Result<Self, StatisticsError> {
        if level > 0.0 && level < 1.0 {
            Ok(Self(level))
        } else {
            Err(StatisticsError::NotALevel(level))
        }
    }

    /// 95 %.
    pub const P95: Self = Self(0.95);
    /// 90 %: two one-sided tests at 5 %.
    pub const P90: Self = Self(0.90);

    /// The level.
    pub const fn level(self) -> f64 {
        self.0
    }
}
