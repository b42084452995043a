//! What a preset or a state of an LV2 plugin holds.

use std::path::{Path, PathBuf};

use jobs::message::{FromWorker, ToWorker};
use presets::lv2preset::{Lv2Control, Lv2File, Lv2Preset, Lv2Property};
use serde::Serialize;

use crate::args::ProcessArguments;
use crate::show::count;
use crate::workers::{self, Asking};
use crate::{Status, Trouble, print_json, print_text};

/// What is told of a file.
#[derive(Serialize)]
struct Shown {
    path: PathBuf,
    presets: Vec<Lv2Preset>,
}

/// Has a worker read the file, since only that has the host.
pub(super) fn show(path: &Path, json: bool, process: &ProcessArguments) -> Result<Status, Trouble> {
    let absolute = std::path::absolute(path).map_err(|error| Trouble::system(path.display(), error))?;
    let presets = match Asking::new(process)?.ask(ToWorker::ReadPresets { path: absolute }) {
        Ok(FromWorker::Presets { presets }) => presets,
        Ok(_) => return Err(Trouble::input("the worker answered something else")),
        Err(mishap) => return Err(Trouble::input(workers::words(&mishap))),
    };
    let shown = Shown { path: path.to_owned(), presets };
    if json { print_json(&shown) } else { print_text(&shown.to_string()) }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} (LV2), {}", self.path.display(), count(self.presets.len(), "preset"))?;
        for Lv2Preset { name, plugin, controls, properties, files } in &self.presets {
            writeln!(f, "{}", name.as_deref().unwrap_or("without a name"))?;
            writeln!(f, "  plugin   {}", plugin.as_deref().unwrap_or("not said"))?;
            if !controls.is_empty() {
                writeln!(f, "  {}", count(controls.len(), "control"))?;
            }
            for Lv2Control { symbol, value } in controls {
                writeln!(f, "    {symbol:<28} {}", *value as f32)?;
            }
            if !properties.is_empty() {
                let noun = if properties.len() == 1 { "property" } else { "properties" };
                writeln!(f, "  {} {noun}", properties.len())?;
            }
            for Lv2Property { key, kind, value } in properties {
                writeln!(f, "    {key}  {kind}  {value}")?;
            }
            if !files.is_empty() {
                writeln!(f, "  {}", count(files.len(), "file"))?;
            }
            for Lv2File { name, bytes } in files {
                writeln!(f, "    {name:<28} {bytes:>10} bytes")?;
            }
        }
        Ok(())
    }
}
