//! Ends: a run that is to stop, and workers that are overdue.

use super::*;

impl Supervisor {
    pub(super) fn stop(&mut self, now: Time, reason: StopReason) {
        if self.mode != Mode::Running {
            return;
        }
        self.mode = Mode::Draining { until: now.saturating_add(self.limits.drain) };
        self.stopped = Some(reason.clone());
        let running = self.workers.values().filter(|worker| worker.owes_answer()).count();
        let running = u32::try_from(running).expect("worker ids are 32 bits wide");
        self.tell(FarmEvent::Draining { reason, running, seconds: self.limits.drain.as_secs_f64() });
        let starting: Vec<WorkerId> = self.ids(|worker| matches!(worker.stage, Stage::Starting { .. }));
        for id in starting {
            self.actions.push(Action::Kill(id));
            self.set_stage(id, Stage::Ending { debt: Debt::Nothing, until: None });
        }
    }

    /// Ends everything at once.
    pub(super) fn hurry(&mut self) {
        if self.mode == Mode::Killing {
            return;
        }
        self.mode = Mode::Killing;
        let reason = StopReason::Hurried;
        self.stopped.get_or_insert_with(|| reason.clone());
        self.tell(FarmEvent::Killing { reason });
        for id in self.ids(|worker| !matches!(worker.stage, Stage::Ending { until: None, .. })) {
            self.actions.push(Action::Kill(id));
            match self.set_stage(id, Stage::Ending { debt: Debt::Nothing, until: None }) {
                Stage::Rendering(attempt) | Stage::Silent { attempt, .. } => {
                    let Identity { number: task, label, .. } = attempt.task;
                    self.tell(FarmEvent::Interrupted { task, label });
                }
                // A failure that is known already is still reported.
                Stage::Ending { debt, .. } => {
                    self.set_stage(id, Stage::Ending { debt, until: None });
                }
                Stage::Starting { .. } | Stage::Settling { .. } => {}
            }
        }
    }

    fn ids(&self, which: impl Fn(&Worker) -> bool) -> Vec<WorkerId> {
        self.workers.iter().filter(|(_, worker)| which(worker)).map(|(id, _)| *id).collect()
    }

    pub(super) fn end_what_is_overdue(&mut self, now: Time) {
        if matches!(self.mode, Mode::Draining { until } if now >= until) {
            self.hurry();
        }
        let overdue: Vec<(WorkerId, Cause)> =
            self.workers.iter().filter_map(|(id, worker)| Some((*id, worker.overdue(now, &self.limits)?))).collect();
        for (id, cause) in overdue {
            if let Some(Worker { stage: Stage::Settling { device, .. }, .. }) = self.workers.get(&id) {
                let device = device.clone();
                self.warn_of_settling(device, "did not come back");
            }
            self.kill(id, cause);
        }
    }
}

impl Worker {
    fn owes_answer(&self) -> bool {
        matches!(self.stage, Stage::Rendering(_) | Stage::Silent { .. })
    }

    /// Why it must be killed now, if it must.
    fn overdue(&self, now: Time, limits: &Limits) -> Option<Cause> {
        let still = "it closed its connection, and its process went on".to_owned();
        match &self.stage {
            Stage::Starting { until, .. } if now >= *until => {
                let reason = format!("its process was not ready after {:.0} s", limits.load.as_secs_f64());
                Some(Cause::StartFailed { reason })
            }
            Stage::Rendering(attempt) => attempt.watch.overdue(now, limits),
            Stage::Silent { until, .. } if now >= *until => Some(Cause::Protocol { problem: still }),
            // It owes nothing; the cause given here is not used.
            Stage::Settling { until, .. } if now >= *until => Some(Cause::Protocol { problem: still }),
            // What it owes is known already; the cause given here is not used.
            Stage::Ending { until: Some(until), .. } if now >= *until => Some(Cause::Protocol { problem: still }),
            Stage::Starting { .. } | Stage::Silent { .. } | Stage::Settling { .. } | Stage::Ending { .. } => None,
        }
    }
}
