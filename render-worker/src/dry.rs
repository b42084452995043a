//! What a file owes its dry take: its length and its level.

use audio::SampleRate;
use audio::finish::Finish;
use audio::level::target_of;
use jobs::message::Phase;
use jobs::task::{Length, MatchBy, Output};

use crate::build::{BuildError, refusal};
use crate::takes::Ready;

/// How an output is finished: as it says, or as loud as its dry take. The take counts as it goes into the first device,
/// with its level and its noise.
pub(crate) fn finish(output: &Output, dry: Option<&Ready>, warnings: &mut Vec<String>) -> Result<Finish, BuildError> {
    let Some(by) = output.match_dry.filter(|_| output.finish.target.is_none()) else { return Ok(output.finish) };
    let dry = dry.ok_or_else(|| {
        let path = output.path.display();
        refusal(Phase::Configure, None, format!("{path} is to be as loud as its dry take, and a session has none"))
    })?;
    let target = target_of(by, &dry.levels);
    if target.is_none() {
        let level = match by {
            MatchBy::Loudness => "loudness: it is shorter than 400 ms or below -70 LUFS",
            MatchBy::Rms => "RMS level: it is silent",
            MatchBy::Peak => "peak: it is silent",
            MatchBy::TruePeak => "true peak: it is silent",
        };
        let path = output.path.display();
        warnings.push(format!("{path}: its level was not matched, since the dry take has no {level}"));
    }
    Ok(Finish { target, ..output.finish })
}

/// The frames of an output that is as long as its take, where it has a rate of its own.
pub(crate) fn frames(output: &Output, dry: &Ready, rate: SampleRate) -> Option<u64> {
    let own = output.sample_rate.filter(|own| *own != rate)?;
    matches!(output.length, Length::Match).then(|| dry.frames_at(own))
}
