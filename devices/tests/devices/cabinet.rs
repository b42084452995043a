//! The cabinet: convolution, alignment and what it refuses.

use std::path::{Path, PathBuf};

use audio::device::DeviceError;
use audio::{Buffer, SampleRate};
use presets::Asset;

use crate::rig::*;
use crate::spectrum::gain_db;

/// A WAV file of 32-bit floats in the test's own folder.
fn wav(name: &str, rate: u32, channels: &[Vec<f32>]) -> PathBuf {
    let count = channels.len() as u16;
    let frames = channels.first().map_or(0, Vec::len);
    let data: Vec<u8> = (0..frames).flat_map(|n| channels.iter().flat_map(move |c| c[n].to_le_bytes())).collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x03\0");
    bytes.extend(count.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * 4 * u32::from(count)).to_le_bytes());
    bytes.extend((4 * count).to_le_bytes());
    bytes.extend(32u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cabinet");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("the file can be written");
    path
}

fn cabinet(path: &Path, values: &[(&str, &str)]) -> Box<dyn audio::Device> {
    let mut device = create_with("cabinet", "ir", Asset::File(path.to_owned()));
    set(&mut *device, values);
    device
}

fn refusal(path: &Path) -> DeviceError {
    let assets = [("ir".to_owned(), Asset::File(path.to_owned()))].into();
    devices::create("cabinet", &assets).err().expect("the file is refused")
}

/// The sum of products, as the textbook has it.
fn direct(input: &[f32], response: &[f32]) -> Vec<f64> {
    let at = |n: usize| {
        let taps = response.iter().take(n + 1).enumerate();
        taps.map(|(k, tap)| f64::from(*tap) * f64::from(input[n - k])).sum()
    };
    (0..input.len()).map(at).collect()
}

#[test]
fn the_output_is_the_convolution_from_the_first_frame() {
    let response: Vec<f32> = noise(3, 0.05, 3000);
    let path = wav("plain.wav", 48_000, std::slice::from_ref(&response));
    let input = noise(4, 0.5, 6000);
    let mut device = cabinet(&path, &[("Normalize", "off")]);
    let output = render(&mut *device, &mono(input.clone()), &[]);
    assert_eq!(device.latency(), 0);
    for (n, expected) in direct(&input, &response).iter().enumerate() {
        // Transforms in 32 bits: 115 dB below the output's level of -5 dB.
        assert!((f64::from(output.channel(0)[n]) - expected).abs() < 1e-6, "frame {n}");
    }
}

#[test]
fn a_response_of_one_impulse_changes_nothing() {
    let path = wav("unit.wav", 48_000, &[vec![1.0]]);
    let input = stereo(noise(1, 0.5, 1000), noise(2, 0.5, 1000));
    assert_eq!(render(&mut *cabinet(&path, &[]), &input, &[]), input);
}

#[test]
fn stereo_responses_make_stereo_of_mono_and_mono_ones_keep_both_sides_apart() {
    let (left, right) = (vec![0.5, 0.25], vec![0.0, 0.0, -0.5]);
    let padded = vec![left[0], left[1], 0.0];
    let path = wav("stereo.wav", 48_000, &[padded, right]);
    let mut device = cabinet(&path, &[("Normalize", "off")]);
    let ports = device.request_channels(Some(1), None);
    assert_eq!((ports.main_inputs(), ports.main_outputs()), (1, 2));
    let output = render(&mut *device, &mono(impulse(4)), &[]);
    assert_eq!(
        (output.channel(0), output.channel(1)),
        ([0.5, 0.25, 0.0, 0.0].as_slice(), [0.0, 0.0, -0.5, 0.0].as_slice())
    );
    let output = render(&mut *device, &stereo(impulse(4), vec![0.0; 4]), &[]);
    assert_eq!(output.channel(1), [0.0; 4]);

    let path = wav("mono.wav", 48_000, &[vec![0.5, 0.25]]);
    let output =
        render(&mut *cabinet(&path, &[("Normalize", "off")]), &stereo(impulse(4), vec![0.0, 1.0, 0.0, 0.0]), &[]);
    assert_eq!(
        (output.channel(0), output.channel(1)),
        ([0.5, 0.25, 0.0, 0.0].as_slice(), [0.0, 0.5, 0.25, 0.0].as_slice())
    );
}

#[test]
fn a_normalised_response_leaves_white_noise_as_loud_as_it_was() {
    let path = wav("loud.wav", 48_000, &[noise(3, 4.0, 500)]);
    let input = noise(4, 0.3, 96_000);
    let output = render(&mut *cabinet(&path, &[]), &mono(input.clone()), &[]);
    let gain = level(&output.channel(0)[500..]) - level(&input);
    // Half a decibel: a finite stretch of noise is not quite white.
    assert!(gain.abs() < 0.5, "{gain}");
}

#[test]
fn level_and_mix_do_what_they_say() {
    let path = wav("half.wav", 48_000, &[vec![0.0, 1.0]]);
    let output = render(&mut *cabinet(&path, &[("Level", "-6 dB"), ("Mix", "25 %")]), &mono(impulse(3)), &[]);
    let wet = 0.25 * 10f64.powf(-0.3);
    assert_eq!(output.channel(0), [0.75, wet as f32, 0.0]);
}

#[test]
fn what_comes_before_a_response_arrives_is_latency_where_that_is_asked_for() {
    let mut far = vec![0.0; 100];
    far.extend([0.3, -1.0, 0.5]);
    let path = wav("far.wav", 48_000, std::slice::from_ref(&far));
    let values = |mix: &'static str| [("Normalize", "off"), ("Trim predelay", "on"), ("Mix", mix)];
    let mut input = impulse(300);
    input[7] = 0.5;
    let mut device = cabinet(&path, &values("100 %"));
    let output = render(&mut *device, &mono(input.clone()), &[]);
    assert_eq!(device.latency(), 101);
    let mut plain = cabinet(&path, &[("Normalize", "off")]);
    assert_eq!(render(&mut *plain, &mono(input.clone()), &[]), output, "the sound stays as it is");
    assert_eq!(plain.latency(), 0);
    // What is mixed in stands in the frame of the arrival.
    let mixed = render(&mut *cabinet(&path, &values("50 %")), &mono(input.clone()), &[]);
    for frame in 0..300usize {
        let dry = frame.checked_sub(101).map_or(0.0, |frame| f64::from(input[frame]));
        let expected = 0.5 * dry + 0.5 * f64::from(output.channel(0)[frame]);
        assert!((f64::from(mixed.channel(0)[frame]) - expected).abs() < 1e-6, "frame {frame}");
    }
    // The sides of a stereo response keep the time between them.
    let side = |at: usize| (0..80).map(|n| if n == at { 1.0 } else { 0.0 }).collect::<Vec<f32>>();
    let path = wav("apart.wav", 48_000, &[side(60), side(40)]);
    let mut device = cabinet(&path, &values("100 %"));
    let output = render(&mut *device, &mono(impulse(100)), &[]);
    assert_eq!(device.latency(), 40);
    let first = |channel: usize| output.channel(channel).iter().position(|sample| sample.abs() > 0.5);
    assert_eq!([first(0), first(1)], [Some(60), Some(40)]);
}

#[test]
fn a_response_of_another_rate_sounds_alike() {
    let reference = create("cabinet");
    let mut reference = reference;
    let at_home = activate(&mut *reference, 1, 512, RATE).render(&mono(impulse(8000)), &[]);
    for rate in [44_100, 96_000] {
        let mut device = create("cabinet");
        let abroad = activate(&mut *device, 1, 512, SampleRate(rate)).render(&mono(impulse(16_000)), &[]);
        for hertz in [100.0, 440.0, 1000.0, 2500.0, 5000.0, 9000.0] {
            let difference =
                gain_db(abroad.channel(0), hertz, f64::from(rate)) - gain_db(at_home.channel(0), hertz, RATE.hz());
            // The resampling filter's ringing before frame 0 is cut off, which shows where little is left.
            let tolerance = if hertz > 5000.0 { 0.5 } else { 0.1 };
            assert!(difference.abs() < tolerance, "{rate}, {hertz} Hz: {difference} dB");
        }
        let mut device = made("cabinet", &[("Normalize", "off")]);
        let mut home = made("cabinet", &[("Normalize", "off")]);
        let abroad = activate(&mut *device, 1, 512, SampleRate(rate)).render(&mono(impulse(16_000)), &[]);
        let home = activate(&mut *home, 1, 512, RATE).render(&mono(impulse(8000)), &[]);
        let difference =
            gain_db(abroad.channel(0), 1000.0, f64::from(rate)) - gain_db(home.channel(0), 1000.0, RATE.hz());
        assert!(difference.abs() < 0.05, "{rate}: {difference} dB");
    }
}

#[test]
fn the_shipped_cabinet_is_a_guitar_cabinet() {
    let output = render(&mut *create("cabinet"), &mono(impulse(4096)), &[]);
    let at = |hertz: f64| gain_db(output.channel(0), hertz, RATE.hz());
    assert!(at(30.0) < at(110.0) - 10.0);
    assert!(at(8000.0) < at(2500.0) - 25.0 && at(16_000.0) < at(2500.0) - 55.0);
    let mut wide = create_with("cabinet", "ir", Asset::Embedded("cabinet-4x12-stereo".to_owned()));
    let output = render(&mut *wide, &mono(impulse(4096)), &[]);
    assert_eq!(output.channel_count(), 2);
    assert_ne!(output.channel(0), output.channel(1));
}

#[test]
fn files_that_are_no_impulse_responses_are_refused_with_a_reason() {
    let three = wav("three.wav", 48_000, &[vec![1.0], vec![1.0], vec![1.0]]);
    let silent = wav("silent.wav", 48_000, &[vec![0.0; 10]]);
    let long = wav("long.wav", 8_000, &[noise(1, 1.0, 240_001)]);
    let text = wav("text.wav", 48_000, &[vec![1.0]]);
    std::fs::write(&text, "no sound at all").expect("the file can be written");
    let missing = text.with_file_name("missing.wav");
    for (path, reason) in [
        (&three, "it has 3 channels, an impulse response has one or two"),
        (&silent, "it is silent"),
        (&long, "it lasts 30.0 s, 30 s is the longest impulse response"),
        (&text, "WAV, FLAC, MP3"),
        (&missing, "there is no such file"),
    ] {
        let error = refusal(path);
        assert!(matches!(error, DeviceError::Asset { .. }));
        let words = error.to_string();
        assert!(words.contains(reason) && words.contains(&*path.to_string_lossy()), "{words}");
    }
}

#[test]
fn the_tail_is_the_response_s_length() {
    let path = wav("tail.wav", 48_000, &[noise(1, 0.1, 777)]);
    let mut device = cabinet(&path, &[]);
    let mut run = activate(&mut *device, 1, 512, RATE);
    run.render(&mono(noise(2, 0.5, 1000)), &[]);
    assert_eq!(run.tail_frames(), 776);
    let after = run.render(&Buffer::new(1, 2000), &[]);
    assert!(after.channel(0)[775].abs() > 0.0);
    // What the transforms leave is rounding.
    assert!(after.channel(0)[776..].iter().all(|s| s.abs() < 1e-6));
}
