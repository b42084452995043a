//! Recordings are read whole and in place, or refused with a reason.

use std::f64::consts::TAU;
use std::path::Path;

use tonemill_audio::SampleRate;
use tonemill_audio::read::{ReadProblem, probe, probe_bytes, read, read_bytes};

const MP3: &[u8] = include_bytes!("files/tones.mp3");
const OGG: &[u8] = include_bytes!("files/tones.ogg");

/// A WAV file of one `fmt ` and one `data` chunk.
fn wav(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let align = channels * bits.div_ceil(8);
    let mut file = Vec::new();
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + data.len() as u32).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0");
    file.extend_from_slice(&tag.to_le_bytes());
    file.extend_from_slice(&channels.to_le_bytes());
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&(rate * u32::from(align)).to_le_bytes());
    file.extend_from_slice(&align.to_le_bytes());
    file.extend_from_slice(&bits.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&(data.len() as u32).to_le_bytes());
    file.extend_from_slice(data);
    file
}

fn problem(bytes: Vec<u8>) -> ReadProblem {
    let probed = probe_bytes("probed", bytes.clone()).map(|_| ());
    let problem = read_bytes("read", bytes).expect_err("it is refused").problem;
    // Samples are not looked at by a probe; everything else must be found before rendering starts.
    if !matches!(problem, ReadProblem::NonFinite { .. }) {
        assert_eq!(probed.expect_err("the probe refuses it too").problem.to_string(), problem.to_string());
    }
    problem
}

/// The frame by which `samples` lag behind the tone of the fixtures, by the phase of the tone over its loud part.
fn lag(samples: &[f32], frequency: f64) -> f64 {
    let (mut re, mut im, mut reference_re, mut reference_im) = (0.0, 0.0, 0.0, 0.0);
    for (frame, &sample) in samples.iter().enumerate().take(4_000).skip(1_200) {
        let t = (frame as f64 - 1_000.0) / 44_100.0;
        let tone = 0.5 * (TAU * frequency * t).sin() * (-8.0 * t).exp();
        let (sin, cos) = (TAU * frequency * t).sin_cos();
        re += f64::from(sample) * cos;
        im += f64::from(sample) * sin;
        reference_re += tone * cos;
        reference_im += tone * sin;
    }
    (reference_im.atan2(reference_re) - im.atan2(re)) / TAU * (44_100.0 / frequency)
}

#[test]
fn mp3_and_vorbis_start_at_the_first_encoded_frame_and_have_the_encoded_length() {
    for (name, bytes) in [("mp3", MP3), ("ogg", OGG)] {
        let recording = read_bytes(name, bytes).unwrap();
        assert_eq!(recording.buffer.frames(), 12_000, "{name}");
        assert_eq!((recording.sample_rate, recording.bits), (SampleRate(44_100), None));
        // Phase alone repeats with each period; the onset tells the periods apart.
        let onset = recording.buffer.channel(0).iter().position(|s| s.abs() > 0.1).unwrap();
        assert!((1_000..1_012).contains(&onset), "{name} sets in at {onset}");
        for (channel, frequency) in [(0, 997.0), (1, 1_499.0)] {
            let lag = lag(recording.buffer.channel(channel), frequency);
            assert!(lag.abs() < 0.1, "{name} channel {channel} is {lag} frames late");
        }
        let shape = probe_bytes(name, bytes).unwrap();
        assert_eq!((shape.frames, shape.channels, shape.sample_rate), (12_000, 2, SampleRate(44_100)), "{name}");
    }
}

#[test]
fn an_mp3_without_a_length_tag_is_read_to_its_end() {
    // The first frame of 417 bytes is the tag; behind it the stream is one of unknown length with changing bit rates.
    let recording = read_bytes("bare", &MP3[417..]).unwrap();
    assert_eq!(recording.buffer.frames(), 12 * 1_152);
    assert_eq!(probe_bytes("bare", &MP3[417..]).unwrap().frames, 12 * 1_152);
}

#[test]
fn tags_around_an_mp3_are_passed_over() {
    let tagged = [b"ID3\x03\0\0\0\0\0\x0a", &[0; 10][..], MP3, b"TAG", &[0x20; 125]].concat();
    assert_eq!(probe_bytes("tagged", tagged.clone()).unwrap().frames, 12_000);
    assert!(read_bytes("tagged", tagged).unwrap() == read_bytes("plain", MP3).unwrap());
}

#[test]
fn integers_of_every_width_scale_to_the_same_range() {
    let cases: [(u16, &[u8]); 4] = [
        (8, &[0x00, 0x80, 0xc0]),
        (16, &[0x00, 0x80, 0, 0, 0x00, 0x40]),
        (24, &[0, 0, 0x80, 0, 0, 0, 0, 0, 0x40]),
        (32, &[0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x40]),
    ];
    for (bits, data) in cases {
        let recording = read_bytes("wav", wav(1, 1, 48_000, bits, data)).unwrap();
        assert_eq!(recording.buffer.channel(0), [-1.0, 0.0, 0.5], "{bits} bits");
        assert_eq!(recording.bits, Some(bits));
    }
}

#[test]
fn floats_of_both_widths_are_taken_as_they_are() {
    let single: Vec<u8> = [1.5f32, -0.25].iter().flat_map(|s| s.to_le_bytes()).collect();
    let double: Vec<u8> = [1.5f64, -0.25].iter().flat_map(|s| s.to_le_bytes()).collect();
    for (bits, data) in [(32, single), (64, double)] {
        let recording = read_bytes("wav", wav(3, 2, 96_000, bits, &data)).unwrap();
        assert_eq!(recording.buffer.channel(0), [1.5]);
        assert_eq!(recording.buffer.channel(1), [-0.25]);
    }
}

#[test]
fn an_extensible_header_states_its_valid_bits() {
    let mut file =
        b"RIFF\0\0\0\0WAVEfmt \x28\0\0\0\xfe\xff\x01\0\x80\xbb\0\0\x80\x32\x02\0\x03\0\x18\0\x16\0\x14\0".to_vec();
    file.extend_from_slice(b"\x04\0\0\0\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    file.extend_from_slice(b"data\x03\0\0\0\0\0\x40");
    let recording = read_bytes("wav", file).unwrap();
    assert_eq!(recording.bits, Some(20));
    assert_eq!(recording.buffer.channel(0), [0.5]);
}

#[test]
fn rf64_takes_its_length_from_the_ds64_chunk() {
    let plain = wav(1, 1, 48_000, 16, &[0, 0x40, 0, 0xc0]);
    let mut file = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
    file.extend_from_slice(&72u64.to_le_bytes());
    file.extend_from_slice(&4u64.to_le_bytes());
    file.extend_from_slice(&2u64.to_le_bytes());
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(&plain[12..40]);
    file.extend_from_slice(b"\xff\xff\xff\xff");
    file.extend_from_slice(&plain[44..]);
    assert_eq!(read_bytes("rf64", file.clone()).unwrap().buffer.channel(0), [0.5, -0.5]);
    file.pop();
    assert!(matches!(problem(file), ReadProblem::Truncated { promised: 2, present: 1, .. }));
}

#[test]
fn a_wav_of_unknown_length_goes_to_its_end_and_chunks_around_the_data_are_skipped() {
    let mut file = wav(1, 1, 48_000, 16, &[0, 0x40, 0, 0xc0]);
    file[40..44].fill(0xff);
    assert_eq!(read_bytes("piped", file).unwrap().buffer.frames(), 2);

    let plain = wav(1, 1, 48_000, 16, &[0, 0x40, 0, 0xc0]);
    let mut file = plain[..12].to_vec();
    file.extend_from_slice(b"LIST\x03\0\0\0abc\0");
    file.extend_from_slice(&plain[12..]);
    file.extend_from_slice(b"LIST\x04\0\0\0abcd");
    assert_eq!(read_bytes("tagged", file).unwrap().buffer.channel(0), [0.5, -0.5]);
}

#[test]
fn a_truncated_wav_is_refused_with_both_lengths() {
    let mut file = wav(1, 2, 48_000, 16, &[0; 4 * 100]);
    file.truncate(file.len() - 1);
    assert!(matches!(problem(file.clone()), ReadProblem::Truncated { promised: 100, present: 99, unit: "frames" }));
    file.truncate(44);
    assert!(matches!(problem(file.clone()), ReadProblem::Truncated { promised: 100, present: 0, .. }));
    for length in [1, 4, 11, 12, 19, 30, 36, 43] {
        let problem = problem(file[..length].to_vec());
        assert!(
            matches!(problem, ReadProblem::EndMissing { .. } | ReadProblem::NotAudio { .. }),
            "{length} bytes: {problem}"
        );
    }
}

#[test]
fn truncated_mp3_and_ogg_are_refused() {
    assert!(matches!(problem(MP3[..3_000].to_vec()), ReadProblem::Truncated { promised: 12_000, .. }));
    assert!(matches!(problem(OGG[..5_000].to_vec()), ReadProblem::EndMissing { .. }));
}

#[test]
fn headers_that_make_no_sense_are_refused() {
    let mut no_channels = wav(1, 1, 48_000, 16, &[0; 4]);
    no_channels[22] = 0;
    assert!(matches!(problem(no_channels), ReadProblem::NoChannels));
    assert!(matches!(problem(wav(1, 65, 48_000, 16, &[0; 130])), ReadProblem::TooManyChannels { channels: 65 }));
    assert!(matches!(problem(wav(1, 1, 0, 16, &[0; 4])), ReadProblem::Rate { sample_rate: 0 }));
    assert!(matches!(problem(wav(1, 1, 2_000_000_000, 8, &[0; 4])), ReadProblem::Rate { .. }));
    assert!(matches!(problem(wav(1, 1, 48_000, 16, &[])), ReadProblem::NoFrames));
    assert!(matches!(problem(wav(0x11, 1, 48_000, 16, &[0; 4])), ReadProblem::Unsupported { .. }));
    assert!(matches!(problem(wav(3, 1, 48_000, 16, &[0; 4])), ReadProblem::Damaged { .. }));
}

#[test]
fn a_sample_that_is_no_number_is_named() {
    let data: Vec<u8> = [0.0f32, 0.0, 0.0, f32::NAN].iter().flat_map(|s| s.to_le_bytes()).collect();
    assert!(matches!(problem(wav(3, 2, 48_000, 32, &data)), ReadProblem::NonFinite { channel: 1, frame: 1 }));
}

#[test]
fn a_file_that_is_something_else_is_called_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, expected) in [
        ("song.flac", &b"MThd\0\0\0\x06\0\x01\0\x01\0\x60MTrk"[..], "a MIDI file"),
        ("notes.wav", &b"These are notes about a recording.\n"[..], "a text file"),
        ("noise.wav", &[0x93, 0x01, 0xfe, 0x80, 0x81, 0x82, 0x07, 0x01][..], "of no known audio format"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        for error in [read(&path).expect_err("refused"), probe(&path).expect_err("refused")] {
            let message = error.to_string();
            assert!(message.contains(expected) && message.contains(name), "{message}");
        }
    }
}

#[test]
fn missing_empty_and_unsuitable_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.wav");
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(read(&path).unwrap_err().problem, ReadProblem::Empty));
    assert!(matches!(read(Path::new("nowhere.wav")).unwrap_err().problem, ReadProblem::Missing));
    assert!(matches!(read(folder.path()).unwrap_err().problem, ReadProblem::NotAFile));
    assert_eq!(
        probe(Path::new("nowhere.wav")).unwrap_err().to_string(),
        "cannot read nowhere.wav: there is no such file. Check the path; relative paths start at the job file's folder"
    );
}
