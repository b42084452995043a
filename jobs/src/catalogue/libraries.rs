//! What the system's libraries look like from outside: a plugin that lacks one loads once it is installed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The dynamic linker's cache, which every installation of a library renews, and the folders that it searches besides.
const SEARCHED: [&str; 6] = ["/etc/ld.so.cache", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];

/// A text that changes when a library is installed or removed where the dynamic linker of this system searches:
/// its cache, its usual folders, and those of `LD_LIBRARY_PATH`. Nothing is read but the times of these.
pub fn look() -> String {
    of(SEARCHED.map(PathBuf::from), std::env::var_os("LD_LIBRARY_PATH").as_deref())
}

fn of(searched: impl IntoIterator<Item = PathBuf>, listed: Option<&OsStr>) -> String {
    let mut hasher = blake3::Hasher::new();
    let listed = listed.iter().flat_map(|listed| std::env::split_paths(listed).collect::<Vec<_>>());
    for path in searched.into_iter().chain(listed) {
        let name = path.as_os_str().as_encoded_bytes();
        // The length stands in front, so that no two lists give the same bytes.
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name).update(&changed(&path).to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// When a file, or what a folder holds, was changed: nanoseconds since 1970, 0 where nobody can tell.
fn changed(path: &Path) -> u128 {
    let time = fs::metadata(path).and_then(|metadata| metadata.modified());
    time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_library_in_a_searched_folder_and_another_list_of_folders_are_noticed_and_looking_is_not() {
        let place = tempfile::tempdir().unwrap();
        let (usual, listed) = (place.path().join("usual"), place.path().join("listed"));
        let long_ago = |folder: &Path| {
            fs::create_dir_all(folder).unwrap();
            File::open(folder).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
        };
        long_ago(&usual);
        long_ago(&listed);
        let looks = || of([usual.clone()], Some(listed.as_os_str()));
        let first = looks();
        assert_eq!(looks(), first);
        assert_ne!(of([usual.clone()], None), first);
        fs::write(listed.join("libnew.so"), "").unwrap();
        let second = looks();
        assert_ne!(second, first);
        fs::write(usual.join("libnew.so"), "").unwrap();
        assert_ne!(looks(), second);
        fs::remove_dir_all(&usual).unwrap();
        long_ago(&listed);
        assert_eq!(looks().len(), first.len(), "a folder that is not there is none to stumble over");
    }
}
