//! Where what was found out once is kept for later commands.

use std::path::PathBuf;

use jobs::catalogue::store;

use crate::Trouble;

/// Names the folder, in place of the user's own.
pub(crate) const VARIABLE: &str = "TONEMILL_CACHE";

/// The folder, which need not exist: that of the variable, or `tonemill` in the user's cache folder.
pub(crate) fn folder() -> Result<PathBuf, Trouble> {
    store::cache_folder().ok_or_else(|| {
        Trouble::input(format!(
            "there is no folder to keep things in for later: set {VARIABLE}, or HOME to your folder"
        ))
    })
}
