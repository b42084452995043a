//! A bundle: a directory whose `manifest.ttl` says which plugins are in it and which files say more.

use std::path::{Path, PathBuf};

use super::names::*;
use super::plugin::{self, Description};
use super::turtle::{Graph, Node, path_of};

/// What a bundle's files say, as far as they have been read.
pub(super) struct Bundle {
    path: PathBuf,
    pub(super) graph: Graph,
}

impl Bundle {
    /// Reads the manifest alone.
    pub(super) fn open(path: &Path) -> Result<Bundle, String> {
        let path = std::path::absolute(path).map_err(|e| format!("its path cannot be made absolute: {e}"))?;
        let manifest = path.join("manifest.ttl");
        if !manifest.is_file() {
            return Err("it is no LV2 bundle: there is no manifest.ttl in it".into());
        }
        let mut graph = Graph::default();
        graph.read(&manifest)?;
        Ok(Bundle { path, graph })
    }

    /// Its directory, absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The URIs of its plugins. Manifests may also describe presets and interfaces of plugins elsewhere.
    pub(super) fn plugins(&self) -> Vec<String> {
        let mut uris: Vec<String> = self.graph.of_type(PLUGIN).into_iter().map(str::to_owned).collect();
        uris.retain(|uri| self.graph.one(&Node::Iri(uri.clone()), BINARY).is_some());
        uris
    }

    /// Reads what else there is about a subject of the manifest.
    pub(super) fn read_about(&mut self, subject: &str) -> Result<(), String> {
        let node = Node::Iri(subject.to_owned());
        let files: Vec<PathBuf> = self.graph.all(&node, SEE_ALSO).filter_map(Node::file).collect();
        for file in files {
            // Distributions leave out files for one editor or another; what is missed is told where it is needed.
            if file.is_file() {
                self.graph.read(&file)?;
            }
        }
        Ok(())
    }

    /// Everything about one of its plugins.
    pub(super) fn describe(&mut self, uri: &str) -> Result<Description, String> {
        self.read_about(uri)?;
        plugin::describe(&self.graph, uri)
    }

    /// The shared object of one of its plugins.
    pub(super) fn binary(&self, uri: &str) -> Result<PathBuf, String> {
        let node = self.graph.one(&Node::Iri(uri.to_owned()), BINARY);
        let iri = node.and_then(Node::iri).ok_or("its manifest names no binary")?;
        let path = path_of(iri).ok_or_else(|| format!("its binary {iri} is no file"))?;
        if !path.is_file() {
            return Err(format!("its binary {} is missing. Install the plugin again", path.display()));
        }
        Ok(path)
    }
}
