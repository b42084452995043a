//! `tonemill submit slurm`: an array job, and a job after it that puts the parts together.
//!
//! The scripts are kept in the plan folder, so that a part can be sent again by hand, and say in comments what they do.

mod script;

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::Args;

use super::{PartsArguments, text};
use crate::{Status, Trouble};
use script::{Script, Time};

#[derive(Debug, Args)]
pub(crate) struct SlurmArguments {
    #[command(flatten)]
    parts: PartsArguments,
    /// Write the scripts and print the array's on standard output, and submit nothing
    #[arg(long)]
    print: bool,
    /// Time limit of each part, as Slurm writes it: MINUTES, H:MM:SS, D-HH [default: an hour, or thrice the estimate]
    #[arg(long, value_name = "TIME", value_parser = Time::parse)]
    time: Option<Time>,
    /// The partition to run in [default: the site's]
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// Another option of sbatch, for both jobs; may stand several times: --sbatch=--account=audio --sbatch=--nice
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    sbatch: Vec<String>,
}

/// `tonemill submit slurm`.
pub(super) fn submit(arguments: &SlurmArguments) -> Result<Status, Trouble> {
    let parts = arguments.parts.parts()?;
    let program = std::env::current_exe().map_err(|error| Trouble::system("cannot tell where tonemill is", error))?;
    let folder = Path::new(&parts.path).join("slurm");
    let logs = folder.join("logs");
    let script = Script {
        name: parts.name(),
        program: text(&program)?.to_owned(),
        plan: parts.path.clone(),
        logs: text(&logs)?.to_owned(),
        parts: parts.count,
        cpus: arguments.parts.cpus,
        memory: arguments.parts.memory,
        time: arguments.time.clone().unwrap_or_else(|| Time::for_part(parts.seconds)),
        partition: arguments.partition.clone(),
        sbatch: arguments.sbatch.clone(),
        options: arguments.parts.run.clone(),
    };
    let (array, merge) = (script.array().map_err(Trouble::input)?, script.merge().map_err(Trouble::input)?);
    let (array_path, merge_path) = (folder.join("render.sbatch"), folder.join("merge.sbatch"));
    // Slurm fails a job whose log's folder is missing, without a word.
    fs::create_dir_all(&logs).map_err(|error| Trouble::system(format!("cannot make {}", logs.display()), error))?;
    for (path, content) in [(&array_path, &array), (&merge_path, &merge)] {
        fs::write(path, content).map_err(|error| Trouble::system(format!("cannot write {}", path.display()), error))?;
    }
    let shown = (script::quoted(text(&array_path)?), script::quoted(text(&merge_path)?));
    if arguments.print {
        crate::print_text(&array)?;
        eprintln!("{}. Not submitted. By hand:", parts.words(arguments.parts.cpus));
        eprintln!("  id=$(sbatch --parsable {}) && sbatch --dependency=\"afterany:${{id%%;*}}\" {}", shown.0, shown.1);
        return Ok(Status::Done);
    }
    let rendering = sbatch(&[], &array_path)?;
    let merging = sbatch(&[&format!("--dependency=afterany:{rendering}")], &merge_path).map_err(|trouble| {
        let words = trouble.words;
        Trouble::input(format!(
            "{words}\nJob {rendering} renders all the same. Once it has ended: tonemill merge {}",
            script::quoted(&parts.path)
        ))
    })?;
    crate::print_text(&format!("render {rendering}\nmerge {merging}\n"))?;
    eprintln!("Job {rendering}: {}. Job {merging} puts them together.", parts.words(arguments.parts.cpus));
    eprintln!("What is done: tonemill status {}", script::quoted(&parts.path));
    eprintln!("Logs: {}", logs.display());
    Ok(Status::Done)
}

/// Submits a script, and gives the job's number.
fn sbatch(options: &[&str], script: &Path) -> Result<String, Trouble> {
    let mut command = Command::new("sbatch");
    command.arg("--parsable").args(options).arg(script).stdin(Stdio::null());
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Trouble::input(format!(
            "there is no sbatch here. Run this where jobs are submitted, or hand {} over there",
            script.display()
        )),
        _ => Trouble::system("cannot start sbatch", error),
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(Trouble::input(format!("sbatch refuses {}: {}", script.display(), said.trim())));
    }
    // What it warns of is for whoever submits.
    eprint!("{said}");
    // With several clusters, the cluster's name follows.
    let answer = String::from_utf8_lossy(&output.stdout);
    let id = answer.trim().split(';').next().unwrap_or_default();
    match id.parse::<u64>() {
        Ok(_) => Ok(id.to_owned()),
        Err(_) => {
            Err(Trouble::input(format!("sbatch took {} and said {answer:?} instead of its number", script.display())))
        }
    }
}
