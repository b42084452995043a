//! A pulse in front of a take, which tells to the frame how late it comes out.
//!
//! Music says little of a delay where a chain distorts it; a pulse does not care. It is played some time before the take, and
//! what comes of that time is cut off again, so that files are what they are without it but for what devices remember.

use audio::offset::Offset;
use audio::read::ReadError;
use audio::stream::Stream;
use audio::{Buffer, SampleRate};
use jobs::task::Checks;

/// Height of the pulse, full scale being 1.
const HEIGHT: f32 = 0.5;
/// Seconds in which what it leaves behind dies away.
const QUIET: f64 = 0.25;
/// What comes less than this many seconds from the strongest frame belongs to it: filters blur it.
const AROUND: f64 = 0.005;

/// When the pulse is played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pulse {
    /// Its frame.
    at: u64,
    /// Frames in front of the take.
    lead: u64,
}

impl Pulse {
    /// The pulse that a task asks for.
    pub(crate) fn of(checks: &Checks, rate: SampleRate) -> Option<Pulse> {
        let most = checks.offset.filter(|_| checks.sync)?;
        Some(Pulse { at: most, lead: 2 * most + 1 + rate.frames(QUIET) })
    }

    /// Frames in front of the take.
    pub(crate) fn lead(self) -> u64 {
        self.lead
    }

    /// A take behind the pulse.
    pub(crate) fn before(self, take: Box<dyn Stream>) -> Box<dyn Stream> {
        Box::new(Led { take, pulse: self, done: 0 })
    }

    /// Where it came out in what was cut off; `None` where nothing came.
    pub(crate) fn found(self, heard: &Buffer, rate: SampleRate) -> Option<Offset> {
        let heights = |frame: usize| heard.channels().map(move |samples| samples[frame]);
        let strongest =
            |frame: usize| heights(frame).fold(0.0f32, |most, s| if s.abs() > most.abs() { s } else { most });
        // It may come as much too early as too late.
        let frames = 0..heard.frames().min(2 * self.at as usize + 1);
        let (mut best, mut height) = (0, 0.0f32);
        for frame in frames.clone() {
            let here = strongest(frame);
            if here.abs() > height.abs() {
                (best, height) = (frame, here);
            }
        }
        if height == 0.0 {
            return None;
        }
        let around = rate.frames(AROUND) as usize;
        let others = frames.filter(|frame| frame.abs_diff(best) > around).map(|frame| strongest(frame).abs());
        let confidence = 1.0 - f64::from(others.fold(0.0, f32::max) / height.abs());
        Some(Offset { frames: best as i64 - self.at as i64, inverted: height < 0.0, confidence })
    }
}

/// A take with the pulse in front of it.
struct Led {
    take: Box<dyn Stream>,
    pulse: Pulse,
    done: u64,
}

impl Stream for Led {
    fn channels(&self) -> usize {
        self.take.channels()
    }

    fn frames(&self) -> u64 {
        self.pulse.lead + self.take.frames()
    }

    fn read(&mut self, into: &mut Buffer) -> Result<(), ReadError> {
        let Pulse { at, lead } = self.pulse;
        let start = self.done;
        self.done += into.frames() as u64;
        let silent = lead.saturating_sub(start).min(into.frames() as u64) as usize;
        if silent == 0 {
            return self.take.read(into);
        }
        let mut rest = Buffer::new(into.channel_count(), into.frames() - silent);
        if rest.frames() > 0 {
            self.take.read(&mut rest)?;
        }
        for (to, from) in into.channels_mut().zip(rest.channels()) {
            to[..silent].fill(0.0);
            to[silent..].copy_from_slice(from);
            if (start..start + silent as u64).contains(&at) {
                to[(at - start) as usize] = HEIGHT;
            }
        }
        Ok(())
    }
}

/// What comes of the pulse in each of a task's files.
pub(crate) struct Heard {
    lead: u64,
    files: Vec<Buffer>,
}

impl Heard {
    pub(crate) fn new(pulse: Option<Pulse>) -> Heard {
        Heard { lead: pulse.map_or(0, Pulse::lead), files: Vec::new() }
    }

    /// Frames in front of the take.
    pub(crate) fn lead(&self) -> u64 {
        self.lead
    }

    /// Begins the next file.
    pub(crate) fn begin(&mut self, channels: usize) {
        self.files.push(Buffer::new(channels, 0));
    }

    /// Keeps what of a block comes before the take, and hands on what is behind.
    pub(crate) fn split<E>(
        &mut self,
        index: usize,
        block: &Buffer,
        on: impl FnOnce(&Buffer) -> Result<(), E>,
    ) -> Result<(), E> {
        let heard = &mut self.files[index];
        let before = (self.lead - heard.frames() as u64).min(block.frames() as u64) as usize;
        if before == 0 {
            return on(block);
        }
        let part = |from: usize, to: usize| {
            Buffer::from_channels(block.channels().map(|samples| samples[from..to].to_vec()).collect())
        };
        heard.append(&part(0, before));
        if before == block.frames() { Ok(()) } else { on(&part(before, block.frames())) }
    }

    /// What came before the take in a file.
    pub(crate) fn of(&self, index: usize) -> &Buffer {
        &self.files[index]
    }
}

#[cfg(test)]
mod tests {
    use audio::stream::Memory;

    use super::*;

    const RATE: SampleRate = SampleRate(1_000);

    fn pulse() -> Pulse {
        Pulse::of(&Checks { offset: Some(20), sync: true, ..Checks::default() }, RATE).unwrap()
    }

    /// All of a stream, read in blocks of this many frames.
    fn read(stream: &mut dyn Stream, block: usize) -> Vec<f32> {
        let mut all = Vec::new();
        while (all.len() as u64) < stream.frames() {
            let left = (stream.frames() - all.len() as u64).min(block as u64);
            let mut buffer = Buffer::new(1, left as usize);
            stream.read(&mut buffer).unwrap();
            all.extend_from_slice(buffer.channel(0));
        }
        all
    }

    #[test]
    fn the_take_comes_behind_the_pulse_whatever_the_blocks() {
        let take: Vec<f32> = (1..100).map(|n| n as f32).collect();
        for block in [1, 7, 64, 1_000] {
            let memory = Memory::new(Buffer::from_channels(vec![take.clone()]));
            let all = read(&mut *pulse().before(Box::new(memory)), block);
            let (lead, behind) = all.split_at(pulse().lead() as usize);
            assert_eq!(behind, take);
            assert_eq!(lead.iter().position(|sample| *sample != 0.0), Some(20));
            assert_eq!(lead.iter().sum::<f32>(), HEIGHT);
        }
    }

    #[test]
    fn a_pulse_is_found_early_late_and_upside_down_and_silence_holds_none() {
        for offset in [-20i64, -3, 0, 5, 20] {
            for sign in [1.0, -0.25] {
                let mut heard = vec![0.0; pulse().lead() as usize];
                heard[(20 + offset) as usize] = sign;
                let found = pulse().found(&Buffer::from_channels(vec![heard]), RATE).unwrap();
                assert_eq!((found.frames, found.inverted, found.confidence), (offset, sign < 0.0, 1.0));
            }
        }
        let silence = Buffer::new(2, pulse().lead() as usize);
        assert_eq!(pulse().found(&silence, RATE), None);
    }

    #[test]
    fn what_is_cut_off_and_what_is_handed_on_are_all_that_came() {
        for block in [1usize, 13, 290, 291, 292, 500] {
            let mut heard = Heard::new(Some(pulse()));
            heard.begin(1);
            let all: Vec<f32> = (0..600).map(|n| n as f32).collect();
            let mut behind = Vec::new();
            for part in all.chunks(block) {
                let part = Buffer::from_channels(vec![part.to_vec()]);
                heard
                    .split(0, &part, |rest| {
                        behind.extend_from_slice(rest.channel(0));
                        Ok::<_, ()>(())
                    })
                    .unwrap();
            }
            let lead = pulse().lead() as usize;
            assert_eq!(heard.of(0).channel(0), &all[..lead]);
            assert_eq!(behind, all[lead..]);
        }
    }
}
