//! What METHODOLOGY.md claims, checked: coverage and verdicts by simulation, and the tables that the
//! programs `coverage` and `end_to_end` write into it. Estimators that sevbench does not offer, since
//! they fail here, live here too.
#![allow(missing_docs, reason = "nothing outside this package uses it")]

pub mod document;
pub mod experiments;
pub mod generators;
pub mod methods;
pub mod stopping;
