//! Tells slow from stuck.

use std::time::Duration;

use jobs::message::Phase;

use crate::limits::Limits;
use crate::report::Cause;

/// Time since the farm began. The deciding parts have no clock: it comes in with each event.
pub type Time = Duration;

/// What is known about a request under way, and when it last advanced.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    begun: Time,
    advanced: Time,
    /// What the worker last said it was doing.
    pub phase: Option<Phase>,
    /// With which device.
    pub device: Option<String>,
    /// Frames done, as last reported.
    pub done: Option<u64>,
}

impl Watch {
    /// Begins to watch a request.
    pub fn new(now: Time) -> Watch {
        Watch { begun: now, advanced: now, phase: None, device: None, done: None }
    }

    /// The worker turned to something else.
    pub fn on_phase(&mut self, now: Time, phase: Phase, device: Option<String>) {
        // While blocks are under way only further frames are an advance; to name the same phase again is none.
        if phase != Phase::Process || self.phase != Some(Phase::Process) {
            self.advanced = now;
        }
        self.phase = Some(phase);
        self.device = device;
    }

    /// The worker reported its position.
    pub fn on_progress(&mut self, now: Time, done: u64) {
        if self.done.is_none_or(|before| done > before) {
            self.advanced = now;
        }
        self.done = Some(done);
    }

    /// When the request becomes overdue unless something advances.
    pub fn deadline(&self, limits: &Limits) -> Time {
        let stuck = self.advanced.saturating_add(self.allowance(limits));
        limits.total.map_or(stuck, |total| stuck.min(self.begun.saturating_add(total)))
    }

    /// Why the request is overdue, if it is.
    pub fn overdue(&self, now: Time, limits: &Limits) -> Option<Cause> {
        let still = now.saturating_sub(self.advanced);
        if still >= self.allowance(limits) {
            return Some(Cause::Hung { seconds: still.as_secs_f64() });
        }
        let whole = now.saturating_sub(self.begun);
        limits.total.filter(|total| whole >= *total).map(|_| Cause::TooLong { seconds: whole.as_secs_f64() })
    }

    fn allowance(&self, limits: &Limits) -> Duration {
        match self.phase {
            None | Some(Phase::Load | Phase::Configure | Phase::Activate | Phase::Save) => limits.load,
            Some(Phase::Process | Phase::Destroy) => limits.stall,
            Some(Phase::Write) => limits.write,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn loading_gets_the_load_limit_and_processing_the_stall_limit() {
        let limits = Limits::default();
        let mut watch = Watch::new(SECOND);
        assert_eq!(watch.deadline(&limits), SECOND * 121);
        watch.on_phase(SECOND * 100, Phase::Activate, None);
        assert_eq!(watch.deadline(&limits), SECOND * 220);
        watch.on_phase(SECOND * 200, Phase::Process, None);
        assert_eq!(watch.deadline(&limits), SECOND * 230);
        assert_eq!(watch.overdue(SECOND * 230 - Duration::from_nanos(1), &limits), None);
        assert_eq!(watch.overdue(SECOND * 230, &limits), Some(Cause::Hung { seconds: 30.0 }));
    }

    #[test]
    fn only_further_frames_are_an_advance_while_processing() {
        let limits = Limits::default();
        let mut watch = Watch::new(Time::ZERO);
        watch.on_phase(Time::ZERO, Phase::Process, None);
        watch.on_progress(SECOND * 20, 512);
        assert_eq!(watch.deadline(&limits), SECOND * 50);
        watch.on_progress(SECOND * 40, 512);
        watch.on_phase(SECOND * 45, Phase::Process, None);
        assert_eq!(watch.deadline(&limits), SECOND * 50);
    }

    #[test]
    fn the_total_ends_even_what_advances() {
        let limits = Limits { total: Some(SECOND * 60), ..Limits::default() };
        let mut watch = Watch::new(Time::ZERO);
        watch.on_phase(Time::ZERO, Phase::Process, None);
        for second in 1..60 {
            watch.on_progress(SECOND * second, u64::from(second));
            assert_eq!(watch.overdue(SECOND * second, &limits), None);
        }
        assert_eq!(watch.deadline(&limits), SECOND * 60);
        assert_eq!(watch.overdue(SECOND * 60, &limits), Some(Cause::TooLong { seconds: 60.0 }));
    }
}
