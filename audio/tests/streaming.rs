//! Recordings of every format come in pieces as they come whole, and what is held of them does not grow.

mod files;

use std::fs::File;

use tonemill_audio::format::{Container, Depth, FileFormat};
use tonemill_audio::read::{ReadProblem, open, open_bytes, read_bytes};
use tonemill_audio::write::Writer;
use tonemill_audio::{Buffer, SampleRate};

#[test]
fn pieces_of_any_size_are_the_whole_and_silence_follows() {
    for (name, bytes) in files::of_every_kind(12_345) {
        let whole = read_bytes(&name, bytes.clone()).unwrap();
        for size in [1, 100, 1_152, 5_000, 100_000] {
            let (mut stream, rate) = open_bytes(&name, bytes.clone()).unwrap();
            let frames = whole.buffer.frames();
            assert_eq!((stream.frames(), stream.channels(), rate), (frames as u64, 2, whole.sample_rate), "{name}");
            let (mut out, mut piece) = (Buffer::new(2, 0), Buffer::new(2, size));
            while out.frames() < frames + size {
                stream.read(&mut piece).unwrap();
                out.append(&piece);
            }
            assert!(out.channels().all(|samples| samples[frames..].iter().all(|&s| s == 0.0)), "{name} by {size}");
            out.resize(frames);
            assert!(out == whole.buffer, "{name} in pieces of {size}");
        }
    }
}

#[test]
fn what_follows_skipped_frames_is_what_follows_them_in_the_whole() {
    for (name, bytes) in files::of_every_kind(12_345) {
        let whole = read_bytes(&name, bytes.clone()).unwrap();
        for (before, skipped) in [(0, 1), (0, 5_000), (100, 4_096), (1_000, 11_344), (1_000, 11_345), (0, 1_000_000)] {
            let (mut stream, _) = open_bytes(&name, bytes.clone()).unwrap();
            stream.read(&mut Buffer::new(2, before)).unwrap();
            stream.skip(skipped).unwrap();
            let mut piece = Buffer::from_channels(vec![vec![9.0; 3_000]; 2]);
            stream.read(&mut piece).unwrap();
            let from = (before + skipped as usize).min(whole.buffer.frames());
            let until = (from + 3_000).min(whole.buffer.frames());
            for (piece, whole) in piece.channels().zip(whole.buffer.channels()) {
                assert!(piece[..until - from] == whole[from..until], "{name}: {skipped} behind {before}");
                assert!(piece[until - from..].iter().all(|sample| *sample == 0.0), "{name}: {skipped} behind {before}");
            }
        }
    }
}

#[test]
fn a_file_is_read_by_its_handle_though_its_name_is_taken_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files::of_every_kind(12_345) {
        let path = folder.path().join("file");
        std::fs::write(&path, &bytes).unwrap();
        let (mut stream, _) = open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"something else").unwrap();
        let mut out = Buffer::new(2, stream.frames() as usize);
        stream.read(&mut out).unwrap();
        assert!(out == read_bytes(&name, bytes).unwrap().buffer, "{name}");
    }
}

#[test]
fn what_is_wrong_with_the_sound_fails_the_piece_that_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.wav");
    let format = FileFormat { container: Container::Wav, depth: Depth::Float32 };
    let mut writer = Writer::create(File::create(&path).unwrap(), format, SampleRate(48_000), 2, 1).unwrap();
    writer.write(&Buffer::new(2, 1_000)).unwrap();
    writer.finish().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 1_000 * 8 + 700 * 8 + 4;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    for size in [1, 64, 1_000] {
        let (mut stream, _) = open_bytes("nan", bytes.clone()).unwrap();
        let mut piece = Buffer::new(2, size);
        let (pieces, error) = (0..).find_map(|n| stream.read(&mut piece).err().map(|error| (n, error))).unwrap();
        assert!(matches!(error.problem, ReadProblem::NonFinite { channel: 1, frame: 700 }), "{error}");
        assert_eq!(pieces, 700 / size);
    }

    // A changed bit in FLAC costs a frame or breaks the checksum of the whole, which shows at the latest at the end.
    let (name, mut flac) = files::of_every_kind(12_345).pop().unwrap();
    let at = flac.len() / 2;
    flac[at] ^= 1;
    let (mut stream, _) = open_bytes(&name, flac).unwrap();
    let mut piece = Buffer::new(2, 100);
    let failed = (0..124).find_map(|_| stream.read(&mut piece).err());
    let problem = failed.expect("it is noticed").problem;
    assert!(matches!(problem, ReadProblem::Damaged { .. } | ReadProblem::Truncated { .. }), "{problem}");
}
