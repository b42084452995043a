//! Where plugins are installed.

use std::path::PathBuf;

/// The folders that CLAP plugins are looked for in, in order of preference: those of `CLAP_PATH`, then the user's,
/// then the system's, as the CLAP specification (`entry.h`) lists them. Not all of them need to exist.
pub fn folders() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Some(paths) = std::env::var_os("CLAP_PATH") {
        found.extend(std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()));
    }
    let below = |variable: &str, rest: &str| std::env::var_os(variable).map(|base| PathBuf::from(base).join(rest));
    if cfg!(target_os = "macos") {
        found.extend(below("HOME", "Library/Audio/Plug-Ins/CLAP"));
        found.push("/Library/Audio/Plug-Ins/CLAP".into());
    } else if cfg!(windows) {
        found.extend(below("LOCALAPPDATA", "Programs/Common/CLAP"));
        found.extend(below("COMMONPROGRAMFILES", "CLAP"));
    } else {
        found.extend(below("HOME", ".clap"));
        found.push("/usr/lib/clap".into());
    }
    found
}
