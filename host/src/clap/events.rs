//! Events on their way into and out of a plugin.

use std::mem::size_of;
use std::sync::Arc;

use audio::device::ParameterId;
use audio::event::NoteId;
use audio::{Event, EventBody, Expression, Transport};
use clap_sys::events::*;
use clap_sys::fixedpoint::{CLAP_BEATTIME_FACTOR, CLAP_SECTIME_FACTOR};

use super::parameters::Cookies;
use super::ports::NoteInput;
use crate::midi;

/// One event as the plugin reads it. Every kind begins with its header.
#[derive(Clone, Copy)]
#[repr(C)]
union Raw {
    header: clap_event_header,
    note: clap_event_note,
    value: clap_event_param_value,
    expression: clap_event_note_expression,
    midi: clap_event_midi,
    sysex: clap_event_midi_sysex,
}

/// A block's events for the plugin to read, kept from block to block so that nothing is allocated.
#[derive(Default)]
pub(super) struct Input {
    events: Vec<Raw>,
}

// SAFETY: the pointers within are cookies, which the host never follows, and sysex buffers, which are followed only
// during the call that they were filled in for, when their owner is borrowed.
unsafe impl Send for Input {}

impl Input {
    /// Takes over a block's events. Gives whether all of them could be said in a dialect that the plugin understands.
    pub(super) fn fill(&mut self, events: &[Event], notes: Option<NoteInput>, cookies: &Cookies) -> bool {
        self.events.clear();
        if events.is_empty() {
            return true;
        }
        debug_assert!(events.is_sorted_by_key(|event| event.frame), "events of a block are sorted by frame");
        let cookies = cookies.read();
        let mut all = true;
        for Event { frame, body } in events {
            let raw = match body {
                EventBody::Parameter { id, value } => Some(parameter(*frame, *id, cookies.of(*id).0, *value)),
                _ => notes.and_then(|port| message(*frame, body, port)),
            };
            all &= raw.is_some();
            self.events.extend(raw);
        }
        all
    }

    /// One parameter change at frame 0, for `flush`.
    pub(super) fn of_parameter(id: ParameterId, value: f64, cookies: &Cookies) -> Input {
        Input { events: vec![parameter(0, id, cookies.read().of(id).0, value)] }
    }

    /// The list as C sees it; usable while `self` stays where and as it is.
    pub(super) fn as_raw(&self) -> clap_input_events {
        clap_input_events { ctx: std::ptr::from_ref(self).cast_mut().cast(), size: Some(size), get: Some(get) }
    }
}

unsafe extern "C" fn size(list: *const clap_input_events) -> u32 {
    // SAFETY: plugins get these functions only within a list made by `Input::as_raw`, whose `ctx` is that input. The
    // caller of the plugin keeps it in place and unchanged until the call returns, and CLAP forbids using it longer.
    let input = unsafe { &*(*list).ctx.cast::<Input>() };
    input.events.len() as u32
}

unsafe extern "C" fn get(list: *const clap_input_events, index: u32) -> *const clap_event_header {
    // SAFETY: as in `size`.
    let input = unsafe { &*(*list).ctx.cast::<Input>() };
    input.events.get(index as usize).map_or(std::ptr::null(), |raw| std::ptr::from_ref(raw).cast())
}

fn header<T>(frame: u32, kind: u16) -> clap_event_header {
    clap_event_header {
        size: size_of::<T>() as u32,
        time: frame,
        space_id: CLAP_CORE_EVENT_SPACE_ID,
        type_: kind,
        flags: 0,
    }
}

fn parameter(frame: u32, id: ParameterId, cookie: *mut std::ffi::c_void, value: f64) -> Raw {
    let header = header::<clap_event_param_value>(frame, CLAP_EVENT_PARAM_VALUE);
    let value = clap_event_param_value {
        header,
        param_id: id.0,
        cookie,
        note_id: -1,
        port_index: -1,
        channel: -1,
        key: -1,
        value,
    };
    Raw { value }
}

/// The expressions of a note, as CLAP numbers them.
const EXPRESSIONS: [(clap_note_expression, Expression); 7] = [
    (CLAP_NOTE_EXPRESSION_VOLUME, Expression::Volume),
    (CLAP_NOTE_EXPRESSION_PAN, Expression::Pan),
    (CLAP_NOTE_EXPRESSION_TUNING, Expression::Tuning),
    (CLAP_NOTE_EXPRESSION_VIBRATO, Expression::Vibrato),
    (CLAP_NOTE_EXPRESSION_EXPRESSION, Expression::Expression),
    (CLAP_NOTE_EXPRESSION_BRIGHTNESS, Expression::Brightness),
    (CLAP_NOTE_EXPRESSION_PRESSURE, Expression::Pressure),
];

/// Notes and other messages in the one dialect chosen for the port; `None` if it has no words for it.
fn message(frame: u32, body: &EventBody, port: NoteInput) -> Option<Raw> {
    let midi_event = |data| {
        let header = header::<clap_event_midi>(frame, CLAP_EVENT_MIDI);
        port.midi.then_some(Raw { midi: clap_event_midi { header, port_index: port.port, data } })
    };
    let note = |kind, channel: u8, key: u8, velocity, note: Option<NoteId>| {
        let header = header::<clap_event_note>(frame, kind);
        let note_id = note.and_then(|id| i32::try_from(id).ok()).unwrap_or(-1);
        let (port_index, channel, key) = (port.port as i16, channel.into(), key.into());
        Some(Raw { note: clap_event_note { header, note_id, port_index, channel, key, velocity } })
    };
    let expression = |channel: u8, key: u8, note: Option<NoteId>, kind: Expression, value| {
        let header = header::<clap_event_note_expression>(frame, CLAP_EVENT_NOTE_EXPRESSION);
        let note_id = note.and_then(|id| i32::try_from(id).ok()).unwrap_or(-1);
        let (port_index, channel, key) = (port.port as i16, channel.into(), key.into());
        let expression_id = EXPRESSIONS.iter().find(|(_, ours)| *ours == kind)?.0;
        let expression = clap_event_note_expression { header, expression_id, note_id, port_index, channel, key, value };
        Some(Raw { expression })
    };
    match body {
        EventBody::NoteOn { channel, key, velocity, note: id } if port.clap_notes => {
            note(CLAP_EVENT_NOTE_ON, *channel, *key, *velocity, *id)
        }
        EventBody::NoteOff { channel, key, velocity, note: id } if port.clap_notes => {
            note(CLAP_EVENT_NOTE_OFF, *channel, *key, *velocity, *id)
        }
        EventBody::Expression { channel, key, note, expression: kind, value } if port.clap_notes => {
            expression(*channel, *key, *note, *kind, *value)
        }
        // Where there is no MIDI, the pressure of a key can be said all the same.
        EventBody::Midi { bytes: [status @ 0xa0..=0xaf, key, value] } if !port.midi => {
            expression(status & 15, key & 127, None, Expression::Pressure, f64::from(value & 127) / 127.0)
        }
        EventBody::Sysex { bytes } if port.midi => {
            let header = header::<clap_event_midi_sysex>(frame, CLAP_EVENT_MIDI_SYSEX);
            let size = u32::try_from(bytes.len()).ok()?;
            let sysex = clap_event_midi_sysex { header, port_index: port.port, buffer: bytes.as_ptr(), size };
            Some(Raw { sysex })
        }
        body => midi::written(body).and_then(midi_event),
    }
}

/// Where a plugin's own events go.
pub(super) struct Output<'a> {
    produced: &'a mut Vec<Event>,
    frames: u32,
}

impl<'a> Output<'a> {
    /// Appends to `produced` what the plugin gives out over `frames` frames.
    pub(super) fn new(produced: &'a mut Vec<Event>, frames: u32) -> Output<'a> {
        Output { produced, frames }
    }

    /// The list as C sees it; usable while `self` stays where it is and is not otherwise used.
    pub(super) fn as_raw(&mut self) -> clap_output_events {
        clap_output_events { ctx: std::ptr::from_mut(self).cast(), try_push: Some(try_push) }
    }
}

unsafe extern "C" fn try_push(list: *const clap_output_events, event: *const clap_event_header) -> bool {
    if event.is_null() {
        return false;
    }
    // SAFETY: plugins get this function only within a list made by `Output::as_raw`, whose `ctx` is that output. Its
    // owner leaves it alone until the call into the plugin returns, and CLAP allows one thread at a time to push.
    let output = unsafe { &mut *(*list).ctx.cast::<Output>() };
    // SAFETY: CLAP has plugins pass an event that is whole for the time of the call, and `event` is not null.
    if let Some(body) = unsafe { read(event) } {
        // SAFETY: as above; every event begins with its header.
        let time = unsafe { (*event).time };
        // A time beyond the block is a plugin's mistake; the nearest frame is as close as it gets.
        output.produced.push(Event { frame: time.min(output.frames.saturating_sub(1)), body });
    }
    true
}

/// Understands a plugin's event; `None` for kinds that nobody here has a use for.
///
/// # Safety
/// `event` points to a whole event of the size that its header states.
unsafe fn read(event: *const clap_event_header) -> Option<EventBody> {
    // SAFETY: as the caller promises. Events need not be aligned for the larger types, hence the unaligned reads; and
    // each is read as its type only if its header says that it is as large.
    let header = unsafe { event.read_unaligned() };
    if header.space_id != CLAP_CORE_EVENT_SPACE_ID {
        return None;
    }
    let holds = |size: usize| header.size as usize >= size;
    match header.type_ {
        CLAP_EVENT_NOTE_ON | CLAP_EVENT_NOTE_OFF | CLAP_EVENT_NOTE_CHOKE if holds(size_of::<clap_event_note>()) => {
            // SAFETY: as above; the kind and the size fit.
            let event = unsafe { event.cast::<clap_event_note>().read_unaligned() };
            // A wildcard (-1) has no counterpart.
            let channel = u8::try_from(event.channel).ok().filter(|channel| *channel < 16)?;
            let key = u8::try_from(event.key).ok().filter(|key| *key < 128)?;
            let note = NoteId::try_from(event.note_id).ok();
            let velocity = if event.velocity.is_finite() { event.velocity.clamp(0.0, 1.0) } else { 0.0 };
            Some(match header.type_ {
                CLAP_EVENT_NOTE_ON if velocity > 0.0 => EventBody::NoteOn { channel, key, velocity, note },
                _ => EventBody::NoteOff { channel, key, velocity, note },
            })
        }
        CLAP_EVENT_NOTE_EXPRESSION if holds(size_of::<clap_event_note_expression>()) => {
            // SAFETY: as above; the kind and the size fit.
            let event = unsafe { event.cast::<clap_event_note_expression>().read_unaligned() };
            let channel = u8::try_from(event.channel).ok().filter(|channel| *channel < 16)?;
            let key = u8::try_from(event.key).ok().filter(|key| *key < 128)?;
            let note = NoteId::try_from(event.note_id).ok();
            let expression = EXPRESSIONS.iter().find(|(id, _)| *id == event.expression_id)?.1;
            let value = event.value;
            value.is_finite().then_some(EventBody::Expression { channel, key, note, expression, value })
        }
        CLAP_EVENT_PARAM_VALUE if holds(size_of::<clap_event_param_value>()) => {
            // SAFETY: as above; the kind and the size fit.
            let event = unsafe { event.cast::<clap_event_param_value>().read_unaligned() };
            // A value for one note alone is not the parameter's value.
            let whole = event.note_id == -1 && event.key == -1 && event.channel == -1;
            whole.then_some(EventBody::Parameter { id: ParameterId(event.param_id), value: event.value })
        }
        CLAP_EVENT_MIDI if holds(size_of::<clap_event_midi>()) => {
            // SAFETY: as above; the kind and the size fit.
            let event = unsafe { event.cast::<clap_event_midi>().read_unaligned() };
            midi::read(event.data)
        }
        CLAP_EVENT_MIDI_SYSEX if holds(size_of::<clap_event_midi_sysex>()) => {
            // SAFETY: as above; the kind and the size fit.
            let event = unsafe { event.cast::<clap_event_midi_sysex>().read_unaligned() };
            if event.buffer.is_null() {
                return None;
            }
            // SAFETY: CLAP has `buffer` hold `size` bytes for the time of the call, and it is not null.
            let bytes = unsafe { std::slice::from_raw_parts(event.buffer, event.size as usize) };
            Some(EventBody::Sysex { bytes: Arc::from(bytes) })
        }
        _ => None,
    }
}

/// Musical time as the plugin reads it.
pub(super) fn transport(from: &Transport) -> clap_event_transport {
    let beats = |beats: f64| (beats * CLAP_BEATTIME_FACTOR as f64).round() as i64;
    let playing = if from.playing { CLAP_TRANSPORT_IS_PLAYING } else { 0 };
    clap_event_transport {
        header: header::<clap_event_transport>(0, CLAP_EVENT_TRANSPORT),
        flags: CLAP_TRANSPORT_HAS_TEMPO
            | CLAP_TRANSPORT_HAS_BEATS_TIMELINE
            | CLAP_TRANSPORT_HAS_SECONDS_TIMELINE
            | CLAP_TRANSPORT_HAS_TIME_SIGNATURE
            | playing,
        song_pos_beats: beats(from.beat),
        song_pos_seconds: (from.seconds() * CLAP_SECTIME_FACTOR as f64).round() as i64,
        tempo: from.tempo,
        tempo_inc: 0.0,
        loop_start_beats: 0,
        loop_end_beats: 0,
        loop_start_seconds: 0,
        loop_end_seconds: 0,
        bar_start: beats(from.bar_start),
        bar_number: from.bar,
        tsig_num: from.numerator,
        tsig_denom: from.denominator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAP_ONLY: NoteInput = NoteInput { port: 1, clap_notes: true, midi: false };
    const MIDI_ONLY: NoteInput = NoteInput { port: 2, clap_notes: false, midi: true };

    /// Sends events through the C interface both ways, as a plugin that copies its input to its output would.
    fn copied(events: &[Event], port: NoteInput) -> (Vec<Event>, bool) {
        let mut input = Input::default();
        let all = input.fill(events, Some(port), &Cookies::default());
        let mut produced = Vec::new();
        let mut output = Output::new(&mut produced, 64);
        let (from, to) = (input.as_raw(), output.as_raw());
        // SAFETY: both lists were made above and stay in place.
        unsafe {
            for index in 0..size(&from) {
                assert!(try_push(&to, get(&from, index)));
            }
            assert!(get(&from, size(&from)).is_null(), "beyond the last event there is none");
            assert!(!try_push(&to, std::ptr::null()));
        }
        (produced, all)
    }

    fn note_on(velocity: f64, note: Option<NoteId>) -> Event {
        Event { frame: 3, body: EventBody::NoteOn { channel: 2, key: 60, velocity, note } }
    }

    #[test]
    fn clap_notes_keep_their_number_and_fine_velocity() {
        let events = [note_on(0.123, Some(7)), note_on(1e-6, None), note_on(0.5, Some(u32::MAX))];
        let (produced, all) = copied(&events, CLAP_ONLY);
        assert!(all);
        assert_eq!(produced[..2], events[..2]);
        // A number that CLAP cannot hold is none; key and channel still identify the note.
        assert_eq!(produced[2], note_on(0.5, None));
    }

    #[test]
    fn midi_notes_never_turn_into_their_own_end() {
        let (produced, all) = copied(&[note_on(1e-6, Some(1))], MIDI_ONLY);
        assert!(all);
        assert_eq!(produced, [note_on(1.0 / 127.0, None)]);
    }

    #[test]
    fn a_controller_reaches_a_midi_port_and_is_reported_where_there_is_none() {
        let events = [
            Event { frame: 0, body: EventBody::Midi { bytes: [0xb0, 64, 127] } },
            Event { frame: 9, body: EventBody::Sysex { bytes: Arc::from([0xf0, 0x7e, 0xf7]) } },
            Event { frame: 9, body: EventBody::Parameter { id: ParameterId(5), value: 0.25 } },
        ];
        assert_eq!(copied(&events, MIDI_ONLY), (events.to_vec(), true));
        assert_eq!(copied(&events, CLAP_ONLY), (events[2..].to_vec(), false));
    }

    #[test]
    fn an_expression_keeps_its_note_and_midi_knows_pressure_alone() {
        let of = |expression, value| {
            let body = EventBody::Expression { channel: 1, key: 61, note: Some(4), expression, value };
            Event { frame: 5, body }
        };
        let all: Vec<Event> = EXPRESSIONS.iter().map(|(_, expression)| of(*expression, 0.75)).collect();
        assert_eq!(copied(&all, CLAP_ONLY), (all.clone(), true));
        let pressure = Event { frame: 5, body: EventBody::Midi { bytes: [0xa1, 61, 127] } };
        assert_eq!(copied(&[of(Expression::Pressure, 1.0)], MIDI_ONLY), (vec![pressure], true));
        assert_eq!(copied(&[of(Expression::Tuning, 1.0)], MIDI_ONLY), (vec![], false));
    }

    #[test]
    fn a_time_beyond_the_block_is_moved_to_its_last_frame() {
        let late = Event { frame: 64, body: EventBody::Parameter { id: ParameterId(5), value: 1.0 } };
        assert_eq!(copied(&[late], CLAP_ONLY).0[0].frame, 63);
    }

    #[test]
    fn transport_counts_in_fixed_point_and_before_the_start() {
        let mut from = Transport::start(audio::SampleRate(48_000));
        (from.frame, from.beat, from.bar_start, from.bar) = (-24_000, -1.0, -4.0, -1);
        let raw = transport(&from);
        assert_eq!((raw.song_pos_seconds, raw.song_pos_beats), (-(1 << 30), -(1 << 31)));
        assert_eq!((raw.bar_start, raw.bar_number), (-(4 << 31), -1));
        assert_ne!(raw.flags & CLAP_TRANSPORT_IS_PLAYING, 0);
    }
}
