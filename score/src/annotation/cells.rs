//! The cells of a table in plain text, and the numbers in them.

use std::ops::Range;

/// What parts the cells of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    /// Any number of spaces and tabs.
    Space,
    /// One byte; quotes keep it inside a cell.
    Byte(u8),
}

impl Separator {
    /// The one that a line seems to use.
    pub fn of(line: &[u8]) -> Separator {
        let used = [b',', b';', b'\t'].into_iter().find(|byte| line.contains(byte));
        used.map_or(Separator::Space, Separator::Byte)
    }

    /// Where the cells of a line lie, from `offset` on, without the space and quotes around them.
    pub fn cells(self, line: &[u8], offset: usize) -> Vec<Range<usize>> {
        let mut cells = Vec::new();
        let mut start = 0;
        let mut quoted = false;
        for at in 0..=line.len() {
            let ends = at == line.len()
                || match self {
                    Separator::Space => line[at].is_ascii_whitespace(),
                    Separator::Byte(byte) => {
                        quoted ^= line[at] == b'"';
                        line[at] == byte && !quoted
                    }
                };
            if !ends {
                continue;
            }
            let mut cell = start..at;
            trim(line, &mut cell, |byte| byte.is_ascii_whitespace());
            if cell.len() >= 2 && line[cell.start] == b'"' && line[cell.end - 1] == b'"' {
                cell = cell.start + 1..cell.end - 1;
                trim(line, &mut cell, |byte| byte.is_ascii_whitespace());
            }
            if self != Separator::Space || !cell.is_empty() {
                cells.push(offset + cell.start..offset + cell.end);
            }
            start = at + 1;
        }
        cells
    }
}

fn trim(bytes: &[u8], span: &mut Range<usize>, gone: impl Fn(u8) -> bool) {
    while span.start < span.end && gone(bytes[span.start]) {
        span.start += 1;
    }
    while span.start < span.end && gone(bytes[span.end - 1]) {
        span.end -= 1;
    }
}

/// A number as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number {
    /// Always finite.
    pub value: f64,
    /// Digits behind its point.
    decimals: usize,
    /// Digits alone.
    pub whole: bool,
}

impl Number {
    /// The number that a cell holds and nothing else.
    pub fn of(cell: &[u8]) -> Option<Number> {
        let text = std::str::from_utf8(cell).ok()?;
        if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
            return None;
        }
        let value = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        let decimals = match text.split_once(['e', 'E']) {
            // NumPy writes all its numbers like this.
            Some(_) => 9,
            None => text.split_once('.').map_or(0, |(_, decimals)| decimals.len()),
        };
        Some(Number { value, decimals, whole: text.bytes().all(|byte| byte.is_ascii_digit()) })
    }

    /// Another value, written like this one: whole where this is and fractions mean nothing, else at least to a
    /// microsecond, since the frame at which a take begins is no round number of seconds.
    pub fn rewritten(self, value: f64, keep_whole: bool) -> String {
        if self.whole && keep_whole {
            return format!("{:.0}", value.max(0.0));
        }
        format!("{value:.*}", self.decimals.clamp(6, 12))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(separator: Separator, line: &str) -> Vec<&str> {
        separator.cells(line.as_bytes(), 0).into_iter().map(|cell| &line[cell]).collect()
    }

    #[test]
    fn cells_are_found_between_any_separators() {
        assert_eq!(cells(Separator::Space, " 0.5\t 1  verse one "), ["0.5", "1", "verse", "one"]);
        assert_eq!(cells(Separator::Byte(b','), r#"0.5, "a, b" ,,"1""#), ["0.5", "a, b", "", "1"]);
        assert_eq!(cells(Separator::Byte(b','), ""), [""]);
        assert_eq!(cells(Separator::Space, "  "), [""; 0]);
        assert_eq!(Separator::of(b"1;2"), Separator::Byte(b';'));
        assert_eq!(Separator::of(b"1 2"), Separator::Space);
    }

    #[test]
    fn numbers_are_written_as_they_were() {
        let rewritten = |cell: &str, value, keep| Number::of(cell.as_bytes()).unwrap().rewritten(value, keep);
        assert_eq!(rewritten("120000", 7.6, true), "8");
        assert_eq!(rewritten("12", 7.6, false), "7.600000");
        assert_eq!(rewritten("0.123456789", 0.5, false), "0.500000000");
        for no in ["", "nan", "inf", "1e999", "0x10", "1,5", "--1", "a"] {
            assert_eq!(Number::of(no.as_bytes()), None, "{no}");
        }
    }
}
