//! How this command confines workers, and what it says of it.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use farm::{Client, Programs};
use jobs::plan::Header;
use jobs::sandbox::{Confinement, Grants, Level, Wanted, is_too_wide, let_read, let_write, plugin_folders};
use presets::url::is_url;

use crate::args::ProcessArguments;
use crate::objects::Objects;
use crate::site::Site;
use crate::workers::{self, WorkFolder};
use crate::{Trouble, show};

/// How much confinement can be asked for, by the words of the command line.
pub(crate) fn levels() -> impl TypedValueParser<Value = Wanted> {
    let words = [
        ("auto", Wanted::Auto, "As far as the system can, with a warning where that is not all"),
        ("strict", Wanted::Strict, "In full, or nothing is begun"),
        ("off", Wanted::Off, "Not at all"),
    ];
    let values = words.map(|(word, _, help)| PossibleValue::new(word).help(help));
    let wanted = move |word: String| words.iter().find(|(known, ..)| *known == word).map(|(_, wanted, _)| *wanted);
    PossibleValuesParser::new(values).map(move |word| wanted(word).expect("it is one of these words"))
}

/// How workers of this program are confined: open are the program's own folder and the plugin folders.
pub(crate) fn confinement(wanted: Wanted, program: &Path) -> Confinement {
    if wanted == Wanted::Off {
        return Confinement::off();
    }
    // It takes a walk through all of them, and does for each worker program.
    static FOLDERS: OnceLock<Grants> = OnceLock::new();
    let mut grants = FOLDERS.get_or_init(plugin_folders).clone();
    let_read(&mut grants, program);
    Confinement { wanted, grants }
}

/// Opens to workers what the tasks of a plan need, and the folder that they write to.
pub(crate) fn open_plan(programs: &mut Programs, header: &Header) {
    if programs.confinement().wanted == Wanted::Off {
        return;
    }
    let mut grants = header.sandbox.clone();
    if is_url(&header.output_root) {
        programs.grant(&grants);
        return;
    }
    let_write(&mut grants, &header.output_root);
    programs.grant(&grants);
    warn_of_output(programs.confinement().wanted, &header.output_root);
}

/// Opens to workers the folders where they find files of object stores, and where they leave what goes there.
pub(crate) fn open_carried(programs: &mut Programs, objects: &Objects, site: &Site) -> Result<(), Trouble> {
    if programs.confinement().wanted == Wanted::Off {
        return Ok(());
    }
    let mut grants = Grants::default();
    if let Some(folder) = objects.content() {
        let_read(&mut grants, &folder);
    }
    if site.shelf().is_some() {
        let folder = site.staging();
        // Only what is there can be opened.
        std::fs::create_dir_all(&folder).map_err(|error| Trouble::system(folder.display(), error))?;
        let_write(&mut grants, &folder);
    }
    programs.grant(&grants);
    Ok(())
}

/// Warns where the folder that is written to is one that should not be open.
pub(crate) fn warn_of_output(wanted: Wanted, folder: &Path) {
    if wanted != Wanted::Off && is_too_wide(folder) {
        let folder = folder.display();
        eprintln!(
            "warning: output goes to {folder}, so plugins can read and write all that is in it. Write to a folder of its own"
        );
    }
}

/// How far workers are confined, as one that was asked said; `None` where none could be started.
static ASKED: OnceLock<Option<Level>> = OnceLock::new();

/// Asks a worker how far it is confined, once.
pub(crate) fn ask(arguments: &ProcessArguments) {
    if arguments.sandbox == Wanted::Off {
        return;
    }
    ASKED.get_or_init(|| {
        // One that has to be confined in full would leave without a word of the level.
        let lenient = ProcessArguments { sandbox: Wanted::Auto, ..arguments.clone() };
        let folder = WorkFolder::new();
        let command = workers::command(&lenient).ok()?;
        Client::new(command, workers::limits(&lenient), folder.path().to_owned()).ok()?.level().ok()
    });
}

/// Looks how far workers are confined: warns, once, where that is not in full, and fails where it has to be. Where no worker
/// can be started, whoever needs one tells why.
pub(crate) fn look(arguments: &ProcessArguments) -> Result<(), Trouble> {
    static WARNED: AtomicBool = AtomicBool::new(false);
    ask(arguments);
    match ASKED.get().and_then(Option::as_ref) {
        Some(level @ Level::Partial { .. }) if arguments.sandbox == Wanted::Strict => Err(Trouble::input(format!(
            "--sandbox strict: workers cannot be confined in full here ({level}). Run it on a system that has Landlock \
             (Linux 6.12 or newer) and seccomp, or with --sandbox auto"
        ))),
        Some(level @ Level::Partial { .. }) if !WARNED.swap(true, Ordering::Relaxed) => {
            eprintln!(
                "warning: plugins are not confined in full here ({level}); --sandbox strict refuses to run them so"
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What the report of a run says of how its workers were confined; nothing where they were in full.
#[derive(Default)]
pub(crate) struct Confined {
    /// Every level that a task was rendered at, once.
    levels: Vec<(Level, usize)>,
}

impl Confined {
    /// A task was rendered.
    pub(crate) fn add(&mut self, level: Option<&Level>) {
        let Some(level) = level else { return };
        match self.levels.iter_mut().find(|(known, _)| known == level) {
            Some((_, count)) => *count += 1,
            None => self.levels.push((level.clone(), 1)),
        }
    }

    /// One line.
    pub(crate) fn words(&self) -> Option<String> {
        let less: Vec<_> = self.levels.iter().filter(|(level, _)| *level != Level::Full).collect();
        let one = |(level, count): &&(Level, usize)| format!("{level} ({})", show::count(*count, "task"));
        (!less.is_empty()).then(|| format!("Sandbox: {}.", less.iter().map(one).collect::<Vec<_>>().join("; ")))
    }
}
