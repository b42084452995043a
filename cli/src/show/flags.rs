//! How many of the rendered files are flagged, and for what.

use std::collections::BTreeMap;

use jobs::manifest::{Flag, RenderedFile};
use serde::Serialize;

use super::count;

/// Counts flagged files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Flagged {
    /// Files with a flag.
    files: usize,
    /// Those of them that lie in the quarantine folder.
    quarantined: usize,
    /// Files by what they are flagged for.
    by: BTreeMap<&'static str, usize>,
}

impl Flagged {
    pub(crate) fn add(&mut self, file: &RenderedFile) {
        self.files += usize::from(!file.flags.is_empty());
        self.quarantined += usize::from(file.quarantined);
        for flag in &file.flags {
            *self.by.entry(name(flag)).or_default() += 1;
        }
    }

    /// Says it in a line, if there is anything to say.
    pub(crate) fn words(&self) -> Option<String> {
        let Flagged { files, quarantined, by } = self;
        if *files == 0 && *quarantined == 0 {
            return None;
        }
        let by: Vec<String> = by.iter().map(|(name, files)| format!("{files} {}", name.replace('_', " "))).collect();
        let apart = match quarantined {
            0 => String::new(),
            one => format!(", and {} in quarantine", count(*one, "file")),
        };
        let (files, are) = (count(*files, "file"), if *files == 1 { "is" } else { "are" });
        Some(format!("{files} {are} flagged ({}){apart}; the manifest says why.", by.join(", ")))
    }
}

/// The word of a flag, as the manifest has it.
fn name(flag: &Flag) -> &'static str {
    match flag {
        Flag::NotFinite { .. } => "not_finite",
        Flag::Silent { .. } => "silent",
        Flag::Clipped { .. } => "clipped",
        Flag::Offset { .. } => "offset",
        Flag::Stuck { .. } => "stuck",
        Flag::TooShort { .. } => "too_short",
        Flag::WrongLength { .. } => "wrong_length",
        Flag::LikeDry { .. } => "like_dry",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_flags_is_one_file_and_counts_for_both() {
        let (silent, short) =
            (Flag::Silent { peak_dbfs: None, limit_dbfs: -90.0 }, Flag::TooShort { seconds: 0.1, limit_seconds: 1.0 });
        let mut flagged = Flagged::default();
        flagged.add(&RenderedFile::default());
        assert_eq!(flagged.words(), None);
        flagged.add(&RenderedFile { flags: vec![silent, short], quarantined: true, ..RenderedFile::default() });
        flagged.add(&RenderedFile { flags: vec![silent], ..RenderedFile::default() });
        let words = "2 files are flagged (2 silent, 1 too short), and 1 file in quarantine; the manifest says why.";
        assert_eq!(flagged.words().as_deref(), Some(words));
        for flag in [silent, short] {
            assert_eq!(serde_json::to_value(flag).unwrap()["flag"], name(&flag));
        }
    }
}
