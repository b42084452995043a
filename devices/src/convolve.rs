//! Convolution without latency, at a cost that grows slowly with the response's length.
//!
//! After W. G. Gardner, "Efficient Convolution without Input-Output Delay" (JAES 43/3, 1995): the first taps are summed
//! directly; the rest is split into stages of growing transforms, each of which starts as many taps in as it must wait
//! for its block of input.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::oversample::{History, dot};

/// Taps that are summed directly, and the blocks of the stages. Each stage reaches up to the next one's block.
const DIRECT: usize = 128;
const STAGES: [usize; 3] = [128, 1024, 8192];

/// One channel convolved with one response.
pub(crate) struct Convolver {
    /// The first taps, the newest sample's last.
    taps: Vec<f32>,
    recent: History,
    stages: Vec<Stage>,
}

impl Convolver {
    pub fn new(response: &[f32]) -> Convolver {
        let mut taps = vec![0.0; DIRECT];
        for (index, tap) in response.iter().take(DIRECT).enumerate() {
            taps[DIRECT - 1 - index] = *tap;
        }
        let ends = STAGES.iter().skip(1).copied().chain([usize::MAX]);
        let stages = STAGES.iter().zip(ends).filter(|(size, _)| **size < response.len());
        let stages = stages.map(|(size, end)| Stage::new(*size, &response[*size..end.min(response.len())])).collect();
        Convolver { taps, recent: History::new(DIRECT), stages }
    }

    /// The next frame.
    #[inline]
    pub fn process(&mut self, sample: f32) -> f32 {
        self.recent.push(sample);
        let mut output = dot(&self.taps, self.recent.samples());
        for stage in &mut self.stages {
            output += stage.process(sample);
        }
        output
    }

    pub fn reset(&mut self) {
        self.recent.reset();
        self.stages.iter_mut().for_each(Stage::reset);
    }
}

/// Uniformly partitioned overlap-save convolution with the taps from `size` on.
struct Stage {
    size: usize,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// Spectra of the response's partitions, scaled for the unscaled inverse transform.
    response: Vec<Vec<Complex<f32>>>,
    /// Spectra of the last input blocks, as many; `newest` is the latest one.
    spectra: Vec<Vec<Complex<f32>>>,
    newest: usize,
    /// The block before and the one being filled.
    input: Vec<f32>,
    output: Vec<f32>,
    position: usize,
    time: Vec<f32>,
    sum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Stage {
    fn new(size: usize, taps: &[f32]) -> Stage {
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(2 * size), planner.plan_fft_inverse(2 * size));
        let partition = |taps: &[f32]| {
            let mut time = forward.make_input_vec();
            for (to, tap) in time.iter_mut().zip(taps) {
                *to = tap / (2 * size) as f32;
            }
            let mut spectrum = forward.make_output_vec();
            forward.process(&mut time, &mut spectrum).expect("the buffers were made for this transform");
            spectrum
        };
        let response: Vec<_> = taps.chunks(size).map(partition).collect();
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        Stage {
            size,
            spectra: vec![forward.make_output_vec(); response.len()],
            response,
            newest: 0,
            input: vec![0.0; 2 * size],
            output: vec![0.0; size],
            position: 0,
            time: vec![0.0; 2 * size],
            sum: forward.make_output_vec(),
            scratch: vec![Complex::default(); scratch],
            forward,
            inverse,
        }
    }

    #[inline]
    fn process(&mut self, sample: f32) -> f32 {
        let output = self.output[self.position];
        self.input[self.size + self.position] = sample;
        self.position += 1;
        if self.position == self.size {
            self.turn();
        }
        output
    }

    /// A block of input is complete: computes the next block of output.
    fn turn(&mut self) {
        self.position = 0;
        self.newest = (self.newest + self.spectra.len() - 1) % self.spectra.len();
        self.time.copy_from_slice(&self.input);
        self.input.copy_within(self.size.., 0);
        self.forward
            .process_with_scratch(&mut self.time, &mut self.spectra[self.newest], &mut self.scratch)
            .expect("the buffers were made for this transform");
        self.sum.fill(Complex::default());
        let (before, from_newest) = self.spectra.split_at(self.newest);
        for (response, spectrum) in self.response.iter().zip(from_newest.iter().chain(before)) {
            for ((sum, a), b) in self.sum.iter_mut().zip(response).zip(spectrum) {
                *sum += a * b;
            }
        }
        // The first and last bin of a real signal are real; rounding must not say otherwise.
        self.sum[0].im = 0.0;
        self.sum[self.size].im = 0.0;
        self.inverse
            .process_with_scratch(&mut self.sum, &mut self.time, &mut self.scratch)
            .expect("the buffers were made for this transform");
        self.output.copy_from_slice(&self.time[self.size..]);
    }

    fn reset(&mut self) {
        self.spectra.iter_mut().for_each(|spectrum| spectrum.fill(Complex::default()));
        self.input.fill(0.0);
        self.output.fill(0.0);
        self.newest = 0;
        self.position = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed scramble of the index, -1 to 1.
    fn noise(length: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn every_length_of_response_equals_the_direct_sum() {
        let input = noise(12_000, 7);
        for length in [1, 2, 127, 128, 129, 255, 256, 1023, 1024, 1025, 8191, 8192, 8193, 9000] {
            let response: Vec<f32> = noise(length, 11).iter().map(|s| s / (length as f32).sqrt()).collect();
            let mut convolver = Convolver::new(&response);
            let output: Vec<f32> = input.iter().map(|s| convolver.process(*s)).collect();
            for frame in (0..input.len()).step_by(97).chain(11_900..12_000) {
                let first = (frame + 1).saturating_sub(length);
                let exact: f64 = (first..=frame).map(|i| f64::from(input[i]) * f64::from(response[frame - i])).sum();
                // The response has an energy of about a third: rounding stays 110 dB below the output.
                let error = (f64::from(output[frame]) - exact).abs();
                assert!(error < 3e-6, "{length} taps, frame {frame}: {error}");
            }
        }
    }
}
