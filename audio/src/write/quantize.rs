//! From float samples to integers.

use crate::Buffer;

/// Rounds samples to integers of one width, with dither.
#[derive(Debug)]
pub(super) struct Quantizer {
    /// Steps from 0 to full scale.
    scale: f64,
    seed: u64,
}

impl Quantizer {
    pub(super) fn new(bits: u32, seed: u64) -> Quantizer {
        Quantizer { scale: f64::from(1u32 << (bits - 1)), seed }
    }

    /// Replaces `into` by the block's samples, channel by channel within each frame. `start` is the file's frame at
    /// which the block begins. Gives the number of samples beyond full scale.
    pub(super) fn interleave(&self, block: &Buffer, start: u64, into: &mut Vec<i32>) -> u64 {
        let channels = block.channel_count();
        let mut clipped = 0;
        into.clear();
        into.resize(block.frames() * channels, 0);
        for (channel, samples) in block.channels().enumerate() {
            let key = mix(self.seed ^ mix(channel as u64 + 1));
            for (frame, &sample) in samples.iter().enumerate() {
                let exact = f64::from(sample) * self.scale;
                let whole = exact.round_ties_even();
                let steps = if whole == exact {
                    whole
                } else {
                    (exact + triangular(key, start + frame as u64)).round_ties_even()
                };
                clipped += u64::from(sample.abs() > 1.0);
                into[frame * channels + channel] = steps.clamp(-self.scale, self.scale - 1.0) as i32;
            }
        }
        clipped
    }
}

/// A number between -1 and 1 with triangular distribution, decided by its arguments alone.
fn triangular(key: u64, frame: u64) -> f64 {
    let bits = mix(key.wrapping_add(frame.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let uniform = |bits: u32| (f64::from(bits) + 0.5) / 4_294_967_296.0;
    uniform(bits as u32) - uniform((bits >> 32) as u32)
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantized(samples: Vec<f32>, bits: u32, seed: u64) -> (Vec<i32>, u64) {
        let mut into = Vec::new();
        let clipped = Quantizer::new(bits, seed).interleave(&Buffer::from_channels(vec![samples]), 0, &mut into);
        (into, clipped)
    }

    #[test]
    fn every_16_bit_value_passes_unchanged() {
        let samples = (-32_768..32_768).map(|n| n as f32 / 32_768.0).collect();
        assert_eq!(quantized(samples, 16, 7), ((-32_768..32_768).collect(), 0));
    }

    #[test]
    fn samples_beyond_full_scale_stand_at_the_limit_and_are_counted() {
        let samples = vec![1.0, 1.5, -1.0, -1.5, 0.999_999_94, -0.0];
        let (steps, clipped) = quantized(samples.clone(), 16, 1);
        assert_eq!((steps[0], steps[1], steps[2], steps[3], steps[5]), (32_767, 32_767, -32_768, -32_768, 0));
        assert!(steps[4] >= 32_766);
        assert_eq!(clipped, 2);
        let (steps, clipped) = quantized(samples, 24, 1);
        assert_eq!(steps, [8_388_607, 8_388_607, -8_388_608, -8_388_608, 8_388_607, 0]);
        assert_eq!(clipped, 2);
    }

    #[test]
    fn the_error_has_the_mean_and_the_power_of_triangular_dither_whatever_the_level() {
        // TPDF makes the total error a quarter of a step squared: 1/12 of rounding and 2/12 of dither.
        for level in [0.1, 0.25, 0.5, 123.456] {
            let count = 200_000;
            let (steps, _) = quantized(vec![level / 32_768.0; count], 16, 99);
            let error = |&s: &i32| f64::from(s) - f64::from(level / 32_768.0) * 32_768.0;
            let mean = steps.iter().map(error).sum::<f64>() / count as f64;
            let power = steps.iter().map(|s| error(s).powi(2)).sum::<f64>() / count as f64;
            // Four standard deviations of the mean are 0.0045 steps.
            assert!(mean.abs() < 0.005, "level {level}: mean error {mean}");
            assert!((power - 0.25).abs() < 0.005, "level {level}: error power {power}");
        }
    }

    #[test]
    fn dither_differs_between_frames_channels_and_seeds_without_correlation() {
        let draw = |seed: u64, channel: u64| {
            let key = mix(seed ^ mix(channel + 1));
            (0..100_000).map(move |frame| triangular(key, frame))
        };
        for (what, other) in [("channel", draw(0, 1)), ("seed", draw(1, 0)), ("low seed bits", draw(2, 0))] {
            let product = draw(0, 0).zip(other).map(|(a, b)| a * b).sum::<f64>() / 100_000.0;
            assert!(product.abs() < 0.003, "{what}: {product}");
        }
        let next = draw(0, 0).zip(draw(0, 0).skip(1)).map(|(a, b)| a * b).sum::<f64>() / 100_000.0;
        assert!(next.abs() < 0.003, "next frame: {next}");
    }
}
