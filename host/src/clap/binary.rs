//! The shared object behind a plugin's path.

use std::path::{Path, PathBuf};

use crate::binary::check;

/// Directories below a plugin directory that are looked into. Debian's `ProM.clap` needs one.
const DEEPEST: usize = 4;

/// The shared object to open for `path`: the file itself, or the one inside a directory.
pub(super) fn find(path: &Path) -> Result<PathBuf, String> {
    let kind = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file. Check the path, or install the plugin".to_string(),
        _ => format!("it cannot be read: {e}"),
    })?;
    if !kind.is_dir() {
        check(path)?;
        return Ok(path.into());
    }
    if cfg!(target_os = "macos") {
        // A bundle; its Info.plist names the executable, and clack follows it.
        return Ok(path.into());
    }
    let mut found = Vec::new();
    collect(path, DEEPEST, &mut found).map_err(|e| format!("the directory cannot be read: {e}"))?;
    found.sort();
    if found.len() > 1 {
        // Beside the plugin a directory may hold libraries that it needs. The plugin is called like its directory.
        let named: Vec<_> = found.iter().filter(|file| file.file_stem() == path.file_stem()).cloned().collect();
        if named.len() == 1 {
            found = named;
        }
    }
    match &found[..] {
        [] => Err("it is a directory without a plugin inside: no .clap or .so file was found in it".into()),
        [only] => {
            check(only)?;
            Ok(only.clone())
        }
        several => {
            let names: Vec<String> = several.iter().map(|file| file.display().to_string()).collect();
            Err(format!("it is a directory with several plugins; give the path of one: {}", names.join(", ")))
        }
    }
}

fn collect(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "clap" || extension == "so") {
            found.push(path);
        }
    }
    Ok(())
}
