//! Jobs of many short tasks: takes through tones of fixture plugins.

use crate::{Place, fixtures, sine};

/// A tone of one fixture plugin, as a line of a job. `more` stands behind the plugin's id, such as
/// `, params: { Gain: -6 dB }`.
pub fn fixture_tone(name: &str, id: &str, more: &str) -> String {
    let file = fixtures().display().to_string();
    format!("  - {{ name: {name}, chain: [{{ clap: \"{file}\", id: org.tonemill.fixture.{id}{more} }}] }}\n")
}

/// Takes, tones and what becomes of them: a task for each take in each tone.
#[derive(Clone, Debug)]
pub struct FixtureJob {
    /// How many takes there are, each of its own sound.
    pub takes: usize,
    /// Stereo frames of each, at 48 kHz.
    pub frames: usize,
    /// Lines of [`fixture_tone`].
    pub tones: String,
    /// `wav` or `flac`.
    pub ending: &'static str,
    /// Further members of the output, such as `, bits: 24`.
    pub output: &'static str,
}

impl FixtureJob {
    /// Tones of gains that differ by a decibel.
    pub fn of_gains(takes: usize, frames: usize, tones: usize) -> FixtureJob {
        let tone = |n: usize| {
            fixture_tone(&format!("t{n}"), "gain", &format!(", params: {{ Gain: {} dB }}", -(n as f64) / 2.0))
        };
        FixtureJob { takes, frames, tones: (0..tones).map(tone).collect(), ending: "flac", output: ", bits: 24" }
    }

    /// Writes `job.yaml` and the takes. Files are written to `out` itself, so that all of it may be written to by workers.
    pub fn write(&self, place: &Place) {
        for n in 0..self.takes {
            let sound = sine(48_000, 110.0 + n as f64, 0.5, self.frames);
            place.wav(&format!("di/take{n:03}.wav"), 48_000, &[sound.clone(), sound]);
        }
        let FixtureJob { tones, ending, output, .. } = self;
        place.write(
            "job.yaml",
            format!(
                "tonemill: 1\ninputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones:\n{tones}\
                 output: {{ path: \"out/{{tone}}-{{id}}.{ending}\"{output} }}\n"
            ),
        );
    }
}
