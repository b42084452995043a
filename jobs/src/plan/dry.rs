//! The dry takes of a job that writes them too.

use super::build::Builder;
use super::inputs::Input;
use super::rendition::{Names, Rendition};
use super::sources::Sources;
use crate::file::FileRules;
use crate::task::{Checks, Length};

/// What `{tone}` becomes in the path of a dry take, and `{name}`.
const DRY: &str = "dry";

/// Adds the task of one take as it is: through no device, to be found beside its wet ones by the item's take.
pub(super) fn plan(builder: &mut Builder<'_>, rules: &FileRules, input: &Input) {
    let Some(length) = builder.rules().map(|all| all.length) else { return };
    let rendition = Rendition {
        names: Names { name: DRY, tone: DRY, draw: 0 },
        tone: None,
        draw: None,
        drawn: Vec::new(),
        chain: Vec::new(),
        used: Sources::default(),
        channels: input.channels(),
        // Nothing rings on where there is no device.
        length: if matches!(length, Length::Tail { .. }) { Length::Match } else { length },
        checks: checks(&builder.job.checks),
        label: format!("{}, {DRY}", input.label),
    };
    rendition.add(builder, input, rules);
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
