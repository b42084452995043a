//! A chorus: delayed copies whose delay swings slowly, a quarter turn apart on the two sides.

const CENTRE_MS: f64 = 11.0;
const DEPTH_MS: f64 = 3.0;
const RATE_HZ: f64 = 0.6;

pub(crate) struct Chorus {
    rate: f64,
    line: Vec<f32>,
    position: usize,
    frame: u64,
}

impl Chorus {
    pub fn new(rate: f64) -> Chorus {
        let longest = ((CENTRE_MS + DEPTH_MS) / 1000.0 * rate).ceil() as usize + 3;
        Chorus { rate, line: vec![0.0; longest], position: 0, frame: 0 }
    }

    /// One frame, mono in.
    pub fn process(&mut self, input: f32) -> (f32, f32) {
        self.line[self.position] = input;
        let turn = std::f64::consts::TAU * (RATE_HZ * self.frame as f64 / self.rate).fract();
        let output = (self.read(turn.sin()), self.read(turn.cos()));
        self.position = (self.position + 1) % self.line.len();
        self.frame += 1;
        output
    }

    fn read(&self, swing: f64) -> f32 {
        let back = (CENTRE_MS + DEPTH_MS * swing) / 1000.0 * self.rate;
        let whole = back.floor();
        let part = (back - whole) as f32;
        let at = |frames: usize| self.line[(self.position + self.line.len() - frames) % self.line.len()];
        at(whole as usize) * (1.0 - part) + at(whole as usize + 1) * part
    }

    pub fn reset(&mut self) {
        self.line.fill(0.0);
        self.position = 0;
        self.frame = 0;
    }
}
