//! The command `tonemill`.
//!
//! It reads what is asked ([`args`]), plans, hands the plan to the farm and shows what the farm tells. It is the one place
//! that words errors and exits. Plugins are loaded by worker processes only; the hidden subcommand `worker` makes this
//! same program one.

mod apply;
mod args;
mod blame;
mod cache;
mod data_set;
mod estimate;
mod examine;
mod failed;
mod frozen;
mod guard;
mod interrupt;
mod last;
mod manifest;
#[cfg(feature = "object-store")]
mod objects;
#[cfg(not(feature = "object-store"))]
#[path = "objects/none.rs"]
mod objects;
mod package;
mod plugins;
mod preset;
mod probe;
mod render;
mod render_task;
mod retry;
mod sandbox;
mod scan;
mod shards;
mod show;
mod site;
mod status;
mod submit;
mod verdicts;
mod workers;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command, SchemaOf};

/// Why the command ends without having done what was asked.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// What happened, and what to do.
    words: String,
    status: Status,
}

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Everything is done.
    Done,
    /// Bad input; nothing was rendered.
    BadInput,
    /// Finished, but some tasks failed, or the data set could not be made.
    SomeFailed,
    /// Interrupted; the same command goes on.
    Interrupted,
}

impl Status {
    fn code(self) -> u8 {
        match self {
            Status::Done => 0,
            Status::BadInput => 2,
            Status::SomeFailed => 10,
            Status::Interrupted => 75,
        }
    }
}

impl Trouble {
    /// Bad input, in words.
    pub(crate) fn input(words: impl std::fmt::Display) -> Trouble {
        Trouble { words: words.to_string(), status: Status::BadInput }
    }

    /// Mistakes in files, one a line.
    pub(crate) fn mistakes(mistakes: &presets::document::Mistakes) -> Trouble {
        let count = mistakes.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        Trouble::input(format!("{mistakes}\n{count} {noun}; nothing was rendered"))
    }

    /// Interrupted, in words.
    pub(crate) fn interrupted(words: String) -> Trouble {
        Trouble { words, status: Status::Interrupted }
    }

    /// A run that could not begin. For want of room, it is only interrupted.
    pub(crate) fn not_begun(error: farm::FarmError) -> Trouble {
        if error.is_want_of_room() {
            Trouble::interrupted(format!("{error}. Make room, then run the same command again"))
        } else {
            Trouble::input(error)
        }
    }

    /// What the system refused.
    pub(crate) fn system(what: impl std::fmt::Display, error: impl std::fmt::Display) -> Trouble {
        Trouble::input(format!("{what}: {error}"))
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !matches!(arguments.command, Command::Worker | Command::Guard { .. })
        && let Err(error) = interrupt::watch()
    {
        eprintln!("warning: interruptions end this command at once, since they cannot be waited for: {error}");
    }
    let ended = match &arguments.command {
        Command::Worker => return render_worker::run(),
        Command::Guard { mark } => return guard::guard(mark),
        Command::Render(arguments) => render::render(arguments),
        Command::Plan(arguments) => render::plan(arguments),
        Command::Run(arguments) => shards::run(arguments),
        Command::Merge(arguments) => shards::merge(arguments),
        Command::Verify(arguments) => shards::verify(arguments),
        Command::Submit(command) => submit::submit(command),
        Command::Apply(arguments) => apply::apply(arguments),
        Command::Status(arguments) => status::status(arguments),
        Command::Retry(arguments) => retry::retry(arguments),
        Command::RenderTask(arguments) => render_task::render_task(arguments),
        Command::Package(arguments) => package::package(arguments),
        Command::Plugins(command) => plugins::plugins(command),
        Command::Preset(command) => preset::preset(command),
        Command::Schema { what } => print_json(&match what {
            SchemaOf::Job => data_set::job_schema(),
            SchemaOf::Preset => presets::file::schema(),
            SchemaOf::Verdict => jobs::probe::schema(),
        }),
    };
    let status = ended.unwrap_or_else(|trouble| {
        eprintln!("{}", trouble.words);
        trouble.status
    });
    ExitCode::from(status.code())
}

/// Prints a value as JSON for people and programs.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<Status, Trouble> {
    let text = serde_json::to_string_pretty(value).map_err(Trouble::input)?;
    print_text(&(text + "\n"))
}

/// Prints to standard output; a reader that has left, as `head` does, is no error.
pub(crate) fn print_text(text: &str) -> Result<Status, Trouble> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(Status::Done),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Status::Done),
        Err(error) => Err(Trouble::system("cannot write to standard output", error)),
    }
}
