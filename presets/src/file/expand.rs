//! Presets that name presets.

use std::path::PathBuf;

use super::{PlacedBranch, PlacedLink, PlacedParallel, PlacedPreset};
use crate::document::{Collector, Located};
use crate::{Branch, Link};

/// Most presets that may stand within each other.
const DEEPEST: usize = 16;

/// How presets that a chain names are found.
pub struct Expand<'a> {
    /// Reads one. Where it gives nothing, it has told the collector why.
    pub open: &'a mut dyn FnMut(&Located<PathBuf>) -> Option<PlacedPreset>,
    /// Takes what is wrong with how presets name each other.
    pub collector: &'a Collector,
}

/// Puts the chains of named presets in their places, and those that these name. `None` where one cannot be read, or
/// where presets name each other in a ring; the mistakes are told.
pub fn expand(chain: Vec<PlacedLink>, with: &mut Expand<'_>) -> Option<Vec<PlacedLink>> {
    within(chain, with, &mut Vec::new())
}

fn within(chain: Vec<PlacedLink>, with: &mut Expand<'_>, open: &mut Vec<PathBuf>) -> Option<Vec<PlacedLink>> {
    let mut expanded = Vec::with_capacity(chain.len());
    let mut whole = true;
    for link in chain {
        match link {
            PlacedLink::Device(_) => expanded.push(link),
            PlacedLink::Preset(preset) => match named(&preset, with, open) {
                Some(links) => expanded.extend(links),
                None => whole = false,
            },
            PlacedLink::Parallel(PlacedParallel { place, branches }) => {
                let mut filled = Vec::with_capacity(branches.len());
                for branch in branches {
                    match within(branch.chain, with, open) {
                        Some(chain) => filled.push(PlacedBranch { chain, ..branch }),
                        None => whole = false,
                    }
                }
                expanded.push(PlacedLink::Parallel(PlacedParallel { place, branches: filled }));
            }
        }
    }
    whole.then_some(expanded)
}

fn named(preset: &Located<PathBuf>, with: &mut Expand<'_>, open: &mut Vec<PathBuf>) -> Option<Vec<PlacedLink>> {
    // Two ways of writing one path are one file; where it is missing, whoever opens it says so.
    let file = preset.value.canonicalize().unwrap_or_else(|_| preset.value.clone());
    if open.contains(&file) || open.len() == DEEPEST {
        let shown = preset.value.display();
        let message = match open.contains(&file) {
            true => format!("the preset {shown} stands within itself"),
            false => format!("{shown} is the preset number {} within each other", DEEPEST + 1),
        };
        with.collector.mistake_with(&preset.place, message, "Write its devices here instead.");
        return None;
    }
    let chain = (with.open)(preset)?.chain;
    open.push(file);
    let expanded = within(chain, with, open);
    open.pop();
    expanded
}

/// Forgets the places of a chain in which every preset has been [`expand`]ed.
///
/// # Panics
/// If one has not.
pub fn links(chain: Vec<PlacedLink>) -> Vec<Link> {
    let branch = |branch: PlacedBranch| Branch { gain: branch.gain, chain: links(branch.chain) };
    let link = |link| match link {
        PlacedLink::Device(device) => Link::from(device.setup),
        PlacedLink::Parallel(fork) => Link::Parallel { parallel: fork.branches.into_iter().map(branch).collect() },
        PlacedLink::Preset(preset) => panic!("{} is not expanded", preset.value.display()),
    };
    chain.into_iter().map(link).collect()
}
