//! What a plan comes to before anything is rendered: files, hours, bytes, and for how long each device is at work.

use std::collections::HashMap;

use presets::DeviceSetup;
use serde::{Deserialize, Serialize};

use crate::task::{Container, Depth, FileFormat, Length, Output, Task};

/// The share of its samples' bytes that a FLAC file is reckoned at. Guitars, songs and drums lie between 35 and 70 %;
/// noise and full distortion come close to 100 %.
pub const FLAC_SHARE: f64 = 0.6;

/// What is expected to come out of a plan. Reckoned from the lengths of what is played: exact for WAV of a known length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Files.
    pub files: u64,
    /// Seconds of audio in all of them.
    pub seconds: f64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Some are FLAC, whose size is reckoned at [`FLAC_SHARE`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub compressed: bool,
    /// Some last until they are silent, or lose their silence, so that this is the most they can come to.
    #[serde(default, skip_serializing_if = "is_false")]
    pub at_most: bool,
    /// For how long each device is at work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceTime>,
}

/// A device, and the audio that goes through it in all tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceTime {
    /// The device as it is set first. Other tasks may have other parameters; files that it works with are the same.
    pub setup: DeviceSetup,
    /// Seconds of audio.
    pub seconds: f64,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// How much work each task of a plan is, for whoever shares them out. Known to whoever made the plan; what is read from a
/// file has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Efforts {
    /// Devices that sound together, by their places among the estimate's.
    sets: Vec<Vec<u32>>,
    /// Of each task: seconds of audio, and which of the sets sounds.
    tasks: Vec<(f32, u32)>,
}

/// Seconds that a task is reckoned to cost beside its devices, and for a second of its audio: reading, measuring, writing.
const TASK_SECONDS: f64 = 0.02;
const SECONDS_A_SECOND: f64 = 0.01;

impl Efforts {
    /// Seconds of processor time that each task takes, where `device` gives those that each of the estimate's devices takes
    /// for a second of audio.
    pub fn seconds(&self, device: &[f64]) -> impl Iterator<Item = f64> {
        let sum = |set: &Vec<u32>| set.iter().map(|place| device[*place as usize]).sum::<f64>();
        let sets: Vec<f64> = self.sets.iter().map(sum).collect();
        self.tasks
            .iter()
            .map(move |(seconds, set)| TASK_SECONDS + f64::from(*seconds) * (SECONDS_A_SECOND + sets[*set as usize]))
    }
}

/// Devices that are compared one by one before one is looked for among all.
const MOST_RECENT: usize = 16;

/// Adds up what tasks come to, one after the other, so that none need be kept.
#[derive(Clone, Debug, Default)]
pub struct Estimating {
    estimate: Estimate,
    /// Places among the estimate's devices, by what tells a device from others.
    places: HashMap<String, usize>,
    /// The last few of them: tasks that follow each other have the same devices.
    recent: Vec<usize>,
    efforts: Efforts,
    sets: HashMap<Vec<u32>, u32>,
}

impl Estimating {
    /// Adds a task whose sources last for so many frames at the task's rate, and which sounds in so many channels.
    pub fn add(&mut self, task: &Task, frames: u64, channels: u16) {
        let rate = task.audio.sample_rate;
        let mut longest = 0.0f64;
        for output in &task.outputs {
            let frames = match output.length {
                Length::Match => frames,
                Length::Tail { limit, .. } => frames.saturating_add(rate.frames(limit)),
                Length::Seconds(seconds) => rate.frames(seconds),
            };
            let seconds = rate.seconds(frames);
            longest = longest.max(seconds);
            let at = output.sample_rate.map_or(frames, |other| (seconds * other.hz()).ceil() as u64);
            let estimate = &mut self.estimate;
            estimate.files += 1;
            estimate.seconds += seconds;
            estimate.bytes = estimate.bytes.saturating_add(bytes(output, at, channels));
            estimate.compressed |= output.format.container == Container::Flac;
            estimate.at_most |= matches!(output.length, Length::Tail { .. }) || output.finish.trim.is_some();
        }
        let mut set = Vec::new();
        for setup in task.render.devices() {
            let place = self.place(setup);
            self.estimate.devices[place].seconds += longest;
            set.push(place as u32);
        }
        let Efforts { sets, tasks } = &mut self.efforts;
        let number = *self.sets.entry(set).or_insert_with_key(|set| {
            sets.push(set.clone());
            sets.len() as u32 - 1
        });
        tasks.push((longest as f32, number));
    }

    /// What all of them come to, and each.
    pub fn finish(self) -> (Estimate, Efforts) {
        (self.estimate, self.efforts)
    }

    fn place(&mut self, setup: &DeviceSetup) -> usize {
        let same = |place: &usize| {
            let known = &self.estimate.devices[*place].setup;
            known.device == setup.device
                && known.assets == setup.assets
                && known.state == setup.state
                && known.preset == setup.preset
        };
        if let Some(known) = self.recent.iter().copied().find(same) {
            return known;
        }
        // What a device costs depends on the files that it works with; its parameters change that little.
        let DeviceSetup { device, state, preset, assets, .. } = setup;
        let key = serde_json::to_string(&(device, state, preset, assets)).expect("a setup has texts for keys");
        self.recent.truncate(MOST_RECENT - 1);
        let devices = &mut self.estimate.devices;
        let place = *self.places.entry(key).or_insert_with(|| {
            devices.push(DeviceTime { setup: setup.clone(), seconds: 0.0 });
            devices.len() - 1
        });
        self.recent.insert(0, place);
        place
    }
}

/// Bytes of a file of so many frames.
fn bytes(output: &Output, frames: u64, channels: u16) -> u64 {
    let FileFormat { container, depth } = output.format;
    let width = match depth {
        Depth::Int16 => 2,
        Depth::Int24 => 3,
        Depth::Float32 => 4,
    };
    let samples = frames.saturating_mul(u64::from(channels)).saturating_mul(width);
    match container {
        Container::Flac => (samples as f64 * FLAC_SHARE) as u64,
        Container::Wav => {
            // RIFF and WAVE, the chunk that is reserved for sizes beyond 4 GiB, and the heads of `fmt ` and `data`.
            let head = 12 + 36 + 8 + 8;
            let (format, fact) = match (channels > 2, depth == Depth::Float32) {
                (false, false) => (16, 0),
                (false, true) => (18, 12),
                (true, float) => (40, if float { 12 } else { 0 }),
            };
            let bext = output.bext.as_ref().map_or(0, |bext| 8 + 602 + bext.coding_history.len() as u64);
            head + format + fact + bext + samples + samples % 2
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use audio::{Buffer, SampleRate};
    use presets::{DeviceSpec, Link, Setting, Value};

    use super::*;
    use crate::task::{AudioSettings, Deliver, Finish, Render, Take, ToneRender};

    fn output(format: FileFormat, length: Length) -> Output {
        let (finish, path) = (Finish::default(), PathBuf::from("/o"));
        Output { path, deliver: Deliver::Mix, format, sample_rate: None, length, finish, match_dry: None, bext: None }
    }

    fn task(outputs: Vec<Output>, chain: Vec<Link>) -> Task {
        Task {
            number: 0,
            label: String::new(),
            key: String::new(),
            audio: AudioSettings::standard(),
            render: Render::Tone(ToneRender { input: Take::whole("/a".into()), tone: String::new(), chain }),
            outputs,
            sources: Vec::new(),
            item: None,
            annotations: Vec::new(),
            checks: Default::default(),
            run: String::new(),
        }
    }

    const fn format(container: Container, depth: Depth) -> FileFormat {
        FileFormat { container, depth }
    }

    #[test]
    fn a_wav_is_reckoned_to_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        for depth in [Depth::Int16, Depth::Int24, Depth::Float32] {
            for (channels, frames) in [(1, 0), (1, 1), (2, 4_801), (3, 7)] {
                let path: &Path = &folder.path().join("a.wav");
                let (wav, rate) = (format(Container::Wav, depth), SampleRate(48_000));
                let file = std::fs::File::create(path).unwrap();
                let mut writer = audio::write::Writer::create(file, wav, rate, channels, 0).unwrap();
                let silence = vec![vec![0.0; frames as usize]; usize::from(channels)];
                writer.write(&Buffer::from_channels(silence)).unwrap();
                writer.finish().unwrap();
                let written = path.metadata().unwrap().len();
                let reckoned = bytes(&output(wav, Length::Match), frames, channels);
                assert_eq!(reckoned, written, "{depth:?}, {channels} channels, {frames} frames");
            }
        }
    }

    #[test]
    fn lengths_rates_and_formats_are_added_up() {
        let wav = format(Container::Wav, Depth::Int16);
        let mut half = output(wav, Length::Match);
        half.sample_rate = Some(SampleRate(24_000));
        let mut estimating = Estimating::default();
        estimating.add(&task(vec![output(wav, Length::Match), half], Vec::new()), 48_000, 2);
        assert_eq!(estimating.estimate.bytes, (80 + 192_000) + (80 + 96_000));
        assert_eq!((estimating.estimate.at_most, estimating.estimate.compressed), (false, false));
        let flac = format(Container::Flac, Depth::Int24);
        estimating.add(&task(vec![output(flac, Length::Seconds(2.0))], Vec::new()), 48_000, 1);
        estimating.add(&task(vec![output(wav, Length::Tail { limit: 3.0, below_db: -90.0 })], Vec::new()), 48_000, 1);
        let (estimate, _) = estimating.finish();
        assert_eq!((estimate.files, estimate.seconds), (4, 1.0 + 1.0 + 2.0 + 4.0));
        assert_eq!(estimate.bytes, 192_080 + 96_080 + (96_000.0 * 3.0 * FLAC_SHARE) as u64 + 80 + 384_000);
        assert!(estimate.at_most && estimate.compressed);
    }

    #[test]
    fn a_device_is_one_whatever_its_parameters_are() {
        let device = |name: &str, value: f64| {
            let mut setup = presets::spec::bare(DeviceSpec::Builtin { name: name.to_owned() });
            setup.params.push(Setting { parameter: "#0".into(), value: Value::Number(value) });
            Link::Device(Box::new(setup))
        };
        let wav = vec![output(format(Container::Wav, Depth::Int16), Length::Match)];
        let mut estimating = Estimating::default();
        estimating.add(&task(wav.clone(), vec![device("gain", 1.0), device("pan", 0.0)]), 48_000, 1);
        estimating.add(&task(wav, vec![device("gain", 2.0), device("gain", 3.0)]), 96_000, 1);
        let (Estimate { devices, .. }, efforts) = estimating.finish();
        let costs: Vec<f64> = efforts.seconds(&[0.5, 0.25]).collect();
        assert_eq!(costs, [TASK_SECONDS + SECONDS_A_SECOND + 0.75, TASK_SECONDS + 2.0 * (SECONDS_A_SECOND + 1.0)]);
        assert_eq!(devices.iter().map(|device| device.seconds).collect::<Vec<_>>(), [1.0 + 2.0 + 2.0, 1.0]);
    }
}
