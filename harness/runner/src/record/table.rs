//! Data from elsewhere: a long CSV table, one value a row, read line by line. What the rows say about the arms is the
//! part of the analysis.

use super::table_error::{Column, Defect, TableError};
use sevbench_protocol::Unit;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// The columns, in their order; the last one may be left out.
pub(super) const COLUMNS: [&str; 7] = ["bench", "arm", "boot", "round", "unit", "value", "ops"];

/// How many columns every table has.
const REQUIRED_COLUMNS: usize = 6;

/// The longest line that is read, in bytes.
pub(super) const LINE_LEN_MAX: usize = 4096;

/// What spreadsheets put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The units of the column `unit`: its word, what it is kept in, and how many of those it is.
pub(super) const UNITS: [(&str, Unit, f64); 13] = [
    ("ns", Unit::Nanoseconds, 1.0),
    ("us", Unit::Nanoseconds, 1e3),
    ("ms", Unit::Nanoseconds, 1e6),
    ("s", Unit::Nanoseconds, 1e9),
    ("B/s", Unit::BytesPerSecond, 1.0),
    ("KB/s", Unit::BytesPerSecond, 1e3),
    ("MB/s", Unit::BytesPerSecond, 1e6),
    ("GB/s", Unit::BytesPerSecond, 1e9),
    ("KiB/s", Unit::BytesPerSecond, 1024.0),
    ("MiB/s", Unit::BytesPerSecond, 1_048_576.0),
    ("GiB/s", Unit::BytesPerSecond, 1_073_741_824.0),
    ("ops/s", Unit::OperationsPerSecond, 1.0),
    ("iops", Unit::Iops, 1.0),
];

/// A table that was read; benches and arms in the order in which they first appear.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub arms: Vec<String>,
    pub benches: Vec<TableBench>,
}

/// The rows of one bench, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableBench {
    pub id: String,
    /// What all its values are in.
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
    /// In the bench's unit; a duration is that of all its operations.
    pub value: f64,
    /// How many operations a duration covers.
    pub operations: f64,
    /// Where it stands in the file, counted from 1.
    pub line: usize,
}

/// Reads a table of the columns `bench,arm,boot,round,unit,value` and, where a duration covers several operations,
/// `ops`. Fields may be quoted as in RFC 4180, without line breaks; blanks around a field, blank lines, a byte order
/// mark and either kind of line end do not matter. Memory: 32 bytes a row (64 while the rows of a bench grow), and each
/// name once or twice.
pub(crate) fn read_table(path: &Path) -> Result<Table, TableError> {
    let file = File::open(path);
    let file = file.map_err(|source| TableError::Read { path: path.into(), source })?;
    parse_table(&mut BufReader::new(file), path)
}

fn parse_table(input: &mut impl BufRead, path: &Path) -> Result<Table, TableError> {
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

/// The next line without its end, or `false` at the end of the input. At most one byte more than a line may have.
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

/// How many columns the header announces; `None` if it is none.
fn header_columns(fields: &Fields) -> Option<usize> {
    let count = fields.count;
    let known = (REQUIRED_COLUMNS..=COLUMNS.len()).contains(&count);
    let same = |index: usize| fields.bytes(index).trim_ascii() == COLUMNS[index].as_bytes();
    (known && (0..count).all(same)).then_some(count)
}

/// The fields of one line, unquoted.
struct Fields {
    reader: csv_core::Reader,
    line: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Fields {
    fn new() -> Self {
        let end = csv_core::Terminator::Any(b'\n');
        let reader = csv_core::ReaderBuilder::new().terminator(end).build();
        Self { reader, line: Vec::new(), text: Vec::new(), ends: Vec::new(), count: 0 }
    }

    /// Takes a line apart; `false` if a quote in it is not closed, after which no line can be.
    fn split(&mut self, line: &[u8]) -> bool {
        self.line.clear();
        self.line.extend_from_slice(line);
        self.line.push(b'\n');
        self.text.resize(self.line.len(), 0);
        self.ends.resize(self.line.len(), 0);
        let (result, _, _, count) =
            self.reader.read_record(&self.line, &mut self.text, &mut self.ends);
        self.count = count;
        result == csv_core::ReadRecordResult::Record
    }

    /// The field at an index below the count.
    fn bytes(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    fn text(&self, column: Column) -> Result<&str, (Column, Defect)> {
        let text = std::str::from_utf8(self.bytes(column as usize));
        text.map(str::trim).map_err(|_| (column, Defect::NotUtf8))
    }

    fn name(&self, column: Column) -> Result<&str, (Column, Defect)> {
        match self.text(column)? {
            "" => Err((column, Defect::NoName)),
            name if name.contains(char::is_control) => Err((column, Defect::control_in(name))),
            name => Ok(name),
        }
    }

    fn index(&self, column: Column) -> Result<u32, (Column, Defect)> {
        let text = self.text(column)?;
        text.parse().map_err(|_| (column, Defect::not_an_index(text)))
    }
}

/// A row that is sound by itself.
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
        let of_one = value / operations;
        if !(value.is_finite() && of_one > 0.0) {
            return Err((Column::Value, Defect::out_of_range(text, unit)));
        }
        Ok(Self { bench, arm, boot, round, unit_word, unit, value, operations })
    }
}

/// How many operations the row's value covers: 1 where nothing is said.
fn operations(fields: &Fields, unit: Unit) -> Result<f64, (Column, Defect)> {
    let text = if fields.count == COLUMNS.len() { fields.text(Column::Ops)? } else { "" };
    match text.parse::<u64>() {
        _ if text.is_empty() => Ok(1.0),
        Ok(0) | Err(_) => Err((Column::Ops, Defect::not_a_count(text))),
        Ok(_) if unit.is_rate() => Err((Column::Ops, Defect::OpsOfRate)),
        Ok(count) => Ok(count as f64),
    }
}

/// Puts rows with their bench, and names in the place of their first appearance.
#[derive(Default)]
struct TableBuilder {
    table: Table,
    arms: HashMap<String, usize>,
    benches: HashMap<String, usize>,
    /// The unit of each bench's first row, as it stands there.
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

/// The index of a name; a new name gets the next one.
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
