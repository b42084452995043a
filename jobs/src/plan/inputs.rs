//! From the recordings of a job to its takes: what is known of each, which of its channels and parts are played, and what
//! follows them.
//!
//! Every file is looked at once for each group that names it, whatever the number of tones and draws. What takes of one
//! recording have in common is shared.

mod csv;
mod cut;
mod facts;
mod filled;
mod list;
mod named;
mod notes;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

use audio::SampleRate;
use audio::read::Shape;
use presets::document::{Collector, Located, Place, closest};
use presets::draw::{Datum, Metadata};
use score::segment::Segment;

use super::build::Builder;
use super::limited::Limited;
use crate::file::{AnnotationPlace, ChannelChoice, Cut, InputForm, Recordings, TonesForm};
use crate::paths;
use crate::task::{ChannelPick, Facts, Source, Take, TakeNoise, TimeChange};
use facts::{MOST_FACT, drawable, is_long, sidecar, text_of, texts};
use named::Named;

pub(super) use notes::{Note, beside};

/// Most takes of a job: more of them would not fit into memory.
const MOST_TAKES: usize = 2_000_000;

/// One recording.
pub(super) struct Recording {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// Its name without extension.
    pub stem: String,
    /// Its group; empty where it has none.
    pub group: String,
    /// Who it is within its group: its path below its pattern's folder, or as its list writes it. Where that folder lies does
    /// not matter.
    pub identity: String,
    /// What it holds.
    pub shape: Shape,
    /// The file, in the role `input`.
    pub source: Source,
}

impl Recording {
    /// What tells it from all other recordings of the job.
    fn text(&self) -> String {
        if self.group.is_empty() { self.identity.clone() } else { format!("{}:{}", self.group, self.identity) }
    }
}

/// One take: what is played of a recording, with all that is known of it.
pub(super) struct Input {
    pub recording: Rc<Recording>,
    /// What stands behind the recording's text where not all of it is played: `#ch3@480000+480000`.
    part: String,
    /// The takes that never part.
    pub source_group: Rc<str>,
    /// What is played.
    pub take: Take,
    /// Name for people.
    pub label: String,
    /// All that is known of it.
    pub facts: Rc<Facts>,
    /// What of that draws can ask for.
    pub metadata: Rc<Metadata>,
    /// What it fills of the job's output paths.
    pub fills: Rc<BTreeMap<String, String>>,
    /// What belongs to it.
    pub notes: Rc<[Note]>,
    /// What happens to the time of that.
    pub change: TimeChange,
}

impl Input {
    /// What tells it from all other takes of the job.
    pub fn text(&self) -> String {
        self.recording.text() + &self.part
    }

    /// Who it is to random draws, apart from its group.
    pub fn identity(&self) -> String {
        format!("{}{}", self.recording.identity, self.part)
    }

    /// How long what is played of it lasts, in frames at another rate.
    pub fn frames(&self, rate: SampleRate) -> u64 {
        let Shape { frames, sample_rate, .. } = self.recording.shape;
        audio::resample::resampled_frames(self.take.segment.map_or(frames, |part| part.frames), sample_rate, rate)
    }

    /// The channels in front of the first device.
    pub fn channels(&self) -> usize {
        self.take.channels.channels(usize::from(self.recording.shape.channels))
    }
}

/// What is told of the recordings of a group, a few of each kind.
pub(super) struct Told {
    recordings: Limited,
    twice: Limited,
    metadata: Limited,
    groups: Limited,
    channels: Limited,
    parts: Limited,
    annotations: Limited,
}

impl Told {
    fn new() -> Told {
        Told {
            recordings: Limited::new("recordings cannot be used"),
            twice: Limited::new("recordings are named twice"),
            metadata: Limited::new("recordings have metadata that cannot be used"),
            groups: Limited::new("recordings belong to no group"),
            channels: Limited::new("recordings lack channels"),
            parts: Limited::new("recordings cannot be cut"),
            annotations: Limited::new("annotations cannot be used"),
        }
    }

    fn close(self, place: &Place, collector: &Collector) {
        let Told { recordings, twice, metadata, groups, channels, parts, annotations } = self;
        for list in [recordings, twice, metadata, groups, channels, parts, annotations] {
            list.close(place, collector);
        }
    }
}

/// What all groups share.
#[derive(Default)]
struct Known {
    /// Who is who: where each recording was named, by its text and by group and path.
    named: HashMap<String, (PathBuf, Place)>,
    files: HashSet<(String, PathBuf)>,
    /// Annotations that were tried, and whether for a cut.
    checked: HashSet<(PathBuf, bool)>,
    /// Placeholders of all output paths.
    wanted: BTreeSet<String>,
    /// Names that are known of a recording and are placeholders of the job's own.
    hidden: BTreeSet<&'static str>,
    takes: usize,
}

/// All takes of a job, in the order of its groups, and whether they fill its output paths: what is told of these would be
/// told again of each task.
pub(super) fn find(builder: &mut Builder<'_>, form: &TonesForm) -> (Vec<Input>, bool) {
    let wanted =
        filled::paths_of(builder).iter().flat_map(|path| path.value.placeholders()).map(str::to_owned).collect();
    let mut known = Known { wanted, ..Known::default() };
    let inputs: Vec<Input> = form.inputs.iter().flat_map(|group| of_group(builder, group, &mut known)).collect();
    let before = builder.collector.len();
    filled::check(builder, form, &inputs, &known);
    (inputs, builder.collector.len() == before)
}

/// The takes of one group.
fn of_group(builder: &mut Builder<'_>, form: &InputForm, known: &mut Known) -> Vec<Input> {
    let mut told = Told::new();
    let mut group =
        Group { form, known, told: &mut told, inputs: Vec::new(), differs: BTreeSet::new(), without: Vec::new() };
    for recording in named::find(builder, form) {
        group.add(builder, recording);
        if group.known.takes > MOST_TAKES {
            let message = format!("these recordings give more than {MOST_TAKES} takes");
            builder.collector.mistake_with(&form.place, message, "Make segments longer, or write several jobs.");
            break;
        }
    }
    let Group { inputs, differs, without, .. } = group;
    for name in differs {
        let message =
            format!("{}: metadata says otherwise of {name} than the path or the list, which count.", form.place);
        builder.devices.warn(message);
    }
    tell_without_segments(builder, form, &inputs, &without);
    told.close(&form.place, &builder.collector);
    inputs
}

/// Says which recordings gave nothing to play.
fn tell_without_segments(builder: &mut Builder<'_>, form: &InputForm, inputs: &[Input], without: &[String]) {
    let Some(Located { value: segments, place }) = &form.segments else { return };
    let Some(first) = without.first() else { return };
    let why = match &segments.cut {
        Cut::Length { length, .. } => format!("segments of {length} s do not fit into it"),
        Cut::Beats { count, bars, .. } => {
            format!("{count} {} do not fit into it", if *bars { "bars" } else { "beats" })
        }
    };
    if inputs.is_empty() {
        let message = format!("no recording gives a segment, such as {first}: {why}");
        builder.collector.mistake_with(place, message, "Make segments shorter, or write last: keep or last: pad.");
        return;
    }
    let others = if without.len() > 1 { format!(" and {} more give", without.len() - 1) } else { " gives".to_owned() };
    builder.devices.warn(format!("{place}: {first}{others} no segment: {why}."));
}

/// The recordings of one group, on their way to takes.
struct Group<'g> {
    form: &'g InputForm,
    known: &'g mut Known,
    told: &'g mut Told,
    inputs: Vec<Input>,
    /// What metadata says otherwise.
    differs: BTreeSet<String>,
    /// Recordings that gave no segment.
    without: Vec<String>,
}

impl Group<'_> {
    /// The takes of one recording.
    fn add(&mut self, builder: &mut Builder<'_>, named: Named) {
        let Named { path, identity, place, mut facts } = named;
        let own = Collector::new();
        let found = builder.files.recording(&path, &place, &own);
        self.told.recordings.take(own, &builder.collector);
        let Some((path, shape, source)) = found else { return };
        let stem = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        let recording = Rc::new(Recording { path, stem, group: self.form.group.clone(), identity, shape, source });
        if !self.is_new(builder, &recording, &place) {
            return;
        }
        let whole = self.read_metadata(builder, &recording, &mut facts);
        self.known.hidden.extend(filled::FIXED.iter().filter(|name| facts.contains_key(**name)));
        if !recording.group.is_empty() {
            facts.entry("group".to_owned()).or_insert_with(|| recording.group.clone().into());
        }
        let texts = texts(&recording, &facts);
        let Some(source_group) = self.source_group(builder, &recording, &facts).filter(|_| whole) else { return };
        let Some(parts) = self.parts(builder, &recording, &texts) else { return };
        let source_group = Rc::from(source_group);
        let channels = self.channels(builder, &recording);
        self.known.takes += parts.len() * channels.len();
        if self.known.takes > MOST_TAKES {
            return;
        }
        for (channel, pick) in channels {
            self.takes(builder, &recording, &source_group, &facts, &texts, (channel, pick), &parts);
        }
    }

    /// Whether nobody named this recording before; tells where somebody did.
    fn is_new(&mut self, builder: &Builder<'_>, recording: &Recording, place: &Place) -> bool {
        let shown = paths::shown(&recording.path);
        let again = !self.known.files.insert((recording.group.clone(), recording.path.clone()));
        let before = self.known.named.insert(recording.text(), (recording.path.clone(), place.clone()));
        match before {
            _ if again => {
                let help = match &self.form.recordings {
                    Recordings::List(_) => "Remove one of its lines.",
                    Recordings::Files(_) => "Let one pattern find it.",
                };
                let words = || (format!("{shown} is named a second time in its group"), help.to_owned());
                self.told.twice.tell(place, words, &builder.collector);
                false
            }
            Some((other, _)) => {
                let words = || {
                    let message =
                        format!("{} and {shown} would be one take, \"{}\"", paths::shown(&other), recording.text());
                    let help =
                        "Find both with one pattern, or give each a group: inputs: { a: \"a/*.wav\", b: \"b/*.wav\" }.";
                    (message, help.to_owned())
                };
                self.told.twice.tell(place, words, &builder.collector);
                false
            }
            None => true,
        }
    }

    /// Adds what the files beside a recording say of it. Whether all could be read; what is wrong is told.
    fn read_metadata(&mut self, builder: &Builder<'_>, recording: &Recording, facts: &mut Facts) -> bool {
        let collector = &builder.collector;
        let mut whole = true;
        for Located { value: template, place } in &self.form.metadata {
            let shown = || paths::shown(&recording.path);
            let texts = texts(recording, facts);
            let Some(path) = template.fill_as_they_are(&texts) else {
                self.told.metadata.tell(place, || cut::unfilled("metadata", template, &texts, &shown()), collector);
                whole = false;
                continue;
            };
            let path = presets::url::join(&builder.job.folder, path);
            match sidecar(&path, place, &shown, &*builder.files.fetcher) {
                Ok(fields) => {
                    for (name, value) in fields {
                        match facts.get(&name) {
                            None => {
                                facts.insert(name, value);
                            }
                            Some(known) if text_of(known) == text_of(&value) => {}
                            Some(_) => {
                                self.differs.insert(name);
                            }
                        }
                    }
                }
                Err((place, message, help)) => {
                    self.told.metadata.tell(&place, || (message, help), collector);
                    whole = false;
                }
            }
        }
        for name in self.form.own().filter(|name| facts.contains_key(*name)) {
            let words = || {
                let message =
                    format!("{name} is known of {} already, and {name}s gives it", paths::shown(&recording.path));
                (message, format!("Give the column, capture or field another name than {name}."))
            };
            self.told.metadata.tell(&self.form.place, words, collector);
            whole = false;
        }
        if let Some((name, _)) = facts.iter().find(|(_, value)| is_long(value)) {
            let words = || {
                let message = format!(
                    "what is known of {} as {name} has more than {MOST_FACT} bytes",
                    paths::shown(&recording.path)
                );
                let help = "It would stand beside every file. Take it out, or let annotations carry its file.";
                (message, help.to_owned())
            };
            self.told.metadata.tell(&self.form.place, words, collector);
            whole = false;
        }
        whole
    }

    /// What the recording never parts from. `None` where nothing says so, which is told.
    fn source_group(&mut self, builder: &Builder<'_>, recording: &Recording, facts: &Facts) -> Option<String> {
        let Some(Located { value: name, place }) = &self.form.group_by else { return Some(recording.text()) };
        let found = match name.as_str() {
            "input" => Some(recording.stem.clone()),
            name => facts.get(name).and_then(text_of),
        };
        if found.is_none() {
            let words = || {
                let names: Vec<&str> = facts.keys().map(String::as_str).collect();
                let help = match closest(name, names.iter().copied()) {
                    Some(close) => format!("Did you mean {close}?"),
                    None if names.is_empty() => "Nothing is known of it.".to_owned(),
                    None => format!("Known are {}.", names.join(", ")),
                };
                (format!("group_by = \"{name}\", and {} does not say its {name}", paths::shown(&recording.path)), help)
            };
            self.told.groups.tell(place, words, &builder.collector);
        }
        found
    }

    /// The parts of a recording with their numbers; all of it as one where nothing cuts it. `None` where it cannot be cut,
    /// which is told.
    fn parts(
        &mut self,
        builder: &Builder<'_>,
        recording: &Recording,
        texts: &BTreeMap<String, String>,
    ) -> Option<Vec<(Option<usize>, Segment)>> {
        let mut within = 0..recording.shape.frames;
        if let Some(Located { value: sounding, place }) = &self.form.trim {
            match cut::sounding(recording, sounding, &*builder.files.fetcher) {
                Ok(sound) => within = sound,
                Err(words) => {
                    self.told.parts.tell(place, || words, &builder.collector);
                    return None;
                }
            }
        }
        let Some(form) = &self.form.segments else {
            return Some(vec![(None, Segment { start: within.start, frames: within.end - within.start })]);
        };
        match cut::segments(form, recording, &within, &builder.job.folder, texts, &*builder.files.fetcher) {
            Ok(parts) => {
                if parts.is_empty() {
                    self.without.push(paths::shown(&recording.path));
                }
                Some(parts.into_iter().enumerate().map(|(number, part)| (Some(number), part)).collect())
            }
            Err(words) => {
                self.told.parts.tell(&form.place, || words, &builder.collector);
                None
            }
        }
    }

    /// What of a recording's channels is played, each with its name where the job asks for some.
    fn channels(&mut self, builder: &Builder<'_>, recording: &Recording) -> Vec<(Option<String>, ChannelPick)> {
        let Some(Located { value: choices, place }) = &self.form.channels else {
            return vec![(None, ChannelPick::All)];
        };
        let has = recording.shape.channels;
        let shown = || paths::shown(&recording.path);
        let number = |number: u16| (Some(number.to_string()), ChannelPick::Channel(number - 1));
        let mut picked: Vec<(Option<String>, ChannelPick)> = Vec::new();
        for choice in choices {
            match choice {
                ChannelChoice::Word(word, pick) => picked.push((Some((*word).to_owned()), *pick)),
                ChannelChoice::Each => picked.extend((1..=has).map(number)),
                ChannelChoice::Number(wanted) if *wanted <= has => picked.push(number(*wanted)),
                ChannelChoice::Number(wanted) => {
                    let count = if has == 1 { "one channel".to_owned() } else { format!("{has} channels") };
                    let message = || format!("channels = {wanted}, and {} has {count}", shown());
                    let help = "Write a channel that each recording of the group has, or each.";
                    self.told.channels.tell(place, || (message(), help.to_owned()), &builder.collector);
                }
            }
        }
        let mut seen = HashSet::new();
        if let Some((Some(name), _)) = picked.iter().find(|(name, _)| !seen.insert(name.clone())) {
            let message = || format!("channels names {name} of {} twice", shown());
            let help = "Remove one; each names all by number.";
            self.told.channels.tell(place, || (message(), help.to_owned()), &builder.collector);
            return Vec::new();
        }
        picked
    }

    /// The takes of one choice of a recording's channels.
    #[allow(clippy::too_many_arguments, reason = "what the takes of a recording share")]
    fn takes(
        &mut self,
        builder: &mut Builder<'_>,
        recording: &Rc<Recording>,
        source_group: &Rc<str>,
        facts: &Facts,
        texts: &BTreeMap<String, String>,
        (channel, pick): (Option<String>, ChannelPick),
        parts: &[(Option<usize>, Segment)],
    ) {
        let form = self.form;
        // What is written nowhere need not be there.
        let off = builder.rules().is_some_and(|rules| rules.annotations == AnnotationPlace::Off);
        let annotations = if off { &[] } else { form.annotations.as_slice() };
        let (mut facts, mut texts) = (facts.clone(), texts.clone());
        if let Some(channel) = &channel {
            facts.insert("channel".to_owned(), channel.clone().into());
            texts.insert("channel".to_owned(), channel.clone());
        }
        let Some(notes) = notes::find(builder, annotations, recording, &texts, self.told) else { return };
        texts.retain(|name, _| self.known.wanted.contains(name));
        let of_channel = match (&channel, pick) {
            (None, _) | (_, ChannelPick::All) => String::new(),
            (Some(_), ChannelPick::Channel(number)) => format!("#ch{}", number + 1),
            (Some(word), _) => format!("#{word}"),
        };
        let shared = Rc::new(facts);
        let (metadata, fills) = (Rc::new(drawable(&shared)), Rc::new(texts));
        let file = builder.rules().map(|rules| rules.deliver.first().map_or(&rules.file, |delivery| &delivery.file));
        let rate_out = file.and_then(|file| file.sample_rate).unwrap_or(builder.audio().sample_rate);
        for (number, part) in parts {
            let all = part.start == 0 && part.frames == recording.shape.frames;
            let segment = Some(*part).filter(|_| !all);
            let change = notes::change(recording, segment, rate_out);
            notes::check(builder, annotations, &notes, &change, &mut self.known.checked, self.told);
            let mut of_part = of_channel.clone();
            let (mut facts, mut metadata, mut fills) = (shared.clone(), metadata.clone(), fills.clone());
            if let Some(number) = number {
                of_part += &format!("@{}+{}", part.start, part.frames);
                Rc::make_mut(&mut facts).insert("segment".to_owned(), (*number).into());
                Rc::make_mut(&mut metadata).insert("segment".to_owned(), Datum::Number(*number as f64));
                Rc::make_mut(&mut fills).insert("segment".to_owned(), format!("{number:03}"));
            }
            let told = [
                channel.as_ref().map(|channel| format!("channel {channel}")),
                number.map(|number| format!("segment {number:03}")),
            ];
            let told: Vec<String> = told.into_iter().flatten().collect();
            let label = match told.as_slice() {
                [] => recording.stem.clone(),
                told => format!("{} ({})", recording.stem, told.join(", ")),
            };
            let text = recording.text() + &of_part;
            let noise = form.noise.map(|noise| TakeNoise {
                kind: noise.kind,
                level: noise.level,
                seed: noise_seed(builder.job.seed, &text),
            });
            self.inputs.push(Input {
                recording: recording.clone(),
                part: of_part,
                source_group: source_group.clone(),
                take: Take { file: recording.path.clone(), channels: pick, segment, level: form.level, noise },
                label,
                facts,
                metadata,
                fills,
                notes: notes.clone(),
                change,
            });
        }
    }
}

/// Where the noise under a take starts from: the first eight bytes, the least first, of the BLAKE3 of seed and take as a
/// JSON array.
fn noise_seed(seed: u64, take: &str) -> u64 {
    let text = serde_json::to_string(&("noise", seed, take)).expect("texts are JSON");
    let hash = blake3::hash(text.as_bytes());
    let (first, _) = hash.as_bytes().split_first_chunk::<8>().expect("a hash has 32 bytes");
    u64::from_le_bytes(*first)
}
