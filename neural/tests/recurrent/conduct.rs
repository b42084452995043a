//! What holds for every network: calls of any length, every path, clips alone or together, controls, reset.

use assert_no_alloc::assert_no_alloc;
use neural::Activations;
use neural::rnn::Model;
use neural::simd::Path;
use serde_json::Value;

use crate::make::{batchnorm, conv1d, dense, gru, guitarml, lstm, prelu, rtneural};
use crate::reference::Reference;
use crate::{TOLERANCE, error, expected, model, play, signal};

/// Files that have every kind of history, with knobs and without.
fn files() -> Vec<(&'static str, Value)> {
    let convolved = vec![
        conv1d(1, 2, 6, [3, 5, 2]),
        lstm(2, 6, 9),
        batchnorm(3, 9, true),
        prelu(4, 9, 9),
        dense(5, 9, 4, "softmax"),
        gru(6, 4, 5),
        dense(7, 5, 1, "sigmoid"),
    ];
    vec![
        ("LSTM 16", guitarml("LSTM", 1, 1, 16, 1, true)),
        ("2 x LSTM 24", guitarml("LSTM", 1, 2, 24, 1, true)),
        ("GRU 20 with two knobs", guitarml("GRU", 3, 1, 20, 0, true)),
        ("everything with a knob", rtneural(2, convolved)),
    ]
}

#[test]
fn how_a_clip_is_cut_into_calls_changes_nothing() {
    let input = signal(5, 9000);
    for (name, file) in files() {
        let model = model(&file);
        for path in Path::available() {
            let whole = play(&model, path, &[], &input);
            for len in [1, 2, 63, 64, 65, 512, 4096] {
                let mut network = model.network_on(path, Activations::Exact);
                let mut output = vec![f32::NAN; input.len()];
                for (input, output) in input.chunks(len).zip(output.chunks_mut(len)) {
                    network.process(input, output);
                    network.process(&[], &mut []);
                }
                assert!(output == whole, "{name} on {path} in calls of {len}");
            }
        }
    }
}

#[test]
fn clips_together_sound_as_each_alone_to_the_bit() {
    const FRAMES: usize = 600;
    for (name, file) in files() {
        let model = model(&file);
        for path in Path::available() {
            for clips in [1, 3, 16, 17] {
                let knob = |clip: usize, index: usize| ((clip * 5 + index * 3) % 11) as f32 / 10.0;
                let knobs = |clip| (0..model.controls().len()).map(move |index| knob(clip, index)).collect::<Vec<_>>();
                let inputs: Vec<_> = (0..clips).map(|clip| signal(clip as u32, FRAMES)).collect();
                let mut batch = model.batch_on(path, Activations::Exact, clips);
                assert_eq!(batch.clips(), clips);
                for clip in 0..clips {
                    knobs(clip)
                        .into_iter()
                        .enumerate()
                        .for_each(|(index, value)| batch.set_control(clip, index, value));
                }
                let mut outputs = vec![vec![f32::NAN; FRAMES]; clips];
                // Calls that end within a block and beyond one.
                for (first, end) in [(0, 1), (1, 64), (64, 64), (64, 300), (300, FRAMES)] {
                    let inputs: Vec<&[f32]> = inputs.iter().map(|input| &input[first..end]).collect();
                    let mut outputs: Vec<&mut [f32]> =
                        outputs.iter_mut().map(|output| &mut output[first..end]).collect();
                    batch.process(&inputs, &mut outputs);
                }
                for clip in 0..clips {
                    let alone = play(&model, path, &knobs(clip), &inputs[clip]);
                    let equal = outputs[clip].iter().zip(&alone).all(|(a, b)| a.to_bits() == b.to_bits());
                    assert!(equal, "{name} on {path}, clip {clip} of {clips}, is not as it is alone");
                    let error = error(&outputs[clip], &expected(&file, &knobs(clip), &inputs[clip]));
                    assert!(error <= TOLERANCE, "{name} on {path}, clip {clip} of {clips}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn a_clip_that_takes_anothers_place_starts_from_silence_and_disturbs_none() {
    let (name, file) = files().remove(3);
    let model = model(&file);
    let inputs = [signal(1, 200), signal(2, 200), signal(3, 200)];
    let mut batch = model.batch(Activations::Exact, 3);
    batch.set_control(1, 0, 0.9);
    let run = |batch: &mut neural::rnn::Batch| {
        let mut outputs = [vec![0.0; 200], vec![0.0; 200], vec![0.0; 200]];
        let [a, b, c] = &mut outputs;
        batch.process(&[&inputs[0], &inputs[1], &inputs[2]], &mut [a, b, c]);
        outputs
    };
    let first = run(&mut batch);
    batch.reset_clip(1);
    let second = run(&mut batch);
    assert!(first[1] == second[1], "{name}: the clip that was reset");
    assert!(first[0] != second[0] && first[2] != second[2], "{name}: the others go on");
    batch.reset();
    assert!(run(&mut batch) == first, "{name}: all of them");
}

#[test]
fn a_control_holds_from_the_next_frame_on() {
    let input = signal(8, 400);
    let changes = [(0, [0.1, 0.9]), (1, [0.7, 0.9]), (130, [0.7, 0.0]), (131, [1.0, 0.0]), (320, [0.0, 1.0])];
    let file = guitarml("LSTM", 3, 1, 32, 1, true);
    let model = model(&file);
    let mut network = model.network(Activations::Exact);
    let mut reference = Reference::new(&file);
    let (mut output, mut expected) = (vec![0.0; input.len()], Vec::new());
    for (change, (first, knobs)) in changes.iter().enumerate() {
        let end = changes.get(change + 1).map_or(input.len(), |next| next.0);
        knobs.iter().enumerate().for_each(|(index, knob)| network.set_control(index, *knob));
        network.process(&input[*first..end], &mut output[*first..end]);
        expected.extend(input[*first..end].iter().map(|x| reference.frame(*x, knobs)));
    }
    let error = error(&output, &expected);
    assert!(error <= TOLERANCE, "{error:e}");
}

#[test]
fn a_control_takes_the_nearest_value_of_its_range() {
    let model = model(&guitarml("LSTM", 2, 1, 8, 1, true));
    let input = signal(8, 100);
    let with = |knob: f32| play(&model, Path::best(), &[knob], &input);
    assert!(with(7.0) == with(1.0) && with(-3.0) == with(0.0) && with(f32::NAN) == with(0.0));
    assert!(with(1.0) != with(0.0));
    let default = model.controls()[0].default;
    assert!(play(&model, Path::best(), &[], &input) == with(default), "the default holds until another value is set");
}

#[test]
fn reset_returns_to_the_beginning_and_keeps_controls() {
    let input = signal(6, 500);
    for (name, file) in files() {
        let model = model(&file);
        let mut network = model.network(Activations::Exact);
        if !model.controls().is_empty() {
            network.set_control(0, 0.9);
        }
        let mut run = |reset: bool| {
            let mut output = vec![0.0; input.len()];
            if reset {
                network.reset();
            }
            network.process(&input, &mut output);
            output
        };
        let (first, second, third) = (run(false), run(false), run(true));
        assert!(first != second, "{name} has a history");
        assert!(first == third, "{name} begins anew");
    }
}

#[test]
fn processing_allocates_nothing() {
    for (_, file) in files() {
        let model = model(&file);
        let input = signal(1, 1000);
        let mut output = vec![0.0; input.len()];
        let mut network = model.network(Activations::Exact);
        let mut batch = model.batch(Activations::Exact, 2);
        let (left, right) = output.split_at_mut(500);
        let (inputs, mut outputs) = ([&input[..500], &input[500..]], [left, right]);
        assert_no_alloc(|| {
            if !model.controls().is_empty() {
                network.set_control(0, 0.3);
                batch.set_control(1, 0, 0.3);
            }
            network.process(inputs[0], outputs[0]);
            network.reset();
            batch.process(&inputs, &mut outputs);
            batch.reset_clip(1);
            batch.reset();
        });
    }
}

#[test]
fn fast_activations_are_near_the_exact_ones_and_not_the_same() {
    let input = signal(4, 2000);
    for (name, file) in files() {
        let model: Model = model(&file);
        let with = |activations| {
            let mut output = vec![0.0; input.len()];
            model.network(activations).process(&input, &mut output);
            output
        };
        let exact: Vec<f64> = with(Activations::Exact).into_iter().map(f64::from).collect();
        let error = error(&with(Activations::Fast), &exact);
        assert!(error > 0.0 && error < 1e-2, "{name}: {error:e}");
    }
}
