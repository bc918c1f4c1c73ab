//! Data from elsewhere: a long CSV table, one value per row, read line by line. The analysis
//! decides what the rows say about the arms.

mod error;
mod fields;
mod format;

use error::{Defect, TableError};
use fields::Fields;
use format::{COLUMNS, Column, LINE_LEN_MAX, REQUIRED_COLUMNS, UNITS};
use sevbench_protocol::{Unit, VALUE_RANGE};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// What spreadsheets put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A table. Benches and arms are in the order of their first appearance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub arms: Vec<String>,
    pub benches: Vec<TableBench>,
}

/// The rows of one bench, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableBench {
    pub id: String,
    /// The unit of all values.
    pub unit: Unit,
    pub rows: Vec<TableRow>,
}

/// One value. Rows with the same bench, arm, boot and round are the samples of that round.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableRow {
    /// The arm's index in the table's `arms`.
    pub arm: usize,
    pub boot: u32,
    pub round: u32,
    /// In the bench's unit. A duration covers all its operations.
    pub value: f64,
    /// How many operations a duration covers.
    pub operations: f64,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// Reads a table with the columns `bench,arm,boot,round,unit,value` and, where durations cover
/// several operations, `ops`. Fields may be quoted as in RFC 4180, without line breaks. Blanks
/// around a field, blank lines, a byte order mark and either kind of line end are ignored. Memory:
/// 32 bytes per row (64 while the rows of a bench grow), and each name once or twice.
///
/// # Errors
/// If the file cannot be read or is no such table, with the line and the column.
pub(crate) fn read_table(path: &Path) -> Result<Table, TableError> {
    let file = File::open(path);
    let file = file.map_err(|source| TableError::Read { path: path.into(), source })?;
    parse_table(&mut BufReader::new(file), path)
}

/// Reads a table from a stream.
pub(crate) fn parse_table(input: &mut impl BufRead, path: &Path) -> Result<Table, TableError> {
    let mut builder = TableBuilder::default();
    let mut fields = Fields::new();
    let mut columns = None;
    let mut text = Vec::new();
    for line in 1.. {
        let failed = |source| TableError::Read { path: path.into(), source };
        if !next_line(input, &mut text).map_err(failed)? {
            break;
        }
        if text.len() > LINE_LEN_MAX {
            return Err(TableError::LineTooLong { path: path.into(), line });
        }
        let content = if line == 1 { text.strip_prefix(BYTE_ORDER_MARK) } else { None };
        let content = content.unwrap_or(&text).trim_ascii();
        if content.is_empty() {
            continue;
        }
        if !fields.split(content) {
            return Err(TableError::OpenQuote { path: path.into(), line });
        }
        let Some(expected) = columns else {
            columns = Some(header_columns(&fields).ok_or_else(|| {
                TableError::header(path, line, &String::from_utf8_lossy(content))
            })?);
            continue;
        };
        if fields.count != expected {
            let (path, found) = (path.into(), fields.count);
            return Err(TableError::FieldCount { path, line, found, expected });
        }
        let row = ParsedRow::of(&fields).and_then(|row| builder.push(&row, line));
        row.map_err(|(column, defect)| TableError::Field {
            path: path.into(),
            line,
            column,
            defect,
        })?;
    }
    match columns {
        None => Err(TableError::Empty { path: path.into() }),
        Some(_) if builder.table.benches.is_empty() => {
            Err(TableError::NoRows { path: path.into() })
        }
        Some(_) => Ok(builder.table),
    }
}

/// Reads the next line without its end, at most one byte more than a line may have. Returns `false`
/// at the end of the input.
fn next_line(input: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<bool> {
    text.clear();
    let len_max = LINE_LEN_MAX as u64 + 2;
    let len = io::Read::take(input, len_max).read_until(b'\n', text)?;
    if text.last() == Some(&b'\n') {
        text.pop();
        if text.last() == Some(&b'\r') {
            text.pop();
        }
    }
    Ok(len > 0)
}

/// The number of columns that a header has, or `None` if the line is no header.
fn header_columns(fields: &Fields) -> Option<usize> {
    let count = fields.count;
    let known = (REQUIRED_COLUMNS..=COLUMNS.len()).contains(&count);
    let same = |index: usize| fields.bytes(index).trim_ascii() == COLUMNS[index].as_bytes();
    (known && (0..count).all(same)).then_some(count)
}

/// A row whose fields are valid on their own.
struct ParsedRow<'a> {
    bench: &'a str,
    arm: &'a str,
    boot: u32,
    round: u32,
    unit_word: &'static str,
    unit: Unit,
    value: f64,
    operations: f64,
}

impl<'a> ParsedRow<'a> {
    fn of(fields: &'a Fields) -> Result<Self, (Column, Defect)> {
        let (bench, arm) = (fields.name(Column::Bench)?, fields.name(Column::Arm)?);
        let (boot, round) = (fields.index(Column::Boot)?, fields.index(Column::Round)?);
        let word = fields.text(Column::Unit)?;
        let known = UNITS.iter().find(|(known, ..)| *known == word);
        let (unit_word, unit, factor) =
            *known.ok_or_else(|| (Column::Unit, Defect::unknown_unit(word)))?;
        let text = fields.text(Column::Value)?;
        let number: f64 = text.parse().map_err(|_| (Column::Value, Defect::not_a_number(text)))?;
        if !(number.is_finite() && number > 0.0) {
            return Err((Column::Value, Defect::not_positive(text)));
        }
        let operations = operations(fields, unit)?;
        let value = number * factor;
        let per_operation = value / operations;
        if !VALUE_RANGE.contains(&value) || !VALUE_RANGE.contains(&per_operation) {
            return Err((Column::Value, Defect::out_of_range(text, unit)));
        }
        Ok(Self { bench, arm, boot, round, unit_word, unit, value, operations })
    }
}

/// The number of operations that the value covers, 1 by default.
fn operations(fields: &Fields, unit: Unit) -> Result<f64, (Column, Defect)> {
    let text = if fields.count == COLUMNS.len() { fields.text(Column::Ops)? } else { "" };
    match text.parse::<u64>() {
        _ if text.is_empty() => Ok(1.0),
        Ok(0) | Err(_) => Err((Column::Ops, Defect::not_a_count(text))),
        Ok(_) if unit.is_rate() => Err((Column::Ops, Defect::OpsOfRate)),
        Ok(count) => Ok(count as f64),
    }
}

/// Groups rows by bench, and keeps names in the order of their first appearance.
#[derive(Default)]
struct TableBuilder {
    table: Table,
    arms: HashMap<String, usize>,
    benches: HashMap<String, usize>,
    /// The unit of each bench's first row, as written there.
    unit_words: Vec<&'static str>,
}

impl TableBuilder {
    fn push(&mut self, row: &ParsedRow<'_>, line: usize) -> Result<(), (Column, Defect)> {
        let arm = index_of(row.arm, &mut self.arms);
        if arm == self.table.arms.len() {
            self.table.arms.push(row.arm.into());
        }
        let bench = index_of(row.bench, &mut self.benches);
        if bench == self.table.benches.len() {
            let (id, unit) = (row.bench.into(), row.unit);
            self.table.benches.push(TableBench { id, unit, rows: Vec::new() });
            self.unit_words.push(row.unit_word);
        }
        let known = &mut self.table.benches[bench];
        if known.unit != row.unit {
            let (first, first_line) = (self.unit_words[bench], known.rows[0].line);
            let defect = Defect::MixedUnits { found: row.unit_word, first, first_line };
            return Err((Column::Unit, defect));
        }
        let ParsedRow { boot, round, value, operations, .. } = *row;
        known.rows.push(TableRow { arm, boot, round, value, operations, line });
        Ok(())
    }
}

/// The index of a name. A new name gets the next one.
fn index_of(name: &str, known: &mut HashMap<String, usize>) -> usize {
    if let Some(index) = known.get(name) {
        return *index;
    }
    let next = known.len();
    known.insert(name.into(), next);
    next
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
