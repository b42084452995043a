//! Takes as they go into the first device: cut, picked, at the render's rate, levelled, with noise under them.
//!
//! What a recording gives depends on the [`Take`] and the rate alone, so a worker makes each ready once and keeps it for the
//! tones and draws that follow, as far as [`MOST_BYTES`] go. A take that is too long for that is read from its file again
//! whenever it is played.

mod cache;
mod prepare;

use std::sync::Arc;

use audio::measure::Levels;
use audio::read::ReadError;
use audio::resample::resampled_frames;
use audio::stream::{Memory, Stream};
use audio::{Buffer, SampleRate};
use jobs::manifest::InputRecord;
use jobs::message::Phase;
use jobs::task::Take;

use crate::build::{BuildError, refusal};
use cache::{Cache, Key};
use prepare::{PrepareError, Recipe};

/// The most that is kept of all takes together.
const MOST_BYTES: u64 = 256 << 20;

/// The takes that a worker has made ready.
pub(crate) struct Takes {
    cache: Cache<Arc<Ready>>,
    decoded: u64,
}

/// A take that is ready to be played, any number of times.
#[derive(Debug)]
pub(crate) struct Ready {
    sound: Sound,
    /// Its frames in the recording, and the recording's rate.
    part: (u64, SampleRate),
    pub(crate) channels: usize,
    /// Its frames at the render's rate.
    pub(crate) frames: u64,
    /// Its levels as it goes into the first device.
    pub(crate) levels: Levels,
    pub(crate) record: InputRecord,
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug)]
enum Sound {
    Kept(Arc<Buffer>),
    /// Too long to be kept.
    Read(Recipe),
}

impl Takes {
    pub(crate) fn new() -> Takes {
        Takes::keeping(MOST_BYTES)
    }

    fn keeping(bytes: u64) -> Takes {
        Takes { cache: Cache::new(bytes), decoded: 0 }
    }

    /// Makes a take ready, or gives it as it was made ready before.
    pub(crate) fn ready(&mut self, take: &Take, rate: SampleRate) -> Result<Arc<Ready>, BuildError> {
        let refused = |error: PrepareError| refusal(Phase::Load, None, error);
        let key = Key::of(take, rate).map_err(|error| refused(PrepareError::unreadable(&take.file, error)))?;
        if let Some(ready) = self.cache.get(&key) {
            return Ok(Arc::clone(ready));
        }
        self.decoded += 1;
        let ready = Arc::new(prepare::prepare(take, rate, self.cache.most()).map_err(refused)?);
        if let Sound::Kept(buffer) = &ready.sound {
            self.cache.put(key, Arc::clone(&ready), bytes(buffer.frames() as u64, buffer.channel_count()));
        }
        Ok(ready)
    }

    /// How many recordings were decoded so far.
    pub(crate) fn decoded(&self) -> u64 {
        self.decoded
    }
}

impl Ready {
    /// The sound from the first frame on.
    pub(crate) fn stream(&self) -> Result<Box<dyn Stream>, ReadError> {
        Ok(match &self.sound {
            Sound::Kept(buffer) => Box::new(Memory::new(Arc::clone(buffer))),
            Sound::Read(recipe) => recipe.stream()?,
        })
    }

    /// How many frames the take has at a rate: those of its part of the recording, counted once.
    pub(crate) fn frames_at(&self, rate: SampleRate) -> u64 {
        let (frames, from) = self.part;
        resampled_frames(frames, from, rate)
    }
}

/// What so much sound takes.
fn bytes(frames: u64, channels: usize) -> u64 {
    frames.saturating_mul(channels as u64 * size_of::<f32>() as u64)
}

#[cfg(test)]
mod tests;
