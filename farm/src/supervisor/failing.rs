//! Attempts that failed: what is reported, and what follows.

use super::blaming::Before;
use super::*;

/// Failures in a row are the machine's fault only where so many different devices fail: one broken plugin in all tasks, or
/// two of them, are quarantined instead.
const DIFFERENT_DEVICES: usize = 3;

/// What is known of a worker whose attempt has failed.
pub(super) struct Ended {
    pub id: WorkerId,
    pub before: Option<Before>,
    pub names: Names,
}

impl Supervisor {
    pub(super) fn attempt_failed(&mut self, now: Time, ended: Ended, attempt: Attempt, cause: Cause, remains: Remains) {
        let Identity { number: task, label, key, .. } = attempt.task.clone();
        let mishap = self.mishap(&attempt, cause, remains);
        self.hold_against(now, &ended, &attempt, &mishap);
        let refusal = match &mishap.cause {
            Cause::Refused { failure } if failure.stop_run => Some(failure.clone()),
            _ => None,
        };
        let too_many = refusal.is_none() && self.count_failure(&mishap, task);
        if too_many {
            self.withdraw(now);
        }
        let quarantined = refusal.is_none() && self.quarantined(attempt.index).is_some();
        let may_retry = mishap.retryable && attempt.number < self.limits.attempts && !quarantined;
        let retried = may_retry && self.mode == Mode::Running && refusal.is_none() && !too_many;
        let reproduce = self.blaming.reproduce.as_ref().map(|reproduce| reproduce.command(task, &key));
        let previous = ended.before.map(|before| before.number);
        let (attempt_number, of) = (attempt.number, self.limits.attempts);
        let report =
            Report { task, label, key, attempt: attempt_number, of, previous, retried, quarantined, reproduce, mishap };

        self.actions.push(Action::Write(Box::new(Entry::Failed { report: Box::new(report.clone()) })));
        self.tell(FarmEvent::AttemptFailed { report: Box::new(report.clone()) });
        if retried {
            self.retries.push_back(attempt.index);
            self.tell(FarmEvent::Retrying { task, label: report.label, attempt: attempt.number + 1 });
        } else if let Some(failure) = refusal {
            // The machine's fault and not the task's, which remains to be done.
            self.stop(now, StopReason::Refused { failure });
        } else {
            if too_many {
                let last = Box::new(report.clone());
                self.stop(now, StopReason::FailuresInARow { count: self.in_a_row, last });
            }
            // A task that has attempts left when the run stops is not given up: it remains to be done.
            if !may_retry {
                self.tell(FarmEvent::Failed { report: Box::new(report.clone()) });
                self.failed.push(report);
            }
        }
    }

    fn mishap(&self, attempt: &Attempt, cause: Cause, remains: Remains) -> Mishap {
        let watch = &attempt.watch;
        let AudioSettings { sample_rate: rate, block_size } = attempt.task.audio;
        let (phase, device, at_seconds) = match &cause {
            Cause::Refused { failure } => (Some(failure.phase), failure.device.clone(), failure.at_seconds),
            _ => {
                let processing = watch.phase == Some(Phase::Process);
                match remains.position.filter(|_| processing) {
                    Some((frame, device)) => (watch.phase, Some(device), Some(rate.seconds(frame))),
                    None => {
                        let seconds = processing.then(|| rate.seconds(watch.done.unwrap_or(0)));
                        (watch.phase, watch.device.clone(), seconds)
                    }
                }
            }
        };
        let block = at_seconds.map(|seconds| rate.frames(seconds) / u64::from(block_size.max(1)));
        let retryable = cause.is_retryable();
        Mishap { cause, phase, device, at_seconds, block, stderr: remains.stderr, log: remains.log, retryable }
    }

    /// Counts towards the failures in a row; true if there are too many.
    fn count_failure(&mut self, mishap: &Mishap, task: u32) -> bool {
        // What fails for good, such as a broken input file, says nothing of the machine.
        if !mishap.retryable {
            return false;
        }
        self.in_a_row += 1;
        self.blamed.insert(mishap.device.clone().unwrap_or_else(|| format!("task {task}")));
        let most = self.limits.failures_in_a_row;
        let enough = most > 0 && self.in_a_row >= most && self.blamed.len() >= DIFFERENT_DEVICES;
        enough && self.mode == Mode::Running
    }
}
