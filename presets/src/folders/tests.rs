use super::*;

/// A folder with plugin files of all kinds in it.
fn installed_plugins() -> (tempfile::TempDir, Folders) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["a/ZamTube.clap", "a/vendor/Deep.clap", "a/readme.txt", "b/Twice.clap", "a/Twice.clap"] {
        write(&folder.path().join(file));
    }
    write(&folder.path().join("b/ProM.clap/ProM.clap"));
    write(&folder.path().join("b/Mac.clap/Contents/MacOS/Mac"));
    let folders = Folders::new(["a", "b", "missing"].map(|f| folder.path().join(f)));
    (folder, folders)
}

fn write(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, b"plugin").unwrap();
}

fn file(folder: &tempfile::TempDir, path: &str) -> Result<Located, LocateError> {
    Ok(Located::File(fs::canonicalize(folder.path().join(path)).unwrap()))
}

#[test]
fn plugins_are_files_bundles_and_what_lies_in_directories_named_like_them() {
    let (folder, folders) = installed_plugins();
    let found: Vec<_> = folders.plugins().iter().map(|p| p.strip_prefix(folder.path()).unwrap().to_owned()).collect();
    let expected =
        ["a/Twice.clap", "a/ZamTube.clap", "a/vendor/Deep.clap", "b/Mac.clap", "b/ProM.clap/ProM.clap", "b/Twice.clap"];
    assert_eq!(found, expected.map(PathBuf::from));
}

#[test]
fn a_name_is_found_with_and_without_its_extension() {
    let (folder, folders) = installed_plugins();
    let locate = |written: &str| folders.locate(written, folder.path());
    assert_eq!(locate("ZamTube"), file(&folder, "a/ZamTube.clap"));
    assert_eq!(locate("Deep.clap"), file(&folder, "a/vendor/Deep.clap"));
    assert_eq!(locate("ProM.clap"), file(&folder, "b/ProM.clap/ProM.clap"));
    assert_eq!(locate("Mac"), file(&folder, "b/Mac.clap"));
}

#[test]
fn a_path_starts_at_the_folder_of_the_file_that_names_it() {
    let (folder, folders) = installed_plugins();
    write(&folder.path().join("presets/plugins/own.so"));
    let presets = folder.path().join("presets");
    assert_eq!(folders.locate("plugins/own.so", &presets), file(&folder, "presets/plugins/own.so"));
    assert_eq!(folders.locate("../b/ProM.clap", &presets), file(&folder, "b/ProM.clap/ProM.clap"));
    let message = folders.locate("plugins/owm.so", &presets).unwrap_err().to_string();
    assert!(message.ends_with("plugins/owm.so. Did you mean \"own.so\"?"), "{message}");
}

#[test]
fn ids_are_left_to_whoever_can_list_plugins() {
    let (folder, folders) = installed_plugins();
    assert_eq!(folders.locate("com.zamaudio.ZamTube", folder.path()), Ok(Located::Id));
    assert!(folders.locate("Missing.clap", folder.path()).is_err());
}

#[test]
fn a_name_that_nothing_or_several_files_have_is_explained() {
    let (folder, folders) = installed_plugins();
    let message = folders.locate("ZamTub", folder.path()).unwrap_err().to_string();
    assert!(
        message.starts_with("no plugin file is called \"ZamTub\". Did you mean \"ZamTube\"? Searched "),
        "{message}"
    );
    write(&folder.path().join("a/vendor/Twice.clap"));
    let message = folders.locate("Twice", folder.path()).unwrap_err().to_string();
    assert!(message.starts_with("several plugin files are called \"Twice\": "), "{message}");
    assert!(message.ends_with("a/vendor/Twice.clap. Write the path of one"), "{message}");
    assert!(!message.contains("b/Twice.clap"), "{message}");
}

#[test]
fn the_first_folder_that_has_a_name_decides() {
    let (folder, folders) = installed_plugins();
    assert_eq!(folders.locate("Twice.clap", folder.path()), file(&folder, "a/Twice.clap"));
    let turned = Folders::new(["b", "a"].map(|f| folder.path().join(f)));
    assert_eq!(turned.locate("Twice.clap", folder.path()), file(&folder, "b/Twice.clap"));
}
