//! A tone preset with its draws: read once, resolved for every item and draw number.
//!
//! The story in order: [`read`] makes a [`ToneTemplate`] of a file, with every mistake told; whoever plans lists its
//! [pools](ToneTemplate::fill), examines each of its [`devices`](ToneTemplate::devices) once, holds
//! [what is drawn](ToneTemplate::drawn_parameters) against the parameters that it found, and puts the examined devices in place;
//! [`resolve`](ToneTemplate::resolve) then gives the chain of one draw, without reading anything again.
//!
//! ```
//! # use tonemill_presets as presets;
//! use presets::document::{Collector, Document};
//! use presets::draw::Metadata;
//! use presets::template::{DrawContext, decode};
//!
//! let text = "tonemill: 1\nname: Quiet\nchain:\n  - { gain: { uniform: [-6 dB, 3 dB] } }\n";
//! let collector = Collector::new();
//! let document = Document::parse("quiet.yaml", text, &collector).unwrap();
//! let template = decode(&document.root, "quiet.yaml".as_ref(), &mut |_| None, &collector);
//! let template = collector.finish(template).unwrap();
//! let metadata = Metadata::new();
//! let context = |draw| DrawContext { seed: 425, item: "take 1", draw, metadata: &metadata };
//! let first = template.resolve(&context(0)).unwrap();
//! assert_ne!(first.chain, template.resolve(&context(1)).unwrap().chain);
//! assert_eq!(first, template.resolve(&context(0)).unwrap());
//! ```

mod entry;
mod group;
mod identity;
mod read;
mod resolve;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use crate::file::Target;
pub use read::{constant, decode, decode_inline, read};
pub use resolve::{DrawContext, ResolveError, Resolved};

use crate::document::{Collector, Place};
use crate::draw::{Choice, Drawn, DrawnValue, Outcome, Pool, PoolFile, Slot, SlotId, Source, Values};
use crate::file::PlacedDevice;
use crate::{Asset, DeviceSetup, Value};
use entry::Entry;

/// A tone preset with its draws.
#[derive(Clone, Debug, PartialEq)]
pub struct ToneTemplate {
    /// Name for people; a file without one takes its file name.
    pub name: String,
    /// The preset files within it, in the order in which they are named; their content is part of the template.
    pub presets: Vec<PathBuf>,
    devices: Vec<DeviceTemplate>,
    entries: Vec<Entry>,
    slots: Vec<Slot>,
    pools: Vec<Pool>,
    /// What is known of each slot's plain values.
    plain: Vec<Plain>,
    /// The draws of the preset that have a name, which are drawn in front of everything else.
    named: Vec<SlotId>,
}

/// What is known of the plain values that a slot's values mean.
#[derive(Clone, Debug, Default, PartialEq)]
enum Plain {
    #[default]
    Unknown,
    /// Those of the numbers 0 and 1; the others lie in proportion.
    Line(f64, f64),
    /// Those of the options, in order.
    Options(Vec<Value>),
}

/// A device that may stand in the chain, with what is drawn on it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceTemplate {
    /// The device with the first value of everything that is drawn: the lowest number, the first option, the first file of
    /// a pool once that is filled. Whoever plans may change its setup, as long as `params` keeps its length and order.
    pub device: PlacedDevice,
    /// Who it is to its draws: its name, or where it stands and what it is.
    pub path: Arc<str>,
    /// What is drawn on it.
    pub draws: Vec<DeviceDraw>,
}

/// One thing that is drawn on a device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceDraw {
    /// What it sets.
    pub target: Target,
    /// The slot whose outcome it takes.
    pub slot: SlotId,
    /// The files that it chooses among, if it chooses among files that are written out. Whoever plans may make them
    /// absolute; their number and order stay.
    pub files: Vec<Asset>,
}

/// A parameter that is drawn, as planning looks at it.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnParameter<'t> {
    /// The number of its device in [`ToneTemplate::devices`].
    pub device: usize,
    /// Its place in the device's `params`.
    pub index: usize,
    /// Its slot.
    pub slot: SlotId,
    /// Its name.
    pub parameter: &'t str,
    /// What can come.
    pub values: &'t Values,
    /// The lowest and the highest value, or all of several options, as the device would be given them. Of normalised ones,
    /// the numbers from 0 to 1 themselves.
    pub extremes: Vec<Value>,
    /// It is to be drawn even where that is known to be unsafe.
    pub forced: bool,
    /// Where the draw stands.
    pub place: &'t Place,
}

impl DeviceTemplate {
    /// The device without the parameters that are drawn, to be examined.
    pub fn settled(&self) -> PlacedDevice {
        let mut device = self.device.clone();
        let drawn: Vec<usize> = self.drawn_places().collect();
        let mut index = 0..;
        device.setup.params.retain(|_| index.next().is_some_and(|at| !drawn.contains(&at)));
        let mut index = 0..;
        device.params.retain(|_| index.next().is_some_and(|at| !drawn.contains(&at)));
        device
    }

    /// Puts in place what examination made of [`settled`](DeviceTemplate::settled), with as many parameters in the same
    /// order; those that are drawn stay where they are among them.
    pub fn put_settled(&mut self, setup: DeviceSetup) {
        let drawn: Vec<usize> = self.drawn_places().collect();
        let mut before = std::mem::replace(&mut self.device.setup, setup);
        let mut settled = std::mem::take(&mut self.device.setup.params).into_iter();
        for (index, setting) in before.params.iter_mut().enumerate().filter(|(index, _)| !drawn.contains(index)) {
            *setting = settled.next().unwrap_or_else(|| panic!("examination lost parameter {index}"));
        }
        self.device.setup.params = before.params;
    }

    fn drawn_places(&self) -> impl Iterator<Item = usize> {
        self.draws.iter().filter_map(|draw| match draw.target {
            Target::Parameter(index) => Some(index),
            _ => None,
        })
    }
}

impl ToneTemplate {
    /// Every device that may stand in a chain, all alternatives included, in the order written.
    pub fn devices(&self) -> &[DeviceTemplate] {
        &self.devices
    }

    /// Likewise, to put examined devices in place.
    pub fn devices_mut(&mut self) -> &mut [DeviceTemplate] {
        &mut self.devices
    }

    /// Everything that is drawn, in the order written.
    pub fn slots(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        self.slots.iter().enumerate().map(|(index, slot)| (SlotId(index), slot))
    }

    /// One thing that is drawn.
    pub fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id.0]
    }

    /// Whether anything is drawn. A template without draws resolves to the same chain each time, unless `when` asks about
    /// the item.
    pub fn has_draws(&self) -> bool {
        self.slots.iter().any(|slot| match &slot.source {
            Source::Number(_) | Source::Pool | Source::Chain => true,
            Source::Choice(sums) => sums.len() > 1,
            // What it follows is a slot of its own.
            Source::Fixed(_) | Source::Linked(..) => false,
        })
    }

    /// Whether the chain depends on what is known of the item.
    pub fn asks_about_items(&self) -> bool {
        self.metadata_names().next().is_some()
    }

    /// What the chain asks about items, with the place of each question.
    pub fn metadata_names(&self) -> impl Iterator<Item = (&str, &Place)> {
        let mut found = Vec::new();
        self.entries.iter().for_each(|entry| entry.subjects(&mut found));
        found.into_iter().filter(|(_, subject, _)| **subject == crate::draw::Subject::Metadata).map(|(n, _, p)| (n, p))
    }

    /// The parameters that are drawn, device by device.
    pub fn drawn_parameters(&self) -> impl Iterator<Item = DrawnParameter<'_>> {
        self.devices.iter().enumerate().flat_map(move |(device, template)| {
            template.draws.iter().filter_map(move |draw| {
                let Target::Parameter(index) = draw.target else { return None };
                let slot = self.slot(draw.slot);
                Some(DrawnParameter {
                    device,
                    index,
                    slot: draw.slot,
                    parameter: &template.device.setup.params[index].parameter,
                    values: &slot.values,
                    extremes: extremes(&slot.values),
                    forced: slot.forced,
                    place: &slot.place,
                })
            })
        })
    }

    /// Says what plain values a slot's numbers 0 and 1 are, the others in proportion: for normalised ones the parameter's
    /// minimum and maximum, for ones with a unit what the device makes of `0 dB` and `1 dB`. From then on the slot gives
    /// plain values. Only for parameters of which that is true; others keep their text.
    pub fn set_plain(&mut self, slot: SlotId, at_zero: f64, at_one: f64) {
        self.plain[slot.0] = Plain::Line(at_zero, at_one);
    }

    /// Says what a slot's options are to the device, in their order: of the texts `Clean` and `Crunch`, the plain values 0 and 1.
    ///
    /// # Panics
    /// If there are not as many as options.
    pub fn set_plain_options(&mut self, slot: SlotId, plain: Vec<Value>) {
        let count = match &self.slot(slot).values {
            Values::Options(options) => options.len(),
            _ => 0,
        };
        assert_eq!(plain.len(), count, "every option has one plain value");
        self.plain[slot.0] = Plain::Options(plain);
    }

    /// The pools that are drawn from.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// Gives every pool its files: `list` says what its pattern finds, in any order. Filters and counts apply here; the
    /// seed says which files a count keeps. Gives a warning for each file that is left out because it cannot be used.
    pub fn fill(
        &mut self,
        seed: u64,
        list: &mut dyn FnMut(&Pool) -> Vec<PoolFile>,
        collector: &Collector,
    ) -> Vec<String> {
        let mut warnings = Vec::new();
        for pool in &mut self.pools {
            let found = list(pool);
            warnings.extend(pool.fill(seed, found, collector));
        }
        for template in &mut self.devices {
            for draw in &template.draws {
                if let Values::Pool(pool) = self.slots[draw.slot.0].values
                    && let Some(file) = self.pools[pool].files.first()
                {
                    put_file(&mut template.device.setup, &draw.target, Asset::File(file.path.clone()));
                }
            }
        }
        self.lay_grid();
        warnings
    }

    /// How many combinations the grids have together, which the draw number walks through, the last one written fastest;
    /// beyond it begins anew. 1 without grids, 0 while a grid waits for its pool, and at most 2^64 - 1.
    pub fn combinations(&self) -> u64 {
        self.slots.iter().filter_map(|slot| slot.grid).fold(1, |product: u64, grid| product.saturating_mul(grid.count))
    }

    /// Counts the values of each grid, and how long each lasts.
    fn lay_grid(&mut self) {
        let mut stride = 1u64;
        for slot in self.slots.iter_mut().rev() {
            let Some(grid) = &mut slot.grid else { continue };
            grid.count = match (&slot.source, &slot.values) {
                (Source::Number(distribution), _) => distribution.count().unwrap_or(1),
                (_, Values::Options(options)) => options.len() as u64,
                (_, Values::Pool(pool)) => self.pools[*pool].files.len() as u64,
                _ => 1,
            };
            grid.stride = stride;
            stride = stride.saturating_mul(grid.count.max(1));
        }
    }

    /// What was drawn, in words.
    pub fn drawn(&self, resolved: &Resolved) -> Vec<Drawn> {
        let drawn = resolved.outcomes.iter().map(|(id, outcome)| {
            let slot = self.slot(*id);
            let value = self.drawn_value(slot, outcome);
            Drawn { device: slot.path.to_string(), parameter: slot.parameter.to_string(), value }
        });
        drawn.collect()
    }

    fn drawn_value(&self, slot: &Slot, outcome: &Outcome) -> DrawnValue {
        match (outcome, &slot.values) {
            (Outcome::Number(number), Values::Numbers { scale, .. }) => scale.drawn(*number),
            (Outcome::Number(number), _) => DrawnValue::Number(*number),
            (Outcome::Pick(index), Values::Options(options)) => options[*index].drawn(),
            (Outcome::Pick(index), Values::Pool(pool)) => DrawnValue::Text(self.pools[*pool].shown(*index)),
            (Outcome::Pick(index), _) => DrawnValue::Number(*index as f64),
            (Outcome::Entries(indices), Values::Entries(names)) => {
                DrawnValue::Entries(indices.iter().map(|index| names[*index as usize].clone()).collect())
            }
            (Outcome::Entries(indices), _) => DrawnValue::Entries(indices.iter().map(u32::to_string).collect()),
            (Outcome::Stands(stands), _) => DrawnValue::Stands(*stands),
        }
    }
}

/// The values that planning looks at.
fn extremes(values: &Values) -> Vec<Value> {
    match values {
        Values::Numbers { low, high, scale } if low == high => vec![scale.value(*low)],
        Values::Numbers { low, high, scale } => vec![scale.value(*low), scale.value(*high)],
        Values::Options(options) => options.iter().filter_map(|option| option.value().cloned()).collect(),
        Values::Pool(_) | Values::Entries(_) | Values::Stands => Vec::new(),
    }
}

/// The files that options name, some of which may be part of the program where `embedded`.
fn files(options: &[Choice], folder: &Path, embedded: bool) -> Result<Vec<Asset>, (String, &'static str)> {
    let names = options.iter().filter_map(crate::draw::file_name);
    let file = |name: &str| match embedded {
        true => crate::spec::asset(name, folder).map_err(|problem| (name.to_owned(), problem)),
        false => Ok(Asset::File(crate::url::join(folder, name))),
    };
    names.map(file).collect()
}

/// Sets a file of a device.
fn put_file(setup: &mut crate::DeviceSetup, target: &Target, file: Asset) {
    match (target, file) {
        (Target::Asset(role), file) => drop(setup.assets.insert(role.clone(), file)),
        (Target::State, Asset::File(path)) => setup.state = Some(path),
        (Target::Preset, Asset::File(path)) => setup.preset = Some(path),
        // Reading gives parameters no files, and states and presets none that are part of the program.
        (Target::Parameter(_), _) | (Target::State | Target::Preset, Asset::Embedded(_)) => {}
    }
}

#[cfg(test)]
mod tests;
