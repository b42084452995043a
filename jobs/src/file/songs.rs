//! One session for many songs: what stands in braces in the session is filled song by song.
//!
//! A song is a map of values. They come from the names of files that a pattern finds, or from a list, in the job or in
//! a file of its own. `{name}` in any text of the session becomes the value; a text that is nothing else takes the value
//! whole, be it a number, a text, a list or a map, with the place where that was written. Points lead into maps:
//! `{vox.gain}`. Two braces stand for one.

use std::path::Path;

use presets::document::{
    Collector, Document, Entry, Fields, Kind, Located, Node, Place, Scalar, did_you_mean, similar,
};

use crate::glob::Glob;

/// Many songs, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct SongsForm {
    /// Where they come from.
    pub list: SongList,
    /// Values of all songs.
    pub values: Vec<Entry>,
}

/// Where songs come from.
#[derive(Clone, Debug, PartialEq)]
pub enum SongList {
    /// Each file that a pattern finds is one.
    Files(Vec<Located<Glob>>),
    /// Each map is one.
    Maps(Vec<Node>),
}

/// One song.
#[derive(Clone, Debug, PartialEq)]
pub struct Song {
    /// Its name.
    pub name: String,
    /// Its values; later ones hide earlier ones of the same name.
    pub values: Vec<Entry>,
}

/// Reads `songs`.
pub(super) fn decode(node: &Node, folder: &Path, collector: &Collector) -> Option<SongsForm> {
    match &node.kind {
        Kind::Map(_) => {
            let fields = Fields::of("songs", node, collector)?;
            let (files, list) = (fields.get("files"), fields.get("list"));
            let values = fields.get("values").map_or_else(Vec::new, |n| values(n, folder, collector));
            fields.finish();
            let list = match (files, list) {
                (Some(node), None) => self::files(node, collector),
                (None, Some(node)) => self::list(node, folder, collector),
                _ => {
                    let help = "Write songs: { files: \"midi/**/{song}.mid\" }, or songs: { list: songs.json }.";
                    collector.mistake_with(&node.place, "songs takes either files or a list", help);
                    return None;
                }
            };
            Some(SongsForm { list: list?, values })
        }
        Kind::Scalar(scalar) if is_list_file(&scalar.text) => {
            Some(SongsForm { list: list(node, folder, collector)?, values: Vec::new() })
        }
        Kind::List(items) if items.iter().any(|item| item.map().is_some()) => {
            Some(SongsForm { list: list(node, folder, collector)?, values: Vec::new() })
        }
        _ => Some(SongsForm { list: files(node, collector)?, values: Vec::new() }),
    }
}

fn is_list_file(text: &str) -> bool {
    [".json", ".yaml", ".yml"].iter().any(|extension| text.to_ascii_lowercase().ends_with(extension))
}

fn files(node: &Node, collector: &Collector) -> Option<SongList> {
    let globs = super::tones::globs("songs", node, collector);
    if globs.is_empty() {
        collector.mistake_with(&node.place, "songs names no files", "Write songs: \"midi/**/{song}.mid\".");
        return None;
    }
    Some(SongList::Files(globs))
}

fn list(node: &Node, folder: &Path, collector: &Collector) -> Option<SongList> {
    let read = match &node.kind {
        Kind::Scalar(scalar) => document(&scalar.text, node, folder, collector)?,
        _ => node.clone(),
    };
    let Kind::List(items) = read.kind else {
        let help = "It takes a list of maps: [{ name: first, vox: vox.wav }].";
        collector.mistake_with(&read.place, "this is no list of songs", help);
        return None;
    };
    if items.is_empty() {
        collector.mistake_with(&read.place, "the list has no song", "Write at least one.");
    }
    Some(SongList::Maps(items))
}

/// A map of values, in the job or in a file of its own.
fn values(node: &Node, folder: &Path, collector: &Collector) -> Vec<Entry> {
    let read = match &node.kind {
        Kind::Scalar(scalar) => document(&scalar.text, node, folder, collector),
        _ => Some(node.clone()),
    };
    match read.map(|node| (node.kind, node.place)) {
        Some((Kind::Map(entries), _)) => entries,
        Some((_, place)) => {
            collector.mistake_with(&place, "values is no map", "Write values: { vox: { gain: -3 } }, or name a file.");
            Vec::new()
        }
        None => Vec::new(),
    }
}

fn document(name: &str, node: &Node, folder: &Path, collector: &Collector) -> Option<Node> {
    let path = folder.join(name);
    if !path.is_file() {
        let message = format!("there is no file {}", path.display());
        collector.mistake_with(&node.place, message, "Paths start at this file's folder.");
        return None;
    }
    Document::read(&path, collector).map(|document| document.root)
}

/// The songs of a list.
pub(crate) fn from_maps(form: &SongsForm, maps: &[Node], collector: &Collector) -> Vec<Song> {
    let song = |(index, node): (usize, &Node)| {
        let Some(entries) = node.map() else {
            let message = format!("a song is {}", node.shown());
            collector.mistake_with(&node.place, message, "Write a map: { name: first, vox: vox.wav }.");
            return None;
        };
        let named = entries.iter().find(|e| e.key.value == "name").and_then(|e| e.value.scalar());
        let name = named.map_or_else(|| format!("{:03}", index + 1), |scalar| scalar.text.clone());
        let mut values = form.values.clone();
        values.extend(entries.iter().cloned());
        values.push(entry("song", &name, &node.place));
        Some(Song { name, values })
    };
    maps.iter().enumerate().filter_map(song).collect()
}

/// A value that is a text.
pub(crate) fn entry(name: &str, value: &str, place: &Place) -> Entry {
    let scalar = Scalar { text: value.to_owned(), plain: true };
    Entry {
        key: Located::new(name.to_owned(), place.clone()),
        value: Node { place: place.clone(), kind: Kind::Scalar(scalar) },
    }
}

/// A song's value by its path. `None` where it has no such value.
pub(crate) fn value<'s>(song: &'s Song, path: &str) -> Option<&'s Node> {
    let mut parts = path.split('.');
    let first = parts.next()?;
    let mut node = &song.values.iter().rev().find(|e| e.key.value == first)?.value;
    for part in parts {
        node = &node.map()?.iter().find(|e| e.key.value == part)?.value;
    }
    Some(node)
}

/// The session of one song. Tracks that are `optional` and need a value that the song does not have are left out; their
/// names are given beside it.
pub(crate) fn fill(template: &Node, song: &Song, collector: &Collector) -> (Node, Vec<String>) {
    let mut filled = template.clone();
    let mut left_out = Vec::new();
    if let Kind::Map(fields) = &mut filled.kind
        && let Some(Entry { value: Node { kind: Kind::Map(tracks), .. }, .. }) =
            fields.iter_mut().find(|e| e.key.value == "tracks")
    {
        tracks.retain(|track| {
            let keep = !is_optional(&track.value) || whole(&track.value, song);
            if !keep {
                left_out.push(track.key.value.clone());
            }
            keep
        });
    }
    replace(&mut filled, song, collector);
    (filled, left_out)
}

fn is_optional(track: &Node) -> bool {
    let field = track.map().and_then(|fields| fields.iter().find(|e| e.key.value == "optional"));
    field.and_then(|e| e.value.scalar()).and_then(Scalar::boolean) == Some(true)
}

/// Whether the song has every value that a node needs.
fn whole(node: &Node, song: &Song) -> bool {
    match &node.kind {
        Kind::Scalar(scalar) => pieces(&scalar.text).is_none_or(|pieces| {
            pieces.iter().all(|piece| match piece {
                Piece::Value(path) => value(song, path).is_some_and(|n| !matches!(n.kind, Kind::Null { .. })),
                Piece::Text(_) => true,
            })
        }),
        Kind::List(items) => items.iter().all(|item| whole(item, song)),
        Kind::Map(entries) => entries.iter().all(|entry| whole(&entry.value, song)),
        Kind::Null { .. } => true,
    }
}

fn replace(node: &mut Node, song: &Song, collector: &Collector) {
    match &mut node.kind {
        Kind::Null { .. } => {}
        Kind::List(items) => items.iter_mut().for_each(|item| replace(item, song, collector)),
        Kind::Map(entries) => entries.iter_mut().for_each(|entry| replace(&mut entry.value, song, collector)),
        Kind::Scalar(scalar) => {
            let Some(pieces) = pieces(&scalar.text) else {
                let message = format!("a brace stands alone in \"{}\"", scalar.text);
                collector.mistake_with(&node.place, message, "Write {name} for a value, {{ or }} for a brace itself.");
                return;
            };
            if let [Piece::Value(path)] = pieces.as_slice() {
                match value(song, path) {
                    Some(found) => *node = found.clone(),
                    None => unknown(path, &node.place, song, collector),
                }
                return;
            }
            let mut text = String::new();
            for piece in &pieces {
                match piece {
                    Piece::Text(part) => text.push_str(part),
                    Piece::Value(path) => match value(song, path).and_then(Node::scalar) {
                        Some(part) => text.push_str(&part.text),
                        None => return unknown(path, &node.place, song, collector),
                    },
                }
            }
            scalar.text = text;
        }
    }
}

fn unknown(path: &str, place: &Place, song: &Song, collector: &Collector) {
    let names: Vec<&str> = song.values.iter().map(|e| e.key.value.as_str()).collect();
    let close = similar(path, names.iter().copied(), 2);
    let help = match close.as_slice() {
        [] => format!("It has {}.", names.join(", ")),
        close => did_you_mean(close),
    };
    collector.mistake_with(place, format!("song {} has no value {{{path}}}", song.name), help);
}

enum Piece<'t> {
    Text(String),
    Value(&'t str),
}

/// Takes a text apart; `None` where a brace stands alone.
fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            plain.push_str(&rest[..1]);
            rest = &rest[2..];
            continue;
        }
        let (path, after) = rest.strip_prefix('{')?.split_once('}')?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Value(path));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Some(pieces)
}
