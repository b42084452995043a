//! Files that are no plugin, or not one for this machine, or whose library misbehaves. Each gets an error that says so;
//! none ends the process.

use std::path::Path;
use std::process::Command;

use tonemill_fixtures::vst3::bundle;
use tonemill_host::vst3::{list, load};

use crate::common::scratch::Scratch;

/// Why listing the file fails; loading fails alike.
fn refusal(path: &Path) -> String {
    let error = list(path).unwrap_err().to_string();
    assert_eq!(error, load(path, None).err().unwrap().to_string());
    let start = format!("cannot load {} (vst3): ", path.display());
    error.strip_prefix(&start).unwrap_or_else(|| panic!("{error} names the file")).to_string()
}

#[test]
fn libraries_whose_factory_is_of_no_use_say_why() {
    let scratch = Scratch::new("factories");
    let of = |name: &str| refusal(&bundle(&scratch.0, name));
    assert_eq!(of("null-factory"), "its library offers no plugins: GetPluginFactory gives null");
    assert_eq!(of("empty-factory"), "its library lists no plugin");
    assert_eq!(of("entry-fails"), "its library refused to start. What it printed may say why");
    let reason = of("no-audio");
    assert!(reason.starts_with("its library lists no audio plugin, only \"Fixture "), "{reason}");
    assert!(reason.contains("(Component Controller Class)") && reason.ends_with(" more"), "{reason}");
    assert!(reason.len() < 250, "{reason}");
}

#[test]
fn a_bundle_without_this_machines_binary_names_those_it_has() {
    let scratch = Scratch::new("machines");
    let path = bundle(&scratch.0, "copy");
    let contents = path.join("Contents");
    let here = format!("{}-linux", std::env::consts::ARCH);
    for other in ["armv7l-linux", "x86_64-win"] {
        std::fs::create_dir(contents.join(other)).unwrap();
    }
    assert_eq!(list(&path).unwrap().len(), 1, "the others do not matter");
    std::fs::remove_dir_all(contents.join(&here)).unwrap();
    let expected = format!(
        "the bundle holds a binary for armv7l-linux and x86_64-win only, this machine is {here}. Install the {here} build"
    );
    assert_eq!(refusal(&path), expected);
}

#[test]
fn a_file_that_is_no_library_or_another_machines_says_so() {
    let scratch = Scratch::new("kinds");
    assert!(refusal(&scratch.0.join("gone.vst3")).starts_with("there is no such file"));
    assert!(refusal(&scratch.file("song.vst3", b"MThd\0\0\0\x06")).starts_with("the file is not a plugin"));
    let here = std::env::consts::ARCH;
    let inside = format!("Text.vst3/Contents/{here}-linux/Text.so");
    scratch.file(&inside, b"no plugin at all");
    assert!(refusal(&scratch.0.join("Text.vst3")).starts_with("the file is not a plugin"));
    scratch.file("Folder.vst3/readme.txt", b"hello");
    assert!(refusal(&scratch.0.join("Folder.vst3")).contains("without Contents, so it is no VST3 bundle"));

    let path = bundle(&scratch.0, "copy");
    let binary = path.join(format!("Contents/{here}-linux/copy.so"));
    let mut bytes = std::fs::read(&binary).unwrap();
    for length in [16, 63, 4096, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&binary, &bytes[..length]).unwrap();
        assert_eq!(refusal(&path), "the file is cut short. Install the plugin again", "{length} bytes");
    }
    let (machine, other) = if cfg!(target_arch = "aarch64") { (62u16, "x86_64") } else { (183, "aarch64") };
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    std::fs::write(&binary, &bytes).unwrap();
    let expected = format!("the file is built for {other}, this machine is {here}. Install the {here} build");
    assert_eq!(refusal(&path), expected);
}

#[test]
fn a_missing_symbol_is_named_and_a_library_of_another_kind_too() {
    let scratch = Scratch::new("symbols");
    let inside = |name: &str| format!("{name}.vst3/Contents/{}-linux/{name}.so", std::env::consts::ARCH);
    let source = "int conjure_a_licence(void); int answer(void) { return conjure_a_licence(); }";
    scratch.compile(&inside("Needy"), source);
    let reason = refusal(&scratch.0.join("Needy.vst3"));
    assert!(reason.starts_with("the file needs the symbol conjure_a_licence, which neither it nor any"), "{reason}");
    scratch.compile(&inside("Plain"), "int answer(void) { return 42; }");
    let reason = refusal(&scratch.0.join("Plain.vst3"));
    assert!(reason.contains("it has no GetPluginFactory"), "{reason}");
}

#[test]
fn a_binary_opens_only_where_all_libraries_that_it_names_are() {
    let scratch = Scratch::new("libraries");
    let helper = scratch.compile("libtonemillhelper.so", "int help(void) { return 1; }");
    let source = scratch.file("needs.c", b"int help(void); int answer(void) { return help(); }");
    let plugin = scratch.0.join("Needs.vst3");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&plugin).args([&source, &helper]).status();
    assert!(compiled.unwrap().success());
    std::fs::remove_file(&helper).unwrap();
    let reason = refusal(&plugin);
    assert!(reason.contains("libtonemillhelper.so") && reason.contains("Install what is missing"), "{reason}");
}

/// A factory of so many classes, all called "Twin", none of which it makes. Each byte of a class id is `id`, in C.
fn twins(scratch: &Scratch, name: &str, count: i32, id: &str) -> std::path::PathBuf {
    let source = format!(
        "#include <stdint.h>
        #include <string.h>
        typedef struct {{ char id[16]; int32_t cardinality; char category[32], name[64]; }} class_info;
        static int32_t query(void *self, const char *interface, void **object) {{ *object = 0; return -1; }}
        static uint32_t references(void *self) {{ return 1; }}
        static int32_t factory_info(void *self, void *info) {{ memset(info, 0, 64 + 256 + 128 + 4); return 0; }}
        static int32_t count(void *self) {{ return {count}; }}
        static int32_t describe(void *self, int32_t index, class_info *info) {{
            memset(info, 0, sizeof *info);
            memset(info->id, {id}, 16);
            strcpy(info->category, \"Audio Module Class\");
            strcpy(info->name, \"Twin\");
            return 0;
        }}
        static int32_t create(void *self, const char *id, const char *interface, void **object) {{
            *object = 0;
            return -1;
        }}
        static void *functions[] = {{ query, references, references, factory_info, count, describe, create }};
        static void *factory = functions;
        void *GetPluginFactory(void) {{ return &factory; }}"
    );
    scratch.compile(name, &source)
}

#[test]
fn a_name_that_two_classes_share_asks_for_an_id() {
    let scratch = Scratch::new("twins");
    let path = twins(&scratch, "twins.vst3", 2, "index + 1");
    let ids = ["01".repeat(16), "02".repeat(16)];
    assert_eq!(list(&path).unwrap().iter().map(|info| info.id.clone()).collect::<Vec<_>>(), ids);
    let error = load(&path, Some("Twin")).err().unwrap().to_string();
    let reason = format!("several plugins have that name; use the id of one: {}, {}", ids[0], ids[1]);
    assert!(error.ends_with(&reason), "{error}");
    let error = load(&path, Some(&ids[1])).err().unwrap().to_string();
    assert!(error.contains("\"Twin\" (vst3)") && error.contains("lists the plugin but does not make one"), "{error}");
}

#[test]
fn a_class_that_a_factory_lists_twice_is_one_and_an_old_factory_without_an_entry_is_fine() {
    let scratch = Scratch::new("twice");
    let found = list(&twins(&scratch, "twice.vst3", 2, "7")).unwrap();
    assert_eq!((found.len(), found[0].name.as_str(), found[0].vendor.as_str()), (1, "Twin", ""));
    let found = list(&twins(&scratch, "many.vst3", i32::MAX, "index % 200 + 1")).unwrap();
    assert_eq!(found.len(), 200);
    assert_eq!(refusal(&twins(&scratch, "fewer.vst3", -1, "7")), "its library lists no plugin");
}
