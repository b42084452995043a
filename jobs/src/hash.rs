//! BLAKE3 of files, each read once.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Hashes of the files of one planning, by path.
#[derive(Debug, Default)]
pub struct Hashes {
    known: HashMap<PathBuf, Result<String, String>>,
}

impl Hashes {
    /// The hash of a file in hex, or why it cannot be read. Of a directory, such as a bundle, that of the names and
    /// contents of all files in it, in order of their names, linked ones included.
    pub fn of(&mut self, path: &Path) -> Result<String, String> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let hash = hash(path).map_err(|error| error.to_string());
        self.known.insert(path.to_owned(), hash.clone());
        hash
    }
}

/// Half of the hash of some bytes, which stands for them where there may be a million: no two share it by chance.
pub fn short(bytes: &[u8]) -> u128 {
    let hash = blake3::hash(bytes);
    u128::from_le_bytes(hash.as_bytes()[..16].try_into().expect("16 of 32 bytes"))
}

/// The hash of a text in hex.
pub fn of_text(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn hash(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    if path.is_dir() {
        // Lengths stand in front, so that no two directories give the same bytes.
        for file in files_in(path)? {
            let name = name_in(path, &file);
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
            hasher.update(&fs::metadata(&file)?.len().to_le_bytes());
            hasher.update_reader(File::open(&file)?)?;
        }
    } else {
        hasher.update_reader(File::open(path)?)?;
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// All files in a folder, in order of their names, linked ones included.
pub(crate) fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(folder, &mut Vec::new(), &mut files)?;
    Ok(files)
}

/// A file's name below a folder, the same on every system.
pub(crate) fn name_in(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).to_string_lossy().replace('\\', "/")
}

/// Lists the files in a folder; `above` are the real paths of the folders that lead to it.
fn collect(folder: &Path, above: &mut Vec<PathBuf>, files: &mut Vec<PathBuf>) -> io::Result<()> {
    above.push(fs::canonicalize(folder)?);
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            // A link may lead back to where it is found from, and so round in a ring.
            if !above.contains(&fs::canonicalize(&path)?) {
                collect(&path, above, files)?;
            }
        } else if path.is_file() {
            files.push(path);
        }
    }
    above.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_hash_of_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, b"sound").unwrap();
        assert_eq!(Hashes::default().of(&file).unwrap(), of_text("sound"));
        assert!(Hashes::default().of(&folder.path().join("missing")).unwrap_err().contains("No such file"));
    }

    #[test]
    fn a_directory_has_the_hash_of_names_and_contents() {
        let of = |files: &[(&str, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            for (name, content) in files {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            Hashes::default().of(folder.path()).unwrap()
        };
        let plugin = of(&[("a/x", "1"), ("b", "2")]);
        assert_eq!(plugin, of(&[("b", "2"), ("a/x", "1")]));
        for other in [of(&[("a/x", "12"), ("b", "")]), of(&[("a/y", "1"), ("b", "2")]), of(&[("a/x", "1")])] {
            assert_ne!(plugin, other);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_bundle_whose_binary_lies_behind_a_link_changes_with_it_and_rings_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("X.vst3/Contents")).unwrap();
        fs::create_dir(at("built")).unwrap();
        fs::write(at("built/X.so"), "1").unwrap();
        std::os::unix::fs::symlink(at("built"), at("X.vst3/Contents/x86_64-linux")).unwrap();
        std::os::unix::fs::symlink(at("X.vst3"), at("X.vst3/Contents/again")).unwrap();
        let hash = || Hashes::default().of(&at("X.vst3")).unwrap();
        let before = hash();
        assert_eq!(hash(), before);
        fs::write(at("built/X.so"), "2").unwrap();
        assert_ne!(hash(), before);
    }
}
