//! The task of a session.

use std::collections::BTreeMap;
use std::path::PathBuf;

use presets::document::{Located, Place};
use presets::file::PlacedDevice;

use super::build::Builder;
use super::devices::Signal;
use super::outputs;
use super::sources::Sources;
use crate::channels::channels;
use crate::file::{BusForm, ChainSource, Delivery, SessionForm, SourceForm, TempoForm, TrackChoice, TrackForm};
use crate::paths;
use crate::task::{Bus, Deliver, MidiSelect, Render, SessionRender, Strip, Tempo, Track, TrackSource};

/// Quarter notes a minute where nothing says otherwise.
const TEMPO: f64 = 120.0;

pub(super) fn plan(builder: &mut Builder<'_>, form: &SessionForm) {
    let mut sources = Sources::default();
    let tempo = tempo(builder, form, &mut sources);
    // Every part is looked at, so that all mistakes are told, before anything is left out.
    let heard = form.tracks.iter().filter(|t| !t.muted);
    let tracks: Vec<Option<Track>> = heard.map(|track| self::track(builder, track, &mut sources)).collect();
    let busses: Vec<Option<Bus>> = form.busses.iter().map(|bus| self::bus(builder, bus, &mut sources)).collect();
    let master = chain(builder, &form.master, Some(2), "the master", &form.place, &mut sources);
    let parts = (tracks.into_iter().collect(), busses.into_iter().collect(), master, tempo, builder.rules());
    let (Some(tracks), Some(busses), Some(master), Some(tempo), Some(rules)) = parts else { return };
    warn_of_idle_busses(builder, form);
    let render = SessionRender { tempo, tracks, busses, master, master_gain_db: form.master_gain_db };
    let mut files = Vec::new();
    for (name, deliver) in deliveries(&rules.deliver, &render) {
        let values = BTreeMap::from([("job", builder.job.name.as_str()), ("name", name.as_str())]);
        let Some(output) = outputs::output(rules, &builder.base, &values, deliver, &builder.collector) else { return };
        files.push(output);
    }
    builder.task(builder.job.name.clone(), Render::Session(render), files, sources.into_vec());
}

/// The sounds to write, each with what `{name}` becomes.
fn deliveries(wanted: &[Delivery], render: &SessionRender) -> Vec<(String, Deliver)> {
    let mut found = Vec::new();
    let stem = |prefix: &str, name: &str| (format!("{prefix}-{name}"), Deliver::Stem(name.to_owned()));
    for delivery in wanted {
        match delivery {
            Delivery::Mix => found.push(("mix".to_owned(), Deliver::Mix)),
            Delivery::Premaster => found.push(("premaster".to_owned(), Deliver::Premaster)),
            Delivery::Stems => {
                let strips = render.tracks.iter().map(|t| (&t.name, &t.strip));
                let strips = strips.chain(render.busses.iter().map(|b| (&b.name, &b.strip)));
                let direct = strips.filter(|(_, strip)| strip.bus.is_none());
                found.extend(direct.map(|(name, _)| stem("stem", name)));
            }
            Delivery::Tracks => found.extend(render.tracks.iter().map(|t| stem("track", &t.name))),
        }
    }
    found
}

fn tempo(builder: &mut Builder<'_>, form: &SessionForm, sources: &mut Sources) -> Option<Tempo> {
    // Muted tracks count too: a solo must not change the tempo.
    let mut midi: Vec<&Located<PathBuf>> = Vec::new();
    for track in &form.tracks {
        if let Some(SourceForm::Midi { file, .. }) = &track.source
            && !midi.iter().any(|known| known.value == file.value)
        {
            midi.push(file);
        }
    }
    let file = match (&form.tempo, midi.as_slice()) {
        (TempoForm::Fixed(tempo), _) => return Some(Tempo::Fixed(*tempo)),
        (TempoForm::File(file), _) => file,
        (TempoForm::Unsaid, []) => return Some(Tempo::Fixed(TEMPO)),
        (TempoForm::FromMidi(at), []) => {
            let help = "Write quarter notes a minute, such as tempo: 120.";
            builder.collector.mistake_with(&at.place, "tempo = from_midi, and no track has notes", help);
            return None;
        }
        (_, [one]) => one,
        (said, [first, second, ..]) => {
            let place = if let TempoForm::FromMidi(at) = said { &at.place } else { &second.place };
            let shown = |file: &Located<PathBuf>| file.value.display().to_string();
            let message = format!("the tracks use several MIDI files, {} and {}", shown(first), shown(second));
            let help = "Say which one's tempo counts: tempo: { midi: FILE }, or write a number.";
            builder.collector.mistake_with(place, message, help);
            return None;
        }
    };
    let (path, source) = builder.files.tempo(&file.value, &file.place, &builder.collector)?;
    sources.add(source);
    Some(Tempo::Midi(path))
}

fn track(builder: &mut Builder<'_>, form: &TrackForm, sources: &mut Sources) -> Option<Track> {
    let name = &form.name.value;
    let of = format!("track {name}");
    let (source, signal) = match &form.source {
        Some(SourceForm::Audio(file)) => match builder.files.recording(&file.value, &file.place, &builder.collector) {
            Some((path, shape, source)) => {
                sources.add(source);
                (Some(TrackSource::Audio { file: path }), Some(usize::from(shape.channels)))
            }
            None => (None, None),
        },
        Some(SourceForm::Midi { file, track, channel }) => {
            (notes(builder, file, track.as_ref(), channel.as_ref(), sources), Some(0))
        }
        None => (None, None),
    };
    // A MIDI track without an instrument was told when the job was read.
    let chain = chain(builder, &form.chain, signal, &of, &form.name.place, sources);
    Some(Track { name: name.clone(), source: source?, chain: chain?, strip: form.strip.clone() })
}

/// The notes that a track plays; there must be some.
fn notes(
    builder: &mut Builder<'_>,
    file: &Located<PathBuf>,
    track: Option<&Located<TrackChoice>>,
    channel: Option<&Located<u8>>,
    sources: &mut Sources,
) -> Option<TrackSource> {
    let (path, song, source) = builder.files.song(&file.value, &file.place, &builder.collector)?;
    sources.add(source);
    let collector = &builder.collector;
    let shown = paths::shown(&path);
    let all = || (0..song.tracks().len()).map(|n| song.describe(n)).collect::<Vec<_>>().join(", ");
    let number = match track.map(|t| (&t.value, &t.place)) {
        None => None,
        Some((TrackChoice::Index(index), place)) => {
            if usize::from(*index) >= song.tracks().len() {
                let message = format!("{shown} has no track {index}");
                collector.mistake_with(place, message, format!("Its tracks are {}.", all()));
                return None;
            }
            Some(*index)
        }
        Some((TrackChoice::Name(name), place)) => match song.find_track(name) {
            Ok(index) => Some(index),
            Err(error) => {
                let names: Vec<&str> = song.tracks().iter().filter_map(|t| t.name.as_deref()).collect();
                let close = presets::document::similar(name, names, 2);
                collector.mistake_with(place, format!("{shown}: {error}"), presets::document::did_you_mean(&close));
                return None;
            }
        },
    };
    let select = score::Select { track: number, channel: channel.map(|c| c.value) };
    let events = song.events(select, song.tempo_map(), builder.job.audio.sample_rate);
    if !events.iter().any(|e| matches!(e.body, audio::EventBody::NoteOn { .. })) {
        let place = channel.map(|c| &c.place).or(track.map(|t| &t.place)).unwrap_or(&file.place);
        let channel = channel.map_or_else(String::new, |c| format!(" on channel {}", c.value + 1));
        let track = number.map_or_else(String::new, |n| format!(" in track {n}"));
        let message = format!("{shown} has no notes{track}{channel}");
        collector.mistake_with(place, message, format!("Its tracks are {}.", all()));
        return None;
    }
    let select = MidiSelect { track: number, channel: select.channel };
    Some(TrackSource::Midi { file: path, select })
}

fn bus(builder: &mut Builder<'_>, form: &BusForm, sources: &mut Sources) -> Option<Bus> {
    let of = format!("bus {}", form.name.value);
    let chain = chain(builder, &form.chain, Some(2), &of, &form.name.place, sources)?;
    Some(Bus { name: form.name.value.clone(), chain, strip: form.strip.clone() })
}

/// Freezes a chain that ends in a strip or the master, which take one channel or two.
fn chain(
    builder: &mut Builder<'_>,
    source: &ChainSource,
    signal: Option<usize>,
    of: &str,
    place: &Place,
    sources: &mut Sources,
) -> Option<Vec<presets::DeviceSetup>> {
    let devices = builder.devices_of(source)?;
    let placed: Vec<&PlacedDevice> = devices.iter().collect();
    let signal = Signal { channels: signal, of };
    let frozen = builder.devices.chain(&placed, signal, &mut builder.files, &builder.collector)?;
    if let Some(count) = frozen.channels.filter(|count| *count > 2) {
        let message = format!("{of} ends in {}, and a mix takes 1 or 2", channels(count));
        builder.collector.mistake_with(place, message, "Fold it down with a device of its chain.");
        return None;
    }
    sources.extend(&frozen.sources);
    Some(frozen.chain)
}

fn warn_of_idle_busses(builder: &mut Builder<'_>, form: &SessionForm) {
    let feeds = |strip: &Strip, name: &str| {
        strip.bus.as_deref() == Some(name) || strip.sends.iter().any(|send| send.bus == name)
    };
    for Located { value: name, place } in form.busses.iter().map(|b| &b.name) {
        let mut strips = form.tracks.iter().map(|t| &t.strip).chain(form.busses.iter().map(|b| &b.strip));
        if !strips.any(|strip| feeds(strip, name)) {
            builder.devices.warnings.push(format!("{place}: nothing feeds bus {name}."));
        }
    }
}
