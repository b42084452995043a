//! Files that lie in object stores: `s3://bucket/key`, `gs://`, `az://`. They stand among paths, and mean the same wherever
//! they are written; whoever reads one brings it to this machine first.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// What stands in front of `://`.
pub const SCHEMES: [&str; 3] = ["s3", "gs", "az"];

/// Whether a path is the name of a file in an object store.
pub fn is_url(path: &Path) -> bool {
    let Some(text) = path.to_str() else { return false };
    // A path that went through its components has lost a slash.
    text.split_once(":/").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme))
}

/// What `written` means in a file that lies in `folder`. A name in an object store does not depend on it.
pub fn join(folder: &Path, written: impl AsRef<Path>) -> PathBuf {
    let written = written.as_ref();
    if is_url(written) {
        return tidy(written);
    }
    let joined = folder.join(written);
    if is_url(&joined) { tidy(&joined) } else { joined }
}

/// A name in an object store with both its slashes, and without `.`, `..` and empty parts. Other paths stay as they are.
pub fn tidy(path: &Path) -> PathBuf {
    let mut parts = path.components();
    let Some(scheme) = parts.next().filter(|_| is_url(path)) else { return path.to_owned() };
    let mut kept: Vec<&OsStr> = Vec::new();
    for part in parts {
        match part {
            Component::ParentDir if kept.len() > 1 => drop(kept.pop()),
            Component::Normal(part) => kept.push(part),
            _ => {}
        }
    }
    let kept: Vec<_> = kept.iter().map(|part| part.to_string_lossy()).collect();
    format!("{}//{}", scheme.as_os_str().to_string_lossy(), kept.join("/")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_store_means_the_same_in_every_folder() {
        let join = |folder: &str, written: &str| join(Path::new(folder), written).to_str().unwrap().to_owned();
        assert_eq!(join("/jobs", "s3://b/x.wav"), "s3://b/x.wav");
        assert_eq!(join("", "gs://b/x.wav"), "gs://b/x.wav");
        assert_eq!(join("/jobs", "az://b/a/../x.wav"), "az://b/x.wav");
        assert_eq!(
            join("s3://b/lists", "../di/x.wav"),
            "s3://b/di/x.wav",
            "what a list in a store names lies beside it"
        );
        assert_eq!(join("s3://b", "../../x.wav"), "s3://b/x.wav", "nothing leads out of a bucket");
        assert_eq!(join("/jobs", "x:/y.wav"), "/jobs/x:/y.wav");
    }

    #[test]
    fn the_neighbours_of_a_name_are_names() {
        let path = join(Path::new("/jobs"), "s3://b/out/x.wav");
        for (other, name) in [
            (path.with_file_name("y.wav"), "s3://b/out/y.wav"),
            (path.with_extension("txt"), "s3://b/out/x.txt"),
            (path.parent().unwrap().join("deep/z.wav"), "s3://b/out/deep/z.wav"),
        ] {
            assert_eq!(other.to_str(), Some(name));
            assert!(is_url(&other));
        }
        let through: PathBuf = path.components().collect();
        assert_eq!(tidy(&through).to_str(), Some("s3://b/out/x.wav"));
    }
}
