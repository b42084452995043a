//! The graph with devices of known behaviour: what arrives, when, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use audio::device::{
    Adaptation, BusInfo, DeviceError, DeviceInfo, Parameter, ParameterId, Ports, ProcessError, Processor, Requests,
    Setup, Tail,
};
use audio::stream::Memory;
use audio::{Block, Buffer, Device, EventBody, SampleRate};
use score::{Curve, TempoMap, TimedEvent};
use tonemill_mix::{
    Chain, FeedPoint, Graph, GraphError, Level, RenderError, Slot, Source, Strip, StripId, Tap, TapEnd, TapPoint,
    Watch, opening_frames,
};

const RATE: SampleRate = SampleRate(48_000);
const BLOCK: usize = 64;
/// -90 dBFS.
const SILENCE: f32 = 3.162_277_7e-5;

/// Delays by `latency` frames, says so, and multiplies by `gain`. Fails at `fails_at`. Asks for a restart if it is to
/// have other channels, once it has played if it tells its latency only then, and always after playing if it is
/// restless. May claim another latency than it has. Each event is a one at its frame, except in the first `deaf` blocks.
#[derive(Clone)]
struct Known {
    info: DeviceInfo,
    channels: usize,
    latency: usize,
    gain: f32,
    fails_at: Option<u64>,
    becomes: Option<usize>,
    claim: Option<u64>,
    deaf: usize,
    /// It tells its latency only after it has played: it has not, it has, it has told.
    late: Option<Arc<AtomicU32>>,
    /// Has played since it asked last, in one that is restless.
    restless: Option<Arc<AtomicBool>>,
    /// Has a second input, which it does not listen to.
    key: bool,
}

const UNPLAYED: u32 = 0;
const PLAYED: u32 = 1;
const TOLD: u32 = 2;

struct Running {
    blocks: usize,
    steady: Option<u64>,
    rings: Vec<std::collections::VecDeque<f32>>,
    known: Known,
}

fn known(channels: usize, latency: usize, gain: f32) -> Known {
    let text = |s: &str| s.to_owned();
    let info = DeviceInfo {
        format: text("test"),
        id: text("known"),
        name: format!("late by {latency}"),
        vendor: String::new(),
        version: String::new(),
        instrument: false,
    };
    Known {
        info,
        channels,
        latency,
        gain,
        fails_at: None,
        becomes: None,
        claim: None,
        deaf: 0,
        late: None,
        restless: None,
        key: false,
    }
}

impl Device for Known {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }
    fn ports(&self) -> Ports {
        let bus = vec![BusInfo { name: String::new(), channels: self.channels, main: true }];
        let key = BusInfo { name: "key".to_owned(), channels: 1, main: false };
        let inputs = bus.iter().cloned().chain(self.key.then_some(key)).collect();
        Ports { inputs, outputs: bus, note_input: false, note_output: false }
    }
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }
    fn value(&self, id: ParameterId) -> Result<f64, DeviceError> {
        Err(DeviceError::NoSuchParameter(id))
    }
    fn text(&self, _: ParameterId, _: f64) -> Option<String> {
        None
    }
    fn parse(&self, _: ParameterId, _: &str) -> Option<f64> {
        None
    }
    fn set_value(&mut self, id: ParameterId, _: f64) -> Result<(), DeviceError> {
        Err(DeviceError::NoSuchParameter(id))
    }
    fn save_state(&mut self) -> Result<Vec<u8>, DeviceError> {
        Ok(Vec::new())
    }
    fn load_state(&mut self, _: &[u8]) -> Result<(), DeviceError> {
        Ok(())
    }
    fn request_channels(&mut self, _: Option<usize>, _: Option<usize>) -> Ports {
        self.ports()
    }
    fn activate(&mut self, _: Setup) -> Result<Box<dyn Processor>, DeviceError> {
        let ring = std::iter::repeat_n(0.0, self.latency).collect();
        Ok(Box::new(Running { blocks: 0, steady: None, rings: vec![ring; self.channels], known: self.clone() }))
    }
    fn latency(&self) -> u64 {
        match &self.late {
            Some(late) if late.load(Relaxed) != TOLD => 0,
            _ => self.claim.unwrap_or(self.latency as u64),
        }
    }
    fn pump(&mut self) -> Requests {
        let tells = self.late.as_ref().is_some_and(|late| late.load(Relaxed) == PLAYED);
        let asks = self.restless.as_ref().is_some_and(|played| played.swap(false, Relaxed));
        Requests { restart: self.becomes.is_some() || tells || asks, ..Requests::default() }
    }
    fn deactivate(&mut self, _: Box<dyn Processor>) {
        self.channels = self.becomes.take().unwrap_or(self.channels);
        if let Some(late) = &self.late {
            let _same = late.compare_exchange(PLAYED, TOLD, Relaxed, Relaxed);
        }
    }
}

impl Processor for Running {
    fn process(&mut self, block: &mut Block<'_>) -> Result<(), ProcessError> {
        if self.known.fails_at.is_some_and(|at| block.transport.steady_frame >= at) {
            return Err(ProcessError::Failed);
        }
        let now = block.transport.steady_frame;
        assert!(self.steady.is_none_or(|expected| expected == now), "time goes on without a gap");
        self.steady = Some(now + block.frames as u64);
        self.blocks += 1;
        if let Some(late) = &self.known.late {
            let _same = late.compare_exchange(UNPLAYED, PLAYED, Relaxed, Relaxed);
        }
        if let Some(played) = &self.known.restless {
            played.store(true, Relaxed);
        }
        for (channel, ring) in self.rings.iter_mut().enumerate() {
            for frame in 0..block.frames {
                ring.push_back(block.inputs[0].channel(channel)[frame] * self.known.gain);
                block.outputs[0].channel_mut(channel)[frame] = ring.pop_front().unwrap();
            }
            for event in block.events.iter().filter(|_| self.blocks > self.known.deaf) {
                block.outputs[0].channel_mut(channel)[event.frame as usize] = 1.0;
            }
        }
        Ok(())
    }
    fn reset(&mut self) {}
    fn tail(&self) -> Tail {
        Tail::Frames(0)
    }
}

fn chain(devices: Vec<Known>) -> Chain {
    let slot = |known: Known| {
        let (name, channels) = (known.info.name.clone(), known.channels);
        let setup = Setup { sample_rate: RATE, max_block: BLOCK };
        Slot::activate(name, vec![Box::new(known)], Adaptation::AsIs, channels, setup).unwrap()
    };
    Chain::new(devices.into_iter().map(slot).collect())
}

/// Frame n of channel c holds a value that names both.
fn ramp(channels: usize, frames: usize) -> Buffer {
    Buffer::from_channels(
        (0..channels).map(|c| (0..frames).map(|n| 1.0 + c as f32 * 1e5 + n as f32).collect()).collect(),
    )
}

fn memory(buffer: Buffer) -> Source {
    Source::Recording(Box::new(Memory::new(buffer)))
}

fn unity() -> Level {
    Level::stereo(1.0, 0.0)
}

struct Unwatched;

impl Watch for Unwatched {
    fn entering(&mut self, _: &str, _: u64) {}
    fn advanced(&mut self, _: u64, _: u64) {}
}

fn render(strips: Vec<Strip>, taps: &[Tap]) -> Vec<Buffer> {
    let mut graph = Graph::new(strips, TempoMap::default(), RATE, BLOCK).unwrap();
    let mut out: Vec<Buffer> = taps.iter().map(|tap| Buffer::new(graph.channels(tap), 0)).collect();
    let sink = |index: usize, block: &Buffer| {
        out[index].append(block);
        Ok::<(), ()>(())
    };
    graph.render(taps, &mut Unwatched, sink).unwrap();
    out
}

fn output(strip: usize, frames: u64) -> Tap {
    Tap { strip: StripId(strip), point: TapPoint::Output, end: TapEnd::At(frames) }
}

#[test]
fn latency_is_removed_from_the_first_frame() {
    for latency in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 1000] {
        for frames in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 255] {
            let recording = ramp(2, frames);
            let chain = chain(vec![known(2, latency, 1.0), known(2, 3, 1.0)]);
            let strip = Strip::new("tone", memory(recording.clone()), chain, Level::Direct);
            let out = render(vec![strip], &[output(0, frames as u64)]);
            assert_eq!(out[0], recording, "latency {latency}, {frames} frames");
        }
    }
}

#[test]
fn paths_of_different_latency_arrive_together_at_every_sum() {
    // Two tracks, one of them late, into the master; one also sends to a bus that is late itself.
    let recording = ramp(2, 300);
    let track = |name: &str, latency| {
        let source = memory(recording.clone());
        Strip::new(name, source, chain(vec![known(2, latency, 1.0)]), unity())
    };
    let strips = vec![
        track("early", 0).feeding(StripId(3), Curve::constant(1.0), FeedPoint::PostFader).feeding(
            StripId(2),
            Curve::constant(0.5),
            FeedPoint::PostFader,
        ),
        track("late", 100).feeding(StripId(3), Curve::constant(1.0), FeedPoint::PostFader),
        Strip::new("bus", Source::Sum(2), chain(vec![known(2, 77, 1.0)]), unity()).feeding(
            StripId(3),
            Curve::constant(1.0),
            FeedPoint::PostFader,
        ),
        Strip::new("master", Source::Sum(2), chain(vec![known(2, 5, 1.0)]), unity()),
    ];
    let premaster = Tap { strip: StripId(3), point: TapPoint::Input, end: TapEnd::At(300) };
    let out = render(strips, &[output(3, 300), premaster, output(2, 300)]);
    for channel in 0..2 {
        for n in 0..300 {
            let one = recording.channel(channel)[n];
            assert_eq!(out[0].channel(channel)[n], 2.5 * one, "mix, channel {channel}, frame {n}");
            assert_eq!(out[1].channel(channel)[n], 2.5 * one, "premaster, channel {channel}, frame {n}");
            assert_eq!(out[2].channel(channel)[n], 0.5 * one, "bus, channel {channel}, frame {n}");
        }
    }
}

#[test]
fn a_mono_track_is_panned_at_constant_power() {
    for (pan, left, right) in [(0.0, 0.5f32.sqrt(), 0.5f32.sqrt()), (-1.0, 1.0, 0.0), (1.0, 0.0, 1.0)] {
        let source = memory(Buffer::from_channels(vec![vec![1.0; 10]]));
        let strip = Strip::new("mono", source, Chain::default(), Level::stereo(1.0, pan));
        let out = render(vec![strip], &[output(0, 10)]);
        assert!((out[0].channel(0)[9] - left).abs() < 1e-6 && (out[0].channel(1)[9] - right).abs() < 1e-6, "pan {pan}");
    }
}

#[test]
fn a_tail_ends_half_a_second_after_the_sound() {
    let strip = |latency| {
        let source = memory(Buffer::from_channels(vec![vec![0.5; 100]]));
        Strip::new("tone", source, chain(vec![known(1, latency, 1.0)]), Level::Direct)
    };
    let tap = |least, most| Tap {
        strip: StripId(0),
        point: TapPoint::Output,
        end: TapEnd::Silence { below: SILENCE, least, most },
    };
    let out = render(vec![strip(10)], &[tap(100, 1_000_000)]);
    let half = RATE.0 as usize / 2;
    assert!((100 + half..100 + half + BLOCK).contains(&out[0].frames()), "{}", out[0].frames());
    assert_eq!(render(vec![strip(0)], &[tap(100, 5000)])[0].frames(), 5000);
}

#[test]
fn tails_end_together_however_late_each_arrives() {
    let strip = |name, frames, latency| {
        let source = memory(Buffer::from_channels(vec![vec![0.5; frames]; 2]));
        Strip::new(name, source, chain(vec![known(2, latency, 1.0)]), unity()).feeding(
            StripId(2),
            Curve::constant(1.0),
            FeedPoint::PostFader,
        )
    };
    let master = Strip::new("master", Source::Sum(2), chain(vec![known(2, 777, 1.0)]), unity());
    let end = TapEnd::Silence { below: SILENCE, least: 100, most: 1_000_000 };
    let tap = |strip| Tap { strip: StripId(strip), point: TapPoint::Output, end };
    let out = render(vec![strip("short", 100, 0), strip("long", 20_000, 333), master], &[tap(0), tap(1), tap(2)]);
    let lengths: Vec<usize> = out.iter().map(Buffer::frames).collect();
    assert_eq!(lengths, [lengths[0]; 3]);
    // The furthest is the one without latency; it waits until the one with the most has been silent for half a second.
    let last = 20_000 + RATE.0 as usize / 2 + 333 + 777;
    assert!((last..last + 2 * BLOCK).contains(&lengths[0]), "{lengths:?}");
}

#[test]
fn a_failing_device_is_named_with_its_place_and_frame() {
    let mut device = known(1, 0, 1.0);
    device.fails_at = Some(200);
    let source = memory(ramp(1, 1000));
    let strip = Strip::new("vocal", source, chain(vec![known(1, 0, 1.0), device]), Level::Direct);
    let mut graph = Graph::new(vec![strip], TempoMap::default(), RATE, BLOCK).unwrap();
    let error = graph.render(&[output(0, 1000)], &mut Unwatched, |_, _| Ok::<(), ()>(())).unwrap_err();
    assert!(matches!(error, RenderError::Process { ref place, frame: 256, .. } if place == "vocal"), "{error:?}");
}

/// One that tells its latency of 100 frames only once it has played, and what plays after a plain one.
fn late_slots() -> Vec<Slot> {
    let slot = |known: Known| {
        let setup = Setup { sample_rate: RATE, max_block: BLOCK };
        Slot::activate(known.info.name.clone(), vec![Box::new(known)], Adaptation::AsIs, 1, setup).unwrap()
    };
    vec![slot(known(1, 0, 1.0)), slot(Known { late: Some(Arc::default()), ..known(1, 100, 1.0) })]
}

fn render_ramp(slots: Vec<Slot>) -> Result<(Buffer, Vec<String>), RenderError<()>> {
    let strip = Strip::new("tone", memory(ramp(1, 1000)), Chain::new(slots), Level::Direct);
    let mut graph = Graph::new(vec![strip], TempoMap::default(), RATE, BLOCK).unwrap();
    let mut out = Buffer::new(1, 0);
    let notes = graph.render(&[output(0, 1000)], &mut Unwatched, |_, block| {
        out.append(block);
        Ok(())
    })?;
    Ok((out, notes))
}

#[test]
fn a_latency_that_is_told_only_after_playing_ends_the_render_and_is_removed_after_a_rehearsal() {
    let error = render_ramp(late_slots()).unwrap_err();
    assert!(matches!(error, RenderError::Unsettled(ref which) if *which == [(StripId(0), 1)]), "{error:?}");
    let mut slots = late_slots();
    slots[1].rehearse(&TempoMap::default()).unwrap();
    assert_eq!(slots[1].latency(), 100);
    assert_eq!(render_ramp(slots).unwrap(), (ramp(1, 1000), Vec::new()));
}

#[test]
fn a_device_that_asks_for_a_restart_whenever_it_is_activated_loses_nothing_once_it_is_rehearsed() {
    let restless = || {
        let known = Known { restless: Some(Arc::default()), ..known(1, 100, 1.0) };
        let setup = Setup { sample_rate: RATE, max_block: BLOCK };
        Slot::activate("restless".into(), vec![Box::new(known)], Adaptation::AsIs, 1, setup).unwrap()
    };
    assert!(matches!(render_ramp(vec![restless()]), Err(RenderError::Unsettled(_))));
    let mut slot = restless();
    slot.rehearse(&TempoMap::default()).unwrap();
    let (out, notes) = render_ramp(vec![slot]).unwrap();
    // While the render opens its request is known to change nothing. Later, it is granted and told.
    let opening = opening_frames(Setup { sample_rate: RATE, max_block: BLOCK });
    assert!(opening > 1000 && out == ramp(1, 1000), "{opening}");
    assert_eq!(notes, Vec::<String>::new());
}

#[test]
fn a_latency_that_no_device_has_is_refused() {
    let activate = |claim: u64| {
        let device = Box::new(Known { claim: Some(claim), ..known(1, 0, 1.0) });
        let setup = Setup { sample_rate: RATE, max_block: BLOCK };
        Slot::activate("late".into(), vec![device], Adaptation::AsIs, 1, setup).map(|slot| slot.latency())
    };
    assert_eq!(activate(60 * 48_000 - 1), Ok(60 * 48_000 - 1));
    let reason = "it claims a latency of 4294967295 frames, which is 89478 s. At most 60 s can be removed";
    assert_eq!(activate(u32::MAX.into()), Err(DeviceError::Activate(reason.into())));
}

#[test]
fn a_device_that_changes_its_channels_of_its_own_accord_is_refused_and_one_that_keeps_them_is_not() {
    let activate = |becomes: usize| {
        let device = Box::new(Known { becomes: Some(becomes), ..known(2, 7, 1.0) });
        let setup = Setup { sample_rate: RATE, max_block: BLOCK };
        Slot::activate("turncoat".into(), vec![device], Adaptation::AsIs, 2, setup).map(|slot| slot.latency())
    };
    assert_eq!(activate(2), Ok(7));
    let reason = "it changed its channels from 2 in and 2 out to 1 in and 1 out of its own accord";
    assert_eq!(activate(1), Err(DeviceError::Activate(reason.into())));
}

#[test]
fn a_strip_cannot_feed_one_before_it() {
    let sum = |name: &str| Strip::new(name, Source::Sum(2), Chain::default(), unity());
    let strips = vec![sum("a"), sum("b").feeding(StripId(0), Curve::constant(1.0), FeedPoint::PostFader)];
    let error = Graph::new(strips, TempoMap::default(), RATE, BLOCK).err().unwrap();
    assert_eq!(error, GraphError::Order { from: "b".to_owned(), to: "a".to_owned() });
}

#[test]
fn an_instrument_that_wakes_up_late_loses_no_note() {
    let mut device = known(2, 0, 1.0);
    device.deaf = 10;
    let (name, setup) = ("sleepy".to_owned(), Setup { sample_rate: RATE, max_block: BLOCK });
    let slot = Slot::activate(name, vec![Box::new(device)], Adaptation::AsIs, 0, setup).unwrap();
    let note = |frame| TimedEvent { frame, body: EventBody::NoteOn { channel: 0, key: 60, velocity: 1.0, note: None } };
    let source = Source::Events(vec![note(0), note(3), note(200)]);
    let strip = Strip::new("drums", source, Chain::new(vec![slot]), Level::Direct);
    let out = render(vec![strip], &[output(0, 300)]);
    let heard: Vec<usize> = (0..300).filter(|n| out[0].channel(0)[*n] != 0.0).collect();
    assert_eq!(heard, [0, 3, 200]);
}

#[test]
fn a_keyed_device_on_a_bus_that_tells_its_latency_late_ends_the_render_too() {
    let strips = |rehearsed: bool| {
        let mut slots = late_slots();
        if rehearsed {
            slots[1].rehearse(&TempoMap::default()).unwrap();
        }
        let feed = |strip: Strip| strip.feeding(StripId(1), Curve::constant(1.0), FeedPoint::PostFader);
        vec![
            feed(Strip::new("tone", memory(ramp(1, 1000)), Chain::default(), Level::Direct)),
            Strip::new("bus", Source::Sum(1), Chain::new(slots), Level::Direct).keying(
                StripId(2),
                0,
                1,
                Curve::constant(1.0),
                FeedPoint::PostFader,
            ),
            Strip::new(
                "keyed",
                memory(ramp(1, 1000)),
                chain(vec![Known { key: true, ..known(1, 0, 1.0) }]),
                Level::Direct,
            ),
        ]
    };
    let mut graph = Graph::new(strips(false), TempoMap::default(), RATE, BLOCK).unwrap();
    let error = graph.render(&[output(2, 1000)], &mut Unwatched, |_, _| Ok::<(), ()>(())).unwrap_err();
    assert!(matches!(error, RenderError::Unsettled(ref which) if *which == [(StripId(1), 1)]), "{error:?}");
    let graph = Graph::new(strips(true), TempoMap::default(), RATE, BLOCK).unwrap();
    assert_eq!(graph.latency(&output(2, 1000)), 100, "the key is known to be late");
    assert_eq!(render(strips(true), &[output(2, 1000)])[0], ramp(1, 1000));
}
