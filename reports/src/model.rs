//! The model of a result: what a run measured and what it means, as types. It knows no formula and
//! no layout.

mod comparison;
mod flag;
mod gate;
mod measurand;
mod record_comparison;
mod run;
mod summary;
mod word;

pub use comparison::{
    BootGroup, BootGroups, BootRow, Change, Comparison, Estimate, Mean, Prospect, Settle,
    SweepPoint, VERDICT_BOOTS_MIN, VarianceShares, WarmUpClasses, WarmUps,
};
pub use flag::Flag;
pub use gate::{GateLine, GateReport, Undecided};
pub use measurand::Measurand;
pub use record_comparison::{
    ChangeRow, RECORD_COMPARISON_SCHEMA, RecordComparison, RecordDifference,
};
pub use run::{
    ArmMachine, ArmSummary, Build, Duty, NoiseFloor, Overridden, OverriddenFraction, Replication,
    Run, Testimony,
};
pub use summary::{
    DifferenceRow, Exclusion, FailedRow, OutlierRow, Overall, SUMMARY_SCHEMA, SkippedRow, Summary,
    WarmUpCourse,
};
pub use word::{
    Against, Encryption, Estimand, ExclusionKind, GateDecision, MachineRole, MarginSource, Outcome,
    OutlierLabel, Place, Protection, Role, UndecidedReason, Unit, Verdict, WarmUpClass, Witness,
};
