//! Reading a preset with its draws.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{Bypass, Chance, Entry, EntryKind, Gate};
use super::identity::{self, Paths, RESERVED};
use super::{DeviceDraw, DeviceTemplate, Plain, Target, ToneTemplate, extremes, files, put_file};
use crate::document::{self, Collector, Document, Fields, Kind, Located, Node, Place, quoted};
use crate::draw::read::{Read, Reader, Wants, slot};
use crate::draw::{Slot, Values};
use crate::file::{self, DrawnField, PlacedDevice, PlacedLink};
use crate::{Asset, DeviceKind, sandbox};

/// Most presets that may stand within each other.
const DEEPEST: usize = 16;

/// Reads the preset files that a chain names.
pub(super) type Open<'o> = &'o mut dyn FnMut(&Located<PathBuf>) -> Option<Document>;

/// A template on its way.
pub(super) struct Building<'b> {
    pub reader: Reader<'b>,
    pub collector: &'b Collector,
    pub paths: Paths,
    devices: Vec<DeviceTemplate>,
    presets: Vec<PathBuf>,
    open: Open<'b>,
    /// The preset files that are being read, the outer ones first.
    within: Vec<PathBuf>,
}

/// An entry with what only a group wants to know of it.
pub(super) struct ReadEntry {
    pub entry: Entry,
    pub weight: Option<(f64, Place)>,
    /// What conditions call it.
    pub words: String,
}

/// The fields of an entry that say whether it stands rather than what it is.
#[derive(Default)]
struct Logic<'n> {
    name: Option<&'n Node>,
    weight: Option<&'n Node>,
    probability: Option<&'n Node>,
    when: Option<&'n Node>,
    bypass: Option<&'n Node>,
}

/// Reads a preset file with its draws. `None` where nothing of it can be used; a template that comes back may have
/// mistakes too.
pub fn read(path: &Path, collector: &Collector) -> Option<ToneTemplate> {
    let mut open = |preset: &Located<PathBuf>| {
        if preset.value.exists() {
            return Document::read(&preset.value, collector);
        }
        let message = format!("there is no preset {}", preset.value.display());
        collector.mistake_with(&preset.place, message, "Paths start at this file's folder.");
        None
    };
    decode(&Document::read(path, collector)?.root, path, &mut open, collector)
}

/// Takes a template out of a file that is read already. `path` gives the default name, and the folder that the paths
/// in it start from; `open` reads the presets that it names, and tells the collector where it cannot.
pub fn decode(
    root: &Node,
    path: &Path,
    open: &mut dyn FnMut(&Located<PathBuf>) -> Option<Document>,
    collector: &Collector,
) -> Option<ToneTemplate> {
    template(root, path, open, collector, true)
}

/// Takes a template that stands within another file: as [`decode`], without a version.
pub fn decode_inline(
    node: &Node,
    file: &Path,
    open: &mut dyn FnMut(&Located<PathBuf>) -> Option<Document>,
    collector: &Collector,
) -> Option<ToneTemplate> {
    template(node, file, open, collector, false)
}

/// A chain in which nothing is drawn, with every preset [expanded](crate::file::expand()), as a template.
///
/// # Panics
/// If one is not.
pub fn constant(name: impl Into<String>, chain: Vec<PlacedLink>) -> ToneTemplate {
    let collector = Collector::new();
    let mut open = |_: &Located<PathBuf>| None;
    let mut building = Building::new(Path::new(""), &mut open, &collector);
    let entries = building.constant(chain, "");
    building.finish(name.into(), entries)
}

fn template(node: &Node, path: &Path, open: Open<'_>, collector: &Collector, versioned: bool) -> Option<ToneTemplate> {
    let fields = Fields::of("a preset", node, collector)?;
    if versioned {
        file::check_version(&fields, file::VERSION, collector);
    }
    let name = file::name(&fields, path);
    let mut building = Building::new(path, open, collector);
    let entries = building.body(&fields, "");
    fields.finish();
    Some(building.finish(name, entries?))
}

impl<'b> Building<'b> {
    fn new(path: &Path, open: Open<'b>, collector: &'b Collector) -> Building<'b> {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let (devices, presets, within) = (Vec::new(), Vec::new(), vec![canonical(path)]);
        let reader = Reader::new(folder, collector);
        Building { reader, collector, paths: Paths::default(), devices, presets, open, within }
    }

    fn finish(self, name: String, entries: Vec<Entry>) -> ToneTemplate {
        let (slots, pools) = (self.reader.slots, self.reader.pools);
        let plain = vec![Plain::default(); slots.len()];
        let named = self.reader.named;
        let (presets, devices) = (self.presets, self.devices);
        let mut template = ToneTemplate { name, presets, devices, entries, slots, pools, plain, named };
        template.lay_grid();
        template
    }

    /// The draws and the chain of a preset.
    fn body(&mut self, fields: &Fields<'_>, parent: &str) -> Option<Vec<Entry>> {
        if let Some(node) = fields.get("draws") {
            let path = if parent.is_empty() { "draws".to_owned() } else { format!("{parent}/draws") };
            self.reader.named(&path.into(), node);
        }
        let grants = sandbox::decode(fields, &self.reader.folder, self.collector);
        let node = file::chain_node(fields, self.collector)?;
        let first = self.devices.len();
        let entries = self.entries(node, parent);
        self.devices[first..].iter_mut().for_each(|template| template.device.grants.extend(&grants));
        Some(entries)
    }

    /// Entries in a list, or one alone. What cannot be read is left out, with a mistake.
    pub fn entries(&mut self, node: &Node, parent: &str) -> Vec<Entry> {
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut entries = Vec::new();
        for item in items {
            let Some(read) = self.entry(item, parent) else { continue };
            if let Some((_, place)) = read.weight {
                let help = "Remove it; how often an entry stands is its probability.";
                self.collector.mistake_with(&place, "a weight means something only among alternatives", help);
            }
            entries.push(read.entry);
        }
        entries
    }

    /// One entry of a chain.
    pub fn entry(&mut self, node: &Node, parent: &str) -> Option<ReadEntry> {
        let Some(entries) = node.map() else { return self.word(node, parent) };
        let mut logic = Logic::default();
        let mut rest = Vec::new();
        for entry in entries {
            let place = match entry.key.value.as_str() {
                "name" => &mut logic.name,
                "weight" => &mut logic.weight,
                "probability" => &mut logic.probability,
                "when" => &mut logic.when,
                "bypass" => &mut logic.bypass,
                _ => {
                    rest.push(entry.clone());
                    continue;
                }
            };
            *place = Some(&entry.value);
        }
        // In front of what it decides about, so that it cannot ask for what is drawn there.
        let when = match logic.when {
            Some(node) => Some(self.reader.condition("when", node, true)?),
            None => None,
        };
        let name = match logic.name {
            Some(node) => Some(self.name(node)?),
            None => None,
        };
        let node = Node { place: node.place.clone(), kind: Kind::Map(rest) };
        let rest = node.map().unwrap_or_default();
        let (path, kind, words) = match rest {
            [] if logic.bypass.is_some() => {
                let path = self.path(parent, name.as_deref(), "bypass");
                let weight = self.weight(logic.weight);
                let gate = Gate { when, ..Gate::default() };
                let entry = Entry { path, place: node.place, gate, kind: EntryKind::Chain(Vec::new()) };
                return Some(ReadEntry { entry, weight, words: name.unwrap_or_else(|| "bypass".to_owned()) });
            }
            _ => self.kind(&node, parent, name.as_deref())?,
        };
        let probability = match logic.probability {
            Some(node) => Some(self.chance(&path, "probability", node)?),
            None => None,
        };
        let bypass = self.bypass(&path, logic.bypass)?;
        let gate = Gate { when, probability, bypass };
        let weight = self.weight(logic.weight);
        Some(ReadEntry { entry: Entry { path, place: node.place, gate, kind }, weight, words: name.unwrap_or(words) })
    }

    /// An entry that is one word: a preset's path, `bypass`, a device.
    fn word(&mut self, node: &Node, parent: &str) -> Option<ReadEntry> {
        let text = node.scalar().map_or("", |scalar| scalar.text.as_str());
        let (path, kind, words) = match text {
            "bypass" => (self.path(parent, None, "bypass"), EntryKind::Chain(Vec::new()), "bypass".to_owned()),
            _ if file::is_file(text) => self.preset(text, node, parent)?,
            _ => {
                let device = file::device(node, &self.reader.folder, self.collector)?;
                self.device(device, Vec::new(), parent, None)
            }
        };
        let entry = Entry { path, place: node.place.clone(), gate: Gate::default(), kind };
        Some(ReadEntry { entry, weight: None, words })
    }

    fn kind(&mut self, node: &Node, parent: &str, name: Option<&str>) -> Option<(Arc<str>, EntryKind, String)> {
        let entries = node.map().unwrap_or_default();
        for word in ["one_of", "some_of", "shuffle", "parallel", "chain"] {
            if entries.iter().any(|entry| entry.key.value == word) {
                // `shuffle: true` stands beside `some_of` too, which comes first.
                let what = if word == "chain" && entries.iter().any(|e| e.key.value == "wet") { "wet" } else { word };
                let path = self.path(parent, name, what);
                let kind = self.group(word, node, &path, name)?;
                return Some((path, kind, word.to_owned()));
            }
        }
        let (device, drawn) = file::drawn_device(node, entries, &self.reader.folder, self.collector)?;
        Some(self.device(device, drawn, parent, name))
    }

    fn device(
        &mut self,
        device: PlacedDevice,
        drawn: Vec<DrawnField>,
        parent: &str,
        name: Option<&str>,
    ) -> (Arc<str>, EntryKind, String) {
        let words = match device.setup.device.kind() {
            DeviceKind::Builtin(name) => name.to_owned(),
            DeviceKind::Plugin(_, file) => file.id.clone().unwrap_or_else(|| file.plugin.clone()),
        };
        let path = self.path(parent, name, &identity::of_device(&device.setup, &device.folder));
        let mut template = DeviceTemplate { device, path: path.clone(), draws: Vec::new() };
        for field in drawn {
            self.field(&mut template, field);
        }
        self.devices.push(template);
        (path, EntryKind::Device(self.devices.len() - 1), words)
    }

    /// One thing that is drawn on a device.
    fn field(&mut self, template: &mut DeviceTemplate, field: DrawnField) {
        let DrawnField { target, name, node } = field;
        let is_file = !matches!(target, Target::Parameter(_));
        let wants = if is_file { Wants::File } else { Wants::Parameter };
        let setup = &mut template.device.setup;
        let slot = match self.reader.draw(&template.path, &name, &node, wants) {
            None => return,
            Some(Read::Constant(value)) => {
                match &target {
                    Target::Parameter(index) => setup.params[*index].value = value,
                    target => {
                        let option = [crate::draw::Choice::Value(value)];
                        let files = self.files(setup, target, &name, &option, &node);
                        files.into_iter().for_each(|file| put_file(setup, target, file));
                    }
                }
                return;
            }
            Some(Read::Slot(slot)) => slot,
        };
        let values = self.reader.slot(slot).values.clone();
        let files = match (&values, is_file) {
            (Values::Options(options), true) => self.files(setup, &target, &name, options, &node),
            _ => Vec::new(),
        };
        match &target {
            Target::Parameter(index) => {
                let lowest = extremes(&values).into_iter().next();
                setup.params[*index].value = lowest.unwrap_or(crate::Value::Number(0.0));
            }
            target => files.first().into_iter().for_each(|file| put_file(setup, target, file.clone())),
        }
        template.draws.push(DeviceDraw { target, slot, files });
    }

    /// The files that options name.
    fn files(
        &self,
        setup: &crate::DeviceSetup,
        target: &Target,
        name: &str,
        options: &[crate::draw::Choice],
        node: &Node,
    ) -> Vec<Asset> {
        let plugin = matches!(setup.device.kind(), DeviceKind::Plugin(..));
        let embedded = !plugin && matches!(target, Target::Asset(_));
        files(options, &self.reader.folder, embedded).unwrap_or_else(|(written, problem)| {
            self.collector.mistake(&node.place, format!("{name} = {written} {problem}"));
            Vec::new()
        })
    }

    /// A preset's whole chain, in place of its name.
    fn preset(&mut self, written: &str, node: &Node, parent: &str) -> Option<(Arc<str>, EntryKind, String)> {
        let file = crate::url::join(&self.reader.folder, written);
        let real = canonical(&file);
        if self.within.contains(&real) || self.within.len() > DEEPEST {
            let message = match self.within.contains(&real) {
                true => format!("the preset {} stands within itself", file.display()),
                false => format!("{} is the preset number {} within each other", file.display(), DEEPEST + 1),
            };
            self.collector.mistake_with(&node.place, message, "Write its devices here instead.");
            return None;
        }
        let document = (self.open)(&Located::new(file.clone(), node.place.clone()))?;
        let fields = Fields::of("a preset", &document.root, self.collector)?;
        file::check_version(&fields, file::VERSION, self.collector);
        let name = file::name(&fields, &file);
        let path = self.path(parent, None, &format!("preset {written}"));
        // Its own folder and its own draws; those around it are none of its business.
        let folder = std::mem::replace(&mut self.reader.folder, file.parent().unwrap_or(Path::new("")).to_owned());
        let names = std::mem::take(&mut self.reader.names);
        self.within.push(real);
        let entries = self.body(&fields, &path);
        self.within.pop();
        self.reader.names = names;
        self.reader.folder = folder;
        fields.finish();
        if !self.presets.contains(&file) {
            self.presets.push(file);
        }
        Some((path, EntryKind::Chain(entries?), name))
    }

    fn constant(&mut self, chain: Vec<PlacedLink>, parent: &str) -> Vec<Entry> {
        let mut entries = Vec::new();
        for link in chain {
            let (path, place, kind) = match link {
                PlacedLink::Device(device) => {
                    let place = device.place.clone();
                    let (path, kind, _) = self.device(*device, Vec::new(), parent, None);
                    (path, place, kind)
                }
                PlacedLink::Parallel(fork) => {
                    let path = self.path(parent, None, "parallel");
                    let branches = fork.branches.into_iter().map(|branch| super::entry::Branch {
                        level: super::entry::Level::Factor(branch.gain),
                        invert: false,
                        entries: self.constant(branch.chain, &path),
                    });
                    let kind = EntryKind::Parallel(branches.collect());
                    (path, fork.place, kind)
                }
                PlacedLink::Preset(preset) => panic!("{} is not expanded", preset.value.display()),
            };
            entries.push(Entry { path, place, gate: Gate::default(), kind });
        }
        entries
    }

    fn path(&mut self, parent: &str, name: Option<&str>, what: &str) -> Arc<str> {
        match name {
            // Whether the name is free was asked when it was read.
            Some(name) => name.into(),
            None => self.paths.below(parent, what).into(),
        }
    }

    fn name(&mut self, node: &Node) -> Option<String> {
        let name = document::text("name", node, self.collector)?;
        let mistake = |message: String, help: &str| {
            self.collector.mistake_with(&node.place, message, help);
            None
        };
        if RESERVED.contains(&name.as_str()) || name.contains(['/', ':', '.', '(']) {
            let message = format!("{} stands for something else in draws", quoted(&name));
            return mistake(message, "Write another name, without / : . and brackets.");
        }
        if self.reader.names.iter().any(|(known, _)| *known == name) {
            return mistake(format!("{} is drawn already", quoted(&name)), "Write another name.");
        }
        match self.paths.named(&name) {
            Some(name) => Some(name),
            None => mistake(format!("{} is the name of another entry", quoted(&name)), "Write another name."),
        }
    }

    fn weight(&self, node: Option<&Node>) -> Option<(f64, Place)> {
        let node = node?;
        Some((self.reader.weight(node)?, node.place.clone()))
    }

    fn chance(&mut self, path: &Arc<str>, what: &str, node: &Node) -> Option<Chance> {
        let probability = document::number(what, node, 0.0..=1.0, self.collector)?;
        let slot = self.reader.add(slot(path, what, node));
        Some(Chance { slot, probability })
    }

    /// `bypass: true`, or `bypass: { probability: 0.3, when: { ... } }`.
    fn bypass(&mut self, path: &Arc<str>, node: Option<&Node>) -> Option<Bypass> {
        let Some(node) = node else { return Some(Bypass::Never) };
        if node.map().is_none() {
            let always = document::boolean("bypass", node, self.collector)?;
            return Some(if always { Bypass::Always } else { Bypass::Never });
        }
        let fields = Fields::of("a bypass", node, self.collector)?;
        let when = fields.get("when");
        let probability = fields.get("probability");
        fields.finish();
        if when.is_none() && probability.is_none() {
            let help = "Write bypass: true, or bypass: { probability: 0.3 }.";
            self.collector.mistake_with(&node.place, "bypass says neither when nor how often", help);
            return None;
        }
        let when = match when {
            Some(node) => Some(self.reader.condition("when", node, true)?),
            None => None,
        };
        let chance = match probability {
            Some(node) => Some(self.chance(path, "bypass", node)?),
            None => None,
        };
        Some(Bypass::Where(when, chance))
    }

    /// A slot for what a group decides.
    pub fn group_slot(&mut self, path: &Arc<str>, what: &str, node: &Node, words: Vec<String>) -> crate::draw::SlotId {
        let values = Values::Entries(words.into());
        self.reader.add(Slot { values, ..slot(path, what, node) })
    }
}

/// Two ways of writing one path are one file.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
