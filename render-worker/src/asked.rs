//! Whether a file is what was asked for, before it has its name.

use audio::SampleRate;
use audio::read::probe;
use jobs::message::{Failure, Phase};
use jobs::task::{Length, Output};

use crate::build::BuildError;
use crate::publish::Complete;

/// Most frames by which a sound that was brought to another rate may be longer or shorter than asked for, at each of the two
/// rates: a take has a whole number of frames at the render's, and so has the file at its own.
const ROUNDING: f64 = 1.0;

/// Fails where a file has not the frames that its output asks for, or says of itself that it holds something else than what was
/// written. `frames` is how long the render is, at `rate`, without its tail.
pub(crate) fn check(complete: &Complete, output: &Output, frames: u64, rate: SampleRate) -> Result<(), BuildError> {
    let (file, own) = (&complete.file, output.sample_rate.unwrap_or(rate));
    let wrong = |reason: String| {
        let reason = format!("{} is not what was asked for: {reason}", file.path.display());
        BuildError::Task(Failure {
            phase: Phase::Write,
            device: None,
            at_seconds: None,
            reason,
            retry: true,
            stop_run: false,
        })
    };
    let (least, most) = asked(output, frames, rate, own);
    if !(least..=most).contains(&file.frames) {
        let asked = if least == most { format!("{least}") } else { format!("{least} to {most}") };
        return Err(wrong(format!("it has {} frames, and {asked} were asked for", file.frames)));
    }
    // A file without a frame, all of which was trimmed, cannot be opened as a recording.
    if file.frames == 0 {
        return Ok(());
    }
    let shape =
        probe(&complete.partial).map_err(|error| wrong(format!("it cannot be read back: {}", error.problem)))?;
    if (shape.frames, shape.channels, shape.sample_rate) != (file.frames, file.channels, own) {
        let (frames, channels, rate) = (shape.frames, shape.channels, shape.sample_rate.hz());
        let words = format!("what stands on the disk has {frames} frames of {channels} channels at {rate} Hz");
        return Err(wrong(words));
    }
    Ok(())
}

/// The fewest and the most frames that a file may have, at its own rate.
fn asked(output: &Output, frames: u64, rate: SampleRate, own: SampleRate) -> (u64, u64) {
    let (least, most) = match output.length {
        Length::Match => (frames, frames),
        Length::Tail { limit, .. } => (frames, frames + rate.frames(limit)),
        Length::Seconds(seconds) => (rate.frames(seconds), rate.frames(seconds)),
    };
    let (least, most) = if own == rate {
        (least, most)
    } else {
        let ratio = own.hz() / rate.hz();
        let (rounded, at_own) = (ROUNDING + ROUNDING * ratio, |frames: u64| frames as f64 * ratio);
        ((at_own(least) - rounded).max(0.0).floor() as u64, (at_own(most) + rounded).ceil() as u64)
    };
    if output.finish.trim.is_some() { (0, most) } else { (least, most) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobs::manifest::RenderedFile;
    use serde_json::json;

    const RATE: SampleRate = SampleRate(48_000);

    fn output(length: serde_json::Value, sample_rate: Option<u32>) -> Output {
        serde_json::from_value(json!({
            "path": "/out/a.wav", "deliver": "mix", "length": length, "sample_rate": sample_rate,
            "format": { "container": "wav", "depth": "24" },
        }))
        .unwrap()
    }

    fn complete(partial: std::path::PathBuf, file: RenderedFile) -> Complete {
        let levels = audio::measure::Meter::new(2, RATE).finish();
        Complete { partial, file, levels, warnings: vec![] }
    }

    fn bounds(length: serde_json::Value, own: Option<u32>) -> (u64, u64) {
        let output = output(length, own);
        asked(&output, 48_000, RATE, output.sample_rate.unwrap_or(RATE))
    }

    #[test]
    fn a_file_is_as_long_as_its_take_its_tail_or_its_seconds() {
        assert_eq!(bounds(json!("match"), None), (48_000, 48_000));
        assert_eq!(bounds(json!({ "seconds": 0.5 }), None), (24_000, 24_000));
        assert_eq!(bounds(json!({ "tail": { "limit": 2.0 } }), None), (48_000, 144_000));
        assert_eq!(bounds(json!("match"), Some(44_100)), (44_098, 44_102));
        // A frame at the render's rate is four of the file's.
        assert_eq!(bounds(json!("match"), Some(192_000)), (191_995, 192_005));
    }

    #[test]
    fn a_file_that_lacks_a_frame_is_told_with_both_numbers() {
        let file = RenderedFile { path: "/out/a.wav".into(), frames: 47_999, channels: 2, ..RenderedFile::default() };
        let complete = complete("/out/a.wav.partial".into(), file);
        let Err(BuildError::Task(failure)) = check(&complete, &output(json!("match"), None), 48_000, RATE) else {
            panic!("it passes")
        };
        assert_eq!(
            failure.reason,
            "/out/a.wav is not what was asked for: it has 47999 frames, and 48000 were asked for"
        );
    }

    #[test]
    fn a_file_that_was_cut_on_the_disk_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let partial = folder.path().join("a.wav.partial");
        std::fs::write(&partial, b"RIFF\x24\0\0\0WAVE").unwrap();
        let file = RenderedFile { path: "/out/a.wav".into(), frames: 48_000, channels: 2, ..RenderedFile::default() };
        let complete = complete(partial, file);
        let Err(BuildError::Task(failure)) = check(&complete, &output(json!("match"), None), 48_000, RATE) else {
            panic!("it passes")
        };
        assert!(failure.reason.contains("it cannot be read back"), "{}", failure.reason);
        assert!(failure.retry, "another attempt may write it whole");
    }
}
