//! What devices are told, and when.

use audio::device::ParameterId;
use audio::{Buffer, EventBody};
use score::TimedEvent;
use tonemill_mix::{Chain, FeedPoint, Level, Source, Strip, StripId, TapPoint};

use crate::device::{Call, Probe};
use crate::{RATE, bits, changing_tempo, one, recording, render, slot, tap};

fn parameter(frame: u64, value: f64) -> TimedEvent {
    TimedEvent { frame, body: EventBody::Parameter { id: ParameterId(0), value } }
}

#[test]
fn steps_of_automation_land_on_their_frame_for_every_block_size() {
    // Unsorted, at the edges of blocks, two at one frame of which the later holds.
    let steps = [(511, 0.5), (0, 3.0), (31, 2.0), (32, 4.0), (900, 8.0), (900, 0.25), (512, 7.0)];
    let expected = |n| match n {
        0..31 => 3.0,
        31 => 2.0,
        32..511 => 4.0,
        511 => 0.5,
        512..900 => 7.0,
        _ => 0.25,
    };
    for block in [1, 32, 64, 99, 512, 4096] {
        // The second device is the one that is automated; the first makes its time another than the graph's.
        let chain =
            Chain::new(vec![slot(Probe::new(&[1], &[1], 77), 1, block), slot(Probe::new(&[1], &[1], 5), 1, block)]);
        let ones = Buffer::from_channels(vec![vec![1.0; 1000]]);
        let events = steps.iter().map(|(frame, value)| parameter(*frame, *value)).collect();
        let strip = Strip::new("tone", recording(ones), chain, Level::Direct).automating(1, events);
        let out = render(vec![strip], &changing_tempo(), block, &[tap(0, TapPoint::Output, 1000)]);
        for n in 0..1000 {
            assert_eq!(out[0].channel(0)[n], expected(n), "frame {n}, blocks of {block}");
        }
    }
}

#[test]
fn a_parameter_at_the_beginning_is_set_before_the_first_frame_and_notes_keep_theirs() {
    let note = EventBody::NoteOn { channel: 0, key: 60, velocity: 1.0, note: None };
    let probe = Probe::new(&[2], &[2], 0);
    let calls = probe.calls.clone();
    let chain = Chain::new(vec![slot(Probe::new(&[2], &[2], 100), 2, 64), slot(probe, 2, 64)]);
    let strip = Strip::new("tone", recording(Buffer::new(2, 300)), chain, Level::Direct)
        .automating(1, vec![parameter(0, 2.0), TimedEvent { frame: 0, body: note.clone() }, parameter(5, 3.0)]);
    render(vec![strip], &changing_tempo(), 64, &[tap(0, TapPoint::Output, 300)]);
    let calls = calls.lock().unwrap();
    let at = |call: &Call| -> Vec<(i64, EventBody)> {
        call.events.iter().map(|event| (call.transport.frame + i64::from(event.frame), event.body.clone())).collect()
    };
    let told: Vec<_> = calls.iter().flat_map(at).collect();
    let set = |value| EventBody::Parameter { id: ParameterId(0), value };
    assert_eq!(told, [(-100, set(2.0)), (0, note), (5, set(3.0))]);
}

#[test]
fn every_device_is_split_at_changes_of_tempo_and_meter_at_its_own_time() {
    let tempo = changing_tempo();
    let changes: Vec<i64> = [150, 390, 630].to_vec();
    let probes: Vec<Probe> = [100, 7, 0].iter().map(|latency| Probe::new(&[2, 2], &[2], *latency)).collect();
    let calls: Vec<_> = probes.iter().map(|probe| probe.calls.clone()).collect();
    let slots = probes.into_iter().map(|probe| slot(probe, 2, 256)).collect();
    let key = Chain::new(vec![slot(Probe::new(&[2], &[2], 50), 2, 256)]);
    let strips = vec![
        Strip::new("key", recording(Buffer::new(2, 1000)), key, Level::Direct).keying(
            StripId(1),
            0,
            1,
            one(),
            FeedPoint::PostFader,
        ),
        Strip::new("tone", recording(Buffer::new(2, 1000)), Chain::new(slots), Level::Direct),
    ];
    render(strips, &tempo, 256, &[tap(1, TapPoint::Output, 1000)]);
    // The key is 50 frames late, so the whole strip is.
    for (calls, late) in calls.iter().zip([50, 150, 157]) {
        let calls = calls.lock().unwrap();
        let mut next = -late;
        for call in calls.iter() {
            let transport = &call.transport;
            assert_eq!(transport.frame, next, "time goes on");
            next += call.frames as i64;
            let whole = (next + late) % 256 == 0;
            assert!(whole || changes.contains(&next), "a block ends at {next}, {late} frames late");
            assert!(
                changes.iter().all(|change| !(transport.frame + 1..next).contains(change)),
                "a change within a block"
            );
            let mut expected = tempo.transport_at(transport.frame, RATE);
            expected.steady_frame = (transport.frame + late) as u64;
            assert_eq!(*transport, expected);
        }
        let starts: Vec<i64> = calls.iter().map(|call| call.transport.frame).collect();
        assert!(changes.iter().all(|change| starts.contains(change)), "{starts:?}");
    }
}

#[test]
fn a_recording_whose_key_is_late_is_read_in_whole_whatever_the_block() {
    let sound = Buffer::from_channels(vec![(1..=999).map(|n| n as f32).collect()]);
    for block in [1, 64, 480, 481, 2048] {
        let key = Chain::new(vec![slot(Probe::new(&[1], &[1], 480), 1, block)]);
        let chain = Chain::new(vec![slot(Probe::new(&[1, 1], &[1], 0), 1, block)]);
        let strips = vec![
            Strip::new("key", Source::Sum(1), key, Level::Direct).keying(StripId(1), 0, 1, one(), FeedPoint::PreFader),
            Strip::new("tone", recording(sound.clone()), chain, Level::Direct),
        ];
        let taps = [tap(1, TapPoint::Output, 999), tap(1, TapPoint::Source, 999)];
        for out in render(strips, &changing_tempo(), block, &taps) {
            assert!(bits(&out) == bits(&sound), "blocks of {block}");
        }
    }
}
