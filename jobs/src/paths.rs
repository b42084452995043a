//! Paths as a plan holds them: absolute, without `.` and `..`.

use std::io;
use std::path::{Component, Path, PathBuf};

use presets::url::{is_url, tidy};

/// The absolute form of a path that need not exist. A name in an object store is one already.
/// `..` behind a link leads where the link's target does.
pub fn clean(path: &Path) -> io::Result<PathBuf> {
    if is_url(path) {
        return Ok(tidy(path));
    }
    let mut clean = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if clean.is_symlink() {
                    clean = clean.canonicalize()?;
                }
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    Ok(clean)
}

/// A path as a message shows it: relative to the working directory where it lies below.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let below = here.as_deref().and_then(|here| path.strip_prefix(here).ok()).filter(|p| !p.as_os_str().is_empty());
    below.unwrap_or(path).display().to_string()
}

/// A path relative to a folder where it lies below it, with `/` between names; else as it is.
pub fn relative(path: &Path, folder: &Path) -> String {
    match path.strip_prefix(folder) {
        Ok(below) => below.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"),
        Err(_) => path.to_string_lossy().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_taken_out_of_a_path() {
        assert_eq!(clean(Path::new("/a/./b/../c")).unwrap(), Path::new("/a/c"));
        assert_eq!(clean(Path::new("/../a")).unwrap(), Path::new("/a"));
        assert!(clean(Path::new("x")).unwrap().is_absolute());
    }

    #[cfg(unix)]
    #[test]
    fn two_points_behind_a_link_lead_where_its_target_does() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("real/deep")).unwrap();
        std::os::unix::fs::symlink(root.join("real/deep"), root.join("link")).unwrap();
        assert_eq!(clean(&root.join("link/../x")).unwrap(), root.join("real/x"));
    }

    #[test]
    fn a_relative_path_has_slashes() {
        assert_eq!(relative(Path::new("/out/a/b.wav"), Path::new("/out")), "a/b.wav");
        assert_eq!(relative(Path::new("/else/b.wav"), Path::new("/out")), "/else/b.wav");
    }
}
