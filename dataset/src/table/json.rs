//! A table as JSON lines.

use std::io::{self, Write};

use serde_json::Value;

use super::{Cell, Column, Guess};

pub(super) fn write(
    columns: &[Column],
    rows: impl Iterator<Item = Vec<Option<Cell>>>,
    file: &mut impl Write,
) -> io::Result<()> {
    for row in rows {
        writeln!(file, "{}", Value::from(object(columns, row)))?;
    }
    Ok(())
}

/// A row as an object; what has no value is `null`.
pub(super) fn object(columns: &[Column], row: Vec<Option<Cell>>) -> serde_json::Map<String, Value> {
    let cell = |(column, cell): (&Column, Option<Cell>)| (column.name.clone(), cell.map_or(Value::Null, Value::from));
    columns.iter().zip(row).map(cell).collect()
}

/// What pyarrow takes a value for.
pub(super) fn guess(cell: Option<&Cell>) -> Guess {
    match cell {
        None => Guess::Nothing,
        Some(Cell::Text(text)) if is_date(text) => Guess::Date,
        Some(Cell::Text(_)) => Guess::Text,
        Some(Cell::Whole(_)) => Guess::Whole,
        Some(Cell::Number(_)) => Guess::Number,
        Some(Cell::Truth(_)) => Guess::Truth,
    }
}

/// Whether a text begins as a date of ISO 8601 does.
fn is_date(text: &str) -> bool {
    let pattern = b"0000-00-00";
    let fits = |(byte, pattern): (u8, &u8)| if *pattern == b'0' { byte.is_ascii_digit() } else { byte == *pattern };
    text.len() >= pattern.len() && text.bytes().zip(pattern).all(fits)
}
