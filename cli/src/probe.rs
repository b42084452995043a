//! Measuring devices, and keeping the verdicts.

mod collect;
mod table;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;

use audio::SampleRate;
use farm::{Client, Limits};
use jobs::catalogue::Found;
use jobs::hash::Hashes;
use jobs::message::{FromWorker, ToWorker};
use jobs::probe::{Key, Store, Verdict};
use jobs::task::AudioSettings;

use presets::{DeviceSetup, DeviceSpec, PluginFile, PluginFormat, spec};

use crate::args::ProbeArguments;
use crate::show::count;
use crate::workers::{self, Asking};
use crate::{Status, Trouble, examine, print_json, print_text, verdicts};

pub(crate) use table::mention;

/// What is to be probed.
struct Candidate {
    /// As it was named, or as its file is called.
    label: String,
    /// Found and frozen; or why that could not be done.
    ready: Result<(DeviceSetup, Key), String>,
}

/// What came of it.
enum Probed {
    Verdict(Box<Verdict>),
    /// It could not even be asked.
    Broken {
        label: String,
        reason: String,
    },
}

/// `tonemill plugins probe`.
pub(crate) fn probe(arguments: &ProbeArguments) -> Result<Status, Trouble> {
    let audio = AudioSettings { sample_rate: SampleRate(arguments.sample_rate), block_size: arguments.block_size };
    let mut asking = Asking::new(&arguments.process)?;
    asking.require_worker()?;
    let candidates = if arguments.all { installed(audio, &mut asking)? } else { named(arguments, audio, &mut asking)? };
    let mut store = verdicts::store()?;
    let mut done: BTreeMap<usize, Probed> = BTreeMap::new();
    let mut left = Vec::new();
    for (index, candidate) in candidates.into_iter().enumerate() {
        match candidate.ready {
            Err(reason) => drop(done.insert(index, Probed::Broken { label: candidate.label, reason })),
            Ok((setup, key)) => match store.get(&key).filter(|_| !arguments.again) {
                Some(verdict) => drop(done.insert(index, Probed::Verdict(Box::new(verdict.clone())))),
                None => left.push(Work { index, label: candidate.label, setup, key }),
            },
        }
    }
    if let Some(warning) = store.take_warning() {
        eprintln!("warning: {warning}");
    }
    done.extend(measure(left, &mut store, arguments, &asking)?);
    tell(done.into_values().collect(), arguments)
}

fn tell(probed: Vec<Probed>, arguments: &ProbeArguments) -> Result<Status, Trouble> {
    let all_well = |one: &Probed| match one {
        Probed::Verdict(verdict) => verdict.findings.loads && !verdict.findings.crashed(),
        Probed::Broken { .. } => false,
    };
    let status = if probed.iter().all(all_well) { Status::Done } else { Status::SomeFailed };
    if arguments.json {
        let one = |one: &Probed| match one {
            Probed::Verdict(verdict) => serde_json::to_value(verdict).expect("a verdict is plain data"),
            Probed::Broken { label, reason } => serde_json::json!({ "broken": { "device": label, "reason": reason } }),
        };
        print_json(&probed.iter().map(one).collect::<Vec<_>>())?;
        return Ok(status);
    }
    if let [Probed::Verdict(verdict)] = probed.as_slice()
        && !arguments.all
    {
        print_text(&table::whole(verdict))?;
        return Ok(status);
    }
    let mut text = table::head();
    for one in &probed {
        text += &match one {
            Probed::Verdict(verdict) => table::row(verdict),
            Probed::Broken { label, reason } => format!("{:<8} {label:<30} {:<8} {reason}\n", "", "broken"),
        };
    }
    let badly = probed.iter().filter(|one| !all_well(one)).count();
    text += &count(probed.len(), "device");
    if badly > 0 {
        text += &format!(", {badly} of them broken or crashing");
    }
    print_text(&(text + "\n"))?;
    Ok(status)
}

/// One device to measure.
struct Work {
    index: usize,
    label: String,
    setup: DeviceSetup,
    key: Key,
}

/// What the threads that measure leave behind.
struct Results<'a> {
    store: &'a mut Store,
    done: Vec<(usize, Probed)>,
    /// The first verdict that could not be kept.
    trouble: Option<Trouble>,
}

/// Measures devices, several at once, and keeps each verdict as soon as there is one.
fn measure(
    work: Vec<Work>,
    store: &mut Store,
    arguments: &ProbeArguments,
    asking: &Asking,
) -> Result<Vec<(usize, Probed)>, Trouble> {
    let workers = workers::count(arguments.workers).min(work.len());
    let total = work.len();
    let command = workers::command(&arguments.process)?;
    // Each question gets a fresh process.
    let limits = Limits { recycle_after: 1, ..workers::limits(&arguments.process) };
    let mut clients = Vec::new();
    for index in 0..workers {
        let folder = asking.folder().join(format!("probe-{index}"));
        std::fs::create_dir_all(&folder).map_err(|error| Trouble::system(folder.display(), error))?;
        let client = Client::new(command.clone(), limits.clone(), asking.folder().to_owned());
        clients.push((client.map_err(Trouble::input)?, folder));
    }
    let queue = Mutex::new(work.into_iter());
    let results = Mutex::new(Results { store, done: Vec::new(), trouble: None });
    let watched = std::io::stderr().is_terminal() || total > 1;
    std::thread::scope(|scope| {
        for (mut client, folder) in clients {
            let (queue, results) = (&queue, &results);
            scope.spawn(move || {
                loop {
                    let next = queue.lock().expect("nobody panics with it").next();
                    let Some(Work { index, label, setup, key }) = next else { return };
                    let verdict = collect::verdict(&key, &label, &setup, &mut client, &folder);
                    let mut results = results.lock().expect("nobody panics with it");
                    let Results { store, done, trouble } = &mut *results;
                    // Without an id nobody could find it again.
                    if !verdict.device.id.is_empty()
                        && let Err(error) = store.put(&verdict)
                    {
                        trouble.get_or_insert(Trouble::input(error));
                    }
                    done.push((index, Probed::Verdict(Box::new(verdict))));
                    if watched {
                        eprintln!("[{}/{total}] {label}", done.len());
                    }
                }
            });
        }
    });
    let Results { done, trouble, .. } = results.into_inner().expect("nobody panics with it");
    trouble.map_or(Ok(done), Err)
}

/// The devices of the command line.
fn named(arguments: &ProbeArguments, audio: AudioSettings, asking: &mut Asking) -> Result<Vec<Candidate>, Trouble> {
    let mut hashes = Hashes::default();
    let one = |text: &String| {
        let mut setup = spec::parse(text, Path::new("")).map_err(|error| Trouble::input(format!("{text}: {error}")))?;
        examine::locate(&mut setup, Path::new(""), asking).map_err(Trouble::input)?;
        let is_plain = setup.params.is_empty() && setup.state.is_none() && setup.preset.is_none();
        let ready = if is_plain {
            Ok(())
        } else {
            // Only the device knows what its parameters are called and which files its state refers to; dead ones are told like any other that is broken.
            match examine::look(&mut setup, Path::new(""), asking) {
                Ok(examination) => {
                    examine::freeze(&mut setup, &examination)?;
                    Ok(())
                }
                Err(reason) => Err(reason),
            }
        };
        let ready = ready.and_then(|()| Key::of(&setup, audio, &mut hashes).map(|key| (setup, key)));
        Ok(Candidate { label: text.clone(), ready })
    };
    arguments.specs.iter().map(one).collect()
}

/// Every device that there is: the built-in ones, and the plugins in the plugin folders.
fn installed(audio: AudioSettings, asking: &mut Asking) -> Result<Vec<Candidate>, Trouble> {
    let mut hashes = Hashes::default();
    let mut candidates = Vec::new();
    let mut add = |label: String, device: Result<DeviceSpec, String>| {
        let ready = device.and_then(|device| {
            let setup = spec::bare(device);
            Key::of(&setup, audio, &mut hashes).map(|key| (setup, key))
        });
        candidates.push(Candidate { label, ready });
    };
    match asking.ask(ToWorker::ListBuiltin) {
        Ok(FromWorker::Listed { plugins }) => {
            plugins.into_iter().for_each(|info| add(info.id.clone(), Ok(DeviceSpec::Builtin { name: info.id })));
        }
        Ok(_) => return Err(Trouble::input("the worker answered something else")),
        Err(mishap) => return Err(Trouble::input(mishap)),
    }
    for format in PluginFormat::ALL {
        for file in &asking.plugins(format)?.files {
            match &file.found {
                Found::Plugins(plugins) => {
                    for info in plugins {
                        let plugin = file.path.display().to_string();
                        let id = Some(info.id.clone());
                        add(info.name.clone(), Ok(format.device(PluginFile { plugin, id })));
                    }
                }
                Found::Broken(broken) => add(file.name(), Err(broken.reason.clone())),
            }
        }
    }
    Ok(candidates)
}

/// The stored verdict about a device as the command line names it, under standard conditions.
pub(crate) fn stored(setup: &DeviceSetup) -> Option<Verdict> {
    let mut store = verdicts::store().ok()?;
    verdicts::of(setup, AudioSettings::standard(), &mut Hashes::default(), &mut store)
}
