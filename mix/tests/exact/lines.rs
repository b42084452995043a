//! An impulse by many ways at once.

use audio::Buffer;
use score::{Curve, TempoMap};
use tonemill_mix::{Chain, FeedPoint, GraphError, Level, Source, Strip, StripId, TapPoint};

use crate::device::Probe;
use crate::{bits, impulse, one, recording, render, slot, tap};

const LATE: usize = 480;
const BLOCK: usize = 64;

fn late(channels: usize) -> Chain {
    Chain::new(vec![slot(Probe::new(&[channels], &[channels], LATE), channels, BLOCK)])
}

fn frames_heard(buffer: &Buffer) -> Vec<(usize, f32)> {
    let channel = buffer.channel(0);
    channel.iter().enumerate().filter(|(_, sample)| **sample != 0.0).map(|(n, sample)| (n, *sample)).collect()
}

#[test]
fn an_impulse_by_dry_and_latent_ways_sends_and_nested_busses_arrives_at_one_frame() {
    let dry = || recording(impulse(2, 2000, 700));
    let (post, pre) = (FeedPoint::PostFader, FeedPoint::PreFader);
    let strips = vec![
        Strip::new("dry", dry(), Chain::default(), Level::Direct).feeding(StripId(4), one(), post).feeding(
            StripId(2),
            Curve::constant(2.0),
            pre,
        ),
        Strip::new("latent", dry(), late(2), Level::gain(4.0)).feeding(StripId(3), one(), post).feeding(
            StripId(4),
            Curve::constant(8.0),
            pre,
        ),
        Strip::new("send", Source::Sum(2), late(2), Level::Direct).feeding(StripId(3), one(), post),
        Strip::new("nested", Source::Sum(2), late(2), Level::Direct).feeding(StripId(4), one(), post),
        Strip::new("master", Source::Sum(2), late(2), Level::Direct),
    ];
    let taps: Vec<_> = (0..5).map(|strip| tap(strip, TapPoint::Output, 2000)).collect();
    let out = render(strips, &TempoMap::default(), BLOCK, &taps);
    assert_eq!(frames_heard(&out[4]), [(700, 1.0 + 2.0 + 4.0 + 8.0)]);
    assert_eq!(frames_heard(&out[3]), [(700, 6.0)]);
}

#[test]
fn a_key_meets_the_main_signal_in_the_frame_of_the_music_whichever_is_later() {
    // The device adds half of its key; latencies of key, of the device before the keyed one, and of that itself.
    for (key, before, keyed) in [(0, 0, 0), (LATE, 0, 0), (0, LATE, 7), (LATE, 100, 9), (100, LATE, 0)] {
        let plain = |latency| Chain::new(vec![slot(Probe::new(&[2], &[2], latency), 2, BLOCK)]);
        let chain = Chain::new(vec![
            slot(Probe::new(&[2], &[2], before), 2, BLOCK),
            slot(Probe::new(&[2, 1], &[2], keyed), 2, BLOCK),
        ]);
        let strips = vec![
            Strip::new("key", recording(impulse(2, 1000, 300)), plain(key), Level::Direct).keying(
                StripId(1),
                1,
                1,
                Curve::constant(4.0),
                FeedPoint::PostFader,
            ),
            Strip::new("main", recording(impulse(2, 1000, 300)), chain, Level::Direct),
        ];
        let point = |point| tap(1, point, 1000);
        let taps = [point(TapPoint::Output), point(TapPoint::Behind(0)), point(TapPoint::Source)];
        let out = render(strips, &TempoMap::default(), BLOCK, &taps);
        let heard: Vec<_> = out.iter().map(frames_heard).collect();
        assert_eq!(heard, [vec![(300, 3.0)], vec![(300, 1.0)], vec![(300, 1.0)]], "{key}, {before}, {keyed}");
    }
}

#[test]
fn outputs_of_an_instrument_on_strips_of_their_own_line_up_again() {
    use audio::EventBody;
    use score::TimedEvent;
    let note = |frame| TimedEvent { frame, body: EventBody::NoteOn { channel: 0, key: 64, velocity: 1.0, note: None } };
    let drums = slot(Probe::new(&[], &[2, 1, 2], 33), 0, BLOCK);
    let chain = Chain::new(vec![drums, slot(Probe::new(&[2], &[2], LATE), 2, BLOCK)]);
    let post = FeedPoint::PostFader;
    let strips = vec![
        Strip::new("kick", Source::Events(vec![note(0), note(801)]), chain, Level::Direct).feeding(
            StripId(3),
            one(),
            post,
        ),
        Strip::new("snare", Source::Output { of: StripId(0), bus: 1 }, late(1), Level::Direct).feeding(
            StripId(3),
            one(),
            post,
        ),
        Strip::new("hat", Source::Output { of: StripId(0), bus: 2 }, Chain::default(), Level::Direct).feeding(
            StripId(3),
            one(),
            post,
        ),
        Strip::new("master", Source::Sum(2), Chain::default(), Level::Direct),
    ];
    let taps: Vec<_> = (0..4).map(|strip| tap(strip, TapPoint::Output, 1000)).collect();
    let out = render(strips, &TempoMap::default(), BLOCK, &taps);
    assert_eq!(frames_heard(&out[1]), [(0, 1.0), (801, 1.0)]);
    assert_eq!(frames_heard(&out[3]), [(0, 3.0), (801, 3.0)]);
    assert_eq!(out[1].channel_count(), 1);
}

#[test]
fn a_latency_that_was_measured_takes_the_place_of_the_one_reported() {
    let mut lying = slot(Probe::new(&[2], &[2], LATE).reporting(5), 2, BLOCK);
    assert_eq!((lying.latency(), lying.reported_latency()), (5, 5));
    lying.set_latency(LATE as u64);
    assert_eq!((lying.latency(), lying.reported_latency()), (LATE as u64, 5));
    let strip = Strip::new("tone", recording(impulse(2, 1000, 300)), Chain::new(vec![lying]), Level::Direct);
    let out = render(vec![strip], &TempoMap::default(), BLOCK, &[tap(0, TapPoint::Output, 1000)]);
    assert_eq!(frames_heard(&out[0]), [(300, 1.0)]);
}

#[test]
fn mono_goes_to_both_sides_and_two_sides_to_mono_as_their_mean() {
    let sound = Buffer::from_channels(vec![vec![0.5, 0.25], vec![0.25, -1.0]]);
    let mono = Buffer::from_channels(vec![vec![1.0, 2.0]]);
    let feed = |strip: Strip, to| strip.feeding(StripId(to), one(), FeedPoint::PreFader);
    let strips = vec![
        feed(feed(Strip::new("stereo", recording(sound), Chain::default(), Level::Direct), 2), 3),
        feed(feed(Strip::new("mono", recording(mono), Chain::default(), Level::Direct), 2), 3),
        Strip::new("to mono", Source::Sum(1), Chain::default(), Level::Direct),
        Strip::new("to stereo", Source::Sum(2), Chain::default(), Level::Direct),
    ];
    let taps = [tap(2, TapPoint::Input, 2), tap(3, TapPoint::Input, 2)];
    let out = render(strips, &TempoMap::default(), BLOCK, &taps);
    assert_eq!(out[0], Buffer::from_channels(vec![vec![1.375, 1.625]]));
    assert_eq!(out[1], Buffer::from_channels(vec![vec![1.5, 2.25], vec![1.25, 1.0]]));
}

#[test]
fn a_bypassed_strip_and_a_bus_that_it_alone_feeds_equal_the_input_bit_for_bit() {
    let values = [0.0, -0.0, 1e-40, -1.5, f32::MIN_POSITIVE, 0.1, 3e38];
    let sound =
        Buffer::from_channels(vec![values.repeat(50), values.iter().rev().copied().collect::<Vec<_>>().repeat(50)]);
    let strips = vec![
        Strip::new("track", recording(sound.clone()), Chain::default(), Level::stereo(1.0, 0.0)).feeding(
            StripId(1),
            one(),
            FeedPoint::PostFader,
        ),
        Strip::new("master", Source::Sum(2), Chain::default(), Level::stereo(1.0, 0.0)),
    ];
    let taps = [tap(0, TapPoint::Output, 350), tap(1, TapPoint::Output, 350)];
    for out in render(strips, &TempoMap::default(), BLOCK, &taps) {
        assert!(bits(&out) == bits(&sound));
    }
}

#[test]
fn what_makes_no_graph_is_named() {
    let graph = |strips| tonemill_mix::Graph::new(strips, TempoMap::default(), crate::RATE, BLOCK).err();
    let sum = |name: &str, channels| Strip::new(name, Source::Sum(channels), late(channels), Level::Direct);
    let key = |strip: Strip, to, slot, bus| strip.keying(StripId(to), slot, bus, one(), FeedPoint::PostFader);
    let text = |s: &str| s.to_owned();
    let (strip, device) = (text("b"), format!("late by {LATE}"));
    let no_input = |bus| GraphError::NoInput { strip: strip.clone(), device: device.clone(), bus, busses: 1 };
    assert_eq!(graph(vec![key(sum("a", 2), 1, 0, 0), sum("b", 2)]), Some(no_input(0)));
    assert_eq!(graph(vec![key(sum("a", 2), 1, 0, 1), sum("b", 2)]), Some(no_input(1)));
    let no_slot = GraphError::NoSlot { strip: text("b"), slot: 1, devices: 1 };
    assert_eq!(graph(vec![key(sum("a", 2), 1, 1, 1), sum("b", 2)]), Some(no_slot.clone()));
    assert_eq!(graph(vec![sum("a", 2), sum("b", 2).automating(1, Vec::new())]), Some(no_slot));
    let order = GraphError::KeyOrder { from: text("b"), to: text("a") };
    assert_eq!(graph(vec![sum("a", 2), key(sum("b", 2), 0, 0, 1)]), Some(order));
    let output = |of, bus| Strip::new("b", Source::Output { of: StripId(of), bus }, Chain::default(), Level::Direct);
    let no_output = GraphError::NoOutput { strip: text("a"), device, bus: 1, busses: 1 };
    assert_eq!(graph(vec![sum("a", 2), output(0, 1)]), Some(no_output));
    let order = GraphError::OutputOrder { strip: text("b"), of: text("b") };
    assert_eq!(graph(vec![sum("a", 2), output(1, 1)]), Some(order));
    let feed = |strip: Strip| strip.feeding(StripId(1), one(), FeedPoint::PreFader);
    let misfit = GraphError::Feed { from: text("a"), to: text("b"), given: 2, taken: 3 };
    assert_eq!(graph(vec![feed(sum("a", 2)), sum("b", 3)]), Some(misfit));
    assert_eq!(graph(vec![feed(sum("a", 1)), sum("b", 3)]), None);
}
