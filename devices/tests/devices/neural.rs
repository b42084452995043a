//! Networks as devices: what stands round them is exact, and what is in them is the neural crate's affair.

use std::path::PathBuf;

use audio::device::{DeviceError, Setup, Tail};
use audio::{Device, SampleRate};
use presets::Asset;

use crate::rig::*;

/// A file in a folder of its own, removed with it.
struct File {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn file(name: &str, text: &str) -> File {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file can be written");
    File { _folder: folder, path }
}

impl File {
    fn device(&self, name: &str) -> Box<dyn Device> {
        create_with(name, "model", Asset::File(self.path.clone()))
    }
}

/// A network whose output is its input plus half its knob.
fn plus_half_a_knob(metadata: &str) -> File {
    file(
        "plus.json",
        &format!(
            r#"{{"in_shape": [null, null, 2], "metadata": {metadata}, "layers": [{{"type": "dense", "activation": "",
            "shape": [null, null, 1], "weights": [[[1.0], [0.5]], [0.0]]}}]}}"#
        ),
    )
}

/// A filter of one sample: its output is its input times a factor.
fn times(factor: f64, rate: &str, metadata: &str) -> File {
    file(
        "times.nam",
        &format!(
            r#"{{"version": "0.5.4", "architecture": "Linear", "config": {{"receptive_field": 1, "bias": false}},
            "weights": [{factor}]{rate}, "metadata": {metadata}}}"#
        ),
    )
}

const AT_44100: &str = r#", "sample_rate": 44100"#;
const AT_48000: &str = r#", "sample_rate": 48000"#;

fn remarks(device: &mut dyn Device) -> Vec<String> {
    let processor = device.activate(Setup { sample_rate: RATE, max_block: 64 }).expect("it can be activated");
    let remarks = device.remarks();
    device.deactivate(processor);
    assert!(device.remarks().is_empty(), "remarks are of an activation");
    remarks
}

fn refusal(device: &mut dyn Device) -> String {
    let setup = Setup { sample_rate: RATE, max_block: 64 };
    device.activate(setup).err().expect("it refuses").to_string()
}

#[test]
fn a_network_is_mono_whatever_it_is_asked_for() {
    let mut device = create("nam");
    let ports = device.request_channels(Some(2), Some(2));
    assert_eq!((ports.main_inputs(), ports.main_outputs()), (1, 1));
    let mut run = activate(&mut *device, 1, 64, RATE);
    run.render(&mono(noise(1, 0.1, 64)), &[]);
    assert_eq!(run.processor.tail(), Tail::Unknown);
    assert_eq!(run.latency, 0);
}

#[test]
fn blocks_make_no_difference_beyond_rounding_at_the_models_rate_and_at_others() {
    for rate in [48_000, 44_100, 96_000] {
        let input = mono(noise(1, 0.3, 6000));
        let render = |block: usize| activate(&mut *create("nam"), 1, block, SampleRate(rate)).render(&input, &[]);
        let whole = render(6000);
        assert!(whole.peak() > 0.01, "there is something to hear");
        for block in [1, 63, 64, 512] {
            let parts = render(block);
            let off = whole.channel(0).iter().zip(parts.channel(0)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off <= 2e-5, "{rate} Hz in blocks of {block}: {off}");
        }
    }
}

#[test]
fn a_reset_starts_the_clip_again() {
    for rate in [48_000, 44_100] {
        let input = mono(noise(1, 0.3, 3000));
        let mut device = create("nam");
        let mut run = activate(&mut *device, 1, 512, SampleRate(rate));
        let first = run.render(&input, &[]);
        run.processor.reset();
        assert!(run.render(&input, &[]) == first, "{rate}");
    }
}

#[test]
fn an_impulse_through_a_model_of_another_rate_lands_on_its_frame_once_the_latency_is_removed() {
    let model = times(1.0, AT_44100, "null");
    let mut device = model.device("nam");
    for at in [0, 1, 1000] {
        let mut run = activate(&mut *device, 1, 512, RATE);
        let mut input = vec![0.0; 3000];
        input[at] = 1.0;
        let output = run.render(&mono(input), &[]);
        let samples = output.channel(0);
        let loudest = (0..3000).max_by(|a, b| samples[*a].total_cmp(&samples[*b]));
        assert_eq!(loudest, Some(at + run.latency as usize));
    }
    // A tone within both rates is the same tone, sample by sample.
    let input = sine(3000.0, 0.5, 6000);
    let mut run = activate(&mut *device, 1, 100, RATE);
    let output = run.render(&mono(input.clone()), &[]);
    let late = run.latency as usize;
    let off = (1000..5000).map(|n| (input[n] - output.channel(0)[n + late]).abs()).fold(0.0, f32::max);
    assert!(off < 3e-5, "{off}");
    assert_eq!(remarks(&mut *device), ["resampled round the model: 48000 Hz to 44100 Hz and back"]);
}

#[test]
fn another_rate_is_refused_on_request_and_a_senseless_one_always() {
    let model = times(1.0, AT_44100, "null");
    let mut device = model.device("nam");
    set(&mut *device, &[("Resample", "refuse")]);
    assert_eq!(
        refusal(&mut *device),
        "it cannot be activated: its model was made for 44100 Hz and the session has 48000 Hz, which resample: refuse does \
         not allow. Set audio: { sample_rate: 44100 }, or resample: around"
    );
    let error = |rate: &str| refusal(&mut *times(1.0, &format!(r#", "sample_rate": {rate}"#), "null").device("nam"));
    assert_eq!(
        error("44101"),
        "it cannot be activated: its model was made for 44101 Hz, which stands in no ratio of small whole numbers to the \
         session's 48000 Hz. Render at 44101 Hz, or correct the file"
    );
    for rate in ["44101.5", "440"] {
        assert_eq!(
            error(rate),
            format!(
                "it cannot be activated: its file states a sample rate of {rate} Hz, which no recording has. Correct the file"
            )
        );
    }
}

#[test]
fn without_settings_a_file_plays_its_own_arithmetic_to_the_bit() {
    let levels = r#"{"loudness": -30, "input_level_dbu": 18.3, "output_level_dbu": 12.3}"#;
    let model = times(1.0, AT_48000, levels);
    let mut device = model.device("nam");
    let input = mono(noise(1, 0.3, 1000));
    assert!(render(&mut *device, &input, &[]) == input);
    assert!(remarks(&mut *device).is_empty());
}

#[test]
fn gains_are_reckoned_from_the_files_levels_and_told() {
    let levels = r#"{"loudness": -30, "input_level_dbu": 18.5, "output_level_dbu": 12.5}"#;
    let model = times(1.0, AT_48000, levels);
    let mut device = model.device("nam");
    set(&mut *device, &[("Input", "calibrated"), ("Interface", "12.5 dBu"), ("Output", "normalized")]);
    let input = mono(sine(1000.0, 0.25, 4800));
    let gained = |device: &mut dyn Device| level(render(device, &input, &[]).channel(0)) - level(input.channel(0));
    assert!((gained(&mut *device) - 6.0).abs() < 1e-3, "-6 dB in, +12 dB out");
    assert_eq!(
        remarks(&mut *device),
        [
            "input -6 dB: the interface's 12.5 dBu at full scale against the model's 18.5 dBu",
            "output +12 dB: to -18 dB from the model's loudness of -30 dB",
        ]
    );
    set(&mut *device, &[("Input", "raw"), ("Interface", "10 dBu"), ("Output", "calibrated")]);
    assert!((gained(&mut *device) - 2.5).abs() < 1e-3);
}

#[test]
fn what_a_file_lacks_is_told_or_refused() {
    let model = times(1.0, "", "null");
    let mut device = model.device("nam");
    set(&mut *device, &[("Input", "calibrated"), ("Output", "normalized")]);
    assert_eq!(
        remarks(&mut *device),
        [
            "no input_level_dbu in the file: input raw",
            "no loudness in the file: output raw",
            "no sample_rate in the file: taken as 48000 Hz, as is customary",
        ]
    );
    set(&mut *device, &[("On missing", "error")]);
    let error = refusal(&mut *device);
    assert!(
        error.contains("times.nam has no input_level_dbu in its metadata, which input: calibrated needs"),
        "{error}"
    );
}

#[test]
fn knobs_are_parameters_that_turn_at_their_frame() {
    let model = plus_half_a_knob(r#"{"name": "Plus", "PARAM1": "Input"}"#);
    let mut device = model.device("rnn");
    let names: Vec<String> = device.parameters().into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["Resample", "Activations", "Input"]);
    assert!(parameter(&*device, "Input").flags.automatable);
    set(&mut *device, &[("Input", "0.25")]);
    let input = mono(vec![0.0; 1000]);
    for block in [1, 63, 512] {
        let turned = change(&*device, "Input", "1");
        let mut run = activate(&mut *device, 1, block, RATE);
        let output = run.render(&input, &[(333, turned)]);
        let expected = |n: usize| if n < 333 { 0.125 } else { 0.5 };
        let wrong = (0..1000).find(|n| (output.channel(0)[*n] - expected(*n)).abs() > 1e-6);
        assert_eq!(wrong, None, "in blocks of {block}");
        set(&mut *device, &[("Input", "0.25")]);
    }
    assert_eq!(remarks(&mut *device), ["no sample rate in the file: played at the session's 48000 Hz"]);
    let state = device.save_state().expect("it has a state");
    let mut other = model.device("rnn");
    other.load_state(&state).expect("it is its own state");
    assert_eq!(other.value(id(&*other, "Input")), Ok(0.25));
}

/// A GRU with a knob, whose numbers mean nothing.
fn gru(metadata: &str) -> File {
    let mut state = 7u32;
    let mut number = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / 16_777_216.0 - 0.5
    };
    let mut rows = |count: usize, width: usize| -> serde_json::Value {
        (0..count).map(|_| (0..width).map(|_| number()).collect::<Vec<f64>>()).collect()
    };
    let layers = serde_json::json!([
        {"type": "gru", "activation": "", "shape": [null, null, 5], "weights": [rows(2, 15), rows(5, 15), rows(2, 15)]},
        {"type": "dense", "activation": "", "shape": [null, null, 1], "weights": [rows(5, 1), [0.1]]},
    ]);
    file("gru.json", &format!(r#"{{"in_shape": [null, null, 2], "metadata": {metadata}, "layers": {layers}}}"#))
}

#[test]
fn two_channels_apart_are_what_two_instances_play_to_the_bit() {
    let sides = [noise(3, 0.4, 3000), noise(4, 0.3, 3000)];
    for metadata in [r#"{"samplerate": 48000}"#, r#"{"samplerate": 44100}"#] {
        let model = gru(metadata);
        let mut device = model.device("rnn");
        set(&mut *device, &[("PARAM1", "0.25")]);
        let events = [(777, change(&*device, "PARAM1", "1"))];
        for block in [63, 512] {
            let alone = sides.clone().map(|side| {
                let mut device = model.device("rnn");
                set(&mut *device, &[("PARAM1", "0.25")]);
                activate(&mut *device, 1, block, RATE).render(&mono(side), &events)
            });
            set(&mut *device, &[("PARAM1", "0.25")]);
            device.request_channels(Some(1), Some(1));
            assert!(device.play_apart());
            let mut run = start(&mut *device, block, RATE);
            let [left, right] = sides.clone();
            let both = run.render(&stereo(left, right), &events);
            assert!((0..2).all(|side| both.channel(side) == alone[side].channel(0)), "{metadata} in blocks of {block}");
            assert!(both.channel(0) != both.channel(1));
        }
    }
    assert!(!create("nam").play_apart() && !create("gain").play_apart());
}

#[test]
fn knobs_never_share_a_name_with_the_devices_own_settings() {
    let model = plus_half_a_knob(r#"{"PARAM1": "re_sample"}"#);
    let device = model.device("rnn");
    assert_eq!(device.parameters()[2].name, "re_sample 2");
}

#[test]
fn an_rnn_of_another_rate_is_resampled_too() {
    let model = plus_half_a_knob(r#"{"samplerate": "44100"}"#);
    let mut device = model.device("rnn");
    let turned = change(&*device, "PARAM1", "1");
    let mut run = activate(&mut *device, 1, 512, RATE);
    let output = run.render(&mono(vec![0.0; 4000]), &[(2000, turned)]);
    let late = run.latency as usize;
    assert!(late > 0);
    let samples = &output.channel(0)[late..];
    let crossing = samples.iter().position(|y| *y > 0.25).expect("the knob turns");
    assert!((2000..=2001).contains(&crossing), "{crossing}");
    assert!(samples[..1900].iter().all(|y| y.abs() < 1e-6) && samples[2200..].iter().all(|y| (y - 0.5).abs() < 1e-5));
}

#[test]
fn a_network_that_is_missing_or_broken_is_refused_with_its_file() {
    let error = devices::create("rnn", &Default::default()).err().expect("there is none embedded");
    assert!(matches!(&error, DeviceError::Load { .. }));
    assert!(error.to_string().contains("rnn:PATH"), "{error}");
    let broken = file(
        "broken.nam",
        r#"{"version": "0.5.4", "architecture": "Linear", "config": {"receptive_field": 2, "bias": false}, "weights": [1.0], "sample_rate": 48000}"#,
    );
    let assets = [("model".to_owned(), Asset::File(broken.path.clone()))].into();
    let error = devices::create("nam", &assets).err().expect("a weight is missing").to_string();
    assert!(error.starts_with(&format!("cannot use {}: weights", broken.path.display())), "{error}");
}

#[test]
fn what_a_file_says_of_itself_is_told() {
    let about = create("nam").about();
    let said = |name: &str| about.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str());
    assert_eq!(said("architecture"), Some("WaveNet"));
    assert_eq!(said("sample rate"), Some("48000 Hz"));
    assert!(said("modelled by").is_some_and(|by| by.contains("gx_redeye chump")));
    assert!(said("validation_esr").is_some_and(|ratio| ratio.starts_with("0.09")));
    let model = plus_half_a_knob(r#"{"name": "Plus", "author": "nobody"}"#);
    let about = model.device("rnn").about();
    let told: Vec<String> = about.iter().map(|fact| format!("{}: {}", fact.name, fact.value)).collect();
    assert_eq!(
        told,
        [
            "model: Plus",
            "file of: RTNeural or AIDA-X",
            "architecture: Dense 1",
            "sample rate: not stated; taken as the session's",
            "author: nobody",
        ]
    );
}
