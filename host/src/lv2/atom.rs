//! Atoms: sequences of events as they are written for a plugin and read from it.
//!
//! An atom is its size and type, four bytes each, and a body; whatever follows begins at the next multiple of eight.

use super::urid::KNOWN;

/// Bytes of an atom's header.
const HEADER: usize = 8;
/// Bytes of a sequence's body before its first event: unit and padding.
const SEQUENCE_HEADER: usize = 8;
/// Bytes of an event before its body: the frame and the atom's header.
const EVENT_HEADER: usize = 16;

fn padded(size: usize) -> usize {
    size.next_multiple_of(8)
}

/// A buffer that begins at a multiple of eight, as atoms must.
#[derive(Clone, Debug, Default)]
struct Words(Vec<u64>);

impl Words {
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: eight bytes a word lie in a row there, of which every pattern is valid.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 8) }
    }

    fn as_bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: likewise, and nothing else refers to them meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 8) }
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }
}

/// Events for a plugin to read. Kept from block to block.
#[derive(Debug)]
pub(super) struct Input {
    words: Words,
    /// Bytes in use.
    used: usize,
}

impl Input {
    /// With room for at least `capacity` bytes at first.
    pub(super) fn new(capacity: usize) -> Input {
        let mut input = Input { words: Words(vec![0; capacity.div_ceil(8).max(4)]), used: 0 };
        input.clear();
        input
    }

    /// Begins a block.
    pub(super) fn clear(&mut self) {
        self.used = HEADER + SEQUENCE_HEADER;
        self.words.0[1] = 0;
        self.seal();
    }

    /// Writes the size of what is there.
    fn seal(&mut self) {
        let (size, kind) = ((self.used - HEADER) as u32, KNOWN.sequence);
        let bytes = self.words.as_bytes_mut();
        bytes[..4].copy_from_slice(&size.to_ne_bytes());
        bytes[4..8].copy_from_slice(&kind.to_ne_bytes());
    }

    /// Adds an event; frames never go back.
    pub(super) fn push(&mut self, frame: u32, kind: u32, body: &[u8]) {
        let end = self.used + padded(EVENT_HEADER + body.len());
        if end > self.words.0.len() * 8 {
            self.words.0.resize(end.next_power_of_two() / 8, 0);
        }
        let event = &mut self.words.as_bytes_mut()[self.used..end];
        event[..8].copy_from_slice(&i64::from(frame).to_ne_bytes());
        event[8..12].copy_from_slice(&(body.len() as u32).to_ne_bytes());
        event[12..16].copy_from_slice(&kind.to_ne_bytes());
        event[16..16 + body.len()].copy_from_slice(body);
        event[16 + body.len()..].fill(0);
        self.used = end;
        self.seal();
    }

    /// Where the atom begins; changes when the buffer grows.
    pub(super) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.words.as_mut_ptr()
    }
}

/// Room for what a plugin gives out.
#[derive(Debug)]
pub(super) struct Output {
    words: Words,
}

impl Output {
    pub(super) fn new(capacity: usize) -> Output {
        Output { words: Words(vec![0; capacity.div_ceil(8).max(4)]) }
    }

    /// Says how much room there is, as before each run.
    pub(super) fn clear(&mut self) {
        let room = (self.words.0.len() * 8 - HEADER) as u32;
        let bytes = self.words.as_bytes_mut();
        bytes[..4].copy_from_slice(&room.to_ne_bytes());
        bytes[4..8].copy_from_slice(&KNOWN.chunk.to_ne_bytes());
        // A plugin that writes nothing at all leaves an empty sequence's beginning.
        bytes[8..16].fill(0);
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.words.as_mut_ptr()
    }

    /// Everything in it: frame, type and body of each event.
    pub(super) fn events(&self) -> Events<'_> {
        let bytes = self.words.as_bytes();
        let (size, kind) = (word(bytes, 0), word(bytes, 4));
        // A plugin that wrote nothing left the chunk there.
        let end = match (size, kind) {
            (Some(size), Some(kind)) if kind == KNOWN.sequence => (HEADER + size as usize).min(bytes.len()),
            _ => 0,
        };
        Events { bytes: &bytes[..end], at: HEADER + SEQUENCE_HEADER }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().expect("four bytes")))
}

/// The events of a sequence.
pub(super) struct Events<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Events<'a> {
    type Item = (i64, u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let frame = i64::from_ne_bytes(self.bytes.get(self.at..self.at + 8)?.try_into().expect("eight bytes"));
        let (size, kind) = (word(self.bytes, self.at + 8)? as usize, word(self.bytes, self.at + 12)?);
        let body = self.bytes.get(self.at + EVENT_HEADER..)?.get(..size)?;
        self.at += padded(EVENT_HEADER + size);
        Some((frame, kind, body))
    }
}

/// Bytes that a message has room for at first. No number needs more; a longer text or path takes what it needs.
const MESSAGE_ROOM: usize = 1 << 10;

/// An object's body while it is written. Kept from message to message with its room.
#[derive(Debug)]
pub(super) struct Object {
    bytes: Vec<u8>,
}

impl Object {
    pub(super) fn new() -> Object {
        Object { bytes: Vec::with_capacity(MESSAGE_ROOM) }
    }

    /// Begins another, without a name of its own, of a type.
    pub(super) fn begin(&mut self, kind: u32) -> &mut Object {
        self.bytes.clear();
        self.bytes.extend([0; 4]);
        self.bytes.extend(kind.to_ne_bytes());
        self
    }

    /// Adds a property.
    pub(super) fn put(&mut self, key: u32, kind: u32, value: &[u8]) -> &mut Object {
        for word in [key, 0, value.len() as u32, kind] {
            self.bytes.extend(word.to_ne_bytes());
        }
        self.bytes.extend(value);
        self.bytes.resize(padded(self.bytes.len()), 0);
        self
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// An object's type, and its properties: key, type and value of each.
pub(super) fn object(kind: u32, body: &[u8]) -> Option<(u32, Properties<'_>)> {
    let known = &*KNOWN;
    if ![known.object, known.blank, known.resource].contains(&kind) {
        return None;
    }
    Some((word(body, 4)?, Properties { bytes: body, at: 8 }))
}

/// The properties of an object.
pub(super) struct Properties<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Properties<'a> {
    type Item = (u32, u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let (key, size, kind) = (word(self.bytes, at)?, word(self.bytes, at + 8)? as usize, word(self.bytes, at + 12)?);
        let value = self.bytes.get(at + 16..)?.get(..size)?;
        self.at = padded(at + 16 + size);
        Some((key, kind, value))
    }
}

/// The number that an atom is.
pub(super) fn number(kind: u32, value: &[u8]) -> Option<f64> {
    let known = &*KNOWN;
    let four = || Some(<[u8; 4]>::try_from(value.get(..4)?).expect("four bytes"));
    let eight = || Some(<[u8; 8]>::try_from(value.get(..8)?).expect("eight bytes"));
    let number = match kind {
        kind if kind == known.float => f64::from(f32::from_ne_bytes(four()?)),
        kind if kind == known.double => f64::from_ne_bytes(eight()?),
        kind if kind == known.int || kind == known.bool => f64::from(i32::from_ne_bytes(four()?)),
        kind if kind == known.long => i64::from_ne_bytes(eight()?) as f64,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// The text that an atom is.
pub(super) fn text(kind: u32, value: &[u8]) -> Option<&str> {
    let known = &*KNOWN;
    let is_text = [known.string, known.path, known.uri].contains(&kind);
    let end = value.iter().position(|byte| *byte == 0).filter(|_| is_text)?;
    std::str::from_utf8(&value[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_were_written_whatever_their_length() {
        let mut input = Input::new(0);
        let bodies: Vec<Vec<u8>> = (0..40).map(|length| (0..length).collect()).collect();
        for (frame, body) in bodies.iter().enumerate() {
            input.push(frame as u32, 7, body);
        }
        assert_eq!(input.as_mut_ptr() as usize % 8, 0);
        let output = Output { words: input.words };
        let read: Vec<_> = output.events().collect();
        assert_eq!(read.len(), bodies.len());
        for (index, (frame, kind, body)) in read.into_iter().enumerate() {
            assert_eq!((frame, kind, body), (index as i64, 7, bodies[index].as_slice()));
        }
    }

    #[test]
    fn an_output_that_was_not_written_holds_nothing_and_says_its_room() {
        let mut output = Output::new(100);
        output.clear();
        assert_eq!(output.events().count(), 0);
        assert_eq!(word(output.words.as_bytes(), 0), Some(104 - 8));
    }

    #[test]
    fn sizes_that_lie_lead_nowhere() {
        let mut output = Output::new(64);
        for (at, lie) in [(0, u32::MAX), (24, u32::MAX), (24, 41), (0, 3)] {
            output.clear();
            let bytes = output.words.as_bytes_mut();
            bytes[4..8].copy_from_slice(&KNOWN.sequence.to_ne_bytes());
            bytes[at..at + 4].copy_from_slice(&lie.to_ne_bytes());
            assert!(output.events().count() <= 3, "{lie} at {at}");
        }
    }

    #[test]
    fn an_object_gives_its_properties_back() {
        let mut made = Object::new();
        made.begin(9).put(1, 2, &[3; 50]);
        made.begin(5).put(6, KNOWN.int, &1i32.to_ne_bytes()).put(7, KNOWN.path, b"/a\0");
        let (kind, properties) = object(KNOWN.object, made.as_bytes()).unwrap();
        let all: Vec<_> = properties.collect();
        assert_eq!((kind, all.len()), (5, 2));
        assert_eq!((all[0].0, number(all[0].1, all[0].2)), (6, Some(1.0)));
        assert_eq!(all[1], (7, KNOWN.path, b"/a\0".as_slice()));
        assert_eq!((text(all[1].1, all[1].2), text(all[0].1, all[0].2)), (Some("/a"), None));
        assert!(object(KNOWN.int, made.as_bytes()).is_none());
    }
}
