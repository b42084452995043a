//! Impulse responses from audio files.

use audio::device::DeviceError;
use audio::{Buffer, SampleRate, read, resample};
use presets::Asset;

use crate::asset;

/// A response with the rate that it was recorded at. Mono or stereo, at least one frame, at most 30 s, not silent, all finite.
#[derive(Debug)]
pub(crate) struct Impulse {
    pub buffer: Buffer,
    pub sample_rate: SampleRate,
}

/// Longest impulse response, in seconds.
const LONGEST_SECONDS: u64 = 30;

pub(crate) fn read(from: &Asset) -> Result<Impulse, DeviceError> {
    let recording = match from {
        Asset::File(path) => read::read(path),
        Asset::Embedded(name) => read::read_bytes(name, asset::embedded(name)?),
    };
    let refuse = |reason: String| asset::error(from, reason);
    let recording = recording.map_err(|cause| refuse(cause.problem.to_string()))?;
    let impulse = Impulse { buffer: recording.buffer, sample_rate: recording.sample_rate };
    match impulse.buffer.channel_count() {
        1 | 2 => {}
        count => return Err(refuse(format!("it has {count} channels, an impulse response has one or two"))),
    }
    let frames = impulse.buffer.frames() as u64;
    if frames > LONGEST_SECONDS * u64::from(impulse.sample_rate.0) {
        let seconds = impulse.sample_rate.seconds(frames);
        return Err(refuse(format!("it lasts {seconds:.1} s, {LONGEST_SECONDS} s is the longest impulse response")));
    }
    if impulse.buffer.peak() == 0.0 {
        return Err(refuse("it is silent".to_owned()));
    }
    Ok(impulse)
}

/// The response at another rate, scaled so that the gain at each frequency stays: a lower rate has fewer samples to sum.
/// Its first frame stays where it is; of the resampling filter's ringing, what would come before that is cut off.
pub(crate) fn at_rate(impulse: &Impulse, rate: SampleRate) -> Result<Buffer, resample::ResampleError> {
    let mut buffer = resample::resample(&impulse.buffer, impulse.sample_rate, rate)?;
    if rate != impulse.sample_rate {
        let scale = impulse.sample_rate.hz() / rate.hz();
        for channel in buffer.channels_mut() {
            channel.iter_mut().for_each(|sample| *sample = (f64::from(*sample) * scale) as f32);
        }
    }
    Ok(buffer)
}
