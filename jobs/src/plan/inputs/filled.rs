//! What takes fill of a job's output paths.

use std::rc::Rc;

use presets::document::Located;

use super::facts::text_of;
use super::{Input, Known};
use crate::file::inputs::placeholder_help;
use crate::file::{AnnotationPlace, InputForm, TonesForm};
use crate::plan::build::Builder;
use crate::template::Template;

/// Placeholders that the job itself fills.
pub(super) const FIXED: &[&str] = &["job", "name", "tone", "input", "group", "draw"];

/// The paths that takes fill.
pub(super) fn paths_of<'b>(builder: &Builder<'b>) -> Vec<&'b Located<Template>> {
    let Some(rules) = builder.rules() else { return Vec::new() };
    let mut paths = vec![&rules.deliver.first().map_or(&rules.file, |delivery| &delivery.file).path];
    if let AnnotationPlace::Path(path) = &rules.annotations {
        paths.push(path);
    }
    // A dry take has the tones' path unless it has one of its own.
    if let Some(dry) = rules.dry.as_ref().filter(|dry| !paths.contains(&&dry.path)) {
        paths.push(&dry.path);
    }
    paths
}

/// Tells what the takes do not fill of the output paths, where only now that shows.
pub(super) fn check(builder: &Builder<'_>, form: &TonesForm, inputs: &[Input], known: &Known) {
    let Some(first) = inputs.first() else { return };
    let (collector, open) = (&builder.collector, form.inputs.iter().any(InputForm::is_open));
    for Located { value: template, place } in paths_of(builder) {
        for name in template.placeholders().filter(|name| !FIXED.contains(name) && *name != "ext" && open) {
            let lacking: Vec<&Input> = inputs.iter().filter(|input| !input.fills.contains_key(name)).collect();
            let Some(lacks) = lacking.first() else { continue };
            if lacking.len() == inputs.len() {
                let names =
                    first.facts.iter().filter(|(_, value)| text_of(value).is_some()).map(|(name, _)| name.as_str());
                let names: Vec<&str> = FIXED.iter().copied().chain(names).collect();
                let message = format!("nothing fills {{{name}}} in the path");
                collector.mistake_with(place, message, placeholder_help(name, &names));
            } else {
                let others =
                    if lacking.len() > 1 { format!(", and for {} more", lacking.len() - 1) } else { String::new() };
                let message = format!("nothing fills {{{name}}} in the path for {}{others}", lacks.text());
                collector.mistake_with(
                    place,
                    message,
                    format!("Say {name} of every recording, as a text or a number."),
                );
            }
        }
        for name in template.placeholders() {
            if let Some(hidden) = known.hidden.iter().find(|hidden| **hidden == name) {
                let message =
                    format!("{{{hidden}}} in the path is a placeholder of its own, and known of recordings too");
                collector.mistake_with(place, message, "Give the column or field another name.");
            }
        }
    }
    let Some(path) = paths_of(builder).first().copied() else { return };
    let fills = |name: &str| path.value.placeholders().any(|placeholder| placeholder == name);
    for (name, becomes) in [("segment", "000, 001 and so on"), ("channel", "the number or word of each")] {
        let several = inputs.windows(2).any(|pair| {
            let [one, two] = pair else { return false };
            Rc::ptr_eq(&one.recording, &two.recording) && one.facts.get(name) != two.facts.get(name)
        });
        if several && !fills(name) {
            let message = format!("several {name}s of a recording would be written to one path");
            collector.mistake_with(&path.place, message, format!("Put {{{name}}} into it: it becomes {becomes}."));
        }
    }
    if inputs.iter().any(|input| !input.notes.is_empty())
        && let Some(rules) = builder.rules()
        && rules.annotations != AnnotationPlace::Off
    {
        let file = rules.deliver.first().map_or(&rules.file, |delivery| &delivery.file);
        if file.finish.trim.is_some() {
            let message = "trim moves the sound of a file, and its annotations would not fit it any more";
            let help =
                "Cut silence off the recordings instead, inputs: { di: { trim: -60 dB } }, or write annotations: off.";
            collector.mistake_with(&file.path.place, message, help);
        }
    }
}
