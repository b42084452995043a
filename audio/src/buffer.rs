//! Planar blocks of samples.

/// Planar 32-bit samples: `[channel][frame]`, nominally -1 to 1 but not clipped. All channels have the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buffer {
    channels: Vec<Vec<f32>>,
    frames: usize,
}

impl Buffer {
    /// Silence of the given shape. Zero channels are allowed; the frame count is kept all the same.
    pub fn new(channels: usize, frames: usize) -> Buffer {
        Buffer { channels: vec![vec![0.0; frames]; channels], frames }
    }

    /// Takes channels that already exist.
    ///
    /// # Panics
    /// If the channels differ in length.
    pub fn from_channels(channels: Vec<Vec<f32>>) -> Buffer {
        let frames = channels.first().map_or(0, Vec::len);
        assert!(channels.iter().all(|c| c.len() == frames), "channels of one buffer have one length");
        Buffer { channels, frames }
    }

    /// Frames in every channel.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// How many channels there are.
    pub fn channel_count(&self) -> usize {
        self.channels.len()
    }

    /// One channel's samples.
    pub fn channel(&self, index: usize) -> &[f32] {
        &self.channels[index]
    }

    /// One channel's samples, to write.
    pub fn channel_mut(&mut self, index: usize) -> &mut [f32] {
        &mut self.channels[index]
    }

    /// All channels.
    pub fn channels(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.channels.iter().map(Vec::as_slice)
    }

    /// All channels, to write.
    pub fn channels_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f32]> {
        self.channels.iter_mut().map(Vec::as_mut_slice)
    }

    /// Takes the channels out.
    pub fn into_channels(self) -> Vec<Vec<f32>> {
        self.channels
    }

    /// Sets every sample to 0.
    pub fn clear(&mut self) {
        self.channels.iter_mut().for_each(|c| c.fill(0.0));
    }

    /// Changes the length; new frames are silent. Does not allocate within the capacity used before.
    pub fn resize(&mut self, frames: usize) {
        self.channels.iter_mut().for_each(|c| c.resize(frames, 0.0));
        self.frames = frames;
    }

    /// Appends the channels of `other`, which has as many.
    pub fn append(&mut self, other: &Buffer) {
        assert_eq!(self.channel_count(), other.channel_count(), "appended audio has the same channels");
        for (to, from) in self.channels.iter_mut().zip(&other.channels) {
            to.extend_from_slice(from);
        }
        self.frames += other.frames;
    }

    /// Fills `into`, which has as many channels, with the frames from `start` on, and with silence behind the last. Gives
    /// how many frames there were.
    pub(crate) fn copy_from(&self, start: usize, into: &mut Buffer) -> usize {
        assert_eq!(self.channel_count(), into.channel_count(), "a piece has the channels of the whole");
        let count = into.frames.min(self.frames.saturating_sub(start));
        for (to, from) in into.channels.iter_mut().zip(&self.channels) {
            to[..count].copy_from_slice(&from[start..start + count]);
            to[count..].fill(0.0);
        }
        count
    }

    /// The largest absolute sample value; NaN counts as infinite.
    pub fn peak(&self) -> f32 {
        let of = |s: &f32| if s.is_nan() { f32::INFINITY } else { s.abs() };
        self.channels.iter().flatten().map(of).fold(0.0, f32::max)
    }
}
