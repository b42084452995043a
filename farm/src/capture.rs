//! Keeps what a process prints, within bounds.

use std::collections::VecDeque;

/// Bytes kept of the beginning, where loaders complain, and as many of the end, where the last words are. A plugin that
/// prints in every block must fill neither memory nor disk.
const KEPT: usize = 256 << 10;

/// Lines of a report, and bytes of each.
const LINES: usize = 20;
const LINE_BYTES: usize = 400;

/// What a process printed.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Capture {
    pub fn push(&mut self, bytes: &[u8]) {
        let room = KEPT - self.head.len();
        let (first, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let surplus = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..surplus);
        self.dropped += surplus as u64;
    }

    pub fn clear(&mut self) {
        *self = Capture::default();
    }

    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// Everything kept, with a note where something is missing.
    pub fn contents(&self) -> Vec<u8> {
        let mut all = self.head.clone();
        if self.dropped > 0 {
            all.extend(format!("\n[... {} bytes are left out here ...]\n", self.dropped).bytes());
        }
        all.extend(&self.tail);
        all
    }

    /// The last lines, the latest last, readable whatever was printed.
    pub fn last_lines(&self) -> Vec<String> {
        let all = self.contents();
        let near = &all[all.len().saturating_sub(LINES * LINE_BYTES * 4)..];
        let text = String::from_utf8_lossy(near);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(LINES)..].iter().map(|line| readable(line)).collect()
    }
}

/// Cuts a long line and takes control characters out, which would move the cursor of a terminal.
fn readable(line: &str) -> String {
    let mut short: String = line.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
    if short.len() > LINE_BYTES {
        let end = (0..=LINE_BYTES).rev().find(|at| short.is_char_boundary(*at)).expect("0 is a boundary");
        short.truncate(end);
        short.push_str(" ...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_of_much_output_are_kept() {
        let mut capture = Capture::default();
        capture.push(b"first words\n");
        for line in 0..200_000 {
            capture.push(format!("line {line}\n").as_bytes());
        }
        let text = String::from_utf8(capture.contents()).unwrap();
        assert!(text.starts_with("first words\nline 0\n"), "{}", &text[..40]);
        assert!(text.ends_with("line 199999\n"));
        assert!(text.contains("bytes are left out here"));
        assert!(text.len() < 2 * KEPT + 100);
        let lines = capture.last_lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[19].as_str()), (20, "line 199980", "line 199999"));
    }

    #[test]
    fn lines_are_readable_whatever_was_printed() {
        let mut capture = Capture::default();
        capture.push(b"\x1b[31mred\x1b[0m\n\n\xff\xfe\n");
        capture.push("ü".repeat(300).as_bytes());
        let lines = capture.last_lines();
        assert_eq!(lines[..2], ["[31mred[0m", "\u{fffd}\u{fffd}"]);
        assert_eq!(lines[2], format!("{} ...", "ü".repeat(200)));
    }

    #[test]
    fn exactly_what_fits_is_kept_whole() {
        let mut capture = Capture::default();
        assert!(capture.is_empty() && capture.last_lines().is_empty());
        let bytes = vec![b'x'; 2 * KEPT];
        capture.push(&bytes);
        assert_eq!(capture.contents(), bytes);
        capture.push(b"y");
        assert_eq!(capture.dropped, 1);
    }
}
