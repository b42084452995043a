//! What is asked of a package.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::split::Shares;

/// How a finished render becomes a data set. As JSON or YAML it is what a job's `output: { package: ... }` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The layout that is written.
    #[serde(rename = "as")]
    pub layout: Layout,
    /// The data set's name for people; the rendered folder's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The share of each split, by its name. Everything is `train` where absent.
    #[serde(default, skip_serializing_if = "Shares::is_single")]
    pub split: Shares,
    /// What tells source groups apart: a field of the items' metadata, or `input`, `folder`, `tone`. Where absent, a
    /// group is one recording, known by its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// Tones that appear only in the split `test`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hold_out: Vec<String>,
    /// The seed of the splits; the render's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Path of each file in the layouts `folders` and `parquet`, without its extension; [`TEMPLATE`] where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The kind of table in the layout `audiofolder`; JSON lines where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataFormat>,
    /// Most bytes of a shard in the layout `webdataset`; 1 GB where absent. A sample that is larger has a shard of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_size: Option<ByteSize>,
    /// Files that the quality gate has flagged are left out, and those whose dry take it has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub without_flagged: bool,
    /// Licences that assets may stand under, as SPDX identifiers; `unknown` for those that state none. Where empty, all
    /// are taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licence_allow: Vec<String>,
    /// Whether the dry sound stands beside each wet one.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub dry: bool,
    /// Files are copied even where they could be linked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub copy: bool,
}

/// Where files of the plain layouts lie unless told otherwise.
pub const TEMPLATE: &str = "{split}/{kind}/{key}";

impl Settings {
    /// The settings of a layout, everything else as it is unless told otherwise.
    pub fn new(layout: Layout) -> Settings {
        Settings {
            layout,
            name: None,
            split: Shares::default(),
            group_by: None,
            hold_out: Vec::new(),
            seed: None,
            template: None,
            metadata: None,
            shard_size: None,
            without_flagged: false,
            licence_allow: Vec::new(),
            dry: true,
            copy: false,
        }
    }

    /// Refuses settings that the layout takes no notice of.
    pub fn check(&self) -> Result<(), UnusedSetting> {
        let settings: [(_, _, &'static [Layout]); 3] = [
            ("template", self.template.is_some(), &[Layout::Folders, Layout::Parquet]),
            ("metadata", self.metadata.is_some(), &[Layout::Audiofolder]),
            ("shard_size", self.shard_size.is_some(), &[Layout::Webdataset]),
        ];
        let unused = settings.into_iter().find(|(_, is_set, used_by)| *is_set && !used_by.contains(&self.layout));
        match unused {
            Some((setting, _, used_by)) => Err(UnusedSetting { setting, layout: self.layout, used_by }),
            None => Ok(()),
        }
    }

    /// The arguments of `tonemill package` that say the same, for OUT into DIR.
    pub fn command(&self) -> String {
        let mut words =
            vec!["tonemill package OUT --as".to_owned(), self.layout.word().to_owned(), "--to DIR".to_owned()];
        let mut add = |option: &str, value: String| words.push(format!("{option} {}", quoted(&value)));
        if let Some(name) = &self.name {
            add("--name", name.clone());
        }
        if !self.split.is_single() {
            add("--split", self.split.to_string());
        }
        if let Some(field) = &self.group_by {
            add("--group-by", field.clone());
        }
        self.hold_out.iter().for_each(|tone| add("--hold-out", tone.clone()));
        if let Some(seed) = self.seed {
            add("--seed", seed.to_string());
        }
        if let Some(template) = &self.template {
            add("--template", template.clone());
        }
        if let Some(metadata) = self.metadata {
            add("--metadata", metadata.word().to_owned());
        }
        if let Some(size) = self.shard_size {
            add("--shard-size", size.0.to_string());
        }
        if !self.licence_allow.is_empty() {
            add("--licence-allow", self.licence_allow.join(","));
        }
        if self.without_flagged {
            words.push("--without-flagged".to_owned());
        }
        if !self.dry {
            words.push("--no-dry".to_owned());
        }
        // Whether files were linked or copied is not part of what was made.
        words.join(" ")
    }
}

/// A setting that a layout takes no notice of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the layout {} takes no {} (--{}): only {}. Leave it out, or choose another layout",
    .layout.word(), .setting, .setting.replace('_', "-"), do_take(.used_by)
)]
pub struct UnusedSetting {
    /// The setting.
    pub setting: &'static str,
    /// The layout that is asked for.
    pub layout: Layout,
    /// Those that use it.
    pub used_by: &'static [Layout],
}

fn do_take(layouts: &[Layout]) -> String {
    let words: Vec<&str> = layouts.iter().map(|layout| layout.word()).collect();
    let verb = if words.len() == 1 { "does" } else { "do" };
    format!("{} {verb}", words.join(" and "))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,=/:+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How a data set lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Hugging Face's AudioFolder: a folder for each split with a table of its files.
    Audiofolder,
    /// WebDataset: tar files of samples.
    Webdataset,
    /// Plain folders and one Parquet table of all files.
    Parquet,
    /// Plain folders and one JSON line for each pair.
    Folders,
    /// As EGDB: a folder for each tone.
    Egdb,
    /// As Slakh2100: a folder for each song, with its mix and stems.
    Slakh,
    /// As MusiConGen's training data: a folder for each clip, and AudioCraft's `data.jsonl`.
    Musicongen,
    /// As ToneTwist AFx: a folder for each device, with inputs and targets.
    Tonetwist,
}

impl Layout {
    /// All of them.
    pub const ALL: [Layout; 8] = [
        Layout::Audiofolder,
        Layout::Webdataset,
        Layout::Parquet,
        Layout::Folders,
        Layout::Egdb,
        Layout::Slakh,
        Layout::Musicongen,
        Layout::Tonetwist,
    ];

    /// Its word in commands and files.
    pub fn word(self) -> &'static str {
        match self {
            Layout::Audiofolder => "audiofolder",
            Layout::Webdataset => "webdataset",
            Layout::Parquet => "parquet",
            Layout::Folders => "folders",
            Layout::Egdb => "egdb",
            Layout::Slakh => "slakh",
            Layout::Musicongen => "musicongen",
            Layout::Tonetwist => "tonetwist",
        }
    }
}

/// The kind of a metadata table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetadataFormat {
    /// A JSON object on each line.
    #[default]
    Jsonl,
    /// Comma-separated values with a head line.
    Csv,
    /// Parquet, which says of which type each column is.
    Parquet,
}

impl MetadataFormat {
    /// All of them.
    pub const ALL: [MetadataFormat; 3] = [MetadataFormat::Jsonl, MetadataFormat::Csv, MetadataFormat::Parquet];

    /// Its word in commands and files, which is its file extension too.
    pub fn word(self) -> &'static str {
        match self {
            MetadataFormat::Jsonl => "jsonl",
            MetadataFormat::Csv => "csv",
            MetadataFormat::Parquet => "parquet",
        }
    }
}

/// A number of bytes, written as a number or with a unit: `1 GB`, `500 MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written", into = "u64")]
#[schemars(with = "Written")]
pub struct ByteSize(pub u64);

impl Default for ByteSize {
    fn default() -> ByteSize {
        ByteSize(1_000_000_000)
    }
}

/// How a file writes a number of bytes.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    Bytes(u64),
    Text(String),
}

/// Why a text is no number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no size: write a whole number of B, kB, MB, GB, KiB, MiB or GiB, 1 B at least, such as 1GB")]
pub struct SizeError(String);

impl TryFrom<Written> for ByteSize {
    type Error = SizeError;

    fn try_from(written: Written) -> Result<ByteSize, SizeError> {
        match written {
            Written::Bytes(0) => Err(SizeError("0".to_owned())),
            Written::Bytes(bytes) => Ok(ByteSize(bytes)),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<ByteSize> for u64 {
    fn from(size: ByteSize) -> u64 {
        size.0
    }
}

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<ByteSize, SizeError> {
        let error = || SizeError(text.to_owned());
        let digits = text.trim().trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
        let unit = text.trim()[digits.len()..].trim();
        let factor: u64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            _ => return Err(error()),
        };
        let number: u64 = digits.parse().map_err(|_| error())?;
        number.checked_mul(factor).filter(|bytes| *bytes > 0).map(ByteSize).ok_or_else(error)
    }
}

/// Names with numbers, as `--split` and files write them.
pub(crate) type Named = BTreeMap<String, f64>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in [("1GB", 1_000_000_000), ("500 MiB", 500 << 20), ("7", 7), (" 2 kb ", 2000)] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "GB", "0", "1.5GB", "-1", "1TBX", "99999999999999999999", "20000000000 GB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn settings_survive_a_file_and_unknown_fields_do_not() {
        let text = r#"{ "as": "webdataset", "split": { "train": 0.9, "test": 0.1 }, "shard_size": "2 MB" }"#;
        let settings: Settings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.shard_size, Some(ByteSize(2_000_000)));
        assert!(settings.dry && !settings.copy);
        let again: Settings = serde_json::from_str(&serde_json::to_string(&settings).unwrap()).unwrap();
        assert_eq!(again, settings);
        for wrong in [
            r#"{ "as": "webdataset", "shards": 3 }"#,
            r#"{ "as": "zip" }"#,
            r#"{ "as": "folders", "split": { "train": 0.9 } }"#,
            r#"{ "as": "folders", "shard_size": 0 }"#,
        ] {
            assert!(serde_json::from_str::<Settings>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_repeats_what_was_asked_and_nothing_else() {
        assert_eq!(Settings::new(Layout::Egdb).command(), "tonemill package OUT --as egdb --to DIR");
        let mut settings = Settings::new(Layout::Webdataset);
        settings.split = "train=0.9,test=0.1".parse().unwrap();
        settings.hold_out = vec!["Bob's amp".to_owned()];
        settings.shard_size = Some(ByteSize(5));
        settings.without_flagged = true;
        settings.dry = false;
        let command = settings.command();
        let tail = r"--split test=0.1,train=0.9 --hold-out 'Bob'\''s amp' --shard-size 5 --without-flagged --no-dry";
        assert_eq!(command, format!("tonemill package OUT --as webdataset --to DIR {tail}"));
    }

    #[test]
    fn a_setting_of_another_layout_is_refused_with_those_that_take_it() {
        let with = |layout| Settings {
            template: Some(TEMPLATE.to_owned()),
            metadata: Some(MetadataFormat::default()),
            shard_size: Some(ByteSize::default()),
            ..Settings::new(layout)
        };
        for layout in Layout::ALL {
            let all = with(layout);
            let template = Settings { metadata: None, shard_size: None, ..all.clone() };
            let metadata = Settings { template: None, shard_size: None, ..all.clone() };
            let size = Settings { template: None, metadata: None, ..all.clone() };
            assert_eq!(template.check().is_ok(), [Layout::Folders, Layout::Parquet].contains(&layout), "{layout:?}");
            assert_eq!(metadata.check().is_ok(), layout == Layout::Audiofolder, "{layout:?}");
            assert_eq!(size.check().is_ok(), layout == Layout::Webdataset, "{layout:?}");
            assert!(Settings::new(layout).check().is_ok());
        }
        let words = |layout| with(layout).check().unwrap_err().to_string();
        assert_eq!(
            words(Layout::Egdb),
            "the layout egdb takes no template (--template): only folders and parquet do. Leave it out, or choose another layout"
        );
        assert!(words(Layout::Folders).contains("takes no metadata (--metadata): only audiofolder does."));
    }

    #[test]
    fn every_layout_has_the_word_that_files_use() {
        for layout in Layout::ALL {
            assert_eq!(serde_json::to_value(layout).unwrap(), layout.word());
        }
        for format in MetadataFormat::ALL {
            assert_eq!(serde_json::to_value(format).unwrap(), format.word());
        }
    }
}
