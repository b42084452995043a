//! Lists of recordings: a CSV whose first line names its columns, or an object a line of JSON.

use std::path::Path;

use presets::document::closest;
use serde_json::Value;

use super::csv::{self, Fault};
use crate::task::Facts;

/// The column or field that names a recording.
const FILE: &str = "file";

/// One recording of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The recording, as written.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in which the recording stands.
    pub column: u32,
    /// All else that the list says of it. What is empty or null is not known.
    pub facts: Facts,
}

/// Reads a list, whose name says what it is. Gives at least one row.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Vec<Row>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        Fault::at(line as u32, 1, "this line is not UTF-8", "Save the list as UTF-8.")
    })?;
    // Some spreadsheets put a byte order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let rows = if is_csv { table(text)? } else { objects(text)? };
    if rows.is_empty() {
        return Err(Fault::at(0, 0, "the list names no recording", "Write a line for each."));
    }
    Ok(rows)
}

/// The rows of a CSV. Every fact is a text, since nobody says which columns are numbers: `007` may be a name.
fn table(text: &str) -> Result<Vec<Row>, Fault> {
    let mut lines = csv::lines(text)?.into_iter();
    let Some(header) = lines.next() else { return Ok(Vec::new()) };
    let names: Vec<&str> = header.cells.iter().map(|cell| cell.text.as_str()).collect();
    for (index, cell) in header.cells.iter().enumerate() {
        if cell.text.is_empty() {
            let help = "The first line names the columns. Give each a name.";
            return Err(Fault::at(header.number, cell.column, "a column has no name", help));
        }
        if names[..index].contains(&cell.text.as_str()) {
            let message = format!("a second column is called \"{}\"", cell.text);
            return Err(Fault::at(header.number, cell.column, message, "Give it another name."));
        }
    }
    let Some(file) = names.iter().position(|name| *name == FILE) else {
        let message = format!("the list has no column {FILE}; its columns are {}", names.join(", "));
        let help = match closest(FILE, names.iter().copied()) {
            _ if names.iter().any(|name| name.contains([';', '\t'])) => "Put commas between the columns.".to_owned(),
            Some(close) => format!("Did you mean \"{close}\"? Call it {FILE}."),
            None => format!("Let the first line name the columns, one of them {FILE}."),
        };
        return Err(Fault::at(header.number, 1, message, help));
    };
    let row = |line: csv::Line| {
        if line.cells.len() != names.len() {
            let message = format!("this line has {} cells, and the first line {}", line.cells.len(), names.len());
            let help = "Write as many; a cell with a comma in it needs quotation marks around it.";
            return Err(Fault::at(line.number, 1, message, help));
        }
        let column = line.cells[file].column;
        let mut facts = Facts::new();
        let mut recording = String::new();
        for (name, cell) in names.iter().zip(line.cells) {
            match (*name, cell.text) {
                (FILE, text) => recording = text,
                (_, text) if text.is_empty() => {}
                (name, text) => {
                    facts.insert(name.to_owned(), text.into());
                }
            }
        }
        finish(recording, line.number, column, facts)
    };
    lines.map(row).collect()
}

/// The rows of JSON lines.
fn objects(text: &str) -> Result<Vec<Row>, Fault> {
    let filled = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let row = |(number, line): (u32, &str)| {
        let value: Value = serde_json::from_str(line).map_err(|error| {
            let message = format!("this line is no JSON: {}", reason(&error));
            Fault::at(number, error.column().max(1) as u32, message, "Write an object a line: {\"file\": \"a.wav\"}.")
        })?;
        let Value::Object(mut fields) = value else {
            let message = format!("this line is {}", kind(&value));
            return Err(Fault::at(number, 1, message, "Write an object a line: {\"file\": \"a.wav\"}."));
        };
        let recording = match fields.remove(FILE) {
            Some(Value::String(file)) => file,
            Some(other) => {
                let message = format!("{FILE} is {} here", kind(&other));
                return Err(Fault::at(number, 1, message, "Name the recording: {\"file\": \"a.wav\"}."));
            }
            None => {
                let help = match closest(FILE, fields.keys().map(String::as_str)) {
                    Some(close) => format!("Did you mean \"{close}\"? Call it {FILE}."),
                    None => "Name the recording: {\"file\": \"a.wav\"}.".to_owned(),
                };
                return Err(Fault::at(number, 1, format!("this line has no field {FILE}"), help));
            }
        };
        finish(recording, number, 1, fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
    };
    filled.map(row).collect()
}

fn finish(file: String, line: u32, column: u32, facts: Facts) -> Result<Row, Fault> {
    if file.is_empty() {
        let help = "Name the recording, or remove the line.";
        return Err(Fault::at(line, column, format!("{FILE} is empty here"), help));
    }
    Ok(Row { file, line, column, facts })
}

/// What a value is, in words.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What is wrong with JSON, without its place.
pub fn reason(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.rsplit_once(" at line ").map_or(words.clone(), |(reason, _)| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str) -> Result<Vec<Row>, String> {
        told(read(Path::new("takes.CSV"), text.as_bytes()))
    }

    fn jsonl(text: &str) -> Result<Vec<Row>, String> {
        told(read(Path::new("takes.jsonl"), text.as_bytes()))
    }

    fn told(rows: Result<Vec<Row>, Fault>) -> Result<Vec<Row>, String> {
        rows.map_err(|fault| format!("{}:{}: {}. {}", fault.line, fault.column, fault.message, fault.help))
    }

    #[test]
    fn both_kinds_of_list_name_recordings_and_what_is_known_of_them() {
        let rows = csv("\u{feff}player,file,bpm\np1, a.wav,007\n,b.wav,\"9,5\"\n").unwrap();
        let facts =
            |pairs: &[(&str, Value)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect::<Facts>();
        assert_eq!(
            rows[0],
            Row {
                file: "a.wav".into(),
                line: 2,
                column: 4,
                facts: facts(&[("player", "p1".into()), ("bpm", "007".into())])
            }
        );
        assert_eq!(rows[1].facts, facts(&[("bpm", "9,5".into())]), "an empty cell says nothing");
        let rows =
            jsonl("{\"file\": \"a.wav\", \"bpm\": 120.5, \"key\": null, \"tags\": [1]}\n\n{\"file\": \"b.wav\"}")
                .unwrap();
        assert_eq!(rows[0].facts, facts(&[("bpm", 120.5.into()), ("tags", vec![1].into())]));
        assert_eq!((rows[1].file.as_str(), rows[1].line), ("b.wav", 3));
    }

    #[test]
    fn every_mistake_of_a_list_is_told_at_its_line() {
        for (text, message) in [
            ("", "0:0: the list names no recording. Write a line for each."),
            ("file,player\n", "0:0: the list names no recording. Write a line for each."),
            (
                "path,player\na.wav,p\n",
                "1:1: the list has no column file; its columns are path, player. Let the first line name the columns, one of them file.",
            ),
            (
                "files,player\na,p\n",
                "1:1: the list has no column file; its columns are files, player. Did you mean \"files\"? Call it file.",
            ),
            (
                "file;player\na;p\n",
                "1:1: the list has no column file; its columns are file;player. Put commas between the columns.",
            ),
            ("file,,b\n", "1:6: a column has no name."),
            ("file,b,b\n", "1:8: a second column is called \"b\". Give it another name."),
            ("file,b\na.wav\n", "2:1: this line has 1 cells, and the first line 2."),
            ("b,file\nx,\n", "2:3: file is empty here. Name the recording, or remove the line."),
        ] {
            let told = csv(text).unwrap_err();
            assert!(told.starts_with(message), "{text}: {told}");
        }
        for (text, message) in [
            ("{\"file\": \"a\"}\n{\"file\": }", "2:10: this line is no JSON: expected value. Write an object a line"),
            ("[1]", "1:1: this line is a list. Write an object a line: {\"file\": \"a.wav\"}."),
            ("{\"File\": \"a\"}", "1:1: this line has no field file. Did you mean \"File\"? Call it file."),
            ("{\"file\": 3}", "1:1: file is a number here. Name the recording: {\"file\": \"a.wav\"}."),
        ] {
            let told = jsonl(text).unwrap_err();
            assert!(told.starts_with(message), "{text}: {told}");
        }
        let fault = read(Path::new("a.csv"), b"file\na\xff.wav\n").unwrap_err();
        assert_eq!((fault.line, fault.message.as_str()), (2, "this line is not UTF-8"));
    }

    #[test]
    fn any_bytes_give_rows_or_one_mistake() {
        use proptest::prelude::*;
        let piece = prop_oneof![
            Just(b"file".to_vec()),
            Just(b",".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"{\"file\":\"a\"}".to_vec()),
            Just(b"\"".to_vec()),
            Just(b"{".to_vec()),
            Just(b"a.wav".to_vec()),
            prop::collection::vec(any::<u8>(), 0..3),
        ];
        proptest!(ProptestConfig::with_cases(2000), |(pieces in prop::collection::vec(piece, 0..20))| {
            let bytes = pieces.concat();
            for name in ["a.csv", "a.jsonl"] {
                match read(Path::new(name), &bytes) {
                    Ok(rows) => prop_assert!(!rows.is_empty() && rows.iter().all(|row| !row.file.is_empty())),
                    Err(fault) => prop_assert!(!fault.message.is_empty() && !fault.help.is_empty()),
                }
            }
        });
    }
}
