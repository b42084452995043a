//! Licences by their texts.
//!
//! The texts of licences name other licences: GPL 3 speaks of the Affero GPL, GPL 2 of the Lesser, the Mozilla licence of
//! both. So a long text is known by its beginning alone, which is its title; of a short one, a notice, every word counts.

/// Characters in which a licence says what it is called.
const TITLE: usize = 200;

/// A text of no more characters is a notice, which names the licence anywhere.
const NOTICE: usize = 1500;

/// The SPDX identifier of a licence's text, short name or notice; `None` where it is none of the common ones, or of no
/// known version.
pub fn recognise(text: &str) -> Option<String> {
    const TAG: &str = "SPDX-License-Identifier:";
    if let Some(tagged) = text.lines().find_map(|line| line.split_once(TAG)) {
        return Some(tagged.1.trim().trim_end_matches("*/").trim().to_owned());
    }
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = flat.to_lowercase();
    if let Some(id) = IDS.iter().find(|id| id.eq_ignore_ascii_case(&flat)) {
        return Some((*id).to_owned());
    }
    // A notice may offer a choice, as this project's own do.
    let choice = ["MIT OR Apache-2.0", "Apache-2.0 OR MIT", "MIT/Apache-2.0"];
    if choice.iter().any(|words| flat.contains(words)) {
        return Some("MIT OR Apache-2.0".to_owned());
    }
    let is_notice = lower.chars().count() <= NOTICE;
    let title: String = lower.chars().take(if is_notice { NOTICE } else { TITLE }).collect();
    creative_commons(&title).or_else(|| gnu(&title, is_notice)).or_else(|| others(&title)).or_else(|| sentences(&lower))
}

/// What is written as its identifier alone.
const IDS: [&str; 27] = [
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unlicense",
    "Zlib",
    "BSL-1.0",
    "CC0-1.0",
    "MPL-1.1",
    "MPL-2.0",
    "GPL-2.0",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
];

/// The first of some words in a text, with what follows it. Letters in front make it another word, as in "implied".
fn after<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    let begins = |at: &usize| !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric());
    let first = |word: &&str| text.match_indices(*word).map(|(at, _)| at).find(begins);
    words.iter().filter_map(first).min().map(|at| &text[at..])
}

/// What follows a licence's name closely enough to belong to it.
fn near(text: &str) -> String {
    text.chars().take(120).collect()
}

/// The first of some versions that follows within a few words, and what stands in front of it. Digits around it make it
/// another number.
fn version(text: &str, known: &[&'static str]) -> Option<(String, &'static str)> {
    let near = near(text);
    let is_number = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let place = |version: &&'static str| {
        let found = near.match_indices(*version).find(|(at, _)| {
            let (before, behind) = (&near[..*at], &near[at + version.len()..]);
            let part_of_more = is_number(behind.strip_prefix('.').and_then(|rest| rest.chars().next()));
            !before.ends_with('.')
                && !is_number(before.chars().next_back())
                && !part_of_more
                && !is_number(behind.chars().next())
        })?;
        Some((found.0, *version))
    };
    known.iter().filter_map(place).min().map(|(at, version)| (near[..at].to_owned(), version))
}

fn creative_commons(text: &str) -> Option<String> {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["cc0", "publicdomain/zero"]) {
        return Some("CC0-1.0".to_owned());
    }
    let named = after(text, &["creative commons", "creativecommons.org", "cc-by", "cc by"])?;
    let attribution = after(text, &["attribution", "cc-by", "cc by", "licenses/by"])?;
    // A licence's own text has its title before the name of who made it.
    let versions = ["4.0", "3.0", "2.5", "2.0", "1.0"];
    // What else stands in a notice, such as "played by Sam", is no part of the name.
    let (name, version) = match version(attribution, &versions) {
        Some(found) => found,
        None => (near(attribution), version(named, &versions)?.1),
    };
    let part =
        |long: &[&str], short: &'static str| if long.iter().any(|word| name.contains(word)) { short } else { "" };
    let commercial = part(&["noncommercial", "non-commercial", "by-nc", "by nc"], "-NC");
    let derivatives = part(&["noderiv", "no derivatives", "-nd", "no-derivatives"], "-ND");
    let alike = part(&["sharealike", "share-alike", "share alike", "by-sa", "-sa-", "nc-sa", "by sa"], "-SA");
    Some(format!("CC-BY{commercial}{derivatives}{alike}-{version}"))
}

/// The licences of the GNU project. A notice says whether later versions will do; a licence's text does not.
fn gnu(text: &str, is_notice: bool) -> Option<String> {
    let families: [(&[&str], &str, &[&'static str]); 4] = [
        (&["gnu affero general public license", "agpl"], "AGPL", &["3.0", "3"]),
        (
            &["gnu lesser general public license", "gnu library general public license", "lgpl"],
            "LGPL",
            &["2.1", "2.0", "2", "3.0", "3"],
        ),
        (&["gnu general public license", "gnu gpl", "gpl"], "GPL", &["2.0", "2", "3.0", "3"]),
        (&["mozilla public license", "mpl"], "MPL", &["2.0", "1.1"]),
    ];
    // Where several are named, as in "GPL, or LGPL", the first is what it stands under.
    let first = families
        .iter()
        .filter_map(|family| Some((after(text, family.0)?, family)))
        .max_by_key(|(rest, family)| (rest.len(), family.0[0].len()))?;
    let (rest, (_, name, versions)) = first;
    let version = match version(rest, versions)?.1 {
        "2" | "2.0" if *name != "MPL" => "2.0",
        "3" => "3.0",
        other => other,
    };
    if *name == "MPL" {
        return Some(format!("MPL-{version}"));
    }
    let later = is_notice && ["any later version", "or later", "or-later"].iter().any(|words| rest.contains(words));
    Some(format!("{name}-{version}-{}", if later { "or-later" } else { "only" }))
}

fn others(text: &str) -> Option<String> {
    let known: [(&[&str], &str); 5] = [
        (&["apache license", "apache-2.0"], "Apache-2.0"),
        (&["mit license"], "MIT"),
        (&["bsd 3-clause", "bsd-3-clause"], "BSD-3-Clause"),
        (&["bsd 2-clause", "bsd-2-clause"], "BSD-2-Clause"),
        (&["isc license"], "ISC"),
    ];
    known.iter().find(|(words, _)| words.iter().any(|word| text.contains(word))).map(|(_, id)| (*id).to_owned())
}

/// Licences that are known by what they say, below any number of copyright lines.
fn sentences(text: &str) -> Option<String> {
    let id = if text.contains("permission is hereby granted, free of charge, to any person obtaining a copy") {
        "MIT"
    } else if text.contains("redistribution and use in source and binary forms") {
        if text.contains("neither the name") { "BSD-3-Clause" } else { "BSD-2-Clause" }
    } else if text.contains("this is free and unencumbered software") {
        "Unlicense"
    } else if text.contains("permission to use, copy, modify, and") && text.contains("fee is hereby granted") {
        // What the first demands, the second leaves away.
        if text.contains("above copyright notice") { "ISC" } else { "0BSD" }
    } else if text.contains("altered source versions must be plainly marked as such") {
        "Zlib"
    } else {
        return None;
    };
    Some(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_licences_are_known_by_their_texts_and_short_names() {
        for (text, id) in [
            ("License: CC0\n\nCC0 1.0 Universal", "CC0-1.0"),
            ("Creative Commons Attribution 4.0 International", "CC-BY-4.0"),
            ("https://creativecommons.org/licenses/by-nc-sa/4.0/", "CC-BY-NC-SA-4.0"),
            ("cc-by-nd-3.0 Creative Commons Attribution-NoDerivs", "CC-BY-ND-3.0"),
            ("                 Apache License\n           Version 2.0", "Apache-2.0"),
            ("Permission is hereby granted, free\nof charge, to any person obtaining a copy of", "MIT"),
            ("Redistribution and use in source and binary forms ... Neither the name of", "BSD-3-Clause"),
            ("Redistribution and use in source and binary forms, with or without", "BSD-2-Clause"),
            (
                "Permission to use, copy, modify, and distribute this software for any\npurpose with or without fee is hereby granted, provided that the above copyright notice",
                "ISC",
            ),
            ("Altered source versions must be plainly marked as such, and must not be", "Zlib"),
            ("No warranty, express or implied. Version 2.0. Apache-2.0", "Apache-2.0"),
            ("# SPDX-License-Identifier: CC-BY-SA-4.0\nGNU General Public License", "CC-BY-SA-4.0"),
            ("GNU GENERAL PUBLIC LICENSE\n Version 3", "GPL-3.0-only"),
            ("It stands under the licences of this project, MIT OR Apache-2.0.", "MIT OR Apache-2.0"),
            ("MIT", "MIT"),
            ("gpl-3.0-or-later", "GPL-3.0-or-later"),
        ] {
            assert_eq!(recognise(text).as_deref(), Some(id), "{text}");
        }
        for text in ["", "All rights reserved", "Permitted for limited use", "GNU General Public License"] {
            assert_eq!(recognise(text), None, "{text}");
        }
    }

    #[test]
    fn a_licence_is_known_by_its_title_and_not_by_those_that_its_text_names() {
        let others =
            "the GNU Affero General Public License, the GNU Lesser General Public License Version 2.1, the GNU \
                      General Public License, Version 2.0, the Apache License, the MIT License, Creative Commons \
                      Attribution 4.0, or any later version. "
                .repeat(9);
        for (title, id) in [
            ("GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007", "GPL-3.0-only"),
            ("GNU GENERAL PUBLIC LICENSE\nVersion 2, June 1991", "GPL-2.0-only"),
            ("GNU LESSER GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007", "LGPL-3.0-only"),
            ("GNU LESSER GENERAL PUBLIC LICENSE\nVersion 2.1, February 1999", "LGPL-2.1-only"),
            ("GNU LIBRARY GENERAL PUBLIC LICENSE\nVersion 2, June 1991", "LGPL-2.0-only"),
            ("GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007", "AGPL-3.0-only"),
            ("Mozilla Public License Version 2.0", "MPL-2.0"),
            ("MOZILLA PUBLIC LICENSE\nVersion 1.1", "MPL-1.1"),
            ("Apache License\nVersion 2.0, January 2004", "Apache-2.0"),
            ("Attribution-ShareAlike 4.0 International\n=====\nCreative Commons Corporation", "CC-BY-SA-4.0"),
        ] {
            let filler = "terms and conditions of use, reproduction and so on ".repeat(4);
            let text = format!("{title}\n\n{filler}{others}");
            assert_eq!(recognise(&text).as_deref(), Some(id), "{title}");
        }
    }

    #[test]
    fn a_notice_tells_whether_later_versions_will_do() {
        let notice = |version: &str| {
            format!(
                "This program is free software; you can redistribute it and/or modify it under the terms of the GNU \
                 General Public License as published by the Free Software Foundation; {version}"
            )
        };
        let of = |version: &str| recognise(&notice(version)).unwrap();
        assert_eq!(of("either version 2 of the License, or (at your option) any later version."), "GPL-2.0-or-later");
        assert_eq!(of("version 3 of the License."), "GPL-3.0-only");
        assert_eq!(recognise("LGPL 2.1 or later").as_deref(), Some("LGPL-2.1-or-later"));
        assert_eq!(recognise("LGPLv3").as_deref(), Some("LGPL-3.0-only"));
        assert_eq!(recognise("GNU GPL version 3.0").as_deref(), Some("GPL-3.0-only"));
    }

    #[test]
    fn creative_commons_licences_keep_their_version_and_none_is_made_up() {
        for version in ["4.0", "3.0", "2.5", "2.0", "1.0"] {
            let of = |text: String| recognise(&text);
            let id = |part: &str| Some(format!("CC-BY{part}-{version}"));
            assert_eq!(of(format!("Creative Commons Attribution {version}")), id(""));
            assert_eq!(of(format!("http://creativecommons.org/licenses/by-sa/{version}/")), id("-SA"));
            assert_eq!(of(format!("Recorder 4.0.1, take 21.0. Licence: CC BY-NC {version}")), id("-NC"));
            assert_eq!(of(format!("Creative Commons Attribution {version}. Played by Sam, by-sales.")), id(""));
        }
        for text in ["CC BY", "Creative Commons Attribution", "CC-BY-7.0", "Creative Commons Attribution 14.0"] {
            assert_eq!(recognise(text), None, "{text}");
        }
    }
}
