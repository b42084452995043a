//! Plugin formats, and the file that a plugin is in.

use serde::{Deserialize, Serialize};

use crate::DeviceSpec;

/// A standard by which plugins and hosts meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginFormat {
    /// CLAP, the CLever Audio Plug-in.
    Clap,
    /// Steinberg's VST 3.
    Vst3,
    /// LV2. A plugin file is a bundle, and an id a URI.
    Lv2,
}

/// Where a plugin is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PluginFile {
    /// As written: a path, a file name to look for in the plugin folders, or a plugin's id or name. In a plan, an
    /// absolute path.
    pub plugin: String,
    /// Which plugin of the file, by id or name; may be left out where the file holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl PluginFormat {
    /// Every format, in the order that lists show them.
    pub const ALL: [PluginFormat; 3] = [PluginFormat::Clap, PluginFormat::Vst3, PluginFormat::Lv2];

    /// The word in front of a plugin in files and specifications: `clap`.
    pub const fn word(self) -> &'static str {
        match self {
            PluginFormat::Clap => "clap",
            PluginFormat::Vst3 => "vst3",
            PluginFormat::Lv2 => "lv2",
        }
    }

    /// The format that a word stands for.
    pub fn from_word(word: &str) -> Option<PluginFormat> {
        PluginFormat::ALL.into_iter().find(|format| format.word() == word)
    }

    /// The format as sentences name it.
    pub const fn name(self) -> &'static str {
        match self {
            PluginFormat::Clap => "CLAP",
            PluginFormat::Vst3 => "VST3",
            PluginFormat::Lv2 => "LV2",
        }
    }

    /// What the names of plugin files end in, behind the point.
    pub const fn extension(self) -> &'static str {
        match self {
            PluginFormat::Clap => "clap",
            PluginFormat::Vst3 => "vst3",
            PluginFormat::Lv2 => "lv2",
        }
    }

    /// The environment variable that lists plugin folders.
    pub const fn variable(self) -> &'static str {
        match self {
            PluginFormat::Clap => "CLAP_PATH",
            PluginFormat::Vst3 => "VST3_PATH",
            PluginFormat::Lv2 => "LV2_PATH",
        }
    }

    /// Whether a text may be the id of a plugin of this format: for CLAP words with points between them, as in
    /// `com.zamaudio.ZamTube`; for VST3 a class id, 32 hexadecimal digits; for LV2 a URI.
    pub fn is_like_id(self, text: &str) -> bool {
        match self {
            PluginFormat::Clap => {
                let parts: Vec<&str> = text.split('.').collect();
                let word = |p: &&str| !p.is_empty() && p.chars().all(|c| c.is_alphanumeric() || "-_:+".contains(c));
                let is_file = parts.last().is_some_and(|last| last.eq_ignore_ascii_case(self.extension()));
                parts.len() >= 2 && parts.iter().all(word) && !is_file
            }
            PluginFormat::Vst3 => text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()),
            PluginFormat::Lv2 => text.split_once(':').is_some_and(|(scheme, rest)| {
                // A scheme of one letter is a drive of Windows.
                let letters = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.len() > 1;
                let word = scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
                let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"{}|^`\\".contains(c);
                letters && word && !rest.is_empty() && rest.chars().all(plain)
            }),
        }
    }

    /// Whether a text is the URI of a plugin, which no file can be called.
    pub fn is_uri(self, text: &str) -> bool {
        self == PluginFormat::Lv2 && self.is_like_id(text)
    }

    /// Whether two ids mean one plugin. The digits of a VST3 class id are the same in either case.
    pub fn is_same_id(self, one: &str, other: &str) -> bool {
        match self {
            PluginFormat::Clap | PluginFormat::Lv2 => one == other,
            PluginFormat::Vst3 => one.eq_ignore_ascii_case(other),
        }
    }

    /// The device that a plugin of this format is.
    pub fn device(self, file: PluginFile) -> DeviceSpec {
        match self {
            PluginFormat::Clap => DeviceSpec::Clap(file),
            PluginFormat::Vst3 => DeviceSpec::Vst3(file),
            PluginFormat::Lv2 => DeviceSpec::Lv2(file),
        }
    }
}

/// A device by its kind, so that what holds for every plugin format is said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind<'a> {
    /// One of the devices that come with the product, by name.
    Builtin(&'a str),
    /// A plugin.
    Plugin(PluginFormat, &'a PluginFile),
}

impl DeviceSpec {
    /// What kind of device it is.
    pub fn kind(&self) -> DeviceKind<'_> {
        match self {
            DeviceSpec::Builtin { name } => DeviceKind::Builtin(name),
            DeviceSpec::Clap(file) => DeviceKind::Plugin(PluginFormat::Clap, file),
            DeviceSpec::Vst3(file) => DeviceKind::Plugin(PluginFormat::Vst3, file),
            DeviceSpec::Lv2(file) => DeviceKind::Plugin(PluginFormat::Lv2, file),
        }
    }

    /// What it is called before it is loaded and can say so itself.
    pub fn label(&self) -> String {
        match self.kind() {
            DeviceKind::Builtin(name) => name.to_owned(),
            DeviceKind::Plugin(_, PluginFile { plugin, id: Some(id) }) => format!("{id} ({plugin})"),
            DeviceKind::Plugin(_, PluginFile { plugin, id: None }) => plugin.clone(),
        }
    }

    /// The plugin that it is, to be changed; `None` of a built-in.
    pub fn plugin_mut(&mut self) -> Option<(PluginFormat, &mut PluginFile)> {
        match self {
            DeviceSpec::Builtin { .. } => None,
            DeviceSpec::Clap(file) => Some((PluginFormat::Clap, file)),
            DeviceSpec::Vst3(file) => Some((PluginFormat::Vst3, file)),
            DeviceSpec::Lv2(file) => Some((PluginFormat::Lv2, file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_keeps_one_form_as_data_whatever_its_format() {
        for format in PluginFormat::ALL {
            let device = format.device(PluginFile { plugin: "/a/b".into(), id: Some("x".into()) });
            let json = format!(r#"{{"format":"{}","plugin":"/a/b","id":"x"}}"#, format.word());
            assert_eq!(serde_json::to_string(&device).unwrap(), json);
            assert_eq!(serde_json::from_str::<DeviceSpec>(&json).unwrap(), device);
            let bare = format.device(PluginFile { plugin: "c".into(), id: None });
            let json = format!(r#"{{"format":"{}","plugin":"c"}}"#, format.word());
            assert_eq!(serde_json::to_string(&bare).unwrap(), json);
            assert_eq!(serde_json::from_str::<DeviceSpec>(&json).unwrap(), bare);
        }
    }

    #[test]
    fn a_format_is_known_by_its_word_and_by_the_devices_of_it() {
        for format in PluginFormat::ALL {
            assert_eq!(PluginFormat::from_word(format.word()), Some(format));
            let mut file = PluginFile { plugin: "a".into(), id: None };
            let mut device = format.device(file.clone());
            assert_eq!(device.kind(), DeviceKind::Plugin(format, &file));
            assert_eq!(device.plugin_mut(), Some((format, &mut file)));
        }
        assert_eq!(PluginFormat::from_word("au"), None);
        let mut gain = DeviceSpec::Builtin { name: "gain".into() };
        assert_eq!(gain.kind(), DeviceKind::Builtin("gain"));
        assert_eq!(gain.plugin_mut(), None);
    }

    #[test]
    fn an_id_is_told_from_a_name_as_each_format_has_it() {
        let class = "5653544D4441706D6461207069616E6F";
        for (format, text, id) in [
            (PluginFormat::Clap, "com.zamaudio.ZamTube", true),
            (PluginFormat::Clap, "ZamTube", false),
            (PluginFormat::Clap, "ZamTube.clap", false),
            (PluginFormat::Clap, "com..x", false),
            (PluginFormat::Clap, class, false),
            (PluginFormat::Vst3, class, true),
            (PluginFormat::Vst3, &class.to_lowercase(), true),
            (PluginFormat::Vst3, &class[1..], false),
            (PluginFormat::Vst3, &class.replace('F', "G"), false),
            (PluginFormat::Vst3, "com.zamaudio.ZamTube", false),
            (PluginFormat::Lv2, "http://guitarix.sourceforge.net/plugins/gx_amp#GUITARIX", true),
            (PluginFormat::Lv2, "urn:zamaudio:ZamTube", true),
            (PluginFormat::Lv2, "ZamTube.lv2", false),
            (PluginFormat::Lv2, "folder/ZamTube.lv2", false),
            (PluginFormat::Lv2, "urn:", false),
            (PluginFormat::Lv2, "http://a b", false),
            (PluginFormat::Lv2, "C:\\Plugins\\x.lv2", false),
            (PluginFormat::Lv2, "C:/Plugins/x.lv2", false),
        ] {
            assert_eq!(format.is_like_id(text), id, "{} {text}", format.word());
        }
        assert!(PluginFormat::Vst3.is_same_id(class, &class.to_lowercase()));
        assert!(!PluginFormat::Clap.is_same_id("com.A", "com.a"));
    }
}
