//! What happens to a rendered output once all of it is there: trimming, gain, limiting, fades.
//!
//! The order is that of a mastering session. Silence is trimmed first, since it is no part of the piece. Then comes the gain,
//! then the limiter, then the fades, so that a fade never changes how the limiter works. Every target is one of the file as
//! it is delivered: levels are measured behind everything, fades included.

use std::f64::consts::PI;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::limit::{Limiter, Limiting};
use crate::measure::{Levels, Meter};
use crate::spool::{Spool, SpoolError};
use crate::{Buffer, Decibels, SampleRate};

/// How an output is finished. The default changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Finish {
    /// Silence is cut off at both ends.
    pub trim: Option<Trim>,
    /// The start fades in.
    pub fade_in: Option<Fade>,
    /// The end fades out.
    pub fade_out: Option<Fade>,
    /// How loud it becomes.
    pub target: Option<Target>,
    /// What its true peak stays under.
    pub ceiling: Option<Ceiling>,
    /// Gain in dB where there is no target.
    pub gain_db: f64,
}

/// Which silence is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trim {
    /// What rises above this level, in dBFS, is sound. The level is that before any gain.
    pub threshold_db: f64,
    /// Seconds that stay in front of the first sound, as far as there are any.
    #[serde(default)]
    pub lead_in_seconds: f64,
    /// Seconds that stay behind the last sound, as far as there are any.
    #[serde(default)]
    pub lead_out_seconds: f64,
}

/// A fade from or to silence. The outermost frame is silent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fade {
    /// How long it takes; no longer than the whole.
    pub seconds: f64,
    /// Its course.
    #[serde(default)]
    pub shape: FadeShape,
}

/// The course of a fade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FadeShape {
    /// A straight line.
    #[default]
    Linear,
    /// A quarter of a sine, which keeps the power where two sounds cross.
    Sine,
    /// Half a cosine, without a corner at either end.
    Smooth,
}

/// How loud a file becomes, as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Integrated loudness in LUFS.
    Loudness(f64),
    /// Highest sample in dBFS.
    Peak(f64),
    /// True peak in dBTP.
    TruePeak(f64),
    /// Root of the mean square in dBFS.
    Rms(f64),
}

/// What the true peak stays under, and by which means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// The highest true peak, in dBTP.
    pub dbtp: f64,
    /// The means.
    #[serde(default)]
    pub by: CeilingBy,
}

/// By which means a true peak is kept under a ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CeilingBy {
    /// The gain of the whole is lowered. A target may be missed for that.
    #[default]
    Scale,
    /// The gain stays and the peaks are limited.
    Limit,
}

/// What was done to an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The gain of the whole.
    pub gain_db: f64,
    /// The most that the limiter lowered any frame; absent where none worked.
    pub limiter_reduction_db: Option<f64>,
    /// Frames cut off at the start.
    pub trimmed_start_frames: u64,
    /// Frames cut off at the end.
    pub trimmed_end_frames: u64,
    /// Frames of what came out.
    pub frames: u64,
    /// The levels of what came out.
    pub levels: Levels,
    /// What did not go as asked for, a sentence each.
    pub warnings: Vec<String>,
}

/// Why an output could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum FinishError<E: std::error::Error + 'static> {
    /// What was put aside cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Whoever takes the blocks refuses.
    #[error(transparent)]
    Sink(E),
}

/// Frames of a block.
const BLOCK: usize = 8_192;

/// A target is met when it is missed by no more than this.
const NEAR_DB: f64 = 0.1;

/// How often the loudness behind the limiter is measured to find the gain.
const PASSES: usize = 4;

/// The most that is given beyond the gain that would do without a limiter.
const MOST_EXTRA_DB: f64 = 12.0;

impl Finish {
    /// Whether it changes nothing, so that there is no need to put sound aside for it.
    pub fn is_nothing(&self) -> bool {
        *self == Finish::default()
    }

    /// Finishes what was put aside and gives it to `sink`, block by block. The work is done in passes over the spool: one
    /// that measures where trimming or fades changed the levels, up to four more where a limiter must hit a target, and one
    /// that gives the sound out.
    pub fn finish<E: std::error::Error + 'static>(
        &self,
        spool: &mut Spool,
        mut sink: impl FnMut(&Buffer) -> Result<(), E>,
    ) -> Result<Finished, FinishError<E>> {
        let mut warnings = Vec::new();
        let frames = self.trimmed(spool, &mut warnings)?;
        let whole = frames == (0..spool.frames());
        let before = if whole && self.fade_in.is_none() && self.fade_out.is_none() {
            spool.levels()
        } else {
            self.measure(spool, frames.clone(), 0.0)?
        };
        let gain_db = self.gain(spool, frames.clone(), &before, &mut warnings)?;

        let mut meter = Meter::new(spool.channels(), spool.sample_rate());
        let reduction = self.pass(spool, frames.clone(), gain_db, |block| {
            meter.add(block);
            sink(block).map_err(FinishError::Sink)
        })?;
        let levels = meter.finish();
        warnings.extend(self.missed(&before, &levels));
        Ok(Finished {
            gain_db,
            limiter_reduction_db: Some(reduction).filter(|&reduction| reduction > 0.0),
            trimmed_start_frames: frames.start,
            trimmed_end_frames: spool.frames() - frames.end,
            frames: frames.end - frames.start,
            levels,
            warnings,
        })
    }

    /// The frames that stay.
    fn trimmed(&self, spool: &mut Spool, warnings: &mut Vec<String>) -> Result<Range<u64>, SpoolError> {
        let frames = spool.frames();
        let Some(trim) = self.trim else { return Ok(0..frames) };
        let threshold = Decibels(trim.threshold_db).gain() as f32;
        let mut block = Buffer::new(spool.channels(), BLOCK);
        let is_sound = |sample: &f32| sample.abs() > threshold;
        let mut first = None;
        for start in (0..frames).step_by(BLOCK) {
            spool.read(start, &mut block)?;
            first = block.channels().filter_map(|samples| samples.iter().position(is_sound)).min();
            if let Some(at) = &mut first {
                *at += start as usize;
                break;
            }
        }
        let Some(first) = first else {
            if frames > 0 {
                let level = trim.threshold_db;
                warnings.push(format!("nothing rises above {level} dBFS, so no silence was trimmed"));
            }
            return Ok(0..frames);
        };
        let mut last = first as u64;
        for start in (0..frames.div_ceil(BLOCK as u64)).rev().map(|index| index * BLOCK as u64) {
            spool.read(start, &mut block)?;
            let found = block.channels().filter_map(|samples| samples.iter().rposition(is_sound)).max();
            if let Some(at) = found {
                last = start + at as u64;
                break;
            }
        }
        let rate = spool.sample_rate();
        let start = (first as u64).saturating_sub(rate.frames(trim.lead_in_seconds));
        let end = (last + 1).saturating_add(rate.frames(trim.lead_out_seconds)).min(frames);
        Ok(start..end)
    }

    /// The gain that the whole gets.
    fn gain(
        &self,
        spool: &mut Spool,
        frames: Range<u64>,
        before: &Levels,
        warnings: &mut Vec<String>,
    ) -> Result<f64, SpoolError> {
        let Some(peak) = before.true_peak_dbtp.filter(|_| !before.silent) else {
            if self.target.is_some() || self.gain_db != 0.0 {
                warnings.push("it is silent, so it was given no gain".to_owned());
            }
            return Ok(0.0);
        };
        let plain = match self.target {
            None => self.gain_db,
            Some(target) => match target.level(before) {
                Some(level) => target.value() - level,
                None => {
                    let wanted = target.words();
                    warnings.push(format!(
                        "{wanted} was asked for, but it has none: it is shorter than 400 ms or below -70 LUFS"
                    ));
                    return Ok(0.0);
                }
            },
        };
        let Some(ceiling) = self.ceiling else { return Ok(plain) };
        let room = ceiling.dbtp - peak;
        match ceiling.by {
            _ if plain <= room => Ok(plain),
            CeilingBy::Scale => {
                if self.target.is_none() {
                    let (lower, dbtp) = (plain - room, ceiling.dbtp);
                    warnings.push(format!("the gain is {lower:.1} dB lower than asked for, to stay under {dbtp} dBTP"));
                }
                Ok(room)
            }
            CeilingBy::Limit => match self.target {
                Some(target @ (Target::Loudness(_) | Target::Rms(_))) => {
                    self.limited_gain(spool, frames, target, plain)
                }
                // A peak is where the limiter puts it, whatever the gain.
                _ => Ok(plain),
            },
        }
    }

    /// The gain that brings a mean level behind the limiter to its target, as far as there is one.
    fn limited_gain(
        &self,
        spool: &mut Spool,
        frames: Range<u64>,
        target: Target,
        plain: f64,
    ) -> Result<f64, SpoolError> {
        let mut gain = plain;
        let mut last: Option<(f64, f64)> = None;
        for _ in 0..PASSES {
            let levels = self.measure(spool, frames.clone(), gain)?;
            let Some(level) = target.level(&levels) else { break };
            let missing = target.value() - level;
            if missing.abs() < NEAR_DB / 5.0 {
                break;
            }
            // The more is limited, the less of a gain arrives.
            let arrives = match last {
                Some((gain_before, level_before)) if gain != gain_before => {
                    (level - level_before) / (gain - gain_before)
                }
                _ => 1.0,
            };
            last = Some((gain, level));
            gain = (gain + missing / arrives.clamp(0.1, 1.0)).min(plain + MOST_EXTRA_DB);
        }
        Ok(gain)
    }

    /// Says by how much the target was missed, if it was.
    fn missed(&self, before: &Levels, after: &Levels) -> Option<String> {
        let target = self.target.filter(|_| !before.silent)?;
        target.level(before)?;
        let missing = target.value() - target.level(after)?;
        let reason = self.ceiling.map(|ceiling| format!(", to stay under {} dBTP", ceiling.dbtp)).unwrap_or_default();
        let missed = || format!("{} was missed by {missing:.1} {}{reason}", target.words(), target.unit());
        (missing.abs() > NEAR_DB).then(missed)
    }

    fn measure(&self, spool: &mut Spool, frames: Range<u64>, gain_db: f64) -> Result<Levels, SpoolError> {
        let mut meter = Meter::new(spool.channels(), spool.sample_rate());
        self.pass(spool, frames, gain_db, |block| {
            meter.add(block);
            Ok::<(), SpoolError>(())
        })?;
        Ok(meter.finish())
    }

    /// Goes through everything once. Gives the most that the limiter lowered it.
    fn pass<E: From<SpoolError>>(
        &self,
        spool: &mut Spool,
        frames: Range<u64>,
        gain_db: f64,
        mut out: impl FnMut(&Buffer) -> Result<(), E>,
    ) -> Result<f64, E> {
        let (channels, rate) = (spool.channels(), spool.sample_rate());
        let ceiling = self.ceiling.filter(|ceiling| ceiling.by == CeilingBy::Limit);
        let mut limiter = ceiling.map(|ceiling| Limiter::new(channels, rate, Limiting::under(ceiling.dbtp)));
        let late = limiter.as_ref().map_or(0, Limiter::latency) as u64;
        let length = frames.end - frames.start;
        let fades = Fades::new(self, rate, length);
        let gain = Decibels(gain_db).gain();
        let mut block = Buffer::new(channels, BLOCK);
        let mut kept = Buffer::new(channels, 0);
        // The limiter's output is late, so as much silence follows as was dropped at the start.
        for at in (0..length + late).step_by(BLOCK) {
            let count = (length + late - at).min(BLOCK as u64) as usize;
            block.resize(count);
            spool.read(frames.start + at, &mut block)?;
            // What was trimmed off the end must not come back as what follows.
            let present = length.saturating_sub(at).min(count as u64) as usize;
            for samples in block.channels_mut() {
                samples[present..].fill(0.0);
                if gain != 1.0 {
                    samples.iter_mut().for_each(|s| *s = (f64::from(*s) * gain) as f32);
                }
            }
            if let Some(limiter) = &mut limiter {
                limiter.process(&mut block, 0..count);
            }
            let skip = late.saturating_sub(at).min(count as u64) as usize;
            if skip == count {
                continue;
            }
            kept.resize(count - skip);
            for (to, from) in kept.channels_mut().zip(block.channels()) {
                to.copy_from_slice(&from[skip..]);
            }
            fades.apply(&mut kept, at + skip as u64 - late);
            out(&kept)?;
        }
        Ok(limiter.map_or(0.0, |limiter| limiter.reduction_db()))
    }
}

impl Target {
    fn value(self) -> f64 {
        match self {
            Target::Loudness(value) | Target::Peak(value) | Target::TruePeak(value) | Target::Rms(value) => value,
        }
    }

    /// What it is about, measured.
    fn level(self, levels: &Levels) -> Option<f64> {
        match self {
            Target::Loudness(_) => levels.loudness_lufs,
            Target::Peak(_) => levels.peak_dbfs,
            Target::TruePeak(_) => levels.true_peak_dbtp,
            Target::Rms(_) => levels.rms_dbfs,
        }
    }

    /// What is asked for, in words, to a hundredth.
    pub fn words(self) -> String {
        let value = (self.value() * 100.0).round() / 100.0;
        match self {
            Target::Loudness(_) => format!("a loudness of {value} LUFS"),
            Target::Peak(_) => format!("a peak of {value} dBFS"),
            Target::TruePeak(_) => format!("a true peak of {value} dBTP"),
            Target::Rms(_) => format!("an RMS level of {value} dBFS"),
        }
    }

    fn unit(self) -> &'static str {
        if matches!(self, Target::Loudness(_)) { "LU" } else { "dB" }
    }
}

impl FadeShape {
    /// The factor at a part of the way, 0 to 1.
    fn at(self, way: f64) -> f64 {
        match self {
            FadeShape::Linear => way,
            FadeShape::Sine => (way * PI / 2.0).sin(),
            FadeShape::Smooth => (1.0 - (way * PI).cos()) / 2.0,
        }
    }
}

/// The fades of a sound of known length.
struct Fades {
    fade_in: Option<(u64, FadeShape)>,
    fade_out: Option<(u64, FadeShape)>,
    length: u64,
}

impl Fades {
    fn new(finish: &Finish, rate: SampleRate, length: u64) -> Fades {
        let frames = |fade: Fade| (rate.frames(fade.seconds).min(length), fade.shape);
        Fades { fade_in: finish.fade_in.map(frames), fade_out: finish.fade_out.map(frames), length }
    }

    /// Fades the frames from `start` on.
    fn apply(&self, block: &mut Buffer, start: u64) {
        let fade = |fade: Option<(u64, FadeShape)>, from_edge: u64| match fade {
            Some((frames, shape)) if from_edge < frames => shape.at(from_edge as f64 / frames as f64),
            _ => 1.0,
        };
        for frame in 0..block.frames() {
            let at = start + frame as u64;
            let factor = fade(self.fade_in, at) * fade(self.fade_out, self.length - 1 - at);
            if factor != 1.0 {
                block.channels_mut().for_each(|samples| samples[frame] = (f64::from(samples[frame]) * factor) as f32);
            }
        }
    }
}
