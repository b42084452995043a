//! One note of a SoundFont, exact to the frame.
//!
//! rustysynth takes events only at the start of its internal blocks. So every note gets a synthesizer of its own whose
//! blocks start with the note: its first frame is the frame of its event, and the same note sounds the same wherever it
//! stands. What happens to it later (release, controllers, bend) takes effect at the next multiple of [`GRID`] frames
//! after its onset, which is at most 7 frames late.

use std::sync::Arc;

use audio::event::NoteId;
use rustysynth::{SoundFont, Synthesizer, SynthesizerError, SynthesizerSettings};

/// Frames of the synthesizer's internal blocks; the fewest that it can do.
pub(crate) const GRID: usize = 8;

/// Voices of one note: layers times stereo sides.
const VOICES: usize = 16;

/// A released note that gives nothing but exact zeros for this long has ended. (The synthesizer does not tell.)
const SILENCE_SECONDS: f64 = 0.5;

/// How fast a note of the same exclusive class, such as an open hi-hat, is cut off.
const CHOKE_SECONDS: f64 = 0.005;

/// Who is playing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    pub channel: u8,
    pub key: u8,
    pub id: Option<NoteId>,
    pub exclusive_class: i32,
    /// Counts notes up from the start of the render.
    pub number: u64,
}

/// A synthesizer for one note at a time.
pub(crate) struct Lane {
    synthesizer: Synthesizer,
    note: Option<Note>,
    held: bool,
    /// Nothing of the note was rendered so far.
    fresh: bool,
    /// Frames into the synthesizer's current block.
    phase: usize,
    /// Frames of exact silence up to now, and as many as mean the end.
    quiet: u64,
    enough: u64,
    /// Frames left until it is cut off.
    choke: Option<u32>,
    choke_length: u32,
}

impl Lane {
    pub fn new(soundfont: &Arc<SoundFont>, sample_rate: u32) -> Result<Lane, SynthesizerError> {
        let mut settings = SynthesizerSettings::new(i32::try_from(sample_rate).unwrap_or(i32::MAX));
        settings.block_size = GRID;
        settings.maximum_polyphony = VOICES;
        settings.enable_reverb_and_chorus = false;
        let rate = f64::from(sample_rate);
        Ok(Lane {
            synthesizer: Synthesizer::new(soundfont, &settings)?,
            note: None,
            held: false,
            fresh: false,
            phase: 0,
            quiet: 0,
            enough: (SILENCE_SECONDS * rate) as u64,
            choke: None,
            choke_length: (CHOKE_SECONDS * rate).max(1.0) as u32,
        })
    }

    pub fn note(&self) -> Option<&Note> {
        self.note.as_ref()
    }

    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Silent at this moment, for a while.
    pub fn is_quiet(&self) -> bool {
        self.quiet >= self.enough / 4
    }

    /// A channel message. Every lane gets all of them, playing or not.
    pub fn message(&mut self, channel: u8, command: u8, first: i32, second: i32) {
        self.synthesizer.process_midi_message(i32::from(channel), i32::from(command), first, second);
    }

    /// Starts a note with the next frame; what played before is gone.
    pub fn start(&mut self, note: Note, velocity: i32) {
        self.clear();
        self.note = Some(note);
        self.held = true;
        self.fresh = true;
        self.synthesizer.note_on(i32::from(note.channel), i32::from(note.key), velocity);
    }

    pub fn release(&mut self) {
        if let (Some(note), true) = (&self.note, self.held) {
            self.synthesizer.note_off(i32::from(note.channel), i32::from(note.key));
            self.held = false;
        }
    }

    /// Marks the note as released where a message has released it already.
    pub fn mark_released(&mut self) {
        self.held = false;
    }

    /// Whether it has a note of which nothing was heard so far.
    pub fn is_fresh(&self) -> bool {
        self.note.is_some() && self.fresh
    }

    /// Fades the note out at once.
    pub fn choke(&mut self) {
        if self.note.is_some() && self.choke.is_none() {
            self.choke = Some(self.choke_length);
        }
        self.held = false;
    }

    /// Falls silent, ready to start at the beginning of a block.
    pub fn clear(&mut self) {
        self.synthesizer.note_off_all(true);
        if self.phase != 0 {
            let rest = GRID - self.phase;
            let (mut left, mut right) = ([0.0; GRID], [0.0; GRID]);
            self.synthesizer.render(&mut left[..rest], &mut right[..rest]);
            self.phase = 0;
        }
        self.note = None;
        self.held = false;
        self.quiet = 0;
        self.choke = None;
    }

    /// Forgets notes and everything that messages have set.
    pub fn reset(&mut self) {
        self.clear();
        self.synthesizer.reset();
    }

    /// Overwrites `left` and `right` with what comes next. Frees the lane once the note has ended.
    pub fn render(&mut self, left: &mut [f32], right: &mut [f32]) {
        self.synthesizer.render(left, right);
        self.phase = (self.phase + left.len()) % GRID;
        self.fresh = false;
        if let Some(frames) = &mut self.choke {
            for (left, right) in left.iter_mut().zip(right.iter_mut()) {
                *frames = frames.saturating_sub(1);
                let gain = *frames as f32 / self.choke_length as f32;
                *left *= gain;
                *right *= gain;
            }
        }
        let last = left.iter().zip(right.iter()).rposition(|(l, r)| *l != 0.0 || *r != 0.0);
        self.quiet = match last {
            Some(frame) => (left.len() - 1 - frame) as u64,
            None => self.quiet + left.len() as u64,
        };
        if (!self.held && self.quiet >= self.enough) || self.choke == Some(0) {
            self.clear();
        }
    }
}
