//! What a stream holds does not grow with its length. Alone in its file: it looks at the memory of the whole process.

#![cfg(target_os = "linux")]

use std::fs::File;

use tonemill_audio::format::{Container, Depth, FileFormat};
use tonemill_audio::stream::{ChannelPick, Pick, at_rate, open};
use tonemill_audio::write::Writer;
use tonemill_audio::{Buffer, SampleRate, Stream};

/// The memory that this process uses, in KiB.
fn used_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn reading_and_resampling_a_long_recording_takes_no_more_memory_than_a_short_one() {
    let folder = tempfile::tempdir().unwrap();
    for container in [Container::Wav, Container::Flac] {
        let path = folder.path().join("file");
        let play = |seconds: usize| {
            let format = FileFormat { container, depth: Depth::Int16 };
            let mut writer = Writer::create(File::create(&path).unwrap(), format, SampleRate(44_100), 2, 1).unwrap();
            let second = Buffer::from_channels(vec![(0..44_100).map(|n| (n as f32 * 0.07).sin()).collect(); 2]);
            (0..seconds).for_each(|_| writer.write(&second).unwrap());
            writer.finish().unwrap();
            let (stream, rate) = open(&path).unwrap();
            let mut stream = Pick::new(at_rate(stream, rate, SampleRate(48_000)).unwrap(), ChannelPick::Swap);
            let mut block = Buffer::new(2, 512);
            let (mut peak, mut used) = (0.0f32, 0);
            for at in 0..stream.frames().div_ceil(512) {
                stream.read(&mut block).unwrap();
                peak = peak.max(block.peak());
                if at % 64 == 0 {
                    used = used.max(used_kib());
                }
            }
            assert!((0.9..1.2).contains(&peak), "{peak}");
            used
        };
        let short = play(2);
        // The long one is 42 MB as samples.
        let grown = play(120).saturating_sub(short);
        assert!(grown < 4_096, "{container:?}: {grown} KiB more for two minutes than for two seconds");
    }
}
