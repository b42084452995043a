//! A task into files.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Instant;

use audio::device::Setup;
use audio::{Buffer, SampleRate};
use jobs::manifest::{Rendered, RenderedFile, Timings};
use jobs::message::{Failure, FromWorker, Phase};
use jobs::task::{
    Deliver, Length, Output, Render, SessionRender, Strip as Settings, Task, Tempo, ToneRender, TrackSource,
};
use mix::{Chain, Graph, Level, RenderError, Source, Strip, StripId, Tap, TapEnd, TapPoint};
use score::{Select, Song, TempoMap};

use crate::build::{self, BuildError, Builder, Built, refusal};
use crate::publish::{PublishError, Unfinished};
use crate::report::Reporter;

/// Renders a task and answers. Devices are destroyed after the answer: what they do then harms no finished file.
pub(crate) fn render(task: &Task, reporter: &mut Reporter) -> io::Result<()> {
    let started = Instant::now();
    let mut unsettled = BTreeSet::new();
    let mut chains = Vec::new();
    loop {
        match attempt(task, started, &unsettled, &mut chains, reporter) {
            Ok(rendered) => reporter.send(&FromWorker::Finished { rendered: Box::new(rendered) })?,
            Err(Stop::Build(BuildError::Task(failure))) => reporter.send(&FromWorker::Failed(failure))?,
            Err(Stop::Build(BuildError::Farm(error))) => return Err(error),
            // Rehearsed devices are never found unsettled again, so this ends.
            Err(Stop::Unsettled(found)) => {
                unsettled.extend(found);
                destroy(&mut chains, reporter)?;
                continue;
            }
        }
        return destroy(&mut chains, reporter);
    }
}

fn destroy(chains: &mut Vec<Chain>, reporter: &mut Reporter) -> io::Result<()> {
    for slot in chains.drain(..).flat_map(Chain::into_slots) {
        reporter.phase(Phase::Destroy, Some(slot.name()))?;
        drop(slot.deactivate());
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

/// The strips of a task before they become a graph.
struct Desk {
    strips: Vec<Strip>,
    tempo: TempoMap,
    /// Frames that the material lasts.
    frames: u64,
    built: Built,
}

fn attempt(
    task: &Task,
    started: Instant,
    unsettled: &BTreeSet<(StripId, usize)>,
    chains: &mut Vec<Chain>,
    reporter: &mut Reporter,
) -> Result<Rendered, Stop> {
    let rate = task.audio.sample_rate;
    let setup = Setup { sample_rate: rate, max_block: task.audio.block_size as usize };
    let desk = match &task.render {
        Render::Tone(tone) => tone_desk(tone, setup, unsettled, reporter)?,
        Render::Session(session) => session_desk(session, setup, unsettled, reporter)?,
    };
    let Desk { strips, tempo, frames, built } = desk;
    let names: Vec<String> = strips.iter().map(|strip| strip.name().to_owned()).collect();
    let mut graph =
        Graph::new(strips, tempo, rate, setup.max_block).map_err(|error| refusal(Phase::Activate, None, error))?;
    let taps: Vec<Tap> =
        task.outputs.iter().map(|output| tap(output, &names, frames, rate)).collect::<Result<_, _>>()?;
    let loaded = Instant::now();

    reporter.phase(Phase::Process, None)?;
    let mut files = Vec::with_capacity(taps.len());
    let outcome = write_files(task, &mut graph, &taps, &mut files, reporter);
    let latencies: Vec<u64> = taps.iter().map(|tap| graph.latency(tap)).collect();
    *chains = graph.into_chains();
    let rendered = Instant::now();
    let published = outcome.and_then(|notes| {
        reporter.require_farm()?;
        reporter.phase(Phase::Write, None)?;
        let mut done: Vec<RenderedFile> = Vec::with_capacity(files.len());
        while !files.is_empty() {
            let file = files.remove(0);
            done.push(file.publish(latencies[done.len()]).map_err(publish_failure)?);
        }
        Ok::<_, Stop>((done, notes))
    });
    files.into_iter().for_each(Unfinished::discard);
    let (files, notes) = published?;
    let mut warnings = built.warnings;
    warnings.extend(notes);
    warnings.extend(files.iter().filter(|file| file.clipped_samples > 0).map(|file| {
        format!("{}: {} samples were beyond full scale and are clipped", file.path.display(), file.clipped_samples)
    }));
    Ok(Rendered {
        files,
        devices: built.devices,
        warnings,
        timings: Timings {
            load: (loaded - started).as_secs_f64(),
            render: (rendered - loaded).as_secs_f64(),
            write: rendered.elapsed().as_secs_f64(),
        },
        strict: Some(crate::strict::level()),
    })
}

fn write_files(
    task: &Task,
    graph: &mut Graph,
    taps: &[Tap],
    files: &mut Vec<Unfinished>,
    reporter: &mut Reporter,
) -> Result<Vec<String>, Stop> {
    let rate = task.audio.sample_rate;
    for (output, tap) in task.outputs.iter().zip(taps) {
        files.push(Unfinished::create(output, rate, graph.channels(tap)).map_err(publish_failure)?);
    }
    let rendered = graph.render(taps, reporter, |index, block| files[index].write(block));
    rendered.map_err(|error| match error {
        RenderError::Unsettled(found) => Stop::Unsettled(found),
        RenderError::Process { ref device, frame, .. } | RenderError::Restart { ref device, frame, .. } => {
            let failure = Failure {
                phase: Phase::Process,
                device: Some(device.clone()),
                at_seconds: Some(rate.seconds(frame)),
                reason: error.to_string(),
                retry: false,
                stop_run: false,
            };
            BuildError::Task(failure).into()
        }
        RenderError::Sink(error) => publish_failure(error).into(),
    })
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

/// Which point of the graph an output shows, and for how long.
fn tap(output: &Output, names: &[String], frames: u64, rate: SampleRate) -> Result<Tap, BuildError> {
    let last = StripId(names.len() - 1);
    let (strip, point) = match &output.deliver {
        Deliver::Mix => (last, TapPoint::Output),
        Deliver::Premaster => (last, TapPoint::Input),
        Deliver::Stem(name) => {
            let found = names[..last.0].iter().position(|n| n == name);
            let index = found.ok_or_else(|| {
                refusal(Phase::Write, None, format!("there is no track or bus \"{name}\" to make a stem of"))
            })?;
            (StripId(index), TapPoint::Output)
        }
    };
    let end = match output.length {
        Length::Match => TapEnd::At(frames),
        Length::Tail { limit } => TapEnd::Silence { least: frames, most: frames + rate.frames(limit) },
        Length::Seconds(seconds) => TapEnd::At(rate.frames(seconds)),
    };
    Ok(Tap { strip, point, end })
}

fn tone_desk(
    tone: &ToneRender,
    setup: Setup,
    unsettled: &BTreeSet<(StripId, usize)>,
    reporter: &mut Reporter,
) -> Result<Desk, BuildError> {
    let tempo = TempoMap::default();
    let mut builder = Builder { setup, tempo: &tempo, unsettled, built: Built::default() };
    let recording = recording(&tone.input, setup.sample_rate, &mut builder.built)?;
    let frames = recording.frames() as u64;
    let channels = recording.channel_count();
    let chain = build::chain(StripId(0), "tone", &tone.chain, channels, &mut builder, reporter)?;
    let strip = Strip::new("tone", Source::Recording(recording), chain, Level::Direct);
    Ok(Desk { strips: vec![strip], built: builder.built, tempo, frames })
}

fn session_desk(
    session: &SessionRender,
    setup: Setup,
    unsettled: &BTreeSet<(StripId, usize)>,
    reporter: &mut Reporter,
) -> Result<Desk, BuildError> {
    let rate = setup.sample_rate;
    let tempo = match &session.tempo {
        Tempo::Midi(path) => TempoMap::read(path).map_err(|error| refusal(Phase::Load, None, error))?,
        Tempo::Fixed(bpm) => TempoMap::fixed(*bpm).map_err(|error| refusal(Phase::Configure, None, error))?,
    };
    let mut builder = Builder { setup, tempo: &tempo, unsettled, built: Built::default() };
    let bus_names: Vec<&str> = session.busses.iter().map(|bus| bus.name.as_str()).collect();
    let master = StripId(session.tracks.len() + session.busses.len());
    let route = |strip: Strip, settings: &Settings| -> Result<Strip, BuildError> {
        let bus = |name: &str| {
            let index = bus_names.iter().position(|n| *n == name);
            let index = index.ok_or_else(|| refusal(Phase::Configure, None, format!("there is no bus \"{name}\"")))?;
            Ok::<_, BuildError>(StripId(session.tracks.len() + index))
        };
        let main = settings.bus.as_deref().map_or(Ok(master), bus)?;
        settings.sends.iter().try_fold(strip.feeding(main, 1.0), |strip, send| {
            Ok(strip.feeding(bus(&send.bus)?, audio::Decibels(send.gain_db).gain()))
        })
    };
    let mut strips = Vec::with_capacity(master.0 + 1);
    let mut frames = 0;
    for track in &session.tracks {
        let (source, channels) = match &track.source {
            TrackSource::Audio { file } => {
                let recording = recording(file, rate, &mut builder.built)?;
                frames = frames.max(recording.frames() as u64);
                let channels = recording.channel_count();
                (Source::Recording(recording), channels)
            }
            TrackSource::Midi { file, select } => {
                let song = song(file)?;
                let own = song.tempo_map();
                // A fixed tempo replaces the file's own map; notes keep their ticks.
                let map = if matches!(session.tempo, Tempo::Fixed(_)) { &tempo } else { own };
                frames = frames.max(song.end_frame(map, rate));
                (Source::Events(song.events(Select { track: select.track, channel: select.channel }, map, rate)), 0)
            }
        };
        let id = StripId(strips.len());
        let chain = build::chain(id, &track.name, &track.chain, channels, &mut builder, reporter)?;
        strips.push(route(Strip::new(&track.name, source, chain, level(&track.strip)), &track.strip)?);
    }
    for bus in &session.busses {
        let chain = build::chain(StripId(strips.len()), &bus.name, &bus.chain, 2, &mut builder, reporter)?;
        strips.push(route(Strip::new(&bus.name, Source::Sum(2), chain, level(&bus.strip)), &bus.strip)?);
    }
    let chain = build::chain(master, "master", &session.master, 2, &mut builder, reporter)?;
    let gain = audio::Decibels(session.master_gain_db).gain();
    strips.push(Strip::new("master", Source::Sum(2), chain, Level::Stereo { gain, pan: 0.0 }));
    Ok(Desk { strips, built: builder.built, tempo, frames })
}

fn level(settings: &Settings) -> Level {
    Level::Stereo { gain: audio::Decibels(settings.gain_db).gain(), pan: settings.pan / 100.0 }
}

fn song(path: &Path) -> Result<Song, BuildError> {
    Song::read(path).map_err(|error| refusal(Phase::Load, None, error))
}

/// A recording at the session's rate.
fn recording(path: &Path, rate: SampleRate, built: &mut Built) -> Result<Buffer, BuildError> {
    let recording = audio::read::read(path).map_err(|error| refusal(Phase::Load, None, error))?;
    if recording.sample_rate == rate {
        return Ok(recording.buffer);
    }
    let from = recording.sample_rate;
    built.warnings.push(format!("{}: resampled from {} Hz to {} Hz", path.display(), from.0, rate.0));
    audio::resample::resample(&recording.buffer, from, rate)
        .map_err(|error| refusal(Phase::Load, None, format!("{}: {error}", path.display())))
}
