//! "Did you mean": names that come close.

/// The names among `candidates` that come close to `written`, the closest first, at most `most` of them. Case, blanks,
/// `_` and `-` do not count.
pub fn similar<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>, most: usize) -> Vec<&'c str> {
    let written = plain(written);
    let length = written.chars().count();
    let allowed = (length / 3).max(1);
    let mut found: Vec<(usize, &str)> = Vec::new();
    for candidate in candidates {
        let name = plain(candidate);
        let distance = match strsim::damerau_levenshtein(&written, &name) {
            near if near <= allowed => near,
            // "Dragonfly" for "Dragonfly Hall Reverb": far by letters, near by meaning.
            _ if length >= 3 && name.contains(&written) => allowed + 1,
            _ => continue,
        };
        if !found.iter().any(|(_, c)| *c == candidate) {
            found.push((distance, candidate));
        }
    }
    found.sort();
    found.into_iter().take(most).map(|(_, candidate)| candidate).collect()
}

/// The one name that comes closest, if any comes close.
pub fn closest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    similar(written, candidates, 1).into_iter().next()
}

/// A sentence that asks whether one of these was meant; empty where there are none.
pub fn did_you_mean<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("\"{}\"", n.as_ref())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => format!("Did you mean {one}?"),
        [first @ .., last] => format!("Did you mean {} or {last}?", first.join(", ")),
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_a_stranger_is_not() {
        let fields = ["gain", "pan", "sends", "sample_rate"];
        assert_eq!(closest("gian", fields), Some("gain"));
        assert_eq!(closest("Sample-Rate", fields), Some("sample_rate"));
        assert_eq!(closest("reverb", fields), None);
        assert_eq!(closest("", fields), None);
    }

    #[test]
    fn part_of_a_long_name_finds_it() {
        let names = ["Dragonfly Hall Reverb", "ZamTube"];
        assert_eq!(similar("dragonfly", names, 3), ["Dragonfly Hall Reverb"]);
    }

    #[test]
    fn several_names_are_joined_into_one_question() {
        assert_eq!(did_you_mean(&["a", "b", "c"]), "Did you mean \"a\", \"b\" or \"c\"?");
        assert_eq!(did_you_mean::<&str>(&[]), "");
    }
}
