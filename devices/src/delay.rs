//! `delay`: echoes.

use std::ops::Range;

use audio::Buffer;
use audio::device::{DeviceError, Setup, Tail};

use crate::builtin::{Channels, Engine, Model, Values, stretch};
use crate::control::{Control, Edge, Unit};
use crate::filter::OnePole;
use crate::smooth::Smoothed;

const LONGEST_MS: f64 = 4000.0;
const NO_CUT: f64 = 20_000.0;

const CONTROLS: &[Control] = &[
    Control::new("Time", Unit::Milliseconds, 1.0, LONGEST_MS, 350.0),
    Control::new("Feedback", Unit::Percent, 0.0, 100.0, 30.0),
    Control::new("Mix", Unit::Percent, 0.0, 100.0, 25.0),
    Control::new("High Cut", Unit::Hertz, 200.0, NO_CUT, 6000.0).edge(Edge::Highest("off")),
    Control::switch("Ping Pong", false).fixed(),
];

/// A changed time is reached by a blend between the old and the new echo, not by a glide in pitch.
const BLEND_SECONDS: f64 = 0.02;

/// The time is rounded to whole frames. High Cut dampens each round by 6 dB an octave. Mix goes from the input alone to
/// the echoes alone in a straight line. With Ping Pong on a stereo output the input's mean enters on the left and
/// crosses over at each round; on a mono output it changes nothing.
pub(crate) struct Delay;

impl Model for Delay {
    fn controls(&self) -> &'static [Control] {
        CONTROLS
    }

    fn channels(&self, inputs: usize, outputs: Option<usize>) -> Channels {
        Channels::widening(inputs, outputs)
    }

    fn engine(&self, setup: Setup, channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let rate = setup.sample_rate.hz();
        let longest = (LONGEST_MS / 1000.0 * rate).round() as usize + 1;
        let time = Tap::frames(values.get(0), rate);
        let mut engine = DelayEngine {
            rate,
            lines: vec![vec![0.0; longest]; channels.outputs],
            position: 0,
            time: Tap {
                now: time,
                next: time,
                wanted: time,
                left: 0,
                length: (BLEND_SECONDS * rate) as u32,
                fresh: true,
            },
            feedback: Smoothed::new(0.0, rate),
            mix: Smoothed::new(0.0, rate),
            high_cut: NO_CUT,
            dampers: [OnePole::default(); 2],
            ping_pong: false,
        };
        (0..CONTROLS.len()).for_each(|index| engine.set(index, values.get(index)));
        Ok(Box::new(engine))
    }
}

/// Where in the past the echo is read.
#[derive(Clone, Copy)]
struct Tap {
    now: usize,
    next: usize,
    wanted: usize,
    left: u32,
    length: u32,
    fresh: bool,
}

impl Tap {
    fn frames(milliseconds: f64, rate: f64) -> usize {
        ((milliseconds / 1000.0 * rate).round() as usize).max(1)
    }

    fn set(&mut self, frames: usize) {
        self.wanted = frames;
        if self.fresh {
            self.now = frames;
            self.next = frames;
        }
    }

    /// How much of the next tap is heard in this frame.
    fn advance(&mut self) -> f32 {
        self.fresh = false;
        if self.left == 0 && self.wanted != self.now {
            self.next = self.wanted;
            self.left = self.length;
        }
        if self.left == 0 {
            return 0.0;
        }
        self.left -= 1;
        if self.left == 0 {
            self.now = self.next;
            return 0.0;
        }
        1.0 - self.left as f32 / self.length as f32
    }
}

struct DelayEngine {
    rate: f64,
    lines: Vec<Vec<f32>>,
    position: usize,
    time: Tap,
    feedback: Smoothed,
    mix: Smoothed,
    high_cut: f64,
    dampers: [OnePole; 2],
    ping_pong: bool,
}

impl DelayEngine {
    fn echo(&self, line: usize, blend: f32) -> f32 {
        let line = &self.lines[line];
        let at = |back: usize| line[(self.position + line.len() - back) % line.len()];
        if blend == 0.0 { at(self.time.now) } else { at(self.time.now) * (1.0 - blend) + at(self.time.next) * blend }
    }

    fn damp(&mut self, line: usize, echo: f32) -> f64 {
        if self.high_cut >= NO_CUT { f64::from(echo) } else { self.dampers[line].low(f64::from(echo)) }
    }

    fn write(&mut self, line: usize, value: f64) {
        // Echoes end in exact silence, not in denormal numbers, which are slow.
        self.lines[line][self.position] = if value.abs() < 1e-25 { 0.0 } else { value as f32 };
    }
}

impl Engine for DelayEngine {
    fn set(&mut self, index: usize, value: f64) {
        match index {
            0 => self.time.set(Tap::frames(value, self.rate)),
            1 => self.feedback.set(value / 100.0),
            2 => self.mix.set(value / 100.0),
            3 => {
                self.high_cut = value;
                self.dampers.iter_mut().for_each(|damper| damper.tune(value, self.rate));
            }
            _ => self.ping_pong = value >= 1.0,
        }
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        let (left, mut right) = stretch(audio, frames);
        for (frame, sample) in left.iter_mut().enumerate() {
            let blend = self.time.advance();
            let (feedback, mix) = (self.feedback.next(), self.mix.next());
            let mixed = |dry: f32, wet: f64| (f64::from(dry) * (1.0 - mix) + wet * mix) as f32;
            let dry = *sample;
            let echo = self.echo(0, blend);
            let wet = self.damp(0, echo);
            *sample = mixed(dry, wet);
            match &mut right {
                None => self.write(0, f64::from(dry) + wet * feedback),
                Some(right) => {
                    let other_dry = right[frame];
                    let other_echo = self.echo(1, blend);
                    let other_wet = self.damp(1, other_echo);
                    right[frame] = mixed(other_dry, other_wet);
                    if self.ping_pong {
                        self.write(0, (f64::from(dry) + f64::from(other_dry)) / 2.0 + other_wet * feedback);
                        self.write(1, wet * feedback);
                    } else {
                        self.write(0, f64::from(dry) + wet * feedback);
                        self.write(1, f64::from(other_dry) + other_wet * feedback);
                    }
                }
            }
            self.position = (self.position + 1) % self.lines[0].len();
        }
    }

    fn reset(&mut self) {
        self.lines.iter_mut().for_each(|line| line.fill(0.0));
        self.dampers.iter_mut().for_each(OnePole::reset);
        self.position = 0;
        let time = self.time.wanted;
        self.time = Tap { now: time, next: time, left: 0, fresh: true, ..self.time };
        self.feedback.reset();
        self.mix.reset();
    }

    /// Until an echo of full scale is 120 dB down.
    fn tail(&self) -> Tail {
        let feedback = self.feedback.current();
        if self.mix.current() == 0.0 && self.mix.is_still() {
            return Tail::Frames(0);
        }
        if feedback >= 1.0 {
            return Tail::Infinite;
        }
        let rounds = if feedback <= 1e-6 { 1.0 } else { 1.0 + (-6.0 / feedback.log10()).ceil() };
        // The damping of the last round rings on for a few periods of its corner frequency.
        let ring =
            if self.high_cut >= NO_CUT { 0.0 } else { 14.0 * self.rate / (2.0 * std::f64::consts::PI * self.high_cut) };
        Tail::Frames((rounds * self.time.wanted.max(self.time.now) as f64 + ring).ceil() as u64)
    }
}
