use super::*;

/// A folder with CLAP plugins of all kinds in it.
fn installed_plugins() -> (tempfile::TempDir, Folders) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["a/ZamTube.clap", "a/vendor/Deep.clap", "a/readme.txt", "b/Twice.clap", "a/Twice.clap"] {
        write(&folder.path().join(file));
    }
    write(&folder.path().join("b/ProM.clap/ProM.clap"));
    write(&folder.path().join("b/Mac.clap/Contents/MacOS/Mac"));
    let folders = Folders::new(PluginFormat::Clap, ["a", "b", "missing"].map(|f| folder.path().join(f)));
    (folder, folders)
}

/// A folder with VST3 plugins of all kinds in it.
fn installed_vst3() -> (tempfile::TempDir, Folders) {
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "a/Tube.vst3/Contents/x86_64-linux/Tube.so",
        "a/Tube.vst3/Contents/Resources/Inner.vst3",
        "a/vendor/series/Deep.vst3/Contents/x86_64-linux/Deep.so",
        "a/Single.vst3",
        "a/Other.clap",
        "a/readme.txt",
        "b/Loud.VST3",
        "b/Tube.vst3/Contents/x86_64-linux/Tube.so",
        "b/Odd.vst3/one/Nested.vst3",
    ] {
        write(&folder.path().join(file));
    }
    let folders = Folders::new(PluginFormat::Vst3, ["a", "b"].map(|f| folder.path().join(f)));
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
        message.starts_with("no CLAP plugin is called \"ZamTub\". Did you mean \"ZamTube\"? Searched "),
        "{message}"
    );
    write(&folder.path().join("a/vendor/Twice.clap"));
    let message = folders.locate("Twice", folder.path()).unwrap_err().to_string();
    assert!(message.starts_with("several CLAP plugins are called \"Twice\": "), "{message}");
    assert!(message.ends_with("a/vendor/Twice.clap. Write the path of one"), "{message}");
    assert!(!message.contains("b/Twice.clap"), "{message}");
}

#[test]
fn the_first_folder_that_has_a_name_decides() {
    let (folder, folders) = installed_plugins();
    assert_eq!(folders.locate("Twice.clap", folder.path()), file(&folder, "a/Twice.clap"));
    let turned = Folders::new(PluginFormat::Clap, ["b", "a"].map(|f| folder.path().join(f)));
    assert_eq!(turned.locate("Twice.clap", folder.path()), file(&folder, "b/Twice.clap"));
}

#[test]
fn a_vst3_directory_is_one_plugin_whatever_lies_in_it() {
    let (folder, folders) = installed_vst3();
    let found: Vec<_> = folders.plugins().iter().map(|p| p.strip_prefix(folder.path()).unwrap().to_owned()).collect();
    let expected =
        ["a/Single.vst3", "a/Tube.vst3", "a/vendor/series/Deep.vst3", "b/Loud.VST3", "b/Odd.vst3", "b/Tube.vst3"];
    assert_eq!(found, expected.map(PathBuf::from));
}

#[test]
fn a_vst3_plugin_is_found_by_name_path_and_class_id() {
    let (folder, folders) = installed_vst3();
    let locate = |written: &str| folders.locate(written, folder.path());
    assert_eq!(locate("Tube"), file(&folder, "a/Tube.vst3"));
    assert_eq!(locate("Deep.vst3"), file(&folder, "a/vendor/series/Deep.vst3"));
    assert_eq!(locate("Loud"), file(&folder, "b/Loud.VST3"));
    assert_eq!(locate("b/Tube.vst3"), file(&folder, "b/Tube.vst3"));
    assert_eq!(locate("b/Odd.vst3"), file(&folder, "b/Odd.vst3"));
    let inside = "b/Tube.vst3/Contents/x86_64-linux/Tube.so";
    assert_eq!(locate(inside), file(&folder, inside));
    for class in ["5653544D4441706D6461207069616E6F", "5653544d4441706d6461207069616e6f"] {
        assert_eq!(locate(class), Ok(Located::Id));
    }
}

#[test]
fn a_vst3_plugin_that_is_not_there_is_missed_by_its_own_words() {
    let (folder, folders) = installed_vst3();
    let message = |written: &str| folders.locate(written, folder.path()).unwrap_err().to_string();
    let short = message("Tub.vst3");
    assert!(short.starts_with("no VST3 plugin is called \"Tub.vst3\". Did you mean \"Tube\"? Searched "), "{short}");
    assert!(short.ends_with("; VST3_PATH adds folders"), "{short}");
    assert!(message("5653544D4441706D6461207069616E6").starts_with("no VST3 plugin is called"), "31 digits are no id");
    let path = message("a/Tuba.vst3");
    assert!(path.starts_with("there is no VST3 plugin ") && path.ends_with(". Did you mean \"Tube.vst3\"?"), "{path}");
    let nowhere = Folders::new(PluginFormat::Vst3, []).locate("Tube", folder.path()).unwrap_err().to_string();
    assert_eq!(nowhere, "no VST3 plugin is called \"Tube\". There are no plugin folders: set VST3_PATH");
}

#[test]
fn a_path_to_a_plugin_of_another_format_says_how_to_write_it() {
    let (folder, vst3) = installed_vst3();
    let clap = Folders::new(PluginFormat::Clap, []);
    let message = clap.locate("a/Tube.vst3", folder.path()).unwrap_err().to_string();
    assert!(message.ends_with("a/Tube.vst3 is a VST3 plugin. Write vst3: in front of it"), "{message}");
    let message = vst3.locate("a/Other.clap", folder.path()).unwrap_err().to_string();
    assert!(message.ends_with("a/Other.clap is a CLAP plugin. Write clap: in front of it"), "{message}");
}

#[test]
fn an_lv2_bundle_is_found_by_name_and_path_and_a_uri_is_never_taken_for_a_path() {
    let folder = tempfile::tempdir().unwrap();
    for bundle in ["a/amp.lv2", "a/organ", "a/series/deep.lv2"] {
        fs::create_dir_all(folder.path().join(bundle)).unwrap();
        fs::write(folder.path().join(bundle).join("manifest.ttl"), "").unwrap();
    }
    fs::write(folder.path().join("a/file.lv2"), "").unwrap();
    fs::create_dir_all(folder.path().join("http:/x.org")).unwrap();
    let folders = Folders::new(PluginFormat::Lv2, [folder.path().join("a")]);
    let found: Vec<_> = folders.plugins().iter().map(|p| p.strip_prefix(folder.path()).unwrap().to_owned()).collect();
    assert_eq!(found, ["a/amp.lv2", "a/organ", "a/series/deep.lv2"].map(PathBuf::from));
    let locate = |written: &str| folders.locate(written, folder.path());
    assert_eq!(locate("amp"), file(&folder, "a/amp.lv2"));
    assert_eq!(locate("organ"), file(&folder, "a/organ"));
    assert_eq!(locate("a/series/deep.lv2"), file(&folder, "a/series/deep.lv2"));
    for uri in ["http://x.org", "http://x.org/y#z", "urn:amp.lv2"] {
        assert_eq!(locate(uri), Ok(Located::Id));
    }
    let missing = locate("amb").unwrap_err().to_string();
    assert!(missing.starts_with("no LV2 plugin is called \"amb\". Did you mean \"amp\"?"), "{missing}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_folders_of_the_variable_come_before_those_that_are_installed() {
    let variable = |name: &str| match name {
        "VST3_PATH" => Some(OsString::from("/one::/two")),
        "CLAP_PATH" => Some(OsString::from("/three")),
        "HOME" => Some(OsString::from("/home/me")),
        _ => None,
    };
    let of = |format| Folders::from_environment(format, variable).folders;
    let debian = |word: &str| PathBuf::from(format!("/usr/lib/{}-linux-gnu/{word}", std::env::consts::ARCH));
    let mut vst3 = ["/one", "/two", "/home/me/.vst3", "/usr/lib/vst3", "/usr/local/lib/vst3", "/usr/lib64/vst3"]
        .map(PathBuf::from)
        .to_vec();
    vst3.push(debian("vst3"));
    vst3.push(std::env::current_exe().unwrap().with_file_name("vst3"));
    assert_eq!(of(PluginFormat::Vst3), vst3);
    let mut clap = ["/three", "/home/me/.clap", "/usr/lib/clap", "/usr/local/lib/clap", "/usr/lib64/clap"]
        .map(PathBuf::from)
        .to_vec();
    clap.push(debian("clap"));
    assert_eq!(of(PluginFormat::Clap), clap);
    let mut lv2 = ["/home/me/.lv2", "/usr/local/lib/lv2", "/usr/lib/lv2", "/usr/lib64/lv2"].map(PathBuf::from).to_vec();
    lv2.push(debian("lv2"));
    assert_eq!(of(PluginFormat::Lv2), lv2);
}
