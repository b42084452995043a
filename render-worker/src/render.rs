//! A task into files.

use std::collections::BTreeSet;
use std::io;
use std::time::Instant;

use audio::offset::Offset;
use audio::{Decibels, SampleRate};
use jobs::manifest::{Rendered, Timings};
use jobs::message::{Failure, FromWorker, Phase};
use jobs::task::{Length, Output, Render, Task};
use mix::{Chain, Graph, RenderError, Slot, StripId, Tap, TapEnd, TapPoint};
use presets::{DeviceKind, DeviceSetup};

use crate::annotations;
use crate::asked;
use crate::build::{BuildError, Conditions, refusal};
use crate::desk::{self, Desk};
use crate::dry;
use crate::flagged::{self, Look};
use crate::publish::{Complete, PublishError, Unfinished};
use crate::report::Reporter;
use crate::stems::StemSum;
use crate::sync::{Heard, Pulse};
use crate::takes::{Ready, Takes};
use crate::warm::Warm;

/// What a worker keeps of its tasks for the next ones.
pub(crate) struct Kept {
    takes: Takes,
    warm: Warm,
}

impl Kept {
    pub(crate) fn new() -> Kept {
        Kept { takes: Takes::new(), warm: Warm::default() }
    }
}

/// Renders a task and answers. Devices are destroyed after the answer, or made ready to be used again: what they do then harms
/// no finished file. `last` says that no other attempt follows, and `warm` which devices may be used again.
pub(crate) fn render(
    task: &Task,
    last: bool,
    warm: &[u32],
    kept: &mut Kept,
    reporter: &mut Reporter,
) -> io::Result<()> {
    reporter.prepares_safely(task.render.devices().into_iter().all(is_safe));
    kept.warm.begin(task, warm, reporter)?;
    let (started, parsed_before, decoded_before) = (Instant::now(), devices::parsed_models(), kept.takes.decoded());
    let mut unsettled = BTreeSet::new();
    let mut chains = Vec::new();
    loop {
        let outcome = attempt(task, last, started, &unsettled, &mut chains, kept, reporter);
        if outcome.is_err() {
            kept.warm.give_up();
        }
        match outcome {
            Ok(mut rendered) => {
                rendered.timings.process = std::process::id();
                rendered.timings.models_parsed = devices::parsed_models() - parsed_before;
                rendered.timings.inputs_decoded = kept.takes.decoded() - decoded_before;
                rendered.timings.devices_reused = kept.warm.reused();
                rendered.warnings.extend(kept.warm.take_warnings());
                reporter.send(&FromWorker::Finished { rendered: Box::new(rendered) })?
            }
            Err(Stop::Build(BuildError::Task(failure))) => reporter.send(&FromWorker::Failed(failure))?,
            Err(Stop::Build(BuildError::Farm(error))) => return Err(error),
            // Rehearsed devices are never found unsettled again, so this ends.
            Err(Stop::Unsettled(found)) => {
                unsettled.extend(found);
                end(&mut chains, &mut kept.warm, reporter)?;
                continue;
            }
        }
        return end(&mut chains, &mut kept.warm, reporter);
    }
}

/// Whether a device is one of ours, with nothing from outside in it.
fn is_safe(setup: &DeviceSetup) -> bool {
    let builtin = matches!(setup.device.kind(), DeviceKind::Builtin(_));
    builtin && setup.assets.is_empty() && setup.state.is_none() && setup.preset.is_none()
}

/// Destroys the devices, save those that are kept.
fn end(chains: &mut Vec<Chain>, warm: &mut Warm, reporter: &mut Reporter) -> io::Result<()> {
    for (strip, chain) in chains.drain(..).enumerate() {
        for (index, slot) in chain.into_slots().into_iter().enumerate() {
            reporter.phase(Phase::Destroy, Some(slot.name()))?;
            warm.end((StripId(strip), index), slot);
        }
    }
    Ok(())
}

/// Why an attempt gave no files.
enum Stop {
    Build(BuildError),
    /// Devices turned out to be later than they said when the sound had barely begun: again, with these rehearsed.
    Unsettled(Vec<(StripId, usize)>),
}

impl<E: Into<BuildError>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Build(error.into())
    }
}

fn attempt(
    task: &Task,
    last: bool,
    started: Instant,
    unsettled: &BTreeSet<(StripId, usize)>,
    chains: &mut Vec<Chain>,
    Kept { takes, warm }: &mut Kept,
    reporter: &mut Reporter,
) -> Result<Rendered, Stop> {
    let rate = task.audio.sample_rate;
    let conditions = Conditions { audio: task.audio, unsettled, warm };
    let block = conditions.setup().max_block;
    let dry = match &task.render {
        Render::Tone(tone) => Some(takes.ready(&tone.input, rate)?),
        Render::Session(_) => None,
    };
    let dry = dry.as_deref();
    let look = Look::new(task, dry)?;
    let pulse = dry.and_then(|_| Pulse::of(&task.checks, rate));
    let lead = pulse.map_or(0, Pulse::lead);
    let desk = match &task.render {
        Render::Tone(tone) => {
            let ready = dry.expect("a tone has a take");
            desk::tone(tone, ready, pulse, task.outputs.len(), conditions, reporter)?
        }
        Render::Session(session) => desk::session(session, &task.outputs, conditions, reporter)?,
    };
    let Desk { strips, tempo, frames, points, built } = desk;
    let names: Vec<String> = strips.iter().map(|strip| strip.name().to_owned()).collect();
    let mut graph = Graph::new(strips, tempo, rate, block).map_err(|error| refusal(Phase::Activate, None, error))?;
    let taps: Vec<Tap> =
        task.outputs.iter().zip(points).map(|(output, point)| tap(output, point, (lead, frames), rate)).collect();
    let loaded = Instant::now();

    reporter.phase(Phase::Process, None)?;
    let mut files = Vec::with_capacity(taps.len());
    let mut sum = StemSum::of(task);
    let mut heard = Heard::new(pulse);
    let outcome = write_files(task, dry, &mut graph, &taps, &mut files, (&mut heard, &mut sum), reporter);
    let latencies: Vec<u64> = taps.iter().map(|tap| graph.latency(tap)).collect();
    *chains = graph.into_chains();
    let rendered = Instant::now();
    let published = outcome.and_then(|mut notes| {
        reporter.require_farm()?;
        reporter.phase(Phase::Write, None)?;
        let mut complete: Vec<Complete> = Vec::with_capacity(files.len());
        let carried = complete_all(task, &look, frames, &mut files, &latencies, &mut complete)
            .map(|()| pulse.into_iter().for_each(|pulse| sync(task, pulse, &heard, &mut complete)))
            .and_then(|()| flagged::decide(task, last, &complete))
            // What cannot be carried costs the files too, before any has its name.
            .and_then(|()| annotations::carry(&task.annotations));
        let carried = match carried {
            Ok(carried) => carried,
            Err(error) => {
                complete.into_iter().for_each(Complete::discard);
                return Err(error.into());
            }
        };
        let done = flagged::publish(task, complete, &mut notes).map_err(publish_failure)?;
        let in_quarantine = !done.is_empty() && done.iter().all(|file| file.quarantined);
        let records = annotations::publish(task, carried, in_quarantine);
        Ok::<_, Stop>((done, records.map_err(publish_failure)?, notes))
    });
    files.into_iter().for_each(Unfinished::discard);
    let (files, annotations, notes) = published?;
    let mut warnings = dry.map_or_else(Vec::new, |dry| dry.warnings.clone());
    warnings.extend(built.warnings);
    warnings.extend(names.iter().zip(&*chains).flat_map(|(name, chain)| incidents(name, chain)));
    warnings.extend(notes);
    warnings.extend(files.iter().filter(|file| file.clipped_samples > 0).map(|file| {
        format!("{}: {} samples were beyond full scale and are clipped", file.path.display(), file.clipped_samples)
    }));
    let stems_differ = sum.map(|sum| sum.difference());
    if let Some(difference) = stems_differ.filter(|difference| *difference > StemSum::MOST) {
        warnings.push(format!("the stems sum to the premaster only within {difference:.1e} of full scale"));
    }
    Ok(Rendered {
        files,
        devices: built.devices,
        stems_differ,
        input: dry.map(|dry| dry.record.clone()),
        annotations,
        warnings,
        timings: Timings {
            load: (loaded - started).as_secs_f64(),
            render: (rendered - loaded).as_secs_f64(),
            write: rendered.elapsed().as_secs_f64(),
            ..Timings::default()
        },
        strict: Some(crate::strict::level()),
        sandbox: Some(crate::sandbox::level()),
    })
}

/// Brings the files to the disk and looks at them. What fails is still among `files`, or already among those `complete`.
fn complete_all(
    task: &Task,
    look: &Look<'_>,
    frames: u64,
    files: &mut Vec<Unfinished>,
    latencies: &[u64],
    complete: &mut Vec<Complete>,
) -> Result<(), BuildError> {
    for (output, latency) in task.outputs.iter().zip(latencies) {
        let mut file = files.remove(0).complete(*latency).map_err(publish_failure)?;
        let looked =
            asked::check(&file, output, frames, task.audio.sample_rate).and_then(|()| look.at(&mut file, output));
        complete.push(file);
        looked?;
    }
    Ok(())
}

/// Writes down how late the pulse came out in each file, in the file's own frames.
fn sync(task: &Task, pulse: Pulse, heard: &Heard, complete: &mut [Complete]) {
    let rate = task.audio.sample_rate;
    for (index, (file, output)) in complete.iter_mut().zip(&task.outputs).enumerate() {
        let own = output.sample_rate.unwrap_or(rate).hz() / rate.hz();
        match pulse.found(heard.of(index), rate) {
            Some(found) => {
                let frames = (found.frames as f64 * own).round() as i64;
                file.file.offset = Some(Offset { frames, ..found });
            }
            None => file.warnings.push("nothing came of the pulse in front of its take".to_owned()),
        }
    }
}

/// Where the devices of a strip could not do what the music asked.
fn incidents(strip: &str, chain: &Chain) -> Vec<String> {
    let told = |slot: &Slot| {
        slot.incidents().into_iter().map(|words| format!("{strip}: {}: {words}", slot.name())).collect::<Vec<_>>()
    };
    chain.slots().iter().flat_map(told).collect()
}

fn write_files(
    task: &Task,
    dry: Option<&Ready>,
    graph: &mut Graph,
    taps: &[Tap],
    files: &mut Vec<Unfinished>,
    (heard, sum): (&mut Heard, &mut Option<StemSum>),
    reporter: &mut Reporter,
) -> Result<Vec<String>, Stop> {
    let (rate, lead) = (task.audio.sample_rate, heard.lead());
    let mut warnings = Vec::new();
    for (output, tap) in task.outputs.iter().zip(taps) {
        let finish = dry::finish(output, dry, &mut warnings)?;
        let frames = dry.and_then(|dry| dry::frames(output, dry, rate));
        let partial = task.output_partial(&output.path);
        let file = Unfinished::create(partial, output, finish, rate, graph.channels(tap), frames);
        files.push(file.map_err(publish_failure)?);
        heard.begin(graph.channels(tap));
    }
    let rendered = graph.render(taps, reporter, |index, block| {
        if let Some(sum) = sum {
            sum.add(index, block);
        }
        heard.split(index, block, |block| files[index].write(block))
    });
    let told = rendered.map_err(|error| match error {
        RenderError::Unsettled(found) => Stop::Unsettled(found),
        RenderError::Process { ref device, frame, .. } | RenderError::Restart { ref device, frame, .. } => {
            let failure = Failure {
                phase: Phase::Process,
                device: Some(device.clone()),
                at_seconds: Some(rate.seconds(frame.saturating_sub(lead))),
                reason: error.to_string(),
                retry: false,
                stop_run: false,
            };
            BuildError::Task(failure).into()
        }
        RenderError::Read { frame, .. } => {
            let failure = Failure {
                phase: Phase::Process,
                device: None,
                at_seconds: Some(rate.seconds(frame.saturating_sub(lead))),
                reason: error.to_string(),
                retry: false,
                stop_run: false,
            };
            BuildError::Task(failure).into()
        }
        RenderError::Sink(error) => publish_failure(error).into(),
    });
    let told = told?;
    warnings.extend(told);
    Ok::<_, Stop>(warnings)
}

fn publish_failure(error: PublishError) -> BuildError {
    let stop_run = error.stops_the_run();
    BuildError::Task(Failure {
        phase: Phase::Write,
        device: None,
        at_seconds: None,
        reason: if stop_run {
            format!("{error}. Make room or give permission, then run again")
        } else {
            error.to_string()
        },
        retry: stop_run,
        stop_run,
    })
}

/// What of the graph an output shows, and for how long behind what is led in.
fn tap(output: &Output, (strip, point): (StripId, TapPoint), (lead, frames): (u64, u64), rate: SampleRate) -> Tap {
    let end = match output.length {
        Length::Match => TapEnd::At(lead + frames),
        Length::Tail { limit, below_db } => TapEnd::Silence {
            below: Decibels(below_db).gain() as f32,
            least: lead + frames,
            most: lead + frames + rate.frames(limit),
        },
        Length::Seconds(seconds) => TapEnd::At(lead + rate.frames(seconds)),
    };
    Tap { strip, point, end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_safe_while_nothing_from_outside_is_in_it() {
        let parsed = |text: &str| presets::spec::parse(text, "/presets".as_ref()).unwrap();
        let gain = parsed("builtin:gain@Gain=-6 dB");
        assert!(is_safe(&gain));
        assert!(!is_safe(&parsed("clap:/plugins/gain.clap")));
        let asset = presets::Asset::File("/ir/room.wav".into());
        assert!(!is_safe(&DeviceSetup { assets: [("ir".to_owned(), asset)].into(), ..gain.clone() }));
        assert!(!is_safe(&DeviceSetup { state: Some("/states/a".into()), ..gain.clone() }));
        assert!(!is_safe(&DeviceSetup { preset: Some("/presets/a".into()), ..gain }));
    }
}
