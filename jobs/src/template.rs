//! Output paths with placeholders: `out/{tone}/{id}.flac`.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A path with placeholders, checked for its braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    written: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(String),
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace is not closed or not opened. Two of a kind stand for one.
    #[error("a brace stands alone: write {{name}} for a placeholder, {{{{ or }}}} for a brace itself")]
    Brace,
    /// The name of a placeholder is none.
    #[error("{{{0}}} is not a placeholder: its name takes letters, digits and _")]
    Name(String),
}

impl Template {
    /// Reads a template.
    pub fn parse(written: &str) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = written;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
                text.push(c);
                rest = after;
                continue;
            }
            rest = &rest[c.len_utf8()..];
            match c {
                '{' => {
                    let (name, after) = rest.split_once('}').ok_or(TemplateError::Brace)?;
                    if !crate::glob::is_name(name) {
                        return Err(TemplateError::Name(name.to_owned()));
                    }
                    parts.push(Part::Text(std::mem::take(&mut text)));
                    parts.push(Part::Placeholder(name.to_owned()));
                    rest = after;
                }
                '}' => return Err(TemplateError::Brace),
                c => text.push(c),
            }
        }
        parts.push(Part::Text(text));
        Ok(Template { written: written.to_owned(), parts })
    }

    /// As written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The names of its placeholders, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// What stands behind the last point of the last name, where no placeholder does.
    pub fn extension(&self) -> Option<&str> {
        let Some(Part::Text(end)) = self.parts.last() else { return None };
        let name = end.rsplit('/').next()?;
        name.rsplit_once('.').map(|(_, extension)| extension)
    }

    /// The folder in front of the first placeholder.
    pub fn root(&self) -> PathBuf {
        let Some(Part::Text(start)) = self.parts.first() else { return PathBuf::new() };
        match start.rsplit_once('/') {
            Some(("", _)) => "/".into(),
            Some((folder, _)) => folder.into(),
            None => PathBuf::new(),
        }
    }

    /// The text for these values as they are; `None` where a placeholder has no value. For what is read: the names of files
    /// that stand need not be made fit.
    pub fn fill_as_they_are(&self, values: &BTreeMap<String, String>) -> Option<String> {
        let part = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Placeholder(name) => values.get(name).cloned(),
        };
        self.parts.iter().map(part).collect()
    }

    /// The path for these values, each made fit for a file name; that of `{folder}` may lead through several folders, and that
    /// of `{ext}` comes with its point, unless it is empty. `None` where a placeholder has no value.
    pub fn fill(&self, values: &BTreeMap<&str, &str>) -> Option<String> {
        let mut path = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Placeholder(name) if name == "folder" => {
                    let parts = values.get("folder")?.split('/').filter(|part| !part.is_empty()).map(file_name);
                    path.push_str(&parts.collect::<Vec<_>>().join("/"));
                }
                Part::Placeholder(name) if name == "ext" => match *values.get("ext")? {
                    "" => {}
                    extension => path.extend([".", &file_name(extension)]),
                },
                Part::Placeholder(name) => path.push_str(&file_name(values.get(name.as_str())?)),
            }
        }
        Some(path)
    }
}

/// A name as it can stand in a file name on every operating system.
pub fn file_name(name: &str) -> String {
    let fit = |c: char| if c.is_control() || r#"/\:*?"<>|"#.contains(c) { '_' } else { c };
    let name: String = name.chars().map(fit).collect();
    // Windows drops points and blanks at the end; a leading point hides a file, and `..` is a way out of the folder.
    let trimmed = name.trim_matches(|c: char| c == '.' || c == ' ');
    if trimmed.is_empty() { "_".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(template: &str, values: &[(&str, &str)]) -> Option<String> {
        Template::parse(template).unwrap().fill(&values.iter().copied().collect())
    }

    #[test]
    fn placeholders_are_filled_and_doubled_braces_stay() {
        assert_eq!(fill("out/{tone}/{id}.flac", &[("tone", "clean"), ("id", "7")]).unwrap(), "out/clean/7.flac");
        assert_eq!(fill("{{x}}/{id}", &[("id", "7")]).unwrap(), "{x}/7");
        assert_eq!(fill("{missing}", &[]), None);
    }

    #[test]
    fn an_extension_comes_with_its_point() {
        assert_eq!(fill("notes/{id}{ext}", &[("id", "7"), ("ext", "2.txt")]).unwrap(), "notes/7.2.txt");
        assert_eq!(fill("notes/{id}{ext}", &[("id", "7"), ("ext", "")]).unwrap(), "notes/7");
        assert_eq!(fill("notes/{id}{ext}", &[("id", "7"), ("ext", "../x")]).unwrap(), "notes/7._x");
    }

    #[test]
    fn what_is_read_is_filled_as_it_is() {
        let values = BTreeMap::from([("id".to_owned(), "p1/take: 1.".to_owned())]);
        let fill = |template: &str| Template::parse(template).unwrap().fill_as_they_are(&values);
        assert_eq!(fill("midi/{id}.mid").unwrap(), "midi/p1/take: 1..mid");
        assert_eq!(fill("midi/{take}.mid"), None);
    }

    #[test]
    fn no_value_can_leave_the_folder() {
        assert_eq!(fill("out/{id}.wav", &[("id", "../../etc/passwd")]).unwrap(), "out/_.._etc_passwd.wav");
        assert_eq!(fill("out/{id}/x.wav", &[("id", "..")]).unwrap(), "out/_/x.wav");
        assert_eq!(file_name("AC/DC: \"Live\" "), "AC_DC_ _Live_");
    }

    #[test]
    fn folder_and_extension_are_those_in_front_of_and_behind_all_placeholders() {
        let template = |t: &str| Template::parse(t).unwrap();
        assert_eq!(template("out/a/{id}.flac").root(), PathBuf::from("out/a"));
        assert_eq!(template("/{id}.flac").root(), PathBuf::from("/"));
        assert_eq!(template("{id}.flac").root(), PathBuf::new());
        assert_eq!(template("out/{id}.flac").extension(), Some("flac"));
        assert_eq!(template("out.d/{id}").extension(), None);
        assert_eq!(template("out.d/mix").extension(), None);
        assert_eq!(template("{id}.{format}").extension(), None);
    }

    #[test]
    fn stray_braces_are_refused() {
        assert_eq!(Template::parse("a/{id"), Err(TemplateError::Brace));
        assert_eq!(Template::parse("a/id}"), Err(TemplateError::Brace));
        assert_eq!(Template::parse("a/{i d}"), Err(TemplateError::Name("i d".into())));
    }
}
