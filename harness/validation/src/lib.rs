//! Checks the claims of METHODOLOGY.md: coverage and verdicts by simulation, and the tables that
//! the programs `coverage` and `end_to_end` write into it. The estimators that sevbench does not
//! offer, since they fail here, are here too.
#![allow(missing_docs, reason = "nothing outside this package uses it")]

pub mod corrected;
pub mod document;
pub mod experiments;
pub mod gates;
pub mod generators;
pub mod methods;
pub mod proportion;
pub mod regimes;
pub mod stopping;
