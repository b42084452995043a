use super::*;

fn read(text: &str) -> Result<Node, String> {
    let collector = Collector::new();
    let document = Document::parse("a.yaml", text, &collector);
    collector.finish(document).map(|d| d.root).map_err(|m| m.to_string())
}

fn field<'n>(node: &'n Node, name: &str) -> &'n Node {
    &node.map().unwrap().iter().find(|e| e.key.value == name).unwrap().value
}

fn text_of<'n>(node: &'n Node, name: &str) -> &'n str {
    &field(node, name).scalar().unwrap().text
}

#[test]
fn every_key_and_value_has_its_line_and_column() {
    let root = read("tonemill: 1\nchain:\n  - { gain: -6 dB }\n  - {\u{e4}\u{f6}: x}\n").unwrap();
    let Kind::List(items) = &field(&root, "chain").kind else { panic!("chain is a list") };
    let gain = &items[0].map().unwrap()[0];
    assert_eq!(items[0].place.to_string(), "a.yaml:3:5");
    assert_eq!(gain.key.place.to_string(), "a.yaml:3:7");
    assert_eq!(gain.value.place.to_string(), "a.yaml:3:13");
    assert_eq!(items[1].map().unwrap()[0].value.place.to_string(), "a.yaml:4:10", "columns count characters");
}

#[test]
fn scalars_are_numbers_words_or_nothing_as_written() {
    let root = read("a: -6\nb: 1e3\nc: yes\nd: '5'\ne: true\nf:\ng: ~\nh: 1e999\ni: .inf\nj: 0x10").unwrap();
    let number = |name: &str| field(&root, name).scalar().and_then(Scalar::number);
    assert_eq!(number("a"), Some(-6.0));
    assert_eq!(number("b"), Some(1000.0));
    assert_eq!(number("d"), None, "quoted digits are a text");
    assert_eq!((number("h"), number("i"), number("j")), (None, None, None));
    assert_eq!(field(&root, "c").scalar().unwrap().boolean(), None, "YAML 1.2 knows no yes");
    assert_eq!(field(&root, "e").scalar().unwrap().boolean(), Some(true));
    assert_eq!(field(&root, "f").kind, Kind::Null { written: false });
    assert_eq!(field(&root, "g").kind, Kind::Null { written: true });
}

#[test]
fn json_is_read_with_positions_tabs_and_surrogates_included() {
    let root =
        read("{\n\t\"tonemill\": 1,\n\t\"name\": \"a\\/b \\ud83c\\udfb8 \\\\ud83c \\u00e4\\t\",\n\t\"e\": []\n}")
            .unwrap();
    assert_eq!(text_of(&root, "name"), "a/b \u{1f3b8} \\ud83c \u{e4}\t");
    assert_eq!(field(&root, "tonemill").place.to_string(), "a.yaml:2:14");
}

#[test]
fn a_key_that_stands_twice_is_a_mistake_at_the_second() {
    let message = read("gain: 1\npan: 2\ngain: 3\n").unwrap_err();
    assert_eq!(message, "a.yaml:3:1: \"gain\" stands twice here, first in line 1. Remove one of the two.");
}

#[test]
fn anchors_are_copied_and_merged_maps_give_way_to_what_is_written() {
    let root = read("base: &b {gain: 1, pan: 2}\nt:\n  <<: *b\n  pan: 5\nu: *b").unwrap();
    assert_eq!(text_of(field(&root, "t"), "gain"), "1");
    assert_eq!(text_of(field(&root, "t"), "pan"), "5");
    assert_eq!(text_of(field(&root, "u"), "pan"), "2");
}

#[test]
fn aliases_cannot_unfold_into_gigabytes() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let one = format!("*a{}, ", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", one.repeat(10));
    }
    assert!(read(&text).unwrap_err().contains("anchors and aliases unfold into more than 100000 values"));
}

#[test]
fn nesting_is_limited() {
    let deep = |n: usize| format!("a: {}{}", "[".repeat(n), "]".repeat(n));
    assert!(read(&deep(63)).is_ok());
    assert!(read(&deep(64)).unwrap_err().contains("nested more than 64 deep"));
    assert!(read(&"[".repeat(100_000)).is_err());
    assert!(read(&"- ".repeat(10_000)).is_err());
}

#[test]
fn files_that_are_no_yaml_say_where_and_why() {
    for (text, message) in [
        ("", "a.yaml: the file is empty."),
        ("# only a remark\n", "a.yaml: the file is empty."),
        ("a:\n\tb: 1\n", "a.yaml:2:1: a tab stands in the indentation. Indent with spaces."),
        ("a: 1\n---\nb: 2\n", "a.yaml:2:1: a second document begins here. Write one document a file."),
        ("a: \u{0}b", "a.yaml:1:4: a control character (U+0000) stands here. Remove it."),
        ("a: !mine 5", "a.yaml:1:4: the tag !mine means nothing here. Remove it."),
        ("[a]: 5", "a.yaml:1:1: a field's name is missing or not a text. Write it as name: value."),
        ("a: &x [*x]", "a.yaml:1:8: this alias refers to the value that contains it."),
    ] {
        assert_eq!(read(text).unwrap_err(), message, "for {text:?}");
    }
    let collector = Collector::new();
    assert!(Document::parse("a.yaml", b"name: ok\nx: \xff".to_vec(), &collector).is_none());
    assert_eq!(collector.into_mistakes().to_string(), "a.yaml:2:4: this is not text in UTF-8. Save the file as UTF-8.");
}

#[test]
fn a_missing_file_names_its_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("night.yaml"), "a: 1").unwrap();
    let collector = Collector::new();
    assert!(Document::read(&folder.path().join("nigth.yaml"), &collector).is_none());
    let message = collector.into_mistakes().to_string();
    assert!(message.ends_with("nigth.yaml: there is no such file. Did you mean \"night.yaml\"?"), "{message}");
}
