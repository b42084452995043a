//! Sound that is read in pieces, so that no recording need fit into memory.
//!
//! A [`Stream`] knows its length before its first frame is read. [`open`] gives one over a file, [`Memory`] is one over
//! samples that are at hand, [`at_rate`] gives one another sample rate and [`Pick`] other channels.

use serde::{Deserialize, Serialize};

use crate::Buffer;
use crate::read::ReadError;

pub use crate::read::{open, open_bytes};
pub use crate::resample::at_rate;

/// Sound that is read from the first frame on, once, in pieces.
pub trait Stream: Send {
    /// Channels of every piece.
    fn channels(&self) -> usize;

    /// Frames of the whole.
    fn frames(&self) -> u64;

    /// The next `into.frames()` frames; `into` has [`channels`](Stream::channels) and is overwritten whole. Behind the
    /// end there is silence. How the sound is cut into pieces does not change it. After an error the stream is of no
    /// use any more.
    fn read(&mut self, into: &mut Buffer) -> Result<(), ReadError>;
}

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn channels(&self) -> usize {
        (**self).channels()
    }

    fn frames(&self) -> u64 {
        (**self).frames()
    }

    fn read(&mut self, into: &mut Buffer) -> Result<(), ReadError> {
        (**self).read(into)
    }
}

/// Samples that are in memory already, read from the first frame on.
#[derive(Clone, Debug)]
pub struct Memory {
    buffer: Buffer,
    position: usize,
}

impl Memory {
    /// Reads `buffer`.
    pub fn new(buffer: Buffer) -> Memory {
        Memory { buffer, position: 0 }
    }
}

impl Stream for Memory {
    fn channels(&self) -> usize {
        self.buffer.channel_count()
    }

    fn frames(&self) -> u64 {
        self.buffer.frames() as u64
    }

    fn read(&mut self, into: &mut Buffer) -> Result<(), ReadError> {
        self.position += self.buffer.copy_from(self.position, into);
        Ok(())
    }
}

/// Which channels of a recording are taken, as which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelPick {
    /// All, as they are.
    #[default]
    All,
    /// One: the mean of all.
    Mono,
    /// One: the first.
    Left,
    /// One: the second, or the only one.
    Right,
    /// Two: the first two, or the only one twice.
    Stereo,
    /// Two: likewise with the sides exchanged.
    Swap,
    /// One: half the sum of the first two, or the only one.
    Mid,
    /// One: half the difference of the first two, silent where there is only one.
    Side,
    /// One: that of this number, from 0; silent where there is none.
    Channel(u16),
}

impl ChannelPick {
    /// How many channels become of `channels`, which are at least one.
    pub fn channels(self, channels: usize) -> usize {
        match self {
            ChannelPick::All => channels,
            ChannelPick::Stereo | ChannelPick::Swap => 2,
            _ => 1,
        }
    }

    /// Fills `into`, of [`channels`](ChannelPick::channels), from `whole`; both have the same number of frames.
    fn fill(self, whole: &Buffer, into: &mut Buffer) {
        let left = whole.channel(0);
        let right = whole.channel(1.min(whole.channel_count() - 1));
        let halves = |into: &mut [f32], sign: f32| {
            for ((to, &left), &right) in into.iter_mut().zip(left).zip(right) {
                *to = 0.5 * left + sign * 0.5 * right;
            }
        };
        match self {
            ChannelPick::All => {
                into.channels_mut().zip(whole.channels()).for_each(|(to, from)| to.copy_from_slice(from))
            }
            ChannelPick::Mono => {
                let share = 1.0 / whole.channel_count() as f64;
                for (frame, to) in into.channel_mut(0).iter_mut().enumerate() {
                    // Summed in double precision, so that equal channels come out as they are.
                    *to = (whole.channels().map(|samples| f64::from(samples[frame])).sum::<f64>() * share) as f32;
                }
            }
            ChannelPick::Left => into.channel_mut(0).copy_from_slice(left),
            ChannelPick::Right => into.channel_mut(0).copy_from_slice(right),
            ChannelPick::Stereo | ChannelPick::Swap => {
                let (first, second) = if self == ChannelPick::Stereo { (left, right) } else { (right, left) };
                into.channel_mut(0).copy_from_slice(first);
                into.channel_mut(1).copy_from_slice(second);
            }
            ChannelPick::Mid => halves(into.channel_mut(0), 1.0),
            ChannelPick::Side => halves(into.channel_mut(0), -1.0),
            ChannelPick::Channel(number) => match whole.channels().nth(usize::from(number)) {
                Some(channel) => into.channel_mut(0).copy_from_slice(channel),
                None => into.channel_mut(0).fill(0.0),
            },
        }
    }
}

/// Some of a stream's channels.
pub struct Pick<S> {
    stream: S,
    pick: ChannelPick,
    whole: Buffer,
}

impl<S: Stream> Pick<S> {
    /// Takes `pick` from `stream`, which has at least one channel.
    pub fn new(stream: S, pick: ChannelPick) -> Pick<S> {
        let whole = Buffer::new(stream.channels(), 0);
        Pick { stream, pick, whole }
    }
}

impl<S: Stream> Stream for Pick<S> {
    fn channels(&self) -> usize {
        self.pick.channels(self.stream.channels())
    }

    fn frames(&self) -> u64 {
        self.stream.frames()
    }

    fn read(&mut self, into: &mut Buffer) -> Result<(), ReadError> {
        if self.pick == ChannelPick::All {
            return self.stream.read(into);
        }
        self.whole.resize(into.frames());
        self.stream.read(&mut self.whole)?;
        self.pick.fill(&self.whole, into);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pick_takes_the_channels_that_it_names() {
        let stereo = || Buffer::from_channels(vec![vec![1.0, 0.5], vec![0.0, -0.25]]);
        let mono = || Buffer::from_channels(vec![vec![1.0, 0.3]]);
        let three = || Buffer::from_channels(vec![vec![0.3], vec![0.3], vec![0.3]]);
        let picked = |buffer: Buffer, pick| {
            let mut stream = Pick::new(Memory::new(buffer.clone()), pick);
            let mut out = Buffer::new(stream.channels(), buffer.frames());
            stream.read(&mut out).unwrap();
            out.into_channels()
        };
        for (buffer, pick, expected) in [
            (stereo(), ChannelPick::All, vec![vec![1.0, 0.5], vec![0.0, -0.25]]),
            (stereo(), ChannelPick::Mono, vec![vec![0.5, 0.125]]),
            (stereo(), ChannelPick::Left, vec![vec![1.0, 0.5]]),
            (stereo(), ChannelPick::Right, vec![vec![0.0, -0.25]]),
            (stereo(), ChannelPick::Stereo, vec![vec![1.0, 0.5], vec![0.0, -0.25]]),
            (stereo(), ChannelPick::Swap, vec![vec![0.0, -0.25], vec![1.0, 0.5]]),
            (stereo(), ChannelPick::Mid, vec![vec![0.5, 0.125]]),
            (stereo(), ChannelPick::Side, vec![vec![0.5, 0.375]]),
            (mono(), ChannelPick::All, vec![vec![1.0, 0.3]]),
            (mono(), ChannelPick::Mono, vec![vec![1.0, 0.3]]),
            (mono(), ChannelPick::Right, vec![vec![1.0, 0.3]]),
            (mono(), ChannelPick::Stereo, vec![vec![1.0, 0.3], vec![1.0, 0.3]]),
            (mono(), ChannelPick::Mid, vec![vec![1.0, 0.3]]),
            (mono(), ChannelPick::Side, vec![vec![0.0, 0.0]]),
            (three(), ChannelPick::Mono, vec![vec![0.3]]),
            (stereo(), ChannelPick::Channel(0), vec![vec![1.0, 0.5]]),
            (stereo(), ChannelPick::Channel(1), vec![vec![0.0, -0.25]]),
            (stereo(), ChannelPick::Channel(2), vec![vec![0.0, 0.0]]),
            (three(), ChannelPick::Stereo, vec![vec![0.3], vec![0.3]]),
        ] {
            assert_eq!(picked(buffer.clone(), pick), expected, "{pick:?} of {buffer:?}");
        }
    }

    #[test]
    fn memory_is_read_once_and_silent_behind_its_end() {
        let mut stream = Memory::new(Buffer::from_channels(vec![vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]]));
        assert_eq!((stream.channels(), stream.frames()), (2, 3));
        let mut piece = Buffer::new(2, 2);
        stream.read(&mut piece).unwrap();
        assert_eq!((piece.channel(0), piece.channel(1)), (&[1.0, 2.0][..], &[4.0, 5.0][..]));
        stream.read(&mut Buffer::new(2, 0)).unwrap();
        stream.read(&mut piece).unwrap();
        assert_eq!((piece.channel(0), piece.channel(1)), (&[3.0, 0.0][..], &[6.0, 0.0][..]));
        stream.read(&mut piece).unwrap();
        assert_eq!(piece.peak(), 0.0);
    }
}
