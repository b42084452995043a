//! A plugin's parameters: plain values for people, normalised ones for the plugin.

use std::collections::{HashMap, HashSet};

use audio::device::{Parameter, ParameterFlags, ParameterId};
use vst3::Steinberg::Vst::ParameterInfo_::ParameterFlags_::*;
use vst3::Steinberg::Vst::*;

use super::controller::{CONTROLLERS, Controller};
use super::text;

/// Most steps whose texts are compared when a text is to be read.
const MOST_STEPS: i32 = 1 << 12;

/// All that is known of the parameters, until the plugin says that they have changed.
#[derive(Default)]
pub(super) struct Table {
    known: Vec<Known>,
    places: HashMap<u32, usize>,
    /// The parameter of each MIDI controller, channel by channel; empty if there is no mapping.
    controllers: Vec<Option<ParamID>>,
    /// Of each channel, the parameter that changes its program.
    programs: [Option<ParamID>; 16],
}

/// One parameter.
pub(super) struct Known {
    pub(super) parameter: Parameter,
    units: String,
    /// Steps from the lowest value to the highest; 0 if it is continuous.
    steps: i32,
    unit: UnitID,
    program_change: bool,
    /// It is nothing but a MIDI controller, as JUCE's and DPF's plugins have one for each.
    only_midi: bool,
    /// Plain values are the normalised ones: the plugin's own conversion does not lead back.
    normalised: bool,
}

impl Table {
    /// Asks the controller for everything. `notes` is whether the plugin has an event input.
    pub(super) fn read(controller: &Controller, notes: bool) -> Table {
        let mut table = Table::default();
        if notes && controller.maps_midi() {
            let all = (0..16).flat_map(|channel| (0..CONTROLLERS).map(move |number| (channel, number)));
            table.controllers = all.map(|(channel, number)| controller.assignment(channel, number)).collect();
        }
        let assigned: HashSet<ParamID> = table.controllers.iter().flatten().copied().collect();
        let paths = controller.unit_paths();
        for info in controller.infos() {
            // The second of two equal ids could never be reached.
            if table.places.contains_key(&info.id) {
                continue;
            }
            let mut known = describe(controller, &info, paths.get(&info.unitId).cloned().unwrap_or_default());
            let is_controller = assigned.contains(&info.id);
            known.only_midi = is_controller && known.parameter.name.starts_with("MIDI C");
            known.parameter.flags.hidden |= known.only_midi;
            table.places.insert(info.id, table.known.len());
            table.known.push(known);
        }
        for channel in 0..16 {
            let unit = controller.unit_of_channel(channel).unwrap_or(kRootUnitId);
            let of = |unit| table.known.iter().find(|known| known.program_change && known.unit == unit);
            let only = || {
                let mut all = table.known.iter().filter(|known| known.program_change);
                all.next().filter(|_| all.next().is_none())
            };
            table.programs[channel] = of(unit).or_else(only).map(|known| known.parameter.id.0);
        }
        table
    }

    /// In the plugin's order.
    pub(super) fn parameters(&self) -> Vec<Parameter> {
        self.known.iter().map(|known| known.parameter.clone()).collect()
    }

    /// The ids of those that can be set.
    pub(super) fn settable(&self) -> Vec<ParamID> {
        let settable = self.known.iter().filter(|known| !known.parameter.flags.read_only);
        settable.map(|known| known.parameter.id.0).collect()
    }

    /// What is known of a parameter.
    pub(super) fn get(&self, id: ParameterId) -> Option<&Known> {
        self.places.get(&id.0).map(|place| &self.known[*place])
    }

    /// The parameter of a MIDI controller; 128 is channel pressure, 129 pitch bend.
    pub(super) fn controller(&self, channel: u8, number: u8) -> Option<ParamID> {
        *self.controllers.get(usize::from(channel & 15) * CONTROLLERS + usize::from(number))?
    }

    /// The parameter that selects a channel's program, and the normalised value of program `index`.
    pub(super) fn program(&self, channel: u8, index: u8) -> Option<(ParamID, f64)> {
        let id = self.programs[usize::from(channel & 15)]?;
        let last = self.get(ParameterId(id))?.steps.max(1);
        let index = i32::from(index);
        (index <= last).then(|| (id, f64::from(index) / f64::from(last)))
    }
}

impl Known {
    /// Whether it selects a program.
    pub(super) fn is_program_change(&self) -> bool {
        self.program_change
    }

    /// Whether it is nothing but a MIDI controller.
    pub(super) fn is_only_midi(&self) -> bool {
        self.only_midi
    }

    /// The plain value of a normalised one. Where the plugin gives no number, it is as far between the ends of the range.
    pub(super) fn plain(&self, controller: &Controller, normalised: f64) -> f64 {
        if self.normalised {
            return normalised;
        }
        let Parameter { id, minimum, maximum, .. } = &self.parameter;
        let plain = controller.plain(id.0, normalised);
        if plain.is_finite() { plain } else { minimum + (maximum - minimum) * normalised }
    }

    /// The normalised value of a plain one, 0 to 1.
    pub(super) fn normalise(&self, controller: &Controller, plain: f64) -> f64 {
        let value = if self.normalised { plain } else { controller.normalised(self.parameter.id.0, plain) };
        if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// How the plugin words a plain value, with the unit.
    pub(super) fn text(&self, controller: &Controller, plain: f64) -> Option<String> {
        self.word(controller, self.normalise(controller, plain))
    }

    fn word(&self, controller: &Controller, normalised: f64) -> Option<String> {
        let words = controller.text(self.parameter.id.0, normalised)?;
        let is_number = words.chars().last().is_some_and(|last| last.is_ascii_digit() || last == '.');
        if is_number && !self.units.is_empty() { Some(format!("{words} {}", self.units)) } else { Some(words) }
    }

    /// The plain value that the plugin reads out of a text, with or without the unit.
    pub(super) fn parse(&self, controller: &Controller, written: &str) -> Option<f64> {
        let id = self.parameter.id.0;
        let written = written.trim();
        let same = |words: Option<String>| words.is_some_and(|words| words.eq_ignore_ascii_case(written));
        // A choice is known by its words; plugins commonly read numbers only.
        if (1..=MOST_STEPS).contains(&self.steps) {
            let step = |step: i32| f64::from(step) / f64::from(self.steps);
            let found = (0..=self.steps).map(step).find(|value| {
                same(self.word(controller, *value)) || (!self.units.is_empty() && same(controller.text(id, *value)))
            });
            if let Some(value) = found {
                return Some(self.plain(controller, value));
            }
        }
        let bare = strip_unit(written, &self.units);
        let value = controller.parse(id, bare).or_else(|| controller.parse(id, written))?;
        // Plugins read "9000 dB" as their highest value. That is not what was asked for.
        if (value == 0.0 || value == 1.0)
            && let Some(wanted) = leading_number(bare)
            && let Some(got) = self.word(controller, value).as_deref().and_then(leading_number)
            && (wanted - got).abs() > 0.01 * got.abs().max(1.0)
        {
            return None;
        }
        Some(self.plain(controller, value))
    }
}

fn strip_unit<'a>(text: &'a str, units: &str) -> &'a str {
    let Some(split) = text.len().checked_sub(units.len()).filter(|at| text.is_char_boundary(*at)) else { return text };
    let (number, unit) = text.split_at(split);
    if !units.is_empty() && unit.eq_ignore_ascii_case(units) { number.trim_end() } else { text }
}

/// The number that a text begins with, if it is one number and at most a unit.
fn leading_number(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(text.len());
    text[..end].parse().ok()
}

fn describe(controller: &Controller, info: &ParameterInfo, group: String) -> Known {
    let is = |flag| info.flags & flag != 0;
    let id = info.id;
    let normalised = !leads_back(controller, id);
    let plain = |value: f64| if normalised { value } else { controller.plain(id, value) };
    let (low, high) = (plain(0.0), plain(1.0));
    let default =
        if info.defaultNormalizedValue.is_finite() { info.defaultNormalizedValue.clamp(0.0, 1.0) } else { 0.0 };
    let told_default = plain(default);
    let parameter = Parameter {
        id: ParameterId(id),
        name: text::from_utf16(&info.title),
        group,
        minimum: low.min(high),
        maximum: low.max(high),
        default: if told_default.is_finite() { told_default } else { low + (high - low) * default },
        flags: ParameterFlags {
            stepped: info.stepCount > 0,
            hidden: is(kIsHidden),
            read_only: is(kIsReadOnly),
            bypass: is(kIsBypass),
            automatable: is(kCanAutomate),
        },
    };
    Known {
        parameter,
        units: text::from_utf16(&info.units),
        steps: info.stepCount.max(0),
        unit: info.unitId,
        program_change: is(kIsProgramChange),
        only_midi: false,
        normalised,
    }
}

/// Whether a parameter's plain values lead back to the normalised ones that they came from. Some plugins answer one
/// of the two conversions with a constant.
fn leads_back(controller: &Controller, id: ParamID) -> bool {
    let (low, high) = (controller.plain(id, 0.0), controller.plain(id, 1.0));
    let range = (high - low).abs();
    if !range.is_finite() || range == 0.0 {
        return false;
    }
    [0.0, 0.3, 1.0].into_iter().all(|value| {
        let plain = controller.plain(id, value);
        let again = controller.plain(id, controller.normalised(id, plain));
        // Single precision, and a little for logarithms.
        plain.is_finite() && (again - plain).abs() <= 1e-4 * range
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_taken_off_in_either_case_and_only_as_a_whole() {
        assert_eq!(strip_unit("-6.0 dB", "dB"), "-6.0");
        assert_eq!(strip_unit("-6.0DB", "dB"), "-6.0");
        assert_eq!(strip_unit("-6.0", "dB"), "-6.0");
        assert_eq!(strip_unit("B", "dB"), "B");
        assert_eq!(strip_unit("50 %", ""), "50 %");
        assert_eq!(strip_unit("é", "x"), "é");
    }

    #[test]
    fn a_number_at_the_start_is_found() {
        assert_eq!(leading_number("-6.50 dB"), Some(-6.5));
        assert_eq!(leading_number("12"), Some(12.0));
        assert_eq!(leading_number("Off"), None);
        assert_eq!(leading_number("-inf"), None);
    }
}
