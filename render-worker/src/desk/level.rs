//! Level and pan of a strip, for the graph.

use audio::Decibels;
use jobs::message::Phase;
use jobs::task::{Fader, PanLaw};
use mix::Level;
use score::{Curve, CurvePoint};

use crate::build::{BuildError, refusal};

/// Level and pan for the graph.
pub(super) fn level(fader: &Fader) -> Result<Level, BuildError> {
    let sign = if fader.invert { -1.0 } else { 1.0 };
    let gain = scaled(fader.gain.as_ref(), sign * Decibels(fader.gain_db).gain())?;
    let pan = match &fader.pan_curve {
        Some(curve) => scaled(Some(curve), 0.01)?,
        None => Curve::constant(fader.pan / 100.0),
    };
    let law = match fader.pan_law {
        PanLaw::Minus3 => mix::PanLaw::Minus3,
        PanLaw::Minus45 => mix::PanLaw::Minus45,
        PanLaw::Minus6 => mix::PanLaw::Minus6,
        PanLaw::Zero => mix::PanLaw::Zero,
    };
    Ok(Level::Stereo { gain, mute: fader.mute.clone(), pan, law })
}

/// A curve times a factor; the factor alone where there is none.
pub(super) fn scaled(curve: Option<&Curve>, factor: f64) -> Result<Curve, BuildError> {
    let Some(curve) = curve else { return Ok(Curve::constant(factor)) };
    let points = curve.points().iter().map(|point| CurvePoint { value: factor * point.value, ..*point });
    Curve::new(points.collect()).map_err(|error| refusal(Phase::Configure, None, error))
}
