//! Tables as text (RFC 4180), read strictly: whatever can be meant in two ways is a mistake at its line and column.

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its text, without quotation marks; without blanks around it where it has none.
    pub text: String,
    /// Where it begins, in characters from 1.
    pub column: u32,
}

/// One line that is not empty. Its cells may hold line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u32,
    /// Its cells, at least one.
    pub cells: Vec<Cell>,
}

/// What is wrong with a list, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1; 0 where the whole is meant.
    pub line: u32,
    /// Column in characters, from 1; 0 likewise.
    pub column: u32,
    /// What is wrong; no full stop.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Fault {
    /// Something wrong at a place.
    pub fn at(line: u32, column: u32, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault { line, column, message: message.into(), help: help.into() }
    }
}

/// Takes a table apart.
pub fn lines(text: &str) -> Result<Vec<Line>, Fault> {
    let mut reader = Reader { rest: text, line: 1, column: 1 };
    let mut lines = Vec::new();
    while !reader.rest.is_empty() {
        let (number, mut cells) = (reader.line, Vec::new());
        let mut quoted = false;
        loop {
            quoted |= reader.rest.starts_with('"');
            cells.push(reader.cell()?);
            if !reader.skip(",") {
                break;
            }
        }
        reader.end_of_line();
        let empty = matches!(cells.as_slice(), [cell] if cell.text.is_empty() && !quoted);
        if !empty {
            lines.push(Line { number, cells });
        }
    }
    Ok(lines)
}

struct Reader<'t> {
    rest: &'t str,
    line: u32,
    column: u32,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            (self.line, self.column) = (self.line.saturating_add(1), 1);
        } else {
            self.column = self.column.saturating_add(1);
        }
        Some(c)
    }

    fn skip(&mut self, mark: &str) -> bool {
        let found = self.rest.starts_with(mark);
        if found {
            self.next();
        }
        found
    }

    fn is_at_end_of_line(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with('\n') || self.rest.starts_with("\r\n")
    }

    fn end_of_line(&mut self) {
        self.skip("\r");
        self.skip("\n");
    }

    fn cell(&mut self) -> Result<Cell, Fault> {
        let (line, column) = (self.line, self.column);
        let mut text = String::new();
        if !self.skip("\"") {
            while !self.is_at_end_of_line() && !self.rest.starts_with(',') {
                if self.rest.starts_with('"') {
                    let message = "a quotation mark stands within a cell that has none around it";
                    let help = "Put the whole cell between quotation marks, and write those within it twice.";
                    return Err(Fault::at(self.line, self.column, message, help));
                }
                text.extend(self.next());
            }
            return Ok(Cell { text: text.trim().to_owned(), column });
        }
        loop {
            match self.next() {
                Some('"') if self.skip("\"") => text.push('"'),
                Some('"') => break,
                Some(c) => text.push(c),
                None => {
                    let message = "a quotation mark opens here and never closes";
                    return Err(Fault::at(line, column, message, "Close it at the end of its cell."));
                }
            }
        }
        if !self.is_at_end_of_line() && !self.rest.starts_with(',') {
            let message = "text stands behind the quotation mark that ends its cell";
            let help = "Put a comma between two cells, and write a quotation mark within one twice.";
            return Err(Fault::at(self.line, self.column, message, help));
        }
        Ok(Cell { text, column })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        lines(text).unwrap().into_iter().map(|line| line.cells.into_iter().map(|cell| cell.text).collect()).collect()
    }

    fn fault(text: &str) -> (u32, u32, String) {
        let Fault { line, column, message, .. } = lines(text).unwrap_err();
        (line, column, message)
    }

    #[test]
    fn cells_are_what_stands_between_commas() {
        assert_eq!(cells("a,b\r\n\r\nc ,\n"), [["a", "b"], ["c", ""]]);
        assert_eq!(cells("\"x, \"\"y\"\"\n\",\" z \""), [["x, \"y\"\n", " z "]]);
        assert_eq!(cells("\"\"\n,"), [vec![""], vec!["", ""]]);
        assert_eq!(cells(""), [[""; 0]; 0]);
        let lines = lines("\"a\nb\",c\nd").unwrap();
        assert_eq!((lines[0].cells[1].column, lines[1].number), (4, 3));
    }

    #[test]
    fn what_can_be_meant_in_two_ways_is_told_at_its_place() {
        assert_eq!(
            fault("a,b\nc,x \"y\""),
            (2, 5, "a quotation mark stands within a cell that has none around it".into())
        );
        assert_eq!(fault("a\n\"b,\n"), (2, 1, "a quotation mark opens here and never closes".into()));
        assert_eq!(fault("\"a\"b"), (1, 4, "text stands behind the quotation mark that ends its cell".into()));
    }

    #[test]
    fn any_text_gives_lines_or_one_fault() {
        use proptest::prelude::*;
        proptest!(|(text in "[a,\"\n\r é]{0,40}")| {
            match lines(&text) {
                Ok(lines) => prop_assert!(lines.iter().all(|line| !line.cells.is_empty())),
                Err(fault) => prop_assert!(fault.line > 0 && fault.column > 0 && !fault.help.is_empty()),
            }
        });
    }

    #[test]
    fn cells_that_are_written_are_read() {
        use proptest::prelude::*;
        let row = || prop::collection::vec(".{0,6}", 2..4);
        proptest!(|(rows in prop::collection::vec(row(), 0..5))| {
            let quote = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(quote).collect::<Vec<_>>().join(",") + "\r\n";
            prop_assert_eq!(cells(&rows.iter().map(line).collect::<String>()), rows);
        });
    }
}
