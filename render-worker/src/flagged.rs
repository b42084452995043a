//! What is wrong with what came out, and what becomes of it.
//!
//! A file is looked at as it stands on the disk, bits and all, before it has its name; its dry take runs beside it.

use std::path::Path;

use audio::offset::{Offset, offset};
use audio::quality::{Gate, QualityScan};
use audio::read::ReadError;
use audio::stream::{self, Stream};
use audio::{Buffer, SampleRate};
use jobs::manifest::RenderedFile;
use jobs::message::{Failure, Phase};
use jobs::task::{Checks, FlagPolicy, Length, Output, Render, Task};

use crate::build::{BuildError, refusal};
use crate::publish::{Complete, PublishError};
use crate::takes::Ready;

/// Frames of a block.
const BLOCK: usize = 1 << 13;

/// The most samples of a file that its offset is looked for in: 44 s of stereo at 96 kHz, and 87 s at 48 kHz. The search
/// takes the loudest 22 s of them.
const MOST_SAMPLES: usize = 1 << 23;

/// What is looked at in a task's files.
pub(crate) struct Look<'a> {
    checks: &'a Checks,
    rate: SampleRate,
    block: usize,
    dry: Option<&'a Ready>,
    /// The dry take itself is what comes out, so that being like it is no fault.
    is_dry: bool,
}

impl<'a> Look<'a> {
    /// Fails where the task does not say enough.
    pub(crate) fn new(task: &'a Task, dry: Option<&'a Ready>) -> Result<Look<'a>, BuildError> {
        let checks = &task.checks;
        if checks.gate.is_some() && checks.may_quarantine() && checks.output_root.is_none() {
            let reason = "flagged files are to be quarantined, and the task does not say in which output folder";
            return Err(refusal(Phase::Configure, None, reason));
        }
        let is_dry = matches!(&task.render, Render::Tone(tone) if tone.chain.is_empty());
        Ok(Look { checks, rate: task.audio.sample_rate, block: task.audio.block_size as usize, dry, is_dry })
    }

    /// Looks at a file, and writes down what is found.
    pub(crate) fn at(&self, complete: &mut Complete, output: &Output) -> Result<(), BuildError> {
        if self.checks.gate.is_none() && self.by_ear().is_none() {
            return Ok(());
        }
        let rate = output.sample_rate.unwrap_or(self.rate);
        let seen = self.seen(&complete.partial, &complete.file, rate).map_err(|error| {
            let path = complete.file.path.display();
            refusal(Phase::Write, None, format!("{path} cannot be read again to look at it: {error}"))
        })?;
        if let Some(gate) = &self.checks.gate {
            let expected = self.expected(output, rate);
            complete.file.flags = gate.flags(&seen.scan.finish(), Some(&complete.levels), rate, expected);
        }
        if let (Some(most), Some(_)) = (self.by_ear(), self.dry) {
            let cut = complete.file.finished.as_ref().map_or(0, |finished| finished.trimmed_start_frames);
            match found(&seen.wet, &seen.dry, rate, most) {
                // Both were compared from the first frame that stayed on.
                Ok(found) => {
                    let cut = i64::try_from(cut).unwrap_or(i64::MAX);
                    complete.file.offset = Some(Offset { frames: found.frames - cut, ..found });
                }
                Err(why) => complete.warnings.push(format!("how far it lies behind its dry take is unknown: {why}")),
            }
        }
        Ok(())
    }

    /// How far a file's offset is looked for in its sound, where no pulse tells it.
    fn by_ear(&self) -> Option<u64> {
        self.checks.offset.filter(|_| !self.checks.sync)
    }

    /// The frames that a file should have, where its take alone decides.
    fn expected(&self, output: &Output, rate: SampleRate) -> Option<u64> {
        let decides = matches!(output.length, Length::Match) && output.finish.trim.is_none();
        self.dry.filter(|_| decides).map(|dry| dry.frames_at(rate))
    }

    /// Goes through a file once, with the dry take beside it.
    fn seen(&self, path: &Path, file: &RenderedFile, rate: SampleRate) -> Result<Seen, ReadError> {
        let gate = self.checks.gate.clone().unwrap_or(Gate::OPEN);
        // What is resampled repeats no block.
        let periods: &[usize] = if rate == self.rate { &[self.block] } else { &[] };
        let channels = usize::from(file.channels);
        let mut seen = Seen {
            scan: QualityScan::new(channels, &gate, periods),
            wet: Buffer::new(channels, 0),
            dry: Buffer::new(self.dry.map_or(0, |dry| dry.channels), 0),
        };
        // No reader takes a file without frames for sound.
        if file.frames == 0 {
            return Ok(seen);
        }
        let (mut wet, _) = stream::open(path)?;
        let mut dry = self.dry.map(|dry| at_rate(dry, self.rate, rate)).transpose()?;
        if let Some(dry) = &mut dry {
            dry.skip(file.finished.as_ref().map_or(0, |finished| finished.trimmed_start_frames))?;
        }
        let most = if self.by_ear().is_some() && dry.is_some() { MOST_SAMPLES / channels.max(1) } else { 0 };
        let (mut block, mut left) = (Buffer::new(channels, 0), wet.frames());
        let mut beside = Buffer::new(seen.dry.channel_count(), 0);
        while left > 0 {
            block.resize(left.min(BLOCK as u64) as usize);
            left -= block.frames() as u64;
            wet.read(&mut block)?;
            match &mut dry {
                Some(dry) => {
                    beside.resize(block.frames());
                    dry.read(&mut beside)?;
                    if self.is_dry { seen.scan.add(&block) } else { seen.scan.add_with_dry(&block, &beside) }
                }
                None => seen.scan.add(&block),
            }
            if seen.wet.frames() < most {
                seen.wet.append(&block);
                seen.dry.append(&beside);
            }
        }
        Ok(seen)
    }
}

/// What one pass over a file gives.
struct Seen {
    scan: QualityScan,
    /// The start of the file, and of its dry take, where they are compared.
    wet: Buffer,
    dry: Buffer,
}

fn at_rate(dry: &Ready, from: SampleRate, to: SampleRate) -> Result<Box<dyn Stream>, ReadError> {
    Ok(stream::at_rate(dry.stream()?, from, to).expect("files are written at rates that sound is sampled at"))
}

/// The offset of the file's loudest channel from the dry one of its number, or the last.
fn found(wet: &Buffer, dry: &Buffer, rate: SampleRate, most: u64) -> Result<Offset, audio::offset::NoOffset> {
    let energy = |samples: &[f32]| samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let energies = wet.channels().map(energy).enumerate();
    let (loudest, _) = energies.fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    let beside = loudest.min(dry.channel_count().saturating_sub(1));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    offset(dry.channel(beside), wet.channel(loudest), rate, most)
}

/// Fails where flagged files cost the task.
pub(crate) fn decide(task: &Task, last: bool, complete: &[Complete]) -> Result<(), BuildError> {
    let flagged = complete.iter().filter(|complete| !complete.file.flags.is_empty());
    let retry = match task.checks.policy {
        FlagPolicy::Keep | FlagPolicy::Quarantine => return Ok(()),
        FlagPolicy::Retry if last => return Ok(()),
        FlagPolicy::Retry => true,
        FlagPolicy::Fail => false,
    };
    let words = |complete: &Complete| {
        let flags: Vec<String> = complete.file.flags.iter().map(ToString::to_string).collect();
        format!("{}: {}", complete.file.path.display(), flags.join("; "))
    };
    let words: Vec<String> = flagged.map(words).collect();
    if words.is_empty() {
        return Ok(());
    }
    let reason = format!("{}. Nothing of the task was kept", words.join(". "));
    Err(BuildError::Task(Failure {
        phase: Phase::Write,
        device: None,
        at_seconds: None,
        reason,
        retry,
        stop_run: false,
    }))
}

/// Gives the files their names, the flagged ones in quarantine where the policy says so.
pub(crate) fn publish(
    task: &Task,
    complete: Vec<Complete>,
    notes: &mut Vec<String>,
) -> Result<Vec<RenderedFile>, PublishError> {
    let mut done = Vec::with_capacity(complete.len());
    let mut waiting = complete.into_iter();
    for complete in waiting.by_ref() {
        let asked = complete.file.path.clone();
        let root = task.checks.output_root.as_ref().filter(|_| task.checks.may_quarantine());
        let quarantine = root.filter(|_| !complete.file.flags.is_empty()).map(|root| root.quarantined(&asked));
        match complete.publish(quarantine) {
            Ok((file, told)) => {
                notes.extend(told.into_iter().map(|words| format!("{}: {words}", asked.display())));
                done.push(file);
            }
            Err(error) => {
                waiting.for_each(Complete::discard);
                return Err(error);
            }
        }
    }
    Ok(done)
}
