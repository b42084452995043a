//! `eq`: low cut, low shelf, three peaks, high shelf, high cut.

use std::ops::Range;

use audio::Buffer;
use audio::device::{DeviceError, Setup, Tail};

use crate::builtin::{Channels, Engine, Model, Values};
use crate::control::{Control, Edge, Unit};
use crate::filter::{Coefficients, Shape};
use crate::filter_cascade::{Cascade, Section};
use crate::gain;
use crate::smooth::Smoothed;

const LOWEST_CUT: f64 = 10.0;
const HIGHEST_CUT: f64 = 22_000.0;
const SLOPES: &[&str] = &["12 dB/oct", "24 dB/oct"];

const fn frequency(name: &'static str, default: f64) -> Control {
    Control::new(name, Unit::Hertz, 20.0, 20_000.0, default)
}

const fn level(name: &'static str) -> Control {
    Control::new(name, Unit::Decibels, -24.0, 24.0, 0.0)
}

const fn quality(name: &'static str, default: f64) -> Control {
    Control::new(name, Unit::Plain, 0.1, 20.0, default)
}

const CONTROLS: &[Control] = &[
    Control::new("Low Cut", Unit::Hertz, LOWEST_CUT, 10_000.0, LOWEST_CUT).edge(Edge::Lowest("off")).group("Low Cut"),
    Control::choice("Low Cut Slope", SLOPES, 0).fixed().group("Low Cut"),
    frequency("Low Shelf Frequency", 120.0).group("Low Shelf"),
    level("Low Shelf Gain").group("Low Shelf"),
    quality("Low Shelf Q", 0.707).group("Low Shelf"),
    frequency("Peak 1 Frequency", 300.0).group("Peak 1"),
    level("Peak 1 Gain").group("Peak 1"),
    quality("Peak 1 Q", 1.0).group("Peak 1"),
    frequency("Peak 2 Frequency", 1000.0).group("Peak 2"),
    level("Peak 2 Gain").group("Peak 2"),
    quality("Peak 2 Q", 1.0).group("Peak 2"),
    frequency("Peak 3 Frequency", 3000.0).group("Peak 3"),
    level("Peak 3 Gain").group("Peak 3"),
    quality("Peak 3 Q", 1.0).group("Peak 3"),
    frequency("High Shelf Frequency", 6000.0).group("High Shelf"),
    level("High Shelf Gain").group("High Shelf"),
    quality("High Shelf Q", 0.707).group("High Shelf"),
    Control::new("High Cut", Unit::Hertz, 100.0, HIGHEST_CUT, HIGHEST_CUT).edge(Edge::Highest("off")).group("High Cut"),
    Control::choice("High Cut Slope", SLOPES, 0).fixed().group("High Cut"),
    level("Output"),
];

const OUTPUT: usize = 19;

/// What a band is made of, and where its controls stand in the table.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    LowCut,
    LowShelf,
    Peak,
    HighShelf,
    HighCut,
}

const BANDS: [(Kind, usize); 7] = [
    (Kind::LowCut, 0),
    (Kind::LowShelf, 2),
    (Kind::Peak, 5),
    (Kind::Peak, 8),
    (Kind::Peak, 11),
    (Kind::HighShelf, 14),
    (Kind::HighCut, 17),
];

/// Qualities of the sections of Butterworth filters of second and fourth order.
const BUTTERWORTH_2: [f64; 2] = [std::f64::consts::FRAC_1_SQRT_2, 0.0];
const BUTTERWORTH_4: [f64; 2] = [0.541_196_100_146_197, 1.306_562_964_876_376_5];

/// Frequencies above 0.49 of the sample rate are held there. With every band at its default the signal passes bit by
/// bit.
pub(crate) struct Eq;

impl Model for Eq {
    fn controls(&self) -> &'static [Control] {
        CONTROLS
    }

    fn channels(&self, inputs: usize, _outputs: Option<usize>) -> Channels {
        Channels::same(inputs)
    }

    fn engine(&self, setup: Setup, _channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let rate = setup.sample_rate.hz();
        let bands = BANDS.map(|(kind, first)| Band::new(kind, rate, [0, 1, 2].map(|i| values.get(first + i))));
        let output = Smoothed::new(gain::factor(values.get(OUTPUT), f64::NEG_INFINITY), rate);
        Ok(Box::new(EqEngine { bands, sections: [Section::new(); SECTIONS], cascade: Cascade::new(), output }))
    }
}

/// Every band has room for two filters.
const SECTIONS: usize = 2 * BANDS.len();

struct EqEngine {
    bands: [Band; 7],
    /// The filters of each band in turn.
    sections: [Section; SECTIONS],
    cascade: Cascade,
    output: Smoothed,
}

impl Engine for EqEngine {
    fn set(&mut self, index: usize, value: f64) {
        if index == OUTPUT {
            self.output.set(gain::factor(value, f64::NEG_INFINITY));
            return;
        }
        let band = BANDS.iter().rposition(|(_, first)| *first <= index).expect("the first band starts the table");
        self.bands[band].set(index - BANDS[band].1, value);
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        let mut rest = frames.clone();
        while !rest.is_empty() {
            // While a band moves, frames go by one by one.
            let moves = self.bands.iter().any(|band| band.awake && !band.is_still());
            let now = if moves { rest.start..rest.start + 1 } else { rest };
            rest = now.end..frames.end;
            let (mut which, mut count) = ([0; SECTIONS], 0);
            for (index, band) in self.bands.iter_mut().enumerate() {
                band.pass(now.len());
                if !band.awake {
                    continue;
                }
                let sections = &mut self.sections[2 * index..2 * index + 2];
                band.tune(sections);
                for section in 0..if band.steep { 2 } else { 1 } {
                    which[count] = 2 * index + section;
                    count += 1;
                }
            }
            self.cascade.process(&mut self.sections, &which[..count], audio, now);
        }
        gain::apply(&mut self.output, audio, frames);
    }

    fn reset(&mut self) {
        self.bands.iter_mut().for_each(Band::reset);
        self.sections.iter_mut().for_each(Section::reset);
        self.cascade.reset();
        self.output.reset();
    }

    /// The longest ring is that of a narrow peak: its time constant is Q / (pi f).
    fn tail(&self) -> Tail {
        let seconds = self.bands.iter().map(Band::ring).fold(0.0, f64::max);
        Tail::Frames((seconds * self.bands[0].rate).ceil() as u64)
    }
}

struct Band {
    kind: Kind,
    rate: f64,
    /// Where the frequency is or is going, exactly as it was set.
    frequency: f64,
    /// As an exponent of two: frequencies move evenly in octaves.
    octave: Smoothed,
    gain: Smoothed,
    quality: Smoothed,
    steep: bool,
    /// Whether it ever did anything. A band that never did is left out, and one that once did runs on: both ways
    /// without a break in the signal.
    awake: bool,
    /// Its filters are to be tuned.
    stale: bool,
}

impl Band {
    /// `values` are the band's own controls: frequency and slope of a cut, else frequency, gain and quality.
    fn new(kind: Kind, rate: f64, values: [f64; 3]) -> Band {
        let cut = matches!(kind, Kind::LowCut | Kind::HighCut);
        let [frequency, second, third] = values;
        let (gain, quality, steep) = if cut { (0.0, 1.0, second >= 1.0) } else { (second, third, false) };
        let mut band = Band {
            kind,
            rate,
            frequency,
            octave: Smoothed::new(frequency.log2(), rate),
            gain: Smoothed::new(gain, rate),
            quality: Smoothed::new(quality, rate),
            steep,
            awake: false,
            stale: true,
        };
        band.awake = band.does_something();
        band
    }

    fn does_something(&self) -> bool {
        match self.kind {
            Kind::LowCut => self.frequency > LOWEST_CUT,
            Kind::HighCut => self.frequency < HIGHEST_CUT,
            _ => self.gain.current() != 0.0 || !self.gain.is_still(),
        }
    }

    fn set(&mut self, control: usize, value: f64) {
        match (self.kind, control) {
            (_, 0) => {
                self.frequency = value;
                self.octave.set(value.log2());
            }
            (Kind::LowCut | Kind::HighCut, _) => self.steep = value >= 1.0,
            (_, 1) => self.gain.set(value),
            (_, _) => self.quality.set(value),
        }
        self.awake |= self.does_something();
        self.stale = true;
    }

    fn is_still(&self) -> bool {
        self.octave.is_still() && self.gain.is_still() && self.quality.is_still()
    }

    /// Tunes its filters to where its values stand, if they have moved.
    fn tune(&mut self, sections: &mut [Section]) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let [frequency, gain, quality] = [self.octave.current().exp2(), self.gain.current(), self.quality.current()];
        let qualities = if self.steep { BUTTERWORTH_4 } else { BUTTERWORTH_2 };
        let of = |shape, quality| Coefficients::new(shape, frequency, quality, self.rate);
        for (section, butterworth) in sections.iter_mut().zip(qualities) {
            section.coefficients = match self.kind {
                Kind::LowCut => of(Shape::LowCut, butterworth.max(0.1)),
                Kind::HighCut => of(Shape::HighCut, butterworth.max(0.1)),
                Kind::LowShelf => of(Shape::LowShelf { gain }, quality),
                Kind::Peak => of(Shape::Bell { gain }, quality),
                Kind::HighShelf => of(Shape::HighShelf { gain }, quality),
            };
        }
    }

    /// Lets frames go by. The values of a band that does nothing settle too, so that waking finds them where they belong.
    fn pass(&mut self, frames: usize) {
        for _ in 0..frames {
            if self.is_still() {
                break;
            }
            self.octave.next();
            self.gain.next();
            self.quality.next();
            self.stale = true;
        }
        self.octave.touch();
        self.gain.touch();
        self.quality.touch();
    }

    fn reset(&mut self) {
        self.octave.reset();
        self.gain.reset();
        self.quality.reset();
        self.awake = self.does_something();
        self.stale = true;
    }

    /// Seconds until what rings is 120 dB down.
    fn ring(&self) -> f64 {
        if !self.awake {
            return 0.0;
        }
        let quality = match self.kind {
            Kind::LowCut | Kind::HighCut => BUTTERWORTH_4[1],
            // A cut widens the poles' bandwidth, a boost narrows it.
            _ => self.quality.current() * 10f64.powf(self.gain.current().abs() / 40.0),
        };
        let time_constant = quality.max(0.5) / (std::f64::consts::PI * self.octave.current().exp2());
        time_constant * 120.0 / 20.0 * std::f64::consts::LN_10
    }
}
