//! A session as strips of the graph.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use audio::device::{ParameterId, Setup};
use audio::stream::{self, ChannelPick, Stream};
use audio::{Decibels, EventBody, SampleRate};
use jobs::manifest::DeviceRecord;
use jobs::message::Phase;
use jobs::task::{
    Deliver, Fader, Moves, Output, PanLaw, SessionRender, Strip as Settings, Tempo, ToneRender, Track, TrackSource,
};
use mix::{Chain, FeedPoint, Level, Source, Strip, StripId, TapPoint};
use presets::DeviceSetup;
use score::{Curve, CurvePoint, LostNote, PlayReport, Song, TempoMap, TimedEvent};

use crate::build::{self, BuildError, Builder, Built, refusal};
use crate::report::Reporter;

/// The strips of a task before they become a graph.
pub(crate) struct Desk {
    pub(crate) strips: Vec<Strip>,
    pub(crate) tempo: TempoMap,
    /// Frames that the material lasts.
    pub(crate) frames: u64,
    /// Where each output is taken, in their order.
    pub(crate) points: Vec<(StripId, TapPoint)>,
    pub(crate) built: Built,
}

/// On a ramp, a parameter is set anew once in so many frames of the music, whatever the blocks are.
const RAMP_GRID: u64 = 32;

/// One recording through one chain.
pub(crate) fn tone(
    tone: &ToneRender,
    outputs: &[Output],
    setup: Setup,
    unsettled: &BTreeSet<(StripId, usize)>,
    reporter: &mut Reporter,
) -> Result<Desk, BuildError> {
    let tempo = TempoMap::default();
    let mut builder = Builder { setup, tempo: &tempo, unsettled, built: Built::default() };
    let recording = recording(&tone.input, ChannelPick::All, 0, setup.sample_rate, &mut builder.built)?;
    let (frames, channels) = (recording.frames(), recording.channels());
    let chain = build::chain(StripId(0), "tone", &tone.chain, channels, &mut builder, reporter)?;
    let strip = Strip::new("tone", Source::Recording(recording), chain, Level::Direct);
    let points = vec![(StripId(0), TapPoint::Output); outputs.len()];
    Ok(Desk { strips: vec![strip], built: builder.built, tempo, frames, points })
}

/// Tracks, busses and a master, as many times as the outputs need them.
pub(crate) fn session(
    session: &SessionRender,
    outputs: &[Output],
    setup: Setup,
    unsettled: &BTreeSet<(StripId, usize)>,
    reporter: &mut Reporter,
) -> Result<Desk, BuildError> {
    let tempo = tempo(&session.tempo)?;
    let layout = Layout::new(session, outputs)?;
    let mut sources = Vec::with_capacity(session.tracks.len());
    let mut frames = 0;
    let mut builder = Builder { setup, tempo: &tempo, unsettled, built: Built::default() };
    for track in &session.tracks {
        let played = played(track, session, &layout, &tempo, setup.sample_rate, &mut builder.built)?;
        frames = frames.max(played.frames);
        sources.push(played);
    }
    let mut assembly = Assembly {
        session,
        layout: &layout,
        builder,
        records: BTreeMap::new(),
        strips: BTreeMap::new(),
        outputs: BTreeMap::new(),
    };
    // An instrument's further outputs have as many channels as it shows once it is built.
    let (outs, tracks): (Vec<_>, Vec<_>) =
        sources.into_iter().enumerate().partition(|(_, played)| matches!(played.source, Source::Output { .. }));
    for (index, played) in tracks.into_iter().chain(outs) {
        assembly.track(index, played, reporter)?;
    }
    for index in 0..session.busses.len() {
        assembly.bus(index, None, reporter)?;
    }
    if layout.base_master.is_some() {
        assembly.master(None, reporter)?;
    }
    for variant in 0..layout.variants.len() {
        for index in 0..session.busses.len() {
            if layout.variants[variant].copies.contains_key(&(session.tracks.len() + index)) {
                assembly.bus(index, Some(variant), reporter)?;
            }
        }
        assembly.master(Some(variant), reporter)?;
    }
    for &(stem, at) in &layout.master_stems {
        let strip = Strip::new(
            format!("{}, behind the master's fader", session.names().nth(stem).unwrap_or_default()),
            Source::Sum(2),
            Chain::default(),
            level(&session.master.fader)?,
        );
        assembly.strips.insert(at, strip);
    }
    let Assembly { builder: Builder { mut built, .. }, records, mut strips, .. } = assembly;
    built.devices = records.into_values().flatten().collect();
    connect(session, &layout, &mut strips)?;
    let strips = strips.into_values().collect();
    let points = outputs.iter().map(|output| layout.point(session, &output.deliver)).collect::<Result<_, _>>()?;
    Ok(Desk { strips, tempo, frames, points, built })
}

/// Where each strip stands in the graph. Tracks and busses are numbered together, tracks first.
struct Layout {
    /// By number, the place in the graph.
    places: Vec<usize>,
    base_master: Option<usize>,
    variants: Vec<Variant>,
    /// Strips whose sound is wanted behind the master's fader, each with the place of that fader.
    master_stems: Vec<(usize, usize)>,
}

/// A mix without some tracks and busses: further instances of what they would have gone into.
struct Variant {
    without: Vec<usize>,
    /// By number of the bus, the place of its copy.
    copies: BTreeMap<usize, usize>,
    master: usize,
}

impl Layout {
    fn new(session: &SessionRender, outputs: &[Output]) -> Result<Layout, BuildError> {
        let wrong = |ring: Vec<String>| {
            refusal(
                Phase::Configure,
                None,
                format!("tracks and busses hear each other in a ring: {}", ring.join(" -> ")),
            )
        };
        let order = session.order().map_err(wrong)?;
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, number)| places[*number] = place);
        let mut next = order.len();
        let mut place = || {
            next += 1;
            next - 1
        };
        let whole = |deliver: &Deliver| matches!(deliver, Deliver::Mix | Deliver::Premaster);
        let base_master = outputs.iter().any(|o| whole(&o.deliver)).then(&mut place);
        let mut layout = Layout { places, base_master, variants: Vec::new(), master_stems: Vec::new() };
        for output in outputs {
            match &output.deliver {
                Deliver::Without { without, .. } => {
                    let without = layout.numbers(session, without)?;
                    if layout.variants.iter().any(|variant| variant.without == without) {
                        continue;
                    }
                    let mut copies = BTreeMap::new();
                    for number in order.iter().copied().filter(|number| *number >= session.tracks.len()) {
                        // A bus sounds otherwise where one that feeds it is missing, or sounds otherwise itself.
                        let differs =
                            feeders(session, number).any(|from| without.contains(&from) || copies.contains_key(&from));
                        if differs && !without.contains(&number) {
                            copies.insert(number, place());
                        }
                    }
                    layout.variants.push(Variant { without, copies, master: place() });
                }
                Deliver::MasterStem(name) => {
                    let number = layout.number(session, name)?;
                    layout.master_stems.push((number, place()));
                }
                _ => {}
            }
        }
        Ok(layout)
    }

    fn number(&self, session: &SessionRender, name: &str) -> Result<usize, BuildError> {
        let found = session.names().position(|known| known == name);
        found.ok_or_else(|| refusal(Phase::Configure, None, format!("there is no track or bus \"{name}\"")))
    }

    fn numbers(&self, session: &SessionRender, names: &[String]) -> Result<Vec<usize>, BuildError> {
        names.iter().map(|name| self.number(session, name)).collect()
    }

    /// Where an output is taken.
    fn point(&self, session: &SessionRender, deliver: &Deliver) -> Result<(StripId, TapPoint), BuildError> {
        let master = || self.base_master.expect("it is laid out for those who take it");
        Ok(match deliver {
            Deliver::Mix => (StripId(master()), TapPoint::Output),
            Deliver::Premaster => (StripId(master()), TapPoint::Input),
            Deliver::Stem(name) => (StripId(self.places[self.number(session, name)?]), TapPoint::Output),
            Deliver::MasterStem(name) => {
                let number = self.number(session, name)?;
                let found = self.master_stems.iter().find(|(stem, _)| *stem == number);
                (StripId(found.expect("it is laid out").1), TapPoint::Output)
            }
            Deliver::Dry(name) => {
                let number = self.number(session, name)?;
                let notes = matches!(session.tracks.get(number).map(|t| &t.source), Some(TrackSource::Midi { .. }));
                (StripId(self.places[number]), if notes { TapPoint::Behind(0) } else { TapPoint::Source })
            }
            Deliver::Without { without, premaster } => {
                let without = self.numbers(session, without)?;
                let variant = self.variants.iter().find(|variant| variant.without == without);
                let point = if *premaster { TapPoint::Input } else { TapPoint::Output };
                (StripId(variant.expect("it is laid out").master), point)
            }
        })
    }
}

/// Level, pan and routing of a strip by its number.
fn settings(session: &SessionRender, number: usize) -> &Settings {
    match session.tracks.get(number) {
        Some(track) => &track.strip,
        None => &session.busses[number - session.tracks.len()].strip,
    }
}

/// The devices of a strip by its number.
fn devices(session: &SessionRender, number: usize) -> &[DeviceSetup] {
    match session.tracks.get(number) {
        Some(track) => &track.chain,
        None => &session.busses[number - session.tracks.len()].chain,
    }
}

/// The numbers of the strips that feed a bus.
fn feeders(session: &SessionRender, bus: usize) -> impl Iterator<Item = usize> {
    let name = session.busses[bus - session.tracks.len()].name.as_str();
    (0..session.tracks.len() + session.busses.len()).filter(move |number| {
        let settings = settings(session, *number);
        settings.bus.as_deref() == Some(name) || settings.sends.iter().any(|send| send.bus == name)
    })
}

/// Strips as they come to life.
struct Assembly<'a> {
    session: &'a SessionRender,
    layout: &'a Layout,
    builder: Builder<'a>,
    /// By variant (the first is the mix itself) and number, so that they stand in the order of tracks, busses, master.
    records: BTreeMap<(usize, usize), Vec<DeviceRecord>>,
    /// By place.
    strips: BTreeMap<usize, Strip>,
    /// By place, channels of each output bus of its instrument.
    outputs: BTreeMap<usize, Vec<usize>>,
}

impl Assembly<'_> {
    fn track(&mut self, index: usize, played: Played, reporter: &mut Reporter) -> Result<(), BuildError> {
        let track = &self.session.tracks[index];
        let place = self.layout.places[index];
        let channels = match &played.source {
            Source::Recording(recording) => recording.channels(),
            Source::Output { of, bus } => {
                let channels = self.outputs.get(&of.0).and_then(|outputs| outputs.get(*bus));
                *channels.ok_or_else(|| {
                    let reason =
                        format!("track {}: the instrument has no output {bus} beside its first one", track.name);
                    refusal(Phase::Configure, None, reason)
                })?
            }
            _ => 0,
        };
        let heard: BTreeSet<usize> = self
            .session
            .tracks
            .iter()
            .filter_map(|other| match &other.source {
                TrackSource::Output { of, bus } if *of == track.name => Some(*bus),
                _ => None,
            })
            .collect();
        self.builder.built.heard_outputs = heard;
        let chain = self.chain(place, &track.name, &track.chain, channels, (0, index), reporter)?;
        if channels == 0 {
            self.outputs.insert(place, std::mem::take(&mut self.builder.built.outputs));
        }
        let strip = Strip::new(&track.name, played.source, chain, level(&track.strip.fader)?);
        let song = played.song.as_ref();
        let strip = moving(strip, &track.moves, song, self.builder.setup.sample_rate)?;
        self.strips.insert(place, strip);
        Ok(())
    }

    fn bus(&mut self, index: usize, variant: Option<usize>, reporter: &mut Reporter) -> Result<(), BuildError> {
        let bus = &self.session.busses[index];
        let number = self.session.tracks.len() + index;
        let place = match variant {
            None => self.layout.places[number],
            Some(variant) => self.layout.variants[variant].copies[&number],
        };
        let chain = self.chain(place, &bus.name, &bus.chain, 2, (variant.map_or(0, |v| v + 1), number), reporter)?;
        let strip = Strip::new(&bus.name, Source::Sum(2), chain, level(&bus.strip.fader)?);
        let strip = moving(strip, &bus.moves, None, self.builder.setup.sample_rate)?;
        self.strips.insert(place, strip);
        Ok(())
    }

    fn master(&mut self, variant: Option<usize>, reporter: &mut Reporter) -> Result<(), BuildError> {
        let master = &self.session.master;
        let place = match variant {
            None => self.layout.base_master.expect("it is built where it is laid out"),
            Some(variant) => self.layout.variants[variant].master,
        };
        let chain =
            self.chain(place, "master", &master.chain, 2, (variant.map_or(0, |v| v + 1), usize::MAX), reporter)?;
        let strip = Strip::new("master", Source::Sum(2), chain, level(&master.fader)?);
        let strip = moving(strip, &master.moves, None, self.builder.setup.sample_rate)?;
        self.strips.insert(place, strip);
        Ok(())
    }

    fn chain(
        &mut self,
        place: usize,
        name: &str,
        devices: &[DeviceSetup],
        channels: usize,
        record: (usize, usize),
        reporter: &mut Reporter,
    ) -> Result<Chain, BuildError> {
        let chain = build::chain(StripId(place), name, devices, channels, &mut self.builder, reporter)?;
        self.records.insert(record, std::mem::take(&mut self.builder.built.devices));
        Ok(chain)
    }
}

/// Feeds, sends and sidechains.
fn connect(session: &SessionRender, layout: &Layout, strips: &mut BTreeMap<usize, Strip>) -> Result<(), BuildError> {
    let count = session.tracks.len() + session.busses.len();
    let bus_number = |name: &str| layout.number(session, name);
    for number in 0..count {
        let Settings { bus, sends, .. } = settings(session, number);
        let target = bus.as_deref().map(bus_number).transpose()?;
        let mut feeds = vec![(target, Curve::constant(1.0), FeedPoint::PostFader)];
        for send in sends {
            let point = if send.pre_fader { FeedPoint::PreFader } else { FeedPoint::PostFader };
            let gain = scaled(send.gain.as_ref(), Decibels(send.gain_db).gain())?;
            feeds.push((Some(bus_number(&send.bus)?), gain, point));
        }
        let own = layout.places[number];
        for (target, gain, point) in &feeds {
            let place = match target {
                Some(bus) => Some(layout.places[*bus]),
                None => layout.base_master,
            };
            if let Some(place) = place {
                feed(strips, own, place, gain, *point);
            }
        }
        for variant in layout.variants.iter().filter(|variant| !variant.without.contains(&number)) {
            let from = variant.copies.get(&number).copied().unwrap_or(own);
            for (target, gain, point) in &feeds {
                let place = match target {
                    // One that sounds the same is fed already.
                    Some(bus) => variant.copies.get(bus).copied(),
                    None => Some(variant.master),
                };
                if let Some(place) = place {
                    feed(strips, from, place, gain, *point);
                }
            }
        }
    }
    for &(stem, place) in &layout.master_stems {
        feed(strips, layout.places[stem], place, &Curve::constant(1.0), FeedPoint::PostFader);
    }
    for number in 0..count {
        let copies = layout.variants.iter().filter_map(|variant| variant.copies.get(&number).copied());
        let places: Vec<usize> = std::iter::once(layout.places[number]).chain(copies).collect();
        keys(session, layout, strips, devices(session, number), &places)?;
    }
    let masters: Vec<usize> = layout.base_master.into_iter().chain(layout.variants.iter().map(|v| v.master)).collect();
    keys(session, layout, strips, &session.master.chain, &masters)
}

fn feed(strips: &mut BTreeMap<usize, Strip>, from: usize, to: usize, gain: &Curve, point: FeedPoint) {
    change(strips, from, |strip| strip.feeding(StripId(to), gain.clone(), point));
}

fn change(strips: &mut BTreeMap<usize, Strip>, place: usize, change: impl FnOnce(Strip) -> Strip) {
    if let Some(strip) = strips.remove(&place) {
        strips.insert(place, change(strip));
    }
}

/// The sidechains of one chain, wherever it stands.
fn keys(
    session: &SessionRender,
    layout: &Layout,
    strips: &mut BTreeMap<usize, Strip>,
    chain: &[DeviceSetup],
    places: &[usize],
) -> Result<(), BuildError> {
    for (slot, setup) in chain.iter().enumerate() {
        let Some(sidechain) = &setup.sidechain else { continue };
        let from = layout.places[layout.number(session, &sidechain.from)?];
        let point = if sidechain.pre_fader { FeedPoint::PreFader } else { FeedPoint::PostFader };
        let gain = Curve::constant(Decibels(sidechain.gain_db).gain());
        for to in places {
            change(strips, from, |strip| strip.keying(StripId(*to), slot, sidechain.input, gain.clone(), point));
        }
    }
    Ok(())
}

/// Automation of a chain's parameters.
fn moving(
    mut strip: Strip,
    moves: &Moves,
    song: Option<&(Song, TempoMap, u64)>,
    rate: SampleRate,
) -> Result<Strip, BuildError> {
    for lane in &moves.lanes {
        let id = ParameterId(lane.parameter);
        strip = strip.automating(lane.device, lane.curve.events(id, RAMP_GRID));
    }
    for controller in &moves.controllers {
        let Some((song, map, offset)) = song else { continue };
        let id = ParameterId(controller.parameter);
        let values = song.cc_events(&controller.map, map, rate);
        let values = values.map_err(|error| refusal(Phase::Configure, None, error))?;
        let event = |(frame, value)| TimedEvent { frame: frame + offset, body: EventBody::Parameter { id, value } };
        strip = strip.automating(controller.device, values.into_iter().map(event).collect());
    }
    Ok(strip)
}

/// What is not played as it is written, in sentences.
fn told(report: &PlayReport) -> Vec<String> {
    const MOST: usize = 8;
    let lost = |notes: &[LostNote], why: &str| {
        let note = |note: &LostNote| format!("key {} at tick {}", note.key, note.tick);
        let named: Vec<String> = notes.iter().take(MOST).map(note).collect();
        let more = if notes.len() > MOST { ", ..." } else { "" };
        (!notes.is_empty()).then(|| format!("{} notes are left out, {why}: {}{more}", notes.len(), named.join(", ")))
    };
    let mut told: Vec<String> = Vec::new();
    told.extend(lost(&report.out_of_range, "since they are transposed beyond all keys"));
    told.extend(lost(&report.unmapped, "since the key map does not name them"));
    let counted = [
        (report.lost_pressures, "pressures on notes that are left out are left out too"),
        (report.shortened, "notes end earlier, for the gap to the next one of their key"),
        (report.overlaps_cut, "notes end where the next one of their key begins"),
        (report.mpe_ignored, "messages mean nothing on the member channels of an MPE zone and are left out"),
    ];
    told.extend(counted.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")));
    told
}

/// Level and pan for the graph.
fn level(fader: &Fader) -> Result<Level, BuildError> {
    let sign = if fader.invert { -1.0 } else { 1.0 };
    let gain = scaled(fader.gain.as_ref(), sign * Decibels(fader.gain_db).gain())?;
    let pan = match &fader.pan_curve {
        Some(curve) => scaled(Some(curve), 0.01)?,
        None => Curve::constant(fader.pan / 100.0),
    };
    let law = match fader.pan_law {
        PanLaw::Minus3 => mix::PanLaw::Minus3,
        PanLaw::Minus45 => mix::PanLaw::Minus45,
        PanLaw::Minus6 => mix::PanLaw::Minus6,
        PanLaw::Zero => mix::PanLaw::Zero,
    };
    Ok(Level::Stereo { gain, mute: fader.mute.clone(), pan, law })
}

/// A curve times a factor; the factor alone where there is none.
fn scaled(curve: Option<&Curve>, factor: f64) -> Result<Curve, BuildError> {
    let Some(curve) = curve else { return Ok(Curve::constant(factor)) };
    let points = curve.points().iter().map(|point| CurvePoint { value: factor * point.value, ..*point });
    Curve::new(points.collect()).map_err(|error| refusal(Phase::Configure, None, error))
}

/// What a track plays.
struct Played {
    source: Source,
    frames: u64,
    /// The song, the time that its ticks follow, and the frame at which it starts.
    song: Option<(Song, TempoMap, u64)>,
}

fn played(
    track: &Track,
    session: &SessionRender,
    layout: &Layout,
    map: &TempoMap,
    rate: SampleRate,
    built: &mut Built,
) -> Result<Played, BuildError> {
    match &track.source {
        TrackSource::Audio { file, channels } => {
            let recording = recording(file, *channels, track.offset, rate, built)?;
            let frames = recording.frames();
            Ok(Played { source: Source::Recording(recording), frames, song: None })
        }
        TrackSource::Midi { file, part } => {
            let song = Song::read(file).map_err(|error| refusal(Phase::Load, None, error))?;
            // A tempo of the job's own replaces the file's; notes keep their ticks.
            let map = if matches!(session.tempo, Tempo::Fixed(_) | Tempo::Map { .. }) { map } else { song.tempo_map() };
            let frames = song.end_frame(map, rate) + track.offset;
            let performance = song.play(part, map, rate).map_err(|error| refusal(Phase::Load, None, error))?;
            let mut events = performance.events;
            events.iter_mut().for_each(|event| event.frame += track.offset);
            built
                .warnings
                .extend(told(&performance.report).into_iter().map(|words| format!("{}: {words}", track.name)));
            let map = map.clone();
            let song = Some((song, map, track.offset));
            Ok(Played { source: Source::Events(events), frames, song })
        }
        TrackSource::Output { of, bus } => {
            let of = StripId(layout.places[layout.number(session, of)?]);
            Ok(Played { source: Source::Output { of, bus: *bus }, frames: 0, song: None })
        }
    }
}

fn tempo(tempo: &Tempo) -> Result<TempoMap, BuildError> {
    match tempo {
        Tempo::Midi(path) => TempoMap::read(path).map_err(|error| refusal(Phase::Load, None, error)),
        Tempo::Fixed(bpm) => TempoMap::fixed(*bpm).map_err(|error| refusal(Phase::Configure, None, error)),
        Tempo::Map { tempos, meters } => {
            TempoMap::from_changes(tempos, meters).map_err(|error| refusal(Phase::Configure, None, error))
        }
        Tempo::Ignore => Ok(TempoMap::default()),
    }
}

/// A recording at the session's rate, silent for `offset` frames.
fn recording(
    path: &Path,
    pick: ChannelPick,
    offset: u64,
    rate: SampleRate,
    built: &mut Built,
) -> Result<Box<dyn Stream>, BuildError> {
    let (recording, from) = stream::open(path).map_err(|error| refusal(Phase::Load, None, error))?;
    let mut recording: Box<dyn Stream> = match pick {
        ChannelPick::All => recording,
        pick => Box::new(stream::Pick::new(recording, pick)),
    };
    if from != rate {
        built.warnings.push(format!("{}: resampled from {} Hz to {} Hz", path.display(), from.0, rate.0));
        recording = stream::at_rate(recording, from, rate)
            .map_err(|error| refusal(Phase::Load, None, format!("{}: {error}", path.display())))?;
    }
    Ok(if offset == 0 { recording } else { Box::new(Later { stream: recording, before: offset, left: offset }) })
}

/// A stream behind some silence.
struct Later {
    stream: Box<dyn Stream>,
    before: u64,
    left: u64,
}

impl Stream for Later {
    fn channels(&self) -> usize {
        self.stream.channels()
    }

    fn frames(&self) -> u64 {
        self.before + self.stream.frames()
    }

    fn read(&mut self, into: &mut audio::Buffer) -> Result<(), audio::read::ReadError> {
        let silent = self.left.min(into.frames() as u64) as usize;
        self.left -= silent as u64;
        if silent == 0 {
            return self.stream.read(into);
        }
        let mut rest = audio::Buffer::new(into.channel_count(), into.frames() - silent);
        if rest.frames() > 0 {
            self.stream.read(&mut rest)?;
        }
        for (to, from) in into.channels_mut().zip(rest.channels()) {
            to[..silent].fill(0.0);
            to[silent..].copy_from_slice(from);
        }
        Ok(())
    }
}
