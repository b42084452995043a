//! All scripts of one device, each in a process of its own.

use std::path::Path;

use audio::device::DeviceInfo;
use farm::{Cause, Client};
use jobs::message::{FromWorker, ToWorker};
use jobs::probe::{Comparison, Identity, Key, Measured, Mishap, OTHER_BLOCKS, Outcomes, Script, Verdict, judge};
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
        recipe: jobs::probe::RECIPE,
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
        let survey = self.ask(self.audio, Script::Survey { keep: kept.clone() }, |measured| match measured {
            Measured::Survey(survey) => Some(*survey),
            _ => None,
        });
        let mut outcomes = Outcomes { survey: Some(survey), ..Outcomes::default() };
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
            outcomes.state = Some(self.ask(self.audio, Script::State { against: kept }, |measured| match measured {
                Measured::State(trip) => Some(trip),
                _ => None,
            }));
            outcomes.layouts = Some(self.ask(self.audio, Script::Layouts, |measured| match measured {
                Measured::Layouts(layouts) => Some(layouts),
                _ => None,
            }));
            outcomes.memory = Some(self.ask(self.audio, Script::Memory, |measured| match measured {
                Measured::Held(held) => Some(held),
                _ => None,
            }));
        }
        outcomes
    }

    /// Carries one script out; `take` picks its kind of answer.
    fn ask<T>(
        &mut self,
        audio: AudioSettings,
        script: Script,
        take: impl FnOnce(Measured) -> Option<T>,
    ) -> Result<T, Mishap> {
        let during = script.words().to_owned();
        let answer = self.client.ask(ToWorker::Probe { setup: Box::new(self.setup.clone()), audio, script });
        let taken = match answer {
            Ok(FromWorker::Probed(measured)) => take(*measured),
            Ok(_) => None,
            Err(mishap) => {
                let fatal = !matches!(mishap.cause, Cause::Refused { .. });
                return Err(Mishap { during, phase: mishap.phase, what: mishap.reason(), fatal });
            }
        };
        let what = "the worker answered something else".to_owned();
        taken.ok_or(Mishap { during, phase: None, what, fatal: false })
    }

    fn compared(&mut self, audio: AudioSettings, script: Script) -> Result<Vec<Comparison>, Mishap> {
        self.ask(audio, script, |measured| match measured {
            Measured::Compared(comparisons) => Some(comparisons),
            _ => None,
        })
    }
}
