use proptest::prelude::*;

use super::*;

fn entry() -> impl Strategy<Value = Entry> {
    let notes = proptest::collection::vec(any::<u128>().prop_map(Name), 0..3);
    let place = (any::<u64>(), any::<u32>()).prop_map(|(offset, length)| Place { file: 3, offset, length });
    (any::<(u128, u128, u64, [u8; 8], bool, bool)>(), notes, place).prop_map(
        |((name, key, bytes, content, quarantined, flagged), notes, at)| Entry {
            name: Name(name),
            key: KeyHash(key),
            bytes,
            content,
            quarantined,
            flagged,
            notes: notes.into(),
            at,
        },
    )
}

fn index() -> impl Strategy<Value = Index> {
    let begun = proptest::collection::vec(any::<u128>().prop_map(Name), 0..4);
    (proptest::collection::vec(entry(), 0..5), begun).prop_map(|(entries, begun)| Index { entries, begun })
}

proptest! {
    #[test]
    fn an_index_is_read_as_it_was_written_and_never_when_a_byte_differs(index in index(), at: prop::sample::Index) {
        let folder = tempfile::tempdir().unwrap();
        let (of, path) = (folder.path().join("journal"), folder.path().join("index"));
        fs::write(&of, "lines").unwrap();
        index.write(&path, &of).unwrap();
        prop_assert_eq!(Index::read(&path, &of, 3), Some(index));
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        prop_assert_eq!(Index::read(&path, &of, 3), None);
        fs::write(&path, &bytes[..at]).unwrap();
        prop_assert_eq!(Index::read(&path, &of, 3), None);
    }
}

#[test]
fn an_index_of_a_file_that_has_changed_is_as_good_as_none() {
    let folder = tempfile::tempdir().unwrap();
    let (of, path) = (folder.path().join("journal"), folder.path().join("index"));
    fs::write(&of, "lines").unwrap();
    Index::default().write(&path, &of).unwrap();
    assert_eq!(Index::read(&path, &of, 0), Some(Index::default()));
    fs::write(&of, "more lines").unwrap();
    assert_eq!(Index::read(&path, &of, 0), None);
    fs::remove_file(&of).unwrap();
    assert_eq!(Index::read(&path, &of, 0), None);
}
