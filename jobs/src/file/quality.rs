//! What is looked at in what comes out, and what becomes of a file that is flagged.

use presets::document::{Collector, Fields, Node, Scalar, closest, decibels, number, seconds, whole};

use super::Work;
use super::output::MOST_SECONDS;
use crate::task::{AudioSettings, Checks, FlagPolicy, Gate};

const POLICIES: [(&str, FlagPolicy); 4] = [
    ("keep", FlagPolicy::Keep),
    ("retry", FlagPolicy::Retry),
    ("quarantine", FlagPolicy::Quarantine),
    ("fail", FlagPolicy::Fail),
];
/// The longest offset that can be asked for, in seconds: more than that is another take.
const MOST_OFFSET: f64 = 1.0;

/// How far off its take a file may lie where a pulse is asked for alone, in seconds.
const SYNC_OFFSET: f64 = 0.01;

/// What a job looks at that does not say: of takes the standard gate, of sessions nothing.
pub(super) fn standard(work: Option<&Work>) -> Checks {
    match work {
        Some(Work::Tones(_)) => Checks { gate: Some(Gate::default()), ..Checks::default() },
        _ => Checks::default(),
    }
}

/// `quality: off`, `quality: quarantine`, or a map of limits.
pub(super) fn decode(node: &Node, work: Option<&Work>, audio: AudioSettings, collector: &Collector) -> Checks {
    let mut gate = Gate::default();
    let takes = matches!(work, Some(Work::Tones(_)));
    if !takes {
        gate.like_dry_below_db = None;
    }
    if node.map().is_none() {
        let word = node.scalar().map_or("", |scalar| scalar.text.as_str());
        if is_off(node) {
            return Checks::default();
        }
        let policy = POLICIES.iter().find(|(known, _)| *known == word).map(|(_, policy)| *policy);
        if policy.is_none() {
            let words = POLICIES.iter().map(|(word, _)| *word).chain(["off"]);
            let help = match closest(word, words) {
                Some(close) => format!("Did you mean {close}?"),
                None => {
                    "Write keep, retry, quarantine, fail or off, or limits such as { silent_below: -60 dB }.".into()
                }
            };
            collector.mistake_with(&node.place, format!("quality = {} is not known", node.shown()), help);
        }
        return Checks { gate: Some(gate), policy: policy.unwrap_or_default(), ..Checks::default() };
    }
    let Some(fields) = Fields::of("quality", node, collector) else { return Checks::default() };
    let policy = fields.choice("policy", &POLICIES).unwrap_or_default();
    /// Takes a limit over where one is written; `off` takes it away.
    fn limit<T>(fields: &Fields<'_>, name: &'static str, slot: &mut Option<T>, read: impl Fn(&Node) -> Option<T>) {
        match fields.get(name) {
            Some(node) if is_off(node) => *slot = None,
            Some(node) => *slot = read(node).or(slot.take()),
            None => {}
        }
    }
    let level = |name: &'static str| move |node: &Node| decibels(name, node, -140.0..=0.0, collector);
    let time = |name: &'static str| move |node: &Node| seconds(name, node, 0.0..=MOST_SECONDS, collector);
    limit(&fields, "silent_below", &mut gate.silent_below_dbfs, level("silent_below"));
    limit(&fields, "clipped_run", &mut gate.clipped_run_frames, |node| {
        whole("clipped_run", node, 1..=1_000_000, collector)
    });
    limit(&fields, "dc", &mut gate.dc_offset, |node| number("dc", node, 0.0..=1.0, collector));
    limit(&fields, "stuck", &mut gate.stuck_seconds, time("stuck"));
    limit(&fields, "shorter_than", &mut gate.shorter_than_seconds, time("shorter_than"));
    limit(&fields, "like_dry", &mut gate.like_dry_below_db, level("like_dry"));
    let mut offset = None;
    limit(&fields, "offset", &mut offset, |node| seconds("offset", node, 0.0..=MOST_OFFSET, collector));
    let sync = fields.boolean("sync").unwrap_or(false);
    if sync && offset.is_none() {
        offset = Some(SYNC_OFFSET);
    }
    if !takes && work.is_some() {
        for name in ["like_dry", "offset", "sync"] {
            if fields.get(name).is_some_and(|node| !is_off(node)) {
                let message = format!("{name} compares with a dry take, and a session has none");
                collector.mistake_with(fields.place_of(name), message, "Remove it.");
            }
        }
    }
    fields.finish();
    let offset = offset.map(|seconds| (seconds * audio.sample_rate.hz()).round() as u64);
    Checks { gate: Some(gate), policy, offset, sync, output_root: None }
}

/// Whether a limit, or all looking, is switched off.
fn is_off(node: &Node) -> bool {
    node.scalar().is_some_and(|scalar: &Scalar| scalar.text == "off" || scalar.boolean() == Some(false))
}
