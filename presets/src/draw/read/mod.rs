//! Draws as people write them.
//!
//! A draw is a map with one field that says how: `{ uniform: [-6 dB, 3 dB] }`, `{ choice: [Clean, Crunch] }`,
//! `{ pool: "nam/**/*.nam" }`. Whatever contradicts itself is told here, so that every draw that comes out of reading has
//! something to draw from.

mod condition;
mod linked;
mod numbers;
mod options;

use std::path::PathBuf;
use std::sync::Arc;

use super::distribution::Distribution;
use super::pool::{Broken, Pool};
use super::slot::{Grid, Scale, Slot, SlotId, Source, Values};
use super::source::DrawKey;
use crate::Value;
use crate::document::{Collector, Entry, Fields, Kind, Node, closest, quoted};
use numbers::Numbers;

/// The fields that say how something is drawn.
pub(crate) const FORMS: &[&str] =
    &["const", "uniform", "log_uniform", "normal", "int", "steps", "choice", "grid", "pool", "drawn", "normalised"];

/// Most files that a pool may be cut down to.
const MOST_FILES: u64 = 1_000_000;

/// Reads draws one after the other; later ones may refer to earlier ones.
pub(crate) struct Reader<'c> {
    pub collector: &'c Collector,
    /// Where patterns and files start.
    pub folder: PathBuf,
    pub slots: Vec<Slot>,
    pub pools: Vec<Pool>,
    /// What conditions and links may name, with its slot: the preset's draws, and groups that have a name.
    pub names: Vec<(String, SlotId)>,
    /// The preset's draws among them, and those of presets within it.
    pub named: Vec<SlotId>,
    /// The draw that is being read is forced.
    forced: bool,
}

/// What a draw is to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// A number or a text.
    Parameter,
    /// A file.
    File,
    /// Whatever those who refer to it make of it.
    Anything,
}

/// What a draw turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Read {
    /// Nothing random after all.
    Constant(Value),
    /// This slot.
    Slot(SlotId),
}

/// What stands in a draw's map.
enum Form {
    Constant(Value),
    Drawn { source: Source, values: Values, grid: bool },
}

/// What stands around a form.
#[derive(Clone, Copy, Default)]
struct Around {
    normalised: bool,
    grid: bool,
}

/// Whether a map is meant as a draw.
pub(crate) fn is_draw(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| FORMS.contains(&entry.key.value.as_str()))
}

impl<'c> Reader<'c> {
    pub fn new(folder: PathBuf, collector: &'c Collector) -> Reader<'c> {
        Reader {
            collector,
            folder,
            slots: Vec::new(),
            pools: Vec::new(),
            names: Vec::new(),
            named: Vec::new(),
            forced: false,
        }
    }

    /// Reads the draw for `parameter` of what stands at `path`.
    pub fn draw(&mut self, path: &Arc<str>, parameter: &str, node: &Node, wants: Wants) -> Option<Read> {
        self.forced = false;
        match self.form(parameter, node, wants, Around::default())? {
            Form::Constant(value) => Some(Read::Constant(value)),
            Form::Drawn { source, values, grid } => {
                let slot = Slot {
                    grid: grid.then_some(Grid { stride: 1, count: 0 }),
                    forced: self.forced,
                    ..slot(path, parameter, node)
                };
                Some(Read::Slot(self.add(Slot { source, values, ..slot })))
            }
        }
    }

    pub fn add(&mut self, slot: Slot) -> SlotId {
        self.slots.push(slot);
        SlotId(self.slots.len() - 1)
    }

    pub fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id.0]
    }

    fn mistake<T>(&self, node: &Node, message: String, help: impl Into<String>) -> Option<T> {
        self.collector.mistake_with(&node.place, message, help);
        None
    }

    fn form(&mut self, name: &str, node: &Node, wants: Wants, around: Around) -> Option<Form> {
        let entries = node.map().unwrap_or_default();
        let mut forms = entries.iter().filter(|entry| FORMS.contains(&entry.key.value.as_str()));
        let Some(entry) = forms.next() else {
            let guess = entries.iter().find_map(|e| Some((e, closest(&e.key.value, FORMS.iter().copied())?)));
            let (place, help) = match guess {
                Some((entry, form)) => (&entry.key.place, format!("Did you mean \"{form}\"?")),
                None => (&node.place, format!("A draw is a map with one of {}.", FORMS.join(", "))),
            };
            self.collector.mistake_with(place, format!("{name} is {} that draws nothing", node.shown()), help);
            return None;
        };
        if let Some(second) = forms.next() {
            let message = format!("{} and {} are two draws in one", entry.key.value, second.key.value);
            self.collector.mistake_with(&second.key.place, message, "Remove one of the two.");
            return None;
        }
        let fields = Fields::of("a draw", node, self.collector)?;
        // `FORMS` again, for a name that lives as long as the program.
        let form = FORMS.iter().copied().find(|form| *form == entry.key.value)?;
        let inner = fields.require(form, "Give it a value.");
        self.forced |= fields.boolean("force").unwrap_or(false);
        let found = self.one(name, form, inner?, &fields, wants, around);
        fields.finish();
        found
    }

    fn one(
        &mut self,
        name: &str,
        form: &'static str,
        node: &Node,
        fields: &Fields<'_>,
        wants: Wants,
        around: Around,
    ) -> Option<Form> {
        match form {
            "normalised" | "grid" => return self.nested(name, form, node, wants, around),
            "const" => {
                let value = self.option(name, node, wants)?;
                return match value.value() {
                    Some(value) if !around.normalised && !around.grid => Some(Form::Constant(value.clone())),
                    _ => self.mistake(node, "const is one value".to_owned(), "Write the value alone."),
                };
            }
            _ => {}
        }
        let (source, values) = match form {
            "choice" => self.choice(name, node, fields, wants, around.grid)?,
            "pool" => self.pool(name, node, fields, wants)?,
            "drawn" => self.linked(name, node, fields, wants)?,
            form => {
                let Numbers { distribution, unit } = self.numbers(form, node)?;
                return self.number(name, form, node, distribution, unit, wants, around);
            }
        };
        if around.normalised {
            let help = "Write normalised: { uniform: [0, 1] } or another draw of numbers.";
            return self.mistake(node, format!("{form} gives no normalised number"), help);
        }
        if around.grid && form == "drawn" {
            let help = "Write the grid where it is drawn.";
            return self.mistake(node, "drawn is decided elsewhere, so no grid can walk through it".to_owned(), help);
        }
        Some(Form::Drawn { source, values, grid: around.grid })
    }

    #[allow(clippy::too_many_arguments)] // What a number is drawn by and what it is for, each used once.
    fn number(
        &mut self,
        name: &str,
        form: &str,
        node: &Node,
        distribution: Distribution,
        unit: Option<Arc<str>>,
        wants: Wants,
        around: Around,
    ) -> Option<Form> {
        if wants == Wants::File {
            let help = "Write pool: PATTERN, or choice: [FILE, FILE].";
            return self.mistake(node, format!("{name} is a file, and {form} draws numbers"), help);
        }
        if around.grid && distribution.count().is_none() {
            let help = "Write grid: { steps: [low, high, step] }, or the values: grid: [1, 2, 5].";
            return self.mistake(node, format!("{form} has no end of values that a grid could walk through"), help);
        }
        let (low, high) = distribution.ends();
        let scale = match (around.normalised, unit) {
            (true, Some(unit)) => {
                let help = "Write numbers from 0, the parameter's minimum, to 1, its maximum.";
                return self.mistake(node, format!("normalised values have no unit, and these are in {unit}"), help);
            }
            (true, None) if low < 0.0 || high > 1.0 => {
                let help = "Write numbers from 0, the parameter's minimum, to 1, its maximum.";
                return self.mistake(node, format!("{form} reaches from {low} to {high}, outside 0..1"), help);
            }
            (true, None) => Scale::Normalised,
            (false, Some(unit)) => Scale::Unit(unit),
            (false, None) => Scale::Plain,
        };
        let values = Values::Numbers { low, high, scale };
        Some(Form::Drawn { source: Source::Number(distribution), values, grid: around.grid })
    }

    /// `normalised` and `grid`, which stand around another draw.
    fn nested(&mut self, name: &str, form: &str, node: &Node, wants: Wants, around: Around) -> Option<Form> {
        let around = match form {
            "grid" if around.grid => return self.mistake(node, "this is a grid in a grid".to_owned(), "Remove one."),
            "grid" => Around { grid: true, ..around },
            _ if around.normalised => {
                return self.mistake(node, "normalised stands twice".to_owned(), "Remove one.");
            }
            _ => Around { normalised: true, ..around },
        };
        match &node.kind {
            Kind::List(_) if form == "grid" && !around.normalised => {
                let (source, values) = self.list(name, "grid", node, None, wants, true)?;
                Some(Form::Drawn { source, values, grid: true })
            }
            Kind::Scalar(_) if form == "normalised" && !around.grid => {
                if wants == Wants::File {
                    let help = "Write the file's name.";
                    return self.mistake(node, format!("{name} is a file, and normalised gives a number"), help);
                }
                let number = crate::document::number("normalised", node, 0.0..=1.0, self.collector)?;
                let values = Values::Numbers { low: number, high: number, scale: Scale::Normalised };
                Some(Form::Drawn { source: Source::Fixed(number), values, grid: false })
            }
            Kind::Map(_) => self.form(name, node, wants, around),
            _ => {
                let help = match form {
                    "grid" => "Write grid: [1, 2, 5], or grid: { steps: [low, high, step] }.",
                    _ => "Write normalised: 0.5, or normalised: { uniform: [0, 1] }.",
                };
                self.mistake(node, format!("{form} is {}", node.shown()), help)
            }
        }
    }

    fn pool(&mut self, name: &str, node: &Node, fields: &Fields<'_>, wants: Wants) -> Option<(Source, Values)> {
        let pattern = crate::document::text("pool", node, self.collector)?;
        if wants == Wants::Parameter {
            let help = "A pool stands where a file is named: as a model, an impulse response, a state, a preset.";
            return self.mistake(node, format!("{name} takes a value, and pool gives files"), help);
        }
        let filter = match fields.get("where") {
            Some(node) => Some(self.condition("where", node, false)?),
            None => None,
        };
        let count = fields.whole("count", 1..=MOST_FILES);
        let broken = fields.choice("broken", &[("refuse", Broken::Refuse), ("skip", Broken::Skip)]);
        self.pools.push(Pool {
            pattern,
            folder: self.folder.clone(),
            filter,
            count: count.map(|count| count as usize),
            broken: broken.unwrap_or_default(),
            place: node.place.clone(),
            files: Vec::new(),
        });
        Some((Source::Pool, Values::Pool(self.pools.len() - 1)))
    }

    /// Reads a preset's `draws`, which stand at `path`.
    pub fn named(&mut self, path: &Arc<str>, node: &Node) {
        let help = "It takes draws by name: draws: { drive: { uniform: [0, 10] } }.";
        let Kind::Map(entries) = &node.kind else {
            self.mistake::<()>(node, format!("draws is {}", node.shown()), help);
            return;
        };
        for Entry { key, value } in entries {
            if value.map().is_none() {
                let message = format!("{} draws nothing", quoted(&key.value));
                let help = "Write how it is drawn: { uniform: [0, 10] }.";
                self.collector.mistake_with(&value.place, message, help);
                continue;
            }
            let id = match self.draw(path, &key.value, value, Wants::Anything) {
                Some(Read::Slot(id)) => id,
                Some(Read::Constant(constant)) => self.add(Slot {
                    source: Source::Choice(vec![1.0]),
                    values: Values::Options([super::slot::Choice::Value(constant)].into()),
                    ..slot(path, &key.value, value)
                }),
                None => continue,
            };
            self.names.push((key.value.clone(), id));
            self.named.push(id);
        }
    }
}

/// A slot that draws nothing yet.
pub(crate) fn slot(path: &Arc<str>, parameter: &str, node: &Node) -> Slot {
    Slot {
        path: path.clone(),
        parameter: parameter.into(),
        place: node.place.clone(),
        values: Values::Stands,
        forced: false,
        key: DrawKey::new(path, parameter),
        source: Source::Chain,
        grid: None,
    }
}
