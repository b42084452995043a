//! What can be asked of the command.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use dataset::split::Shares;
use dataset::{ByteSize, Layout, MetadataFormat};
use jobs::sandbox::Wanted;
use presets::ChannelPolicy;
use presets::spec::POLICIES;

use crate::shards::{MergeArguments, RunArguments, VerifyArguments};

/// Headless audio plugin host and render farm.
#[derive(Debug, Parser)]
#[command(name = "tonemill", version, about, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

// Not doc comments: rustdoc would take the brackets for links.
const SPEC_HELP: &str = "clap:PATH_ID_OR_NAME[#ID][@Param=value,...], vst3: and lv2: likewise, nam:FILE[@...], rnn:FILE[@...], or builtin:NAME[@...]";
const DEVICE_HELP: &str = "A device of the chain, in order: clap:PATH_ID_OR_NAME[#ID][@Param=value,...], vst3: and lv2: likewise, nam:FILE[@...], rnn:FILE[@...], or builtin:NAME[@...]";

/// The word of the built-in devices among the formats.
pub(crate) const BUILTIN: &str = "builtin";

/// The plugin formats.
fn plugin_formats() -> clap::builder::PossibleValuesParser {
    presets::PluginFormat::ALL.map(presets::PluginFormat::word).into()
}

/// The formats that can be listed.
fn formats() -> clap::builder::PossibleValuesParser {
    std::iter::once(BUILTIN)
        .chain(presets::PluginFormat::ALL.map(presets::PluginFormat::word))
        .collect::<Vec<_>>()
        .into()
}

/// The channel policies by the words that files use.
fn channel_policies() -> impl TypedValueParser<Value = ChannelPolicy> {
    let words = POLICIES.iter().map(|(word, policy)| {
        let help = match policy {
            ChannelPolicy::Error => "Stop with an error",
            ChannelPolicy::Duplicate => "A mono signal feeds both sides",
            ChannelPolicy::DualMono => "One instance a channel",
            ChannelPolicy::Downmix => "The mean of the channels",
        };
        PossibleValue::new(word).help(help)
    });
    let policy = |word: String| POLICIES.iter().find(|(known, _)| *known == word).map(|(_, policy)| *policy);
    PossibleValuesParser::new(words).map(move |word| policy(word).expect("it is one of these words"))
}

const EXIT_CODES: &str = "\
Exit status:
   0  everything is done
  10  finished, but some tasks failed or use a quarantined plugin, or the data set could not be made
  75  interrupted; run the same command again to go on
   2  bad input; nothing was rendered";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Render a job: every file that is missing or changed
    Render(RenderArguments),
    /// Check a job and print its frozen plan as JSON lines, without rendering
    Plan(PlanArguments),
    /// Render a part of a plan folder, beside others that render theirs
    Run(RunArguments),
    /// Write the manifest of what all parts of a plan folder have rendered
    Merge(MergeArguments),
    /// Decode and hash every file that a plan or an output folder says it has
    Verify(VerifyArguments),
    /// Hand a job to a cluster, to be rendered in parts on several machines
    #[command(subcommand)]
    Submit(crate::submit::SubmitCommand),
    /// Run one recording through devices or a tone preset
    Apply(ApplyArguments),
    /// Show what is done of a plan folder or stands in an output folder, what failed, which plugins are quarantined
    Status(StatusArguments),
    /// Lift what is held against plugins, so that tasks with them are rendered again
    Retry(RetryArguments),
    /// Render one task of a plan alone, beside the output folder, to look into a failure
    RenderTask(RenderTaskArguments),
    /// Make a data set of what a job has rendered: splits, licences, a card, in a layout that other tools read
    Package(PackageArguments),
    /// Find out what plugins and built-in devices there are and what they offer
    #[command(subcommand)]
    Plugins(PluginsCommand),
    /// Keep a device's settings as a tone preset, and look into preset files
    #[command(subcommand)]
    Preset(PresetCommand),
    /// Print the JSON Schema of job files, presets or verdicts
    Schema {
        /// Which kind of file
        what: SchemaOf,
    },
    /// Serve as a worker process (started by the farm)
    #[command(hide = true)]
    Worker,
    /// End what a command's workers have started once it has ended (started by the command)
    #[command(hide = true)]
    Guard {
        /// What its workers have in their environment
        mark: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RenderArguments {
    /// The job file, YAML or JSON, or a plan (.jsonl)
    pub(crate) job: PathBuf,
    /// Write below this folder instead of the current one
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How many worker processes render at once [default: one a processor]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<std::num::NonZeroUsize>,
    /// Print events as JSON lines on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Refuse devices that were not probed, or that probing has not shown to be deterministic
    #[arg(long)]
    pub(crate) strict: bool,
    /// Keep journal, logs and lock of outputs in an object store in this folder [default: one of their name in .tonemill]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cache: CacheArguments,
    #[command(flatten)]
    pub(crate) failures: FailureArguments,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
}

/// When failures are the machine's fault.
#[derive(Clone, Debug, Args)]
pub(crate) struct FailureArguments {
    /// Stop, to be run again, when so many attempts in a row have failed on three or more devices: the machine is at fault
    /// then. 0 never stops
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) max_failures_in_a_row: u32,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// A plan folder, or a job's output folder
    pub(crate) out: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArguments {
    /// A plan folder, or a job's output folder
    pub(crate) out: PathBuf,
    /// Only of this plugin, by name, id, file or the first 8 digits or more of its hash
    #[arg(long, value_name = "NAME_OR_HASH")]
    pub(crate) plugin: Option<String>,
    /// Only with this preset: a tone's name, or a track's or bus's
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RenderTaskArguments {
    /// A plan (.jsonl) and the number of one of its tasks
    #[arg(value_name = "PLAN#N")]
    pub(crate) task: String,
    /// Render in this very process rather than in a worker, so that a debugger sees it
    #[arg(long)]
    pub(crate) in_process: bool,
    /// Write to this file, or below this folder [default: a folder beside the output folder, named after it and the task]
    #[arg(long, value_name = "FILE/DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cache: CacheArguments,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
}

/// How much of object stores is kept on this machine.
#[derive(Clone, Debug, Args)]
pub(crate) struct CacheArguments {
    /// Most bytes of files from object stores that are kept on this machine
    #[arg(long, value_name = "SIZE", default_value = "10GB")]
    pub(crate) cache_size: ByteSize,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// The job file, YAML or JSON
    pub(crate) job: PathBuf,
    /// Plan for output below this folder instead of the current one
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write the plan to this file (.jsonl), or as a folder, instead of standard output
    #[arg(short, long, value_name = "FILE|DIR")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cache: CacheArguments,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// The recording: WAV, FLAC, MP3 or OGG
    pub(crate) input: PathBuf,
    /// The file to write: .wav or .flac; one that stands already is replaced
    pub(crate) output: PathBuf,
    #[arg(long = "device", help = DEVICE_HELP, value_name = "SPEC", required_unless_present = "tone", conflicts_with = "tone")]
    pub(crate) devices: Vec<String>,
    /// A tone preset file
    #[arg(long, value_name = "PRESET")]
    pub(crate) tone: Option<PathBuf>,
    /// How long the output is: match, tail, or seconds such as "10 s"
    #[arg(long, default_value = "match")]
    pub(crate) length: String,
    /// Bits of a sample: 16, 24 or 32f
    #[arg(long, default_value = "24")]
    pub(crate) bits: String,
    /// What happens where a device's channels differ from the signal's
    #[arg(long, value_parser = channel_policies(), default_value = "error")]
    pub(crate) channels: ChannelPolicy,
    /// Refuse devices that were not probed, or that probing has not shown to be deterministic
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PackageArguments {
    /// A job's output folder, the one with manifest.jsonl
    pub(crate) out: PathBuf,
    /// The layout to write
    #[arg(long = "as", value_name = "LAYOUT", value_parser = layouts())]
    pub(crate) layout: Layout,
    /// The folder to write; it must not be there yet, or be empty
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// The data set's name for people [default: that of the output folder]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The share of each split: train=0.8,valid=0.1,test=0.1 [default: everything is train]
    #[arg(long, value_name = "SHARES")]
    pub(crate) split: Option<Shares>,
    /// What tells source groups apart: a fact of the job's metadata, input, folder or tone [default: what the job says, else the recording's content]
    #[arg(long, value_name = "FIELD")]
    pub(crate) group_by: Option<String>,
    /// A tone that appears only in the split test; may stand several times
    #[arg(long, value_name = "TONE")]
    pub(crate) hold_out: Vec<String>,
    /// The seed of the splits [default: the job's]
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,
    #[arg(long, help = format!("Where files lie in the layouts folders and parquet, without extension [default: {}]", dataset::TEMPLATE), value_name = "TEMPLATE")]
    pub(crate) template: Option<String>,
    /// The kind of table in the layout audiofolder [default: jsonl]
    #[arg(long, value_name = "KIND", value_parser = metadata_formats())]
    pub(crate) metadata: Option<MetadataFormat>,
    /// Most bytes of a shard in the layout webdataset [default: 1GB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) shard_size: Option<ByteSize>,
    /// Take only assets under these licences, as SPDX identifiers; unknown stands for those that state none
    #[arg(long, value_name = "LICENCE,...", value_delimiter = ',')]
    pub(crate) licence_allow: Vec<String>,
    /// Leave out files that the quality gate has flagged
    #[arg(long)]
    pub(crate) without_flagged: bool,
    /// Leave out the dry sounds
    #[arg(long)]
    pub(crate) no_dry: bool,
    /// Copy files even where they could be linked
    #[arg(long)]
    pub(crate) copy: bool,
    /// Print what was made as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// The layouts of data sets by the words that commands and files use.
fn layouts() -> impl TypedValueParser<Value = Layout> {
    let layout = |word: String| Layout::ALL.into_iter().find(|layout| layout.word() == word);
    PossibleValuesParser::new(Layout::ALL.map(Layout::word))
        .map(move |word| layout(word).expect("it is one of these words"))
}

/// The kinds of metadata tables likewise.
fn metadata_formats() -> impl TypedValueParser<Value = MetadataFormat> {
    let format = |word: String| MetadataFormat::ALL.into_iter().find(|format| format.word() == word);
    PossibleValuesParser::new(MetadataFormat::ALL.map(MetadataFormat::word))
        .map(move |word| format(word).expect("it is one of these words"))
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// Find all plugins in the plugin folders, and list what is new or changed
    Scan {
        /// Scan for one format only
        #[arg(long, value_parser = plugin_formats())]
        format: Option<String>,
        /// List every file anew, whatever is known of it
        #[arg(long)]
        again: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        scan: ScanArguments,
        #[command(flatten)]
        process: ProcessArguments,
    },
    /// List the built-in devices and the plugins in the plugin folders
    List(ListArguments),
    /// Measure what devices are worth relying on, and keep the verdicts
    Probe(ProbeArguments),
    /// Show a device's parameters, ranges, texts and ports
    Show {
        #[arg(help = SPEC_HELP)]
        spec: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        process: ProcessArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// List only what has all of these words in its name, vendor, id or file name
    pub(crate) words: Vec<String>,
    /// List one format only
    #[arg(long, value_parser = formats())]
    pub(crate) format: Option<String>,
    /// List instruments only
    #[arg(long, conflicts_with = "effect")]
    pub(crate) instrument: bool,
    /// List effects only
    #[arg(long)]
    pub(crate) effect: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) scan: ScanArguments,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ProbeArguments {
    #[arg(help = SPEC_HELP, value_name = "SPEC", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) specs: Vec<String>,
    /// Probe the built-in devices and every plugin in the plugin folders
    #[arg(long)]
    pub(crate) all: bool,
    /// Measure again what has a verdict already
    #[arg(long)]
    pub(crate) again: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// How many devices are measured at once [default: one a processor]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<std::num::NonZeroUsize>,
    /// Frames a second to measure at
    #[arg(long, value_name = "HZ", default_value_t = 48_000, value_parser = clap::value_parser!(u32).range(8_000..=384_000))]
    pub(crate) sample_rate: u32,
    /// Frames in a block to measure with
    #[arg(long, value_name = "FRAMES", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) block_size: u32,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PresetCommand {
    /// Keep a device as it is with all its settings: a tone preset with its parameters, and its state beside it
    Capture(CaptureArguments),
    /// Show the devices of a tone preset as they are with everything applied, or what a preset file of plugins holds
    Show {
        /// A tone preset, a .vstpreset, or of LV2 a .ttl file, a bundle or a state
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        process: ProcessArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CaptureArguments {
    #[arg(help = SPEC_HELP)]
    pub(crate) spec: String,
    /// The tone preset to write: .yaml
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Write the device's state to this file [default: beside the preset, under its name]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// The preset's name for people [default: that of its file]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Replace files that stand already
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Job files
    Job,
    /// Tone presets
    Preset,
    /// What `plugins probe` finds out
    Verdict,
}

/// Most time for listing one plugin file, in seconds, unless told otherwise.
const SCAN_TIMEOUT: f64 = 30.0;

/// How plugin files are listed.
#[derive(Clone, Debug, Args)]
pub(crate) struct ScanArguments {
    /// How many plugin files are listed at once [default: one a processor]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<std::num::NonZeroUsize>,
    /// Give up on a plugin file that has not been listed after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = SCAN_TIMEOUT, value_parser = seconds)]
    pub(crate) scan_timeout: f64,
}

impl Default for ScanArguments {
    fn default() -> ScanArguments {
        ScanArguments { workers: None, scan_timeout: SCAN_TIMEOUT }
    }
}

/// How worker processes are run.
#[derive(Clone, Debug, Args)]
pub(crate) struct ProcessArguments {
    /// Start this program as the worker instead of tonemill itself, such as one that is built for another libc; with
    /// FOLDER=, for the plugins below that folder. May stand several times
    #[arg(long, value_name = "[FOLDER=]PATH")]
    pub(crate) worker: Vec<String>,
    /// End a worker whose blocks have not advanced for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    pub(crate) stall_timeout: f64,
    /// End a worker that has been loading one device for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = seconds)]
    pub(crate) load_timeout: f64,
    /// End a worker that has been at one task for this many seconds, however well it advances [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) task_timeout: Option<f64>,
    /// End a worker that holds more memory than this [default: nine tenths of what the machine or its control group has]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<ByteSize>,
    /// Replace a worker by a fresh one after this many tasks
    #[arg(long, value_name = "N", default_value_t = RECYCLE)]
    pub(crate) recycle: NonZeroU32,
    /// Replace a worker by a fresh one when it holds this much more memory between tasks than after its first
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    pub(crate) recycle_growth: ByteSize,
    /// Make every device anew for every task. Otherwise a worker uses those again that a probe has found to sound like fresh ones
    /// when they are reset (`tonemill plugins probe`)
    #[arg(long)]
    pub(crate) fresh: bool,
    /// How far workers are confined: which files plugins can open, and what they can do to the system
    #[arg(long, value_name = "LEVEL", value_parser = crate::sandbox::levels(), default_value = "auto")]
    pub(crate) sandbox: Wanted,
}

/// Tasks that a worker renders before it is replaced, unless told otherwise.
const RECYCLE: NonZeroU32 = NonZeroU32::new(1000).expect("it is not 0");

pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=1e6).contains(&seconds) => Ok(seconds),
        _ => Err("give seconds between 0.1 and 1000000".to_owned()),
    }
}
