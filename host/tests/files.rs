//! Files that are no plugin, or not one for this machine. Each gets an error that says so; none ends the process.
#![cfg(target_os = "linux")]

mod common;

use std::path::Path;

use common::scratch::Scratch;

fn fixture_bytes() -> Vec<u8> {
    std::fs::read(tonemill_fixtures::path()).unwrap()
}

/// Why listing the file fails; loading fails alike.
fn refusal(path: &Path) -> String {
    let error = tonemill_host::clap::list(path).unwrap_err().to_string();
    let loading = tonemill_host::clap::load(path, None).err().unwrap().to_string();
    assert_eq!(error, loading);
    let start = format!("cannot load {} (clap): ", path.display());
    error.strip_prefix(&start).unwrap_or_else(|| panic!("{error} names the file")).to_string()
}

/// The C types that a `clap_entry` needs, as the CLAP specification lays them out.
const C_ENTRY: &str = "
    #include <stdbool.h>
    #include <stdint.h>
    #include <stddef.h>
    typedef struct { uint32_t major, minor, revision; } version;
    typedef struct { version v; bool (*init)(const char *); void (*deinit)(void); const void *(*get_factory)(const char *); } entry;
    static bool yes(const char *path) { return true; }
    static bool no(const char *path) { return false; }
    static void nothing(void) {}
    static const void *null_factory(const char *id) { return NULL; }
    static uint32_t none(const void *factory) { return 0; }
    static const struct { void *count, *descriptor, *create; } empty = { none, NULL, NULL };
    static const void *empty_factory(const char *id) { return &empty; }
";

#[test]
fn a_missing_file_and_one_that_is_no_library_are_told_apart() {
    let scratch = Scratch::new("kinds");
    assert!(refusal(&scratch.0.join("gone.clap")).starts_with("there is no such file"));
    assert!(refusal(&scratch.file("song.clap", b"MThd\0\0\0\x06")).starts_with("the file is not a plugin"));
    assert!(refusal(&scratch.file("empty.clap", b"")).starts_with("the file is empty"));
    assert!(refusal(&scratch.file("windows.clap", b"MZ\x90\0")).starts_with("the file is built for Windows"));
}

#[test]
fn another_architecture_is_named_with_this_one() {
    let mut bytes = fixture_bytes();
    let (machine, other) = if cfg!(target_arch = "aarch64") { (62u16, "x86_64") } else { (183, "aarch64") };
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    let here = std::env::consts::ARCH;
    let expected = format!("the file is built for {other}, this machine is {here}. Install the {here} build");
    assert_eq!(refusal(&Scratch::new("machine").file("other.clap", &bytes)), expected);
}

#[test]
fn a_truncated_library_is_found_before_it_is_mapped() {
    let (scratch, bytes) = (Scratch::new("truncated"), fixture_bytes());
    for length in [16, 63, 64, 4096, bytes.len() / 2, bytes.len() - 1] {
        let reason = refusal(&scratch.file("cut.clap", &bytes[..length]));
        assert_eq!(reason, "the file is cut short. Install the plugin again", "{length} bytes");
    }
}

#[test]
fn libraries_that_are_no_clap_plugins_say_why() {
    let scratch = Scratch::new("entries");
    let entry = |name: &str, fields: &str| {
        scratch.compile(name, &format!("{C_ENTRY} const entry clap_entry = {{ {fields} }};"))
    };
    let plain = scratch.compile("plain.clap", "int answer(void) { return 42; }");
    assert!(refusal(&plain).contains("it has no clap_entry"));
    let old = entry("old.clap", "{0, 20, 0}, yes, nothing, null_factory");
    assert!(refusal(&old).starts_with("it is made for CLAP 0.20.0, this host speaks 1."));
    let unwilling = entry("unwilling.clap", "{1, 2, 0}, no, nothing, null_factory");
    assert!(refusal(&unwilling).starts_with("its library refused to start"));
    let bare = entry("bare.clap", "{1, 2, 0}, yes, nothing, null_factory");
    assert!(refusal(&bare).contains("it has no plugin factory"));
    let empty = entry("empty.clap", "{1, 2, 0}, yes, nothing, empty_factory");
    assert_eq!(refusal(&empty), "its library lists no plugin");
}

#[test]
fn a_missing_symbol_or_library_is_named_in_the_loaders_words() {
    let scratch = Scratch::new("symbols");
    let source = "int conjure_a_licence(void); int answer(void) { return conjure_a_licence(); }";
    let reason = refusal(&scratch.compile("needy.clap", source));
    assert!(reason.contains("the file needs the symbol conjure_a_licence"), "{reason}");
}

#[test]
fn a_directory_is_a_plugin_if_one_is_inside() {
    let scratch = Scratch::new("directory");
    let inside = |path: &str| scratch.file(path, &fixture_bytes());
    inside("Deep.clap/x86_64-linux/Other.clap");
    scratch.file("Deep.clap/resources/readme.txt", b"hello");
    let deep = tonemill_host::clap::list(&scratch.0.join("Deep.clap")).unwrap();
    assert_eq!(deep, tonemill_host::clap::list(&tonemill_fixtures::path()).unwrap());

    inside("Named.clap/Named.clap");
    scratch.file("Named.clap/libhelper.so", b"not even a library");
    assert_eq!(tonemill_host::clap::list(&scratch.0.join("Named.clap")).unwrap(), deep);

    inside("Many.clap/a.clap");
    inside("Many.clap/b.clap");
    let reason = refusal(&scratch.0.join("Many.clap"));
    assert!(reason.contains("several plugins") && reason.contains("Many.clap/a.clap"), "{reason}");
    scratch.file("Empty.clap/readme.txt", b"hello");
    assert!(refusal(&scratch.0.join("Empty.clap")).contains("a directory without a plugin inside"));
}

#[test]
fn an_id_that_a_file_lists_twice_is_one_plugin() {
    let scratch = Scratch::new("twice");
    let source = format!(
        "{C_ENTRY}
        static const char *none_at_all[] = {{ NULL }};
        static const struct {{ version v; const char *texts[8]; const char **features; }} twin =
            {{ {{1, 2, 0}}, {{ \"org.twin\", \"Twin\" }}, none_at_all }};
        static uint32_t two(const void *factory) {{ return 2; }}
        static const void *descriptor(const void *factory, uint32_t index) {{ return &twin; }}
        static const void *create(const void *factory, const void *host, const char *id) {{ return NULL; }}
        static const struct {{ void *count, *descriptor, *create; }} factory = {{ two, descriptor, create }};
        static const void *get_factory(const char *id) {{ return &factory; }}
        const entry clap_entry = {{ {{1, 2, 0}}, yes, nothing, get_factory }};"
    );
    let path = scratch.compile("twin.clap", &source);
    let found = tonemill_host::clap::list(&path).unwrap();
    assert_eq!((found.len(), found[0].id.as_str(), found[0].name.as_str()), (1, "org.twin", "Twin"));
    let error = tonemill_host::clap::load(&path, None).err().unwrap().to_string();
    assert!(error.contains("\"Twin\" (clap)") && error.contains("lists the plugin but does not make one"), "{error}");
}
