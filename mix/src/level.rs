//! Level and pan behind a chain.

use std::f64::consts::FRAC_PI_4;

use audio::Buffer;
use score::Curve;

/// Level and pan behind a chain. Each curve is a value for every frame of the music at this point of the graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Level {
    /// As the chain gives it, in as many channels.
    Direct,
    /// Scaled, in as many channels as the chain gives.
    Gain {
        /// Factor; a negative one inverts.
        gain: Curve,
        /// A further factor, 0 or 1.
        mute: Option<Curve>,
    },
    /// Scaled and placed in the stereo field. Takes one or two channels.
    Stereo {
        /// Factor; a negative one inverts.
        gain: Curve,
        /// A further factor, 0 or 1.
        mute: Option<Curve>,
        /// -1 is left, 1 is right, and beyond them is as at them. Mono signals are panned by the law; stereo signals are
        /// balanced whatever the law: the far side is turned down in a straight line, the near one stays.
        pan: Curve,
        /// How a mono signal is panned.
        law: PanLaw,
    },
}

impl Level {
    /// One factor throughout, in as many channels as come.
    pub fn gain(factor: f64) -> Level {
        Level::Gain { gain: Curve::constant(factor), mute: None }
    }

    /// One factor and one place throughout, at the usual pan law.
    pub fn stereo(gain: f64, pan: f64) -> Level {
        Level::Stereo { gain: Curve::constant(gain), mute: None, pan: Curve::constant(pan), law: PanLaw::default() }
    }
}

/// How loud the two sides are when a mono signal is panned. The names say the decibels of each side in the middle. With
/// `t` running from 0 on the left to 1 on the right, the factors of left and right are:
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PanLaw {
    /// `cos(t pi/2)` and `sin(t pi/2)`: constant power.
    #[default]
    Minus3,
    /// `sqrt(cos(t pi/2) (1 - t))` and `sqrt(sin(t pi/2) t)`: between the other two.
    Minus45,
    /// `1 - t` and `t`: constant sum.
    Minus6,
    /// `min(1, 2 (1 - t))` and `min(1, 2 t)`: the near side stays, the far one falls in a straight line.
    Zero,
}

impl PanLaw {
    /// The factors of the left and the right side for a place from -1 to 1.
    pub fn sides(self, pan: f64) -> [f64; 2] {
        let pan = pan.clamp(-1.0, 1.0);
        let [left, right] = [(1.0 - pan) / 2.0, (1.0 + pan) / 2.0];
        // A cosine of a quarter turn is a little off 0; at the ends the far side is silent.
        let power = || match pan {
            -1.0 => [1.0, 0.0],
            1.0 => [0.0, 1.0],
            _ => [((1.0 + pan) * FRAC_PI_4).cos(), ((1.0 + pan) * FRAC_PI_4).sin()],
        };
        match self {
            PanLaw::Minus3 => power(),
            PanLaw::Minus45 => {
                let [cosine, sine] = power();
                [(cosine * left).sqrt(), (sine * right).sqrt()]
            }
            PanLaw::Minus6 => [left, right],
            PanLaw::Zero => [(2.0 * left).min(1.0), (2.0 * right).min(1.0)],
        }
    }
}

/// A curve over one block.
#[derive(Clone, Copy)]
pub(crate) enum Now<'a> {
    Still(f64),
    Moving(&'a [f32]),
}

impl Now<'_> {
    #[inline]
    fn at(self, frame: usize) -> f64 {
        match self {
            Now::Still(value) => value,
            Now::Moving(values) => f64::from(values[frame]),
        }
    }
}

/// The values of a curve for as many frames from frame `music` on as `values` holds. What a frame has does not depend
/// on how the music is cut: a curve that ever moves is rounded to a sample, also where it rests.
pub(crate) fn now<'a>(curve: &Curve, music: i64, values: &'a mut [f32]) -> Now<'a> {
    if let Some(value) = curve.constant_value() {
        return Now::Still(value);
    }
    match curve.fill(music, values) {
        Some(value) => Now::Still(f64::from(value)),
        None => Now::Moving(values),
    }
}

/// Applies a level, block by block.
pub(crate) struct Fader {
    level: Level,
    channels: usize,
    /// Room for the values of gain, mute and pan over a block.
    room: [Vec<f32>; 3],
    /// The factors of each frame, for both sides.
    factors: [Vec<f32>; 2],
}

impl Fader {
    /// For a chain that gives `channels`.
    pub(crate) fn new(level: Level, channels: usize, block: usize) -> Fader {
        let room = || vec![0.0; block];
        Fader { level, channels, room: [room(), room(), room()], factors: [room(), room()] }
    }

    /// Whether every sample stays what it is, at all times.
    pub(crate) fn is_transparent(&self) -> bool {
        let one = |curve: &Curve| curve.constant_value() == Some(1.0);
        let heard = |mute: &Option<Curve>| mute.as_ref().is_none_or(one);
        match &self.level {
            Level::Direct => true,
            Level::Gain { gain, mute } => one(gain) && heard(mute),
            Level::Stereo { gain, mute, pan, .. } => {
                self.channels == 2 && one(gain) && heard(mute) && pan.constant_value() == Some(0.0)
            }
        }
    }

    /// `signal`, which begins with frame `music` of the music, becomes `out`, which has the shape of what comes out.
    pub(crate) fn apply(&mut self, signal: &Buffer, music: i64, out: &mut Buffer) {
        let frames = signal.frames();
        let [gains, mutes, pans] = &mut self.room;
        let (gain, mute, pan) = match &self.level {
            Level::Direct => (None, None, None),
            Level::Gain { gain, mute } => (Some(gain), mute.as_ref(), None),
            Level::Stereo { gain, mute, pan, law } => (Some(gain), mute.as_ref(), Some((pan, *law))),
        };
        let gain = gain.map_or(Now::Still(1.0), |gain| now(gain, music, &mut gains[..frames]));
        let mute = mute.map_or(Now::Still(1.0), |mute| now(mute, music, &mut mutes[..frames]));
        let (pan, law) = match pan {
            Some((pan, law)) => (now(pan, music, &mut pans[..frames]), Some(law)),
            None => (Now::Still(0.0), None),
        };
        let sides = |pan: f64| match law {
            None => [1.0; 2],
            Some(law) if self.channels == 1 => law.sides(pan),
            Some(_) => PanLaw::Zero.sides(pan),
        };
        let last = self.channels.saturating_sub(1);
        if let (Now::Still(gain), Now::Still(mute), Now::Still(pan)) = (gain, mute, pan) {
            let factors = sides(pan).map(|side| (gain * mute * side) as f32);
            for (channel, to) in out.channels_mut().enumerate() {
                let (factor, from) = (factors[channel.min(1)], signal.channel(channel.min(last)));
                to.iter_mut().zip(from).for_each(|(to, from)| *to = factor * from);
            }
            return;
        }
        let [left, right] = &mut self.factors;
        let mut placed = (f64::NAN, [0.0; 2]);
        for frame in 0..frames {
            let pan = pan.at(frame);
            if pan != placed.0 {
                placed = (pan, sides(pan));
            }
            let level = gain.at(frame) * mute.at(frame);
            left[frame] = (level * placed.1[0]) as f32;
            right[frame] = (level * placed.1[1]) as f32;
        }
        for (channel, to) in out.channels_mut().enumerate() {
            let factors = if channel == 0 { &*left } else { &*right };
            let from = signal.channel(channel.min(last));
            for ((to, from), factor) in to.iter_mut().zip(from).zip(factors) {
                *to = factor * from;
            }
        }
    }
}
