//! What stored verdicts mean for a render.

use std::collections::{HashMap, HashSet};

use jobs::hash::{Hashes, short};
use jobs::manifest::Record;
use jobs::plan::Plan;
use jobs::probe::{Key, Store, Summary, TrueLatency, Verdict};
use jobs::task::{AudioSettings, Task};
use presets::{DeviceKind, DeviceSetup, spec};

use crate::{Trouble, cache};

/// The verdicts about the devices of a plan.
pub(crate) struct Verdicts {
    /// By device, as it is set. Those that no verdict is about are left out.
    known: HashMap<String, Summary>,
    warnings: Vec<String>,
    refusals: Vec<String>,
}

/// Devices that are refused by name; a data set may set each of a million differently.
const MOST_REFUSED: usize = 20;

/// The store in the user's cache folder.
pub(crate) fn store() -> Result<Store, Trouble> {
    Ok(Store::new(&cache::folder()?))
}

/// The verdict about a device whose plugin is found and whose settings are ids and numbers, if one is stored.
pub(crate) fn of(setup: &DeviceSetup, audio: AudioSettings, hashes: &mut Hashes, store: &mut Store) -> Option<Verdict> {
    // A file that cannot be read is told by whoever needs what is in it.
    let key = Key::of(setup, audio, hashes).ok()?;
    store.get(&key).cloned()
}

impl Verdicts {
    /// Looks up every device of a plan. Without a cache folder no device has a verdict.
    pub(crate) fn of(plan: &Plan) -> Verdicts {
        let mut verdicts = Verdicts { known: HashMap::new(), warnings: Vec::new(), refusals: Vec::new() };
        let mut store = store().ok();
        let mut hashes = Hashes::default();
        let mut told: HashSet<u128> = HashSet::new();
        let mut more = 0;
        for task in plan.tasks.iter() {
            for setup in task.render.devices() {
                let written = written(setup, task.audio);
                if !told.insert(short(written.as_bytes())) {
                    continue;
                }
                let verdict = store.as_mut().and_then(|store| of(setup, task.audio, &mut hashes, store));
                match &verdict {
                    None if verdicts.refusals.len() >= MOST_REFUSED => {
                        more += usize::from(!is_builtin(setup));
                    }
                    _ => verdicts.weigh(setup, verdict.as_ref()),
                }
                verdicts.known.extend(verdict.map(|verdict| (written, verdict.summary())));
            }
        }
        if more > 0 {
            verdicts.refusals.push(format!("... and {more} more devices that were never probed as they are set here"));
        }
        verdicts.warnings.extend(store.as_mut().and_then(Store::take_warning));
        verdicts
    }

    fn weigh(&mut self, setup: &DeviceSetup, verdict: Option<&Verdict>) {
        let Some(verdict) = verdict else {
            // What is built in is part of this program, and its tests hold it to equal runs.
            if !is_builtin(setup) {
                let spec = spec::display(setup);
                self.refusals.push(format!(
                    "{spec} was never probed as it is set here. Probe it: tonemill plugins probe '{}'",
                    spec.replace('\'', r"'\''")
                ));
            }
            return;
        };
        let name = &verdict.device.name;
        match verdict.deterministic() {
            Some(true) => {}
            Some(false) => {
                let words = format!("{name} is not deterministic: probing gave another sound in each run");
                self.warnings.push(words.clone());
                self.refusals.push(words);
            }
            None => self.refusals.push(format!("{name}: probing could not show that it is deterministic")),
        }
        if let Some(latency) = verdict.findings.latency.filter(|latency| latency.right == Some(false))
            && let TrueLatency::Frames { frames, .. } = latency.measured
        {
            let reported = latency.reported;
            self.warnings.push(format!(
                "{name} reports a latency of {reported} frames and comes {frames:.1} frames late, as probing has measured; \
                 what it reports is removed"
            ));
        }
    }

    /// Prints the warnings; fails where `strict` asks for more than the verdicts promise.
    pub(crate) fn enforce(&self, strict: bool) -> Result<(), Trouble> {
        for warning in &self.warnings {
            eprintln!("warning: {warning}");
        }
        match self.refusals.as_slice() {
            refusals @ [_, ..] if strict => {
                Err(Trouble::input(format!("{}\n--strict: nothing was rendered", refusals.join("\n"))))
            }
            _ => Ok(()),
        }
    }

    /// Puts what the manifest repeats into a record of a task.
    pub(crate) fn annotate(&self, task: &Task, record: &mut Record) {
        if self.known.is_empty() {
            return;
        }
        for (device, setup) in record.devices.iter_mut().zip(task.render.devices()) {
            device.verdict = self.known.get(&written(setup, task.audio)).copied();
        }
    }
}

/// A device as it is set, as one text.
fn written(setup: &DeviceSetup, audio: AudioSettings) -> String {
    serde_json::to_string(&(setup, audio)).expect("a setup has texts for keys")
}

fn is_builtin(setup: &DeviceSetup) -> bool {
    matches!(setup.device.kind(), DeviceKind::Builtin(_))
}
