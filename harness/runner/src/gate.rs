//! Verdicts and gates: whether an estimate is within its margin, and whether a run passes.
//! Everything here is pure. Nothing is measured or printed.

mod decision;
mod margin;
mod plan;
mod refusal;
mod verdict;

pub use decision::{judge_run, refused};
pub use margin::{Margin, MarginError, Margins};
pub(crate) use plan::{GatePlan, refuse_plan};
pub use refusal::GateRefusal;
pub(crate) use refusal::refusal_of_record;
pub(crate) use verdict::{ALPHA, blur};
pub use verdict::{Evidence, Judgement};
