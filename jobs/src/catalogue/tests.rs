use std::fs;

use presets::PluginFile;
use proptest::prelude::*;

use super::search::{Offer, doubles, find, matches, others};
use super::store::{self, StoreError};
use super::*;
use crate::plan::FindError;

fn info(format: PluginFormat, id: &str, name: &str) -> DeviceInfo {
    DeviceInfo {
        format: format.word().into(),
        id: id.into(),
        name: name.into(),
        vendor: "Vendor".into(),
        version: "1".into(),
        instrument: false,
    }
}

fn entry(path: &str) -> Entry {
    Entry {
        format: PluginFormat::Clap,
        path: path.into(),
        stamp: Stamp { size: 7, mtime_ns: 1_700_000_000_123_456_789, tree: None },
        blake3: "ab".repeat(32),
        listed_ms: 1_700_000_000_123,
        engine: "tonemill 1".into(),
        found: Found::Plugins(vec![info(PluginFormat::Clap, "a.b", "A")]),
    }
}

fn broken(fault: Fault) -> Entry {
    let (reason, worker, libraries) = ("it crashed".into(), "/bin/worker".into(), "these".into());
    let broken = Broken { fault, reason, worker, limit_seconds: 30.0, libraries };
    Entry { found: Found::Broken(broken), ..entry("/x.clap") }
}

const TERMS: Terms<'static> =
    Terms { engine: "tonemill 1", worker: "/bin/worker", limit_seconds: 30.0, libraries: "these", again: false };

#[test]
fn what_is_stale_follows_a_table() {
    let known = entry("/a.clap");
    let same = known.stamp.clone();
    let touched = Stamp { mtime_ns: same.mtime_ns + 1, ..same.clone() };
    let grown = Stamp { size: 8, ..same.clone() };
    let inside = Stamp { tree: Some("1".into()), ..same.clone() };
    let compare = Step::Compare { blake3: known.blake3.clone() };
    let other_engine = Terms { engine: "tonemill 2", ..TERMS };
    let other_worker = Terms { worker: "/bin/retargeted", ..TERMS };
    let longer = Terms { limit_seconds: 60.0, ..TERMS };
    let shorter = Terms { limit_seconds: 10.0, ..TERMS };
    let more_libraries = Terms { libraries: "these and another", ..TERMS };
    let again = Terms { again: true, ..TERMS };
    let table = [
        ("new", None, &same, &TERMS, Step::List),
        ("the same", Some(&known), &same, &TERMS, Step::Keep),
        ("touched", Some(&known), &touched, &TERMS, compare.clone()),
        ("grown", Some(&known), &grown, &TERMS, compare.clone()),
        ("changed inside", Some(&known), &inside, &TERMS, compare.clone()),
        ("another engine", Some(&known), &same, &other_engine, Step::List),
        ("again", Some(&known), &same, &again, Step::List),
        ("good, another worker", Some(&known), &same, &other_worker, Step::Keep),
        ("good, more time", Some(&known), &same, &longer, Step::Keep),
        ("crashed", Some(&broken(Fault::Crashed)), &same, &TERMS, Step::Keep),
        ("crashed, touched", Some(&broken(Fault::Crashed)), &touched, &TERMS, compare),
        ("crashed, more time", Some(&broken(Fault::Crashed)), &same, &longer, Step::Keep),
        ("crashed, again", Some(&broken(Fault::Crashed)), &same, &again, Step::List),
        ("refused, another worker", Some(&broken(Fault::Refused)), &same, &other_worker, Step::List),
        ("refused", Some(&broken(Fault::Refused)), &same, &TERMS, Step::Keep),
        ("refused, more libraries", Some(&broken(Fault::Refused)), &same, &more_libraries, Step::List),
        ("crashed, more libraries", Some(&broken(Fault::Crashed)), &same, &more_libraries, Step::Keep),
        ("good, more libraries", Some(&known), &same, &more_libraries, Step::Keep),
        ("hung", Some(&broken(Fault::Hung)), &same, &TERMS, Step::Keep),
        ("hung, less time", Some(&broken(Fault::Hung)), &same, &shorter, Step::Keep),
        ("hung, more time", Some(&broken(Fault::Hung)), &same, &longer, Step::List),
        ("killed", Some(&broken(Fault::Killed)), &same, &TERMS, Step::List),
    ];
    for (what, known, stamp, terms, step) in table {
        assert_eq!(decide(known, stamp, terms), step, "{what}");
    }
}

#[test]
fn a_catalogue_comes_back_from_its_file_and_keeps_what_others_wrote_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er").join(store::FILE_NAME);
    assert!(matches!(store::read(&path), (catalogue, None) if catalogue == Catalogue::default()));
    store::update(&path, &Changes::default()).unwrap();
    assert!(!path.exists(), "nothing to say, nothing written");
    let tree = Some("t".into());
    let bundle = Entry { format: PluginFormat::Vst3, stamp: Stamp { size: 1, mtime_ns: -1, tree }, ..entry("/a.vst3") };
    let all = [entry("/a.clap"), broken(Fault::Hung), bundle.clone()];
    for one in &all[..2] {
        let mut changes = Changes::default();
        changes.put(one.clone());
        // Each writer knows of its own entry alone.
        store::update(&path, &changes).unwrap();
    }
    let mut changes = Changes::default();
    changes.put(bundle);
    changes.forget(PluginFormat::Clap, Path::new("/x.clap"));
    store::update(&path, &changes).unwrap();
    let (read, error) = store::read(&path);
    assert!(error.is_none());
    assert_eq!(read, [all[0].clone(), all[2].clone()].into_iter().collect());
    let names = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("partial")), "{names:?}");
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(store::FILE_NAME);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let path = &path;
            scope.spawn(move || {
                for n in 0..10 {
                    let mut changes = Changes::default();
                    changes.put(entry(&format!("/{writer}-{n}.clap")));
                    store::update(path, &changes).unwrap();
                    assert!(store::read(path).1.is_none(), "what a reader sees is whole");
                }
            });
        }
    });
    assert_eq!(store::read(&path).0.entries().count(), 80);
}

#[test]
fn a_catalogue_of_no_use_is_empty_and_says_why_and_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(store::FILE_NAME);
    let mut changes = Changes::default();
    changes.put(entry("/a.clap"));
    for (content, words) in [
        ("", "is damaged"),
        ("{\"tonemill\":1}", "is damaged"),
        ("{\"tonemill\":1,\"entries\":[{}]}", "is damaged"),
        ("{\"tonemill\":2,\"entries\":[]}", "has version 2, this build reads version 1"),
        ("{\"tonemill\":2,\"plugins\":{}}", "has version 2"),
    ] {
        fs::write(&path, content).unwrap();
        let (catalogue, error) = store::read(&path);
        assert_eq!(catalogue, Catalogue::default());
        let words_told = error.unwrap().to_string();
        assert!(words_told.contains(words) && words_told.contains("listed anew"), "{words_told}");
        store::update(&path, &changes).unwrap();
        assert!(matches!(store::read(&path), (catalogue, None) if catalogue.entries().count() == 1));
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(store::read(&path).1, Some(StoreError::Read { .. })));
    assert!(matches!(store::update(&path, &changes), Err(StoreError::Write { .. })));
}

/// Steps of damage to a catalogue: bytes that are put somewhere.
fn damage() -> impl Strategy<Value = Vec<(usize, u8)>> {
    proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)
}

proptest! {
    #[test]
    fn no_bytes_whatever_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = store::parse(Path::new("x"), &bytes);
    }

    #[test]
    fn a_damaged_catalogue_is_read_or_refused(hits in damage(), cut in any::<usize>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(store::FILE_NAME);
        let mut changes = Changes::default();
        changes.put(entry("/a.clap"));
        changes.put(broken(Fault::Left));
        store::update(&path, &changes).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in hits {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        bytes.truncate(cut % bytes.len() + 1);
        match store::parse(&path, &bytes) {
            Ok(catalogue) => prop_assert!(catalogue.entries().count() <= 2),
            Err(error) => {
                let is_known = matches!(error, StoreError::Damaged { .. } | StoreError::Version { .. });
                prop_assert!(is_known, "{}", error);
            }
        }
    }

    #[test]
    fn every_entry_comes_back_as_it_was(
        size in any::<u64>(),
        mtime_ns in any::<i64>(),
        listed_ms in any::<u64>(),
        texts in proptest::array::uniform5(".*"),
        limit_seconds in 0.1..1e6,
        fault in proptest::sample::select(vec![Fault::Refused, Fault::Crashed, Fault::Left, Fault::Hung, Fault::Killed]),
        good in any::<bool>(),
    ) {
        let [path, name, reason, worker, tree] = texts;
        let plugins = Found::Plugins(vec![info(PluginFormat::Clap, &reason, &name)]);
        let libraries = tree.clone();
        let broken = Found::Broken(Broken { fault, reason, worker, limit_seconds, libraries });
        let found = if good { plugins } else { broken };
        let stamp = Stamp { size, mtime_ns, tree: (!tree.is_empty()).then_some(tree) };
        let entry = Entry { stamp, listed_ms, found, ..entry(&path) };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(store::FILE_NAME);
        let mut changes = Changes::default();
        changes.put(entry.clone());
        store::update(&file, &changes).unwrap();
        let (read, error) = store::read(&file);
        prop_assert!(error.is_none());
        prop_assert_eq!(read.entries().collect::<Vec<_>>(), vec![&entry]);
    }
}

/// Two folders of CLAP plugins and a VST3 bundle with several classes.
fn plugins() -> Vec<(usize, &'static str, DeviceInfo)> {
    let clap = |id, name| info(PluginFormat::Clap, id, name);
    let vst3 = |id, name| info(PluginFormat::Vst3, id, name);
    vec![
        (0, "/own/a.clap", clap("own.tube", "Tube")),
        (1, "/all/a.clap", clap("all.tube", "Tube")),
        (1, "/all/b.clap", clap("all.hall", "Hall Reverb")),
        (1, "/all/c.clap", clap("all.hall", "Hall Reverb")),
        (1, "/all/d.clap", clap("all.loud", "LOUD")),
        (1, "/all/d.clap", clap("all.quiet", "loud")),
        (1, "/all/d.clap", clap("Tube", "Named like another's id")),
        (0, "/own/mda.vst3", vst3("ABCDEF", "mda Piano")),
        (1, "/all/mda.vst3", vst3("abcdef", "mda Piano")),
        (0, "/own/mda.vst3", vst3("123456", "mda Limiter ")),
    ]
}

fn offers<'a>(plugins: &'a [(usize, &'static str, DeviceInfo)]) -> Vec<Offer<'a>> {
    let format = |info: &DeviceInfo| PluginFormat::from_word(&info.format).unwrap();
    let offer = |(folder, path, info): &'a (usize, &'static str, DeviceInfo)| Offer {
        format: format(info),
        folder: *folder,
        path: Path::new(*path),
        info,
    };
    plugins.iter().map(offer).collect()
}

fn found(format: PluginFormat, written: &str, id: Option<&str>) -> Result<String, FindError> {
    let plugins = plugins();
    let written = PluginFile { plugin: written.into(), id: id.map(str::to_owned) };
    let file = find(format, &offers(&plugins), &written)?;
    Ok(format!("{}#{}", file.plugin, file.id.unwrap()))
}

#[test]
fn a_name_means_an_id_then_a_name_then_a_name_in_other_case_in_the_first_folder_that_has_it() {
    use PluginFormat::{Clap, Vst3};
    for (format, written, meant) in [
        (Clap, "own.tube", "/own/a.clap#own.tube"),
        (Clap, "all.tube", "/all/a.clap#all.tube"),
        (Clap, "Tube", "/all/d.clap#Tube"),
        (Clap, "tube", "/own/a.clap#own.tube"),
        (Clap, "LOUD", "/all/d.clap#all.loud"),
        (Clap, "loud", "/all/d.clap#all.quiet"),
        (Vst3, "mda piano", "/own/mda.vst3#ABCDEF"),
        (Vst3, "mda Limiter", "/own/mda.vst3#123456"),
        (Vst3, "aBcDeF", "/own/mda.vst3#ABCDEF"),
    ] {
        assert_eq!(found(format, written, None).as_deref(), Ok(meant), "{written}");
    }
}

#[test]
fn an_ambiguous_name_lists_its_candidates_and_an_id_beside_it_decides() {
    let several = |written: &str| match found(PluginFormat::Clap, written, None) {
        Err(FindError::Several { candidates }) => {
            candidates.iter().map(|c| format!("{}#{}", c.plugin, c.id.as_deref().unwrap())).collect::<Vec<_>>()
        }
        other => panic!("{written}: {other:?}"),
    };
    assert_eq!(several("Hall Reverb"), ["/all/b.clap#all.hall", "/all/c.clap#all.hall"]);
    assert_eq!(several("all.hall"), ["/all/b.clap#all.hall", "/all/c.clap#all.hall"]);
    assert_eq!(several("Loud"), ["/all/d.clap#all.loud", "/all/d.clap#all.quiet"]);
    assert_eq!(found(PluginFormat::Clap, "Loud", Some("all.quiet")).as_deref(), Ok("/all/d.clap#all.quiet"));
    assert_eq!(found(PluginFormat::Clap, "Tube", Some("all.tube")).as_deref(), Ok("/all/a.clap#all.tube"));
    assert!(matches!(found(PluginFormat::Clap, "Tube", Some("none")), Err(FindError::Unknown { .. })));
}

#[test]
fn an_unknown_name_suggests_names_and_ids_of_its_format() {
    let similar = |format, written: &str| match found(format, written, None) {
        Err(FindError::Unknown { similar, .. }) => similar,
        other => panic!("{written}: {other:?}"),
    };
    assert_eq!(similar(PluginFormat::Clap, "Hall Revreb"), ["Hall Reverb"]);
    assert_eq!(similar(PluginFormat::Clap, "all.hal"), ["all.hall"]);
    assert_eq!(similar(PluginFormat::Vst3, "Piano"), ["mda Piano"]);
    assert!(similar(PluginFormat::Vst3, "Hall Reverb").is_empty());
}

#[test]
fn a_plugin_that_several_files_hold_is_double_whatever_the_case_of_its_digits() {
    let plugins = plugins();
    let offers = offers(&plugins);
    let doubles = doubles(&offers);
    assert_eq!(doubles.keys().map(|(_, id)| id.as_str()).collect::<Vec<_>>(), ["all.hall", "abcdef"]);
    assert_eq!(others(&doubles, &offers[2]), [PathBuf::from("/all/c.clap")]);
    assert_eq!(others(&doubles, &offers[8]), [PathBuf::from("/own/mda.vst3")]);
    assert!(others(&doubles, &offers[0]).is_empty());
}

#[test]
fn words_are_all_found_in_any_text_in_any_case() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let texts = ["Dragonfly Hall", "Michael", "a.b"];
    assert!(matches(&words("HALL drag"), &texts));
    assert!(matches(&words("a.b michael"), &texts));
    assert!(matches(&[], &texts));
    assert!(!matches(&words("hall plate"), &texts));
    assert!(!matches(&words("hallmichael"), &texts));
}
