//! Lines that say of themselves whether they are whole.
//!
//! A line is one JSON object with a format version. Its last member is a checksum of the text before it, so that a torn line
//! is known as such; a reader skips it and loses no other.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Stands between a line's body and its checksum.
const SEAL: &str = ",\"checksum\":\"";

/// What a body begins with whose first member is the version.
const FIRST: &str = "{\"version\":";

/// Hex digits of a checksum.
pub(crate) const SEAL_DIGITS: usize = 16;

/// What a line turns out to be.
pub(crate) enum Line<T> {
    /// Whole, and understood.
    Entry(Box<T>),
    /// Whole, and of another format version.
    Newer(u32),
    /// Torn or damaged.
    Damaged,
}

/// Reads all lines of a file of one format version, in order.
pub(crate) fn lines<T: DeserializeOwned>(bytes: &[u8], version: u32) -> impl Iterator<Item = Line<T>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(move |line| read(line, version))
}

/// Reads one line with its end.
pub(crate) fn read<T: DeserializeOwned>(line: &[u8], version: u32) -> Line<T> {
    let Some(body) = std::str::from_utf8(line).ok().and_then(unseal) else { return Line::Damaged };
    match version_of(&body) {
        Some(found) if found == version => serde_json::from_str(&body).map_or(Line::Damaged, Line::Entry),
        Some(found) => Line::Newer(found),
        None => Line::Damaged,
    }
}

/// The format version that a body names, which comes first in those that are written here.
fn version_of(body: &str) -> Option<u32> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let first =
        body.strip_prefix(FIRST).and_then(|rest| rest.split_once(',')).and_then(|(digits, _)| digits.parse().ok());
    // Whoever wrote it may have put it elsewhere.
    first.or_else(|| serde_json::from_str(body).ok().map(|Version { version }| version))
}

/// The line that holds `body`, a JSON object, with its checksum as the last member.
pub(crate) fn seal(body: &str) -> String {
    let open = body.strip_suffix('}').expect("a sealed line is a JSON object");
    format!("{open}{SEAL}{}\"}}\n", checksum(open))
}

/// The JSON object in a line, if its checksum holds.
fn unseal(line: &str) -> Option<String> {
    let sealed = line.strip_suffix("\"}\n")?;
    let (open, digits) = sealed.rsplit_once(SEAL)?;
    (digits == checksum(open)).then(|| format!("{open}}}"))
}

/// What tells a text from most others.
pub(crate) fn checksum(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..SEAL_DIGITS].to_owned()
}
