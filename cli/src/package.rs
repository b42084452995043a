//! `tonemill package`: a finished render as a data set.

use dataset::{Settings, Summary};

use crate::args::PackageArguments;
use crate::show;
use crate::{Status, Trouble};

pub(crate) fn package(arguments: &PackageArguments) -> Result<Status, Trouble> {
    let settings = Settings {
        layout: arguments.layout,
        name: arguments.name.clone(),
        split: arguments.split.clone().unwrap_or_default(),
        group_by: arguments.group_by.clone(),
        hold_out: arguments.hold_out.clone(),
        seed: arguments.seed,
        template: arguments.template.clone(),
        metadata: arguments.metadata,
        shard_size: arguments.shard_size,
        without_flagged: arguments.without_flagged,
        licence_allow: arguments.licence_allow.iter().map(|licence| licence.trim().to_owned()).collect(),
        dry: !arguments.no_dry,
        copy: arguments.copy,
    };
    let summary = dataset::package(&arguments.out, &arguments.to, &settings).map_err(Trouble::input)?;
    for warning in &summary.warnings {
        eprintln!("warning: {warning}");
    }
    if arguments.json {
        return crate::print_json(&summary);
    }
    eprint!("{}", words(&summary));
    eprintln!("Data set: {}", arguments.to.display());
    Ok(Status::Done)
}

fn words(summary: &Summary) -> String {
    let mut text = String::new();
    for (split, count) in &summary.splits {
        let groups = show::count(count.groups, "source group");
        let hours = count.seconds / 3600.0;
        text += &format!("{split}: {groups}, {}, {hours:.3} h\n", show::count(count.entries, "sound"));
    }
    let files = show::count(usize::try_from(summary.files).unwrap_or(usize::MAX), "file");
    let (size, linked) = (show::size(summary.bytes), summary.linked);
    let licences = summary.licences.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    text += &format!("{files} ({size}), {linked} of them links to files that are there already.\n");
    if !licences.is_empty() {
        text += &format!("Licences: {licences}\n");
    }
    text
}
