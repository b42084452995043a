//! Which parts of a take a data set is made of.

use audio::SampleRate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of a take. Frames of it that lie behind the end of the take are silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// The frame of the take at which it begins.
    pub start: u64,
    /// How many frames it has, at least one.
    pub frames: u64,
}

/// What becomes of a last part that is shorter than the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShortLast {
    /// It stays as short as it is.
    #[default]
    Keep,
    /// It is left out.
    Drop,
    /// Silence behind it makes it as long as the others.
    Pad,
}

/// Why a take cannot be cut like that.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SegmentError {
    /// Parts of no length, or that never move on.
    #[error("length and hop of segments are {length} and {hop} frames. Both must be at least 1")]
    NoLength {
        /// As asked for.
        length: u64,
        /// As asked for.
        hop: u64,
    },
    /// Parts of no beats.
    #[error("segments of 0 beats or bars were asked for. Ask for at least 1")]
    NoBeats,
    /// More parts than a data set can hold.
    #[error("a hop of {hop} frames cuts a take of {frames} into more than {most} segments. Make the hop longer", most = MOST_SEGMENTS)]
    TooMany {
        /// As asked for.
        hop: u64,
        /// Of the take.
        frames: u64,
    },
    /// Times that do not rise.
    #[error("beat {number} of the annotation, at {seconds} s, does not come behind the one before it. Sort the beats")]
    NotRising {
        /// Counted from 0.
        number: usize,
        /// Its time.
        seconds: f64,
    },
}

/// The most segments of one take.
pub const MOST_SEGMENTS: u64 = 10_000_000;

/// Parts of `length` frames, each `hop` frames behind the one before, from the first frame on. The last is the first that
/// reaches the end of the take; those behind it would only repeat its sound.
pub fn by_length(frames: u64, length: u64, hop: u64, last: ShortLast) -> Result<Vec<Segment>, SegmentError> {
    if length == 0 || hop == 0 {
        return Err(SegmentError::NoLength { length, hop });
    }
    let further = frames.saturating_sub(length).div_ceil(hop);
    if further >= MOST_SEGMENTS {
        return Err(SegmentError::TooMany { hop, frames });
    }
    let starts = (0..=further).map(|number| number * hop).filter(|start| *start < frames);
    let segments = starts.map(|start| (Segment { start, frames: length }, frames - start));
    Ok(segments.filter_map(|(segment, left)| ended(segment, left, last)).collect())
}

/// Parts of `count` beats each, from the first beat on; give bars instead of beats for parts of bars. Every part begins
/// at the frame nearest to its beat and ends where the next begins. The last beat is as long as the last before it that has a
/// length, or lasts until the take ends if none has; sound in front of the first and behind the last beat is in no part. A
/// last part is short where beats are missing or the take ends within it. Padded, it is as long as its missing beats
/// would make it.
pub fn by_beats(
    frames: u64,
    rate: SampleRate,
    beats: &[f64],
    count: usize,
    last: ShortLast,
) -> Result<Vec<Segment>, SegmentError> {
    if count == 0 {
        return Err(SegmentError::NoBeats);
    }
    if let Some(number) = (1..beats.len()).find(|&at| beats[at].partial_cmp(&beats[at - 1]).is_none_or(|o| o.is_lt())) {
        return Err(SegmentError::NotRising { number, seconds: beats[number] });
    }
    let inside: Vec<u64> = beats
        .iter()
        .filter(|beat| **beat >= 0.0)
        .map(|beat| rate.frames(*beat))
        .take_while(|at| *at < frames)
        .collect();
    let Some(&final_beat) = inside.last() else { return Ok(Vec::new()) };
    let mut lengths = inside.windows(2).rev().map(|pair| pair[1] - pair[0]);
    let pace = lengths.find(|length| *length > 0).unwrap_or(frames - final_beat);
    let end = final_beat.saturating_add(pace);
    let mut segments = Vec::with_capacity(inside.len().div_ceil(count));
    for (number, beats) in inside.chunks(count).enumerate() {
        let start = beats[0];
        let missing = (count - beats.len()) as u64;
        let next =
            inside.get((number + 1) * count).copied().unwrap_or(end.saturating_add(missing.saturating_mul(pace)));
        if next > start {
            segments.extend(ended(Segment { start, frames: next - start }, end.min(frames) - start, last));
        }
    }
    Ok(segments)
}

/// A part of a take that has `left` frames from its start on.
fn ended(segment: Segment, left: u64, last: ShortLast) -> Option<Segment> {
    match last {
        _ if segment.frames <= left => Some(segment),
        ShortLast::Keep => Some(Segment { frames: left, ..segment }),
        ShortLast::Drop => None,
        ShortLast::Pad => Some(segment),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(segments: Result<Vec<Segment>, SegmentError>) -> Vec<(u64, u64)> {
        segments.unwrap().into_iter().map(|segment| (segment.start, segment.frames)).collect()
    }

    #[test]
    fn the_last_part_is_kept_dropped_or_padded() {
        let cut = |last| pairs(by_length(10, 4, 4, last));
        assert_eq!(cut(ShortLast::Keep), [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(cut(ShortLast::Drop), [(0, 4), (4, 4)]);
        assert_eq!(cut(ShortLast::Pad), [(0, 4), (4, 4), (8, 4)]);
    }

    #[test]
    fn a_take_that_fits_is_cut_without_a_short_part() {
        assert_eq!(pairs(by_length(8, 4, 4, ShortLast::Keep)), [(0, 4), (4, 4)]);
        assert_eq!(pairs(by_length(8, 4, 2, ShortLast::Keep)), [(0, 4), (2, 4), (4, 4)]);
        assert_eq!(pairs(by_length(3, 4, 2, ShortLast::Keep)), [(0, 3)]);
        assert_eq!(pairs(by_length(3, 4, 2, ShortLast::Drop)), []);
        assert_eq!(pairs(by_length(0, 4, 2, ShortLast::Pad)), []);
        assert_eq!(pairs(by_length(9, 2, 4, ShortLast::Keep)), [(0, 2), (4, 2), (8, 1)]);
    }

    #[test]
    fn parts_of_beats_meet_at_beats() {
        let rate = SampleRate(10);
        let beats = [0.5, 1.0, 1.5, 2.0, 2.5];
        assert_eq!(pairs(by_beats(30, rate, &beats, 2, ShortLast::Drop)), [(5, 10), (15, 10)]);
        assert_eq!(pairs(by_beats(30, rate, &beats, 2, ShortLast::Keep)), [(5, 10), (15, 10), (25, 5)]);
        assert_eq!(pairs(by_beats(30, rate, &beats, 2, ShortLast::Pad)), [(5, 10), (15, 10), (25, 10)]);
        assert_eq!(pairs(by_beats(22, rate, &beats, 2, ShortLast::Keep)), [(5, 10), (15, 7)], "a beat behind the end");
        assert_eq!(pairs(by_beats(30, rate, &[-0.5, 0.0, 1.0], 1, ShortLast::Keep)), [(0, 10), (10, 10)]);
        assert_eq!(pairs(by_beats(30, rate, &[1.0], 1, ShortLast::Drop)), [(10, 20)], "nothing says how long it is");
        assert_eq!(pairs(by_beats(90, rate, &beats[..4], 2, ShortLast::Drop)), [(5, 10), (15, 10)], "a long end");
        assert_eq!(pairs(by_beats(30, rate, &[], 1, ShortLast::Keep)), []);
        assert_eq!(
            pairs(by_beats(30, rate, &[0.5, 1.0, 1.0, 4.0], 1, ShortLast::Keep)),
            [(5, 5), (10, 5)],
            "two as one"
        );
    }

    #[test]
    fn what_never_moves_on_is_refused() {
        assert_eq!(by_length(9, 0, 1, ShortLast::Keep), Err(SegmentError::NoLength { length: 0, hop: 1 }));
        assert_eq!(by_length(9, 1, 0, ShortLast::Keep), Err(SegmentError::NoLength { length: 1, hop: 0 }));
        assert_eq!(by_beats(9, SampleRate(1), &[0.0], 0, ShortLast::Keep), Err(SegmentError::NoBeats));
        let turning = by_beats(9, SampleRate(1), &[0.0, 2.0, 1.0], 1, ShortLast::Keep);
        assert_eq!(turning, Err(SegmentError::NotRising { number: 2, seconds: 1.0 }));
        assert!(matches!(by_length(u64::MAX, 1, 1, ShortLast::Keep), Err(SegmentError::TooMany { .. })));
    }

    proptest! {
        #[test]
        fn parts_without_overlap_hold_every_frame_once(frames in 0u64..100_000, length in 1u64..9_000) {
            let kept = by_length(frames, length, length, ShortLast::Keep).unwrap();
            let mut at = 0;
            for segment in &kept {
                prop_assert_eq!(segment.start, at);
                at += segment.frames;
            }
            prop_assert_eq!(at, frames);
            let padded = by_length(frames, length, length, ShortLast::Pad).unwrap();
            prop_assert!(padded.len() == kept.len() && padded.iter().all(|segment| segment.frames == length));
        }

        #[test]
        fn every_beat_lies_in_one_part_and_parts_meet(
            frames in 0u64..500_000, steps in prop::collection::vec(0.0f64..1.0, 0..40), count in 1usize..9,
        ) {
            let mut now = 0.0;
            let beats: Vec<f64> = steps.iter().map(|step| { now += step; now }).collect();
            let rate = SampleRate(44_100);
            let kept = by_beats(frames, rate, &beats, count, ShortLast::Keep).unwrap();
            for pair in kept.windows(2) {
                prop_assert_eq!(pair[0].start + pair[0].frames, pair[1].start);
            }
            let inside = beats.iter().filter(|beat| rate.frames(**beat) < frames);
            for beat in inside {
                let frame = rate.frames(*beat);
                let holds = |segment: &&Segment| (segment.start..segment.start + segment.frames).contains(&frame);
                prop_assert!(kept.iter().filter(holds).count() == 1, "{frame} in {kept:?}");
            }
            prop_assert!(kept.iter().all(|segment| segment.start + segment.frames <= frames));
            prop_assert!(kept.iter().all(|segment| segment.frames > 0));
        }
    }
}
