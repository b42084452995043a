//! `tonemill verify`: every file that a manifest names, decoded and hashed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use audio::Buffer;
use clap::Args;
use jobs::manifest::{self, FILE_NAME, Record};
use jobs::plan::folder::PlanFolder;

use crate::manifest::Known;
use crate::site::Site;
use crate::{Status, Trouble, render, show, workers};

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// A plan folder, or an output folder: the one with manifest.jsonl
    path: PathBuf,
    /// How many files are looked at at once [default: one a processor]
    #[arg(long, value_name = "N")]
    workers: Option<std::num::NonZeroUsize>,
    /// Print what was found as JSON on standard output
    #[arg(long)]
    json: bool,
}

/// Files whose trouble is told, at most.
const MOST_TOLD: usize = 50;

/// Frames that are decoded at once.
const BLOCK: usize = 65_536;

/// `tonemill verify`.
pub(crate) fn verify(arguments: &VerifyArguments) -> Result<Status, Trouble> {
    let mut missing = 0;
    let folder = if PlanFolder::is_at(&arguments.path) {
        let plan = super::open(&arguments.path)?.whole().map_err(Trouble::input)?;
        missing = render::left(&plan, 0..plan.tasks.len(), &Known::read(&plan, &Site::on_disk(&plan), false)?)?.len();
        plan.header.output_root
    } else {
        arguments.path.clone()
    };
    let path = folder.join(FILE_NAME);
    if !path.is_file() {
        return Err(Trouble::input(format!(
            "there is no manifest {}. Give a plan folder whose parts were merged (tonemill merge), or an output folder",
            path.display()
        )));
    }
    let (seen, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let look = |record: Record| {
        seen.fetch_add(1, Ordering::Relaxed);
        if let Err(problem) = look_at(&record, &folder) {
            wrong.lock().expect("nobody panics with it").push((record.path, problem));
        }
    };
    let threads = workers::count(arguments.workers);
    // Few wait, so that a long manifest is never held.
    let (give, take) = std::sync::mpsc::sync_channel::<Record>(threads);
    let take = Mutex::new(take);
    let torn = std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = take.lock().expect("nobody panics with it").recv();
                    let Ok(record) = next else { return };
                    look(record);
                }
            });
        }
        let torn = manifest::each(&path, |record| give.send(record).expect("it is taken until all is given"));
        drop(give);
        torn
    });
    let torn = torn.map_err(Trouble::input)?;
    let mut wrong = wrong.into_inner().expect("nobody panics with it");
    wrong.sort();
    let seen = seen.into_inner();
    if arguments.json {
        let wrong: Vec<_> =
            wrong.iter().map(|(path, problem)| serde_json::json!({ "path": path, "problem": problem })).collect();
        crate::print_json(
            &serde_json::json!({ "files": seen, "wrong": wrong, "missing_tasks": missing, "torn": torn }),
        )?;
    }
    for (path, problem) in wrong.iter().take(MOST_TOLD) {
        eprintln!("{path}: {problem}");
    }
    if wrong.len() > MOST_TOLD {
        eprintln!("... and {} more", wrong.len() - MOST_TOLD);
    }
    if torn {
        eprintln!("the last line of {} is torn: run the job again, or merge", path.display());
    }
    let whole = seen - wrong.len();
    let mut words = format!("{}: {whole} whole", show::count(seen, "file"));
    if !wrong.is_empty() {
        words += &format!(", {} wrong. Remove these, and run again what made them", wrong.len());
    }
    if missing > 0 {
        words += &format!("; {} of the plan missing", show::count(missing, "task"));
    }
    eprintln!("{words}.");
    Ok(match (wrong.is_empty() && !torn, missing) {
        (false, _) => Status::SomeFailed,
        (true, 0) => Status::Done,
        (true, _) => Status::Interrupted,
    })
}

/// Whether a file is what its record says, to the last byte, and sound to the last frame.
fn look_at(record: &Record, folder: &Path) -> Result<(), String> {
    let standing = record.standing(folder);
    let asked = folder.join(&record.path);
    // Someone who has listened to it may have taken it out of quarantine.
    let path = if record.file.quarantined && !standing.exists() { asked } else { standing };
    let mut hasher = blake3::Hasher::new();
    let file = File::open(&path).map_err(|error| format!("cannot be read: {error}"))?;
    hasher.update_reader(file).map_err(|error| format!("cannot be read: {error}"))?;
    if hasher.finalize().to_hex().as_str() != record.file.blake3 {
        return Err("its content is not what was written".to_owned());
    }
    let (mut stream, rate) = audio::read::open(&path).map_err(|error| error.to_string())?;
    let mut block = Buffer::new(stream.channels(), BLOCK);
    let mut left = stream.frames();
    let (frames, channels) = (left, stream.channels());
    while left > 0 {
        block.resize(left.min(BLOCK as u64) as usize);
        stream.read(&mut block).map_err(|error| error.to_string())?;
        left -= block.frames() as u64;
    }
    let file = &record.file;
    if frames != file.frames || channels != usize::from(file.channels) {
        return Err(format!(
            "it holds {frames} frames in {channels} channels at {} Hz, and its line says {} in {}",
            rate.hz(),
            file.frames,
            file.channels
        ));
    }
    Ok(())
}
