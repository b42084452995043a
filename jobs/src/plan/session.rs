//! The task of a session.

use std::collections::BTreeMap;
use std::path::PathBuf;

use presets::document::{Collector, Located, Place, did_you_mean, similar};
use presets::file::PlacedLink;
use score::{Change, TempoMap, ToChannels};

use super::build::{Beside, Builder};
use super::devices::{Frozen, Signal};
use super::moves::{self, Clock, NotesOf};
use super::outputs;
use super::sources::Sources;
use crate::channels::channels;
use crate::fetch;
use crate::file::{
    BusForm, Delivery, DeliveryKind, FileRules, Heard, MOST_SECONDS, MidiForm, SessionForm, SourceForm, TempoForm,
    TrackChoice, TrackForm,
};
use crate::paths;
use crate::task::{Bus, Deliver, Length, Master, Render, SessionRender, Strip, Tempo, Track, TrackSource};

/// Quarter notes a minute where nothing says otherwise.
const TEMPO: f64 = 120.0;

/// What a session is called, and what its output paths are filled with.
pub(super) struct Naming {
    pub label: String,
    pub values: BTreeMap<String, String>,
    /// Optional tracks that this song does not have.
    pub left_out: Vec<String>,
}

pub(super) fn plan(builder: &mut Builder<'_>, form: &SessionForm) {
    let label = builder.job.name.clone();
    one(builder, form, Naming { label, values: BTreeMap::new(), left_out: Vec::new() });
}

/// Plans the task of one session.
pub(super) fn one(builder: &mut Builder<'_>, form: &SessionForm, mut naming: Naming) {
    let mut sources = Sources::default();
    let Some((tempo, clock)) = tempo(builder, form, &mut sources) else { return };
    // Every part is looked at, so that all mistakes are told, before anything is left out.
    let mut tracks = Vec::new();
    let mut frames = 0;
    let mut outputs = BTreeMap::new();
    let before = builder.collector.len();
    for form in form.tracks.iter().filter(|t| !t.muted) {
        match track(builder, form, &clock, &mut sources) {
            Found::Track(track, found) => {
                frames = frames.max(found.end);
                outputs.extend(found.outputs.map(|outputs| (track.name.clone(), outputs)));
                tracks.push(*track);
            }
            Found::Nothing => naming.left_out.push(form.name.value.clone()),
            Found::Mistake => {}
        }
    }
    let busses: Vec<Option<Bus>> =
        form.busses.iter().map(|bus| self::bus(builder, bus, &clock, &mut sources)).collect();
    let master = master(builder, form, &clock, &mut sources);
    if builder.collector.len() > before {
        return;
    }
    let (Some(busses), Some(master), Some(rules)) = (busses.into_iter().collect(), master, builder.rules()) else {
        return;
    };
    let render = SessionRender { tempo, tracks, busses, master };
    if !check(builder, form, &render, &outputs, &naming) {
        return;
    }
    if frames == 0 && rules.length == Length::Match {
        let message =
            format!("{}: what its tracks play ends where it begins, which leaves nothing to hear", naming.label);
        builder.collector.mistake_with(&form.place, message, "Say how long it is: output: { length: { tail: 5 s } }.");
        return;
    }
    warn_of_idle_busses(builder, form);
    if !naming.left_out.is_empty() {
        let warning = format!("{}: left out, with nothing to play: {}.", naming.label, naming.left_out.join(", "));
        builder.devices.warnings.push(warning);
    }
    let Some(deliveries) = deliveries(&rules.deliver, form, &render, &naming, &builder.collector) else { return };
    let mut files = Vec::new();
    for (name, deliver, mut file) in deliveries {
        if let Deliver::Without { without, .. } = &deliver
            && !render.tracks.iter().any(|t| !without.contains(&t.name) && reaches_master(&render, &t.strip, without))
        {
            builder.devices.warnings.push(format!(
                "{}: no track is heard in {name}. A bus stands there for the tracks that go into it, not for what is \
                 sent to it; deliver: [busses] has a bus alone.",
                naming.label
            ));
        }
        if matches!(deliver, Deliver::Mix | Deliver::Without { premaster: false, .. }) {
            file.levels = file.levels.or(form.master.levels);
        }
        let mut values: BTreeMap<&str, &str> =
            naming.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        values.extend([("job", builder.job.name.as_str()), ("name", name.as_str())]);
        if let Some(unfilled) = file.path.value.placeholders().find(|name| !values.contains_key(name)) {
            let message = format!("nothing fills {{{unfilled}}} in the path for {}", naming.label);
            let known: Vec<&str> = values.keys().copied().collect();
            builder.collector.mistake_with(&file.path.place, message, format!("There are {{{}}}.", known.join("}, {")));
            return;
        }
        let collector = &builder.collector;
        let Some(output) = outputs::output(&file, rules.length, &builder.base, &values, deliver, collector) else {
            return;
        };
        files.push(output);
    }
    // A mix of one channel is reckoned as of two: which it is, the worker finds out.
    let beside = Beside { checks: builder.job.checks.clone(), frames, channels: 2, ..Beside::default() };
    builder.task(naming.label, Render::Session(render), files, sources.into_vec(), beside);
}

/// Whether the parts fit together: there is a track, sidechains and outputs name what there is, nobody hears himself.
fn check(
    builder: &Builder<'_>,
    form: &SessionForm,
    render: &SessionRender,
    outputs: &BTreeMap<String, usize>,
    naming: &Naming,
) -> bool {
    let before = builder.collector.len();
    let collector = &builder.collector;
    if render.tracks.is_empty() {
        // That no track says what it plays, or that all are muted, was told when the job was read.
        if form.tracks.iter().any(|track| track.source.is_some() && !track.muted) {
            let message = format!("{}: no track has anything to play", naming.label);
            collector.mistake_with(&form.place, message, "Give it one, or leave the song out.");
        }
        return false;
    }
    let names: Vec<&str> = render.names().collect();
    let chains = render.tracks.iter().map(|t| (t.name.as_str(), &t.chain));
    let chains = chains.chain(render.busses.iter().map(|b| (b.name.as_str(), &b.chain)));
    for (name, chain) in chains.chain([("master", &render.master.chain)]) {
        for sidechain in presets::devices(chain).into_iter().filter_map(|setup| setup.sidechain.as_ref()) {
            if !names.contains(&sidechain.from.as_str()) {
                let muted = form.tracks.iter().any(|t| t.name.value == sidechain.from);
                let message = match muted || naming.left_out.contains(&sidechain.from) {
                    true => format!("a sidechain in {name} hears {}, which is left out", sidechain.from),
                    false => {
                        format!("a sidechain in {name} hears \"{}\", and there is no such track or bus", sidechain.from)
                    }
                };
                let place = place_of(form, name);
                collector.mistake_with(place, message, format!("There are {}.", names.join(", ")));
            }
        }
    }
    for track in &render.tracks {
        let TrackSource::Output { of, bus } = &track.source else { continue };
        let instrument = render.tracks.iter().find(|t| t.name == *of);
        if !instrument.is_some_and(|t| matches!(t.source, TrackSource::Midi { .. })) {
            let message =
                format!("track {} is an output of \"{of}\", which is no track with an instrument", track.name);
            collector.mistake_with(
                place_of(form, &track.name),
                message,
                "Name one that plays notes, and is not left out.",
            );
        } else if let Some(count) = outputs.get(of).filter(|count| *bus >= **count) {
            let message = format!("track {} is output {bus} of \"{of}\", and there is none", track.name);
            let help = match count {
                0 | 1 => "Its instrument has one output alone.".to_owned(),
                count => format!("Beside the first, which is 0, it has those from 1 to {}.", count - 1),
            };
            collector.mistake_with(place_of(form, &track.name), message, help);
        }
    }
    if let Err(ring) = render.order() {
        let message = format!("tracks and busses hear each other in a ring: {} -> {}", ring.join(" -> "), ring[0]);
        collector.mistake_with(place_of(form, &ring[0]), message, "Remove one bus, send or sidechain of it.");
    }
    collector.len() == before
}

fn place_of<'f>(form: &'f SessionForm, name: &str) -> &'f Place {
    let names = form.tracks.iter().map(|t| &t.name).chain(form.busses.iter().map(|b| &b.name));
    names.into_iter().find(|known| known.value == name).map_or(&form.place, |known| &known.place)
}

/// The sounds to write, each with what `{name}` becomes, and how.
fn deliveries(
    wanted: &[Delivery],
    form: &SessionForm,
    render: &SessionRender,
    naming: &Naming,
    collector: &Collector,
) -> Option<Vec<(String, Deliver, FileRules)>> {
    let mut found = Vec::new();
    let before = collector.len();
    for Delivery { kind, file } in wanted {
        let mut add = |name: String, deliver: Deliver| found.push((name, deliver, file.clone()));
        match kind {
            DeliveryKind::Mix => add("mix".to_owned(), Deliver::Mix),
            DeliveryKind::Premaster => add("premaster".to_owned(), Deliver::Premaster),
            DeliveryKind::Stems { master } => {
                let strips = render.tracks.iter().map(|t| (&t.name, &t.strip));
                let strips = strips.chain(render.busses.iter().map(|b| (&b.name, &b.strip)));
                for (name, _) in strips.filter(|(_, strip)| strip.bus.is_none()) {
                    let deliver = if *master { Deliver::MasterStem } else { Deliver::Stem };
                    add(format!("stem-{name}"), deliver(name.clone()));
                }
            }
            DeliveryKind::Busses => {
                render.busses.iter().for_each(|b| add(format!("bus-{}", b.name), Deliver::Stem(b.name.clone())));
            }
            DeliveryKind::Tracks => {
                render.tracks.iter().for_each(|t| add(format!("track-{}", t.name), Deliver::Stem(t.name.clone())));
            }
            DeliveryKind::Dry => {
                render.tracks.iter().for_each(|t| add(format!("dry-{}", t.name), Deliver::Dry(t.name.clone())));
            }
            DeliveryKind::Submix { name, heard, premaster } => {
                let without = not_heard(heard, form, render, naming, collector);
                add(name.value.clone(), Deliver::Without { without, premaster: *premaster });
            }
        }
    }
    (collector.len() == before).then_some(found)
}

/// Whether what leaves a strip comes to the master by busses other than these.
fn reaches_master(render: &SessionRender, strip: &Strip, without: &[String]) -> bool {
    let through = |name: &String| {
        let bus = render.busses.iter().find(|bus| bus.name == *name && !without.contains(name));
        bus.is_some_and(|bus| reaches_master(render, &bus.strip, without))
    };
    strip.bus.as_ref().is_none_or(through) || strip.sends.iter().any(|send| through(&send.bus))
}

/// The tracks and busses that a mix of some does without.
fn not_heard(
    heard: &Heard,
    form: &SessionForm,
    render: &SessionRender,
    naming: &Naming,
    collector: &Collector,
) -> Vec<String> {
    let (Heard::Without(names) | Heard::Only(names)) = heard;
    let known = |name: &str| {
        let written = form.tracks.iter().map(|t| &t.name).chain(form.busses.iter().map(|b| &b.name));
        written.into_iter().any(|n| n.value == name) || naming.left_out.iter().any(|n| n == name)
    };
    for name in names.iter().filter(|name| !known(&name.value)) {
        let all: Vec<&str> = render.names().collect();
        let help = match similar(&name.value, all.iter().copied(), 2).as_slice() {
            [] => format!("There are {}.", all.join(", ")),
            close => did_you_mean(close),
        };
        collector.mistake_with(&name.place, format!("there is no track or bus \"{}\"", name.value), help);
    }
    let named = |name: &str| names.iter().any(|n| n.value == name);
    match heard {
        Heard::Without(_) => render.names().filter(|name| named(name)).map(str::to_owned).collect(),
        // A bus stands for all tracks that go into it.
        Heard::Only(_) => {
            let bus_of =
                |name: &str| render.busses.iter().find(|b| b.name == name).and_then(|b| b.strip.bus.as_deref());
            let inside = |track: &&Track| {
                let mut bus = track.strip.bus.as_deref();
                while let Some(name) = bus {
                    if named(name) {
                        return true;
                    }
                    bus = bus_of(name);
                }
                named(&track.name)
            };
            render.tracks.iter().filter(|track| !inside(track)).map(|track| track.name.clone()).collect()
        }
    }
}

fn tempo(builder: &mut Builder<'_>, form: &SessionForm, sources: &mut Sources) -> Option<(Tempo, Clock)> {
    let rate = builder.job.audio.sample_rate;
    let clock = |map| Clock { map, rate, division: None, of_files: false };
    // Muted tracks count too: a solo must not change the tempo.
    let mut midi: Vec<&Located<PathBuf>> = Vec::new();
    for track in &form.tracks {
        if let Some(SourceForm::Midi(MidiForm { file, .. })) = &track.source
            && (!track.optional || fetch::exists(&*builder.files.fetcher, &file.value))
            && !midi.iter().any(|known| known.value == file.value)
        {
            midi.push(file);
        }
    }
    let file = match (&form.tempo, midi.as_slice()) {
        (TempoForm::Fixed(tempo), _) => {
            return Some((Tempo::Fixed(*tempo), clock(TempoMap::fixed(*tempo).expect("the reader checks its range"))));
        }
        (TempoForm::Ignore, _) => {
            return Some((Tempo::Ignore, Clock { of_files: true, ..clock(TempoMap::default()) }));
        }
        (TempoForm::Map { tempos: of_tempos, meters: of_meters }, _) => {
            let tempos: Vec<_> = of_tempos.iter().map(|(at, tempo)| (at.value, *tempo)).collect();
            let meters: Vec<_> = of_meters.iter().map(|(at, beats, unit)| (at.value, *beats, *unit)).collect();
            return match TempoMap::from_changes(&tempos, &meters) {
                Ok(map) => Some((Tempo::Map { tempos, meters }, clock(map))),
                Err(error) => {
                    let place = match error.change {
                        Change::Tempo => &of_tempos[error.entry].0.place,
                        Change::Meter => &of_meters[error.entry].0.place,
                    };
                    builder.collector.mistake(place, format!("the tempo cannot be followed: {error}"));
                    None
                }
            };
        }
        (TempoForm::File(file), _) => file,
        (TempoForm::Unsaid, []) => {
            return Some((Tempo::Fixed(TEMPO), clock(TempoMap::fixed(TEMPO).expect("it is in range"))));
        }
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
    let (path, source, map, division) = builder.files.tempo(&file.value, &file.place, &builder.collector)?;
    sources.add(source);
    Some((Tempo::Midi(path), Clock { map, rate, division: Some(division), of_files: false }))
}

/// How far a track reaches.
struct Extent {
    /// The frame at which what it plays ends.
    end: u64,
    /// Output busses of its instrument, where that could be examined.
    outputs: Option<usize>,
}

/// What became of a track.
enum Found {
    Track(Box<Track>, Extent),
    /// It is optional, and there is nothing to play.
    Nothing,
    /// It is told.
    Mistake,
}

fn track(builder: &mut Builder<'_>, form: &TrackForm, clock: &Clock, sources: &mut Sources) -> Found {
    if form.optional {
        let nothing = match &form.source {
            Some(SourceForm::Audio { file, .. }) => {
                !fetch::exists(&*builder.files.fetcher, &file.value) || builder.files.is_silent(&file.value)
            }
            Some(SourceForm::Midi(MidiForm { file, .. })) => {
                !fetch::exists(&*builder.files.fetcher, &file.value) || builder.files.is_noteless(&file.value)
            }
            Some(SourceForm::Output { .. }) | None => false,
        };
        if nothing {
            return Found::Nothing;
        }
    }
    let name = &form.name.value;
    let of = format!("track {name}");
    let mut notes_of = NotesOf::default();
    let mut frames = 0;
    let (source, signal) = match &form.source {
        Some(SourceForm::Audio { file, channels }) => {
            match builder.files.recording(&file.value, &file.place, &builder.collector) {
                Some((path, shape, source)) => {
                    sources.add(source);
                    frames = clock.rate.frames(shape.sample_rate.seconds(shape.frames)).max(1);
                    let heard = channels.channels(usize::from(shape.channels));
                    (Some(TrackSource::Audio { file: path, channels: *channels }), Some(heard))
                }
                None => (None, None),
            }
        }
        Some(SourceForm::Midi(midi)) => match notes(builder, midi, form.optional, clock, sources) {
            Notes::Some(source, of, end) => {
                (notes_of, frames) = (of, end);
                (Some(source), Some(0))
            }
            Notes::Nothing => return Found::Nothing,
            Notes::Mistake => (None, Some(0)),
        },
        // How many channels an output has shows where the instrument plays.
        Some(SourceForm::Output { of, bus }) => (Some(TrackSource::Output { of: of.value.clone(), bus: *bus }), None),
        None => (None, None),
    };
    // A MIDI track without an instrument was told when the job was read.
    let frozen = chain(builder, &form.chain, signal, &of, &form.name.place, sources);
    let (Some(source), Some(frozen)) = (source, frozen) else { return Found::Mistake };
    // What is media may be a recording in this song.
    let has_notes = matches!(source, TrackSource::Midi { .. });
    let controllers = if has_notes { form.controllers.as_slice() } else { &[] };
    let Builder { devices, collector, .. } = builder;
    let moves = moves::moves(&form.lanes, controllers, notes_of, &frozen, devices, clock, collector);
    let mut strip = form.strip.clone();
    moves::strip(&mut strip, &form.lanes, clock, collector);
    let offset = form.offset.as_ref().and_then(|at| clock.frame(at, collector)).unwrap_or(0);
    let end = if frames == 0 { 0 } else { frames.saturating_add(offset) };
    let seconds = clock.rate.seconds(end);
    if seconds > MOST_SECONDS {
        let message =
            format!("what track {name} plays ends {seconds:.0} s into the music, and no more than a day is rendered");
        collector.mistake_with(&form.name.place, message, "Correct its offset, its tempo or its file.");
    }
    let instrument = frozen.known.first().and_then(|(examined, _)| examined.as_ref().as_ref().ok());
    let extent = Extent { end, outputs: instrument.map(|examination| examination.ports.outputs.len()) };
    Found::Track(Box::new(Track { name: name.clone(), source, offset, chain: frozen.chain, moves, strip }), extent)
}

/// What became of a track's notes.
#[expect(clippy::large_enum_variant, reason = "it lives for one step of planning")]
enum Notes {
    /// With the frame at which they end.
    Some(TrackSource, NotesOf, u64),
    Nothing,
    Mistake,
}

/// The notes that a track plays; there must be some, unless it is optional.
fn notes(builder: &mut Builder<'_>, form: &MidiForm, optional: bool, clock: &Clock, sources: &mut Sources) -> Notes {
    let MidiForm { file, track, .. } = form;
    let Some((path, song, source)) = builder.files.song(&file.value, &file.place, &builder.collector) else {
        return Notes::Mistake;
    };
    let collector = &builder.collector;
    let shown = paths::shown(&path);
    let all = || (0..song.tracks().len()).map(|n| song.describe(n)).collect::<Vec<_>>().join(", ");
    let number = match track.as_ref().map(|t| (&t.value, &t.place)) {
        None => None,
        Some((TrackChoice::Index(index), place)) => {
            if usize::from(*index) >= song.tracks().len() {
                let message = format!("{shown} has no track {index}");
                collector.mistake_with(place, message, format!("Its tracks are {}.", all()));
                return Notes::Mistake;
            }
            Some(*index)
        }
        Some((TrackChoice::Name(name), place)) => match song.find_track(name) {
            Ok(index) => Some(index),
            Err(_) if optional => return Notes::Nothing,
            Err(error) => {
                let names: Vec<&str> = song.tracks().iter().filter_map(|t| t.name.as_deref()).collect();
                let close = presets::document::similar(name, names, 2);
                collector.mistake_with(place, format!("{shown}: {error}"), presets::document::did_you_mean(&close));
                return Notes::Mistake;
            }
        },
    };
    let mut part = form.part.clone();
    part.tracks.extend(number);
    let performance = match song.play(&part, song.tempo_map(), builder.job.audio.sample_rate) {
        Ok(performance) => performance,
        Err(error) => {
            collector.mistake(&form.chosen, error.to_string());
            return Notes::Mistake;
        }
    };
    if performance.onsets.is_empty() {
        if optional {
            return Notes::Nothing;
        }
        let report = &performance.report;
        let lost = [
            (report.out_of_range.len(), "transposed beyond all keys"),
            (report.unmapped.len(), "not named by keys, and unmapped drops those"),
        ];
        if let Some((count, why)) = lost.into_iter().find(|(count, _)| *count > 0) {
            let message =
                format!("no note of {shown} is left: {count} of them {} {why}", if count == 1 { "is" } else { "are" });
            collector.mistake_with(&form.chosen, message, "Correct transpose or keys.");
            return Notes::Mistake;
        }
        let channels: Vec<String> = form.part.channels.iter().map(|channel| (channel + 1).to_string()).collect();
        let of = match (channels.as_slice(), form.part.programs.as_slice()) {
            (_, [_, ..]) => " of these programs".to_owned(),
            ([], []) => String::new(),
            (channels, []) => format!(" on channel {}", channels.join(", ")),
        };
        let track = number.map_or_else(String::new, |n| format!(" in track {n}"));
        let message = format!("{shown} has no notes{track}{of}");
        collector.mistake_with(&form.chosen, message, format!("Its tracks are {}.", all()));
        return Notes::Mistake;
    }
    sources.add(source);
    let first = performance.onsets[0].channel;
    let one =
        form.part.to_channels == ToChannels::Keep && performance.onsets.iter().all(|onset| onset.channel == first);
    let channel = match form.part.channels.as_slice() {
        [channel] => Some(*channel),
        _ => Some(first).filter(|_| one),
    };
    let end = song.end_frame(if clock.of_files { song.tempo_map() } else { &clock.map }, clock.rate);
    Notes::Some(TrackSource::Midi { file: path, part }, NotesOf { track: number, channel }, end)
}

fn bus(builder: &mut Builder<'_>, form: &BusForm, clock: &Clock, sources: &mut Sources) -> Option<Bus> {
    let of = format!("bus {}", form.name.value);
    let frozen = chain(builder, &form.chain, Some(2), &of, &form.name.place, sources)?;
    let Builder { devices, collector, .. } = builder;
    let moves = moves::moves(&form.lanes, &[], NotesOf::default(), &frozen, devices, clock, collector);
    let mut strip = form.strip.clone();
    moves::strip(&mut strip, &form.lanes, clock, collector);
    Some(Bus { name: form.name.value.clone(), chain: frozen.chain, moves, strip })
}

fn master(builder: &mut Builder<'_>, form: &SessionForm, clock: &Clock, sources: &mut Sources) -> Option<Master> {
    let master = &form.master;
    let frozen = chain(builder, &master.chain, Some(2), "the master", &form.place, sources)?;
    let Builder { devices, collector, .. } = builder;
    let moves = moves::moves(&master.lanes, &[], NotesOf::default(), &frozen, devices, clock, collector);
    let mut fader = master.fader.clone();
    moves::fader(&mut fader, &master.lanes, clock, collector);
    Some(Master { chain: frozen.chain, moves, fader })
}

/// Freezes a chain that ends in a strip or the master, which take one channel or two.
fn chain(
    builder: &mut Builder<'_>,
    links: &[PlacedLink],
    signal: Option<usize>,
    of: &str,
    place: &Place,
    sources: &mut Sources,
) -> Option<Frozen> {
    let links = builder.links_of(links.to_vec())?;
    let signal = Signal { channels: signal, of };
    let frozen = builder.devices.chain(&links, signal, &mut builder.files, &builder.collector)?;
    if let Some(count) = frozen.channels.filter(|count| *count > 2) {
        let message = format!("{of} ends in {}, and a mix takes 1 or 2", channels(count));
        builder.collector.mistake_with(place, message, "Fold it down with a device of its chain.");
        return None;
    }
    sources.extend(&frozen.sources);
    Some(frozen)
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
