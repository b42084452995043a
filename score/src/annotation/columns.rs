//! Labels and beats in lines of text: a time or two in each, and whatever else.

use std::ops::Range;

use super::cells::{Number, Separator};
use super::time::TimeUnit;
use super::{AnnotationProblem, Carried, TimeChange};

/// Whole numbers from here on are no seconds, which would be most of three hours. As HTK's labels they would be a
/// thousandth of one.
const NO_SECONDS: f64 = 10_000.0;

/// How a file parts the cells of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// By spaces and tabs, unless something else shows.
    Lines,
    /// Likewise, and large whole numbers count 100 ns.
    Labels,
    /// As most programs write tables, with names in the first line or without.
    Separated,
}

/// What the times of a table mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Start,
    End,
    Length,
}

/// A column that holds times.
#[derive(Clone, Copy, Debug)]
struct Column {
    index: usize,
    meaning: Meaning,
    unit: TimeUnit,
}

/// A table taken apart. Lines that hold no times, such as comments, are not among its rows.
pub(super) struct Table {
    /// The number of each row's line from 0, and its cells.
    rows: Vec<(usize, Vec<Range<usize>>)>,
    /// Every line with its end.
    lines: Vec<Range<usize>>,
    names: Option<Vec<String>>,
    layout: Layout,
}

/// Makes the lines of a take.
pub(super) fn carry(bytes: &[u8], layout: Layout, change: &TimeChange) -> Result<Carried, AnnotationProblem> {
    let table = Table::of(bytes, layout);
    let columns = match table.columns(bytes) {
        Ok(columns) => columns,
        // What holds no times is as true of the take.
        Err(AnnotationProblem::Line { .. }) if !change.is_cut() => return Ok(Carried::Copied),
        Err(problem) => return Err(problem),
    };
    if !change.is_cut() && columns.iter().all(|column| column.unit != TimeUnit::Frames) {
        return Ok(Carried::Copied);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rows = table.rows.iter().peekable();
    for (number, line) in table.lines.iter().enumerate() {
        match rows.next_if(|(row, _)| *row == number) {
            None => out.extend_from_slice(&bytes[line.clone()]),
            Some((_, cells)) => {
                let Some(changes) = row(bytes, number, cells, &columns, change)? else { continue };
                let mut at = line.start;
                for (cell, text) in changes {
                    out.extend_from_slice(&bytes[at..cell.start]);
                    out.extend_from_slice(text.as_bytes());
                    at = cell.end;
                }
                out.extend_from_slice(&bytes[at..line.end]);
            }
        }
    }
    Ok(Carried::Rewritten(out))
}

/// Cells and what they become.
type Changes = Vec<(Range<usize>, String)>;

/// What changes in a row, in order; `None` if it is no part of the take.
fn row(
    bytes: &[u8],
    line: usize,
    cells: &[Range<usize>],
    columns: &[Column],
    change: &TimeChange,
) -> Result<Option<Changes>, AnnotationProblem> {
    let mut numbers = Vec::with_capacity(columns.len());
    for column in columns {
        numbers.push(number(bytes, line, cells, column.index)?);
    }
    let seconds = |at: usize| numbers[at].value / columns[at].unit.per_second(change.rate_in);
    let find = |meaning| columns.iter().position(|column| column.meaning == meaning);
    let start = seconds(find(Meaning::Start).expect("a table of times has a start"));
    let end = match (find(Meaning::End), find(Meaning::Length)) {
        (Some(end), _) => Some(seconds(end)),
        (None, Some(length)) => Some(start + seconds(length)),
        (None, None) => None,
    };
    let new = match end {
        Some(end) => change.stretch(start, end),
        None => change.instant(start).map(|at| (at, at)),
    };
    let Some((new_start, new_end)) = new else { return Ok(None) };
    let mut changes: Changes = Vec::with_capacity(columns.len());
    for (column, number) in columns.iter().zip(numbers) {
        let seconds = match column.meaning {
            Meaning::Start => new_start,
            Meaning::End => new_end,
            Meaning::Length => new_end - new_start,
        };
        let value = seconds * column.unit.per_second(change.rate_out);
        // What stays the same stays to the last digit.
        if (value - number.value).abs() > 1e-9 * value.abs() {
            changes.push((cells[column.index].clone(), number.rewritten(value, column.unit != TimeUnit::Seconds)));
        }
    }
    changes.sort_by_key(|(cell, _)| cell.start);
    Ok(Some(changes))
}

fn number(bytes: &[u8], line: usize, cells: &[Range<usize>], column: usize) -> Result<Number, AnnotationProblem> {
    let problem = |what| AnnotationProblem::Line { line: line + 1, what };
    let cell = cells.get(column).ok_or_else(|| problem("it ends before its time"))?;
    Number::of(&bytes[cell.clone()]).ok_or_else(|| problem("there is no number where its time is due"))
}

impl Table {
    pub fn of(bytes: &[u8], layout: Layout) -> Table {
        let mut lines = Vec::new();
        let mut start = 0;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            lines.push(start..start + line.len());
            start += line.len();
        }
        // The mark of UTF-8 in front of a file is no part of its first number.
        let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let mut table = Table { rows: Vec::new(), names: None, lines, layout };
        let mut separator = None;
        for (number, line) in table.lines.iter().enumerate() {
            let start = if number == 0 { mark } else { line.start };
            let text = &bytes[start..line.end];
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
            if matches!(first, None | Some(b'#' | b'%')) || text.starts_with(b"//") {
                continue;
            }
            let separator = *separator.get_or_insert_with(|| match (layout, Separator::of(text)) {
                // A label may hold a comma; a line of a label file that has tabs or spaces is parted by them.
                (Layout::Lines | Layout::Labels, _) if Separator::Space.cells(text, 0).len() > 1 => Separator::Space,
                (_, found) => found,
            });
            let cells = separator.cells(text, start);
            let is_name = |cell: &Range<usize>| Number::of(&bytes[cell.clone()]).is_none();
            if layout == Layout::Separated
                && table.rows.is_empty()
                && table.names.is_none()
                && cells.iter().all(is_name)
            {
                let name = |cell: &Range<usize>| String::from_utf8_lossy(&bytes[cell.clone()]).to_lowercase();
                table.names = Some(cells.iter().map(name).collect());
                continue;
            }
            table.rows.push((number, cells));
        }
        table
    }

    /// Start of each row in seconds, and what stands behind it. Times in frames or milliseconds need names that say so.
    pub fn instants<'a>(
        &'a self,
        bytes: &'a [u8],
        rate: audio::SampleRate,
    ) -> Result<Vec<Instant<'a>>, AnnotationProblem> {
        let columns = self.columns(bytes)?;
        let start = columns.iter().find(|column| column.meaning == Meaning::Start).expect("it has a start");
        let last = columns.iter().map(|column| column.index).max().unwrap_or(0);
        let named =
            |name: &String| matches!(name.trim(), "beat" | "beat_number" | "position" | "beat_in_bar" | "label");
        let behind = self.names.as_ref().and_then(|names| names.iter().position(named)).unwrap_or(last + 1);
        let row = |(line, cells): &'a (usize, Vec<Range<usize>>)| {
            let seconds = number(bytes, *line, cells, start.index)?.value / start.unit.per_second(rate);
            Ok((seconds, cells.get(behind).map(|cell| &bytes[cell.clone()])))
        };
        self.rows.iter().map(row).collect()
    }

    /// Which columns hold times.
    fn columns(&self, bytes: &[u8]) -> Result<Vec<Column>, AnnotationProblem> {
        let named: Vec<Column> =
            self.names.iter().flatten().enumerate().filter_map(|(index, name)| column(index, name)).collect();
        if named.iter().any(|column| column.meaning == Meaning::Start) {
            return Ok(named);
        }
        let mut first = Shape::default();
        let mut second = Some(Shape::default());
        let mut fewest = usize::MAX;
        let mut rising = true;
        for (line, cells) in &self.rows {
            let start = number(bytes, *line, cells, 0)?;
            first.add(start);
            fewest = fewest.min(cells.len());
            match (cells.get(1).and_then(|cell| Number::of(&bytes[cell.clone()])), &mut second) {
                (Some(end), Some(shape)) => {
                    shape.add(end);
                    rising &= end.value >= start.value;
                }
                _ => second = None,
            }
        }
        let stretches = second.as_ref().is_some_and(|second| rising && first.begins(second, fewest));
        let unit = match first.largest.max(second.map_or(0.0, |second| if stretches { second.largest } else { 0.0 })) {
            largest if first.whole && largest >= NO_SECONDS => {
                // Frames and milliseconds look the same. Label files know neither.
                if self.layout != Layout::Labels {
                    return Err(AnnotationProblem::UnknownUnit { largest });
                }
                TimeUnit::Htk
            }
            _ => TimeUnit::Seconds,
        };
        let mut columns = vec![Column { index: 0, meaning: Meaning::Start, unit }];
        if stretches {
            columns.push(Column { index: 1, meaning: Meaning::End, unit });
        }
        Ok(columns)
    }
}

/// Seconds, and what stands behind them.
type Instant<'a> = (f64, Option<&'a [u8]>);

/// What the numbers of a column have in common.
pub(super) struct Shape {
    pub whole: bool,
    pub largest: f64,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape { whole: true, largest: 0.0 }
    }
}

impl Shape {
    fn add(&mut self, number: Number) {
        self.whole &= number.whole;
        self.largest = self.largest.max(number.value);
    }

    /// Whether these are starts and those, which are never less, their ends. Beats have a whole number behind their time
    /// as well: that of the beat in its bar. It is not taken for a time unless the times are whole too and something
    /// else follows, as in `0 2 verse`.
    pub fn begins(&self, second: &Shape, columns: usize) -> bool {
        !second.whole || (self.whole && columns >= 3)
    }
}

/// The times that a column of such a name holds, if any.
fn column(index: usize, name: &str) -> Option<Column> {
    let name: String = name.trim().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let name = name.trim_matches('_');
    let (bare, unit) = match name.rsplit_once('_') {
        Some((bare, "s" | "sec" | "secs" | "second" | "seconds")) => (bare, TimeUnit::Seconds),
        Some((bare, "ms" | "msec" | "milliseconds")) => (bare, TimeUnit::Milliseconds),
        Some((bare, "frame" | "frames" | "sample" | "samples")) => (bare, TimeUnit::Frames),
        _ => match name {
            "s" | "sec" | "secs" | "seconds" => ("time", TimeUnit::Seconds),
            "ms" | "msec" | "milliseconds" => ("time", TimeUnit::Milliseconds),
            "frame" | "frames" | "sample" | "samples" | "frame_index" | "sample_index" => ("time", TimeUnit::Frames),
            _ => (name, TimeUnit::Seconds),
        },
    };
    let meaning = match bare.trim_end_matches('_') {
        "time" | "times" | "start" | "start_time" | "onset" | "onset_time" | "begin" | "beat_time" | "timestamp" => {
            Meaning::Start
        }
        "end" | "end_time" | "offset" | "offset_time" | "stop" => Meaning::End,
        "duration" | "dur" | "length" => Meaning::Length,
        _ => return None,
    };
    Some(Column { index, meaning, unit })
}
