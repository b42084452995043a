//! What somebody may have meant.

use crate::control::plain_name;

/// "; did you mean x? There are: x, y" for a name that is not among `names`.
pub(crate) fn suggestion(name: &str, names: &[&str]) -> String {
    let wanted = plain_name(name);
    let nearest = names.iter().map(|n| (distance(&wanted, &plain_name(n)), n)).min();
    let all = names.join(", ");
    match nearest {
        Some((distance, nearest)) if distance <= wanted.chars().count().max(3) / 2 => {
            format!("; did you mean {nearest:?}? There are: {all}")
        }
        _ => format!("; there are: {all}"),
    }
}

/// How many letters must be put in, left out or changed to come from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_leads_to_the_name_that_was_meant() {
        let text = suggestion("compresor", &["gain", "compressor", "reverb"]);
        assert!(text.starts_with("; did you mean \"compressor\"?"), "{text}");
    }

    #[test]
    fn a_name_like_no_other_gets_the_whole_list_only() {
        assert_eq!(suggestion("xylophone", &["gain", "pan"]), "; there are: gain, pan");
    }
}
