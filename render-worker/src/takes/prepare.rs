//! A recording on its way to a ready take.
//!
//! The order is part of what a take is. First it is cut, at the file's own rate, so that a part begins at the very frame
//! that its segment names; then its channels are picked; then it is resampled. Around a part there is silence: what lies
//! beside it in the file does not sound into it, and within the reach of the resampler's filter from an edge, a few
//! milliseconds, a resampled part therefore differs from the same part of the resampled whole. Without resampling the two are
//! equal. Then come its level and the noise, both at the render's rate.

use std::path::{Path, PathBuf};

use audio::level::gain_to;
use audio::measure::{Levels, Meter};
use audio::noise::{Noise, NoiseKind};
use audio::read::ReadError;
use audio::resample::ResampleError;
use audio::stream::{self, ChannelPick, Part, Pick, Stream};
use audio::{Buffer, Decibels, SampleRate};
use jobs::manifest::InputRecord;
use jobs::task::{NoiseLevel, Take, TakeLevel, TimeChange};

use super::{Ready, Sound, bytes};

/// Why a take cannot be played. Trying again does not help until the file changes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error("cannot read {}: {source}", path.display())]
    System { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{}: {source}", path.display())]
    Resample { path: PathBuf, source: ResampleError },
}

impl PrepareError {
    pub(super) fn unreadable(path: &Path, source: std::io::Error) -> PrepareError {
        PrepareError::System { path: path.to_owned(), source }
    }
}

/// Frames of a block.
const BLOCK: usize = 1 << 14;

/// How a take is read, again and again.
#[derive(Debug)]
pub(crate) struct Recipe {
    take: Take,
    rate: SampleRate,
    treatment: Treatment,
}

/// What is done to a take at the render's rate.
#[derive(Clone, Debug, Default)]
struct Treatment {
    gain_db: f64,
    /// Kind, seed and RMS in dBFS.
    noise: Option<(NoiseKind, u64, f64)>,
}

impl Recipe {
    pub(super) fn stream(&self) -> Result<Box<dyn Stream>, ReadError> {
        let (part, from) = part(&self.take)?;
        let resampled = stream::at_rate(part, from, self.rate).expect("it was resampled before");
        Ok(self.treatment.over(resampled, self.rate))
    }
}

/// Makes a take ready. It is kept in memory unless it takes more than `most` bytes.
pub(super) fn prepare(take: &Take, rate: SampleRate, most: u64) -> Result<Ready, PrepareError> {
    let (file, from) = stream::open(&take.file)?;
    let mut warnings = told(take, file.frames(), from, rate);
    let part_frames = take.segment.map_or(file.frames(), |segment| segment.frames);
    let resample = |stream: Box<dyn Stream>| {
        stream::at_rate(stream, from, rate).map_err(|source| PrepareError::Resample { path: take.file.clone(), source })
    };
    let mut raw = resample(cut(take, file))?;
    let (frames, channels) = (raw.frames(), raw.channels());
    let mut kept = match bytes(frames, channels) <= most {
        true => Some(whole(&mut *raw)?),
        false => None,
    };

    let mut treatment = Treatment::default();
    let needs_levels = matches!(take.level, Some(TakeLevel::Target(_)))
        || matches!(take.noise, Some(noise) if matches!(noise.level, NoiseLevel::Snr(_)));
    let raw_levels = match (needs_levels, &kept) {
        (false, _) => None,
        (true, Some(buffer)) => Some(measured(buffer, rate)),
        (true, None) => Some(measure(&mut *raw, rate)?),
    };
    let shown = take.file.display();
    treatment.gain_db = match (take.level, &raw_levels) {
        (Some(TakeLevel::Gain(db)), _) => db,
        (Some(TakeLevel::Target(target)), Some(levels)) => gain_to(target, levels).map_or_else(
            || {
                let words = target.words();
                warnings.push(format!(
                    "{shown}: {words} was asked for, but it has none: it is silent, or too short or soft to have a \
                     loudness. It was given no gain"
                ));
                0.0
            },
            |gain| gain.0,
        ),
        _ => 0.0,
    };
    let levelled =
        raw_levels.map(|levels| Levels { rms_dbfs: levels.rms_dbfs.map(|rms| rms + treatment.gain_db), ..levels });
    treatment.noise = take.noise.and_then(|noise| {
        let rms = match (noise.level, &levelled) {
            (NoiseLevel::Rms(dbfs), _) => Some(dbfs),
            (level, Some(levels)) => level.rms_dbfs(levels),
            (NoiseLevel::Snr(_), None) => None,
        };
        if rms.is_none() {
            warnings.push(format!("{shown}: it is silent, so that no noise has a ratio to it. None was laid under it"));
        }
        Some((noise.kind, noise.seed, rms?))
    });
    if let Some(buffer) = &mut kept {
        treatment.worker(channels, rate)(buffer);
    }

    let recipe = Recipe { take: take.clone(), rate, treatment };
    let levels = match &kept {
        Some(buffer) => measured(buffer, rate),
        None => measure(&mut *recipe.stream()?, rate)?,
    };
    let is_whole = take.segment.is_none() && from == rate;
    let change = TimeChange {
        source_start: take.segment.map_or(0, |segment| segment.start),
        frames: take.segment.map(|segment| segment.frames),
        rate_in: from,
        rate_out: rate,
    };
    let record = InputRecord {
        gain_db: recipe.treatment.gain_db,
        noise_rms_dbfs: recipe.treatment.noise.map(|(.., rms)| rms),
        change: (!is_whole).then_some(change),
        loudness_lufs: levels.loudness_lufs,
        peak_dbfs: levels.peak_dbfs,
        rms_dbfs: levels.rms_dbfs,
    };
    let sound = match kept {
        Some(buffer) => Sound::Kept(buffer.into()),
        None => Sound::Read(recipe),
    };
    Ok(Ready { sound, part: (part_frames, from), channels, frames, levels, record, warnings })
}

/// What a careful user would want to know of how a take is played.
fn told(take: &Take, file_frames: u64, from: SampleRate, to: SampleRate) -> Vec<String> {
    let shown = take.file.display();
    let mut told = Vec::new();
    if from != to {
        told.push(format!("{shown}: resampled from {} Hz to {} Hz", from.0, to.0));
    }
    if let Some(segment) = take.segment {
        let missing = segment.start.saturating_add(segment.frames).saturating_sub(file_frames).min(segment.frames);
        if missing > 0 {
            told.push(format!("{shown}: {missing} frames of its part lie behind its end and are silent"));
        }
    }
    told
}

/// The part of a recording that is played, at its own rate.
fn part(take: &Take) -> Result<(Box<dyn Stream>, SampleRate), ReadError> {
    let (file, rate) = stream::open(&take.file)?;
    Ok((cut(take, file), rate))
}

fn cut(take: &Take, file: Box<dyn Stream>) -> Box<dyn Stream> {
    let cut = match take.segment {
        None => file,
        Some(segment) => Box::new(Part::new(file, segment.start, segment.frames)),
    };
    match take.channels {
        ChannelPick::All => cut,
        pick => Box::new(Pick::new(cut, pick)),
    }
}

/// Everything in one buffer.
fn whole(stream: &mut dyn Stream) -> Result<Buffer, ReadError> {
    let mut buffer = Buffer::new(stream.channels(), stream.frames() as usize);
    stream.read(&mut buffer)?;
    Ok(buffer)
}

fn measured(buffer: &Buffer, rate: SampleRate) -> Levels {
    let mut meter = Meter::new(buffer.channel_count(), rate);
    meter.add(buffer);
    meter.finish()
}

fn measure(stream: &mut dyn Stream, rate: SampleRate) -> Result<Levels, ReadError> {
    let mut meter = Meter::new(stream.channels(), rate);
    let mut block = Buffer::new(stream.channels(), 0);
    let mut left = stream.frames();
    while left > 0 {
        block.resize(left.min(BLOCK as u64) as usize);
        stream.read(&mut block)?;
        meter.add(&block);
        left -= block.frames() as u64;
    }
    Ok(meter.finish())
}

impl Treatment {
    /// What does it to the blocks of a take, in their order.
    fn worker(&self, channels: usize, rate: SampleRate) -> impl FnMut(&mut Buffer) + Send + use<> {
        let gain = (self.gain_db != 0.0).then(|| Decibels(self.gain_db).gain());
        let mut noise = self.noise.map(|(kind, seed, rms)| Noise::new(kind, seed, channels, rate, rms));
        move |block| {
            if let Some(gain) = gain {
                let louder = |sample: &mut f32| *sample = (f64::from(*sample) * gain) as f32;
                block.channels_mut().for_each(|samples| samples.iter_mut().for_each(louder));
            }
            if let Some(noise) = &mut noise {
                noise.add_to(block);
            }
        }
    }

    fn over(&self, stream: Box<dyn Stream>, rate: SampleRate) -> Box<dyn Stream> {
        if self.gain_db == 0.0 && self.noise.is_none() {
            return stream;
        }
        let worker = self.worker(stream.channels(), rate);
        let left = stream.frames();
        Box::new(Treated { stream, worker, left })
    }
}

/// A stream with its treatment, which ends with it.
struct Treated<F> {
    stream: Box<dyn Stream>,
    worker: F,
    left: u64,
}

impl<F: FnMut(&mut Buffer) + Send> Stream for Treated<F> {
    fn channels(&self) -> usize {
        self.stream.channels()
    }

    fn frames(&self) -> u64 {
        self.stream.frames()
    }

    fn read(&mut self, into: &mut Buffer) -> Result<(), ReadError> {
        self.stream.read(into)?;
        let whole = into.frames();
        let count = usize::try_from(self.left).map_or(whole, |left| left.min(whole));
        into.resize(count);
        (self.worker)(into);
        // What is appended is silent.
        into.resize(whole);
        self.left -= count as u64;
        Ok(())
    }
}
