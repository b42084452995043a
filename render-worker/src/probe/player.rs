//! One device, ready to be played to, and what came out of it.

use std::io::{self, Read, Write};
use std::path::Path;

use audio::device::{Adaptation, ProcessError, Setup, Tail};
use audio::{Buffer, Device, Event, EventBody};
use jobs::message::Phase;
use jobs::probe::{Comparison, Fault, Sound, TailSpan, ToldTail};
use jobs::task::AudioSettings;
use mix::{RehearsalError, Slot, Turn, Watch, opening_frames};
use presets::DeviceSetup;
use score::TempoMap;

use super::process::processor_seconds;
use super::stimulus::Stimulus;
use crate::build::{self, BuildError, refusal};
use crate::report::Reporter;

/// How long a tail is listened to, in seconds.
const TAIL_LIMIT: f64 = 10.0;
/// How long it must be quiet to have ended.
const TAIL_QUIET: f64 = 2.0;
/// -60 dB.
const TAIL_DEPTH: f32 = 1e-3;

/// An active device.
pub(super) struct Player {
    name: String,
    slot: Slot,
    audio: AudioSettings,
    in_channels: usize,
    takes_notes: bool,
    tempo: TempoMap,
    /// Frames since the stimulus began.
    at: u64,
    /// Frames of silence that were played before.
    before: u64,
}

/// How it goes on after a block.
#[derive(PartialEq, Eq)]
enum Step {
    On,
    /// From the beginning, rehearsed.
    Unsettled,
    /// Not at all: there is a fault.
    Stopped,
}

/// What came out.
pub(super) struct Played {
    pub(super) sound: Buffer,
    /// Notes and other messages that it gave, with their frames, in words.
    notes: Vec<u8>,
    notes_given: u64,
    fault: Option<Fault>,
    cost_seconds: f64,
}

impl Player {
    /// A fresh instance with everything set on it, active and settled.
    pub(super) fn fresh(
        setup: &DeviceSetup,
        audio: AudioSettings,
        reporter: &mut Reporter,
    ) -> Result<Player, BuildError> {
        let (device, _) = build::configured(setup, reporter)?;
        Player::of(device, audio, reporter)
    }

    /// Activates a device as it is.
    pub(super) fn of(
        device: Box<dyn Device>,
        audio: AudioSettings,
        reporter: &mut Reporter,
    ) -> Result<Player, BuildError> {
        let name = device.info().name.clone();
        let ports = device.ports();
        // An instrument is played by notes alone, as in a session.
        let in_channels = if device.info().instrument { 0 } else { ports.main_inputs() };
        reporter.phase(Phase::Activate, Some(&name))?;
        let setup = Setup { sample_rate: audio.sample_rate, max_block: audio.block_size as usize };
        let slot = Slot::activate(name.clone(), vec![device], Adaptation::AsIs, in_channels, setup)
            .map_err(|error| refusal(Phase::Activate, Some(&name), error))?;
        let takes_notes = ports.note_input;
        let tempo = TempoMap::default();
        Ok(Player { name, slot, audio, in_channels, takes_notes, tempo, at: 0, before: 0 })
    }

    /// Lets what nothing goes into play silence before everything else, as a render does.
    fn play_before(&mut self) -> Result<Option<Turn>, RehearsalError> {
        let (block, frames) = (self.setup().max_block, opening_frames(self.setup()));
        for steady in (0..frames).step_by(block) {
            self.slot.play_silence(&self.tempo, steady, frames)?;
            self.before = steady + block as u64;
            if let Some(Turn::Unsettled) = self.slot.pump(true)? {
                return Ok(Some(Turn::Unsettled));
            }
        }
        self.slot.settle();
        Ok(None)
    }

    pub(super) fn in_channels(&self) -> usize {
        self.in_channels
    }

    fn setup(&self) -> Setup {
        Setup { sample_rate: self.audio.sample_rate, max_block: self.audio.block_size as usize }
    }

    /// The latency that it reports; of some devices right only after they have played.
    pub(super) fn latency(&self) -> u64 {
        self.slot.latency()
    }

    pub(super) fn standard(&self) -> Stimulus {
        Stimulus::standard(self.in_channels, self.takes_notes, self.audio.sample_rate)
    }

    pub(super) fn different(&self) -> Stimulus {
        Stimulus::different(self.in_channels, self.takes_notes, self.audio.sample_rate)
    }

    pub(super) fn abrupt(&self) -> Stimulus {
        Stimulus::abrupt(self.in_channels, self.takes_notes, self.audio.sample_rate)
    }

    pub(super) fn short(&self) -> Stimulus {
        Stimulus::short(self.in_channels, self.audio.sample_rate)
    }

    /// Plays the standard stimulus, which everything is compared by.
    pub(super) fn play_standard(&mut self, reporter: &mut Reporter) -> io::Result<Played> {
        let stimulus = self.standard();
        self.play(&stimulus, reporter)
    }

    /// Likewise, and destroys the device.
    pub(super) fn play_out(mut self, reporter: &mut Reporter) -> Result<Played, BuildError> {
        let played = self.play_standard(reporter)?;
        self.destroy(reporter)?;
        Ok(played)
    }

    /// Plays to it. What goes wrong on the way is part of what came out. A device that turns out not to be settled is
    /// rehearsed, reset and played to from the beginning; a render takes a fresh one for that.
    pub(super) fn play(&mut self, stimulus: &Stimulus, reporter: &mut Reporter) -> io::Result<Played> {
        let (played, settled) = self.play_once(stimulus, reporter)?;
        if settled {
            return Ok(played);
        }
        reporter.entering(&self.name, 0);
        if self.slot.rehearse(&self.tempo).is_err() {
            let fault = Some(Fault::Failed { at_seconds: self.audio.sample_rate.seconds(self.at) });
            return Ok(Played { fault, ..played });
        }
        (self.at, self.before) = (0, 0);
        Ok(self.play_once(stimulus, reporter)?.0)
    }

    /// What came out, and whether the device was settled; if not, that is of no use.
    fn play_once(&mut self, stimulus: &Stimulus, reporter: &mut Reporter) -> io::Result<(Played, bool)> {
        reporter.phase(Phase::Process, Some(&self.name))?;
        let frames = stimulus.sound.frames();
        let mut played = Played {
            sound: Buffer::new(self.slot.out_channels(), 0),
            notes: Vec::new(),
            notes_given: 0,
            fault: None,
            cost_seconds: 0.0,
        };
        if self.in_channels == 0 && self.at + self.before == 0 {
            reporter.entering(&self.name, 0);
            match self.play_before() {
                Ok(Some(Turn::Unsettled)) => return Ok((played, false)),
                Ok(_) => {}
                Err(_) => {
                    played.fault = Some(Fault::Failed { at_seconds: 0.0 });
                    return Ok((played, true));
                }
            }
        }
        let mut events = stimulus.events.iter().peekable();
        let began = processor_seconds();
        for start in (0..frames).step_by(self.audio.block_size as usize) {
            let end = (start + self.audio.block_size as usize).min(frames);
            let mut now = Vec::new();
            while let Some((frame, body)) = events.next_if(|(frame, _)| (*frame as usize) < end) {
                now.push(Event { frame: (*frame as usize - start) as u32, body: body.clone() });
            }
            let mut signal =
                Buffer::from_channels(stimulus.sound.channels().map(|channel| channel[start..end].to_vec()).collect());
            signal.resize(end - start);
            match self.block(&mut signal, &now, &mut played, reporter) {
                Step::On => {}
                Step::Unsettled => return Ok((played, false)),
                Step::Stopped => break,
            }
            reporter.advanced(end as u64, frames as u64);
        }
        played.cost_seconds = processor_seconds() - began;
        reporter.require_farm()?;
        Ok((played, true))
    }

    /// Processes a block and adds what it gives.
    fn block(&mut self, signal: &mut Buffer, events: &[Event], played: &mut Played, reporter: &mut Reporter) -> Step {
        let frames = signal.frames();
        let rate = self.audio.sample_rate;
        let mut transport = self.tempo.transport_at(self.at as i64, rate);
        transport.steady_frame = self.before + self.at;
        reporter.entering(&self.name, self.at);
        let at_seconds = |frame: usize| rate.seconds(self.at + frame as u64);
        if let Err(error) = self.slot.process(signal, events, &transport) {
            played.fault = Some(match error {
                ProcessError::NonFinite { frame, .. } => Fault::NotFinite { at_seconds: at_seconds(frame) },
                ProcessError::Failed => Fault::Failed { at_seconds: at_seconds(0) },
            });
            return Step::Stopped;
        }
        // A device without outputs leaves the signal as it was.
        if played.sound.channel_count() > 0 {
            played.sound.append(signal);
        } else {
            played.sound.resize(played.sound.frames() + frames);
        }
        for event in self.slot.produced() {
            // Meters report when they like.
            if !matches!(event.body, EventBody::Parameter { .. }) {
                played.notes_given += 1;
                let told = writeln!(played.notes, "{} {:?}", self.at + u64::from(event.frame), event.body);
                told.expect("a Vec takes all that is written");
            }
        }
        let opening = self.at < opening_frames(self.setup());
        self.at += frames as u64;
        match self.slot.pump(opening) {
            Ok(Some(Turn::Unsettled)) => Step::Unsettled,
            Ok(Some(Turn::Told(_)) | None) => Step::On,
            Err(_) => {
                played.fault = Some(Fault::Failed { at_seconds: rate.seconds(self.at) });
                Step::Stopped
            }
        }
    }

    /// How long it sounds on now that nothing comes in, after what it has `played`.
    pub(super) fn listen(&mut self, played: &Played, reporter: &mut Reporter) -> io::Result<TailSpan> {
        let rate = self.audio.sample_rate;
        let peak = played.sound.peak();
        let silence = audio::Decibels(audio::measure::SILENCE_DBFS).gain() as f32;
        if played.fault.is_some() || peak < silence {
            return Ok(TailSpan::Nothing);
        }
        let threshold = (peak * TAIL_DEPTH).max(silence);
        let (limit, quiet) = (rate.frames(TAIL_LIMIT), rate.frames(TAIL_QUIET));
        let (mut done, mut last) = (0, 0);
        while done < limit && done - last < quiet {
            let mut tail = Played {
                sound: Buffer::new(played.sound.channel_count(), 0),
                notes: Vec::new(),
                notes_given: 0,
                fault: None,
                cost_seconds: 0.0,
            };
            let mut signal = Buffer::new(self.in_channels, self.audio.block_size as usize);
            if self.block(&mut signal, &[], &mut tail, reporter) == Step::Stopped {
                return Ok(TailSpan::Nothing);
            }
            let loud = |channel: &[f32]| channel.iter().rposition(|sample| sample.abs() >= threshold);
            if let Some(frame) = tail.sound.channels().filter_map(loud).max() {
                last = done + frame as u64 + 1;
            }
            done += tail.sound.frames() as u64;
            reporter.advanced(played.sound.frames() as u64 + done, played.sound.frames() as u64 + limit);
        }
        reporter.require_farm()?;
        // What had not ended when nobody listened any more may end at any time.
        Ok(if done - last < quiet && done >= limit {
            TailSpan::LongerThan(TAIL_LIMIT)
        } else {
            TailSpan::Seconds(rate.seconds(last))
        })
    }

    /// What it says of its tail.
    pub(super) fn told_tail(&self) -> ToldTail {
        match self.slot.tail() {
            Tail::Frames(frames) => ToldTail::Seconds(self.audio.sample_rate.seconds(frames)),
            Tail::Infinite => ToldTail::Infinite,
            Tail::Unknown => ToldTail::Unknown,
        }
    }

    /// Has it forget its sound, and ends processing.
    pub(super) fn reset(mut self, reporter: &mut Reporter) -> Result<Box<dyn Device>, BuildError> {
        reporter.phase(Phase::Process, Some(&self.name))?;
        self.slot.reset();
        self.end(reporter)
    }

    /// Ends processing and gives the device back.
    pub(super) fn end(self, reporter: &mut Reporter) -> Result<Box<dyn Device>, BuildError> {
        reporter.phase(Phase::Destroy, Some(&self.name))?;
        Ok(self.slot.deactivate().remove(0))
    }

    /// Ends processing and destroys the device.
    pub(super) fn destroy(self, reporter: &mut Reporter) -> Result<(), BuildError> {
        self.end(reporter).map(drop)
    }
}

impl Played {
    pub(super) fn described(&self) -> Sound {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.bytes());
        Sound {
            frames: self.sound.frames() as u64,
            channels: self.sound.channel_count(),
            blake3: hasher.finalize().to_hex().to_string(),
            peak: self.sound.peak(),
            notes: self.notes_given,
            fault: self.fault,
            cost_seconds: self.cost_seconds,
        }
    }

    /// Everything that is compared: counts, notes, samples.
    fn bytes(&self) -> Vec<u8> {
        let counts = [self.sound.channel_count(), self.sound.frames(), self.notes.len()];
        let mut bytes: Vec<u8> = counts.iter().flat_map(|count| (*count as u64).to_le_bytes()).collect();
        bytes.extend(&self.notes);
        bytes.extend(self.sound.channels().flatten().flat_map(|sample| sample.to_bits().to_le_bytes()));
        bytes
    }

    /// Keeps it in a file for other processes to compare with.
    pub(super) fn keep(&self, path: &Path) -> Result<(), BuildError> {
        std::fs::write(path, self.bytes()).map_err(|error| unreadable(path, &error))
    }

    /// Reads what was kept.
    pub(super) fn kept(path: &Path) -> Result<Played, BuildError> {
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        Played::decode(&bytes).map_err(|error| unreadable(path, &error))
    }

    fn decode(mut from: &[u8]) -> io::Result<Played> {
        let mut count = || {
            let mut bytes = [0; 8];
            from.read_exact(&mut bytes).map(|()| u64::from_le_bytes(bytes) as usize)
        };
        let (channels, frames, length) = (count()?, count()?, count()?);
        let mut notes = vec![0; length];
        from.read_exact(&mut notes)?;
        let mut sound = Buffer::new(channels, frames);
        for sample in sound.channels_mut().flatten() {
            let mut bytes = [0; 4];
            from.read_exact(&mut bytes)?;
            *sample = f32::from_bits(u32::from_le_bytes(bytes));
        }
        Ok(Played { sound, notes, notes_given: 0, fault: None, cost_seconds: 0.0 })
    }

    /// This beside one that was kept.
    pub(super) fn beside(&self, kept: &Played) -> Comparison {
        Comparison { equal: self.bytes() == kept.bytes(), difference: difference(&self.sound, &kept.sound) }
    }
}

/// The highest difference as a part of the peak of `kept`; `None` where the two cannot be laid over each other.
fn difference(sound: &Buffer, kept: &Buffer) -> Option<f64> {
    if (sound.channel_count(), sound.frames()) != (kept.channel_count(), kept.frames()) {
        return None;
    }
    let pairs = sound.channels().flatten().zip(kept.channels().flatten());
    let highest = pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
    match f64::from(kept.peak()) {
        peak if peak > 0.0 => Some(highest / peak),
        _ => (highest == 0.0).then_some(0.0),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> BuildError {
    refusal(Phase::Write, None, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(sound: Buffer, notes: &str) -> Played {
        Played { sound, notes: notes.as_bytes().to_vec(), notes_given: 0, fault: None, cost_seconds: 0.0 }
    }

    #[test]
    fn a_sound_that_was_kept_comes_back_with_every_bit() {
        let folder = std::env::temp_dir().join(format!("kept-{}", std::process::id()));
        for buffer in [Buffer::new(0, 7), Buffer::new(2, 0), Buffer::from_channels(vec![vec![0.1, -0.0, 1e-40]; 2])] {
            let one = played(buffer, "1 NoteOn");
            one.keep(&folder).unwrap();
            assert!(one.beside(&Played::kept(&folder).unwrap()).equal);
        }
        std::fs::write(&folder, b"half").unwrap();
        assert!(Played::kept(&folder).is_err());
        std::fs::remove_file(folder).unwrap();
    }

    #[test]
    fn differences_are_told_as_parts_of_the_peak() {
        let buffer = |samples: &[f32]| Buffer::from_channels(vec![samples.to_vec()]);
        let compare = |a: &[f32], b: &[f32]| played(buffer(a), "").beside(&played(buffer(b), ""));
        let comparison = |equal, difference| Comparison { equal, difference };
        assert_eq!(compare(&[0.5, 0.0], &[0.5, 0.0]), comparison(true, Some(0.0)));
        assert_eq!(compare(&[0.25, 0.0], &[0.5, 0.0]), comparison(false, Some(0.5)));
        assert_eq!(compare(&[0.5], &[0.5, 0.0]), comparison(false, None));
        assert_eq!(compare(&[0.5], &[0.0]), comparison(false, None));
        assert_eq!(compare(&[0.0], &[0.0]), comparison(true, Some(0.0)));
        // The sign of a zero is a bit that differs and a difference of nothing.
        assert_eq!(compare(&[-0.0, 1.0], &[0.0, 1.0]), comparison(false, Some(0.0)));
        let notes = |words| played(buffer(&[1.0]), words);
        assert!(!notes("1 NoteOn").beside(&notes("2 NoteOn")).equal);
    }
}
