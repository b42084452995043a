//! Lifting by hand what is held against plugins.

use crate::args::RetryArguments;
use crate::blame::{self, Which};
use crate::site::{nothing_known, state_of};
use crate::{Status, Trouble, shards};

/// `tonemill retry`.
pub(crate) fn retry(arguments: &RetryArguments) -> Result<Status, Trouble> {
    let out = &shards::output_of(&arguments.out)?;
    let state = state_of(out);
    if !state.is_dir() {
        return Err(Trouble::input(nothing_known(out)));
    }
    let held = blame::read(blame::states(&state)?)?;
    let which = Which { plugin: arguments.plugin.as_deref(), preset: arguments.preset.as_deref() };
    let is_narrow = which.plugin.is_some() || which.preset.is_some();
    let nothing = held.ledger.standings().next().is_none();
    let lifted = blame::lift(held, &which, &state)?;
    if lifted.is_empty() {
        if is_narrow && !nothing {
            let words = "nothing is held against that plugin with that preset. `tonemill status` shows what is";
            return Err(Trouble::input(words));
        }
        return crate::print_text(
            "Nothing is held against any plugin. `tonemill render` renders whatever is missing.\n",
        );
    }
    let mut words = String::new();
    for standing in &lifted {
        let what = if standing.quarantined.is_some() { "no longer quarantined" } else { "no strikes any more" };
        words += &format!("{}: {what}\n", standing.against);
    }
    words += "`tonemill render` with the same job renders every task that is missing, these among them; a run that is at work \
              already does not.\n";
    crate::print_text(&words)
}
