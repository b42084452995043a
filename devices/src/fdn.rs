//! A feedback delay network: the sound of a room without a recording of one.
//!
//! After J.-M. Jot and A. Chaigne, "Digital Delay Networks for Designing Artificial Reverberators" (AES 90, 1991):
//! sixteen delay lines feed each other through a lossless matrix; each loses per round what the wanted decay takes in its
//! length, and more at high frequencies. Four allpasses a side thicken the onset.

/// Delay lines. A power of two, for the fast Hadamard transform.
const LINES: usize = 16;

/// Lengths of the lines at full size, in milliseconds: spread evenly by ratio, no two with a small common multiple.
const LINE_MS: [f64; LINES] =
    [31.71, 34.37, 37.19, 40.03, 43.67, 46.93, 50.59, 54.83, 59.29, 63.97, 69.11, 74.53, 80.59, 86.99, 93.89, 101.39];

/// Lengths of the allpasses of each side at full size, in milliseconds.
const DIFFUSER_MS: [[f64; 4]; 2] = [[2.77, 4.31, 7.43, 11.09], [2.93, 4.07, 7.87, 10.67]];
const DIFFUSION: f32 = 0.6;

/// How a room sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Room {
    /// Seconds in which low frequencies fall by 60 dB.
    pub decay: f64,
    /// 0 to 1: how much sooner high frequencies do, from equally long to a tenth at half the sample rate.
    pub damping: f64,
    /// 0 to 1: how far its walls are apart, from a fifth of the full lengths up.
    pub size: f64,
}

impl Room {
    fn scale(&self) -> f64 {
        0.2 + 0.8 * self.size
    }
}

/// A ring of samples, read at a distance of at least 1.
#[derive(Clone)]
struct Line {
    samples: Vec<f32>,
    position: usize,
    length: usize,
}

impl Line {
    fn new(milliseconds: f64, rate: f64) -> Line {
        let longest = (milliseconds / 1000.0 * rate).ceil() as usize + 2;
        Line { samples: vec![0.0; longest], position: 0, length: 1 }
    }

    fn resize(&mut self, milliseconds: f64, rate: f64) {
        self.length = ((milliseconds / 1000.0 * rate).round() as usize).clamp(1, self.samples.len() - 1);
    }

    #[inline]
    fn read(&self) -> f32 {
        let back = self.position + self.samples.len() - self.length;
        self.samples[if back >= self.samples.len() { back - self.samples.len() } else { back }]
    }

    #[inline]
    fn write(&mut self, sample: f32) {
        // Sound ends in exact silence, not in denormal numbers, which are slow.
        self.samples[self.position] = if sample.abs() < 1e-25 { 0.0 } else { sample };
        self.position += 1;
        if self.position == self.samples.len() {
            self.position = 0;
        }
    }

    fn reset(&mut self) {
        self.samples.fill(0.0);
        self.position = 0;
    }
}

/// A line of the network with its losses.
#[derive(Clone)]
struct Loss {
    line: Line,
    gain: f32,
    pole: f32,
    low: f32,
}

/// The network, stereo in and out.
pub(crate) struct Network {
    rate: f64,
    lines: Vec<Loss>,
    diffusers: [Vec<Line>; 2],
    level: f32,
}

impl Network {
    pub fn new(rate: f64, room: Room) -> Network {
        let line = |ms: &f64| Loss { line: Line::new(*ms, rate), gain: 0.0, pole: 0.0, low: 0.0 };
        let diffusers = DIFFUSER_MS.map(|side| side.iter().map(|ms| Line::new(*ms, rate)).collect());
        let mut network = Network { rate, lines: LINE_MS.iter().map(line).collect(), diffusers, level: 0.0 };
        network.furnish(room);
        network
    }

    /// Changes the room. A change of size breaks what is under way.
    pub fn furnish(&mut self, room: Room) {
        let mut energy = 0.0;
        for (loss, ms) in self.lines.iter_mut().zip(LINE_MS) {
            loss.line.resize(ms * room.scale(), self.rate);
            let seconds = loss.line.length as f64 / self.rate;
            let gain = 10f64.powf(-3.0 * seconds / room.decay);
            // A one-pole filter whose loss at half the sample rate is that of the shorter decay there.
            let high_decay = room.decay * (1.0 - 0.9 * room.damping);
            let ratio = 10f64.powf(-3.0 * seconds * (1.0 / high_decay - 1.0 / room.decay));
            let pole = (1.0 - ratio) / (1.0 + ratio);
            loss.gain = (gain * (1.0 - pole)) as f32;
            loss.pole = pole as f32;
            energy += gain * gain / LINES as f64;
        }
        for (side, lengths) in self.diffusers.iter_mut().zip(DIFFUSER_MS) {
            for (line, ms) in side.iter_mut().zip(lengths) {
                line.resize(ms * room.scale(), self.rate);
            }
        }
        // Steady noise comes out as loud as it went in, whatever the decay: half the lines are
        // heard on a side, and their rounds' energies sum to g^2 / (1 - g^2).
        self.level = ((1.0 - energy) / energy * 2.0 / LINES as f64).sqrt() as f32;
    }

    /// One frame.
    #[inline]
    pub fn process(&mut self, left: f32, right: f32) -> (f32, f32) {
        let mut input = [left, right];
        for (sample, side) in input.iter_mut().zip(&mut self.diffusers) {
            for line in side {
                let delayed = line.read();
                let inner = *sample + DIFFUSION * delayed;
                *sample = delayed - DIFFUSION * inner;
                line.write(inner);
            }
        }
        let mut state = [0.0f32; LINES];
        let mut output = [0.0f32; 2];
        for (index, (loss, state)) in self.lines.iter_mut().zip(&mut state).enumerate() {
            loss.low = loss.gain * loss.line.read() + loss.pole * loss.low;
            if loss.low.abs() < 1e-25 {
                loss.low = 0.0;
            }
            *state = loss.low;
            // Even lines are heard left, odd ones right, with signs that keep neighbours from adding up.
            let sign = if index & 2 == 0 { 1.0 } else { -1.0 };
            output[index & 1] += sign * loss.low;
        }
        hadamard(&mut state);
        for (index, (loss, state)) in self.lines.iter_mut().zip(state).enumerate() {
            let sign = if index & 4 == 0 { 1.0 } else { -1.0 };
            loss.line.write(state + sign * input[index & 1]);
        }
        (output[0] * self.level, output[1] * self.level)
    }

    pub fn reset(&mut self) {
        for loss in &mut self.lines {
            loss.line.reset();
            loss.low = 0.0;
        }
        self.diffusers.iter_mut().flatten().for_each(Line::reset);
    }
}

/// Multiplies with the orthonormal Hadamard matrix.
#[inline]
fn hadamard(values: &mut [f32; LINES]) {
    let mut half = 1;
    while half < LINES {
        for start in (0..LINES).step_by(2 * half) {
            for index in start..start + half {
                let (a, b) = (values[index], values[index + half]);
                values[index] = a + b;
                values[index + half] = a - b;
            }
        }
        half *= 2;
    }
    let scale = 1.0 / (LINES as f32).sqrt();
    values.iter_mut().for_each(|value| *value *= scale);
}
