//! Running a curve at eight times the sample rate.

use std::f64::consts::PI;

use crate::kaiser::kaiser;

/// Times the sample rate.
pub(crate) const FACTOR: usize = 8;

/// Frames by which input and output filter together delay, at the sample rate. Both have `FACTOR * LATENCY + 1` taps
/// and linear phase, so the sum is this many whole frames.
pub(crate) const LATENCY: usize = 48;

const TAPS: usize = FACTOR * LATENCY + 1;

/// Sums run over whole groups, which the compiler turns into vector instructions; their order is fixed.
const GROUP: usize = 8;

/// Taps of one phase of the input filter, filled up with zeros to whole groups.
const PHASE: usize = (LATENCY + 1).next_multiple_of(GROUP);
const ROW: usize = TAPS.next_multiple_of(GROUP);

/// A low pass at half the sample rate, by a Kaiser window of 100 dB (beta 10.06): at 48 kHz flat to 20.8 kHz, full
/// rejection from 27.2 kHz. What lies between folds back no lower than 20.8 kHz.
fn prototype() -> Vec<f64> {
    const BETA: f64 = 10.06;
    let centre = (TAPS / 2) as f64;
    let tap = |index: usize| {
        let t = index as f64 - centre;
        let x = t / FACTOR as f64;
        let sinc = if t == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        sinc * kaiser(t / centre, BETA)
    };
    let taps: Vec<f64> = (0..TAPS).map(tap).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| tap / sum).collect()
}

/// The last samples of a signal, always in one piece, oldest first.
pub(crate) struct History {
    samples: Vec<f32>,
    length: usize,
    position: usize,
}

impl History {
    pub fn new(length: usize) -> History {
        History { samples: vec![0.0; 2 * length], length, position: 0 }
    }

    pub fn push(&mut self, sample: f32) {
        self.samples[self.position] = sample;
        self.samples[self.position + self.length] = sample;
        self.position = (self.position + 1) % self.length;
    }

    pub fn samples(&self) -> &[f32] {
        &self.samples[self.position..self.position + self.length]
    }

    pub fn reset(&mut self) {
        self.samples.fill(0.0);
        self.position = 0;
    }
}

/// The sum of products of two rows of whole groups.
#[inline]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; GROUP];
    for (a, b) in a.chunks_exact(GROUP).zip(b.chunks_exact(GROUP)) {
        for i in 0..GROUP {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum()
}

/// One channel's filters and their memory.
pub(crate) struct Oversampler {
    /// Taps of each phase, the newest sample's last.
    phases: Vec<[f32; PHASE]>,
    taps: [f32; ROW],
    input: History,
    high: History,
}

impl Oversampler {
    pub fn new() -> Oversampler {
        let prototype = prototype();
        let mut phases = vec![[0.0; PHASE]; FACTOR];
        let mut taps = [0.0; ROW];
        for (index, tap) in prototype.iter().enumerate() {
            phases[index % FACTOR][PHASE - 1 - index / FACTOR] = (tap * FACTOR as f64) as f32;
            taps[ROW - 1 - index] = *tap as f32;
        }
        Oversampler { phases, taps, input: History::new(PHASE), high: History::new(ROW) }
    }

    /// One frame through `curve`, [`LATENCY`] frames late.
    #[inline]
    pub fn process(&mut self, sample: f32, curve: impl Fn(f32) -> f32) -> f32 {
        self.input.push(sample);
        let input = self.input.samples();
        // The output filter is centred on phase 0 of the frame LATENCY ago: the sum is taken right after phase 0 of
        // this one, before the later phases, which belong to the next.
        self.high.push(curve(dot(&self.phases[0], input)));
        let output = dot(&self.taps, self.high.samples());
        for phase in &self.phases[1..] {
            self.high.push(curve(dot(phase, input)));
        }
        output
    }

    pub fn reset(&mut self) {
        self.input.reset();
        self.high.reset();
    }
}
