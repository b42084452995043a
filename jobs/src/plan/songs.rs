//! The tasks of one session for many songs.

use std::collections::BTreeMap;

use presets::document::Entry;

use super::build::Builder;
use super::session::{self, Naming};
use super::tones::find;
use crate::file::songs::{Song, entry, fill, from_maps};
use crate::file::{SongList, SongsWork, session as read_session};

pub(super) fn plan(builder: &mut Builder<'_>, work: &SongsWork) {
    for song in songs(builder, work) {
        let before = builder.collector.len();
        let (node, left_out) = fill(&work.session, &song, &builder.collector);
        if builder.collector.len() > before {
            // What stays in braces would be told again as whatever it is not.
            continue;
        }
        let Some(form) = read_session(&node, &builder.job.folder, &builder.collector) else { continue };
        let mut values = BTreeMap::new();
        for Entry { key, value } in &song.values {
            if let Some(scalar) = value.scalar() {
                values.insert(key.value.clone(), scalar.text.clone());
            }
        }
        let naming = Naming { label: format!("{}, \"{}\"", builder.job.name, song.name), values, left_out };
        session::one(builder, &form, naming);
    }
}

fn songs(builder: &mut Builder<'_>, work: &SongsWork) -> Vec<Song> {
    let files = match &work.songs.list {
        SongList::Maps(maps) => return from_maps(&work.songs, maps, &builder.collector),
        SongList::Files(files) => files,
    };
    let mut songs = Vec::new();
    for pattern in files {
        let root = pattern.value.folder(&builder.job.folder);
        for found in find(builder, &pattern.value, &pattern.place, "song") {
            let mut values = work.songs.values.clone();
            let stem = found.path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            let folder = found.path.parent().and_then(|parent| parent.strip_prefix(&root).ok());
            let folder = folder.map_or_else(String::new, |folder| folder.to_string_lossy().into_owned());
            let file = crate::paths::clean(&found.path).unwrap_or_else(|_| found.path.clone());
            let own = [("song", &stem), ("folder", &folder), ("file", &file.to_string_lossy().into_owned())];
            values.extend(own.map(|(name, value)| entry(name, value, &pattern.place)));
            values.extend(found.captures.iter().map(|(name, value)| entry(name, value, &pattern.place)));
            let name = found.captures.get("song").unwrap_or(&stem).clone();
            songs.push(Song { name, values });
        }
    }
    songs
}
