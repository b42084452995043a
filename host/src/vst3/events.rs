//! Events on their way into and out of a plugin.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audio::event::NoteId;
use audio::{EventBody, Expression};
use vst3::Class;
use vst3::Steinberg::Vst::Event_::EventTypes_ as kinds;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;

/// Most events of one block.
const MOST_EVENTS: usize = 1 << 18;

/// The events of one block.
#[derive(Default)]
pub(super) struct EventList {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    /// The bytes of system exclusive messages, which events point to.
    bytes: Vec<Arc<[u8]>>,
}

impl Class for EventList {
    type Interfaces = (IEventList,);
}

impl EventList {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a block.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.events.clear();
        state.bytes.clear();
    }

    /// Adds one of the host's events. `false` if VST3 has no words for it, or there are too many. An instrument with
    /// fewer than `channels` channels plays the others on its first.
    pub(super) fn put(&self, frame: u32, beat: f64, channels: u8, body: &EventBody) -> bool {
        let mut state = self.state();
        if state.events.len() >= MOST_EVENTS {
            return false;
        }
        if let EventBody::Sysex { bytes } = body {
            state.bytes.push(bytes.clone());
        }
        let Some((kind, content)) = written(body, channels) else { return false };
        let event = Event {
            busIndex: 0,
            sampleOffset: frame as i32,
            ppqPosition: beat,
            flags: 0,
            r#type: kind as u16,
            __field0: content,
        };
        state.events.push(event);
        true
    }

    /// What the plugin gave out, each with its frame.
    pub(super) fn drain(&self, mut each: impl FnMut(i32, EventBody)) {
        let state = self.state();
        for event in &state.events {
            if let Some(body) = read(event) {
                each(event.sampleOffset, body);
            }
        }
    }
}

impl IEventListTrait for EventList {
    unsafe fn getEventCount(&self) -> i32 {
        self.state().events.len() as i32
    }

    unsafe fn getEvent(&self, index: i32, event: *mut Event) -> tresult {
        let state = self.state();
        let found = usize::try_from(index).ok().and_then(|index| state.events.get(index));
        match found {
            Some(found) if !event.is_null() => {
                // SAFETY: the plugin passes a place for one event, and it is not null.
                unsafe { event.write_unaligned(*found) };
                kResultOk
            }
            _ => kInvalidArgument,
        }
    }

    unsafe fn addEvent(&self, event: *mut Event) -> tresult {
        if event.is_null() {
            return kInvalidArgument;
        }
        // SAFETY: the plugin passes one event, and it is not null.
        let mut event = unsafe { event.read_unaligned() };
        let mut state = self.state();
        if state.events.len() >= MOST_EVENTS {
            return kOutOfMemory;
        }
        if u32::from(event.r#type) == Event_::EventTypes_::kDataEvent as u32 {
            // SAFETY: the event says that this is its kind.
            let data = unsafe { event.__field0.data };
            if data.bytes.is_null() {
                return kInvalidArgument;
            }
            // SAFETY: the plugin owns `size` bytes there for the time of the call. They are copied, since they may be
            // gone afterwards.
            let bytes: Arc<[u8]> = unsafe { std::slice::from_raw_parts(data.bytes, data.size as usize) }.into();
            event.__field0.data = DataEvent { bytes: bytes.as_ptr(), ..data };
            state.bytes.push(bytes);
        }
        state.events.push(event);
        kResultOk
    }
}

/// The expressions of a note that VST3 numbers, and how their normalised values come about.
const EXPRESSIONS: [(NoteExpressionTypeID, Expression, f64, f64); 6] = [
    // 0.25 is 0 dB.
    (NoteExpressionTypeIDs_::kVolumeTypeID as u32, Expression::Volume, 0.25, 0.0),
    (NoteExpressionTypeIDs_::kPanTypeID as u32, Expression::Pan, 1.0, 0.0),
    // 120 semitones down to 120 up.
    (NoteExpressionTypeIDs_::kTuningTypeID as u32, Expression::Tuning, 1.0 / 240.0, 0.5),
    (NoteExpressionTypeIDs_::kVibratoTypeID as u32, Expression::Vibrato, 1.0, 0.0),
    (NoteExpressionTypeIDs_::kExpressionTypeID as u32, Expression::Expression, 1.0, 0.0),
    (NoteExpressionTypeIDs_::kBrightnessTypeID as u32, Expression::Brightness, 1.0, 0.0),
];

/// A note's number as VST3 has it; -1 is none.
fn number(note: Option<NoteId>) -> i32 {
    note.and_then(|id| i32::try_from(id).ok()).unwrap_or(-1)
}

/// An event's kind and content; `None` if VST3 has no words for it.
fn written(body: &EventBody, channels: u8) -> Option<(u32, Event__type0)> {
    let on = |channel: u8| i16::from(if channel < channels { channel } else { 0 });
    Some(match body {
        EventBody::NoteOn { channel, key, velocity, note } => {
            let note_on = NoteOnEvent {
                channel: on(*channel),
                pitch: (*key).into(),
                tuning: 0.0,
                velocity: *velocity as f32,
                length: 0,
                noteId: number(*note),
            };
            (kinds::kNoteOnEvent as u32, Event__type0 { noteOn: note_on })
        }
        EventBody::NoteOff { channel, key, velocity, note } => {
            let note_off = NoteOffEvent {
                channel: on(*channel),
                pitch: (*key).into(),
                velocity: *velocity as f32,
                noteId: number(*note),
                tuning: 0.0,
            };
            (kinds::kNoteOffEvent as u32, Event__type0 { noteOff: note_off })
        }
        EventBody::Expression { channel, key, note, expression: Expression::Pressure, value } => {
            pressure(on(*channel), *key, *value, *note)
        }
        EventBody::Expression { note, expression, value, .. } => {
            let (type_id, _, factor, centre) = *EXPRESSIONS.iter().find(|(_, known, _, _)| known == expression)?;
            // Without a number VST3 knows no note to change.
            let note_id = i32::try_from((*note)?).ok()?;
            let value = (value * factor + centre).clamp(0.0, 1.0);
            let changed = NoteExpressionValueEvent { typeId: type_id, noteId: note_id, value };
            (kinds::kNoteExpressionValueEvent as u32, Event__type0 { noteExpressionValue: changed })
        }
        EventBody::Midi { bytes: [status, key, value] } if status & 0xf0 == 0xa0 => {
            pressure(on(status & 15), *key, f64::from(value & 127) / 127.0, None)
        }
        EventBody::Sysex { bytes } => {
            let size = u32::try_from(bytes.len()).ok()?;
            let data = DataEvent { size, r#type: DataEvent_::DataTypes_::kMidiSysEx as u32, bytes: bytes.as_ptr() };
            (kinds::kDataEvent as u32, Event__type0 { data })
        }
        _ => return None,
    })
}

fn pressure(channel: i16, key: u8, value: f64, note: Option<NoteId>) -> (u32, Event__type0) {
    let pressed = PolyPressureEvent { channel, pitch: key.into(), pressure: value as f32, noteId: number(note) };
    (kinds::kPolyPressureEvent as u32, Event__type0 { polyPressure: pressed })
}

/// Understands a plugin's event; `None` for kinds that nobody here has a use for.
fn read(event: &Event) -> Option<EventBody> {
    let channel_of = |channel: i16| u8::try_from(channel).ok().filter(|channel| *channel < 16);
    let key_of = |pitch: i16| u8::try_from(pitch).ok().filter(|key| *key < 128);
    let level = |value: f32| if value.is_finite() { f64::from(value).clamp(0.0, 1.0) } else { 0.0 };
    let note_of = |id: i32| NoteId::try_from(id).ok();
    // SAFETY: each part of the union is read only if the event's kind says that it is there; all of them are plain data
    // of which every bit pattern is valid, and the bytes of messages were copied to where the pointer leads.
    unsafe {
        let content = &event.__field0;
        Some(match u32::from(event.r#type) {
            kind if kind == kinds::kNoteOnEvent as u32 => {
                let on = content.noteOn;
                let (channel, key, note) = (channel_of(on.channel)?, key_of(on.pitch)?, note_of(on.noteId));
                match level(on.velocity) {
                    velocity if velocity > 0.0 => EventBody::NoteOn { channel, key, velocity, note },
                    velocity => EventBody::NoteOff { channel, key, velocity, note },
                }
            }
            kind if kind == kinds::kNoteOffEvent as u32 => {
                let off = content.noteOff;
                let (channel, key, note) = (channel_of(off.channel)?, key_of(off.pitch)?, note_of(off.noteId));
                EventBody::NoteOff { channel, key, velocity: level(off.velocity), note }
            }
            kind if kind == kinds::kPolyPressureEvent as u32 => {
                let pressed = content.polyPressure;
                let (channel, key, note) =
                    (channel_of(pressed.channel)?, key_of(pressed.pitch)?, note_of(pressed.noteId));
                let (expression, value) = (Expression::Pressure, level(pressed.pressure));
                EventBody::Expression { channel, key, note, expression, value }
            }
            kind if kind == kinds::kDataEvent as u32 => {
                let data = content.data;
                let is_sysex = data.r#type == DataEvent_::DataTypes_::kMidiSysEx as u32;
                let bytes = std::slice::from_raw_parts(data.bytes, data.size as usize);
                return is_sysex.then(|| EventBody::Sysex { bytes: bytes.into() });
            }
            kind if kind == kinds::kLegacyMIDICCOutEvent as u32 => return legacy(content.midiCCOut),
            _ => return None,
        })
    }
}

/// A MIDI message that the plugin gives out the old way.
fn legacy(event: LegacyMIDICCOutEvent) -> Option<EventBody> {
    let channel = u8::try_from(event.channel).ok().filter(|channel| *channel < 16)?;
    let (first, second) = (event.value as u8 & 127, event.value2 as u8 & 127);
    let bytes = match u32::from(event.controlNumber) {
        number @ 0..128 => [0xb0 | channel, number as u8, first],
        number if number == ControllerNumbers_::kAfterTouch as u32 => [0xd0 | channel, first, 0],
        number if number == ControllerNumbers_::kPitchBend as u32 => [0xe0 | channel, first, second],
        number if number == ControllerNumbers_::kCtrlProgramChange as u32 => [0xc0 | channel, first, 0],
        number if number == ControllerNumbers_::kCtrlPolyPressure as u32 => [0xa0 | channel, first, second],
        _ => return None,
    };
    Some(EventBody::Midi { bytes })
}

/// The controller that a MIDI message moves, and its normalised value: 128 is channel pressure, 129 pitch bend.
pub(super) fn controller(bytes: [u8; 3]) -> Option<(u8, u8, ParamValue)> {
    let channel = bytes[0] & 15;
    let (first, second) = (bytes[1] & 127, bytes[2] & 127);
    match bytes[0] & 0xf0 {
        0xb0 => Some((channel, first, f64::from(second) / 127.0)),
        0xd0 => Some((channel, ControllerNumbers_::kAfterTouch as u8, f64::from(first) / 127.0)),
        0xe0 => {
            let bend = f64::from(u16::from(second) << 7 | u16::from(first));
            // The middle is exactly a half, as no bend is what most notes have.
            let value = if bend < 8192.0 { bend / 16384.0 } else { 0.5 + (bend - 8192.0) / (2.0 * 8191.0) };
            Some((channel, ControllerNumbers_::kPitchBend as u8, value))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use vst3::ComWrapper;

    use super::*;

    /// Sends events through the interface both ways, as a plugin that copies its input to its output would.
    fn copied(bodies: &[EventBody]) -> Vec<EventBody> {
        let (input, output) = (ComWrapper::new(EventList::default()), ComWrapper::new(EventList::default()));
        for body in bodies {
            assert!(input.put(3, 0.0, 16, body));
        }
        let (from, to) = (input.to_com_ptr::<IEventList>().unwrap(), output.to_com_ptr::<IEventList>().unwrap());
        // SAFETY: the pointer leads to the variable above, whose bit patterns are all valid.
        unsafe {
            let mut event: Event = std::mem::zeroed();
            for index in 0..from.getEventCount() {
                assert_eq!(from.getEvent(index, &mut event), kResultOk);
                assert_eq!(to.addEvent(&mut event), kResultOk);
            }
            assert_eq!(from.getEvent(from.getEventCount(), &mut event), kInvalidArgument);
            assert_eq!(from.getEvent(-1, &mut event), kInvalidArgument);
            assert_eq!(to.addEvent(std::ptr::null_mut()), kInvalidArgument);
        }
        drop((input, from));
        let mut all = Vec::new();
        output.drain(|frame, body| {
            assert_eq!(frame, 3);
            all.push(body);
        });
        all
    }

    #[test]
    fn notes_pressure_and_messages_survive_the_way_there_and_back() {
        let bodies = [
            EventBody::NoteOn { channel: 15, key: 127, velocity: 0.5, note: Some(9) },
            EventBody::NoteOff { channel: 0, key: 0, velocity: 0.25, note: None },
            EventBody::Expression { channel: 1, key: 60, note: Some(9), expression: Expression::Pressure, value: 0.5 },
            EventBody::Sysex { bytes: Arc::from([0xf0, 0x7e, 0xf7]) },
        ];
        assert_eq!(copied(&bodies), bodies);
    }

    #[test]
    fn expressions_are_normalised_and_need_a_numbered_note() {
        let of = |note, expression, value| {
            let body = EventBody::Expression { channel: 0, key: 60, note, expression, value };
            // SAFETY: the kind is that of a note expression.
            written(&body, 16).map(|(kind, content)| (kind, unsafe { content.noteExpressionValue.value }))
        };
        let kind = kinds::kNoteExpressionValueEvent as u32;
        assert_eq!(of(Some(1), Expression::Volume, 1.0), Some((kind, 0.25)));
        assert_eq!(of(Some(1), Expression::Pan, 0.5), Some((kind, 0.5)));
        assert_eq!(of(Some(1), Expression::Tuning, 12.0), Some((kind, 0.55)));
        assert_eq!(of(Some(1), Expression::Tuning, -500.0), Some((kind, 0.0)));
        assert_eq!(of(None, Expression::Tuning, 12.0), None);
    }

    #[test]
    fn an_instrument_with_one_channel_plays_all_of_them_on_it() {
        let body = EventBody::NoteOn { channel: 9, key: 60, velocity: 0.5, note: None };
        // SAFETY: the kind is that of a note's beginning.
        let channel = |channels| unsafe { written(&body, channels).unwrap().1.noteOn.channel };
        assert_eq!((channel(16), channel(10), channel(9), channel(1)), (9, 9, 0, 0));
    }

    #[test]
    fn bend_is_exact_at_both_ends_and_in_the_middle() {
        assert_eq!(controller([0xe2, 0, 0]), Some((2, 129, 0.0)));
        assert_eq!(controller([0xe2, 0, 64]), Some((2, 129, 0.5)));
        assert_eq!(controller([0xe2, 127, 127]), Some((2, 129, 1.0)));
        assert_eq!(controller([0xb0, 74, 127]), Some((0, 74, 1.0)));
        assert_eq!(controller([0xdf, 127, 0]), Some((15, 128, 1.0)));
        assert_eq!(controller([0xc0, 1, 0]), None);
    }

    #[test]
    fn legacy_controllers_become_the_messages_that_they_stand_for() {
        let of = |number, channel, value, value2| {
            legacy(LegacyMIDICCOutEvent { controlNumber: number, channel, value, value2 })
        };
        let midi = |bytes| Some(EventBody::Midi { bytes });
        assert_eq!(of(7, 3, 100, 0), midi([0xb3, 7, 100]));
        assert_eq!(of(128, 0, 5, 0), midi([0xd0, 5, 0]));
        assert_eq!(of(129, 0, 1, 64), midi([0xe0, 1, 64]));
        assert_eq!(of(130, 0, 12, 0), midi([0xc0, 12, 0]));
        assert_eq!(of(131, 0, 60, 99), midi([0xa0, 60, 99]));
        assert_eq!(of(200, 0, 1, 1), None);
        assert_eq!(of(7, 16, 1, 1), None);
    }
}
