//! By how many frames a wet recording lies behind its dry one.
//!
//! Both are music, not noise made for the purpose, so their correlation is flattened first: every frequency counts almost
//! the same, however loud it is (the phase transform of Knapp and Carter, 1976, by three quarters). For devices that can be
//! fed with noise, [`response`](crate::response) says more.

use realfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

use crate::SampleRate;
use crate::response::Spectra;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offset {
    /// Frames that the wet sound comes behind the dry one; negative if it comes before.
    pub frames: i64,
    /// The wet sound has the other polarity.
    pub inverted: bool,
    /// How far the best place stands out from all others more than 5 ms away, from 0 for not at all to 1. Above 0.5 no
    /// other is half as good; sounds that have nothing to do with each other stay below 0.3.
    pub confidence: f64,
}

/// Why there is no offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOffset {
    /// One of the two is silent where they were compared.
    #[error("one of the two is silent")]
    Silent,
    /// Values are not finite.
    #[error("one of the two holds values that are not finite")]
    NotFinite,
}

/// The most frames that are compared: the loudest of a longer recording, 22 s at 48 kHz.
const MOST_FRAMES: usize = 1 << 20;

/// Frames nearer to the best place than this, in seconds, belong to it: filters blur it.
const AROUND: f64 = 0.005;

/// How much of the loudness of each frequency is taken out. Taking out all of it makes as much of what is lost in noise.
const FLATTENED: f64 = 0.75;

/// Frequencies with less than this part of the strongest one's power in both say nothing.
const FLOOR: f64 = 1e-12;

/// Finds the offset of a wet sound, up to `most` frames in either direction. Both begin at the same frame and may differ
/// in length. Of a long recording, the loudest 22 s are compared.
pub fn offset(dry: &[f32], wet: &[f32], rate: SampleRate, most: usize) -> Result<Offset, NoOffset> {
    let frames = dry.len().min(wet.len());
    let start = loudest(&dry[..frames]);
    let part = start..frames.min(start + MOST_FRAMES);
    let (dry, wet) = (&dry[part.clone()], &wet[part]);
    if dry.iter().chain(wet).any(|sample| !sample.is_finite()) {
        return Err(NoOffset::NotFinite);
    }
    if dry.iter().all(|sample| *sample == 0.0) || wet.iter().all(|sample| *sample == 0.0) {
        return Err(NoOffset::Silent);
    }
    let mut spectra = Spectra::new(dry.len());
    let wide = |samples: &[f32]| samples.iter().map(|sample| f64::from(*sample)).collect::<Vec<f64>>();
    let from = spectra.of(&wide(dry));
    let mut cross = spectra.of(&wide(wet));
    cross.iter_mut().zip(&from).for_each(|(to, from)| *to *= from.conj());
    let strongest = cross.iter().map(Complex::norm_sqr).fold(0.0, f64::max);
    for bin in &mut cross {
        let power = bin.norm_sqr();
        *bin = if power > FLOOR * strongest { *bin / power.powf(FLATTENED / 2.0) } else { Complex::default() };
    }
    let size = spectra.size();
    let correlation = spectra.back(cross, size);

    // Places behind the middle are those before 0.
    let reach = most.min(dry.len().saturating_sub(1)) as i64;
    let at = |lag: i64| correlation[lag.rem_euclid(size as i64) as usize];
    let better = |best: i64, lag: i64| if at(lag).abs() > at(best).abs() { lag } else { best };
    let best = (-reach..=reach).fold(0, better);
    let height = at(best).abs();
    if height == 0.0 {
        return Err(NoOffset::Silent);
    }
    let around = rate.frames(AROUND) as i64;
    let others = (-reach..=reach).filter(|lag| (lag - best).abs() > around).map(|lag| at(lag).abs());
    let confidence = 1.0 - others.fold(0.0, f64::max) / height;
    Ok(Offset { frames: best, inverted: at(best) < 0.0, confidence })
}

/// Where the loudest [`MOST_FRAMES`] begin, to a sixteenth of them.
fn loudest(samples: &[f32]) -> usize {
    const STEP: usize = MOST_FRAMES / 16;
    if samples.len() <= MOST_FRAMES {
        return 0;
    }
    let energies: Vec<f64> =
        samples.chunks(STEP).map(|part| part.iter().map(|sample| f64::from(*sample).powi(2)).sum()).collect();
    let sums = energies.windows(16).map(|part| part.iter().sum::<f64>());
    let best = sums.enumerate().fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    best.0 * STEP
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    const RATE: SampleRate = SampleRate(48_000);
    const MOST: usize = 12_000;

    /// Two seconds of plucked strings: tones with overtones that begin suddenly and decay, with a little noise.
    fn guitar() -> Vec<f32> {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1u32 << 24) - 0.5
        };
        let notes = [(0.1, 110.0), (0.43, 146.8), (0.81, 196.0), (1.2, 82.4), (1.57, 246.9)];
        let mut samples = vec![0.0; 96_000];
        for (start, hertz) in notes {
            for (n, sample) in samples[RATE.frames(start) as usize..].iter_mut().enumerate() {
                let t = n as f64 / 48_000.0;
                let tone = |k: f64| (TAU * hertz * k * t).sin() * (-3.0 * k * t).exp() / k;
                *sample += 0.3 * (1..12).map(|k| tone(f64::from(k))).sum::<f64>() + 0.3 * noise() * (-200.0 * t).exp();
            }
        }
        samples.into_iter().map(|sample| (sample + 1e-4 * noise()) as f32).collect()
    }

    fn moved(samples: &[f32], frames: i64) -> Vec<f32> {
        let at = |n: i64| usize::try_from(n - frames).ok().and_then(|n| samples.get(n)).copied().unwrap_or(0.0);
        (0..samples.len() as i64).map(at).collect()
    }

    #[test]
    fn known_delays_are_found_to_the_frame_in_both_directions_and_polarities() {
        let dry = guitar();
        for frames in [0, 1, -1, 64, -64, 480, 4_799, -11_999, 12_000] {
            for gain in [1.0, -1.0, 0.001] {
                let wet: Vec<f32> = moved(&dry, frames).iter().map(|sample| gain * sample).collect();
                let found = offset(&dry, &wet, RATE, MOST).unwrap();
                assert_eq!((found.frames, found.inverted), (frames, gain < 0.0), "{frames} x {gain}: {found:?}");
                assert!(found.confidence > 0.5, "{frames} x {gain}: {found:?}");
            }
        }
    }

    #[test]
    fn a_delay_is_found_behind_filters_and_distortion() {
        let dry = guitar();
        // A first-order low-pass comes late by itself, by some frames.
        for (hertz, slack) in [(8_000.0, 1), (2_000.0, 3)] {
            let part = 1.0 - (-TAU * hertz / 48_000.0).exp();
            let mut last = 0.0;
            let mut filtered = |sample: &f32| {
                last += part * (f64::from(*sample) - last);
                last as f32
            };
            let wet: Vec<f32> = moved(&dry, 300).iter().map(&mut filtered).collect();
            let found = offset(&dry, &wet, RATE, MOST).unwrap();
            assert!((found.frames - 300).abs() <= slack && !found.inverted, "{hertz} Hz: {found:?}");
        }
        let wet: Vec<f32> = moved(&dry, 77).iter().map(|sample| -(20.0 * sample).tanh()).collect();
        let found = offset(&dry, &wet, RATE, MOST).unwrap();
        assert!((found.frames - 77).abs() <= 1 && found.inverted, "{found:?}");
    }

    #[test]
    fn an_echo_leaves_the_offset_and_costs_confidence() {
        let dry = guitar();
        let echo = moved(&dry, 9_600);
        let wet: Vec<f32> = dry.iter().zip(echo).map(|(dry, echo)| dry + 0.7 * echo).collect();
        let found = offset(&dry, &wet, RATE, MOST).unwrap();
        assert_eq!(found.frames, 0);
        assert!(found.confidence < 0.6, "{found:?}");
    }

    #[test]
    fn another_sound_has_little_confidence() {
        let noise = |mut state: u32| -> Vec<f32> {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 24) as f32 - 0.5
            };
            (0..96_000).map(|_| next()).collect()
        };
        let found = offset(&noise(1), &noise(99), RATE, MOST).unwrap();
        assert!(found.confidence < 0.3, "{found:?}");
    }

    #[test]
    fn silence_and_what_is_not_finite_have_no_offset() {
        let dry = guitar();
        assert_eq!(offset(&dry, &vec![0.0; dry.len()], RATE, MOST), Err(NoOffset::Silent));
        assert_eq!(offset(&[], &[], RATE, MOST), Err(NoOffset::Silent));
        assert_eq!(offset(&dry, &vec![f32::NAN; dry.len()], RATE, MOST), Err(NoOffset::NotFinite));
        assert_eq!(offset(&[1.0], &[-1.0], RATE, MOST).map(|found| (found.frames, found.inverted)), Ok((0, true)));
    }

    #[test]
    fn of_a_long_recording_the_loudest_part_is_compared() {
        let mut dry = vec![0.0; MOST_FRAMES + 200_000];
        let at = dry.len() - 96_000;
        dry[at..].copy_from_slice(&guitar());
        let found = offset(&dry, &moved(&dry, 33), RATE, MOST).unwrap();
        assert_eq!(found.frames, 33, "{found:?}");
    }
}
