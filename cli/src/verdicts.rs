//! What stored verdicts mean for a render.

use std::collections::{BTreeSet, HashMap};

use jobs::hash::Hashes;
use jobs::manifest::Record;
use jobs::plan::Plan;
use jobs::probe::{Key, Store, Summary, TrueLatency, Verdict};
use jobs::task::{AudioSettings, Task};
use presets::{DeviceKind, DeviceSetup, spec};

use crate::{Trouble, cache};

/// The verdicts about the devices of a plan.
pub(crate) struct Verdicts {
    /// By task: one place a device, in the order of [`jobs::task::Render::devices`].
    by_task: HashMap<u32, Vec<Option<Summary>>>,
    warnings: Vec<String>,
    refusals: Vec<String>,
}

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
        let mut verdicts = Verdicts { by_task: HashMap::new(), warnings: Vec::new(), refusals: Vec::new() };
        let mut store = store().ok();
        let mut hashes = Hashes::default();
        let mut known: HashMap<String, Option<Verdict>> = HashMap::new();
        let mut told = BTreeSet::new();
        for task in &plan.tasks {
            let mut summaries = Vec::new();
            for setup in task.render.devices() {
                let written = serde_json::to_string(&(setup, task.audio)).expect("a setup has texts for keys");
                let verdict = known
                    .entry(written.clone())
                    .or_insert_with(|| store.as_mut().and_then(|store| of(setup, task.audio, &mut hashes, store)));
                if told.insert(written) {
                    verdicts.weigh(setup, verdict.as_ref());
                }
                summaries.push(verdict.as_ref().map(Verdict::summary));
            }
            verdicts.by_task.insert(task.number, summaries);
        }
        verdicts.warnings.extend(store.as_mut().and_then(Store::take_warning));
        verdicts
    }

    fn weigh(&mut self, setup: &DeviceSetup, verdict: Option<&Verdict>) {
        let Some(verdict) = verdict else {
            // What is built in is part of this program, and its tests hold it to equal runs.
            if !matches!(setup.device.kind(), DeviceKind::Builtin(_)) {
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
        let Some(summaries) = self.by_task.get(&task.number) else { return };
        for (device, summary) in record.devices.iter_mut().zip(summaries) {
            device.verdict = *summary;
        }
    }
}
