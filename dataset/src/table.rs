//! What is known of every entry, as a table: the metadata of all layouts.

mod csv;
mod json;
mod parquet;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, btree_map};
use std::io::{self, Write};

use serde_json::Value;

use crate::entry::Entry;
use crate::error::PackageError;
use crate::settings::MetadataFormat;

/// Rows of columns that each hold values of one type, or none. A row is made from its entry whenever it is needed, so that
/// a long table takes no room.
pub(crate) struct Table<'a> {
    columns: Vec<Column>,
    /// The column of each name.
    places: HashMap<String, usize>,
    entries: &'a [Entry],
    files: Box<FilesOf<'a>>,
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
type Row<'a> = Vec<(Cow<'a, str>, Option<Cell>)>;

/// The columns of an entry's files.
pub(crate) type Files = Vec<(&'static str, Option<String>)>;

/// What tells these columns, from an entry and its number.
type FilesOf<'a> = dyn Fn(usize, &Entry) -> Files + 'a;

fn text(text: impl Into<String>) -> Option<Cell> {
    Some(Cell::Text(text.into()))
}

fn whole(whole: impl TryInto<i64>) -> Option<Cell> {
    Some(Cell::Whole(whole.try_into().unwrap_or(i64::MAX)))
}

/// What stands as JSON, since no table of all readers holds its parts otherwise. An empty list is one too: a column that
/// has no value in one split is another column to some readers.
fn as_json(value: &impl serde::Serialize) -> Option<Cell> {
    text(serde_json::to_string(value).expect("it has texts as names"))
}

fn row(entry: &Entry, files: Files) -> Row<'_> {
    let measured = &entry.measured;
    let shape = &entry.wet.shape;
    let number = |number: Option<f64>| number.map(Cell::Number);
    let known = [
        ("id", text(&entry.key)),
        ("split", text(&*entry.split)),
        ("group", text(&*entry.group)),
        ("take", entry.take.as_deref().and_then(text)),
        ("input", text(&*entry.input)),
        ("tone", entry.tone.as_deref().and_then(text)),
        ("draw", entry.draw.and_then(whole)),
        ("draws", as_json(&entry.drawn)),
        ("deliver", text(entry.delivered())),
        ("sample_rate", whole(shape.sample_rate.0)),
        ("channels", whole(shape.channels)),
        ("frames", whole(shape.frames)),
        ("seconds", number(Some(entry.wet.seconds()))),
        ("loudness_lufs", number(measured.loudness_lufs)),
        ("peak_dbfs", number(measured.peak_dbfs)),
        ("true_peak_dbtp", number(measured.true_peak_dbtp)),
        ("input_gain_db", number(measured.input_gain_db)),
        ("noise_rms_dbfs", number(measured.noise_rms_dbfs)),
        ("output_gain_db", number(Some(measured.output_gain_db))),
        ("latency_removed", whole(measured.latency_removed)),
        ("offset_frames", measured.offset_frames.and_then(whole)),
        ("silent", Some(Cell::Truth(measured.silent))),
        ("clipped_samples", whole(measured.clipped_samples)),
        ("flags", as_json(&measured.flags)),
        ("licence", text(entry.licence())),
        ("wet_blake3", text(&*entry.wet.blake3)),
        ("dry_blake3", entry.dry.as_ref().and_then(|dry| text(&*dry.blake3))),
        ("parameters", text(&entry.devices.parameters)),
    ];
    let files = files.into_iter().map(|(name, file)| (name, file.map(Cell::Text)));
    let mut row: Row = files.chain(known).map(|(name, cell)| (Cow::from(name), cell)).collect();
    let fixed = row.len();
    for (name, value) in entry.metadata.iter() {
        let is_taken = row[..fixed].iter().any(|(taken, _)| taken == name);
        let name = if is_taken { Cow::from(format!("metadata_{name}")) } else { Cow::from(name) };
        row.push((name, Cell::of(value)));
    }
    row
}

impl<'a> Table<'a> {
    /// The table of some entries, each with the columns of its files, which are asked for more than once.
    pub fn new(entries: &'a [Entry], files: impl Fn(usize, &Entry) -> Files + 'a) -> Table<'a> {
        let mut found: Vec<(String, Option<Kind>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut fixed = 0;
        for (number, entry) in entries.iter().enumerate() {
            let row = row(entry, files(number, entry));
            fixed = row.len() - entry.metadata.len();
            for (name, cell) in row {
                let place = places.get(&*name).copied().unwrap_or_else(|| {
                    found.push((name.to_string(), None));
                    places.insert(name.into_owned(), found.len() - 1);
                    found.len() - 1
                });
                let kind = &mut found[place].1;
                *kind = match (*kind, cell.as_ref().map(Cell::kind)) {
                    (known, None) => known,
                    (None, found) => found,
                    (Some(known), Some(found)) if known == found => Some(known),
                    (Some(Kind::Whole | Kind::Number), Some(Kind::Whole | Kind::Number)) => Some(Kind::Number),
                    _ => Some(Kind::Text),
                };
            }
        }
        // What all rows have comes first and in its order; what only some inputs have follows by name.
        found[fixed..].sort_by(|one, other| one.0.cmp(&other.0));
        // A column without any value tells nothing and has no type.
        let columns: Vec<Column> =
            found.into_iter().filter_map(|(name, kind)| Some(Column { name, kind: kind? })).collect();
        let places = columns.iter().enumerate().map(|(place, column)| (column.name.clone(), place)).collect();
        Table { columns, places, entries, files: Box::new(files) }
    }

    /// The cells of an entry, one a column.
    fn cells(&self, number: usize) -> Vec<Option<Cell>> {
        let mut cells = vec![None; self.columns.len()];
        let entry = &self.entries[number];
        for (name, cell) in row(entry, (self.files)(number, entry)) {
            if let Some(place) = self.places.get(&*name) {
                cells[*place] = cell.map(|cell| cell.into_kind(self.columns[*place].kind));
            }
        }
        cells
    }

    /// The rows of one split, or of all.
    fn rows<'b>(&'b self, split: Option<&'b str>) -> impl Iterator<Item = Vec<Option<Cell>>> + 'b {
        let is_wanted = move |number: &usize| split.is_none_or(|split| *self.entries[*number].split == *split);
        (0..self.entries.len()).filter(is_wanted).map(|number| self.cells(number))
    }

    /// Each row as a JSON object, in the order of the entries. Every one has every column, so that readers that look at a
    /// few know them all.
    pub fn objects(&self) -> impl Iterator<Item = serde_json::Map<String, Value>> {
        self.rows(None).map(|row| json::object(&self.columns, row))
    }

    /// Writes the rows of one split, or all.
    pub fn write(&self, split: Option<&str>, format: MetadataFormat, file: &mut (impl Write + Send)) -> io::Result<()> {
        let rows = self.rows(split);
        match format {
            MetadataFormat::Jsonl => json::write(&self.columns, rows, file),
            MetadataFormat::Csv => csv::write(&self.columns, rows, file),
            MetadataFormat::Parquet => parquet::write(&self.columns, rows, file),
        }
    }

    /// Whether readers take every column for the same type in every split. JSON lines and CSV do not say what a column
    /// is, so readers guess, and Hugging Face's refuses splits of different columns.
    pub fn check(&self, format: MetadataFormat) -> Result<(), PackageError> {
        let guess = match format {
            MetadataFormat::Parquet => return Ok(()),
            MetadataFormat::Jsonl => json::guess,
            MetadataFormat::Csv => csv::guess,
        };
        let mut guesses: BTreeMap<&str, Vec<Guess>> = BTreeMap::new();
        for (number, row) in self.rows(None).enumerate() {
            let guess = row.iter().map(|cell| guess(cell.as_ref()));
            match guesses.entry(&self.entries[number].split) {
                btree_map::Entry::Vacant(first) => drop(first.insert(guess.collect())),
                btree_map::Entry::Occupied(mut known) => {
                    known.get_mut().iter_mut().zip(guess).for_each(|(known, guess)| *known = known.with(guess, format));
                }
            }
        }
        let Some((first, ones)) = guesses.pop_first() else { return Ok(()) };
        for (place, column) in self.columns.iter().enumerate() {
            if let Some((second, others)) = guesses.iter().find(|(_, others)| others[place] != ones[place]) {
                return Err(PackageError::Types {
                    column: column.name.clone(),
                    one: ones[place].words(),
                    first: first.to_owned(),
                    other: others[place].words(),
                    second: (*second).to_owned(),
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
