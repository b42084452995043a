//! Parameter changes while processing.

use audio::{Event, EventBody};
use proptest::prelude::*;

use crate::common::*;

/// What `gain` makes of a ramp, with its gain changing as told: a frame and decibels each.
fn render(block: usize, frames: usize, changes: &[(u32, f64)]) -> audio::Buffer {
    let device = vst3("gain");
    let gain = id(&*device, "Gain");
    let events: Vec<Event> =
        changes.iter().map(|(frame, value)| at(*frame, EventBody::Parameter { id: gain, value: *value })).collect();
    Stage::new(device, block).effect(&ramp(2, frames), &events).unwrap()
}

/// The same, computed here: of several changes at a frame the last counts, and values outside the range are its ends.
fn expected(frames: usize, changes: &[(u32, f64)]) -> Vec<Vec<f64>> {
    let level = |frame: usize| {
        let last = changes.iter().rfind(|(at, _)| *at as usize <= frame).map_or(0.0, |(_, value)| *value);
        10f64.powf(last.clamp(-60.0, 24.0) / 20.0)
    };
    let input = ramp(2, frames);
    let scaled = |channel: &[f32]| (0..frames).map(|frame| f64::from(channel[frame]) * level(frame)).collect();
    input.channels().map(scaled).collect()
}

fn differs(output: &audio::Buffer, expected: &[Vec<f64>]) -> Option<usize> {
    let channels = output.channels().zip(expected);
    // Single precision at up to 24 dB.
    let frame_of = |(got, wanted): (&[f32], &Vec<f64>)| {
        got.iter().zip(wanted).position(|(got, wanted)| (f64::from(*got) - wanted).abs() > 1e-5)
    };
    channels.filter_map(frame_of).min()
}

#[test]
fn a_change_takes_effect_on_its_very_frame_and_not_before() {
    let changes =
        [(0, -6.0), (1, -12.0), (63, 6.0), (64, -20.0), (65, 0.0), (190, 3.0), (190, -40.0), (191, 24.0), (299, -60.0)];
    for block in [1, 2, 64, 65, 299, 300, 512] {
        assert_eq!(differs(&render(block, 300, &changes), &expected(300, &changes)), None, "block size {block}");
    }
}

#[test]
fn a_change_on_the_last_frame_of_a_block_is_heard_there_alone() {
    let changes = [(63, -6.0), (64, 0.0)];
    assert_eq!(differs(&render(64, 128, &changes), &expected(128, &changes)), None);
}

#[test]
fn values_beyond_the_range_are_its_ends() {
    let changes = [(10, 9000.0), (20, -9000.0), (30, f64::INFINITY)];
    let output = render(64, 40, &changes);
    assert_eq!(differs(&output, &expected(30, &changes[..2])), None);
    assert!(output.channels().flatten().all(|sample| sample.is_finite()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_changes_in_any_blocks_are_where_they_belong(
        block in 1usize..200,
        mut changes in prop::collection::vec((0u32..400, -70.0..30.0f64), 0..60),
    ) {
        changes.sort_by_key(|(frame, _)| *frame);
        prop_assert_eq!(differs(&render(block, 400, &changes), &expected(400, &changes)), None);
    }
}
