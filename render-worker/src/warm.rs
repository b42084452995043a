//! Devices that have played, and are used again in place of fresh ones.
//!
//! Only what a probe has found to sound like a fresh instance is kept, and it takes the same steps as in that probe: it is
//! reset and deactivated, gets back what an instance like it remembered before it played, and is activated again.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use audio::Device;
use audio::device::{DeviceError, ParameterId};
use jobs::channels::Request;
use jobs::message::{Phase, ResolvedSetting};
use jobs::probe::as_set;
use jobs::task::{AudioSettings, Task};
use mix::{Slot, StripId};
use presets::DeviceSetup;

use crate::build::{self, BuildError, Configured, refusal};
use crate::report::Reporter;

/// The devices that a worker keeps from one task for the next.
#[derive(Default)]
pub(crate) struct Warm {
    /// The devices, as they are set, that this task may keep and use again.
    allowed: BTreeSet<u128>,
    kept: Vec<(Likeness, Kept)>,
    /// By device, as it is set, what an instance remembers that has not played.
    remembered: HashMap<u128, Remembered>,
    /// Those at work in this task, by strip and place in the chain.
    lent: BTreeMap<(StripId, usize), (Likeness, Vec<ResolvedSetting>)>,
    /// How many were used again in this task.
    reused: u64,
    /// What did not go as a verdict promised.
    warnings: Vec<String>,
}

/// What two devices have in common of which one can stand in for the other.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Likeness {
    as_set: u128,
    request: Request,
}

struct Kept {
    device: Box<dyn Device>,
    settings: Vec<ResolvedSetting>,
}

impl Warm {
    /// Begins a task. `allowed` numbers its devices, as [`jobs::task::Render::devices`] does, that a verdict allows to keep.
    /// What was kept and is of no use for it is destroyed.
    pub(crate) fn begin(&mut self, task: &Task, allowed: &[u32], reporter: &mut Reporter) -> io::Result<()> {
        self.give_up();
        let devices = task.render.devices();
        let allowed = allowed.iter().filter_map(|number| devices.get(*number as usize));
        self.allowed = allowed.map(|setup| as_set(setup, task.audio)).collect();
        self.remembered.retain(|as_set, _| self.allowed.contains(as_set));
        let (kept, others) =
            std::mem::take(&mut self.kept).into_iter().partition(|(like, _)| self.allowed.contains(&like.as_set));
        self.kept = kept;
        for (_, kept) in others {
            reporter.phase(Phase::Destroy, Some(&kept.device.info().name))?;
            drop(kept);
        }
        Ok(())
    }

    /// A device that has played and is as good as a fresh one, asked for the same channels; `None` where there is none.
    pub(crate) fn take(
        &mut self,
        setup: &DeviceSetup,
        audio: AudioSettings,
        request: Request,
        reporter: &mut Reporter,
    ) -> Result<Option<Configured>, BuildError> {
        if self.kept.is_empty() {
            return Ok(None);
        }
        let like = Likeness { as_set: as_set(setup, audio), request };
        let Some(index) = self.kept.iter().position(|(kept, _)| *kept == like) else { return Ok(None) };
        let (_, Kept { mut device, settings }) = self.kept.swap_remove(index);
        match self.put_back(like.as_set, setup, device.as_mut(), reporter) {
            Ok(()) => {
                self.reused += 1;
                Ok(Some((device, settings)))
            }
            // A fresh one does it as well.
            Err(BuildError::Task(failure)) => {
                let name = device.info().name.clone();
                self.warnings
                    .push(format!("{name}: it could not be used again: {}; a fresh one plays", failure.reason));
                reporter.phase(Phase::Destroy, Some(&name))?;
                drop(device);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn put_back(
        &mut self,
        as_set: u128,
        setup: &DeviceSetup,
        device: &mut dyn Device,
        reporter: &mut Reporter,
    ) -> Result<(), BuildError> {
        let remembered = match self.remembered.entry(as_set) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Remembered::of_another(setup, reporter)?),
        };
        remembered.put_back(device, reporter)
    }

    /// Notes which device works at a place, so that it is kept after the task where that is allowed.
    pub(crate) fn lend(
        &mut self,
        place: (StripId, usize),
        setup: &DeviceSetup,
        audio: AudioSettings,
        request: Request,
        settings: &[ResolvedSetting],
    ) {
        if self.allowed.is_empty() {
            return;
        }
        let like = Likeness { as_set: as_set(setup, audio), request };
        if self.allowed.contains(&like.as_set) {
            self.lent.insert(place, (like, settings.to_vec()));
        }
    }

    /// Ends a slot whose task is finished: its devices are kept, or destroyed where they are not to be used again.
    pub(crate) fn end(&mut self, place: (StripId, usize), mut slot: Slot) {
        match self.lent.remove(&place) {
            Some((like, settings)) => {
                slot.reset();
                let kept = |device| (like, Kept { device, settings: settings.clone() });
                self.kept.extend(slot.deactivate().into_iter().map(kept));
            }
            None => drop(slot.deactivate()),
        }
    }

    /// Nothing of this attempt is kept.
    pub(crate) fn give_up(&mut self) {
        self.lent.clear();
        self.reused = 0;
        self.warnings.clear();
    }

    /// What did not go as a verdict promised, in words.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// How many devices of this task have played before it.
    pub(crate) fn reused(&self) -> u64 {
        self.reused
    }
}

/// A state, or the values of all parameters where there is none beside them.
pub(crate) enum Remembered {
    State(Vec<u8>),
    Values(Vec<(ParameterId, f64)>),
}

impl Remembered {
    /// What a fresh instance remembers, which is destroyed then: saving a state leaves traces in some devices.
    pub(crate) fn of_another(setup: &DeviceSetup, reporter: &mut Reporter) -> Result<Remembered, BuildError> {
        let (mut device, _) = build::configured(setup, reporter)?;
        let remembered = Remembered::of(device.as_mut(), reporter)?;
        reporter.phase(Phase::Destroy, Some(&device.info().name))?;
        drop(device);
        Ok(remembered)
    }

    fn of(device: &mut dyn Device, reporter: &mut Reporter) -> Result<Remembered, BuildError> {
        let name = device.info().name.clone();
        reporter.phase(Phase::Save, Some(&name))?;
        match device.save_state() {
            Ok(state) => Ok(Remembered::State(state)),
            Err(DeviceError::Stateless(_)) => {
                let set = device.parameters().into_iter().filter(|parameter| !parameter.flags.read_only);
                Ok(Remembered::Values(set.filter_map(|p| Some((p.id, device.value(p.id).ok()?))).collect()))
            }
            Err(error) => Err(refusal(Phase::Save, Some(&name), error)),
        }
    }

    /// Puts it back. Call while the device is inactive.
    pub(crate) fn put_back(&self, device: &mut dyn Device, reporter: &mut Reporter) -> Result<(), BuildError> {
        let name = device.info().name.clone();
        reporter.phase(Phase::Configure, Some(&name))?;
        host::chance::begin_anew();
        let done = match self {
            Remembered::State(state) => device.load_state(state),
            Remembered::Values(values) => values.iter().try_for_each(|(id, value)| device.set_value(*id, *value)),
        };
        done.map_err(|error| refusal(Phase::Configure, Some(&name), error))
    }
}
