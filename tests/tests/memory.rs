//! What a long song takes of memory, through the real binary.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use tonemill_tests::{Place, alive_with};

/// Low, so that minutes of sound take seconds.
const RATE: u32 = 24_000;

/// Two recordings, one at another rate, through devices, a bus and a master that is finished: all that handles sound while
/// a session renders.
const JOB: &str = "tonemill: 1
name: long
audio: { sample_rate: 24000 }
session:
  tracks:
    dry:
      audio: dry.wav
      tone: [{ eq: { Peak 1 Gain: 3 } }]
      pan: -20
      sends: { room: -12 dB }
      automation:
        gain: [[0s, 0 dB, linear], [50s, -6 dB]]
    low: { audio: low.wav, gain: -3 dB, sends: { room: -6 dB } }
  busses:
    room: { chain: [{ compressor: { Threshold: -20, Ratio: 2 }, sidechain: dry }] }
  master: { loudness: -16 LUFS, ceiling: -1 dBTP }
output:
  path: \"out/{name}.wav\"
  bits: 32f
  deliver: [mix, premaster]
";

/// Writes a mono recording of 16 bits, piece by piece.
fn record(path: &Path, rate: u32, seconds: u32) {
    let bytes = rate * seconds * 2;
    let mut file = BufWriter::new(File::create(path).expect("a recording can be made"));
    let mut put = |bytes: &[u8]| file.write_all(bytes).expect("a recording can be written");
    put(b"RIFF");
    put(&(36 + bytes).to_le_bytes());
    put(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    put(&rate.to_le_bytes());
    put(&(rate * 2).to_le_bytes());
    put(b"\x02\0\x10\0data");
    put(&bytes.to_le_bytes());
    let wave = |frame: u32| (8_000.0 * (f64::from(frame) * 2_000.0 / f64::from(rate)).sin()) as i16;
    let second: Vec<u8> = (0..rate).flat_map(|frame| wave(frame).to_le_bytes()).collect();
    (0..seconds).for_each(|_| put(&second));
}

/// Renders the session over so many seconds. Gives the most KiB that each process held at once, by the command that it runs.
fn peaks(seconds: u32) -> BTreeMap<String, u64> {
    let place = Place::new();
    place.write("job.yaml", JOB);
    record(&place.path("dry.wav"), RATE, seconds);
    record(&place.path("low.wav"), 22_050, seconds);
    let marker = format!("TONEMILL_TEST_MARKER=memory-{}-{seconds}", std::process::id());
    let (name, value) = marker.split_once('=').expect("it is an assignment");
    let mut command = place.command(&["render", "job.yaml", "--workers", "1"]);
    let mut running = command.env(name, value).spawn().expect("the command starts");
    let mut peaks = BTreeMap::new();
    let status = loop {
        for process in alive_with(&marker) {
            // The system keeps the highest: whoever looks now and then misses little.
            let told = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let most: Option<u64> =
                told.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
            // The command and its worker are one program with another first word.
            let words = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
            if let (Some(word), Some(most)) = (words.split('\0').nth(1), most) {
                let peak = peaks.entry(word.to_owned()).or_insert(0);
                *peak = most.max(*peak);
            }
        }
        if let Some(status) = running.try_wait().expect("the command can be waited for") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{status}");
    let frames: Vec<_> =
        place.manifest("out/manifest.jsonl").iter().map(|line| line["file"]["frames"].as_u64()).collect();
    assert_eq!(frames, vec![Some(u64::from(RATE * seconds)); 2], "both mixes are as long as the song");
    peaks
}

#[test]
fn a_song_of_eight_minutes_takes_no_more_memory_than_one_of_one() {
    let (short, long) = (peaks(60), peaks(480));
    for command in ["render", "worker"] {
        let [short, long] = [&short, &long].map(|peaks| peaks.get(command).copied());
        let (Some(short), Some(long)) = (short, long) else { panic!("{command}: {short:?} and {long:?} KiB") };
        // A worker takes 20 MB, and each minute of each mix is 11 MB.
        assert!(long * 100 <= short * 115, "{command}: {short} KiB for a minute, {long} KiB for eight");
    }
}
