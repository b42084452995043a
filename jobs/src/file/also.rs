//! What is written beside the tones: the dry takes.

use presets::document::{Collector, Entry, Fields, Kind, Located, Node, Place, closest};

use super::Work;
use super::encoding::{FileRules, file_rules};
use super::levels::LevelRules;

const HELP: &str = "Write also: [dry], or also: { dry: \"out/dry/{input}.wav\" }.";
/// The placeholders that tell a dry take from what the tones give.
const TELLING: [&str; 2] = ["tone", "name"];

/// `also: [dry]`, `also: { dry: PATH }`, `also: { dry: { path: PATH, loudness: -24 LUFS } }`: how dry takes are written.
pub(super) fn decode(node: &Node, work: Option<&Work>, base: &FileRules, collector: &Collector) -> Option<FileRules> {
    if matches!(work, Some(Work::Session(_) | Work::Songs(_))) {
        let help = "A session gives the sounds of its tracks: write deliver: [mix, dry].";
        collector.mistake_with(&node.place, "also is for jobs with inputs and tones", help);
        return None;
    }
    let item = match &node.kind {
        Kind::List(items) => match items.as_slice() {
            [item] => item,
            [] => {
                collector.mistake_with(&node.place, "also is empty", "Write also: [dry], or remove it.");
                return None;
            }
            [_, second, ..] => {
                collector.mistake_with(&second.place, "also takes dry alone", "Remove what stands behind it.");
                return None;
            }
        },
        _ => node,
    };
    // Level targets and trimming would part it from the wet takes, unless it is to have them too.
    let mut base = base.clone();
    (base.levels, base.match_dry, base.finish.trim) = (LevelRules::default(), None, None);
    let Some(entries) = item.map() else {
        let word = item.scalar().map_or("", |scalar| scalar.text.as_str());
        return known(word, &item.place, collector).and_then(|()| apart(base, true, item, collector));
    };
    let [Entry { key, value }] = entries else {
        collector.mistake_with(&item.place, "also takes dry alone", HELP);
        return None;
    };
    known(&key.value, &key.place, collector)?;
    // A path alone is short for a map with it.
    let short = Node {
        place: value.place.clone(),
        kind: Kind::Map(vec![Entry { key: Located::new("path".to_owned(), key.place.clone()), value: value.clone() }]),
    };
    let value = if value.map().is_some() { value } else { &short };
    let fields = Fields::of("dry", value, collector)?;
    if fields.get("match").is_some() {
        let message = "the dry take is what others are matched to";
        collector.mistake_with(fields.place_of("match"), message, "Write loudness or normalize, or remove it.");
        return None;
    }
    let inherited = fields.get("path").is_none();
    let rules = file_rules(&fields, Some(&base), collector);
    fields.finish();
    apart(rules?, inherited, value, collector)
}

fn known(word: &str, place: &Place, collector: &Collector) -> Option<()> {
    if word == "dry" {
        return Some(());
    }
    let help = match closest(word, ["dry"]) {
        Some(close) => format!("Did you mean {close}?"),
        None => HELP.to_owned(),
    };
    collector.mistake_with(place, format!("also = \"{word}\" is not known"), help);
    None
}

/// Tells a path that the dry take has from the tones and would share with the first draw of one.
fn apart(rules: FileRules, inherited: bool, node: &Node, collector: &Collector) -> Option<FileRules> {
    if inherited && !rules.path.value.placeholders().any(|name| TELLING.contains(&name)) {
        let message = "the dry take would be written to the path of a tone";
        let help = "Put {tone} into the path: of a dry take it becomes dry. Or write also: { dry: PATH }.";
        collector.mistake_with(&node.place, message, help);
        return None;
    }
    Some(rules)
}
