//! Many clips through one network at once.

use super::Sequence;
use super::arrangement::{Arrangement, Clips, Units};
use super::chain::{BLOCK, Chain, Lanes};
use super::ratio::{Exact, Fast};
use super::sequence::within;
use crate::simd::Path;
use crate::{Activations, Control};

/// A model at work on several clips at once, each with its own history and its own controls, faster together than one after
/// the other. What comes out of each is what comes out of it alone, to the bit.
///
/// Where vectors are wide enough for that to pay, as many clips as they have lanes play together; the rest, in pairs.
pub struct Batch {
    groups: Vec<Group>,
    lanes: usize,
    clips: usize,
    controls: Vec<Control>,
    input_gain: f32,
    output_gain: f32,
    skip: bool,
}

/// Clips that play at once.
enum Group {
    /// A clip in each lane; some lanes may have none.
    Together {
        chain: Chain,
        clips: usize,
    },
    /// Two clips by turns.
    Pair([Chain; 2]),
    Alone(Chain),
}

/// The least number of clips that play together in lanes: fewer are as fast in pairs. Narrow vectors are as busy with a pair.
fn least_together(lanes: usize) -> usize {
    if lanes >= 16 { 12 } else { usize::MAX }
}

/// `sequence` at work on `clips` clips.
pub(crate) fn batch(path: Path, sequence: &Sequence, activations: Activations, clips: usize) -> Batch {
    let lanes = path.run(Lanes);
    let layers = &sequence.layers;
    let together = || match activations {
        Activations::Exact => Chain::new(path, Clips, Exact, layers),
        Activations::Fast => Chain::new(path, Clips, Fast, layers),
    };
    let alone = || match activations {
        Activations::Exact => Chain::new(path, Units, Exact, layers),
        Activations::Fast => Chain::new(path, Units, Fast, layers),
    };
    let (mut groups, mut left) = (Vec::new(), clips);
    while left > 0 {
        let group = match left {
            _ if left >= least_together(lanes) => Group::Together { chain: together(), clips: left.min(lanes) },
            1 => Group::Alone(alone()),
            _ => Group::Pair([alone(), alone()]),
        };
        left -= group.clips();
        groups.push(group);
    }
    let mut batch = Batch {
        groups,
        lanes,
        clips,
        controls: sequence.controls.clone(),
        input_gain: sequence.input_gain,
        output_gain: sequence.output_gain,
        skip: sequence.skip,
    };
    for clip in 0..clips {
        for (index, control) in sequence.controls.iter().enumerate() {
            batch.set_control(clip, index, control.default);
        }
    }
    batch
}

impl Group {
    fn clips(&self) -> usize {
        match self {
            Group::Together { clips, .. } => *clips,
            Group::Pair(_) => 2,
            Group::Alone(_) => 1,
        }
    }

    /// The chain that plays a clip, and the clip's lane where others have theirs.
    fn of_clip(&mut self, clip: usize) -> (&mut Chain, Option<usize>) {
        match self {
            Group::Together { chain, .. } => (chain, Some(clip)),
            Group::Pair(chains) => (&mut chains[clip], None),
            Group::Alone(chain) => (chain, None),
        }
    }

    fn process(&mut self, frames: usize) {
        match self {
            Group::Together { chain, .. } | Group::Alone(chain) => {
                chain.process(frames);
            }
            Group::Pair(chains) => {
                Chain::process_both(chains, frames);
            }
        }
    }
}

/// Where number `index` of a clip's row lies, and how long rows of `width` numbers are.
fn place(lane: Option<usize>, index: usize, width: usize, lanes: usize) -> (usize, usize) {
    match lane {
        Some(lane) => (Clips::place(index, lane, lanes), Clips::row_len(width, lanes)),
        None => (Units::place(index, 0, lanes), Units::row_len(width, lanes)),
    }
}

impl Batch {
    /// How many clips play.
    pub fn clips(&self) -> usize {
        self.clips
    }

    /// Plays one slice a clip, all of one length, any length. Panics if there are not as many as clips, or if lengths differ.
    /// How a clip is cut into calls changes its result by rounding at most.
    pub fn process(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        assert_eq!((inputs.len(), outputs.len()), (self.clips, self.clips), "one input and one output a clip");
        let frames = inputs.first().map_or(0, |input| input.len());
        assert!(inputs.iter().all(|input| input.len() == frames), "all inputs are of one length");
        assert!(outputs.iter().all(|output| output.len() == frames), "all outputs are as long as the inputs");
        let (lanes, gain, width) = (self.lanes, self.input_gain, 1 + self.controls.len());
        for first in (0..frames).step_by(BLOCK) {
            let block = first..frames.min(first + BLOCK);
            let mut clip = 0;
            for group in &mut self.groups {
                let clips = clip..clip + group.clips();
                clip = clips.end;
                for (index, input) in inputs[clips.clone()].iter().enumerate() {
                    let (chain, lane) = group.of_clip(index);
                    let (at, row) = place(lane, 0, width, lanes);
                    for (row, x) in chain.input().chunks_exact_mut(row).zip(&input[block.clone()]) {
                        row[at] = x * gain;
                    }
                }
                group.process(block.len());
                for (index, clip) in clips.enumerate() {
                    let (chain, lane) = group.of_clip(index);
                    let (at, row) = place(lane, 0, 1, lanes);
                    let frames = inputs[clip][block.clone()].iter().zip(&mut outputs[clip][block.clone()]);
                    for (row, (x, y)) in chain.output().chunks_exact(row).zip(frames) {
                        let past = if self.skip { x * gain } else { 0.0 };
                        *y = (row[at] + past) * self.output_gain;
                    }
                }
            }
        }
    }

    /// The group of a clip, and the clip's number in it. Panics if there is no such clip.
    fn group(&mut self, clip: usize) -> (&mut Group, usize) {
        assert!(clip < self.clips, "clip {clip} of {}", self.clips);
        let mut index = clip;
        for group in &mut self.groups {
            if index < group.clips() {
                return (group, index);
            }
            index -= group.clips();
        }
        unreachable!("groups have all clips")
    }

    /// Returns all clips to the state of a batch just made; controls are kept.
    pub fn reset(&mut self) {
        (0..self.clips).for_each(|clip| self.reset_clip(clip));
    }

    /// Returns one clip to the state of a batch just made, so that another may take its place; its controls are kept. Panics
    /// if there is no such clip.
    pub fn reset_clip(&mut self, clip: usize) {
        let (group, index) = self.group(clip);
        let (chain, lane) = group.of_clip(index);
        chain.reset(lane);
    }

    /// Sets control `index` of one clip from the next frame on, to the nearest value of the control's range. Panics if there
    /// is no such clip or control.
    pub fn set_control(&mut self, clip: usize, index: usize, value: f32) {
        let (lanes, width) = (self.lanes, 1 + self.controls.len());
        let value = within(&self.controls[index], value);
        let (group, in_group) = self.group(clip);
        let (chain, lane) = group.of_clip(in_group);
        let (at, row) = place(lane, 1 + index, width, lanes);
        for row in chain.input().chunks_exact_mut(row) {
            row[at] = value;
        }
    }
}
