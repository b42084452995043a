//! From the bytes of a Standard MIDI File to its events.
//!
//! Written here after the Standard MIDI Files 1.0 specification, since the parsers at hand either stop in the middle of
//! a track without a word or refuse whole files for a meta event that nobody needs. What sloppy programs write and
//! every player takes is taken: a missing end of track, bytes behind the last chunk, running status across meta events,
//! a last chunk whose stated length is too large. What would lose notes is refused.

use std::sync::Arc;

use crate::{Division, ScoreProblem};

/// A file taken apart.
pub(crate) struct File {
    /// 0, 1 or 2.
    pub format: u16,
    pub division: Division,
    pub tracks: Vec<Vec<Event>>,
    pub skipped: Skipped,
}

/// How many messages could not be taken over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skipped {
    /// Escaped bytes that are no system exclusive message.
    pub escapes: usize,
    /// System exclusive messages that never end.
    pub unfinished: usize,
}

/// One event, at ticks from the start.
pub(crate) struct Event {
    pub tick: u64,
    pub body: Body,
}

/// What an event says.
pub(crate) enum Body {
    /// A channel message; unused bytes are 0.
    Channel([u8; 3]),
    /// With its leading F0 and closing F7.
    Sysex(Arc<[u8]>),
    /// Microseconds a quarter note, above 0.
    Tempo(u32),
    /// Beats in a bar, above 0, and their unit. `notation` is what only a metronome and a score need of it.
    Meter { numerator: u8, denominator: u16, notation: [u8; 2] },
    /// The track's name.
    Name(String),
    /// The MIDI port that the track plays on, where a song has more than sixteen channels.
    Port(u8),
    /// Any other meta event; it means nothing to the sound.
    Meta { kind: u8, data: Arc<[u8]> },
    /// Escaped bytes that are no system exclusive message.
    Escape(Arc<[u8]>),
    /// The track lasts until here.
    End,
}

impl Body {
    /// Clocks of a click and 32nd notes of a quarter, as in nearly every file.
    pub const USUAL_NOTATION: [u8; 2] = [24, 8];
}

pub(crate) fn file(bytes: &[u8]) -> Result<File, ScoreProblem> {
    if bytes.is_empty() {
        return Err(ScoreProblem::Empty);
    }
    let mut at = smf_start(bytes);
    if bytes[at..].get(..4) != Some(b"MThd") {
        return Err(ScoreProblem::NotMidi);
    }
    let cut = |missing: &str| ScoreProblem::Truncated { missing: missing.to_owned() };
    let header = bytes.get(at + 4..at + 14).ok_or_else(|| cut("it ends within its header"))?;
    let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (format, promised, division) = (word(4), usize::from(word(6)), word(8));
    match format {
        0..=2 => {}
        other => return Err(ScoreProblem::UnknownFormat(other)),
    }
    let division = self::division(division)?;
    if promised == 0 {
        return Err(ScoreProblem::NoTracks);
    }
    at = at.saturating_add(8).saturating_add(length.max(6));

    let mut tracks = Vec::new();
    let mut skipped = Skipped::default();
    while let Some(head) = bytes.get(at..at.saturating_add(8)) {
        let size = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let start = at + 8;
        let present = bytes.len() - start;
        if &head[..4] == b"MTrk" {
            let data = &bytes[start..start + size.min(present)];
            let mut track =
                Reader { bytes: data, at: 0, file_offset: start, track: tracks.len(), skipped: &mut skipped };
            let ends = track.events();
            if size > present && !matches!(&ends, Ok((_, true))) {
                return Err(ScoreProblem::Truncated {
                    missing: format!("track {} promises {size} bytes, {present} are there", tracks.len()),
                });
            }
            tracks.push(ends?.0);
        } else if tracks.len() >= promised {
            // Whatever stands behind the last track is no music.
            break;
        }
        at = start.saturating_add(size);
    }
    if tracks.len() < promised {
        return Err(ScoreProblem::Truncated {
            missing: format!("the header promises {promised} tracks, {} are there", tracks.len()),
        });
    }
    Ok(File { format, division, tracks, skipped })
}

/// Where the MIDI file begins: behind the header of a RIFF container, if it lies in one.
fn smf_start(bytes: &[u8]) -> usize {
    if !bytes.starts_with(b"RIFF") || bytes.get(8..12) != Some(b"RMID") {
        return 0;
    }
    let mut at = 12usize;
    while let Some(head) = bytes.get(at..at.saturating_add(8)) {
        if &head[..4] == b"data" {
            return at + 8;
        }
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        at = at.saturating_add(8).saturating_add(size).saturating_add(size % 2);
    }
    0
}

fn division(word: u16) -> Result<Division, ScoreProblem> {
    let [high, low] = word.to_be_bytes();
    if word == 0 {
        return Err(ScoreProblem::Division(word));
    }
    if high < 0x80 {
        return Ok(Division::Quarter(word));
    }
    // The high byte is the film's frames a second, negated; 29 means 30 drop-frame, which is 30000/1001.
    let (frames, seconds) = match high.wrapping_neg() {
        29 => (30_000, 1_001),
        frames @ (24 | 25 | 30) => (u32::from(frames), 1),
        _ => return Err(ScoreProblem::Division(word)),
    };
    match low {
        0 => Err(ScoreProblem::Division(word)),
        ticks => Ok(Division::Seconds { ticks: frames * u32::from(ticks), seconds }),
    }
}

/// Reads one track chunk.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    file_offset: usize,
    track: usize,
    skipped: &'a mut Skipped,
}

impl<'a> Reader<'a> {
    /// The chunk's events, and whether its end was marked.
    fn events(&mut self) -> Result<(Vec<Event>, bool), ScoreProblem> {
        let mut events = Vec::new();
        let mut tick = 0u64;
        let mut running = None;
        let mut sysex: Option<Vec<u8>> = None;
        while self.at < self.bytes.len() {
            tick += u64::from(self.number()?);
            let start = self.at;
            let status = match self.byte()? {
                status @ 0x80.. => status,
                _ => {
                    self.at = start;
                    running.ok_or_else(|| self.damaged(start, "a data byte stands where a message begins"))?
                }
            };
            let body = match status {
                0x80..=0xef => {
                    running = Some(status);
                    let first = self.data_byte()?;
                    let second = if matches!(status >> 4, 0xc | 0xd) { 0 } else { self.data_byte()? };
                    Some(Body::Channel([status, first, second]))
                }
                0xf0 => {
                    let data = self.counted()?;
                    // One that another follows instead of its rest stays unfinished.
                    self.skipped.unfinished += usize::from(sysex.take().is_some());
                    self::sysex(&mut sysex, [&[0xf0], data].concat())
                }
                // Goes on with a message that was split, or escapes bytes: a whole message, or what files cannot hold.
                0xf7 => {
                    let data = self.counted()?;
                    match sysex.take() {
                        Some(begun) => self::sysex(&mut sysex, [&begun, data].concat()),
                        None if data.len() > 1 && data[0] == 0xf0 => self::sysex(&mut sysex, data.to_vec()),
                        None => {
                            self.skipped.escapes += 1;
                            Some(Body::Escape(data.into()))
                        }
                    }
                }
                0xff => match self.meta(tick)? {
                    Some(Body::End) => {
                        self.skipped.unfinished += usize::from(sysex.is_some());
                        events.push(Event { tick, body: Body::End });
                        return Ok((events, true));
                    }
                    body => body,
                },
                _ => return Err(self.damaged(start, "a system message that files cannot hold")),
            };
            events.extend(body.map(|body| Event { tick, body }));
        }
        self.skipped.unfinished += usize::from(sysex.is_some());
        events.push(Event { tick, body: Body::End });
        Ok((events, false))
    }

    fn meta(&mut self, tick: u64) -> Result<Option<Body>, ScoreProblem> {
        let kind = self.byte()?;
        let start = self.at;
        let data = self.counted()?;
        Ok(match (kind, data) {
            (0x03, name) => Some(Body::Name(text(name))),
            (0x21, &[port, ..]) => Some(Body::Port(port)),
            (0x2f, _) => Some(Body::End),
            (0x51, &[a, b, c, ..]) => match u32::from_be_bytes([0, a, b, c]) {
                0 => return Err(ScoreProblem::ZeroTempo { track: self.track, tick }),
                microseconds => Some(Body::Tempo(microseconds)),
            },
            (0x58, &[numerator, power, ref notation @ ..]) => {
                if numerator == 0 || power > 8 {
                    return Err(ScoreProblem::Meter { track: self.track, tick, numerator, power });
                }
                let notation = notation.first_chunk().copied().unwrap_or(Body::USUAL_NOTATION);
                Some(Body::Meter { numerator, denominator: 1 << power, notation })
            }
            (0x51 | 0x58, _) => return Err(self.damaged(start, "a tempo or time signature is too short")),
            (kind, data) => Some(Body::Meta { kind, data: data.into() }),
        })
    }

    fn byte(&mut self) -> Result<u8, ScoreProblem> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.damaged(self.at, "the track ends within an event"))?;
        self.at += 1;
        Ok(byte)
    }

    fn data_byte(&mut self) -> Result<u8, ScoreProblem> {
        match self.byte()? {
            byte @ 0..0x80 => Ok(byte),
            _ => Err(self.damaged(self.at - 1, "a status byte stands where a message's data is due")),
        }
    }

    /// A variable-length number of at most four bytes.
    fn number(&mut self) -> Result<u32, ScoreProblem> {
        let start = self.at;
        let mut number = 0;
        for _ in 0..4 {
            let byte = self.byte()?;
            number = number << 7 | u32::from(byte & 0x7f);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.damaged(start, "a number is longer than four bytes"))
    }

    /// As many bytes as the number in front of them says.
    fn counted(&mut self) -> Result<&'a [u8], ScoreProblem> {
        let start = self.at;
        let count = self.number()? as usize;
        let rest = &self.bytes[self.at..];
        let bytes = rest.get(..count).ok_or_else(|| self.damaged(start, "an event is longer than its track"))?;
        self.at += count;
        Ok(bytes)
    }

    fn damaged(&self, at: usize, what: &'static str) -> ScoreProblem {
        ScoreProblem::Damaged { track: self.track, offset: self.file_offset + at, what }
    }
}

/// A system exclusive message, if it is complete; else keeps it in `begun`.
fn sysex(begun: &mut Option<Vec<u8>>, bytes: Vec<u8>) -> Option<Body> {
    if bytes.last() == Some(&0xf7) {
        return Some(Body::Sysex(bytes.into()));
    }
    *begun = Some(bytes);
    None
}

/// Files state no encoding: UTF-8 where it is valid, else Latin-1.
fn text(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    };
    text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned()
}
