//! What plugins there are: finding out, and searching.

use std::time::Instant;

use audio::device::DeviceInfo;
use jobs::catalogue::search::{Doubles, doubles, matches, one_form, others};
use jobs::catalogue::{Broken, Fault, Found};
use presets::PluginFormat;
use serde::Serialize;

use crate::args::{BUILTIN, ListArguments, ProcessArguments, ScanArguments};
use crate::scan::{ScannedFile, Scanner, file_name};
use crate::show::count;
use crate::{Status, Trouble, print_json, print_text};

/// What came of a scan.
#[derive(Serialize)]
struct Summary {
    /// Plugin files in the plugin folders.
    files: usize,
    /// Plugins in them.
    plugins: usize,
    /// How many files a worker was asked about.
    listed: usize,
    seconds: f64,
    /// Where all of it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    catalogue: Option<String>,
    /// Files that cannot be listed.
    broken: Vec<Row>,
}

/// One row of a list.
#[derive(Serialize)]
struct Row {
    /// The plugin's file; absent for built-ins.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(flatten)]
    what: What,
    /// Other files with the same plugin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also_in: Vec<String>,
}

/// What there is.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// A device.
    Info(DeviceInfo),
    /// A plugin file that cannot be used.
    Broken {
        format: PluginFormat,
        fault: Fault,
        /// Why, in words.
        reason: String,
    },
}

/// `tonemill plugins scan`.
pub(super) fn scan(
    only: Option<&str>,
    again: bool,
    json: bool,
    arguments: &ScanArguments,
    process: &ProcessArguments,
) -> Result<Status, Trouble> {
    let began = Instant::now();
    let mut scanner = Scanner::new(process, arguments).telling(again);
    let scanned = scanner.scan(&formats(only))?;
    let summary = Summary {
        files: scanned.files.len(),
        plugins: scanned.offers().len(),
        listed: scanned.listed,
        seconds: began.elapsed().as_secs_f64(),
        catalogue: scanner.store().map(|path| path.display().to_string()),
        broken: scanned.broken().map(|(file, broken)| Row::broken(file, broken)).collect(),
    };
    if json {
        return print_json(&summary);
    }
    let mut text: String = summary.broken.iter().map(Row::line).collect();
    let Summary { files, plugins, listed, seconds, broken, .. } = &summary;
    text += &format!("{}, {}", count(*files, "plugin file"), count(*plugins, "plugin"));
    if !broken.is_empty() {
        text += &format!(", {}", count(broken.len(), "broken file"));
    }
    text += &format!("; {listed} listed anew in {seconds:.1} s\n");
    if broken.len() > *listed {
        text += "Broken files are tried again when they change, or all with --again.\n";
    }
    print_text(&text)
}

/// `tonemill plugins list`.
pub(super) fn list(arguments: &ListArguments) -> Result<Status, Trouble> {
    let ListArguments { words, format, instrument, effect, json, scan, process } = arguments;
    let only = format.as_deref();
    let of_kind = |info: &DeviceInfo| match (instrument, effect) {
        (true, _) => info.instrument,
        (_, true) => !info.instrument,
        _ => true,
    };
    let is_wanted =
        |info: &DeviceInfo, file: &str| of_kind(info) && matches(words, &[&info.name, &info.vendor, &info.id, file]);
    let mut rows = Vec::new();
    if only.is_none_or(|only| only == BUILTIN) {
        let wanted = render_worker::builtin().into_iter().filter(|info| is_wanted(info, ""));
        rows.extend(wanted.map(|info| Row { path: None, what: What::Info(info), also_in: Vec::new() }));
    }
    let scanned = Scanner::new(process, scan).scan(&formats(only))?;
    let offers = scanned.offers();
    let doubles = doubles(&offers);
    for file in &scanned.files {
        match &file.found {
            Found::Plugins(_) => {
                rows.extend(file.offers().filter(|offer| is_wanted(offer.info, &file.name())).map(|offer| Row {
                    path: Some(file.path.display().to_string()),
                    what: What::Info(offer.info.clone()),
                    also_in: others(&doubles, &offer).iter().map(|path| path.display().to_string()).collect(),
                }));
            }
            // Nobody knows what it would be.
            Found::Broken(_) if *instrument || *effect => {}
            Found::Broken(broken) if matches(words, &[&file.name()]) => rows.push(Row::broken(file, broken)),
            Found::Broken(_) => {}
        }
    }
    if *json { print_json(&rows) } else { print_text(&table(&rows, &doubles)) }
}

/// The plugin formats that are meant.
fn formats(only: Option<&str>) -> Vec<PluginFormat> {
    PluginFormat::ALL.into_iter().filter(|format| only.is_none_or(|only| only == format.word())).collect()
}

/// Rows for people, then how many there are, and what there is twice.
fn table(rows: &[Row], doubles: &Doubles<'_>) -> String {
    let mut text: String = rows.iter().map(Row::line).collect();
    let broken = rows.iter().filter(|row| matches!(row.what, What::Broken { .. })).count();
    text += &count(rows.len() - broken, "device");
    if broken > 0 {
        text += &format!(", {}", count(broken, "broken file"));
    }
    text.push('\n');
    for ((format, id), files) in doubles {
        let is_it = |info: &DeviceInfo| info.format == format.word() && one_form(*format, &info.id) == *id;
        let mut shown = rows.iter().filter_map(|row| match &row.what {
            What::Info(info) if row.path.is_some() => Some(info),
            _ => None,
        });
        if let Some(info) = shown.find(|info| is_it(info)) {
            let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
            text += &format!("{}:{} is in several files: {}\n", info.format, info.id, files.join(", "));
        }
    }
    text
}

impl Row {
    fn broken(file: &ScannedFile, broken: &Broken) -> Row {
        let mut reason = broken.reason.clone();
        if broken.fault == Fault::Hung {
            let longer = (broken.limit_seconds * 4.0).ceil();
            reason += &format!(". Give it longer, if it only is slow: --scan-timeout {longer}");
        }
        let what = What::Broken { format: file.format, fault: broken.fault, reason };
        Row { path: Some(file.path.display().to_string()), what, also_in: Vec::new() }
    }

    /// The row for people.
    fn line(&self) -> String {
        let file = self.path.as_deref().map_or_else(String::new, |path| file_name(path.as_ref()));
        match &self.what {
            What::Info(info) => {
                let kind = if info.instrument { "instrument" } else { "effect" };
                format!("{:<8} {kind:<11} {:<32} {:<44} {file}\n", info.format, info.name, info.id)
            }
            What::Broken { format, reason, .. } => {
                format!("{:<8} {:<11} {file:<32} {reason}\n", format.word(), "broken")
            }
        }
    }
}
