//! Small files of every format that is read.

use std::fs::File;

use tonemill_audio::format::{Container, Depth, FileFormat};
use tonemill_audio::write::Writer;
use tonemill_audio::{Buffer, SampleRate};

/// One whole file of each kind, by name; those that are written here have so many frames.
pub fn of_every_kind(frames: usize) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let mut files = vec![
        ("mp3".to_owned(), include_bytes!("tones.mp3").to_vec()),
        ("ogg".to_owned(), include_bytes!("tones.ogg").to_vec()),
    ];
    for (container, depth) in [
        (Container::Wav, Depth::Int16),
        (Container::Wav, Depth::Int24),
        (Container::Wav, Depth::Float32),
        (Container::Flac, Depth::Int16),
        (Container::Flac, Depth::Int24),
    ] {
        let path = folder.path().join("file");
        let format = FileFormat { container, depth };
        let mut writer = Writer::create(File::create(&path).unwrap(), format, SampleRate(44_100), 2, 1).unwrap();
        let channel = |f: f32| (0..frames).map(|n| 0.4 * (n as f32 * f).sin()).collect();
        writer.write(&Buffer::from_channels(vec![channel(0.05), channel(0.031)])).unwrap();
        writer.finish().unwrap();
        files.push((format!("{container:?} {depth:?}"), std::fs::read(&path).unwrap()));
    }
    files
}
