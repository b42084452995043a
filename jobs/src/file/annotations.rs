//! Where what belongs to a take is written.

use presets::document::{Collector, Located, Node};

use super::Work;
use super::inputs::template;
use crate::template::Template;

/// Where the annotations of takes are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum AnnotationPlace {
    /// Beside each audio file, under its name with an extension of their own.
    #[default]
    Beside,
    /// Nowhere.
    Off,
    /// There; `{ext}` is the annotation's extension with its point.
    Path(Located<Template>),
}

/// `annotations: off`, or a path.
pub(super) fn decode(node: &Node, work: Option<&Work>, collector: &Collector) -> AnnotationPlace {
    if node.scalar().is_some_and(|scalar| scalar.plain && scalar.text == "off") {
        return AnnotationPlace::Off;
    }
    let annotated = match work {
        Some(Work::Tones(form)) => form.inputs.iter().any(|input| !input.annotations.is_empty()),
        Some(Work::Session(_) | Work::Songs(_)) => false,
        None => true,
    };
    if !annotated {
        let help = "Name them at the recordings, inputs: { di: { files: ..., annotations: [\"midi/{id}.mid\"] } }, or remove this.";
        collector.mistake_with(&node.place, "annotations have a place, and no input has any", help);
    }
    template("annotations", node, collector).map_or(AnnotationPlace::Beside, AnnotationPlace::Path)
}
