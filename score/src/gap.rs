//! Room between the notes of one key.

use std::collections::HashMap;

use audio::{EventBody, SampleRate};

use crate::play::{Draft, PlayReport};
use crate::{Gap, Overlaps, Part};

/// Moves ends of notes that are too near to the next beginning of their key, or behind it, as the part wants it. A note
/// keeps at least half the time that it would have had, and nothing but ends of notes moves.
pub(crate) fn make_room(
    drafts: &mut Vec<Draft>,
    part: &Part,
    frame_at_tick: impl Fn(u64) -> u64,
    sample_rate: SampleRate,
    report: &mut PlayReport,
) {
    if part.min_note_gap.is_none() && part.overlaps == Overlaps::Keep {
        return;
    }
    // For each key the places of its beginnings, and for each note the place of its own.
    let mut struck: HashMap<(u8, u8), Vec<usize>> = HashMap::new();
    let mut begun: HashMap<u32, usize> = HashMap::new();
    for (place, draft) in drafts.iter().enumerate() {
        if let EventBody::NoteOn { channel, key, note: Some(note), .. } = draft.body {
            struck.entry((channel, key)).or_default().push(place);
            begun.insert(note, place);
        }
    }
    // Where an end goes in front of: its new frame and twice the place, less one. Other events keep twice their own.
    let mut moved: HashMap<usize, (u64, usize)> = HashMap::new();
    for (place, draft) in drafts.iter().enumerate() {
        let EventBody::NoteOff { channel, key, note: Some(note), .. } = draft.body else { continue };
        let Some(&own) = begun.get(&note) else { continue };
        let start = drafts[own].frame;
        let ons = &struck[&(channel, key)];
        // Of notes that begin together none makes room for another.
        let next = ons.partition_point(|&on| drafts[on].frame <= start);
        let Some(&next) = ons.get(next) else { continue };
        let next_frame = drafts[next].frame;
        let overlaps = place > next;
        if overlaps && part.overlaps == Overlaps::Keep {
            continue;
        }
        let latest = match part.min_note_gap {
            None => next_frame,
            Some(Gap::Seconds(seconds)) => next_frame.saturating_sub(sample_rate.frames(seconds)),
            Some(Gap::Ticks(ticks)) => frame_at_tick(drafts[next].tick.saturating_sub(u64::from(ticks))),
        };
        let half = start + (draft.frame.min(next_frame) - start).div_ceil(2);
        let frame = latest.max(half).min(draft.frame);
        if overlaps {
            report.overlaps_cut += 1;
        } else if frame < draft.frame {
            report.shortened += 1;
        } else {
            continue;
        }
        moved.insert(place, (frame, 2 * next - 1));
    }
    if moved.is_empty() {
        return;
    }
    let mut order: Vec<(u64, usize, Draft)> = std::mem::take(drafts)
        .into_iter()
        .enumerate()
        .map(|(place, draft)| match moved.get(&place) {
            Some(&(frame, before)) => (frame, before, Draft { frame, ..draft }),
            None => (draft.frame, 2 * place, draft),
        })
        .collect();
    order.sort_by_key(|&(frame, place, _)| (frame, place));
    *drafts = order.into_iter().map(|(_, _, draft)| draft).collect();
}
