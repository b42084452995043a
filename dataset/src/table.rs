//! What is known of every entry, as a table: the metadata of all layouts.

mod csv;
mod json;
mod parquet;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::entry::{Entry, Sound};
use crate::error::PackageError;
use crate::settings::MetadataFormat;

/// Rows of columns that each hold values of one type, or none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Option<Cell>>>,
    /// The split of each row.
    splits: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Column {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Number,
    Truth,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    Whole(i64),
    Number(f64),
    Truth(bool),
}

impl Cell {
    fn kind(&self) -> Kind {
        match self {
            Cell::Text(_) => Kind::Text,
            Cell::Whole(_) => Kind::Whole,
            Cell::Number(_) => Kind::Number,
            Cell::Truth(_) => Kind::Truth,
        }
    }

    fn of(value: &Value) -> Option<Cell> {
        match value {
            Value::Null => None,
            Value::Bool(truth) => Some(Cell::Truth(*truth)),
            Value::String(text) => Some(Cell::Text(text.clone())),
            Value::Number(number) => Some(match number.as_i64() {
                Some(whole) => Cell::Whole(whole),
                None => Cell::Number(number.as_f64()?),
            }),
            // What has parts stands as JSON: no table of all readers holds it otherwise.
            parts => Some(Cell::Text(parts.to_string())),
        }
    }

    /// The value as one of another kind that holds it.
    fn into_kind(self, kind: Kind) -> Cell {
        match (self, kind) {
            (Cell::Whole(whole), Kind::Number) => Cell::Number(whole as f64),
            (Cell::Text(text), Kind::Text) => Cell::Text(text),
            (cell, Kind::Text) => Cell::Text(Value::from(cell).to_string()),
            (cell, _) => cell,
        }
    }
}

impl From<Cell> for Value {
    fn from(cell: Cell) -> Value {
        match cell {
            Cell::Text(text) => Value::from(text),
            Cell::Whole(whole) => Value::from(whole),
            Cell::Number(number) => Value::from(number),
            Cell::Truth(truth) => Value::from(truth),
        }
    }
}

/// What is known of an entry, column by column, its files first.
type Row = Vec<(String, Option<Cell>)>;

/// The columns of an entry's files.
pub(crate) type Files = Vec<(&'static str, Option<String>)>;

fn text(name: &str, text: impl Into<String>) -> (String, Option<Cell>) {
    (name.to_owned(), Some(Cell::Text(text.into())))
}

fn number(name: &str, number: Option<f64>) -> (String, Option<Cell>) {
    (name.to_owned(), number.map(Cell::Number))
}

fn whole(name: &str, whole: u64) -> (String, Option<Cell>) {
    (name.to_owned(), Some(Cell::Whole(i64::try_from(whole).unwrap_or(i64::MAX))))
}

fn row(entry: &Entry, files: Files) -> Row {
    let measured = &entry.measured;
    let shape = &entry.wet.shape;
    let mut row: Row = files.into_iter().map(|(name, file)| (name.to_owned(), file.map(Cell::Text))).collect();
    row.extend([
        text("id", &entry.key),
        text("split", &entry.split),
        text("group", &entry.group),
        text("input", &entry.input),
        ("tone".to_owned(), entry.tone.clone().map(Cell::Text)),
        ("draw".to_owned(), entry.draw.map(|draw| Cell::Whole(i64::try_from(draw).unwrap_or(i64::MAX)))),
        text("deliver", entry.delivered()),
        whole("sample_rate", shape.sample_rate.0.into()),
        whole("channels", shape.channels.into()),
        whole("frames", shape.frames),
        number("seconds", Some(entry.wet.seconds())),
        number("loudness_lufs", measured.loudness_lufs),
        number("peak_dbfs", measured.peak_dbfs),
        number("true_peak_dbtp", measured.true_peak_dbtp),
        whole("latency_removed", measured.latency_removed),
        ("silent".to_owned(), Some(Cell::Truth(measured.silent))),
        whole("clipped_samples", measured.clipped_samples),
        text("licence", entry.licence()),
        text("wet_blake3", &entry.wet.blake3),
        ("dry_blake3".to_owned(), entry.dry.as_ref().map(|dry: &Sound| Cell::Text(dry.blake3.clone()))),
        text("parameters", Value::from(entry.parameters()).to_string()),
    ]);
    let fixed: BTreeSet<String> = row.iter().map(|(name, _)| name.clone()).collect();
    for (name, value) in &entry.metadata {
        let name = if fixed.contains(name) { format!("metadata_{name}") } else { name.clone() };
        row.push((name, Cell::of(value)));
    }
    row
}

impl Table {
    /// The table of some entries, each with the columns of its files.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a Entry, Files)>) -> Table {
        let (mut rows, mut splits, mut fixed) = (Vec::new(), Vec::new(), 0);
        for (entry, files) in entries {
            let row = row(entry, files);
            fixed = row.len() - entry.metadata.len();
            rows.push(row);
            splits.push(entry.split.clone());
        }
        let mut columns: Vec<(String, Option<Kind>)> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        // What all rows have comes first and in its order; what only some inputs have follows by name.
        for (name, cell) in rows.iter().flatten() {
            let place = *places.entry(name.clone()).or_insert_with(|| {
                columns.push((name.clone(), None));
                columns.len() - 1
            });
            let kind = &mut columns[place].1;
            *kind = match (*kind, cell.as_ref().map(Cell::kind)) {
                (known, None) => known,
                (None, found) => found,
                (Some(known), Some(found)) if known == found => Some(known),
                (Some(Kind::Whole | Kind::Number), Some(Kind::Whole | Kind::Number)) => Some(Kind::Number),
                _ => Some(Kind::Text),
            };
        }
        columns[fixed..].sort_by(|one, other| one.0.cmp(&other.0));
        // A column without any value tells nothing and has no type.
        let columns: Vec<Column> =
            columns.into_iter().filter_map(|(name, kind)| Some(Column { name, kind: kind? })).collect();
        let arranged = rows.into_iter().map(|row| {
            let mut cells: BTreeMap<String, Option<Cell>> = row.into_iter().collect();
            let mut cell = |column: &Column| Some(cells.remove(&column.name)??.into_kind(column.kind));
            columns.iter().map(&mut cell).collect()
        });
        let rows = arranged.collect();
        Table { columns, rows, splits }
    }

    /// Each row as a JSON object, in the order of the entries. Every one has every column, so that readers that look at a
    /// few know them all.
    pub fn objects(&self) -> impl Iterator<Item = serde_json::Map<String, Value>> {
        self.rows.iter().map(|row| json::object(&self.columns, row))
    }

    /// The rows of one split as a file.
    pub fn split(&self, split: &str, format: MetadataFormat) -> Vec<u8> {
        let of_split = self.rows.iter().zip(&self.splits).filter(|(_, of)| *of == split).map(|(row, _)| row);
        self.encode(&of_split.collect::<Vec<_>>(), format)
    }

    /// All rows as a file.
    pub fn whole(&self, format: MetadataFormat) -> Vec<u8> {
        self.encode(&self.rows.iter().collect::<Vec<_>>(), format)
    }

    fn encode(&self, rows: &[&Vec<Option<Cell>>], format: MetadataFormat) -> Vec<u8> {
        match format {
            MetadataFormat::Jsonl => json::encode(&self.columns, rows),
            MetadataFormat::Csv => csv::encode(&self.columns, rows),
            MetadataFormat::Parquet => parquet::encode(&self.columns, rows),
        }
    }

    /// Whether readers take every column for the same type in every split. JSON lines and CSV do not say what a column
    /// is, so readers guess, and Hugging Face's refuses splits of different columns.
    pub fn check(&self, format: MetadataFormat) -> Result<(), PackageError> {
        for (place, column) in self.columns.iter().enumerate() {
            let mut guesses: BTreeMap<&str, Guess> = BTreeMap::new();
            for (row, split) in self.rows.iter().zip(&self.splits) {
                let cell = row[place].as_ref();
                let guess = match format {
                    MetadataFormat::Parquet => return Ok(()),
                    MetadataFormat::Jsonl => json::guess(cell),
                    MetadataFormat::Csv => csv::guess(cell),
                };
                let known = guesses.entry(split).or_insert(Guess::Nothing);
                *known = known.with(guess, format);
            }
            let mut guesses = guesses.into_iter();
            let Some((first, one)) = guesses.next() else { continue };
            if let Some((second, other)) = guesses.find(|(_, guess)| *guess != one) {
                return Err(PackageError::Types {
                    column: column.name.clone(),
                    one: one.words(),
                    first: first.to_owned(),
                    other: other.words(),
                    second: second.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// What a reader takes the values of a column for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    Nothing,
    Text,
    Whole,
    Number,
    Truth,
    Date,
    /// Truths with gaps: pandas takes these for neither.
    Mixed,
}

impl Guess {
    /// What a reader takes a column for that holds both.
    fn with(self, other: Guess, format: MetadataFormat) -> Guess {
        match (self, other) {
            (one, other) if one == other => one,
            // Gaps in CSV turn whole numbers into others; in JSON they are values of their own.
            (Guess::Nothing, Guess::Whole) | (Guess::Whole, Guess::Nothing) if format == MetadataFormat::Csv => {
                Guess::Number
            }
            (Guess::Nothing, Guess::Truth) | (Guess::Truth, Guess::Nothing) if format == MetadataFormat::Csv => {
                Guess::Mixed
            }
            (Guess::Nothing, one) | (one, Guess::Nothing) => one,
            (Guess::Whole | Guess::Number, Guess::Whole | Guess::Number) => Guess::Number,
            _ => Guess::Text,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Guess::Nothing => "nothing",
            Guess::Text => "text",
            Guess::Whole => "whole numbers",
            Guess::Number => "numbers",
            Guess::Truth => "truth values",
            Guess::Date => "dates",
            Guess::Mixed => "truth values with gaps",
        }
    }
}

#[cfg(test)]
mod tests;
