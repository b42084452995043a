//! Presets and states in Turtle, as the state of this program.

use std::path::{Path, PathBuf};

use presets::lv2preset::{Lv2Control, Lv2File, Lv2Preset, Lv2Property};

use super::base64::{self, Bytes};
use super::names::*;
use super::state::{Kept, State, Value};
use super::turtle::{Graph, Literal, Node};
use super::urid::{KNOWN, map};

/// What a subject's `state:state` and `lv2:port` say: the default state of a plugin, or a preset.
pub(super) fn state_of(graph: &Graph, subject: &Node, plugin: &str, name: &str) -> State {
    let mut state = State::of(plugin, name);
    for port in graph.all(subject, PORT) {
        if let (Some(symbol), Some(value)) = (graph.text(port, SYMBOL), graph.number(port, PRESET_VALUE)) {
            state.controls.insert(symbol, value as f32);
        }
    }
    for about in graph.all(subject, STATE_STATE) {
        for (key, value) in graph.about(about) {
            if let Some((kind, value)) = value_of(graph, value) {
                state.properties.push(Kept { key: key.clone(), kind: kind.to_owned(), flags: FLAGS, value });
            }
        }
    }
    state
}

/// What stands in a file is plain data and the same everywhere.
const FLAGS: u32 = super::abi::STATE_IS_POD | super::abi::STATE_IS_PORTABLE;

/// The preset for `plugin`, called `name`, in a graph of files. Fails unless there is exactly one.
pub(super) fn find(graph: &Graph, plugin: &str, name: &str) -> Result<State, String> {
    let presets = graph.of_type(PRESET);
    let fits = |preset: &&&str| graph.says(&Node::Iri((**preset).to_owned()), APPLIES_TO, plugin);
    let mut fitting = presets.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(preset), None) => Ok(state_of(graph, &Node::Iri((*preset).to_owned()), plugin, name)),
        (Some(_), Some(_)) => {
            let labels = presets.iter().filter(fits).map(|preset| {
                let preset = Node::Iri((*preset).to_owned());
                graph.text(&preset, LABEL).unwrap_or_else(|| preset.iri().unwrap_or_default().to_owned())
            });
            let labels = labels.map(|label| format!("\"{label}\"")).collect::<Vec<_>>().join(", ");
            Err(format!("it holds several presets: {labels}. Name the file of one"))
        }
        (None, _) => {
            let others = presets.iter().filter_map(|preset| {
                graph.one(&Node::Iri((*preset).to_owned()), APPLIES_TO).and_then(Node::iri).map(str::to_owned)
            });
            match others.collect::<Vec<_>>().as_slice() {
                [] => Err("it holds no LV2 preset (pset:Preset)".to_owned()),
                [other, ..] => Err(format!("it is for {other}, and this is \"{name}\" ({plugin})")),
            }
        }
    }
}

/// The type and form of a value in Turtle.
fn value_of(graph: &Graph, node: &Node) -> Option<(&'static str, Value)> {
    match node {
        // A file is named relative to the one that names it.
        Node::Iri(iri) => match super::turtle::path_of(iri) {
            Some(path) => Some((ATOM_PATH, Value::Text(path.to_str()?.to_owned()))),
            None => Some((ATOM_URID, Value::Uri { uri: iri.clone() })),
        },
        Node::Literal(literal) => literal_value(literal),
        Node::Blank(_) if graph.is_a(node, ATOM_VECTOR) => vector(graph, node),
        Node::Blank(_) => None,
    }
}

fn literal_value(Literal { text, kind, .. }: &Literal) -> Option<(&'static str, Value)> {
    let whole = || text.trim().parse().ok().map(Value::Whole);
    let number = || text.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number);
    Some(match kind.as_str() {
        XSD_INT | XSD_INTEGER | XSD_NON_NEGATIVE | ATOM_INT => (ATOM_INT, whole()?),
        XSD_LONG | ATOM_LONG => (ATOM_LONG, whole()?),
        XSD_FLOAT | XSD_DECIMAL | ATOM_FLOAT => (ATOM_FLOAT, number()?),
        XSD_DOUBLE | ATOM_DOUBLE => (ATOM_DOUBLE, number()?),
        XSD_BOOLEAN | ATOM_BOOL => (ATOM_BOOL, Value::Whole(i64::from(text == "true" || text == "1"))),
        XSD_BASE64 => (ATOM_CHUNK, Value::Bytes { base64: Bytes(base64::decode(text)?) }),
        ATOM_PATH => (ATOM_PATH, Value::Text(text.clone())),
        ATOM_URI => (ATOM_URI, Value::Text(text.clone())),
        _ => (ATOM_STRING, Value::Text(text.clone())),
    })
}

fn vector(graph: &Graph, node: &Node) -> Option<(&'static str, Value)> {
    let known = &*KNOWN;
    let child = graph.one(node, ATOM_CHILD_TYPE)?.iri()?.to_owned();
    let kind = map(&child);
    let size = match kind {
        kind if [known.float, known.int, known.bool].contains(&kind) => 4,
        kind if [known.double, known.long].contains(&kind) => 8,
        _ => return None,
    };
    let items = graph.list(graph.one(node, VALUE)?);
    let bytes = items.iter().map(|item| item.number().map(|number| Value::Number(number).bytes(kind)));
    let bytes = bytes.collect::<Option<Vec<_>>>()?.concat();
    Some((ATOM_VECTOR, Value::Vector { child, size, base64: Bytes(bytes) }))
}

/// Reads the preset in a `.ttl` file, or in a bundle with one preset for the plugin. Gives it with the other files that
/// it was read from.
pub(super) fn load(path: &Path, plugin: &str, name: &str) -> Result<(State, Vec<PathBuf>), String> {
    let path = std::path::absolute(path).map_err(|e| e.to_string())?;
    let graph = read(&path)?;
    // Presets are commonly described in one file and listed, with their types, in the bundle's manifest.
    let state = match path.is_dir() {
        true => find(&graph, plugin, name),
        false => find_described(&graph, &path, plugin, name),
    };
    let others = graph.files().filter(|file| **file != path && !file.starts_with(&path)).cloned().collect();
    Ok((state?, others))
}

/// What a `.ttl` file says, with its bundle's manifest where it names no preset itself; or what a bundle says of presets.
fn read(path: &Path) -> Result<Graph, String> {
    let mut graph = Graph::default();
    if path.is_dir() {
        graph.read(&path.join("manifest.ttl"))?;
        for preset in graph.of_type(PRESET).into_iter().map(str::to_owned).collect::<Vec<_>>() {
            let files: Vec<_> = graph.all(&Node::Iri(preset), SEE_ALSO).filter_map(Node::file).collect();
            for file in files {
                graph.read(&file)?;
            }
        }
        return Ok(graph);
    }
    graph.read(path)?;
    let manifest = path.with_file_name("manifest.ttl");
    if graph.of_type(PRESET).is_empty() && manifest.is_file() {
        graph.read(&manifest)?;
    }
    Ok(graph)
}

/// What a file or bundle holds: presets in Turtle, or a state of this program's.
pub(super) fn contents(path: &Path) -> Result<Vec<Lv2Preset>, String> {
    let path = std::path::absolute(path).map_err(|e| e.to_string())?;
    if path.is_file() {
        let bytes = std::fs::read(&path).map_err(|e| e.to_string())?;
        if State::is_like(&bytes) {
            return State::read(&bytes).map(|state| vec![shown(&state, None)]);
        }
    }
    let graph = read(&path)?;
    let mut names = graph.of_type(PRESET);
    // A manifest lists presets that other files describe.
    let is_here = |name: &&str| {
        let node = Node::Iri((*name).to_owned());
        node.file().as_deref() == Some(&path)
            || graph.all(&node, SEE_ALSO).any(|file| file.file().as_deref() == Some(&path))
    };
    if names.iter().any(is_here) {
        names.retain(is_here);
    }
    let preset = |name: &str| {
        let node = Node::Iri(name.to_owned());
        let plugin = graph.one(&node, APPLIES_TO).and_then(Node::iri).unwrap_or_default();
        shown(&state_of(&graph, &node, plugin, ""), graph.text(&node, LABEL))
    };
    match names.as_slice() {
        [] => Err("it holds no LV2 preset (pset:Preset)".to_owned()),
        names => Ok(names.iter().map(|name| preset(name)).collect()),
    }
}

fn shown(state: &State, name: Option<String>) -> Lv2Preset {
    let property = |kept: &Kept| Lv2Property {
        key: kept.key.clone(),
        kind: kept.kind.rsplit(['#', '/']).next().unwrap_or_default().to_owned(),
        value: match &kept.value {
            Value::Whole(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::Uri { uri } => uri.clone(),
            Value::Vector { base64, .. } | Value::Bytes { base64 } => format!("{} bytes", base64.0.len()),
        },
    };
    let control = |(symbol, value): (&String, &f32)| Lv2Control { symbol: symbol.clone(), value: (*value).into() };
    Lv2Preset {
        name: name.or_else(|| Some(state.name.clone())).filter(|name| !name.is_empty()),
        plugin: Some(state.plugin.clone()).filter(|plugin| !plugin.is_empty()),
        controls: state.controls.iter().map(control).collect(),
        properties: state.properties.iter().map(property).collect(),
        files: state
            .files
            .iter()
            .map(|(name, content)| Lv2File { name: name.clone(), bytes: content.len() as u64 })
            .collect(),
    }
}

/// The preset that a manifest says is described in a file.
fn find_described(graph: &Graph, file: &Path, plugin: &str, name: &str) -> Result<State, String> {
    let described = |preset: &&str| {
        graph.all(&Node::Iri((*preset).to_owned()), SEE_ALSO).any(|f| f.file().as_deref() == Some(file))
    };
    let mut presets = graph
        .of_type(PRESET)
        .into_iter()
        .filter(described)
        .filter(|preset| graph.says(&Node::Iri((*preset).to_owned()), APPLIES_TO, plugin));
    match (presets.next(), presets.next()) {
        (Some(one), None) => Ok(state_of(graph, &Node::Iri(one.to_owned()), plugin, name)),
        _ => find(graph, plugin, name),
    }
}
