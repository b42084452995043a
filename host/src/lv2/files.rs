//! The files that a plugin works with: told by message, kept in its state, or both.

use std::path::{Path, PathBuf};

use super::abi::STATE_IS_POD;
use super::core::Core;
use super::names::*;
use super::paths::Paths;
use super::plugin::Description;
use super::property::{Property, ValueType};
use super::state::{Kept, State, Value};

/// The property that takes the file of a role: its URI, the end of that, or its label.
pub(super) fn property(plugin: &Description, role: &str) -> Option<usize> {
    let is_meant = |property: &Property| {
        property.uri == role || [&property.label, property.short()].iter().any(|name| fold(name) == fold(role))
    };
    let takes = |property: &Property| property.writable && property.kind == ValueType::Path && is_meant(property);
    plugin.properties.iter().position(takes)
}

/// Some plugins take files through their state alone, as texts that they do not describe. Gives the state that has the
/// file in it, if there is a text of that name.
pub(super) fn set_kept(core: &mut Core, paths: &Paths, role: &str, path: &Path) -> Result<Option<State>, String> {
    let (Some(text), Some(instance)) = (path.to_str(), &mut core.instance) else { return Ok(None) };
    let mut state = State::of(&core.plugin.info.id, &core.plugin.info.name);
    paths.begin();
    state.properties = instance.save()?;
    let short = |key: &str| fold(key.rsplit(['#', '/', ':']).next().unwrap_or_default());
    let found = state.properties.iter_mut().find(|kept| {
        let is_text = [ATOM_STRING, ATOM_PATH].contains(&kept.kind.as_str());
        is_text && (kept.key == role || short(&kept.key) == fold(role))
    });
    let Some(kept) = found else { return Ok(None) };
    kept.value = Value::Text(text.to_owned());
    instance.restore(&state.properties)?;
    Ok(Some(state))
}

/// Has the plugin take through its state the files that it did not take by message. Some say that they take a file both
/// ways, and do so in one.
pub(super) fn confirm(core: &mut Core, paths: &Paths) -> Result<(), String> {
    let Some(instance) = core.instance.as_mut().filter(|instance| instance.has_state()) else { return Ok(()) };
    paths.begin();
    // A plugin that has nothing to save may well call that an error.
    let mut kept = instance.save().unwrap_or_default();
    let mut missed = false;
    for (index, (path, _)) in &core.files {
        let key = &core.plugin.properties[*index].uri;
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let is_taken = kept.iter().any(|kept| {
            kept.key == *key && matches!(&kept.value, Value::Text(taken) if real(Path::new(taken)) == real(path))
        });
        if let (Some(path), false) = (path.to_str(), is_taken) {
            missed = true;
            kept.retain(|kept| kept.key != *key);
            kept.push(Kept {
                key: key.clone(),
                kind: ATOM_PATH.into(),
                flags: STATE_IS_POD,
                value: Value::Text(path.into()),
            });
        }
    }
    if missed {
        instance.restore(&kept)?;
        core.settle(true);
    }
    Ok(())
}

/// The files that a state refers to: its paths, and whatever other text is the path of a file that is there. Those in the
/// bundle are part of the plugin, and those that were set by message are known.
pub(super) fn referenced<'a>(
    state: &'a State,
    core: &'a Core,
    bundle: &'a Path,
) -> impl Iterator<Item = PathBuf> + use<'a> {
    let is_set = |key: &str| core.files.keys().any(|index| core.plugin.properties[*index].uri == key);
    state.properties.iter().filter(move |kept| !is_set(&kept.key)).filter_map(move |kept| {
        let Value::Text(text) = &kept.value else { return None };
        let path = Path::new(text);
        let refers = match kept.kind.as_str() {
            ATOM_PATH => true,
            ATOM_STRING => path.is_file(),
            _ => false,
        };
        (refers && path.is_absolute() && !path.starts_with(bundle)).then(|| path.to_owned())
    })
}

/// A name without case and separators.
fn fold(name: &str) -> String {
    name.to_lowercase().replace([' ', '_', '-'], "")
}
