//! What of a recording goes through a tone, what belongs to it, and what is looked at in what comes out.

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use audio::level::MatchBy;
pub use audio::noise::{NoiseKind, NoiseLevel};
pub use audio::quality::Gate;
use audio::stream::ChannelPick;
use presets::draw::Drawn;
pub use score::annotation::TimeChange;
pub use score::segment::Segment;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::quarantine::OutputRoot;

/// What is known of an input, by name: whatever a list or a file beside the recording says.
pub type Facts = BTreeMap<String, serde_json::Value>;

/// What one of the renders of a job with inputs is: one draw of one take through one tone, or the dry take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Who the take is: the same text for all tones and draws of it, and for it alone within the job. Of a whole recording, its
    /// group and its path below its pattern's folder; a part or a channel of one has a text behind that.
    pub take: String,
    /// The takes that never part: those of one text are in one split of a data set. The recording's text unless the job
    /// says otherwise.
    pub source_group: String,
    /// Name of the tone; absent where this is the dry take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tone: Option<String>,
    /// The draw's number, from 0; absent where the tone draws nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<u64>,
    /// What was drawn, in the order in which it was needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drawn: Vec<Drawn>,
    /// What is known of the input.
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    pub metadata: Facts,
}

/// What of a recording is played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Take {
    /// The recording.
    pub file: PathBuf,
    /// Which of its channels.
    #[serde(default, skip_serializing_if = "is_default")]
    pub channels: ChannelPick,
    /// Which part of it, in its own frames; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<Segment>,
    /// The level that the part is brought to before all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<TakeLevel>,
    /// What is laid under it, behind that level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<TakeNoise>,
}

impl Take {
    /// The whole of a recording as it is.
    pub fn whole(file: PathBuf) -> Take {
        Take { file, channels: ChannelPick::All, segment: None, level: None, noise: None }
    }
}

/// The level that a take is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeLevel {
    /// By this gain in dB.
    Gain(f64),
    /// By the gain that its own level calls for, measured at the render's rate.
    Target(Target),
}

/// Noise under a take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TakeNoise {
    /// What it sounds like.
    pub kind: NoiseKind,
    /// How loud it is.
    pub level: NoiseLevel,
    /// Where it starts from.
    pub seed: u64,
}

/// A file that belongs to a take and follows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// Where it is; one of the task's sources, in the role `annotation`.
    pub source: PathBuf,
    /// Where it is written, absolute.
    pub path: PathBuf,
    /// What happened to the time of what it describes.
    pub change: TimeChange,
}

/// What is looked at in what comes out. The default looks at nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checks {
    /// What is flagged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// What becomes of a file that is flagged.
    #[serde(skip_serializing_if = "is_default")]
    pub policy: FlagPolicy,
    /// How far a file lies behind its dry take is measured, up to so many frames of the file either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// That is told by a pulse in front of the take, which is cut off again, and not by the take itself.
    #[serde(skip_serializing_if = "is_default")]
    pub sync: bool,
    /// The output folder in whose quarantine a flagged file may come to lie, where the policy is `retry` or `quarantine`.
    /// Absent in a plan, whose header says it: a task is given it on its way to a worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_root: Option<OutputRoot>,
}

impl Checks {
    /// Whether a flagged file may come to lie in quarantine.
    pub fn may_quarantine(&self) -> bool {
        matches!(self.policy, FlagPolicy::Retry | FlagPolicy::Quarantine)
    }

    /// Whether nothing is looked at.
    pub fn is_nothing(&self) -> bool {
        *self == Checks::default()
    }
}

/// What becomes of a file that is flagged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagPolicy {
    /// It stands under its name, and the manifest says what is wrong with it.
    #[default]
    Keep,
    /// It is rendered again, as often as a failed task is; what is flagged the last time too is quarantined.
    Retry,
    /// It lies in [`quarantine`](crate::quarantine) instead.
    Quarantine,
    /// The task fails and gives nothing.
    Fail,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
