//! Where each operating system's plugins are installed, as the specifications and distributions have it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::PluginFormat;

/// The folders of a format, in the order they are searched. `variable` reads the environment.
pub(super) fn folders(format: PluginFormat, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let below = |name: &str, rest: &str| variable(name).map(|folder| Path::new(&folder).join(rest));
    let name = format.name();
    if cfg!(target_os = "macos") {
        let user = below("HOME", &format!("Library/Audio/Plug-Ins/{name}"));
        return user.into_iter().chain([PathBuf::from(format!("/Library/Audio/Plug-Ins/{name}"))]).collect();
    }
    if cfg!(windows) {
        let common = below("COMMONPROGRAMFILES", name);
        let user = below("LOCALAPPDATA", &format!("Programs\\Common\\{name}"));
        return match format {
            PluginFormat::Clap | PluginFormat::Lv2 => common.into_iter().chain(user).collect(),
            PluginFormat::Vst3 => user.into_iter().chain(common).collect(),
        };
    }
    let word = format.word();
    let user = below("HOME", &format!(".{word}"));
    // Debian keeps libraries of each architecture in a folder of their own.
    let debian = format!("{}-linux-gnu", std::env::consts::ARCH);
    let mut system = ["/usr/lib", "/usr/local/lib", "/usr/lib64", &format!("/usr/lib/{debian}")];
    // LV2 alone has what was built here stand in for what the distribution brings.
    if format == PluginFormat::Lv2 {
        system.swap(0, 1);
    }
    let system = system.map(|folder| Path::new(folder).join(word));
    // VST3 gives a program's own plugins a place beside it.
    let own = match format {
        PluginFormat::Clap | PluginFormat::Lv2 => None,
        PluginFormat::Vst3 => std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join(word))),
    };
    user.into_iter().chain(system).chain(own).collect()
}
