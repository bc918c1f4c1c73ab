//! Pure statistics: numbers in, intervals out. No I/O and no clock; every seed is an argument.
//!
//! A [`Cost`], a [`LogRatio`] and a [`Slowdown`] are separate types. An estimate whose error
//! follows Student's t is a [`Pivot`]: its intervals and p-values come from there.

mod boot_interval;
mod bootstrap;
mod changepoint;
mod distribution;
mod fieller;
mod groups;
mod interval;
mod median;
mod multiplicity;
mod outlier;
mod pivot;
mod planning;
mod quantity;
mod serial;
mod sign_flip;
mod sign_test;
mod steady_state;
mod variance;

pub use boot_interval::{t_interval, yuen_interval};
pub use bootstrap::{
    BootstrapInterval, BootstrapMethod, DEFAULT_RESAMPLES, EXACT_REPLICATES_MAX, ResampledMeans,
    Resampler, bootstrap_interval, monte_carlo_interval,
};
pub use changepoint::{changepoint_penalty, changepoints};
pub use distribution::normal_lower_tail;
pub use fieller::{RatioInterval, fieller_interval};
pub use groups::{TwoGroups, two_groups};
pub use interval::Interval;
pub use median::median_interval;
pub use multiplicity::{benjamini_hochberg, holm};
pub use outlier::{OutlierLabel, tukey_labels};
pub use pivot::Pivot;
pub use planning::{
    REPLICATES_MAX, boots_to_settle, chance_to_decide, equivalence_power, pairs_needed, power,
    two_stage_boots,
};
pub use quantity::{Confidence, Cost, LogRatio, Slowdown, StatisticsError};
pub use serial::serial_dependence_p;
pub use sign_flip::{sign_flip_p, smallest_attainable_p};
pub use sign_test::{even_split_p, sign_test_above, sign_test_power};
pub use steady_state::{SteadyClass, SteadyState, classify, is_steady};
pub use variance::{VarianceComponents, best_repetitions};
