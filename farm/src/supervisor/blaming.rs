//! Who is to blame for failed attempts, and which tasks are passed over for it.

use std::collections::BTreeMap;

use super::*;
use crate::blame::{self, Accused, Entry as Blame, Ledger, Strike, Why};
use crate::reproduce::Reproduce;

/// Most tasks that are looked at between two events: a worker that renders meanwhile must not seem to stand still.
const LOOKED_AT: usize = 256;

/// What is held against whom, and what a run adds.
#[derive(Debug, Default)]
pub(crate) struct Blaming {
    ledger: Ledger,
    /// Names this run among all.
    run: String,
    /// When it began, in milliseconds since 1970.
    began: u64,
    /// Which command renders a failed task alone.
    pub(super) reproduce: Option<Reproduce>,
    entries: u32,
    /// By task, a failure that may be the doing of the task before it.
    doubts: BTreeMap<usize, Doubt>,
    /// Entries since the last finished task, and the tasks that were passed over for them.
    streak: BTreeSet<String>,
    passed_in_streak: u32,
    passed: u32,
    looked_at: usize,
}

/// A failure behind another task in the same process.
#[derive(Debug)]
struct Doubt {
    own: Vec<Accused>,
    failure: Failed,
    before: Before,
}

/// What a strike says of a failure.
#[derive(Clone, Debug)]
struct Failed {
    process: String,
    what: String,
    task: u32,
    label: String,
    key: String,
}

/// The task that a process rendered before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub index: usize,
    pub number: u32,
}

impl Blaming {
    /// What a run begins with. `run` names it among all runs; `began` is the time in milliseconds since 1970.
    pub fn new(ledger: Ledger, run: String, began: u64, reproduce: Option<Reproduce>) -> Blaming {
        Blaming { ledger, run, began, reproduce, ..Blaming::default() }
    }

    /// Tasks that were not rendered because a plugin of theirs is quarantined.
    pub fn passed(&self) -> u32 {
        self.passed
    }

    fn entry_id(&mut self) -> String {
        self.entries += 1;
        format!("{}-{}", self.run, self.entries)
    }

    fn at(&self, now: Time) -> u64 {
        self.began + u64::try_from(now.as_millis()).expect("a run takes less than 500 million years")
    }
}

impl Supervisor {
    /// Begins to look at tasks anew, with each event.
    pub(super) fn look_again(&mut self) {
        self.blaming.looked_at = 0;
    }

    /// The next task that is not passed over. `None` where there is none for now: where many were passed over, the rest is
    /// looked at after the next event, which comes at once.
    pub(super) fn take_fresh(&mut self, now: Time) -> Option<usize> {
        self.take_unless_passed(now, |supervisor| supervisor.fresh.pop_front())
    }

    /// Likewise, those to be tried again first.
    pub(super) fn take_any(&mut self, now: Time) -> Option<usize> {
        self.take_unless_passed(now, |supervisor| {
            supervisor.retries.pop_front().or_else(|| supervisor.fresh.pop_front())
        })
    }

    fn take_unless_passed(
        &mut self,
        now: Time,
        mut take: impl FnMut(&mut Supervisor) -> Option<usize>,
    ) -> Option<usize> {
        while self.blaming.looked_at < LOOKED_AT {
            let index = take(self)?;
            if !self.passes_over(index) {
                return Some(index);
            }
            self.blaming.looked_at += 1;
        }
        self.start_from = self.start_from.max(now);
        None
    }

    /// Whether a task is not to be rendered, because a plugin of it is quarantined; if so, it is settled here.
    pub(super) fn passes_over(&mut self, index: usize) -> bool {
        let Some((task, against)) = self.quarantined(index) else { return false };
        self.blaming.doubts.remove(&index);
        self.blaming.passed += 1;
        self.blaming.passed_in_streak += 1;
        self.tell(FarmEvent::PassedOver {
            task: task.number,
            label: task.label,
            key: task.key,
            against: Box::new(against),
        });
        true
    }

    /// A task with the quarantined plugin that it uses, if it does.
    pub(super) fn quarantined(&self, index: usize) -> Option<(Task, Accused)> {
        let ledger = &self.blaming.ledger;
        if !ledger.quarantines_any() {
            return None;
        }
        let task = self.tasks.get(index);
        let against = blame::of(&task).into_iter().find(|accused| ledger.is_quarantined(&accused.pair))?;
        let named = ledger.standing(&against.pair).map(|standing| standing.against.clone());
        Some((task, named.unwrap_or(against)))
    }

    /// Strikes whoever is to blame for a failed attempt, as far as that is known yet.
    pub(super) fn hold_against(&mut self, now: Time, ended: &Ended, attempt: &Attempt, mishap: &Mishap) {
        if !blame::is_strike(mishap) {
            return;
        }
        let task = self.tasks.get(attempt.index);
        let process = format!("{}-worker-{}", self.blaming.run, ended.id.0);
        let Identity { number, label, key, .. } = attempt.task.clone();
        let failure = Failed { process, what: mishap.to_string(), task: number, label, key };
        let own = match mishap.phase {
            // Nothing of it was loaded yet.
            None => Vec::new(),
            Some(_) => blame::at_work(blame::of(&task), mishap.device.as_deref(), &ended.names),
        };
        match ended.before {
            Some(before) if attempt.number < self.limits.attempts => {
                self.blaming.doubts.insert(attempt.index, Doubt { own, failure, before });
            }
            Some(_) | None => {
                // It failed alone, so that it did before, too.
                if let Some(doubt) = self.blaming.doubts.remove(&attempt.index) {
                    doubt.own.into_iter().for_each(|own| self.strike(now, own, false, doubt.failure.clone()));
                }
                own.into_iter().for_each(|own| self.strike(now, own, false, failure.clone()));
            }
        }
    }

    /// A task has finished. Where it had failed behind another one, that one is suspect.
    pub(super) fn acquit(&mut self, now: Time, index: usize) {
        self.blaming.streak.clear();
        self.blaming.passed_in_streak = 0;
        if let Some(Doubt { failure, before, .. }) = self.blaming.doubts.remove(&index) {
            let suspects = blame::plugins(blame::of(&self.tasks.get(before.index)));
            suspects.into_iter().for_each(|suspect| self.strike(now, suspect, true, failure.clone()));
        }
    }

    fn strike(&mut self, now: Time, against: Accused, suspected: bool, failure: Failed) {
        let (id, at) = (self.blaming.entry_id(), self.blaming.at(now));
        let Failed { process, what, task, label, key } = failure;
        let reproduce = self.blaming.reproduce.as_ref().map(|reproduce| reproduce.command(task, &key));
        let strike = Strike {
            id: id.clone(),
            at,
            process,
            against: against.clone(),
            suspected,
            what,
            task,
            label,
            key,
            reproduce,
        };
        self.blaming.streak.insert(id);
        let enough = self.blaming.ledger.strike(strike.clone());
        self.actions.push(Action::Blame(Box::new(Blame::Strike(strike.clone()))));
        self.tell(FarmEvent::Struck { strike: Box::new(strike) });
        if enough {
            let id = self.blaming.entry_id();
            self.blaming.streak.insert(id.clone());
            self.blaming.ledger.quarantine(id.clone(), at, &against);
            self.actions.push(Action::Blame(Box::new(Blame::Quarantined { id, at, against: against.clone() })));
            let standing = self.blaming.ledger.standing(&against.pair).expect("it was just struck").clone();
            self.tell(FarmEvent::Quarantined { standing: Box::new(standing) });
        }
    }

    /// The machine is at fault: what was held against devices in this row is lifted, and tasks that were passed over for it
    /// remain to be done.
    pub(super) fn withdraw(&mut self, now: Time) {
        let streak = std::mem::take(&mut self.blaming.streak);
        for (against, entries) in self.blaming.ledger.lift_entries(&streak) {
            let (id, at) = (self.blaming.entry_id(), self.blaming.at(now));
            let lifted = Blame::Lifted { id, at, against, entries, why: Why::MachineAtFault };
            self.actions.push(Action::Blame(Box::new(lifted)));
        }
        self.blaming.passed -= std::mem::take(&mut self.blaming.passed_in_streak);
        self.blaming.doubts.clear();
    }
}
