//! A plugin's edit controller, with its calls made safe.

use std::collections::HashMap;

use vst3::ComPtr;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;

use super::stream::{Stream, face};
use super::text;

/// The half of a plugin that knows its parameters.
///
/// Conversions and texts are asked for by both halves of a device, which take turns; whoever holds the device keeps
/// to that.
#[derive(Clone)]
pub(super) struct Controller {
    edit: ComPtr<IEditController>,
    units: Option<ComPtr<IUnitInfo>>,
    mapping: Option<ComPtr<IMidiMapping>>,
}

// SAFETY: both halves of a device call it, but never at once: the contract of `audio::device` has them take turns.
// Reference counts are thread-safe in VST3.
unsafe impl Send for Controller {}

/// MIDI controllers that can be assigned: 128 of MIDI itself, channel pressure and pitch bend.
pub(super) const CONTROLLERS: usize = ControllerNumbers_::kCountCtrlNumber as usize;

/// Most parameters that are read.
const MOST_PARAMETERS: i32 = 1 << 17;

/// Most units that are read.
const MOST_UNITS: i32 = 1 << 14;

impl Controller {
    /// Wraps a controller that is initialised.
    pub(super) fn new(edit: ComPtr<IEditController>) -> Controller {
        Controller { units: edit.cast(), mapping: edit.cast(), edit }
    }

    /// The object itself.
    pub(super) fn edit(&self) -> &ComPtr<IEditController> {
        &self.edit
    }

    /// What it says of each parameter, in its own order; those that it does not describe are left out.
    pub(super) fn infos(&self) -> Vec<ParameterInfo> {
        // SAFETY: the controller is initialised.
        let count = unsafe { self.edit.getParameterCount() };
        let info = |index| {
            // SAFETY: this fills a plain struct of which every bit pattern is valid.
            unsafe {
                let mut info: ParameterInfo = std::mem::zeroed();
                (self.edit.getParameterInfo(index, &mut info) == kResultOk).then_some(info)
            }
        };
        (0..count.min(MOST_PARAMETERS)).filter_map(info).collect()
    }

    /// The normalised value of the moment, 0 to 1.
    pub(super) fn value(&self, id: ParamID) -> f64 {
        // SAFETY: the controller is initialised; ids are plain numbers.
        let value = unsafe { self.edit.getParamNormalized(id) };
        if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Tells it a normalised value.
    pub(super) fn set(&self, id: ParamID, value: f64) {
        // What it answers changes nothing: the processor is told all the same.
        // SAFETY: as in `value`.
        unsafe { self.edit.setParamNormalized(id, value) };
    }

    /// The plain value of a normalised one; whatever the plugin makes of it, not necessarily finite.
    pub(super) fn plain(&self, id: ParamID, normalised: f64) -> f64 {
        // SAFETY: as in `value`.
        unsafe { self.edit.normalizedParamToPlain(id, normalised) }
    }

    /// The normalised value of a plain one; likewise.
    pub(super) fn normalised(&self, id: ParamID, plain: f64) -> f64 {
        // SAFETY: as in `value`.
        unsafe { self.edit.plainParamToNormalized(id, plain) }
    }

    /// How it words a normalised value, without unit.
    pub(super) fn text(&self, id: ParamID, normalised: f64) -> Option<String> {
        let mut string: String128 = [0; 128];
        // SAFETY: as in `value`; the pointer leads to a place for one string.
        let told = unsafe { self.edit.getParamStringByValue(id, normalised, &mut string) };
        (told == kResultOk).then(|| text::from_utf16(&string))
    }

    /// The normalised value that it reads out of a text.
    pub(super) fn parse(&self, id: ParamID, written: &str) -> Option<f64> {
        // Plugins read up to the zero, some of them up to the size of a String128.
        let mut string: String128 = [0; 128];
        text::to_utf16(written, &mut string);
        let mut value = f64::NAN;
        // SAFETY: as in `value`; both pointers lead to the variables above.
        let read = unsafe { self.edit.getParamValueByString(id, string.as_mut_ptr(), &mut value) };
        (read == kResultOk && value.is_finite()).then_some(value.clamp(0.0, 1.0))
    }

    /// The parameter that a MIDI controller of a channel moves, on the first event bus.
    pub(super) fn assignment(&self, channel: usize, controller: usize) -> Option<ParamID> {
        let mapping = self.mapping.as_ref()?;
        let mut id = NO_PARAMETER;
        // SAFETY: as in `value`; the pointer leads to a place for one id.
        let told = unsafe { mapping.getMidiControllerAssignment(0, channel as i16, controller as CtrlNumber, &mut id) };
        (told == kResultTrue && id != NO_PARAMETER).then_some(id)
    }

    /// Whether MIDI controllers can be assigned at all.
    pub(super) fn maps_midi(&self) -> bool {
        self.mapping.is_some()
    }

    /// Each unit's path from the root, which is left out itself; `/` between levels.
    pub(super) fn unit_paths(&self) -> HashMap<UnitID, String> {
        let Some(units) = &self.units else { return HashMap::new() };
        // SAFETY: the controller is initialised.
        let count = unsafe { units.getUnitCount() };
        let mut known: HashMap<UnitID, (UnitID, String)> = HashMap::new();
        for index in 0..count.min(MOST_UNITS) {
            // SAFETY: this fills a plain struct of which every bit pattern is valid.
            let info = unsafe {
                let mut info: UnitInfo = std::mem::zeroed();
                (units.getUnitInfo(index, &mut info) == kResultOk).then_some(info)
            };
            let Some(info) = info else { continue };
            known.entry(info.id).or_insert((info.parentUnitId, text::from_utf16(&info.name)));
        }
        let path = |id: UnitID| {
            let mut names = Vec::new();
            let mut at = id;
            // A plugin whose units go round in circles stops at some depth.
            while at != kRootUnitId && names.len() < 16 {
                let Some((parent, name)) = known.get(&at) else { break };
                names.push(name.as_str());
                at = *parent;
            }
            names.reverse();
            names.join("/")
        };
        known.keys().map(|id| (*id, path(*id))).collect()
    }

    /// The unit that a channel of the first event bus plays.
    pub(super) fn unit_of_channel(&self, channel: usize) -> Option<UnitID> {
        let units = self.units.as_ref()?;
        let mut unit = kRootUnitId;
        let (media, direction) = (MediaTypes_::kEvent as MediaType, BusDirections_::kInput as BusDirection);
        // SAFETY: the controller is initialised; the pointer leads to a place for one id.
        let told = unsafe { units.getUnitByBus(media, direction, 0, channel as i32, &mut unit) };
        (told == kResultTrue).then_some(unit)
    }

    /// Its own state; `None` if it has none.
    pub(super) fn state(&self) -> Option<Vec<u8>> {
        let stream = Stream::of(&[]);
        // SAFETY: the controller is initialised; the stream outlives the call.
        let saved = unsafe { self.edit.getState(face(&stream).as_ptr()) };
        let bytes = stream.bytes();
        (saved == kResultOk && !bytes.is_empty()).then_some(bytes)
    }

    /// Gives it a state of its own. `false` if it refuses.
    pub(super) fn load_state(&self, bytes: &[u8]) -> bool {
        let stream = Stream::of(bytes);
        // SAFETY: as in `state`.
        let loaded = unsafe { self.edit.setState(face(&stream).as_ptr()) };
        loaded == kResultOk || loaded == kNotImplemented
    }

    /// Shows it the component's state, so that it knows the values.
    pub(super) fn show_component_state(&self, bytes: &[u8]) {
        let stream = Stream::of(bytes);
        // A controller that cannot read it shows old values; the sound does not depend on it.
        // SAFETY: as in `state`.
        unsafe { self.edit.setComponentState(face(&stream).as_ptr()) };
    }
}

/// `kNoParamId`: no parameter.
const NO_PARAMETER: ParamID = u32::MAX;
