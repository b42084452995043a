//! Many clips through one network at once.

use super::Sequence;
use super::arrangement::{Arrangement, Clips};
use super::chain::{BLOCK, Chain, Lanes};
use super::ratio::{Exact, Fast};
use super::sequence::within;
use crate::simd::Path;
use crate::{Activations, Control};

/// A model at work on several clips at once, each with its own history and its own controls, far faster together than one
/// after the other. Which clips play together changes nothing in what comes out of each.
pub struct Batch {
    /// As many clips each as a vector has lanes.
    groups: Vec<Chain>,
    lanes: usize,
    clips: usize,
    controls: Vec<Control>,
    in_row: usize,
    out_row: usize,
    input_gain: f32,
    output_gain: f32,
    skip: bool,
}

/// `sequence` at work on `clips` clips.
pub(crate) fn batch(path: Path, sequence: &Sequence, activations: Activations, clips: usize) -> Batch {
    let lanes = path.run(Lanes);
    let chain = || match activations {
        Activations::Exact => Chain::new(path, Clips, Exact, &sequence.layers),
        Activations::Fast => Chain::new(path, Clips, Fast, &sequence.layers),
    };
    let mut batch = Batch {
        groups: (0..clips.div_ceil(lanes)).map(|_| chain()).collect(),
        lanes,
        clips,
        controls: sequence.controls.clone(),
        in_row: Clips::row_len(1 + sequence.controls.len(), lanes),
        out_row: Clips::row_len(1, lanes),
        input_gain: sequence.input_gain,
        output_gain: sequence.output_gain,
        skip: sequence.skip,
    };
    for clip in 0..clips {
        for (index, control) in sequence.controls.iter().enumerate() {
            batch.set_control(clip, index, control.default);
        }
    }
    for group in &mut batch.groups {
        for first in (0..sequence.prewarm).step_by(BLOCK) {
            group.process(BLOCK.min(sequence.prewarm - first));
        }
        group.keep();
    }
    batch
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
        let (lanes, gain) = (self.lanes, self.input_gain);
        for first in (0..frames).step_by(BLOCK) {
            let count = BLOCK.min(frames - first);
            let clips = inputs.chunks(lanes).zip(outputs.chunks_mut(lanes));
            for (group, (inputs, outputs)) in self.groups.iter_mut().zip(clips) {
                let rows = group.input();
                for (lane, input) in inputs.iter().enumerate() {
                    for (row, x) in rows.chunks_exact_mut(self.in_row).zip(&input[first..first + count]) {
                        row[lane] = x * gain;
                    }
                }
                let rows = group.process(count);
                for (lane, (input, output)) in inputs.iter().zip(outputs).enumerate() {
                    let frames = input[first..first + count].iter().zip(&mut output[first..first + count]);
                    for (row, (x, y)) in rows.chunks_exact(self.out_row).zip(frames) {
                        let past = if self.skip { x * gain } else { 0.0 };
                        *y = (row[lane] + past) * self.output_gain;
                    }
                }
            }
        }
    }

    /// Returns all clips to the state of a batch just made; controls are kept.
    pub fn reset(&mut self) {
        self.groups.iter_mut().for_each(|group| group.reset(None));
    }

    /// Returns one clip to the state of a batch just made, so that another may take its place; its controls are kept. Panics
    /// if there is no such clip.
    pub fn reset_clip(&mut self, clip: usize) {
        assert!(clip < self.clips, "clip {clip} of {}", self.clips);
        self.groups[clip / self.lanes].reset(Some(clip % self.lanes));
    }

    /// Sets control `index` of one clip from the next frame on, to the nearest value of the control's range. Panics if there
    /// is no such clip or control.
    pub fn set_control(&mut self, clip: usize, index: usize, value: f32) {
        assert!(clip < self.clips, "clip {clip} of {}", self.clips);
        let value = within(&self.controls[index], value);
        let place = Clips::place(1 + index, clip % self.lanes, self.lanes);
        for row in self.groups[clip / self.lanes].input().chunks_exact_mut(self.in_row) {
            row[place] = value;
        }
    }
}
