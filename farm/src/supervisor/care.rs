//! Takes care: which program a worker is, how long it is kept, and how much it may hold.

use super::*;

/// Bytes of memory that a worker holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// When it was last looked at.
    now: Option<u64>,
    /// When it was ready again after its first task, with all that it keeps for the next ones.
    at_first: Option<u64>,
}

impl Supervisor {
    /// With a program for each class of tasks.
    pub fn serving(self, programs: Programs) -> Supervisor {
        // Where there is but one, no task need be looked at to know its class.
        Supervisor { programs: Some(programs).filter(Programs::differ), ..self }
    }

    pub(super) fn class_of(&self, index: usize) -> Class {
        let programs = self.programs.as_ref();
        programs.map_or(Class::STANDARD, |programs| programs.of_task(&self.tasks.get(index)))
    }

    /// Whether the next task is one for the program that a worker is. A worker of another class makes room for one of its.
    pub(super) fn serves_next(&self, id: WorkerId) -> bool {
        let next = self.fresh.front().filter(|_| self.programs.is_some());
        next.is_none_or(|index| self.class_of(*index) == self.workers[&id].class)
    }

    /// Whether a worker has answered its share, or has grown too far.
    pub(super) fn is_worn(&self, id: WorkerId) -> bool {
        let Worker { answered, held, .. } = &self.workers[&id];
        let grown = held.now.zip(held.at_first).map(|(now, first)| now.saturating_sub(first));
        *answered >= self.limits.recycle_after
            || grown.zip(self.limits.growth).is_some_and(|(grown, most)| grown > most)
    }

    /// Takes down what a worker holds, and ends it where that is more than it may.
    pub(super) fn on_memory(&mut self, id: WorkerId, bytes: u64) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.held.now = Some(bytes);
        if matches!(worker.stage, Stage::Settling { .. }) && worker.answered == 1 {
            worker.held.at_first.get_or_insert(bytes);
        }
        let killed = matches!(worker.stage, Stage::Ending { until: None, .. });
        let Some(limit) = self.limits.memory.filter(|limit| bytes > *limit && !killed) else { return };
        if let Stage::Settling { device, .. } = &worker.stage {
            let device = device.clone();
            self.warn_of_settling(device, "took more memory than a worker may");
        }
        self.kill(id, Cause::Memory { bytes, limit });
    }
}

/// What the end of a process means that owed an answer, and was not killed by the farm.
pub(super) fn cause_of(exit: &Exit, remains: &Remains, held: &Held) -> Cause {
    if let Some(limit) = remains.over_limit {
        return Cause::Memory { bytes: limit, limit };
    }
    if remains.out_of_memory { Cause::OutOfMemory { bytes: held.now } } else { Cause::of_exit(exit) }
}
