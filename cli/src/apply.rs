//! One recording through a chain, to try it.

use std::path::Path;

use jobs::file::JobFile;
use jobs::message::{FromWorker, ToWorker};
use jobs::plan::Options;
use presets::document::{Collector, Document, Mistake, Mistakes};
use presets::{ChannelPolicy, DeviceSetup, Value, spec};

use crate::args::ApplyArguments;
use crate::examine::InWorker;
use crate::sandbox::{self, Confined};
use crate::verdicts::Verdicts;
use crate::workers::{self, Asking};
use crate::{Status, Trouble};

/// `tonemill apply`: the same way as a job, with one task and one worker.
pub(crate) fn apply(arguments: &ApplyArguments) -> Result<Status, Trouble> {
    let chain: Vec<DeviceSetup> = arguments
        .devices
        .iter()
        .map(|text| {
            let mut setup =
                spec::parse(text, Path::new("")).map_err(|error| Trouble::input(format!("{text}: {error}")))?;
            if setup.channels == ChannelPolicy::Error {
                setup.channels = arguments.channels;
            }
            Ok(setup)
        })
        .collect::<Result<_, Trouble>>()?;
    let job = job(arguments, &chain)?;
    let mut asking = Asking::new(&arguments.process)?;
    let plan = jobs::plan::build(&job, &Options::standard(), &mut InWorker { asking: &mut asking })
        .map_err(|mistakes| told(&mistakes))?;
    for warning in &plan.header.warnings {
        eprintln!("warning: {warning}");
    }
    let mut verdicts = Verdicts::new();
    verdicts.look_up(plan.tasks.iter());
    verdicts.enforce(arguments.strict)?;
    let task = plan.tasks.iter().next().ok_or_else(|| Trouble::input("the recording gives no task"))?;
    let rate = task.audio.sample_rate;
    sandbox::warn_of_output(arguments.process.sandbox, &plan.header.output_root);
    match asking.ask(ToWorker::Render { attempt: 1, last: true, warm: Vec::new(), task: Box::new(task) }) {
        Ok(FromWorker::Finished { rendered }) => {
            for warning in &rendered.warnings {
                eprintln!("warning: {warning}");
            }
            let mut confined = Confined::default();
            confined.add(rendered.sandbox.as_ref());
            confined.words().into_iter().for_each(|words| eprintln!("{words}"));
            for device in &rendered.devices {
                let settings: Vec<String> = device
                    .settings
                    .iter()
                    .map(|s| format!("{} = {}", s.name, s.text.clone().unwrap_or_else(|| plain(&s.value))))
                    .collect();
                let settings = if settings.is_empty() { "as it comes".to_owned() } else { settings.join(", ") };
                eprintln!("{}: {settings}; latency {} frames, removed", device.info.name, device.latency);
                device.remarks.iter().for_each(|remark| eprintln!("{}: {remark}", device.info.name));
            }
            for file in &rendered.files {
                let level =
                    |value: Option<f64>, unit: &str| value.map_or("none".to_owned(), |v| format!("{v:.1} {unit}"));
                eprintln!(
                    "{}: {:.2} s, {} channels, loudness {}, true peak {}",
                    arguments.output.display(),
                    rate.seconds(file.frames),
                    file.channels,
                    level(file.loudness_lufs, "LUFS"),
                    level(file.true_peak_dbtp, "dBTP"),
                );
            }
            Ok(Status::Done)
        }
        Ok(_) => Err(Trouble { words: "the worker answered something else".to_owned(), status: Status::SomeFailed }),
        Err(mishap) => Err(Trouble { words: workers::words(&mishap), status: Status::SomeFailed }),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("\"{text}\""),
    }
}

/// What stands for a file name in mistakes that are the command line's own.
pub(crate) const COMMAND_LINE: &str = "command line";

/// The arguments as a job, so that they are checked like one.
fn job(arguments: &ApplyArguments, chain: &[DeviceSetup]) -> Result<JobFile, Trouble> {
    let input = arguments.input.display().to_string();
    if !arguments.input.is_file() {
        return Err(Trouble::input(format!("there is no file {input}")));
    }
    let tone = match &arguments.tone {
        Some(path) => serde_json::json!(path.display().to_string()),
        None => serde_json::json!({ "name": "chain", "chain": chain.iter().map(spec::display).collect::<Vec<_>>() }),
    };
    let output = arguments.output.display().to_string().replace('{', "{{").replace('}', "}}");
    let text = serde_json::json!({
        "tonemill": jobs::FORMAT_VERSION,
        "inputs": input,
        "tones": [tone],
        "output": { "path": output, "bits": arguments.bits, "length": arguments.length, "collision": "overwrite" },
    });
    let collector = Collector::new();
    let read = Document::parse(COMMAND_LINE, text.to_string(), &collector);
    let read = read.ok_or_else(|| Trouble::input("the arguments make no job"))?;
    let job = jobs::file::decode(&read, Path::new(COMMAND_LINE), collector).map_err(|mistakes| told(&mistakes))?;
    if job.mistakes.is_empty() { Ok(job) } else { Err(told(&job.mistakes)) }
}

/// Mistakes in words; those of the command line without a position in it.
pub(crate) fn told(mistakes: &Mistakes) -> Trouble {
    let line = |mistake: &Mistake| match &*mistake.place.file {
        COMMAND_LINE => {
            let Mistake { message, help, .. } = mistake;
            format!("{message}. {}", help.as_deref().unwrap_or_default()).trim_end().to_owned()
        }
        _ => mistake.to_string(),
    };
    Trouble::input(mistakes.iter().map(line).collect::<Vec<_>>().join("\n"))
}
