//! A line of a manifest as an entry of a data set, before any file is looked at.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use audio::read::Shape;
use jobs::manifest::Record;
use jobs::task::{Deliver, Facts};

use crate::entry::{Asset, Attached, Devices, Entry, Measured, Sound, key_of, stem};
use crate::shared::Shared;

/// The roles of sources that are somebody's work and go into the sound.
const ASSETS: [&str; 3] = ["input", "midi", "asset"];

/// A line, with what tells which other lines it belongs to.
pub(crate) struct Line {
    /// The entry that it may become. Its shape is what the manifest says, its group and split are empty.
    pub entry: Entry,
    /// What it is of.
    pub kind: Kind,
    /// The job's word on its group.
    pub source_group: Option<Arc<str>>,
}

/// What a line is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One recording through one chain.
    Tone {
        /// The recording, where all of it in all its channels went in.
        whole: Option<Arc<Asset>>,
    },
    /// A take through no chain: what goes into the tones.
    DryTake,
    /// A session.
    Session,
}

/// Turns records into lines, which share what they say alike.
#[derive(Default)]
pub(crate) struct Lines {
    texts: Shared<str>,
    facts: Shared<Facts>,
    names: Shared<BTreeMap<String, String>>,
    assets: Shared<Asset>,
    lists: Shared<Vec<Arc<Asset>>>,
    devices: Shared<Devices>,
}

impl Lines {
    /// The line of a record of this output folder.
    pub fn line(&mut self, out: &Path, record: Record) -> Line {
        let assets: Vec<Arc<Asset>> = record
            .sources
            .iter()
            .filter(|source| ASSETS.contains(&source.role.as_str()))
            .map(|source| {
                let (role, path, blake3) = (source.role.clone(), source.path.as_str().into(), source.blake3.clone());
                self.assets.keep(Asset { role, path, blake3 })
            })
            .collect();
        let of = |role: &'static str| assets.iter().filter(move |asset| asset.role == role);
        let kind = kind(&record, &assets);
        let inputs: BTreeMap<String, String> =
            of("input").chain(of("midi")).map(|asset| (asset.blake3.clone(), asset.name())).collect();
        let input = match of("input").next() {
            Some(only) if kind != Kind::Session => stem(&only.path),
            _ => record.label.clone(),
        };
        let folder = of("input").next().and_then(|asset| asset.path.parent()?.file_name());
        let folder = folder.map(|name| self.texts.keep(&*name.to_string_lossy()));
        let tone = tone(&record, &kind).map(|tone| self.texts.keep(tone));
        let annotations = record.annotations.iter().map(|annotation| Attached {
            path: out.join(&annotation.path).into(),
            blake3: annotation.blake3.as_str().into(),
        });
        let midi = of("midi").map(|midi| Attached { path: midi.path.as_path().into(), blake3: (&*midi.blake3).into() });
        let mut annotations: Vec<Attached> = annotations.chain(midi).collect();
        annotations.sort();
        annotations.dedup();
        let shape =
            Shape { frames: record.file.frames, channels: record.file.channels, sample_rate: record.audio.sample_rate };
        let entry = Entry {
            key: key_of(&record.path.rsplit_once('.').map_or(&*record.path, |(name, _)| name).replace('/', "-")),
            wet: Sound { path: out.join(&record.path).into(), blake3: record.file.blake3.as_str().into(), shape },
            path: record.path.as_str().into(),
            dry: None,
            clip: self.texts.keep(""),
            measured: Measured::of(&record),
            deliver: record.deliver,
            label: self.texts.keep(record.label),
            task: self.texts.keep(record.key),
            input: self.texts.keep(input),
            inputs: self.names.keep(inputs),
            assets: self.lists.keep(assets),
            folder,
            take: record.take.map(|take| self.texts.keep(take)),
            group: self.texts.keep(""),
            tone,
            draw: record.draw,
            drawn: record.drawn,
            split: self.texts.keep(""),
            licences: Arc::default(),
            metadata: self.facts.keep(record.metadata),
            annotations,
            devices: self.devices.keep(Devices::of(&record.devices)),
        };
        Line { entry, kind, source_group: record.source_group.map(|group| self.texts.keep(group)) }
    }
}

fn kind(record: &Record, assets: &[Arc<Asset>]) -> Kind {
    let mut inputs = assets.iter().filter(|asset| asset.role == "input");
    let (Some(input), None) = (inputs.next(), inputs.next()) else { return Kind::Session };
    let midi = assets.iter().any(|asset| asset.role == "midi");
    // Manifests that name no takes tell tones from sessions by the places of their devices.
    if record.take.is_none() && (midi || record.devices.iter().any(|device| device.place != "tone")) {
        return Kind::Session;
    }
    if record.take.is_some() && record.tone.is_none() && record.devices.is_empty() {
        return Kind::DryTake;
    }
    let change = record.input.as_ref().and_then(|input| input.change.as_ref());
    let is_cut = change.is_some_and(|change| change.is_cut());
    // A take is called by its recording, a part or a channel of it with a text behind that.
    let name = input.name();
    let is_named_part = record.take.as_ref().is_some_and(|take| take.contains(&name) && !take.ends_with(&name));
    let is_part = is_cut || is_named_part;
    Kind::Tone { whole: (!is_part).then(|| input.clone()) }
}

/// The tone of a record: as told, else as its label has it, `take, "Tone"`.
fn tone(record: &Record, kind: &Kind) -> Option<String> {
    let labelled = || {
        let (_, quoted) = record.label.split_once(", \"")?;
        quoted.rsplit_once('"').map(|(tone, _)| tone.to_owned())
    };
    let is_tone = matches!(kind, Kind::Tone { .. });
    record.tone.clone().or_else(|| is_tone.then(labelled).flatten())
}

/// Gives each line of a recording through a chain its dry sound, by the number of the dry line, where the job wrote one.
/// `None` stands for lines that have none.
pub(crate) fn dry_lines(lines: &[Line]) -> Vec<Option<usize>> {
    let mut takes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut tracks: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (number, Line { entry, kind, .. }) in lines.iter().enumerate() {
        if let (Kind::DryTake, Some(take)) = (kind, &entry.take) {
            takes.entry(take).or_default().push(number);
        } else if let Deliver::Dry(_) = entry.deliver {
            tracks.entry((&entry.label, &entry.task)).or_default().push(number);
        }
    }
    let of_render = |line: &Line| {
        let tracks = tracks.get(&(&*line.entry.label, &*line.entry.task))?;
        match &line.entry.deliver {
            Deliver::Stem(track) | Deliver::MasterStem(track) => {
                let is_of_track = |number: &&usize| lines[**number].entry.deliver == Deliver::Dry(track.clone());
                tracks.iter().find(is_of_track).copied()
            }
            // Of a tone there is one recording, whatever it is called.
            Deliver::Mix if matches!(line.kind, Kind::Tone { .. }) && tracks.len() == 1 => Some(tracks[0]),
            _ => None,
        }
    };
    let of_take = |line: &Line| {
        let drys = takes.get(&**line.entry.take.as_ref()?)?;
        let shape = line.entry.wet.shape;
        // Renders at several rates may have been written to one folder.
        let fits = |number: &&usize| lines[**number].entry.wet.shape.sample_rate == shape.sample_rate;
        let same = drys.iter().find(|number| fits(number) && lines[**number].entry.wet.shape.frames == shape.frames);
        same.or_else(|| drys.iter().find(fits)).or(drys.first()).copied()
    };
    let dry = |line: &Line| match line.kind {
        Kind::DryTake => None,
        _ if matches!(line.entry.deliver, Deliver::Dry(_)) => None,
        _ => of_render(line).or_else(|| of_take(line)),
    };
    lines.iter().map(dry).collect()
}
