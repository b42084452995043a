//! Which worker program serves which plugins.
//!
//! Plugins that are built for another C library, or that need another launcher round them, are served by a program of
//! their own: it is named with the folder that they lie in. Whatever lies elsewhere, and built-in devices, get the
//! standard program.

use std::fmt;
use std::path::{Path, PathBuf};

use jobs::message::ToWorker;
use jobs::sandbox::{Confinement, Grants};
use jobs::task::Task;

use crate::command::WorkerCommand;

/// The worker programs of a run, and the plugins that each of them serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// The standard one first, each once.
    commands: Vec<WorkerCommand>,
    /// Folders with the program for what lies below them, as they were named and as they really are.
    folders: Vec<(PathBuf, Class)>,
}

/// One of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(usize);

impl Class {
    /// Whatever needs no other.
    pub const STANDARD: Class = Class(0);
}

/// A task has plugins that different worker programs serve, and one process renders it whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mixed {
    /// Two of its plugins, each with its program.
    pub plugins: [(PathBuf, PathBuf); 2],
}

impl fmt::Display for Mixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(one, first), (other, second)] = &self.plugins;
        write!(
            f,
            "{} is served by the worker {} and {} by {}, but one process renders a task whole. If one of the two can \
             load both, give it for both folders: --worker FOLDER=PATH",
            one.display(),
            first.display(),
            other.display(),
            second.display()
        )
    }
}

impl std::error::Error for Mixed {}

impl From<WorkerCommand> for Programs {
    fn from(standard: WorkerCommand) -> Programs {
        Programs { commands: vec![standard], folders: Vec::new() }
    }
}

impl Programs {
    /// Has a program serve what lies below a folder. Of folders within each other, the inner one counts; of the same folder
    /// named twice, the last.
    pub fn serve(&mut self, folder: &Path, command: WorkerCommand) {
        let known = self.commands.iter().position(|known| *known == command);
        let class = Class(known.unwrap_or_else(|| {
            self.commands.push(command);
            self.commands.len() - 1
        }));
        let real = std::fs::canonicalize(folder).ok().filter(|real| real != folder);
        for folder in std::iter::once(folder.to_owned()).chain(real) {
            self.folders.retain(|(known, _)| *known != folder);
            self.folders.push((folder, class));
        }
    }

    /// How far the standard program's workers are confined; those of others have their own program open beside it.
    pub fn confinement(&self) -> &Confinement {
        &self.command(Class::STANDARD).confinement
    }

    /// Opens more to workers of all programs.
    pub fn grant(&mut self, grants: &Grants) {
        self.commands.iter_mut().for_each(|command| command.confinement.grants.extend(grants));
    }

    /// The program of a class.
    pub fn command(&self, class: Class) -> &WorkerCommand {
        &self.commands[class.0]
    }

    /// The program for a plugin file.
    pub fn of_file(&self, plugin: &Path) -> Class {
        let folders = self.folders.iter().filter(|(folder, _)| plugin.starts_with(folder));
        folders.max_by_key(|(folder, _)| folder.components().count()).map_or(Class::STANDARD, |(_, class)| *class)
    }

    /// The program that a request asks for.
    pub fn of_request(&self, request: &ToWorker) -> Class {
        request.plugin_file().map_or(Class::STANDARD, |plugin| self.of_file(plugin))
    }

    /// The program for a task: that of its first plugin.
    pub fn of_task(&self, task: &Task) -> Class {
        task.render.plugin_files().next().map_or(Class::STANDARD, |plugin| self.of_file(plugin))
    }

    /// Fails where a task's plugins ask for different programs.
    pub fn check(&self, task: &Task) -> Result<(), Mixed> {
        let mut plugins = task.render.plugin_files();
        let Some(first) = plugins.next() else { return Ok(()) };
        match plugins.find(|other| self.of_file(other) != self.of_file(first)) {
            None => Ok(()),
            Some(other) => {
                let named = |file: &Path| (file.to_owned(), self.command(self.of_file(file)).program.clone());
                Err(Mixed { plugins: [named(first), named(other)] })
            }
        }
    }

    /// Whether there is anything to choose from.
    pub fn differ(&self) -> bool {
        self.commands.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs() -> Programs {
        let mut programs = Programs::from(WorkerCommand::new("/standard"));
        programs.serve(Path::new("/plugins/new"), WorkerCommand::new("/new"));
        programs.serve(Path::new("/plugins/new/odd"), WorkerCommand::new("/standard"));
        programs
    }

    fn class(programs: &Programs, file: &str) -> PathBuf {
        programs.command(programs.of_file(Path::new(file))).program.clone()
    }

    #[test]
    fn the_innermost_folder_decides_and_whatever_lies_elsewhere_is_served_by_the_standard_program() {
        let programs = programs();
        assert_eq!(class(&programs, "/plugins/new/A.clap"), Path::new("/new"));
        assert_eq!(class(&programs, "/plugins/new/deep/A.vst3"), Path::new("/new"));
        assert_eq!(class(&programs, "/plugins/new/odd/A.vst3"), Path::new("/standard"));
        assert_eq!(class(&programs, "/plugins/newer/A.clap"), Path::new("/standard"));
        assert_eq!(class(&programs, "/elsewhere/A.clap"), Path::new("/standard"));
    }

    #[test]
    fn a_program_that_is_named_twice_is_one_class() {
        let mut programs = programs();
        programs.serve(Path::new("/more"), WorkerCommand::new("/new"));
        let of = |file: &str| programs.of_file(Path::new(file));
        assert_eq!(of("/more/A.clap"), of("/plugins/new/A.clap"));
        assert_eq!(of("/plugins/new/odd/A.clap"), Class::STANDARD);
        assert!(programs.differ());
        assert!(!Programs::from(WorkerCommand::new("/standard")).differ());
    }

    #[test]
    fn a_folder_counts_under_each_of_its_names() {
        let place = tempfile::tempdir().unwrap();
        let real = std::fs::canonicalize(place.path()).unwrap();
        std::fs::create_dir(real.join("real")).unwrap();
        std::os::unix::fs::symlink(real.join("real"), real.join("name")).unwrap();
        let mut programs = Programs::from(WorkerCommand::new("/standard"));
        programs.serve(&real.join("name"), WorkerCommand::new("/new"));
        assert_eq!(programs.of_file(&real.join("name/A.clap")), programs.of_file(&real.join("real/A.clap")));
        assert_ne!(programs.of_file(&real.join("real/A.clap")), Class::STANDARD);
    }

    fn task(chain: &[&str]) -> Task {
        let links: Vec<_> = chain
            .iter()
            .map(|file| match file.strip_prefix("builtin:") {
                Some(name) => serde_json::json!({ "device": { "format": "builtin", "name": name } }),
                None => serde_json::json!({ "device": { "format": "clap", "plugin": file, "id": "x" } }),
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "number": 0, "label": "l", "key": "k",
            "audio": { "sample_rate": 48000, "block_size": 64 },
            "render": { "tone": { "input": { "file": "/in.wav" }, "tone": "t", "chain": links } },
            "outputs": [], "sources": [],
        }))
        .unwrap()
    }

    #[test]
    fn a_task_goes_where_its_plugins_ask_for_and_must_not_ask_for_two() {
        let programs = programs();
        let new = programs.of_file(Path::new("/plugins/new/A.clap"));
        assert_eq!(programs.of_task(&task(&["builtin:gain"])), Class::STANDARD);
        assert_eq!(programs.of_task(&task(&["builtin:gain", "/plugins/new/A.clap"])), new);
        assert_eq!(programs.check(&task(&["builtin:gain", "/plugins/new/A.clap", "/plugins/new/B.clap"])), Ok(()));
        let mixed = programs.check(&task(&["/plugins/new/A.clap", "builtin:gain", "/old/B.clap"])).unwrap_err();
        assert_eq!(
            mixed.to_string(),
            "/plugins/new/A.clap is served by the worker /new and /old/B.clap by /standard, but one process renders a task \
             whole. If one of the two can load both, give it for both folders: --worker FOLDER=PATH"
        );
    }
}
