//! The shared object inside a bundle.
//!
//! A bundle is a directory `X.vst3` with `Contents/ARCHITECTURE-SYSTEM/X.so` (`.vst3` on Windows, `MacOS/X` on macOS);
//! older plugins are single files.

use std::path::{Path, PathBuf};

use crate::binary::check;

/// The shared object to open for `path`: the file itself, or this machine's in a bundle. On macOS a bundle stays as it
/// is; the system opens it.
pub(super) fn find(path: &Path) -> Result<PathBuf, String> {
    let kind = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file. Check the path, or install the plugin".to_string(),
        _ => format!("it cannot be read: {e}"),
    })?;
    if !kind.is_dir() {
        check(path)?;
        return Ok(path.into());
    }
    let contents = path.join("Contents");
    if !contents.is_dir() {
        return Err("it is a directory without Contents, so it is no VST3 bundle. Give the path of the bundle".into());
    }
    if cfg!(target_os = "macos") {
        return Ok(path.into());
    }
    let here = folder_name();
    let folder = contents.join(&here);
    let objects = objects(&folder);
    let named = objects.iter().find(|file| file.file_stem() == path.file_stem());
    let object = match (named, &objects[..]) {
        (Some(named), _) => named,
        // A bundle that somebody renamed.
        (None, [only]) => only,
        (None, []) => return Err(no_binary(&contents, &here)),
        (None, several) => {
            let names: Vec<String> = several.iter().map(|file| file.display().to_string()).collect();
            return Err(format!("the bundle holds several binaries and none is called like it: {}", names.join(", ")));
        }
    };
    check(object)?;
    Ok(object.clone())
}

/// The folder of a bundle that this machine's binary lies in.
fn folder_name() -> String {
    let system = if cfg!(windows) { "win" } else { "linux" };
    format!("{}-{system}", std::env::consts::ARCH)
}

fn objects(folder: &Path) -> Vec<PathBuf> {
    let extension = if cfg!(windows) { "vst3" } else { "so" };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    found.sort();
    found
}

fn no_binary(contents: &Path, here: &str) -> String {
    let entries = std::fs::read_dir(contents).into_iter().flatten().flatten();
    let mut others: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name == "MacOS" || ["-linux", "-win"].iter().any(|system| name.ends_with(system)))
        .filter(|name| name != here)
        .collect();
    others.sort();
    if others.is_empty() {
        return format!("the bundle holds no binary: Contents/{here} is missing or empty. Install the plugin again");
    }
    format!(
        "the bundle holds a binary for {} only, this machine is {here}. Install the {here} build",
        others.join(" and ")
    )
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("tonemill-vst3-{}-{name}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        /// Puts this very program there, which is some ELF file of this machine.
        fn put(&self, path: &str) -> PathBuf {
            let path = self.0.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn the_binary_is_called_like_its_bundle_or_is_the_only_one() {
        let folder = Folder::new("named");
        let arch = folder_name();
        let main = folder.put(&format!("A.vst3/Contents/{arch}/A.so"));
        assert_eq!(find(&folder.0.join("A.vst3")), Ok(main.clone()));
        assert_eq!(find(&main), Ok(main.clone()));
        folder.put(&format!("A.vst3/Contents/{arch}/libhelper.so"));
        assert_eq!(find(&folder.0.join("A.vst3")), Ok(main));
        let renamed = folder.put(&format!("B.vst3/Contents/{arch}/A.so"));
        assert_eq!(find(&folder.0.join("B.vst3")), Ok(renamed));
        folder.put(&format!("B.vst3/Contents/{arch}/C.so"));
        assert!(find(&folder.0.join("B.vst3")).unwrap_err().contains("several binaries"));
    }

    #[test]
    fn a_bundle_of_other_machines_names_them() {
        let folder = Folder::new("machines");
        folder.put("A.vst3/Contents/x86_64-win/A.vst3");
        folder.put("A.vst3/Contents/MacOS/A");
        folder.put("A.vst3/Contents/Resources/moduleinfo.json");
        let reason = find(&folder.0.join("A.vst3")).unwrap_err();
        let here = folder_name();
        assert_eq!(
            reason,
            format!(
                "the bundle holds a binary for MacOS and x86_64-win only, this machine is {here}. Install the {here} build"
            )
        );
        std::fs::create_dir_all(folder.0.join("B.vst3/Contents/Resources")).unwrap();
        assert!(find(&folder.0.join("B.vst3")).unwrap_err().contains("the bundle holds no binary"));
        std::fs::create_dir_all(folder.0.join("C.vst3")).unwrap();
        assert!(find(&folder.0.join("C.vst3")).unwrap_err().contains("no VST3 bundle"));
        assert!(find(&folder.0.join("D.vst3")).unwrap_err().contains("no such file"));
    }
}
