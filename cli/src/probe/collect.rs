//! All scripts of one device, each in a process of its own.

use std::path::{Path, PathBuf};

use audio::device::DeviceInfo;
use farm::{Cause, Client};
use jobs::message::{FromWorker, ToWorker};
use jobs::probe::{
    Comparison, Held, Identity, Key, Layout, Measured, Mishap, OTHER_BLOCKS, Outcomes, Script, Survey, Trip, Verdict,
    judge,
};
use jobs::task::AudioSettings;
use presets::DeviceSetup;

/// Measures one device and judges it. `client` gives each question a fresh process; `folder` holds sounds meanwhile.
pub(super) fn verdict(key: &Key, label: &str, setup: &DeviceSetup, client: &mut Client, folder: &Path) -> Verdict {
    let audio = key.audio();
    let outcomes = Asker { setup, audio, client, folder }.all();
    let survey = outcomes.survey.as_ref().and_then(|survey| survey.as_ref().ok());
    let unknown = || DeviceInfo {
        format: key.format().to_owned(),
        id: key.id().unwrap_or_default().to_owned(),
        name: key.id().unwrap_or(label).to_owned(),
        vendor: String::new(),
        version: String::new(),
        instrument: false,
    };
    let info = survey.map_or_else(unknown, |survey| survey.info.clone());
    Verdict {
        tonemill: jobs::FORMAT_VERSION,
        engine: jobs::ENGINE.to_owned(),
        device: Identity {
            format: info.format,
            id: info.id,
            name: info.name,
            version: info.version,
            binary_blake3: key.binary().to_owned(),
            settings_blake3: key.settings().to_owned(),
        },
        audio,
        strict: survey.map(|survey| survey.strict.clone()),
        findings: judge(&outcomes, audio),
    }
}

struct Asker<'a> {
    setup: &'a DeviceSetup,
    audio: AudioSettings,
    client: &'a mut Client,
    folder: &'a Path,
}

impl Asker<'_> {
    fn all(&mut self) -> Outcomes {
        let kept = self.folder.join("kept");
        let mut outcomes = Outcomes { survey: Some(self.survey(&kept)), ..Outcomes::default() };
        if matches!(outcomes.survey, Some(Ok(_))) {
            outcomes.again = Some(self.compared(self.audio, Script::Play { keep: None, against: vec![kept.clone()] }));
            let mut before = vec![kept.clone()];
            for (index, block_size) in OTHER_BLOCKS.into_iter().enumerate() {
                let keep = self.folder.join(format!("kept-{index}"));
                let script = Script::Play { keep: Some(keep.clone()), against: before.clone() };
                let compared = self.compared(AudioSettings { block_size, ..self.audio }, script);
                if compared.is_ok() {
                    before.push(keep);
                }
                outcomes.blocks.push((block_size, compared));
            }
            outcomes.twice = Some(self.compared(self.audio, Script::Twice { against: kept.clone() }));
            outcomes.reset = Some(self.compared(self.audio, Script::Reset { against: kept.clone() }));
            outcomes.state = Some(self.state(kept));
            outcomes.layouts = Some(self.layouts());
            outcomes.memory = Some(self.memory());
        }
        outcomes
    }

    fn ask(&mut self, audio: AudioSettings, script: Script) -> Result<Measured, Mishap> {
        let during = script.words().to_owned();
        match self.client.ask(ToWorker::Probe { setup: Box::new(self.setup.clone()), audio, script }) {
            Ok(FromWorker::Probed(measured)) => Ok(*measured),
            Ok(_) => Err(nonsense(&during)),
            Err(mishap) => {
                let (what, fatal) = match &mishap.cause {
                    Cause::Refused { failure } => (failure.reason.clone(), false),
                    _ => (mishap.to_string(), true),
                };
                Err(Mishap { during, phase: mishap.phase, what, fatal })
            }
        }
    }

    fn survey(&mut self, kept: &Path) -> Result<Survey, Mishap> {
        let script = Script::Survey { keep: kept.to_owned() };
        let during = script.words();
        match self.ask(self.audio, script)? {
            Measured::Survey(survey) => Ok(*survey),
            _ => Err(nonsense(during)),
        }
    }

    fn compared(&mut self, audio: AudioSettings, script: Script) -> Result<Vec<Comparison>, Mishap> {
        let during = script.words();
        match self.ask(audio, script)? {
            Measured::Compared(comparisons) => Ok(comparisons),
            _ => Err(nonsense(during)),
        }
    }

    fn state(&mut self, against: PathBuf) -> Result<Trip, Mishap> {
        let script = Script::State { against };
        let during = script.words();
        match self.ask(self.audio, script)? {
            Measured::State(trip) => Ok(trip),
            _ => Err(nonsense(during)),
        }
    }

    fn layouts(&mut self) -> Result<Vec<Layout>, Mishap> {
        match self.ask(self.audio, Script::Layouts)? {
            Measured::Layouts(layouts) => Ok(layouts),
            _ => Err(nonsense(Script::Layouts.words())),
        }
    }

    fn memory(&mut self) -> Result<Held, Mishap> {
        match self.ask(self.audio, Script::Memory)? {
            Measured::Held(held) => Ok(held),
            _ => Err(nonsense(Script::Memory.words())),
        }
    }
}

fn nonsense(during: &str) -> Mishap {
    let what = "the worker answered something else".to_owned();
    Mishap { during: during.to_owned(), phase: None, what, fatal: false }
}
