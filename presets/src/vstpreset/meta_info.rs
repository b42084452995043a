//! The XML in which a preset file says what it is.

/// The attribute that holds the plugin's name (`kPlugInName` of the SDK's `vstpresetkeys.h`).
pub(super) const PLUGIN_NAME: &str = "PlugInName";

/// What a preset file says of itself, as XML, for a plugin of this name. Characters that XML cannot hold become U+FFFD.
pub fn meta_info(plugin_name: &str) -> String {
    let attribute = |id: &str, value: &str| {
        let value = escape(value);
        format!("\t<Attribute id=\"{id}\" value=\"{value}\" type=\"string\" flags=\"writeProtected\"/>\n")
    };
    let attributes = attribute("MediaType", "VstPreset") + &attribute(PLUGIN_NAME, plugin_name);
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<MetaInfo>\n{attributes}</MetaInfo>\n")
}

/// The value of the element with this id, if there is one. Hosts differ in how they call the element and what else they
/// say, so only its `id` and `value` count.
pub(super) fn attribute(xml: &str, wanted: &str) -> Option<String> {
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->")?.1;
            continue;
        }
        let (pairs, behind) = element(rest);
        rest = behind;
        let value_of = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| unescape(value));
        if value_of("id").as_deref() == Some(wanted) {
            return value_of("value");
        }
    }
    None
}

/// The name-value pairs of the element whose `<` stands before `text`, and what stands behind it.
fn element(text: &str) -> (Vec<(&str, &str)>, &str) {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['>', '=', '<']) {
        let (before, from) = rest.split_at(at);
        if !from.starts_with('=') {
            // What opens the next element is left for it.
            return (pairs, from.strip_prefix('>').unwrap_or(from));
        }
        let name = before.trim().rsplit(char::is_whitespace).next().unwrap_or_default();
        let value = from[1..].trim_start();
        let quoted = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let Some((value, behind)) = quoted.and_then(|quote| value[1..].split_once(quote)) else {
            rest = value;
            continue;
        };
        pairs.push((name, value));
        rest = behind;
    }
    (pairs, "")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // As they are, a reader would make spaces of them.
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(c))),
            // The other control characters and these two have no place in XML 1.0 at all.
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        let known = rest[at + 1..].split_once(';').and_then(|(name, behind)| Some((entity(name)?, behind)));
        match known {
            Some((c, behind)) => {
                plain.push(c);
                rest = behind;
            }
            None => {
                plain.push('&');
                rest = &rest[at + 1..];
            }
        }
    }
    plain + rest
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let code = name.strip_prefix('#')?;
            let code = match code.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => code.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_survives_the_xml() {
        use proptest::prelude::*;
        proptest!(|(name in "[\\PC\t\n\r&<>\"';#]{0,20}")| {
            let name: String = name.chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).collect();
            prop_assert_eq!(attribute(&meta_info(&name), PLUGIN_NAME), Some(name));
        });
    }

    #[test]
    fn no_text_brings_the_reader_down() {
        use proptest::prelude::*;
        proptest!(|(text in "(<|>|=|\"|'|&|;|#|!--|-->|id|value|PlugInName| |\u{e4}){0,30}")| {
            if let Some(found) = attribute(&text, PLUGIN_NAME) {
                prop_assert!(found.len() <= text.len());
            }
        });
    }

    #[test]
    fn what_other_hosts_write_is_read() {
        for (xml, name) in [
            ("\u{feff}<?xml version='1.0'?><MetaInfo><Attr value = 'A &amp; B' id ='PlugInName'/></MetaInfo>", "A & B"),
            (
                "<!-- <A id=\"PlugInName\" value=\"No\"/> --><A type=\"string\" id=\"PlugInName\" value=\"Yes\" />",
                "Yes",
            ),
            ("<A id=\"PlugInName\"\n\tvalue=\"&#228;&#xE4;&unknown;\"", "\u{e4}\u{e4}&unknown;"),
            ("<A id=\"MediaType\" value=\"PlugInName\"/><A id=\"PlugInName\" value=\"a>b\"/>", "a>b"),
        ] {
            assert_eq!(attribute(xml, PLUGIN_NAME).as_deref(), Some(name), "in {xml}");
        }
        assert_eq!(attribute("<A id=\"Name\" value=\"x\"/>", PLUGIN_NAME), None);
        assert_eq!(meta_info("bell\u{7}").matches("value=\"bell\u{fffd}\"").count(), 1);
    }
}
