//! What a job comes to, said before it starts: files, hours, bytes, core hours, and whether there is room.

use std::path::Path;

use jobs::hash::Hashes;
use jobs::plan::{DeviceTime, Estimate, Plan};
use jobs::probe::{Key, Store};
use jobs::task::AudioSettings;
use serde::Serialize;

use crate::show::{count, size};
use crate::verdicts;

/// What a device that was never probed is reckoned to take for a second of audio, in seconds of one processor: that of a
/// plugin that plays at 50 times real time.
const GUESS: f64 = 0.02;

/// What a plan comes to.
#[derive(Debug, Serialize)]
pub(crate) struct Outlook<'a> {
    tasks: usize,
    files: u64,
    seconds: f64,
    bytes: u64,
    /// Seconds of processor time that the devices take; absent where one of them was never probed.
    #[serde(skip_serializing_if = "Option::is_none")]
    core_seconds: Option<f64>,
    devices: usize,
    /// Devices of which no cost is known.
    devices_unknown: usize,
    #[serde(skip)]
    estimate: &'a Estimate,
}

impl<'a> Outlook<'a> {
    /// Looks up what the devices of a plan cost. `None` where the plan says nothing of what it comes to.
    pub(crate) fn of(plan: &'a Plan) -> Option<Outlook<'a>> {
        let estimate = plan.header.estimate.as_ref()?;
        let audio = plan.tasks.iter().next()?.audio;
        // Without a cache folder there are no verdicts.
        let (mut store, mut hashes) = (verdicts::store().ok(), Hashes::default());
        let (mut core_seconds, mut devices_unknown) = (0.0, 0);
        for device in &estimate.devices {
            match store.as_mut().and_then(|store| cost(device, audio, &mut hashes, store)) {
                Some(cost) => core_seconds += cost * device.seconds,
                None => devices_unknown += 1,
            }
        }
        Some(Outlook {
            tasks: plan.tasks.len(),
            files: estimate.files,
            seconds: estimate.seconds,
            bytes: estimate.bytes,
            core_seconds: (devices_unknown == 0).then_some(core_seconds),
            devices: estimate.devices.len(),
            devices_unknown,
            estimate,
        })
    }

    /// Seconds of processor time that each device of a plan takes for a second of audio: what probing has measured, or a
    /// guess, so that a plan's tasks can be weighed against each other.
    pub(crate) fn device_seconds(plan: &Plan) -> Vec<f64> {
        let Some((estimate, task)) = plan.header.estimate.as_ref().zip(plan.tasks.iter().next()) else {
            return Vec::new();
        };
        let (mut store, mut hashes) = (verdicts::store().ok(), Hashes::default());
        let known = |device| store.as_mut().and_then(|store| cost(device, task.audio, &mut hashes, store));
        estimate.devices.iter().map(known).map(|cost| cost.unwrap_or(GUESS)).collect()
    }

    /// Says it in a line on standard error.
    pub(crate) fn tell(&self) {
        eprintln!("{}", self.words());
    }

    fn words(&self) -> String {
        let Outlook { tasks, files, seconds, .. } = self;
        let files = count(usize::try_from(*files).unwrap_or(usize::MAX), "file");
        let mut words = format!("{}: {files}, {} of audio, {}.", count(*tasks, "task"), time(*seconds), self.room());
        match self.core_seconds {
            Some(_) if self.devices == 0 => {}
            Some(seconds) => words += &format!(" Its devices take about {}.", core_time(seconds)),
            None => {
                let (unknown, devices) = (self.devices_unknown, count(self.devices, "device"));
                words += &format!(
                    " Core hours are not known: {unknown} of {devices} never probed (tonemill plugins probe)."
                );
            }
        }
        words
    }

    fn room(&self) -> String {
        let least = if self.estimate.at_most { "at most " } else { "" };
        let about = if self.estimate.compressed { "about " } else { "" };
        format!("{least}{about}{}", size(self.bytes))
    }

    /// Warns where a folder's disk has less room than what is still to be written; `standing` bytes of it stand already.
    pub(crate) fn warn_of_room(&self, folder: &Path, standing: u64) {
        let wanted = self.bytes.saturating_sub(standing);
        let shown = folder.display();
        match jobs::whole::free(folder) {
            Ok(Some(free)) if free < wanted => {
                let about = if self.estimate.compressed || self.estimate.at_most { "may need " } else { "needs " };
                let (wanted, free) = (size(wanted), size(free));
                eprintln!(
                    "warning: what is left to render {about}{wanted}, and {free} are free for {shown}. It stops when the \
                     disk is full, and goes on when there is room and it is run again"
                );
            }
            Ok(_) => {}
            Err(error) => eprintln!("warning: how much room there is for {shown} is not known: {error}"),
        }
    }
}

/// Seconds of processor time that a device takes for a second of audio, if probing has measured it.
fn cost(device: &DeviceTime, audio: AudioSettings, hashes: &mut Hashes, store: &mut Store) -> Option<f64> {
    let setup = &device.setup;
    let key = Key::of(setup, audio, hashes).ok()?;
    let of = |speed: f64| (speed > 0.0).then(|| 1.0 / speed);
    if let Some(speed) = store.get(&key).and_then(|verdict| verdict.findings.times_real_time) {
        return of(speed);
    }
    // What a model or an impulse response costs, another one does not say.
    if !setup.assets.is_empty() || setup.state.is_some() || setup.preset.is_some() {
        return None;
    }
    let speeds = store.kin(&key).filter_map(|verdict| verdict.findings.times_real_time);
    speeds.reduce(f64::min).and_then(of)
}

/// A time as people read it.
fn time(seconds: f64) -> String {
    match seconds {
        ..100.0 => format!("{seconds:.1} s"),
        ..6_000.0 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}

fn core_time(seconds: f64) -> String {
    match seconds {
        ..360.0 => format!("{seconds:.1} s of one processor"),
        _ => format!("{:.1} core hours", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        assert_eq!([0.0, 99.0, 240.0, 86_400.0].map(time), ["0.0 s", "99.0 s", "4.0 min", "24.0 h"]);
        assert_eq!([12.0, 7_200.0].map(core_time), ["12.0 s of one processor", "2.0 core hours"]);
    }
}
