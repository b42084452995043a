//! What becomes of a take: one draw of it through a tone, or the take as it is.

use std::collections::BTreeMap;

use presets::Link;
use presets::draw::Drawn;

use super::build::{Beside, Builder};
use super::inputs::{self, Input};
use super::outputs;
use super::sources::Sources;
use crate::file::FileRules;
use crate::task::{Checks, Deliver, Facts, Item, Length, Render, ToneRender};

/// What fills the placeholders that the take does not.
pub(super) struct Names<'a> {
    pub name: &'a str,
    pub tone: &'a str,
    pub draw: u64,
}

/// One render of a take.
pub(super) struct Rendition<'a> {
    pub names: Names<'a>,
    /// Name of the tone for people; absent where the take stays dry.
    pub tone: Option<&'a str>,
    /// The draw's number, where the tone draws anything.
    pub draw: Option<u64>,
    pub drawn: Vec<Drawn>,
    pub chain: Vec<Link>,
    /// The files that the chain uses.
    pub used: Sources,
    /// Channels behind the chain.
    pub channels: usize,
    pub length: Length,
    pub checks: Checks,
    pub label: String,
}

impl Rendition<'_> {
    /// Adds its task. Where something is wrong with a path, that is told instead.
    pub fn add(self, builder: &mut Builder<'_>, input: &Input, file: &FileRules) {
        let Rendition { names, tone, draw, drawn, chain, used, channels, length, checks, label } = self;
        let recording = &input.recording;
        let padded = format!("{:03}", names.draw);
        let mut values: BTreeMap<&str, &str> = BTreeMap::new();
        values.extend(input.fills.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        let fixed = [
            ("job", builder.job.name.as_str()),
            ("name", names.name),
            ("tone", names.tone),
            ("input", &recording.stem),
            ("group", &recording.group),
            ("draw", &padded),
        ];
        values.extend(fixed);
        let collector = &builder.collector;
        let Some(output) = outputs::output(file, length, &builder.base, &values, Deliver::Mix, collector) else {
            return;
        };
        let Some(annotations) = inputs::beside(builder, &input.notes, &input.change, &output, &values) else { return };
        let mut sources = Sources::default();
        sources.add(recording.source.clone());
        sources.extend(&used);
        if !annotations.is_empty() {
            input.notes.iter().for_each(|note| sources.add(note.source.clone()));
        }
        let item = Item {
            take: input.text(),
            source_group: input.source_group.to_string(),
            tone: tone.map(str::to_owned),
            draw,
            drawn,
            metadata: Facts::clone(&input.facts),
        };
        let tone = tone.unwrap_or_default().to_owned();
        let render = Render::Tone(ToneRender { input: input.take.clone(), tone, chain });
        let beside = Beside {
            item: Some(item),
            annotations,
            checks,
            frames: input.frames(builder.audio().sample_rate),
            channels: u16::try_from(channels).unwrap_or(u16::MAX),
        };
        builder.task(label, render, vec![output], sources.into_vec(), beside);
    }
}
