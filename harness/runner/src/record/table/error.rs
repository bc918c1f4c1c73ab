//! Why a table is refused: the file, the line, the column, and what to write there.

use super::format::{COLUMNS, Column, LINE_LEN_MAX, UNITS};
use sevbench_protocol::Unit;
use sevbench_text::escaped;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// How many characters of a field or header a message repeats.
const SHOWN_LEN_MAX: usize = 60;

/// A table that could not be read.
#[derive(Debug, Error)]
pub(crate) enum TableError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "{} is empty; write the header {}, then one row per value",
        path.display(),
        wanted_header()
    )]
    Empty { path: PathBuf },
    #[error("{} has a header and no rows; write one row per value", path.display())]
    NoRows { path: PathBuf },
    #[error(
        "{} line {line}: `{found}` is not the header; write {}",
        path.display(),
        wanted_header()
    )]
    Header { path: PathBuf, line: usize, found: String },
    #[error("{} line {line} is longer than {LINE_LEN_MAX} bytes", path.display())]
    LineTooLong { path: PathBuf, line: usize },
    #[error(
        "{} line {line}: a quote is not closed; double a quote inside a quoted field",
        path.display()
    )]
    OpenQuote { path: PathBuf, line: usize },
    #[error(
        "{} line {line} has {found} fields, but the header has {expected}; write a decimal point, \
         and quote a field that contains a comma",
        path.display()
    )]
    FieldCount { path: PathBuf, line: usize, found: usize, expected: usize },
    #[error(
        "{} line {line}, column {} (`{}`): {defect}",
        path.display(),
        *column as usize + 1,
        column.name()
    )]
    Field { path: PathBuf, line: usize, column: Column, defect: Defect },
}

impl TableError {
    pub(super) fn header(path: &Path, line: usize, found: &str) -> Self {
        Self::Header { path: path.into(), line, found: shown(found) }
    }
}

/// What is wrong with one field. Text from the file is shortened and escaped.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Defect {
    #[error("the text is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    #[error("the name is empty")]
    NoName,
    #[error("the name `{0}` contains a control character")]
    ControlCharacter(String),
    #[error("`{0}` is not a whole number from 0 to {max}", max = u32::MAX)]
    NotAnIndex(String),
    #[error("unknown unit `{0}`; use one of {known}", known = known_units())]
    UnknownUnit(String),
    #[error(
        "cannot mix `{found}` with `{first}` in line {first_line}: the values of a bench must be \
         all durations, or all rates of one kind"
    )]
    MixedUnits { found: &'static str, first: &'static str, first_line: usize },
    #[error("`{0}` is not a number; write it like 1234.5 or 1.2345e3")]
    NotANumber(String),
    #[error("`{0}` is not a finite number above zero; leave out rows that measured nothing")]
    NotPositive(String),
    #[error("`{text}` is too large or too small in {}", unit.symbol())]
    OutOfRange { text: String, unit: Unit },
    #[error("`{0}` is not a number of operations; write a whole number above 0")]
    NotACount(String),
    #[error("`ops` applies to durations only; leave it empty for a rate")]
    OpsOfRate,
}

impl Defect {
    pub(super) fn control_in(name: &str) -> Self {
        Self::ControlCharacter(shown(name))
    }

    pub(super) fn not_an_index(text: &str) -> Self {
        Self::NotAnIndex(shown(text))
    }

    pub(super) fn unknown_unit(text: &str) -> Self {
        Self::UnknownUnit(shown(text))
    }

    pub(super) fn not_a_number(text: &str) -> Self {
        Self::NotANumber(shown(text))
    }

    pub(super) fn not_positive(text: &str) -> Self {
        Self::NotPositive(shown(text))
    }

    pub(super) fn out_of_range(text: &str, unit: Unit) -> Self {
        Self::OutOfRange { text: shown(text), unit }
    }

    pub(super) fn not_a_count(text: &str) -> Self {
        Self::NotACount(shown(text))
    }
}

fn wanted_header() -> String {
    let (ops, always) = COLUMNS.split_last().unwrap_or((&"", &[]));
    let always = always.join(",");
    format!("`{always}`, or `{always},{ops}` where durations cover several operations")
}

fn known_units() -> String {
    UNITS.map(|(word, ..)| word).join(", ")
}

/// Text from the file, shortened and escaped for a message.
fn shown(text: &str) -> String {
    let head: String = text.chars().take(SHOWN_LEN_MAX).collect();
    let ellipsis = if text.chars().nth(SHOWN_LEN_MAX).is_some() { "…" } else { "" };
    escaped(&head) + ellipsis
}
