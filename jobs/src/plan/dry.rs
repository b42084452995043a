//! The dry takes of a job that writes them too.

use std::collections::BTreeMap;

use super::build::{Beside, Builder};
use super::inputs::{self, Input};
use super::outputs;
use super::sources::Sources;
use crate::file::FileRules;
use crate::task::{Checks, Deliver, Facts, Item, Length, Render, ToneRender};

/// What `{tone}` becomes in the path of a dry take, and `{name}`.
const DRY: &str = "dry";
/// What `{draw}` becomes.
const DRAW: &str = "000";

/// Adds the task of one take as it is: through no device, to be found beside its wet ones by the item's take.
pub(super) fn plan(builder: &mut Builder<'_>, rules: &FileRules, input: &Input) {
    let Some(length) = builder.rules().map(|all| all.length) else { return };
    // Nothing rings on where there is no device.
    let length = if matches!(length, Length::Tail { .. }) { Length::Match } else { length };
    let mut values: BTreeMap<&str, &str> = BTreeMap::new();
    values.extend(input.fills.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let fixed = [
        ("job", builder.job.name.as_str()),
        ("name", DRY),
        ("tone", DRY),
        ("input", &input.recording.stem),
        ("group", &input.recording.group),
        ("draw", DRAW),
    ];
    values.extend(fixed);
    let Some(output) = outputs::output(rules, length, &builder.base, &values, Deliver::Mix, &builder.collector) else {
        return;
    };
    let Some(annotations) = inputs::beside(builder, &input.notes, &input.change, &output, &values) else { return };
    let mut sources = Sources::default();
    sources.add(input.recording.source.clone());
    if !annotations.is_empty() {
        input.notes.iter().for_each(|note| sources.add(note.source.clone()));
    }
    let item = Item {
        take: input.text(),
        source_group: input.source_group.to_string(),
        tone: None,
        draw: None,
        drawn: Vec::new(),
        metadata: Facts::clone(&input.facts),
    };
    let render = Render::Tone(ToneRender { input: input.take.clone(), tone: String::new(), chain: Vec::new() });
    let label = format!("{}, {DRY}", input.label);
    let beside = Beside {
        item: Some(item),
        annotations,
        checks: checks(&builder.job.checks),
        frames: input.frames(builder.audio().sample_rate),
        channels: u16::try_from(input.channels()).unwrap_or(u16::MAX),
    };
    builder.task(label, render, vec![output], sources.into_vec(), beside);
}

/// What is looked at in a dry take: not how far it is from itself.
fn checks(checks: &Checks) -> Checks {
    let mut checks = checks.clone();
    checks.offset = None;
    if let Some(gate) = &mut checks.gate {
        gate.like_dry_below_db = None;
    }
    checks
}
