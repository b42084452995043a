//! What is wrong with a rendered file: the gate of a data set.
//!
//! A [`QualityScan`] looks at sound as it passes by, for what a [`Meter`](crate::measure::Meter) does not see: values that
//! are not finite, runs of clipped samples, a processor that is stuck, and an effect that did nothing. [`Gate::flags`]
//! holds what both found against its limits.

use serde::{Deserialize, Serialize};

use crate::measure::Levels;
use crate::{Buffer, SampleRate};

/// What is flagged. A limit that is absent is not looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// Flagged are files whose peak does not reach this level in dBFS.
    pub silent_below_dbfs: Option<f64>,
    /// Flagged are files of which so many samples in a row stand at full scale.
    pub clipped_run_frames: Option<u64>,
    /// Flagged are files whose mean is this far from 0, full scale being 1.
    pub dc_offset: Option<f64>,
    /// Flagged are files that repeat one value or one block for so many seconds, to the bit.
    pub stuck_seconds: Option<f64>,
    /// Flagged are files shorter than so many seconds.
    pub shorter_than_seconds: Option<f64>,
    /// Flagged are files of which this little, in dB of their own level, is left when the dry input is taken out of them
    /// at its best gain and polarity.
    pub like_dry_below_db: Option<f64>,
}

impl Gate {
    /// A gate that looks at nothing but whether values are finite.
    pub const OPEN: Gate = Gate {
        silent_below_dbfs: None,
        clipped_run_frames: None,
        dc_offset: None,
        stuck_seconds: None,
        shorter_than_seconds: None,
        like_dry_below_db: None,
    };
}

impl Default for Gate {
    /// Silence below -90 dBFS, 16 clipped samples in a row, an offset of 0.05, half a second of the same, nothing shorter
    /// than 10 ms, nothing closer to its input than -60 dB.
    fn default() -> Gate {
        Gate {
            silent_below_dbfs: Some(crate::measure::SILENCE_DBFS),
            clipped_run_frames: Some(16),
            dc_offset: Some(0.05),
            stuck_seconds: Some(0.5),
            shorter_than_seconds: Some(0.01),
            like_dry_below_db: Some(-60.0),
        }
    }
}

/// One thing that is wrong with a file, with the number that says so and the limit that it passes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", tag = "flag", deny_unknown_fields)]
pub enum Flag {
    /// Values are not finite. There is no limit to set.
    NotFinite {
        /// How many.
        samples: u64,
        /// The frame of the first.
        first_frame: u64,
    },
    /// It is as good as silent.
    Silent {
        /// Its peak; absent for digital silence.
        peak_dbfs: Option<f64>,
        /// The limit.
        limit_dbfs: f64,
    },
    /// It is clipped.
    Clipped {
        /// The longest run of samples at full scale.
        longest_run: u64,
        /// How many runs reach the limit.
        runs: u64,
        /// The limit.
        limit: u64,
    },
    /// It has an offset.
    Offset {
        /// The mean of the channel with the largest.
        dc_offset: f64,
        /// The limit.
        limit: f64,
    },
    /// It repeats itself to the bit.
    Stuck {
        /// For how long.
        seconds: f64,
        /// Where that begins.
        at_seconds: f64,
        /// What repeats, in frames: 1 for a constant value.
        period: u64,
        /// The limit.
        limit_seconds: f64,
    },
    /// It is too short.
    TooShort {
        /// Its length.
        seconds: f64,
        /// The limit.
        limit_seconds: f64,
    },
    /// Its length is not the one that it should have.
    WrongLength {
        /// Its length.
        frames: u64,
        /// The one that it should have.
        expected: u64,
    },
    /// The effect did nothing but change the level.
    LikeDry {
        /// What is left without the input; absent where nothing is.
        residual_db: Option<f64>,
        /// The limit.
        limit_db: f64,
    },
}

impl std::fmt::Display for Flag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Flag::NotFinite { samples, first_frame } => {
                write!(f, "{samples} samples are not finite, the first at frame {first_frame}")
            }
            Flag::Silent { peak_dbfs: None, .. } => write!(f, "it is silent: all samples are 0"),
            Flag::Silent { peak_dbfs: Some(peak), limit_dbfs } => {
                write!(f, "it is silent: its peak is {peak:.1} dBFS, below {limit_dbfs}")
            }
            Flag::Clipped { longest_run, runs, limit } => write!(
                f,
                "it is clipped: {longest_run} samples in a row at full scale, and {runs} runs of at least {limit}"
            ),
            Flag::Offset { dc_offset, limit } => {
                write!(f, "it has an offset of {dc_offset:.4}, which is not within {limit} of 0")
            }
            Flag::Stuck { seconds, at_seconds, period: 1, limit_seconds } => write!(
                f,
                "it is stuck at one value for {seconds:.2} s from {at_seconds:.2} s on, and {limit_seconds} s are too long"
            ),
            Flag::Stuck { seconds, at_seconds, period, limit_seconds } => write!(
                f,
                "it repeats {period} frames for {seconds:.2} s from {at_seconds:.2} s on, and {limit_seconds} s are too long"
            ),
            Flag::TooShort { seconds, limit_seconds } => {
                write!(f, "it lasts {seconds:.3} s, which is less than {limit_seconds}")
            }
            Flag::WrongLength { frames, expected } => write!(f, "it has {frames} frames and should have {expected}"),
            Flag::LikeDry { residual_db: None, .. } => write!(f, "it is its dry input at another level"),
            Flag::LikeDry { residual_db: Some(residual), limit_db } => write!(
                f,
                "it is hardly more than its dry input: {residual:.1} dB are left without it, below {limit_db}"
            ),
        }
    }
}

/// Samples at least this high count as clipped: full scale less one step of 16 bits.
const FULL_SCALE: f32 = 32_767.0 / 32_768.0;

/// Looks at sound as it passes by, block by block. The split into blocks does not change the result.
#[derive(Clone, Debug)]
pub struct QualityScan {
    frames: u64,
    not_finite: u64,
    first_not_finite: u64,
    /// The shortest run of clipped samples that counts.
    clipped_from: u64,
    channels: Vec<Channel>,
    beside: Option<Vec<Beside>>,
}

#[derive(Clone, Debug, Default)]
struct Channel {
    clipped: u64,
    /// Whether the run is at the top.
    positive: bool,
    longest_clipped: u64,
    clipped_runs: u64,
    repeats: Vec<Repeat>,
}

/// How long a channel repeats what it held a period before.
#[derive(Clone, Debug)]
struct Repeat {
    /// The bits of the last period.
    before: Vec<u32>,
    at: usize,
    run: u64,
    /// Frames since the last sample that was not 0.
    silent: u64,
    longest: u64,
    ended: u64,
}

/// Sums over a channel and the dry one beside it.
#[derive(Clone, Copy, Debug, Default)]
struct Beside {
    wet: f64,
    dry: f64,
    both: f64,
}

/// What a [`QualityScan`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// Frames that passed by.
    pub frames: u64,
    /// How many samples are not finite, and the frame of the first.
    pub not_finite: Option<(u64, u64)>,
    /// The longest run of samples at full scale.
    pub longest_clipped_run: u64,
    /// How many runs are at least as long as the gate's limit.
    pub clipped_runs: u64,
    /// The longest stretch that repeats itself.
    pub stuck: Option<Stuck>,
    /// What is left without the dry input, in dB of the whole: minus infinity for nothing. Absent where there was no dry
    /// input, or one of the two is silent.
    pub residual_db: Option<f64>,
}

/// A stretch that repeats itself to the bit and is not silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// How long it is, its first period included.
    pub frames: u64,
    /// Its first frame.
    pub start: u64,
    /// What repeats, in frames.
    pub period: u64,
}

impl QualityScan {
    /// Looks at so many channels, at least one. `periods` are lengths of blocks, in frames, that a broken processor may
    /// repeat; a constant value is looked for always.
    pub fn new(channels: usize, gate: &Gate, periods: &[usize]) -> QualityScan {
        let mut periods: Vec<usize> = periods.iter().copied().filter(|period| *period > 1).chain([1]).collect();
        periods.sort_unstable();
        periods.dedup();
        let repeat =
            |period: &usize| Repeat { before: vec![0; *period], at: 0, run: 0, silent: u64::MAX, longest: 0, ended: 0 };
        let repeats = if gate.stuck_seconds.is_some() { periods.iter().map(repeat).collect() } else { Vec::new() };
        QualityScan {
            frames: 0,
            not_finite: 0,
            first_not_finite: 0,
            clipped_from: gate.clipped_run_frames.unwrap_or(u64::MAX).max(1),
            channels: vec![Channel { repeats, ..Channel::default() }; channels],
            beside: None,
        }
    }

    /// Takes the next block.
    ///
    /// # Panics
    /// If it has another number of channels.
    pub fn add(&mut self, block: &Buffer) {
        assert_eq!(block.channel_count(), self.channels.len(), "a scan looks at blocks of one channel count");
        for (channel, samples) in self.channels.iter_mut().zip(block.channels()) {
            for (frame, &sample) in (self.frames..).zip(samples) {
                if !sample.is_finite() {
                    if self.not_finite == 0 || frame < self.first_not_finite {
                        self.first_not_finite = frame;
                    }
                    self.not_finite += 1;
                }
                channel.clip(sample, self.clipped_from);
            }
            for repeat in &mut channel.repeats {
                for (frame, &sample) in (self.frames..).zip(samples) {
                    repeat.add(frame, sample);
                }
            }
        }
        self.frames += block.frames() as u64;
    }

    /// Takes the next block with the dry input of the same frames. Each channel is held against the dry one of its number,
    /// or the last.
    ///
    /// # Panics
    /// If the dry block has no channel, or another length.
    pub fn add_with_dry(&mut self, block: &Buffer, dry: &Buffer) {
        assert!(dry.channel_count() > 0 && dry.frames() == block.frames(), "a dry input lies beside its output");
        self.add(block);
        let beside = self.beside.get_or_insert_with(|| vec![Beside::default(); block.channel_count()]);
        for (number, (beside, wet)) in beside.iter_mut().zip(block.channels()).enumerate() {
            for (&wet, &dry) in wet.iter().zip(dry.channel(number.min(dry.channel_count() - 1))) {
                let (wet, dry) = (f64::from(wet), f64::from(dry));
                beside.wet += wet * wet;
                beside.dry += dry * dry;
                beside.both += wet * dry;
            }
        }
    }

    /// Ends looking.
    pub fn finish(self) -> Quality {
        let stuck = self.channels.iter().flat_map(|channel| &channel.repeats).filter_map(|repeat| {
            let period = repeat.before.len() as u64;
            let frames = (repeat.longest > 0).then(|| repeat.longest + period)?;
            Some(Stuck { frames, start: repeat.ended - frames, period })
        });
        // Of a constant value, every period repeats: the shortest says it best.
        let stuck = stuck.reduce(|best, next| {
            let better = if next.period < best.period {
                next.frames + best.period >= best.frames
            } else {
                next.frames > best.frames + next.period
            };
            if better { next } else { best }
        });
        Quality {
            frames: self.frames,
            not_finite: (self.not_finite > 0).then_some((self.not_finite, self.first_not_finite)),
            longest_clipped_run: self.channels.iter().map(|channel| channel.longest_clipped).max().unwrap_or(0),
            clipped_runs: self.channels.iter().map(|channel| channel.clipped_runs).sum(),
            stuck,
            residual_db: self.beside.as_deref().and_then(residual_db),
        }
    }
}

impl Channel {
    fn clip(&mut self, sample: f32, from: u64) {
        let positive = sample > 0.0;
        // What is not finite is no full scale.
        if !(sample.abs() >= FULL_SCALE && sample.is_finite()) {
            self.clipped = 0;
            return;
        }
        self.clipped = if positive == self.positive { self.clipped + 1 } else { 1 };
        self.positive = positive;
        self.longest_clipped = self.longest_clipped.max(self.clipped);
        self.clipped_runs += u64::from(self.clipped == from);
    }
}

impl Repeat {
    fn add(&mut self, frame: u64, sample: f32) {
        let period = self.before.len();
        // Both zeros are silence.
        let bits = if sample == 0.0 { 0 } else { sample.to_bits() };
        let same = std::mem::replace(&mut self.before[self.at], bits) == bits;
        self.at = (self.at + 1) % period;
        self.silent = if bits == 0 { self.silent.saturating_add(1) } else { 0 };
        // Silence repeats itself as well, which is no fault.
        if same && frame >= period as u64 && self.silent < period as u64 {
            self.run += 1;
            if self.run > self.longest {
                (self.longest, self.ended) = (self.run, frame + 1);
            }
        } else {
            self.run = 0;
        }
    }
}

/// The part of the wet sound that no gain makes of the dry one.
fn residual_db(channels: &[Beside]) -> Option<f64> {
    let wet: f64 = channels.iter().map(|channel| channel.wet).sum();
    let dry: f64 = channels.iter().map(|channel| channel.dry).sum();
    if !(wet > 0.0 && dry > 0.0 && wet.is_finite() && dry.is_finite()) {
        return None;
    }
    let left = |channel: &Beside| match channel.dry > 0.0 {
        true => (channel.wet - channel.both * channel.both / channel.dry).max(0.0),
        false => channel.wet,
    };
    Some(10.0 * (channels.iter().map(left).sum::<f64>() / wet).log10())
}

impl Gate {
    /// What is wrong with a file. `levels` are those of its finite sound, where they were measured; `expected` is the
    /// length that it should have, where there is one.
    pub fn flags(
        &self,
        quality: &Quality,
        levels: Option<&Levels>,
        rate: SampleRate,
        expected: Option<u64>,
    ) -> Vec<Flag> {
        let mut flags = Vec::new();
        if let Some((samples, first_frame)) = quality.not_finite {
            flags.push(Flag::NotFinite { samples, first_frame });
        }
        if let Some(expected) = expected.filter(|expected| *expected != quality.frames) {
            flags.push(Flag::WrongLength { frames: quality.frames, expected });
        }
        let seconds = rate.seconds(quality.frames);
        if let Some(limit_seconds) = self.shorter_than_seconds.filter(|limit| seconds < *limit) {
            flags.push(Flag::TooShort { seconds, limit_seconds });
        }
        if let (Some(limit_dbfs), Some(levels)) = (self.silent_below_dbfs, levels)
            && levels.peak_dbfs.is_none_or(|peak| peak < limit_dbfs)
        {
            flags.push(Flag::Silent { peak_dbfs: levels.peak_dbfs, limit_dbfs });
        }
        if let Some(limit) = self.clipped_run_frames.filter(|limit| quality.longest_clipped_run >= (*limit).max(1)) {
            flags.push(Flag::Clipped { longest_run: quality.longest_clipped_run, runs: quality.clipped_runs, limit });
        }
        if let (Some(limit), Some(dc_offset)) = (self.dc_offset, levels.and_then(|levels| levels.dc_offset))
            && dc_offset.abs() >= limit
        {
            flags.push(Flag::Offset { dc_offset, limit });
        }
        if let (Some(limit_seconds), Some(stuck)) = (self.stuck_seconds, quality.stuck)
            && rate.seconds(stuck.frames) >= limit_seconds
        {
            let (seconds, at_seconds) = (rate.seconds(stuck.frames), rate.seconds(stuck.start));
            flags.push(Flag::Stuck { seconds, at_seconds, period: stuck.period, limit_seconds });
        }
        if let (Some(limit_db), Some(residual)) = (self.like_dry_below_db, quality.residual_db)
            && residual < limit_db
        {
            flags.push(Flag::LikeDry { residual_db: Some(residual).filter(|db| db.is_finite()), limit_db });
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Meter;

    const RATE: SampleRate = SampleRate(1_000);

    /// Noise between -0.5 and 0.5, the same for a seed.
    fn noise(seed: u32, frames: usize) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..frames).map(|_| next()).collect()
    }

    fn scan(wet: &[f32], dry: Option<&[f32]>, block: usize) -> Quality {
        let mut scan = QualityScan::new(1, &Gate::default(), &[64]);
        for start in (0..wet.len()).step_by(block) {
            let part = |samples: &[f32]| {
                Buffer::from_channels(vec![samples[start..(start + block).min(samples.len())].to_vec()])
            };
            match dry {
                Some(dry) => scan.add_with_dry(&part(wet), &part(dry)),
                None => scan.add(&part(wet)),
            }
        }
        scan.finish()
    }

    fn flags(wet: &[f32], dry: Option<&[f32]>) -> Vec<Flag> {
        let mut meter = Meter::new(1, RATE);
        meter.add(&Buffer::from_channels(vec![wet.to_vec()]));
        Gate::default().flags(&scan(wet, dry, 333), Some(&meter.finish()), RATE, None)
    }

    #[test]
    fn a_good_file_has_no_flags() {
        assert_eq!(flags(&noise(1, 5_000), Some(&noise(2, 5_000))), []);
    }

    #[test]
    fn blocks_of_any_size_find_the_same() {
        let mut wet = noise(1, 4_000);
        wet[1_000..1_400].fill(1.0);
        wet[2_000] = f32::NAN;
        let (first, rest) = wet[2_500..].split_at_mut(64);
        rest[..700].iter_mut().zip(first.iter().cycle()).for_each(|(to, from)| *to = *from);
        let whole = format!("{:?}", scan(&wet, None, 4_000));
        for block in [1, 7, 64, 999] {
            assert_eq!(format!("{:?}", scan(&wet, None, block)), whole, "blocks of {block}");
        }
    }

    #[test]
    fn values_that_are_not_finite_are_counted() {
        let mut wet = noise(1, 1_000);
        (wet[500], wet[501], wet[700]) = (f32::INFINITY, f32::NAN, f32::NEG_INFINITY);
        let quality = scan(&wet, None, 100);
        assert_eq!(quality.not_finite, Some((3, 500)));
        let found = Gate::default().flags(&quality, None, RATE, None);
        assert_eq!(found, [Flag::NotFinite { samples: 3, first_frame: 500 }]);
        assert_eq!(found[0].to_string(), "3 samples are not finite, the first at frame 500");
    }

    #[test]
    fn silence_is_flagged_with_its_peak() {
        assert_eq!(flags(&[0.0; 100], None), [Flag::Silent { peak_dbfs: None, limit_dbfs: -90.0 }]);
        let hiss: Vec<f32> = noise(1, 100).iter().map(|s| s * 1e-5).collect();
        assert!(matches!(flags(&hiss, None)[..], [Flag::Silent { peak_dbfs: Some(peak), .. }] if peak < -100.0));
    }

    #[test]
    fn only_runs_at_full_scale_are_clipping() {
        let mut wet = noise(1, 2_000);
        wet[100..115].fill(1.0);
        // Sixteen that change sides are two runs of eight.
        wet[200..208].fill(1.0);
        wet[208..216].fill(-1.0);
        assert_eq!(flags(&wet, None), []);
        wet[300..316].fill(-1.0);
        wet[400..420].fill(1.2);
        assert_eq!(flags(&wet, None), [Flag::Clipped { longest_run: 20, runs: 2, limit: 16 }]);
    }

    #[test]
    fn an_offset_is_flagged() {
        let wet: Vec<f32> = noise(1, 20_000).iter().map(|s| s * 0.1 - 0.1).collect();
        assert!(matches!(flags(&wet, None)[..], [Flag::Offset { dc_offset, .. }] if (dc_offset + 0.1).abs() < 0.002));
    }

    #[test]
    fn one_value_or_one_block_for_long_is_stuck_and_silence_is_not() {
        let mut wet = noise(1, 3_000);
        wet[1_000..1_499].fill(0.01);
        assert_eq!(flags(&wet, None), []);
        wet[1_499] = 0.01;
        let stuck = Flag::Stuck { seconds: 0.5, at_seconds: 1.0, period: 1, limit_seconds: 0.5 };
        assert_eq!(flags(&wet, None), [stuck]);
        wet[1_000..1_500].fill(0.0);
        assert_eq!(flags(&wet, None), []);
        let block = noise(9, 64);
        wet[500..1_140].iter_mut().zip(block.iter().cycle()).for_each(|(to, from)| *to = *from);
        let stuck = Flag::Stuck { seconds: 0.64, at_seconds: 0.5, period: 64, limit_seconds: 0.5 };
        assert_eq!(flags(&wet, None), [stuck]);
        assert_eq!(scan(&[0.3], None, 1).stuck, None);
    }

    #[test]
    fn length_is_held_against_what_it_should_be() {
        let quality = scan(&noise(1, 5), None, 5);
        let found = Gate::default().flags(&quality, None, RATE, Some(6));
        assert_eq!(
            found,
            [Flag::WrongLength { frames: 5, expected: 6 }, Flag::TooShort { seconds: 0.005, limit_seconds: 0.01 }]
        );
        assert_eq!(Gate::default().flags(&scan(&noise(1, 10), None, 5), None, RATE, Some(10)), []);
    }

    #[test]
    fn an_effect_that_did_nothing_is_found_at_any_gain_and_polarity() {
        let dry = noise(1, 5_000);
        for gain in [1.0, -0.5, 0.01] {
            let wet: Vec<f32> = dry.iter().map(|s| s * gain).collect();
            assert!(matches!(flags(&wet, Some(&dry))[..], [Flag::LikeDry { .. }]), "{gain}");
        }
        // A thousandth of something else is -60 dB; a little more passes.
        let with = |amount: f32| -> Vec<f32> { dry.iter().zip(noise(2, 5_000)).map(|(d, n)| d + amount * n).collect() };
        let residual = scan(&with(0.01), Some(&dry), 100).residual_db.unwrap();
        assert!((residual + 40.0).abs() < 0.5, "{residual}");
        assert!(flags(&with(0.01), Some(&dry)).is_empty());
        assert!(matches!(flags(&with(0.000_5), Some(&dry))[..], [Flag::LikeDry { residual_db: Some(_), .. }]));
        let silence = vec![0.0; 5_000];
        assert_eq!(scan(&silence, Some(&dry), 100).residual_db, None);
    }

    #[test]
    fn a_limit_that_is_absent_is_not_looked_at() {
        let gate = Gate::OPEN;
        let mut scan = QualityScan::new(1, &gate, &[4]);
        let ones = Buffer::from_channels(vec![vec![1.0; 4]]);
        scan.add_with_dry(&ones, &ones);
        let mut meter = Meter::new(1, RATE);
        meter.add(&ones);
        assert_eq!(gate.flags(&scan.finish(), Some(&meter.finish()), RATE, None), []);
    }
}
