//! The chain of one draw.

use crate::document::Place;
use crate::draw::{
    ConditionError, DrawKey, Metadata, Outcome, Random, Scale, Seen, Slot, SlotId, Source, Subject, TaskKey, Telling,
    Values,
};
use crate::{Asset, Link, Preset, Value};

use super::entry::{Bypass, Chance, Entry, EntryKind, Gate, Level};
use super::{DeviceDraw, Plain, Target, ToneTemplate, put_file};

/// What a chain is drawn for.
#[derive(Clone, Copy, Debug)]
pub struct DrawContext<'c> {
    /// The job's seed.
    pub seed: u64,
    /// Who the item is. Two presets draw alike for the same text where their devices have the same paths; name the tone in it
    /// too where they are to draw apart.
    pub item: &'c str,
    /// Which draw of the item, from 0.
    pub draw: u64,
    /// What is known of the item.
    pub metadata: &'c Metadata,
}

/// One draw of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// What the signal goes through, first to last, with nothing left to draw.
    pub chain: Vec<Link>,
    /// For each device of the chain, in the order of [`devices`](crate::devices()), its number in [`ToneTemplate::devices`].
    pub devices: Vec<usize>,
    /// What came of each draw that was needed. [`ToneTemplate::drawn`] puts it into words.
    pub outcomes: Vec<(SlotId, Outcome)>,
    /// Where each fork of the chain stands, an outer one in front of those within it.
    pub forks: Vec<Place>,
}

impl Resolved {
    /// The chain as a preset of this name.
    pub fn preset(self, name: impl Into<String>) -> Preset {
        Preset { name: name.into(), chain: self.chain }
    }
}

/// Why a template cannot be resolved for an item. Trying again gives the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// A condition cannot be told.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// Every alternative asks for what is not so.
    #[error(
        "{place}: none of these may stand for this item, since each has a when that does not hold. Add one without, such as bypass."
    )]
    NothingLeft {
        /// Where the alternatives stand.
        place: Place,
    },
    /// Fewer alternatives are left than are to be taken.
    #[error(
        "{place}: {left} of these may stand for this item, and at least {least} are to. Change their when, or the count."
    )]
    TooFew {
        /// Where the alternatives stand.
        place: Place,
        /// How many may stand.
        left: usize,
        /// How many are to.
        least: usize,
    },
    /// A pool was never given files, or none was left.
    #[error("{place}: the pool of {parameter} has no files. Put files there that its pattern finds.")]
    EmptyPool {
        /// What is drawn from it.
        parameter: String,
        /// Where the draw stands.
        place: Place,
    },
    /// A normalised value is to be set on a parameter whose range nobody told.
    #[error(
        "{place}: {parameter} is drawn normalised, and its range is not known. Draw it in its own unit, or make its device available for examination."
    )]
    NoRange {
        /// The parameter.
        parameter: String,
        /// Where the draw stands.
        place: Place,
    },
}

impl ResolveError {
    /// Where the preset asks for what cannot be.
    pub fn place(&self) -> &Place {
        match self {
            ResolveError::Condition(error) => error.place(),
            ResolveError::NothingLeft { place }
            | ResolveError::TooFew { place, .. }
            | ResolveError::EmptyPool { place, .. }
            | ResolveError::NoRange { place, .. } => place,
        }
    }
}

/// A resolution on its way.
struct Run<'t> {
    template: &'t ToneTemplate,
    task: TaskKey,
    context: &'t DrawContext<'t>,
    devices: Vec<usize>,
    outcomes: Vec<(SlotId, Outcome)>,
    forks: Vec<Place>,
}

impl ToneTemplate {
    /// The chain of one draw of one item. Depends on nothing but the template and the context; costs a few microseconds.
    pub fn resolve(&self, context: &DrawContext<'_>) -> Result<Resolved, ResolveError> {
        let mut run = Run {
            template: self,
            task: TaskKey::new(context.seed, context.item, context.draw),
            context,
            devices: Vec::with_capacity(self.devices.len().min(16)),
            outcomes: Vec::with_capacity(self.slots.len().min(64)),
            forks: Vec::new(),
        };
        for id in &self.named {
            // One from a pool without files is told where something takes it.
            run.outcomes.extend(run.draw(*id).map(|outcome| (*id, outcome)));
        }
        let mut chain = Vec::with_capacity(self.entries.len());
        run.entries(&self.entries, &mut chain)?;
        Ok(Resolved { chain, devices: run.devices, outcomes: run.outcomes, forks: run.forks })
    }
}

impl Run<'_> {
    fn entries(&mut self, entries: &[Entry], chain: &mut Vec<Link>) -> Result<(), ResolveError> {
        for entry in entries {
            if self.may_stand(&entry.gate)? {
                self.entry(entry, chain)?;
            }
        }
        Ok(())
    }

    /// Puts an entry into the chain whose `when` holds.
    fn entry(&mut self, entry: &Entry, chain: &mut Vec<Link>) -> Result<(), ResolveError> {
        if !self.stands(&entry.gate)? {
            return Ok(());
        }
        match &entry.kind {
            EntryKind::Device(device) => self.device(*device, chain),
            EntryKind::Chain(entries) => self.entries(entries, chain),
            EntryKind::OneOf(_) | EntryKind::SomeOf { .. } | EntryKind::Shuffle(_) => self.group(entry, chain),
            EntryKind::Parallel(branches) => {
                self.forks.push(entry.place.clone());
                let mut parallel = Vec::with_capacity(branches.len());
                for branch in branches {
                    let level = self.level(&branch.level)?;
                    let gain = if branch.invert { -level } else { level };
                    let mut inner = Vec::with_capacity(branch.entries.len());
                    self.entries(&branch.entries, &mut inner)?;
                    parallel.push(crate::Branch { gain, chain: inner });
                }
                chain.push(Link::Parallel { parallel });
                Ok(())
            }
            EntryKind::Wet { share, entries } => {
                self.forks.push(entry.place.clone());
                let wet = self.level(share)?;
                let mut inner = Vec::with_capacity(entries.len());
                self.entries(entries, &mut inner)?;
                let dry = crate::Branch { gain: 1.0 - wet, chain: Vec::new() };
                chain.push(Link::Parallel { parallel: vec![dry, crate::Branch { gain: wet, chain: inner }] });
                Ok(())
            }
        }
    }

    fn group(&mut self, entry: &Entry, chain: &mut Vec<Link>) -> Result<(), ResolveError> {
        let (group, taken) = match &entry.kind {
            EntryKind::OneOf(group) => (group, self.take(&entry.place, group, (1, 1), None)?),
            EntryKind::SomeOf { group, count, key, shuffle } => {
                let mut taken = self.take(&entry.place, group, *count, Some(*key))?;
                if *shuffle {
                    self.shuffle(group, &mut taken);
                }
                (group, taken)
            }
            EntryKind::Shuffle(group) => {
                let mut all = self.candidates(group)?;
                self.shuffle(group, &mut all);
                (group, all)
            }
            EntryKind::Device(_) | EntryKind::Chain(_) | EntryKind::Parallel(_) | EntryKind::Wet { .. } => {
                return Ok(());
            }
        };
        let at = self.outcomes.len();
        self.outcomes.push((group.slot, Outcome::Entries(taken)));
        for index in 0.. {
            // Read from the record each time: what stands inside draws too.
            let Some((_, Outcome::Entries(taken))) = self.outcomes.get(at) else { break };
            let Some(alternative) = taken.get(index) else { break };
            let alternative = *alternative as usize;
            self.entry(&group.alternatives[alternative].entry, chain)?;
        }
        Ok(())
    }

    /// The alternatives whose `when` holds.
    fn candidates(&mut self, group: &super::entry::Group) -> Result<Vec<u32>, ResolveError> {
        let mut candidates = Vec::with_capacity(group.alternatives.len());
        for (index, alternative) in group.alternatives.iter().enumerate() {
            if alternative.weight > 0.0 && self.may_stand(&alternative.entry.gate)? {
                candidates.push(index as u32);
            }
        }
        Ok(candidates)
    }

    /// Takes so many alternatives by their weights, in the order written.
    fn take(
        &mut self,
        place: &Place,
        group: &super::entry::Group,
        (least, most): (usize, usize),
        key: Option<DrawKey>,
    ) -> Result<Vec<u32>, ResolveError> {
        let mut candidates = self.candidates(group)?;
        let left = candidates.len();
        if left < least {
            let place = place.clone();
            return Err(match (left, least) {
                (0, 1) => ResolveError::NothingLeft { place },
                _ => ResolveError::TooFew { place, left, least },
            });
        }
        let more = most.min(left) - least;
        let count = match key {
            Some(key) if more > 0 => least + Random::new(self.task, key).below(more as u64 + 1) as usize,
            _ => least,
        };
        if count == left {
            return Ok(candidates);
        }
        let late = |index: &u32| {
            let alternative = &group.alternatives[*index as usize];
            Random::new(self.task, alternative.key).lateness(alternative.weight)
        };
        if count == 1 {
            let first = candidates.iter().map(|index| (late(index), *index)).min_by(|a, b| a.0.total_cmp(&b.0));
            return Ok(first.map(|(_, index)| index).into_iter().collect());
        }
        let mut order: Vec<(f64, u32)> = candidates.iter().map(|index| (late(index), *index)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        candidates = order.into_iter().take(count).map(|(_, index)| index).collect();
        candidates.sort_unstable();
        Ok(candidates)
    }

    fn shuffle(&self, group: &super::entry::Group, taken: &mut [u32]) {
        taken.sort_by_cached_key(|index| Random::new(self.task, group.alternatives[*index as usize].order).word(0));
    }

    /// Whether an entry's `when` holds.
    fn may_stand(&self, gate: &Gate) -> Result<bool, ResolveError> {
        gate.when
            .as_ref()
            .map_or(Ok(true), |when| Ok(when.holds(&|name, subject, place| self.see(name, subject, place))?))
    }

    /// Whether nothing else keeps an entry from standing.
    fn stands(&mut self, gate: &Gate) -> Result<bool, ResolveError> {
        if let Some(chance) = &gate.probability
            && !self.chance(chance)
        {
            return Ok(false);
        }
        match &gate.bypass {
            Bypass::Never => Ok(true),
            Bypass::Always => Ok(false),
            Bypass::Where(when, chance) => {
                let holds = match when {
                    Some(when) => when.holds(&|name, subject, place| self.see(name, subject, place))?,
                    None => true,
                };
                Ok(!(holds && chance.as_ref().is_none_or(|chance| self.chance(chance))))
            }
        }
    }

    fn chance(&mut self, chance: &Chance) -> bool {
        let slot = self.template.slot(chance.slot);
        let comes = Random::new(self.task, slot.key).unit(0) < chance.probability;
        self.outcomes.push((chance.slot, Outcome::Stands(comes)));
        comes
    }

    fn see(&self, name: &str, subject: &Subject, place: &Place) -> Result<Seen<'_>, ConditionError> {
        let known = self.context.metadata.get(name);
        let Subject::Draw(id) = subject else { return Ok(known.map_or(Seen::Nothing, |datum| datum.seen())) };
        if known.is_some() {
            return Err(ConditionError::Ambiguous { name: name.to_owned(), place: place.clone() });
        }
        let slot = self.template.slot(*id);
        Ok(match (self.outcome(*id), &slot.values) {
            (Some(Outcome::Number(number)), _) => Seen::Number(*number),
            (Some(Outcome::Pick(index)), Values::Options(options)) => match options[*index].value() {
                Some(Value::Number(number)) => Seen::Number(*number),
                Some(Value::Text(text)) => Seen::Text(text),
                None => Seen::NotDrawn,
            },
            (Some(Outcome::Entries(taken)), Values::Entries(names)) => {
                Seen::Several(taken.iter().map(|index| names[*index as usize].as_str()).collect())
            }
            (Some(Outcome::Stands(stands)), _) => Seen::Boolean(*stands),
            _ => Seen::NotDrawn,
        })
    }

    fn outcome(&self, id: SlotId) -> Option<&Outcome> {
        self.outcomes.iter().find(|(known, _)| *known == id).map(|(_, outcome)| outcome)
    }

    /// What comes of a slot; `None` where it draws from an empty pool.
    fn draw(&self, id: SlotId) -> Option<Outcome> {
        let slot = self.template.slot(id);
        if let Some(grid) = slot.grid {
            let at = (self.context.draw / grid.stride).checked_rem(grid.count)?;
            return Some(match &slot.source {
                Source::Number(distribution) => Outcome::Number(distribution.step(at)),
                _ => Outcome::Pick(at as usize),
            });
        }
        let random = Random::new(self.task, slot.key);
        match &slot.source {
            Source::Fixed(number) => Some(Outcome::Number(*number)),
            Source::Number(distribution) => Some(Outcome::Number(distribution.draw(&random))),
            Source::Choice(sums) => Some(Outcome::Pick(pick(sums, random.unit(0)))),
            Source::Pool => {
                let Values::Pool(pool) = slot.values else { return None };
                let count = self.template.pools[pool].files.len() as u64;
                (count > 0).then(|| Outcome::Pick(random.below(count) as usize))
            }
            Source::Linked(from, telling) => Some(told(self.outcome(*from)?.clone(), telling)),
            Source::Chain => None,
        }
    }

    fn needed(&self, id: SlotId) -> Result<Outcome, ResolveError> {
        let slot = self.template.slot(id);
        self.draw(id)
            .ok_or_else(|| ResolveError::EmptyPool { parameter: slot.parameter.to_string(), place: slot.place.clone() })
    }

    fn level(&mut self, level: &Level) -> Result<f64, ResolveError> {
        let (id, factor): (SlotId, fn(f64) -> f64) = match level {
            Level::Factor(factor) => return Ok(*factor),
            // The exact power, the same on every machine.
            Level::Decibels(id) => (*id, |level| libm::pow(10.0, level / 20.0)),
            Level::Percent(id) => (*id, |share| share / 100.0),
            Level::Drawn(id) => (*id, |factor| factor),
        };
        let outcome = self.needed(id)?;
        let values = &self.template.slot(id).values;
        let number = match (&outcome, values) {
            (Outcome::Number(number), _) => *number,
            (Outcome::Pick(index), Values::Options(options)) => match options[*index].value() {
                Some(Value::Number(number)) => *number,
                other => unreachable!("reading gives a level numbers alone, and here came {other:?}"),
            },
            (outcome, _) => unreachable!("reading gives a level numbers alone, and here came {outcome:?}"),
        };
        self.outcomes.push((id, outcome));
        Ok(factor(number))
    }

    fn device(&mut self, number: usize, chain: &mut Vec<Link>) -> Result<(), ResolveError> {
        let template = &self.template.devices[number];
        let mut setup = Box::new(template.device.setup.clone());
        for draw in &template.draws {
            let outcome = self.needed(draw.slot)?;
            match &draw.target {
                Target::Parameter(index) => setup.params[*index].value = self.value(draw.slot, &outcome)?,
                target => {
                    if let Some(file) = self.file(draw, &outcome) {
                        put_file(&mut setup, target, file);
                    }
                }
            }
            self.outcomes.push((draw.slot, outcome));
        }
        self.devices.push(number);
        chain.push(Link::Device(setup));
        Ok(())
    }

    /// What an outcome sets a parameter to.
    fn value(&self, id: SlotId, outcome: &Outcome) -> Result<Value, ResolveError> {
        let slot: &Slot = self.template.slot(id);
        Ok(match (outcome, &slot.values) {
            (Outcome::Number(number), Values::Numbers { scale, .. }) => match (&self.template.plain[id.0], scale) {
                (_, Scale::Plain) => Value::Number(*number),
                // Rounding must not lead out of the parameter's range.
                (Plain::Line(zero, one), Scale::Normalised) => {
                    Value::Number((zero + number * (one - zero)).clamp(zero.min(*one), zero.max(*one)))
                }
                (Plain::Line(zero, one), _) => Value::Number(zero + number * (one - zero)),
                (_, Scale::Normalised) => {
                    let (parameter, place) = (slot.parameter.to_string(), slot.place.clone());
                    return Err(ResolveError::NoRange { parameter, place });
                }
                (_, scale) => scale.value(*number),
            },
            (Outcome::Pick(index), Values::Options(options)) => match &self.template.plain[id.0] {
                Plain::Options(plain) => plain[*index].clone(),
                _ => options[*index].value().expect("reading gives a parameter options of one value each").clone(),
            },
            (outcome, _) => unreachable!("reading gives a parameter numbers and options, and here came {outcome:?}"),
        })
    }

    fn file(&self, draw: &DeviceDraw, outcome: &Outcome) -> Option<Asset> {
        let Outcome::Pick(index) = outcome else { return None };
        match self.template.slot(draw.slot).values {
            Values::Pool(pool) => {
                self.template.pools[pool].files.get(*index).map(|file| Asset::File(file.path.clone()))
            }
            _ => draw.files.get(*index).cloned(),
        }
    }
}

/// The option at which the running sum of the weights passes this part of their whole.
fn pick(sums: &[f64], unit: f64) -> usize {
    let whole = sums.last().copied().unwrap_or(0.0);
    let at = sums.partition_point(|sum| *sum <= unit * whole);
    // Where rounding reached the whole: the last option that has a weight.
    at.min(sums.partition_point(|sum| *sum < whole))
}

fn told(outcome: Outcome, telling: &Telling) -> Outcome {
    match (outcome, telling) {
        (Outcome::Number(number), Telling::Range { from: (low, high), to: (first, last) }) => {
            let way = (number - low) / (high - low);
            let value = first + way * (last - first);
            Outcome::Number(value.clamp(first.min(*last), first.max(*last)))
        }
        (outcome, _) => outcome,
    }
}
