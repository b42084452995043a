//! Lines about a plugin where its own messages go.

use std::io::Write;

/// Writes one line about the plugin called `name`.
pub(crate) fn note(name: &str, severity: &str, message: &str) {
    // A worker without a standard error has nobody left to tell.
    let _ = writeln!(std::io::stderr(), "[{name}] {severity}: {}", message.trim_end());
}
