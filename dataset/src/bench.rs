//! What the tests of this crate share.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audio::SampleRate;
use audio::read::Shape;
use jobs::task::Deliver;
use serde_json::{Value, json};

use crate::entry::{Entry, Measured, Sound};

/// A folder, removed at the end.
pub struct Bench(tempfile::TempDir);

impl Bench {
    pub fn new() -> Bench {
        Bench(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Every file below a folder, sorted.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let root = self.path(folder);
        let mut names: Vec<String> = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    names.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        names.sort();
        names
    }

    /// Every file below a folder with its bytes.
    pub fn content(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let read = |name: String| (name.clone(), fs::read(self.path(folder).join(name)).unwrap());
        self.files(folder).into_iter().map(read).collect()
    }

    /// Writes a 16-bit WAV of a tenth of a second at 8 kHz, whose samples `seed` decides.
    pub fn wav(&self, name: &str, seed: u32) -> PathBuf {
        let path = self.write(name, "");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        (0..800u32).for_each(|n| writer.write_sample((n * (seed + 1) % 251) as i16).unwrap());
        writer.finalize().unwrap();
        path
    }

    /// One line of a manifest for a file in `out`, which is made.
    pub fn line(&self, input: &str, tone: &str, seed: u32) -> Value {
        let name = Path::new(input).file_stem().unwrap().to_str().unwrap();
        let path = format!("{tone}/{name}.wav");
        let wet = self.wav(&format!("out/{path}"), 1000 + seed);
        let dry = self.path(input);
        let hash = |path: &Path| blake3::hash(&fs::read(path).unwrap()).to_hex().to_string();
        json!({
            "tonemill": 1, "path": path, "key": format!("key {seed}"), "label": format!("{name}, \"{tone}\""),
            "engine": "tonemill test", "job_blake3": "ab", "deliver": "mix",
            "format": { "container": "wav", "depth": "16" },
            "audio": { "sample_rate": 8000, "block_size": 64 }, "seed": 7,
            "file": {
                "path": wet, "bytes": 1644, "blake3": hash(&wet), "frames": 800, "channels": 1, "latency_removed": 0,
                "loudness_lufs": null, "peak_dbfs": -42.5, "true_peak_dbtp": -42.4, "silent": false,
                "clipped_samples": 0
            },
            "sources": [{ "role": "input", "path": dry, "blake3": hash(&dry) }],
            "devices": [{
                "place": "tone", "latency": 0, "settings": [
                    { "id": 0, "name": "Drive", "value": f64::from(seed), "text": format!("{seed} dB") }],
                "info": { "format": "builtin", "id": "drive", "name": "drive", "vendor": "", "version": "",
                          "instrument": false }
            }],
            "warnings": [], "timings": { "load": 0.0, "render": 0.0, "write": 0.0 }, "attempts": 1
        })
    }

    /// One line of a take: a part (`@0+480`) or a channel (`#2`) of a recording, or all of it, through a tone or dry.
    pub fn take(&self, input: &str, part: &str, tone: Option<&str>, seed: u32) -> Value {
        let name = Path::new(input).file_name().unwrap().to_str().unwrap();
        let mut line = self.line(input, &format!("{}{part}", tone.unwrap_or("dry")), seed);
        line["take"] = json!(format!("{name}{part}"));
        line["source_group"] = json!(name);
        line["input"] = json!({ "gain_db": 0.0, "loudness_lufs": null, "peak_dbfs": null, "rms_dbfs": null });
        if let Some((start, frames)) = part.strip_prefix('@').and_then(|part| part.split_once('+')) {
            line["metadata"] = json!({ "segment": format!("at{start}") });
            let (start, frames): (u64, u64) = (start.parse().unwrap(), frames.parse().unwrap());
            line["input"]["change"] =
                json!({ "source_start": start, "frames": frames, "rate_in": 8000, "rate_out": 8000 });
        } else if let Some(channel) = part.strip_prefix('#') {
            line["metadata"] = json!({ "channel": channel });
        }
        match tone {
            Some(tone) => line["tone"] = json!(tone),
            None => line["devices"] = json!([]),
        }
        line
    }

    /// A file as a manifest's line names it among its annotations.
    pub fn annotation(&self, path: &Path) -> Value {
        let blake3 = blake3::hash(&fs::read(path).unwrap()).to_hex().to_string();
        let change = json!({ "source_start": 0, "rate_in": 8000, "rate_out": 8000 });
        json!({ "path": path, "source": path, "blake3": blake3, "rewritten": false, "change": change })
    }

    /// Writes the manifest of `out`.
    pub fn manifest(&self, lines: &[Value]) -> PathBuf {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.write("out/manifest.jsonl", text);
        self.path("out")
    }

    /// An output folder of some inputs through some tones.
    pub fn render(&self, inputs: &[&str], tones: &[&str]) -> PathBuf {
        self.manifest(&self.lines(inputs, tones))
    }

    /// The lines of such a folder.
    pub fn lines(&self, inputs: &[&str], tones: &[&str]) -> Vec<Value> {
        let mut lines = Vec::new();
        for (number, input) in (0..).zip(inputs) {
            let input = format!("di/{input}.wav");
            self.wav(&input, number);
            for tone in tones {
                lines.push(self.line(&input, tone, lines.len() as u32));
            }
        }
        lines
    }
}

/// An entry of no files.
pub fn entry(input: &str, tone: &str, split: &str) -> Entry {
    let shape = Shape { frames: 800, channels: 1, sample_rate: SampleRate(8000) };
    let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    let sound = |name: &str| Sound { path: Path::new(&format!("{name}.wav")).into(), blake3: hash(name).into(), shape };
    Entry {
        key: format!("{input}-{tone}"),
        path: format!("{tone}/{input}.wav").into(),
        wet: sound(&format!("{input}-{tone}")),
        dry: Some(sound(input)),
        clip: input.into(),
        measured: Measured::default(),
        deliver: Deliver::Mix,
        label: format!("{input}, \"{tone}\"").into(),
        task: hash(&format!("task {input} {tone}")).into(),
        input: input.into(),
        inputs: BTreeMap::from([(hash(input), format!("{input}.wav"))]).into(),
        assets: Arc::default(),
        folder: None,
        take: None,
        group: input.into(),
        tone: Some(tone.into()),
        draw: None,
        drawn: Vec::new(),
        split: split.into(),
        licences: BTreeSet::from(["CC0-1.0".to_owned()]).into(),
        metadata: Arc::default(),
        annotations: Vec::new(),
        devices: Arc::default(),
    }
}
