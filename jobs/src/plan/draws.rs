//! A tone of a plan: its pools filled, its devices examined, its chain resolved for each input and draw.
//!
//! What is drawn is held against the parameters first, once, with every extreme and option. A resolved chain is then
//! walked device by device: each device is examined with the files that were drawn for it and the channels that stand in front of
//! it, once for each such combination, and what is drawn on it is put among its examined settings.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

use audio::device::Parameter;
use presets::document::{Collector, Place};
use presets::draw::{Scale, SlotId, Values};
use presets::file::PlacedDevice;
use presets::template::{DrawContext, Resolved, Target, ToneTemplate};
use presets::{Asset, DeviceSetup, Link, Setting, Value};

use super::devices::{Devices, Found, Signal, sum, tell};
use super::sources::{Files, Sources};
use crate::message::{Examination, ResolvedSetting, SettingProblem};
use crate::probe::{Withheld, withheld};

/// What a device's answers to values of one parameter are.
type Answers = [Result<ResolvedSetting, SettingProblem>];

/// A tone with what planning has found out of its devices.
pub(super) struct Tone {
    /// What `{tone}` becomes: a file's name tells presets apart better than the name in it.
    pub tag: String,
    /// Name for people.
    pub name: String,
    template: ToneTemplate,
    /// Every device can be resolved: the template has no mistake, and no pool is empty.
    pub whole: bool,
    /// By device and place among its parameters, the ids of those that are drawn.
    ids: HashMap<(usize, usize), String>,
    settled: HashMap<Combination, Rc<Settled>>,
    /// The devices that were part of a chain.
    stood: HashSet<usize>,
    /// What was told of forks and of items, so that it is told once.
    told: HashSet<(Place, String)>,
}

/// What decides how a device stands in a chain, apart from the parameters that are drawn on it.
#[derive(PartialEq, Eq, Hash)]
struct Combination {
    device: usize,
    channels: Option<usize>,
    /// The files that it has, where some of them are drawn.
    files: Option<DeviceFiles>,
}

/// Assets, state and preset of a device.
type DeviceFiles = (BTreeMap<String, Asset>, Option<PathBuf>, Option<PathBuf>);

/// A device with its settings examined, but for those that are drawn.
struct Settled {
    /// `None` where something is wrong with it, which is told.
    setup: Option<DeviceSetup>,
    sources: Sources,
    /// Channels behind it, where these are known.
    behind: Option<usize>,
}

/// What a walk along a chain has at hand.
pub(super) struct Hands<'h, 'd> {
    pub devices: &'h mut Devices<'d>,
    pub files: &'h mut Files,
    pub collector: &'h Collector,
}

/// What is asked of one drawn parameter.
struct Question {
    index: usize,
    slot: SlotId,
    parameter: String,
    values: Values,
    asked: Vec<Value>,
    /// How many of these are values that may come; the others show whether plain values are in proportion.
    drawn: usize,
    forced: bool,
    place: Place,
}

impl Tone {
    pub fn new(tag: String, template: ToneTemplate, whole: bool) -> Tone {
        let name = template.name.clone();
        let (ids, settled, stood, told) = Default::default();
        Tone { tag, name, template, whole, ids, settled, stood, told }
    }

    pub fn template(&self) -> &ToneTemplate {
        &self.template
    }

    /// Gives every pool its files, and holds everything that is drawn against the parameters of its device. `channels` is
    /// what stands in front of the chain.
    pub fn prepare(&mut self, seed: u64, channels: Option<usize>, hands: &mut Hands<'_, '_>) {
        let Hands { files, collector, devices } = hands;
        let warnings = self.template.fill(seed, &mut |pool| super::pools::list(pool, files, collector), collector);
        warnings.into_iter().for_each(|warning| devices.warn(warning));
        self.whole &= self.template.pools().iter().all(|pool| !pool.files.is_empty());
        let before = hands.collector.len();
        for device in 0..self.template.devices().len() {
            if self.has_files(device) {
                self.ask(device, channels, hands);
            }
        }
        // What no device takes need not be resolved to be told again.
        self.whole &= hands.collector.len() == before;
    }

    /// The chain of one draw, ready for a plan, with the files that it uses and the channels behind it, where these are known.
    /// `None` where something is wrong with it, which is told; `of` is the input in words.
    pub fn resolve(
        &mut self,
        context: &DrawContext<'_>,
        signal: Signal<'_>,
        hands: &mut Hands<'_, '_>,
    ) -> Option<(Resolved, Sources, Option<usize>)> {
        let mut resolved = match self.template.resolve(context) {
            Ok(resolved) => resolved,
            Err(error) => {
                let place = error.place().clone();
                let words = error.to_string();
                let words = words.strip_prefix(&format!("{place}: ")).unwrap_or(&words);
                if self.told.insert((place.clone(), words.to_owned())) {
                    hands.collector.mistake(&place, format!("for {}: {words}", signal.of));
                }
                return None;
            }
        };
        let mut walk = Walk { tone: self, hands, sources: Sources::default(), device: 0, fork: 0, whole: true };
        let behind = walk.links(&mut resolved.chain, &resolved.devices, &resolved.forks, signal);
        let Walk { whole, sources, .. } = walk;
        whole.then_some((resolved, sources, behind))
    }

    /// Examines the devices that were part of no chain, so that their mistakes are told too.
    pub fn examine_rest(&mut self, hands: &mut Hands<'_, '_>) {
        for device in 0..self.template.devices().len() {
            if !self.stood.contains(&device) && self.has_files(device) {
                let setup = self.template.devices()[device].device.setup.clone();
                let signal = Signal { channels: None, of: "the input" };
                self.settled(device, &setup, signal, hands);
            }
        }
    }

    /// Whether a device has the first file of each pool that it draws from.
    fn has_files(&self, device: usize) -> bool {
        self.template.devices()[device].draws.iter().all(|draw| match self.template.slot(draw.slot).values {
            Values::Pool(pool) => !self.template.pools()[pool].files.is_empty(),
            _ => true,
        })
    }

    /// A device as it stands behind `signal`, with the files of `setup` and without the parameters that are drawn.
    fn settled(
        &mut self,
        device: usize,
        setup: &DeviceSetup,
        signal: Signal<'_>,
        hands: &mut Hands<'_, '_>,
    ) -> Rc<Settled> {
        let template = &self.template.devices()[device];
        let draws_files = template.draws.iter().any(|draw| !matches!(draw.target, Target::Parameter(_)));
        let files = draws_files.then(|| (setup.assets.clone(), setup.state.clone(), setup.preset.clone()));
        let combination = Combination { device, channels: signal.channels, files };
        if let Some(known) = self.settled.get(&combination) {
            return known.clone();
        }
        let mut placed = template.settled();
        placed.setup.assets.clone_from(&setup.assets);
        placed.setup.state.clone_from(&setup.state);
        placed.setup.preset.clone_from(&setup.preset);
        let Hands { devices, files, collector } = hands;
        let before = collector.len();
        let mut found = Found { sources: Sources::default(), known: Vec::new(), files, collector };
        let (setup, behind) = devices.device(&placed, signal, false, &mut found);
        let sources = found.sources;
        let setup = setup.filter(|_| collector.len() == before);
        let settled = Rc::new(Settled { setup, sources, behind });
        self.settled.insert(combination, settled.clone());
        settled
    }

    /// Asks a device what everything that may be drawn on it means to it.
    fn ask(&mut self, device: usize, channels: Option<usize>, hands: &mut Hands<'_, '_>) {
        let questions: Vec<Question> = self.questions(device);
        if questions.is_empty() {
            return;
        }
        let Hands { devices, files, collector } = hands;
        let placed = self.template.devices()[device].settled();
        let Some(mut setup) = devices.resolve(&placed, files, &mut Sources::default(), collector) else { return };
        let constant = setup.params.len();
        for Question { parameter, asked, .. } in &questions {
            setup
                .params
                .extend(asked.iter().map(|value| Setting { parameter: parameter.clone(), value: value.clone() }));
        }
        let examined = devices.examine(&setup, channels);
        // Why it cannot be examined is told where the device itself is looked at.
        let Ok(examination) = examined.as_ref() else { return };
        if examination.settings.len() != setup.params.len() {
            let (name, answers, asked) = (&examination.info.name, examination.settings.len(), setup.params.len());
            let message = format!("{name} was asked for {asked} settings and answered {answers}");
            collector.mistake(&placed.place, message);
            return;
        }
        let (constants, mut rest) = examination.settings.split_at(constant);
        let mut set: Vec<u32> = constants.iter().flatten().map(|resolved| resolved.id).collect();
        for question in &questions {
            let (answers, behind) = rest.split_at(question.asked.len());
            rest = behind;
            let id = match self.id(question, answers, &placed, channels, examination, hands) {
                Some(id) => id,
                None => continue,
            };
            if set.contains(&id) {
                let message = format!("{} of {} is set a second time", question.parameter, examination.info.name);
                hands.collector.mistake_with(&question.place, message, "Remove one of the two.");
            }
            set.push(id);
            self.ids.insert((device, question.index), format!("#{id}"));
            let known = examination.parameters.iter().map(|known| &known.parameter).find(|p| p.id.0 == id);
            check_drawable(question, known, examination, hands.collector);
            self.set_plain(question, answers, known);
        }
    }

    fn questions(&self, device: usize) -> Vec<Question> {
        let drawn = self.template.drawn_parameters().filter(|drawn| drawn.device == device);
        let question = |drawn: presets::template::DrawnParameter<'_>| {
            let mut asked = drawn.extremes.clone();
            let count = match drawn.values {
                // Numbers from 0 to 1 are no plain values; one of them asks for the parameter itself.
                Values::Numbers { scale: Scale::Normalised, .. } => {
                    asked.truncate(1);
                    0
                }
                _ => asked.len(),
            };
            if let Values::Numbers { low, high, scale: scale @ Scale::Unit(_) } = drawn.values
                && low < high
            {
                asked.extend([0.25, 0.5].map(|way| scale.value(low + way * (high - low))));
            }
            Question {
                index: drawn.index,
                slot: drawn.slot,
                parameter: drawn.parameter.to_owned(),
                values: drawn.values.clone(),
                asked,
                drawn: count,
                forced: drawn.forced,
                place: drawn.place.clone(),
            }
        };
        drawn.map(question).collect()
    }

    /// The parameter's id; tells values that it does not take.
    fn id(
        &self,
        question: &Question,
        answers: &Answers,
        placed: &PlacedDevice,
        channels: Option<usize>,
        examination: &Examination,
        hands: &mut Hands<'_, '_>,
    ) -> Option<u32> {
        let Hands { devices, files, collector } = hands;
        let mut taken = true;
        for (value, answer) in question.asked.iter().zip(answers).take(question.drawn) {
            if let Err(problem) = answer {
                let setting = Setting { parameter: question.parameter.clone(), value: value.clone() };
                tell(&setting, problem, examination, &question.place, collector);
                taken = false;
            }
        }
        if let Some(resolved) = answers.iter().flatten().next() {
            return taken.then_some(resolved.id);
        }
        if question.drawn > 0 {
            return None;
        }
        match answers.first()? {
            // A value that it takes, since its name alone is no question.
            Err(SettingProblem::OutOfRange { minimum, .. }) => {
                let mut setup = devices.resolve(placed, files, &mut Sources::default(), collector)?;
                setup.params.clear();
                let value = [Value::Number(*minimum)];
                let again = devices.settings(&setup, channels, &question.parameter, &value);
                again.into_iter().next()?.ok().map(|resolved| resolved.id)
            }
            Err(problem) => {
                let value = question.asked.first()?.clone();
                let setting = Setting { parameter: question.parameter.clone(), value };
                tell(&setting, problem, examination, &question.place, collector);
                None
            }
            Ok(resolved) => Some(resolved.id),
        }
    }

    /// Says what plain values a draw's values are, where they are in proportion.
    fn set_plain(&mut self, question: &Question, answers: &Answers, known: Option<&Parameter>) {
        let plain: Option<Vec<Value>> =
            answers.iter().map(|answer| answer.as_ref().ok().map(|resolved| resolved.value.clone())).collect();
        match (&question.values, plain) {
            (Values::Numbers { scale: Scale::Normalised, .. }, _) => {
                if let Some(Parameter { minimum, maximum, .. }) = known {
                    self.template.set_plain(question.slot, *minimum, *maximum);
                }
            }
            (Values::Numbers { low, high, scale: Scale::Unit(_) }, Some(plain)) if low < high => {
                let numbers: Option<Vec<f64>> = plain.iter().map(number).collect();
                if let Some((zero, one)) = numbers.and_then(|numbers| line((*low, *high), &numbers)) {
                    self.template.set_plain(question.slot, zero, one);
                }
            }
            (Values::Options(_), Some(plain)) => self.template.set_plain_options(question.slot, plain),
            _ => {}
        }
    }
}

/// Refuses a parameter that is not for drawing, unless somebody insists.
fn check_drawable(question: &Question, known: Option<&Parameter>, examination: &Examination, collector: &Collector) {
    let Some(why) = known.and_then(withheld).filter(|_| !question.forced) else { return };
    let why = match why {
        Withheld::Hidden => "it is not meant for people",
        Withheld::ReadOnly => "it only reports",
        Withheld::Bypass => "it switches the whole device off",
        Withheld::Constant => "it has but one value",
        Withheld::MidiController => "it stands for a MIDI controller",
        Withheld::Program => "it chooses a program, which changes all other parameters",
        Withheld::HostSetting => "it says what only the host knows",
    };
    let message = format!("{} of {} is unsafe to draw: {why}", question.parameter, examination.info.name);
    collector.mistake_with(&question.place, message, "Remove the draw, or write force: true beside it.");
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(_) => None,
    }
}

/// What the numbers 0 and 1 are on the line through the plain values of both ends, if those of a quarter and of half the
/// way lie on it.
fn line((low, high): (f64, f64), plain: &[f64]) -> Option<(f64, f64)> {
    let &[first, last, quarter, half] = plain else { return None };
    let rise = (last - first) / (high - low);
    let near = |way: f64, value: f64| (first + way * (last - first) - value).abs() <= 1e-9 * (last - first).abs();
    let zero = first - low * rise;
    (first != last && near(0.25, quarter) && near(0.5, half)).then_some((zero, zero + rise))
}

/// One way along a resolved chain.
struct Walk<'w, 'h, 'd> {
    tone: &'w mut Tone,
    hands: &'w mut Hands<'h, 'd>,
    sources: Sources,
    /// Devices and forks that were met.
    device: usize,
    fork: usize,
    whole: bool,
}

impl Walk<'_, '_, '_> {
    /// Settles links; gives the channels behind them, where these are known.
    fn links(&mut self, links: &mut [Link], numbers: &[usize], forks: &[Place], signal: Signal<'_>) -> Option<usize> {
        let mut channels = signal.channels;
        for link in links {
            let here = Signal { channels, of: signal.of };
            channels = match link {
                Link::Device(setup) => {
                    let number = numbers[self.device];
                    self.device += 1;
                    self.one(setup, number, here)
                }
                Link::Parallel { parallel } => {
                    let place = &forks[self.fork];
                    self.fork += 1;
                    let behind: Vec<Option<usize>> =
                        parallel.iter_mut().map(|branch| self.links(&mut branch.chain, numbers, forks, here)).collect();
                    self.sum(&behind, place, here)
                }
            };
        }
        channels
    }

    fn sum(&mut self, behind: &[Option<usize>], place: &Place, signal: Signal<'_>) -> Option<usize> {
        let collector = Collector::new();
        let channels = sum(behind, place, signal.of, &collector);
        self.whole &= collector.is_empty();
        if !collector.is_empty() && self.tone.told.insert((place.clone(), format!("{behind:?}"))) {
            self.hands.collector.extend(collector.into_mistakes());
        }
        channels
    }

    fn one(&mut self, setup: &mut Box<DeviceSetup>, number: usize, signal: Signal<'_>) -> Option<usize> {
        self.tone.stood.insert(number);
        let settled = self.tone.settled(number, setup, signal, self.hands);
        self.sources.extend(&settled.sources);
        let Some(constant) = &settled.setup else {
            self.whole = false;
            return settled.behind;
        };
        let drawn = std::mem::replace(&mut **setup, constant.clone());
        let template = &self.tone.template.devices()[number];
        let is_drawn = |index: usize| template.draws.iter().any(|draw| draw.target == Target::Parameter(index));
        let mut constants = std::mem::take(&mut setup.params).into_iter();
        for (index, Setting { parameter, value }) in drawn.params.into_iter().enumerate() {
            if is_drawn(index) {
                let parameter = self.tone.ids.get(&(number, index)).cloned().unwrap_or(parameter);
                setup.params.push(Setting { parameter, value });
            } else {
                setup.params.extend(constants.next());
            }
        }
        settled.behind
    }
}
