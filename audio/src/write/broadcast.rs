//! The `bext` chunk of Broadcast Wave (EBU Tech 3285, version 2): who made a file, when, how, and how loud it is.

use serde::{Deserialize, Serialize};

use super::WriteError;
use crate::measure::Levels;

/// What a Broadcast Wave file says about itself. All texts are ASCII. Nothing is filled in that is not stated here or
/// measured: neither the clock nor the machine is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Broadcast {
    /// What the sound is; at most 256 characters.
    pub description: String,
    /// Who made it; at most 32 characters.
    pub originator: String,
    /// The maker's own reference of it; at most 32 characters.
    pub originator_reference: String,
    /// The day that it was made on, `yyyy-mm-dd`, or nothing.
    pub date: String,
    /// The time that it was made at, `hh:mm:ss`, or nothing.
    pub time: String,
    /// The first frame's place on a timeline, in frames since midnight.
    pub time_reference: u64,
    /// How it was coded, a line for each step: `A=PCM,F=48000,W=24,M=stereo,T=tonemill`.
    pub coding_history: String,
}

/// The fields in front of the coding history.
const FIXED: usize = 602;

/// What stands where a loudness was not measured.
const UNKNOWN: i16 = 0x7fff;

impl Broadcast {
    /// Fails with [`WriteError::Broadcast`] where a text has no place in the chunk.
    pub fn check(&self) -> Result<(), WriteError> {
        for (field, text, most) in [
            ("description", &self.description, 256),
            ("originator", &self.originator, 32),
            ("originator reference", &self.originator_reference, 32),
        ] {
            if text.len() > most {
                return refuse(field, format!("has {} characters, {most} fit", text.len()));
            }
            if let Some(foreign) = text.chars().find(|c| !c.is_ascii() || c.is_ascii_control()) {
                return refuse(field, format!("holds {foreign:?}, only printable ASCII fits"));
            }
        }
        for (field, text, pattern) in [("date", &self.date, "0000-00-00"), ("time", &self.time, "00:00:00")] {
            let alike = |(c, p): (char, char)| if p == '0' { c.is_ascii_digit() } else { c == p };
            let fits = text.len() == pattern.len() && text.chars().zip(pattern.chars()).all(alike);
            if !(text.is_empty() || fits) {
                let form = if field == "date" { "yyyy-mm-dd" } else { "hh:mm:ss" };
                return refuse(field, format!("is {text:?}, not of the form {form}"));
            }
        }
        match self.coding_history.chars().find(|&c| !c.is_ascii() || c.is_ascii_control() && !"\r\n".contains(c)) {
            Some(foreign) => refuse("coding history", format!("holds {foreign:?}, only printable ASCII fits")),
            // Beyond that, header and sound would not both fit into a plain WAV.
            None if self.coding_history.len() > 1 << 20 => refuse("coding history", "is longer than 1 MiB".to_owned()),
            None => Ok(()),
        }
    }

    /// The chunk with its header and padding. Its length does not depend on the levels.
    pub(super) fn chunk(&self, levels: Option<&Levels>) -> Vec<u8> {
        let mut body = Vec::with_capacity(FIXED);
        let mut text = |text: &str, width: usize| {
            body.extend_from_slice(text.as_bytes());
            body.extend(std::iter::repeat_n(0, width - text.len()));
        };
        text(&self.description, 256);
        text(&self.originator, 32);
        text(&self.originator_reference, 32);
        text(&self.date, 10);
        text(&self.time, 8);
        body.extend_from_slice(&self.time_reference.to_le_bytes());
        body.extend_from_slice(&2u16.to_le_bytes());
        // The UMID, which nobody stated.
        body.extend_from_slice(&[0; 64]);
        let measured = |of: fn(&Levels) -> Option<f64>| {
            // The format has room for -99.99 to 99.99.
            let hundredths = levels.and_then(of).map(|level| (level * 100.0).round());
            hundredths.filter(|level| level.abs() <= 9_999.0).map_or(UNKNOWN, |level| level as i16)
        };
        for level in [
            measured(|levels| levels.loudness_lufs),
            measured(|levels| levels.range_lu),
            measured(|levels| levels.true_peak_dbtp),
            measured(|levels| levels.momentary_lufs),
            measured(|levels| levels.short_term_lufs),
        ] {
            body.extend_from_slice(&level.to_le_bytes());
        }
        body.resize(FIXED, 0);
        for line in self.coding_history.lines() {
            body.extend_from_slice(line.as_bytes());
            body.extend_from_slice(b"\r\n");
        }
        let mut chunk = b"bext".to_vec();
        chunk.extend_from_slice(&(body.len() as u32).to_le_bytes());
        chunk.extend_from_slice(&body);
        if body.len() % 2 == 1 {
            chunk.push(0);
        }
        chunk
    }
}

fn refuse(field: &'static str, problem: String) -> Result<(), WriteError> {
    Err(WriteError::Broadcast { field, problem })
}
