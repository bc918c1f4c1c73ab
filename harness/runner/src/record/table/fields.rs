//! One line of a table, split into its fields.

use super::error::Defect;
use super::format::Column;

/// The fields of one line, unquoted.
pub(super) struct Fields {
    reader: csv_core::Reader,
    line: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
    pub count: usize,
}

impl Fields {
    pub(super) fn new() -> Self {
        let end = csv_core::Terminator::Any(b'\n');
        let reader = csv_core::ReaderBuilder::new().terminator(end).build();
        Self { reader, line: Vec::new(), text: Vec::new(), ends: Vec::new(), count: 0 }
    }

    /// Splits a line. Returns `false` if a quote is not closed; no later line can be split then.
    pub(super) fn split(&mut self, line: &[u8]) -> bool {
        self.line.clear();
        let (mut is_quoted, mut is_start) = (false, true);
        for (index, byte) in line.iter().enumerate() {
            // Blanks before a quote are alignment. To the parser they would make the quote a part
            // of the field.
            let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
            if is_start && is_blank(byte) {
                let next = line[index..].iter().find(|byte| !is_blank(byte));
                if next == Some(&b'"') {
                    continue;
                }
            }
            is_quoted ^= *byte == b'"';
            is_start = !is_quoted && *byte == b',';
            self.line.push(*byte);
        }
        self.line.push(b'\n');
        self.text.resize(self.line.len(), 0);
        self.ends.resize(self.line.len(), 0);
        let (result, _, _, count) =
            self.reader.read_record(&self.line, &mut self.text, &mut self.ends);
        self.count = count;
        result == csv_core::ReadRecordResult::Record
    }

    /// The field at this index, which is below the count.
    pub(super) fn bytes(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    pub(super) fn text(&self, column: Column) -> Result<&str, (Column, Defect)> {
        let text = std::str::from_utf8(self.bytes(column as usize));
        text.map(str::trim).map_err(|_| (column, Defect::NotUtf8))
    }

    pub(super) fn name(&self, column: Column) -> Result<&str, (Column, Defect)> {
        match self.text(column)? {
            "" => Err((column, Defect::NoName)),
            name if name.contains(char::is_control) => Err((column, Defect::control_in(name))),
            name => Ok(name),
        }
    }

    pub(super) fn index(&self, column: Column) -> Result<u32, (Column, Defect)> {
        let text = self.text(column)?;
        text.parse().map_err(|_| (column, Defect::not_an_index(text)))
    }
}
