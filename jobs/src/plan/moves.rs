//! Curves on frames, and the parameters that they move.

use audio::SampleRate;
use audio::device::ParameterId;
use presets::document::{Collector, Located, Place};
use presets::{Setting, Value};
use score::{ControllerMap, Curve, CurvePoint, Division, Position, Scale, Shape, TempoMap};

use super::devices::{Devices, Frozen, tell};
use crate::file::{ControllerForm, LaneForm, LaneTarget, ParameterName, PointForm};
use crate::message::{Examination, ResolvedSetting, SettingProblem};
use crate::task::{Controller, Fader, Lane, Moves, Strip};

/// What positions of a session mean.
pub(super) struct Clock {
    pub map: TempoMap,
    pub rate: SampleRate,
    /// Of the MIDI file that keeps time; ticks need one.
    pub division: Option<Division>,
}

impl Clock {
    /// The frame of a position.
    pub fn frame(&self, at: &Located<Position>, collector: &Collector) -> Option<u64> {
        let clock = score::Clock::new(&self.map, self.rate);
        let clock = match self.division {
            Some(division) => clock.with_division(division),
            None => clock,
        };
        match clock.frame(at.value) {
            Ok(frame) => Some(frame),
            Err(error) => {
                collector.mistake(&at.place, error.to_string());
                None
            }
        }
    }

    /// A curve through points of these values.
    fn curve(&self, points: &[PointForm], values: &[f64], collector: &Collector) -> Option<Curve> {
        let mut read = Vec::with_capacity(points.len());
        for (point, value) in points.iter().zip(values) {
            read.push(CurvePoint { frame: self.frame(&point.at, collector)?, value: *value, shape: point.shape });
        }
        match Curve::new(read) {
            Ok(curve) => Some(curve),
            Err(error) => {
                collector.mistake(&points[0].at.place, error.to_string());
                None
            }
        }
    }
}

/// Puts the curves of level, pan, mute and sends into a strip. Mistakes go to the collector.
pub(super) fn strip(strip: &mut Strip, lanes: &[LaneForm], clock: &Clock, collector: &Collector) {
    fader(&mut strip.fader, lanes, clock, collector);
    for lane in lanes {
        if let LaneTarget::Send(bus) = &lane.target
            && let Some(send) = strip.sends.iter_mut().find(|send| send.bus == *bus)
        {
            send.gain = clock.curve(&lane.points, &numbers(lane), collector);
        }
    }
}

/// Likewise, of a fader alone.
pub(super) fn fader(fader: &mut Fader, lanes: &[LaneForm], clock: &Clock, collector: &Collector) {
    for lane in lanes {
        let slot = match &lane.target {
            LaneTarget::Gain => &mut fader.gain,
            LaneTarget::Pan => &mut fader.pan_curve,
            LaneTarget::Mute => &mut fader.mute,
            LaneTarget::Send(_) | LaneTarget::Parameter(_) => continue,
        };
        *slot = clock.curve(&lane.points, &numbers(lane), collector);
        // Nothing is muted before somebody says so.
        if lane.target == LaneTarget::Mute
            && let Some(curve) = slot
        {
            let start = CurvePoint { frame: 0, value: 1.0, shape: Shape::Hold };
            let points = std::iter::once(start).chain(curve.points().iter().copied());
            *slot = Curve::new(points.collect()).ok();
        }
    }
}

/// The values of a lane that moves no parameter, which are numbers.
fn numbers(lane: &LaneForm) -> Vec<f64> {
    let number = |point: &PointForm| match point.value.value {
        Value::Number(number) => number,
        Value::Text(_) => f64::NAN,
    };
    lane.points.iter().map(number).collect()
}

/// Where the controllers of a track stand in its MIDI file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NotesOf {
    /// The track of the file, where one is chosen.
    pub track: Option<u16>,
    /// The channel, where there is one.
    pub channel: Option<u8>,
}

/// What moves the parameters of a chain. Mistakes go to the collector.
pub(super) fn moves(
    lanes: &[LaneForm],
    controllers: &[ControllerForm],
    notes: NotesOf,
    frozen: &Frozen,
    devices: &mut Devices<'_>,
    clock: &Clock,
    collector: &Collector,
) -> Moves {
    let mut moves = Moves::default();
    for lane in lanes {
        let LaneTarget::Parameter(name) = &lane.target else { continue };
        let values: Vec<Located<Value>> = lane.points.iter().map(|point| point.value.clone()).collect();
        let Some((device, resolved)) = resolve(name, &lane.place, &values, frozen, devices, collector) else {
            continue;
        };
        let plain: Vec<f64> = resolved.iter().filter_map(plain_value).collect();
        if plain.len() == values.len()
            && let Some(curve) = clock.curve(&lane.points, &plain, collector)
        {
            moves.lanes.push(Lane { device, parameter: resolved[0].id, curve });
        }
    }
    for form in controllers {
        let Located { value: name, place } = &form.parameter;
        let ends = form.range.map_or_else(Vec::new, |(low, high)| vec![low, high]);
        let values: Vec<_> = ends.iter().map(|end| Located::new(Value::Number(*end), place.clone())).collect();
        let Some((device, found)) = resolve(name, place, &values, frozen, devices, collector) else { continue };
        let Some((parameter, own)) =
            found.first().map(|setting| setting.id).and_then(|id| Some((id, range(frozen, device, id)?)))
        else {
            continue;
        };
        let (low, high) = form.range.unwrap_or(own);
        let Some(channel) = form.channel.or(notes.channel) else {
            let message = "the notes are on several channels, and the controller's is not said";
            collector.mistake_with(place, message, "Write { parameter: NAME, channel: 1 }.");
            continue;
        };
        let scale = if form.exponential { Scale::Exponential } else { Scale::Linear };
        let tracks = notes.track.into_iter().collect();
        let map = ControllerMap { controller: form.controller, channel, tracks, low, high, scale };
        match map.check() {
            Ok(()) => moves.controllers.push(Controller { device, parameter, map }),
            Err(error) => collector.mistake(place, error.to_string()),
        }
    }
    moves
}

fn plain_value(setting: &ResolvedSetting) -> Option<f64> {
    match setting.value {
        Value::Number(value) => Some(value),
        Value::Text(_) => None,
    }
}

/// The parameter's own range.
fn range(frozen: &Frozen, device: usize, id: u32) -> Option<(f64, f64)> {
    let examination = frozen.known[device].0.as_ref().as_ref().ok()?;
    let found = examination.parameters.iter().find(|p| p.parameter.id == ParameterId(id))?;
    Some((found.parameter.minimum, found.parameter.maximum))
}

/// The device of a chain that has a parameter, and what values mean to it; at least one, to know the parameter by.
fn resolve(
    name: &ParameterName,
    place: &Place,
    values: &[Located<Value>],
    frozen: &Frozen,
    devices: &mut Devices<'_>,
    collector: &Collector,
) -> Option<(usize, Vec<ResolvedSetting>)> {
    let known: Vec<(usize, &Examination)> = frozen
        .known
        .iter()
        .enumerate()
        .filter_map(|(at, (examined, _))| Some((at, examined.as_ref().as_ref().ok()?)))
        .filter(|(at, examination)| match &name.device {
            None => true,
            Some(device) => device.parse() == Ok(at + 1) || device.eq_ignore_ascii_case(&examination.info.name),
        })
        .collect();
    if known.is_empty() {
        // Devices that cannot be examined were told.
        if let Some(device) = name.device.as_ref().filter(|_| frozen.known.iter().all(|(e, _)| e.is_ok())) {
            let names: Vec<&str> =
                frozen.known.iter().filter_map(|(e, _)| Some(e.as_ref().as_ref().ok()?.info.name.as_str())).collect();
            let message = format!("there is no device \"{device}\" in this chain");
            collector.mistake_with(place, message, format!("Its devices are {}.", names.join(", ")));
        } else if frozen.known.is_empty() {
            let message = format!("nothing has a parameter \"{}\" here: the chain has no devices", name.parameter);
            collector.mistake_with(place, message, "Automate gain, pan, mute or sends.BUS.");
        }
        return None;
    }
    let mut unknown = None;
    for (at, examination) in known {
        let asked: Vec<Value> = match values {
            [] => vec![Value::Number(some_value(examination, &name.parameter))],
            values => values.iter().map(|value| value.value.clone()).collect(),
        };
        let (setup, in_channels) = (presets::devices(&frozen.chain)[at], frozen.known[at].1);
        let results = devices.settings(setup, in_channels, &name.parameter, &asked);
        if let Some(Err(problem @ SettingProblem::Unknown { .. })) = results.first() {
            unknown.get_or_insert((examination, problem.clone()));
            continue;
        }
        let mut resolved = Vec::new();
        for (index, result) in results.into_iter().enumerate() {
            match result {
                Ok(setting) => resolved.push(setting),
                Err(problem) => {
                    let setting = Setting { parameter: name.parameter.clone(), value: asked[index].clone() };
                    tell(&setting, &problem, examination, values.get(index).map_or(place, |v| &v.place), collector);
                }
            }
        }
        let first = resolved.first().filter(|_| resolved.len() == asked.len())?;
        let flags = examination.parameters.iter().find(|p| p.parameter.id.0 == first.id).map(|p| p.parameter.flags);
        if !flags.is_some_and(|flags| flags.automatable) {
            let message = format!("{} of {} cannot change while it plays", first.name, examination.info.name);
            collector.mistake_with(place, message, "Set it once, below params.");
            return None;
        }
        return Some((at, resolved));
    }
    if let Some((examination, problem)) = unknown {
        let setting = Setting { parameter: name.parameter.clone(), value: Value::Number(0.0) };
        tell(&setting, &problem, examination, place, collector);
    }
    None
}

/// A value that a parameter of this name takes, where its examination shows one.
fn some_value(examination: &Examination, name: &str) -> f64 {
    let named = |p: &&crate::message::ExaminedParameter| {
        p.parameter.name.eq_ignore_ascii_case(name) || format!("#{}", p.parameter.id.0) == name
    };
    examination.parameters.iter().find(named).map_or(0.0, |p| p.parameter.default)
}
