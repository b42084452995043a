//! What files of recurrent effects do not ask for: first states.

use super::*;
use crate::simd::Path;
use crate::{Activations, Network};

/// One unit that keeps half of its memory each frame and hears nothing: i = 0, f = 1/2, o = 1, so that h = tanh(c).
fn halving() -> Sequence {
    let numbers = [
        [0.0, 0.0], // i: input, unit
        [0.0, 0.0],
        [0.0, 0.0],
        [0.0, 0.0],
        [-40.0, 0.0], // biases of i, f
        [0.0, 40.0],  // and g, o
        [0.25, 1.0],  // first output and memory
    ];
    let lstm = Lstm::new(1, 1, numbers.as_flattened());
    let dense = Dense { inputs: 1, matrix: vec![1.0], bias: vec![0.0] };
    Sequence::new(vec![Layer::Lstm(lstm), Layer::Dense(dense)], Vec::new())
}

fn played(network: &mut dyn Network) -> Vec<f32> {
    let mut output = vec![0.0; 3];
    network.process(&[1.0; 3], &mut output);
    output
}

fn near(output: &[f32], memories: [f64; 3]) {
    for (y, memory) in output.iter().zip(memories) {
        assert!((f64::from(*y) - memory.tanh()).abs() < 1e-6, "{output:?}, where {memories:?} is remembered");
    }
}

#[test]
fn a_cell_starts_from_the_state_of_its_file_and_returns_to_it() {
    for path in Path::available() {
        let mut network = network(path, &halving(), Activations::Exact);
        near(&played(&mut *network), [0.5, 0.25, 0.125]);
        near(&played(&mut *network), [0.0625, 0.03125, 0.015625]);
        network.reset();
        near(&played(&mut *network), [0.5, 0.25, 0.125]);
    }
}

#[test]
fn the_output_before_the_first_frame_is_heard_by_the_first() {
    // g = tanh(h) with i = 1, f = 0, o = 1.
    let numbers = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 40.0, -40.0, 0.0, 40.0, 0.25, 1.0];
    let dense = Dense { inputs: 1, matrix: vec![1.0], bias: vec![0.0] };
    let layers = vec![Layer::Lstm(Lstm::new(1, 1, &numbers)), Layer::Dense(dense)];
    let mut network = network(Path::best(), &Sequence::new(layers, Vec::new()), Activations::Exact);
    let first = 0.25f64.tanh();
    near(&played(&mut *network)[..1], [first, 0.0, 0.0]);
}
