//! What is played to a device: the same every time, made here.
//!
//! An impulse and then noise that is alike on all channels tell when sound comes out; noise that differs between them
//! has the device show all that it does. Instruments get notes meanwhile.

use std::ops::Range;

use audio::{Buffer, EventBody, SampleRate};

/// When the impulse sounds, in seconds: later than the opening of a render, which is rounded up to whole blocks, so that
/// what sound or notes make a device ask for is met alike with all block sizes of up to 9,600 frames at 48 kHz.
const IMPULSE: f64 = 0.2;
/// When the noise sounds that is alike on all channels, and until when its answer is awaited.
const NOISE: (f64, f64, f64) = (0.6, 1.1, 1.5);
/// When it ends; from the end of that answer to here, noise differs between channels.
const END: f64 = 1.9;

/// Notes: key, velocity, and the seconds from when to when. Low ones among them are drums on most drum kits.
const NOTES: &[(u8, f64, f64, f64)] = &[
    (60, 0.8, 0.2, 0.6),
    (64, 0.6, 0.7, 1.1),
    (67, 1.0, 0.7, 1.1),
    (36, 0.9, 1.2, 1.7),
    (38, 0.7, 1.3, 1.7),
    (48, 0.5, 1.4, 1.8),
];
/// Those of the different job.
const OTHER_NOTES: &[(u8, f64, f64, f64)] =
    &[(55, 1.0, 0.0, 0.6), (59, 0.9, 0.05, 0.7), (72, 0.4, 0.2, 1.9), (40, 1.0, 0.3, 1.9)];

/// Those that begin at once.
const ABRUPT_NOTES: &[(u8, f64, f64, f64)] = &[(60, 0.7, 0.0, 0.4), (36, 1.0, 0.0, 0.3), (43, 0.3, 0.01, 0.5)];

/// Sound and notes to play.
pub(super) struct Stimulus {
    /// As many channels as the device takes; the frames count where that is none.
    pub(super) sound: Buffer,
    /// By frame.
    pub(super) events: Vec<(u64, EventBody)>,
}

impl Stimulus {
    /// The one that everything is compared by.
    pub(super) fn standard(channels: usize, notes: bool, rate: SampleRate) -> Stimulus {
        let mut sound = Buffer::new(channels, frame(END, rate));
        let (from, to, answered) = NOISE;
        for (index, channel) in sound.channels_mut().enumerate() {
            channel[frame(IMPULSE, rate)] = 0.9;
            fill(&mut channel[frame(from, rate)..frame(to, rate)], 1, 0.5);
            fill(&mut channel[frame(answered, rate)..], 2 + index as u64, 0.5);
        }
        Stimulus { sound, events: if notes { events(NOTES, rate) } else { Vec::new() } }
    }

    /// Another one, louder, that leaves keys down and sound under way at its end.
    pub(super) fn different(channels: usize, notes: bool, rate: SampleRate) -> Stimulus {
        let mut sound = Buffer::new(channels, frame(0.8, rate));
        for (index, channel) in sound.channels_mut().enumerate() {
            fill(channel, 1_000 + index as u64, 0.9);
        }
        Stimulus { sound, events: if notes { events(OTHER_NOTES, rate) } else { Vec::new() } }
    }

    /// One that is under way from its first frame, loud and then softer, so that nothing which a device still remembers of an earlier
    /// sound has time to fade; longer than most echoes.
    pub(super) fn abrupt(channels: usize, notes: bool, rate: SampleRate) -> Stimulus {
        let mut sound = Buffer::new(channels, frame(3.0, rate));
        let softer = frame(0.3, rate);
        for (index, channel) in sound.channels_mut().enumerate() {
            fill(&mut channel[..softer], 2_000 + index as u64, 0.7);
            fill(&mut channel[softer..], 3_000 + index as u64, 0.05);
        }
        Stimulus { sound, events: if notes { events(ABRUPT_NOTES, rate) } else { Vec::new() } }
    }

    /// A moment of it, to see whether anything works at all.
    pub(super) fn short(channels: usize, rate: SampleRate) -> Stimulus {
        let mut sound = Buffer::new(channels, frame(0.02, rate));
        sound.channels_mut().for_each(|channel| fill(channel, 1, 0.5));
        Stimulus { sound, events: Vec::new() }
    }
}

/// The frames in which the answer to the impulse is looked for, from the impulse on.
pub(super) fn impulse_answer(rate: SampleRate) -> Range<usize> {
    frame(IMPULSE, rate)..frame(NOISE.0, rate)
}

/// The frames of the noise that is alike on all channels, and of its answer.
pub(super) fn noise_answer(rate: SampleRate) -> Range<usize> {
    frame(NOISE.0, rate)..frame(NOISE.2, rate)
}

fn frame(seconds: f64, rate: SampleRate) -> usize {
    rate.frames(seconds) as usize
}

fn events(notes: &[(u8, f64, f64, f64)], rate: SampleRate) -> Vec<(u64, EventBody)> {
    let mut events = Vec::new();
    for (index, &(key, velocity, from, to)) in notes.iter().enumerate() {
        let note = Some(index as u32 + 1);
        events.push((rate.frames(from), EventBody::NoteOn { channel: 0, key, velocity, note }));
        events.push((rate.frames(to), EventBody::NoteOff { channel: 0, key, velocity: 0.5, note }));
    }
    events.sort_by_key(|(frame, _)| *frame);
    events
}

/// White noise of this peak: xorshift64*, whose high bits pass the usual tests; G. Marsaglia, "Xorshift RNGs", 2003.
fn fill(samples: &mut [f32], seed: u64, peak: f32) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for sample in samples {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let number = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
        *sample = peak * (number as f32 / (1u32 << 23) as f32 - 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stimulus_is_the_same_each_time_and_finds_the_latency_of_a_wire() {
        for rate in [44_100, 48_000, 96_000].map(SampleRate) {
            let one = Stimulus::standard(2, true, rate);
            let two = Stimulus::standard(2, true, rate);
            assert_eq!((&one.sound, &one.events), (&two.sound, &two.events));
            let answer = noise_answer(rate);
            let (left, right) = (&one.sound.channel(0), &one.sound.channel(1));
            assert_eq!(left[answer.clone()], right[answer.clone()]);
            assert_ne!(left[answer.end..], right[answer.end..]);
            assert_eq!(left[impulse_answer(rate)][0], 0.9);
            let found = audio::response::arrival(&left[answer.clone()], &right[answer], rate).unwrap();
            assert!(found.frames.abs() < 1e-3 && found.share > 0.999, "{found:?}");
            assert_ne!(Stimulus::different(2, true, rate).events, one.events);
        }
    }

    #[test]
    fn nothing_is_played_before_the_opening_is_over() {
        for (rate, max_block) in [(44_100, 8_820), (48_000, 64), (48_000, 512), (48_000, 1_000), (48_000, 9_600)] {
            let setup = audio::device::Setup { sample_rate: SampleRate(rate), max_block };
            let one = Stimulus::standard(1, true, setup.sample_rate);
            let first = one.sound.channel(0).iter().position(|sample| *sample != 0.0).unwrap();
            assert!(first.min(one.events[0].0 as usize) as u64 >= mix::opening_frames(setup), "{setup:?}");
        }
    }
}
