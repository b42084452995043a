//! What a bundle says about itself in `moduleinfo.json`, where it says more than its factory does: which old classes
//! its own take the place of.
//!
//! The SDK writes the file with trailing commas and allows comments. A file that cannot be read says nothing: no plugin
//! fails to load for it.

use std::path::Path;

use serde_json::Value;

/// Class ids of old, each with that of the class that takes its place.
pub(super) fn replaced(bundle: &Path) -> Vec<(String, String)> {
    // Where the file lies changed with version 3.7.8 of the SDK.
    let places = ["Contents/Resources/moduleinfo.json", "Contents/moduleinfo.json"];
    let text = places.iter().find_map(|place| std::fs::read_to_string(bundle.join(place)).ok());
    text.map_or_else(Vec::new, |text| read(&text))
}

fn read(text: &str) -> Vec<(String, String)> {
    let Ok(info) = serde_json::from_str::<Value>(&plain(text)) else { return Vec::new() };
    let id = |value: &Value| value.as_str().map(|id| id.replace('-', "").to_ascii_uppercase());
    let mut found = Vec::new();
    for entry in info["Compatibility"].as_array().into_iter().flatten() {
        let Some(new) = id(&entry["New"]) else { continue };
        let old = entry["Old"].as_array().into_iter().flatten().filter_map(id);
        found.extend(old.map(|old| (old, new.clone())));
    }
    found
}

/// The text as plain JSON: without comments, and without commas in front of a closing bracket.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.char_indices().peekable();
    let mut in_string = false;
    while let Some((at, c)) = rest.next() {
        let behind = &text[at + c.len_utf8()..];
        match c {
            '\\' if in_string => {
                plain.push(c);
                plain.extend(rest.next().map(|(_, escaped)| escaped));
                continue;
            }
            '"' => in_string = !in_string,
            '/' if !in_string && behind.starts_with('/') => {
                while rest.next_if(|(_, c)| *c != '\n').is_some() {}
                continue;
            }
            '/' if !in_string && behind.starts_with('*') => {
                let end = behind.find("*/").map_or(text.len(), |end| at + 1 + end + 2);
                while rest.next_if(|(at, _)| *at < end).is_some() {}
                continue;
            }
            ',' if !in_string && closes(behind) => continue,
            _ => {}
        }
        plain.push(c);
    }
    plain
}

/// Whether the next thing is a closing bracket.
fn closes(behind: &str) -> bool {
    let mut behind = behind.trim_start();
    loop {
        let comment = match behind.get(..2) {
            Some("//") => behind.find('\n').map(|end| end + 1),
            Some("/*") => behind.find("*/").map(|end| end + 2),
            _ => return behind.starts_with([']', '}']),
        };
        let Some(end) = comment else { return false };
        behind = behind[end..].trim_start();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_stands_in_the_file_is_read_or_left(
            any in ".{0,100}",
            near in r#"(\{|\}|\[|\]|,|:|"|/\*|\*/|//|\\|\n|é|a| |"Compatibility"|"New"|"Old"){0,40}"#,
        ) {
            for text in [any, near] {
                // What is dropped is comments and commas only, and plain JSON stays as it is.
                prop_assert!(plain(&text).len() <= text.len());
                prop_assert!(read(&text).iter().all(|(old, new)| !old.contains('-') && !new.contains('-')));
                if serde_json::from_str::<Value>(&text).is_ok() {
                    prop_assert_eq!(plain(&text), text);
                }
            }
        }
    }

    #[test]
    fn trailing_commas_and_comments_are_no_obstacle() {
        let text = r#"{
            "Name": "a,] // \" no comment",
            /* the classes, */
            "Compatibility": [
                { "New": "0123-4567", "Old": ["aa", "BB",], }, // ]
            ],
        }"#;
        let pair = |old: &str| (old.to_owned(), "01234567".to_owned());
        assert_eq!(read(text), [pair("AA"), pair("BB")]);
    }

    #[test]
    fn a_file_that_cannot_be_read_says_nothing() {
        let whole = r#"{ "Compatibility": [ { "New": "1", "Old": ["2", 3, null, "4"] }, 5, { "Old": [] }, ] /* é */ }"#;
        assert_eq!(read(whole).len(), 2);
        for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
            // No panic, and nothing made up.
            assert!(read(&whole[..cut]).is_empty(), "cut after {cut}");
        }
        assert!(read("[1,2]").is_empty());
        assert!(read("{\"Compatibility\": {\"New\": 1}}").is_empty());
    }
}
