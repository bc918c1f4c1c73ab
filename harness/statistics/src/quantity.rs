//! The quantities of the analysis. A cost, a log ratio and a slowdown factor have types of their
//! own and do not mix.

use std::ops::Add;
use thiserror::Error;

/// The data allow no estimate.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum StatisticsError {
    /// A cost without a logarithm.
    #[error("a cost must be finite and above zero, not {0}")]
    NotPositive(f64),
    /// Fewer values than an interval needs.
    #[error("an interval needs {needed} values, but there are only {found}")]
    TooFew {
        /// Values found.
        found: usize,
        /// Values needed.
        needed: usize,
    },
    /// More values than can be enumerated.
    #[error("at most {allowed} values can be enumerated, but there are {found}")]
    TooMany {
        /// Values found.
        found: usize,
        /// Values allowed.
        allowed: usize,
    },
    /// A confidence level outside (0, 1).
    #[error("a confidence level is a number between 0 and 1, such as 0.95, not {0}")]
    NotALevel(f64),
}

/// Time per operation, or the inverse of a rate: finite and above zero. Any unit, but the same on
/// both sides of a ratio.
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

/// ln(treatment cost) − ln(control cost): dimensionless, 0 if both cost the same.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct LogRatio(pub(super) f64);

impl LogRatio {
    /// The log ratio of two equal costs.
    pub const ZERO: Self = Self(0.0);

    /// The log ratio of two costs in the same unit.
    pub fn of_costs(treatment: Cost, control: Cost) -> Self {
        Self(treatment.ln() - control.ln())
    }

    /// The logarithm of a slowdown factor.
    pub fn of_slowdown(slowdown: Slowdown) -> Self {
        Self(slowdown.0.ln())
    }

    /// Wraps a log ratio that was computed elsewhere.
    pub const fn new(value: f64) -> Self {
        Self(value)
    }

    /// The value.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// The mean of the log ratios; `None` if there are none.
    pub fn mean(ratios: &[Self]) -> Option<Self> {
        (!ratios.is_empty())
            .then(|| Self(ratios.iter().map(|r| r.0).sum::<f64>() / ratios.len() as f64))
    }

    /// The slowdown factor with this logarithm.
    pub fn exp(self) -> Slowdown {
        Slowdown(self.0.exp())
    }
}

/// The log ratio of two factors applied one after the other.
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
    /// Checks the factor.
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

/// A two-sided confidence level, above 0 and below 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// Checks the level.
    ///
    /// # Errors
    /// If it is not above 0 and below 1.
    pub fn new(level: f64) -> Result<Self, StatisticsError> {
        if level > 0.0 && level < 1.0 {
            Ok(Self(level))
        } else {
            Err(StatisticsError::NotALevel(level))
        }
    }

    /// 95 %.
    pub const P95: Self = Self(0.95);
    /// 90 %: equivalent to two one-sided tests at 5 %.
    pub const P90: Self = Self(0.90);

    /// The level.
    pub const fn level(self) -> f64 {
        self.0
    }
}
