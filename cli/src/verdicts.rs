//! What stored verdicts mean for a render.

use std::collections::HashMap;

use farm::Warm;
use jobs::hash::Hashes;
use jobs::manifest::Record;
use jobs::probe::{Key, Store, Summary, TrueLatency, Verdict, as_set};
use jobs::task::{AudioSettings, Task};
use presets::{DeviceKind, DeviceSetup, spec};

use crate::args::ProcessArguments;
use crate::{Trouble, cache};

/// The verdicts about the devices of a plan, looked up as tasks come.
pub(crate) struct Verdicts {
    store: Option<Store>,
    hashes: Hashes,
    /// By device, as it is set, in half of its hash; `None` where no verdict is about it.
    known: HashMap<u128, Option<Summary>>,
    warnings: Vec<String>,
    refusals: Vec<String>,
    refused_more: usize,
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
    /// None yet. Without a cache folder no device has a verdict.
    pub(crate) fn new() -> Verdicts {
        let (warnings, refusals) = (Vec::new(), Vec::new());
        let (store, hashes) = (store().ok(), Hashes::default());
        Verdicts { store, hashes, known: HashMap::new(), warnings, refusals, refused_more: 0 }
    }

    /// Looks up every device of these tasks.
    pub(crate) fn look_up(&mut self, tasks: impl Iterator<Item = Task>) {
        for task in tasks {
            for setup in task.render.devices() {
                self.of(setup, task.audio);
            }
        }
        if self.refused_more > 0 {
            let more = std::mem::take(&mut self.refused_more);
            self.refusals.push(format!("... and {more} more devices that were never probed as they are set here"));
        }
        self.warnings.extend(self.store.as_mut().and_then(Store::take_warning));
    }

    fn of(&mut self, setup: &DeviceSetup, audio: AudioSettings) -> Option<Summary> {
        let written = as_set(setup, audio);
        if let Some(known) = self.known.get(&written) {
            return *known;
        }
        let verdict = self.store.as_mut().and_then(|store| of(setup, audio, &mut self.hashes, store));
        match &verdict {
            None if self.refusals.len() >= MOST_REFUSED => self.refused_more += usize::from(!is_builtin(setup)),
            _ => self.weigh(setup, verdict.as_ref()),
        }
        let summary = verdict.map(|verdict| verdict.summary());
        self.known.insert(written, summary);
        summary
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

    /// The devices among those that were looked up that sound like fresh ones when they are used again; none where fresh
    /// ones are asked for.
    pub(crate) fn warm(&self, arguments: &ProcessArguments) -> Warm {
        if arguments.fresh {
            return Warm::default();
        }
        let safe = |summary: &Summary| summary.deterministic == Some(true) && summary.reset_safe == Some(true);
        self.known.iter().filter(|(_, known)| known.as_ref().is_some_and(safe)).map(|(as_set, _)| *as_set).collect()
    }

    /// Puts what the manifest repeats into a record of a task.
    pub(crate) fn annotate(&mut self, task: &Task, record: &mut Record) {
        for (device, setup) in record.devices.iter_mut().zip(task.render.devices()) {
            device.verdict = self.of(setup, task.audio);
        }
    }
}

fn is_builtin(setup: &DeviceSetup) -> bool {
    matches!(setup.device.kind(), DeviceKind::Builtin(_))
}
