//! Lines that say of themselves whether they are whole.
//!
//! A line is one JSON object with a format version. Its last member is a checksum of the text before it, so that a torn line
//! is known as such; a reader skips it and loses no other.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Stands between a line's body and its checksum.
const SEAL: &str = ",\"checksum\":\"";

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
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    match serde_json::from_str(&body) {
        Ok(Version { version: found }) if found == version => {}
        Ok(Version { version: found }) => return Line::Newer(found),
        Err(_) => return Line::Damaged,
    }
    serde_json::from_str(&body).map_or(Line::Damaged, Line::Entry)
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
