//! A text table with aligned columns; knows widths, not meanings.

/// On which side a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells under a header.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Default)]
struct Row {
    cells: Vec<String>,
    /// A column whose cell is coloured, and the number of the colour.
    coloured: Option<(usize, u8)>,
}

impl Table {
    /// A table with these columns and no rows.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let columns = columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row; a missing cell is empty, a surplus one is left out.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(Row { cells, coloured: None });
    }

    /// Colours a cell of the last row. `colour` is a parameter of the ANSI escape sequence SGR: 31
    /// is red.
    pub fn colour(&mut self, column: usize, colour: u8) {
        if let Some(row) = self.rows.last_mut() {
            row.coloured = Some((column, colour));
        }
    }

    /// The lines, header first, with two spaces between columns and no trailing spaces.
    pub fn lines(&self) -> Vec<String> {
        let names = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let header = Row { cells: names, coloured: None };
        let all: Vec<&Row> = std::iter::once(&header).chain(&self.rows).collect();
        let width_of = |column: usize| {
            let cells = all.iter().filter_map(|row| row.cells.get(column));
            cells.map(|cell| cell.chars().count()).max()
        };
        let columns = 0..self.columns.len();
        let widths: Vec<usize> = columns.map(|column| width_of(column).unwrap_or(0)).collect();
        all.iter().map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &Row, widths: &[usize]) -> String {
        let cells =
            self.columns.iter().zip(widths).enumerate().map(|(column, ((_, align), width))| {
                let cell = row.cells.get(column).map_or("", String::as_str);
                let padding = " ".repeat(width - cell.chars().count());
                let cell = match row.coloured {
                    Some((of, colour)) if of == column => format!("\x1b[{colour}m{cell}\x1b[0m"),
                    _ => cell.to_owned(),
                };
                match align {
                    Align::Left => cell + &padding,
                    Align::Right => padding + &cell,
                }
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}
