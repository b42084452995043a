//! A table as comma-separated values (RFC 4180), with a head line.

use std::io::{self, Write};

use serde_json::Value;

use super::{Cell, Column, Guess};

pub(super) fn write(
    columns: &[Column],
    rows: impl Iterator<Item = Vec<Option<Cell>>>,
    file: &mut impl Write,
) -> io::Result<()> {
    let head: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    writeln!(file, "{}", head.join(","))?;
    for row in rows {
        let fields: Vec<String> = row.iter().map(|cell| cell.as_ref().map_or_else(String::new, field)).collect();
        writeln!(file, "{}", fields.join(","))?;
    }
    Ok(())
}

fn field(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => quoted(text),
        other => Value::from(other.clone()).to_string(),
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains(['"', ',', '\n', '\r']) || text.trim() != text {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// What pandas takes a value for.
pub(super) fn guess(cell: Option<&Cell>) -> Guess {
    match cell {
        None => Guess::Nothing,
        Some(Cell::Whole(_)) => Guess::Whole,
        Some(Cell::Number(_)) => Guess::Number,
        Some(Cell::Truth(_)) => Guess::Truth,
        Some(Cell::Text(text)) => of_text(text),
    }
}

/// Texts that read as something else are taken for that, quoted or not.
fn of_text(text: &str) -> Guess {
    let text = text.trim();
    let gaps = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "<NA>"];
    if gaps.contains(&text) {
        Guess::Nothing
    } else if ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Guess::Truth
    } else if text.parse::<i64>().is_ok() {
        Guess::Whole
    } else if text.parse::<f64>().is_ok() {
        Guess::Number
    } else {
        Guess::Text
    }
}
