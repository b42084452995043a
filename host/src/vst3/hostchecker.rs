//! The VST3 SDK's own checker of hosts, run on this one.
//!
//! "hostchecker" is a plugin that watches what its host does. It tells what it saw in two ways: while it processes, in
//! eight output parameters whose bits are the numbers of its findings; and when it is activated or deactivated, by
//! messages to its controller, which are listened to here. It comes with Debian 13, whose C library is newer than the
//! one that these tests commonly run on; so the test runs in a copy of itself that uses that library.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::Path;

use audio::device::{Block, ParameterId, ProcessMode, Setup};
use audio::{Buffer, Device, Event, EventBody, Expression, Processor, SampleRate, Transport};
use vst3::ComRef;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::kResultOk;

thread_local! {
    /// The findings that were sent as messages, by number.
    static SENT: RefCell<BTreeMap<i64, i64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Takes note of a message that passes between a plugin's halves.
pub(super) fn listen(message: *mut IMessage) {
    // SAFETY: the message is valid for the time of the call that hands it over, and its list as long as the message.
    unsafe {
        let Some(message) = ComRef::from_raw(message) else { return };
        let id = message.getMessageID();
        let Some(attributes) = ComRef::from_raw(message.getAttributes()) else { return };
        if id.is_null() || CStr::from_ptr(id) != c"LogEvent" {
            return;
        }
        let (mut number, mut count) = (-1, 0);
        if attributes.getInt(c"ID".as_ptr(), &mut number) == kResultOk
            && attributes.getInt(c"Count".as_ptr(), &mut count) == kResultOk
        {
            SENT.with_borrow_mut(|sent| *sent.entry(number).or_default() += count);
        }
    }
}

/// The version that the numbers below are those of, as the plugin states it.
const VERSION: &str = "3.7.10.0";

/// Whether a finding is an error or a warning rather than a remark: the order of `logevents.h` in SDK 3.7.10.
fn is_fault(number: i64) -> bool {
    matches!(number, 0..=15 | 20..=38 | 40..=87 | 101 | 151 | 164..=168)
}

/// Findings that say what was used: offline mode, a tempo, a second input. They show that the checker watched.
const USED: [i64; 3] = [106, 117, 129];

/// The first of the eight output parameters, and the bits that each carries.
const FIRST_WORD: u32 = 1024;
const BITS: u32 = 24;

const BYPASS: ParameterId = ParameterId(1003);
const LATENCY: ParameterId = ParameterId(1002);
const LOAD: ParameterId = ParameterId(1000);

const RATE: SampleRate = SampleRate(48_000);
const BLOCK: usize = 512;

#[path = "../../tests/common/trixie.rs"]
mod trixie;

#[test]
fn the_sdks_host_checker_finds_no_fault() {
    let name = "vst3::hostchecker::the_sdks_host_checker_finds_no_fault";
    trixie::on_trixie(name, |plugins| watch(&plugins.join("hostchecker.vst3")));
}

/// What the checker found in a run.
#[derive(Default)]
struct Run {
    found: BTreeMap<i64, u64>,
    transport: Option<Transport>,
    frames: u64,
    blocks: u32,
    values: usize,
}

fn watch(plugin: &Path) {
    let mut device = super::load(plugin, Some("VST3 Host Checker")).unwrap();
    assert_eq!(device.info().version, VERSION, "the numbers of findings are those of this version");
    let mut run = Run::default();
    device.set_value(LOAD, 0.0).unwrap();
    for bus in [1, 4] {
        device.use_input(bus, true);
    }
    let setup = Setup { sample_rate: RATE, max_block: BLOCK };
    let mut processor = device.activate(setup).unwrap();
    while device.pump().busy {}
    assert_eq!(device.latency(), 0);
    run.render(&mut device, &mut *processor, 25.0);

    // A state is taken, changed and restored.
    device.deactivate(processor);
    let state = device.save_state().unwrap();
    device.set_value(BYPASS, 1.0).unwrap();
    device.load_state(&state).unwrap();
    assert_eq!(device.value(BYPASS), Ok(0.0));
    device.set_value(LOAD, 0.01).unwrap();
    let mut processor = device.activate(setup).unwrap();
    run.render(&mut device, &mut *processor, 15.0);
    processor.reset();
    run.render(&mut device, &mut *processor, 5.0);

    // It asks for a restart when its latency changes, and gets it.
    let latency = Event { frame: 100, body: EventBody::Parameter { id: LATENCY, value: 1000.0 } };
    run.block(&mut *processor, 512, &[latency]);
    let mut asked = false;
    for _ in 0..10 {
        asked |= device.pump().restart;
    }
    assert!(asked, "the latency's change asks for a restart");
    device.deactivate(processor);
    let mut processor = device.activate(setup).unwrap();
    assert_eq!(device.latency(), 1000);
    run.render(&mut device, &mut *processor, 15.0);
    device.deactivate(processor);

    // As in real time, too.
    device.set_mode(ProcessMode::Realtime);
    let mut processor = device.activate(Setup { sample_rate: SampleRate(44_100), max_block: 64 }).unwrap();
    run.transport = None;
    run.short(&mut device, &mut *processor);
    device.deactivate(processor);
    drop(device);

    let Run { mut found, frames, values, .. } = run;
    SENT.with_borrow(|sent| {
        sent.iter().for_each(|(number, count)| *found.entry(*number).or_default() += *count as u64)
    });
    println!("{:.1} s of audio, {values} reports, findings {found:?}", frames as f64 / RATE.hz());
    assert!(frames as f64 >= 60.0 * RATE.hz());
    assert!(USED.iter().all(|number| found.contains_key(number)), "the checker watched: {found:?}");
    let faults: Vec<_> = found.iter().filter(|(number, _)| is_fault(**number)).collect();
    assert!(faults.is_empty(), "errors and warnings by number: {faults:?}");
}

impl Run {
    /// Renders seconds of music: notes with expressions, controllers, automation, tempo and meter that change.
    fn render(&mut self, device: &mut Box<dyn Device>, processor: &mut dyn Processor, seconds: f64) {
        let end = self.frames + (seconds * RATE.hz()) as u64;
        // Ends with a bar of the pattern, so that no note is left sounding.
        while self.frames < end || !self.blocks.is_multiple_of(20) {
            let count = self.blocks;
            // Blocks of every length, as where tempo changes split them.
            let frames = [BLOCK, 1, 511, 256, 3][count as usize % 5];
            let events = self.events(count, frames as u32);
            self.block(processor, frames, &events);
            if count.is_multiple_of(100) {
                let transport = self.transport.as_mut().expect("a block was rendered");
                transport.tempo = 60.0 + f64::from(count % 7) * 20.0;
                (transport.numerator, transport.denominator) = [(4, 4), (3, 4), (7, 8)][count as usize / 100 % 3];
                (transport.bar, transport.bar_start) = (transport.bar + 1, transport.beat);
            }
            assert!(!device.pump().restart, "nothing asks for a restart");
            self.blocks += 1;
        }
    }

    /// A second at another rate, in blocks of 64.
    fn short(&mut self, device: &mut Box<dyn Device>, processor: &mut dyn Processor) {
        self.transport = Some(Transport::start(SampleRate(44_100)));
        for _ in 0..689 {
            self.block(processor, 64, &[]);
            device.pump();
        }
    }

    fn events(&self, count: u32, frames: u32) -> Vec<Event> {
        let last = frames - 1;
        let (channel, key, note) = (0, 36 + (count / 20 % 48) as u8, Some(count / 20));
        let at = |frame: u32, body| Event { frame: frame.min(last), body };
        let bend = |expression, value| EventBody::Expression { channel, key, note, expression, value };
        let mut events = match count % 20 {
            0 => vec![at(0, EventBody::NoteOn { channel, key, velocity: 0.7, note })],
            4 => vec![at(2, bend(Expression::Tuning, 0.5)), at(9, bend(Expression::Volume, 0.8))],
            5 => vec![at(1, bend(Expression::Pressure, 0.4)), at(1, EventBody::Midi { bytes: [0xa0, key, 9] })],
            7 => {
                vec![at(0, EventBody::Midi { bytes: [0xb0, 1, 99] }), at(300, EventBody::Midi { bytes: [0xe0, 0, 80] })]
            }
            9 => vec![at(4, EventBody::Midi { bytes: [0xc0, 3, 0] })],
            11 => vec![at(4, EventBody::Sysex { bytes: [0xf0, 0x7e, 0xf7].as_slice().into() })],
            15 => vec![at(0, EventBody::NoteOff { channel, key, velocity: 0.3, note })],
            _ => Vec::new(),
        };
        // A ramp, one value every eighth frame.
        if count % 20 > 15 {
            let value = |frame: u32| f64::from(frame % 64) / 6400.0;
            let ramp =
                (0..frames).step_by(8).map(|frame| at(frame, EventBody::Parameter { id: LOAD, value: value(frame) }));
            events.extend(ramp);
            events.sort_by_key(|event| event.frame);
        }
        events
    }

    fn block(&mut self, processor: &mut dyn Processor, frames: usize, events: &[Event]) {
        let transport = self.transport.get_or_insert_with(|| Transport::start(RATE));
        let channels = [2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        let mut inputs: Vec<Buffer> = channels.iter().map(|channels| Buffer::new(*channels, frames)).collect();
        inputs[0].channels_mut().for_each(|channel| channel.fill(0.1));
        let mut outputs = [Buffer::new(2, frames)];
        let mut produced = Vec::new();
        let (inputs, outputs) = (&mut inputs[..], &mut outputs[..]);
        let mut block = Block { frames, inputs, outputs, events, produced: &mut produced, transport };
        processor.process(&mut block).unwrap();
        for event in &produced {
            let EventBody::Parameter { id, value } = event.body else { continue };
            let Some(word) = id.0.checked_sub(FIRST_WORD).filter(|word| *word < 8) else { continue };
            self.values += 1;
            let bits = (value * f64::from(1u32 << BITS)).round() as u32;
            for bit in (0..BITS).filter(|bit| bits >> bit & 1 == 1) {
                *self.found.entry(i64::from(word * BITS + bit)).or_default() += 1;
            }
        }
        self.frames += frames as u64;
        transport.steady_frame += frames as u64;
        transport.frame += frames as i64;
        transport.beat += frames as f64 * transport.tempo / 60.0 / transport.sample_rate.hz();
    }
}
