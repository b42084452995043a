//! Brings what tasks read from elsewhere before a worker gets them, and takes away what they wrote before they count as
//! finished. Workers see local files only; the supervisor sees a worker that loads a little longer and writes a little
//! longer.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jobs::manifest::Rendered;
use jobs::message::{Failure, FromWorker, Phase, ToWorker};
use jobs::task::Task;
use tokio::sync::mpsc;

use crate::event::WorkerId;
use crate::process::Happening;

/// How often the supervisor is told that something is still under way.
pub(crate) const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Carries files between their places and this machine. Its calls may take long and come from threads of their own, several
/// at once.
pub trait Carrier: Send + Sync {
    /// The task with paths on this machine, and what is dropped once the attempt is over. `None` where all its paths are
    /// local anyway: such a task is never handed to [`take`](Carrier::take).
    fn bring(&self, task: &Task) -> Result<Option<Brought>, Failure>;

    /// Takes what a worker wrote to where the task has it, complete or not at all. `rendered` names the files that
    /// [`bring`](Carrier::bring) made of the outputs, and comes back with those of the task.
    fn take(&self, task: &Task, brought: &Brought, rendered: Rendered) -> Result<Rendered, Failure>;
}

/// A task on this machine.
pub struct Brought {
    /// With local paths.
    pub task: Box<Task>,
    /// What keeps its files there.
    pub held: Box<dyn Any + Send + Sync>,
}

/// What a thread that carries has done.
pub(crate) enum Carried {
    Brought(WorkerId, u64, Result<Option<Brought>, Failure>),
    Taken(WorkerId, u64, Result<Box<Rendered>, Failure>),
}

/// What comes of it.
pub(crate) enum Outcome {
    /// Send this to the worker.
    Send(WorkerId, ToWorker),
    /// The worker said this, and did this afterwards.
    Said(WorkerId, Box<FromWorker>, VecDeque<Happening>),
}

/// All that is being carried.
pub(crate) struct Carriage {
    carrier: Option<Arc<dyn Carrier>>,
    under_way: HashMap<WorkerId, Load>,
    tell: mpsc::UnboundedSender<Carried>,
    begun: u64,
}

struct Load {
    number: u64,
    task: Box<Task>,
    stage: Stage,
}

enum Stage {
    Bringing {
        attempt: u32,
        last: bool,
        warm: Vec<u32>,
    },
    AtWork(Arc<Brought>),
    /// What the worker does meanwhile is kept for later.
    Taking(VecDeque<Happening>),
}

impl Carriage {
    /// One that carries as `carrier` does, nothing where there is none, and where its threads report.
    pub fn new(carrier: Option<Arc<dyn Carrier>>) -> (Carriage, mpsc::UnboundedReceiver<Carried>) {
        let (tell, done) = mpsc::unbounded_channel();
        (Carriage { carrier, under_way: HashMap::new(), tell, begun: 0 }, done)
    }

    /// Begins to bring what a message's task needs. Gives the message back where it can be sent as it is.
    pub fn send(&mut self, worker: WorkerId, message: ToWorker) -> Option<ToWorker> {
        let (carrier, stage, task) = match (&self.carrier, message) {
            (Some(carrier), ToWorker::Render { attempt, last, warm, task }) => {
                (carrier.clone(), Stage::Bringing { attempt, last, warm }, task)
            }
            (_, message) => return Some(message),
        };
        self.begun += 1;
        let (number, tell, of_thread) = (self.begun, self.tell.clone(), task.clone());
        self.under_way.insert(worker, Load { number, task, stage });
        // Nobody listens any more where the run is over.
        std::thread::spawn(move || drop(tell.send(Carried::Brought(worker, number, carrier.bring(&of_thread)))));
        None
    }

    /// What a worker does, unless it has to wait until its files are taken away.
    pub fn pass(&mut self, worker: WorkerId, happening: Happening) -> Option<Happening> {
        let Some(load) = self.under_way.get_mut(&worker) else { return Some(happening) };
        match (&mut load.stage, happening) {
            (Stage::Taking(later), happening) => later.push_back(happening),
            (Stage::AtWork(brought), Happening::Said(said)) => match *said {
                FromWorker::Finished { rendered } => {
                    let (brought, task, number) = (brought.clone(), load.task.clone(), load.number);
                    let (carrier, tell) = (self.carrier.clone().expect("it has brought this"), self.tell.clone());
                    load.stage = Stage::Taking(VecDeque::new());
                    std::thread::spawn(move || {
                        let taken = carrier.take(&task, &brought, *rendered).map(Box::new);
                        drop(brought);
                        drop(tell.send(Carried::Taken(worker, number, taken)));
                    });
                }
                failed @ FromWorker::Failed(_) => {
                    self.under_way.remove(&worker);
                    return Some(Happening::Said(Box::new(failed)));
                }
                said => return Some(Happening::Said(Box::new(said))),
            },
            (_, ended @ Happening::Ended(..)) => {
                self.under_way.remove(&worker);
                return Some(ended);
            }
            (_, happening) => return Some(happening),
        }
        None
    }

    /// Gives up what is carried for a worker that is killed. Gives what it did meanwhile.
    pub fn give_up(&mut self, worker: WorkerId) -> VecDeque<Happening> {
        match self.under_way.remove(&worker) {
            Some(Load { stage: Stage::Taking(later), .. }) => later,
            _ => VecDeque::new(),
        }
    }

    /// What comes of what a thread has done; nothing where it was given up in the meantime.
    pub fn on_carried(&mut self, carried: Carried) -> Option<Outcome> {
        let (Carried::Brought(worker, number, _) | Carried::Taken(worker, number, _)) = &carried;
        let worker = *worker;
        let load = self.under_way.get_mut(&worker).filter(|load| load.number == *number)?;
        let failed = |failure| Box::new(FromWorker::Failed(failure));
        match (carried, &mut load.stage) {
            (Carried::Brought(_, _, Ok(brought)), Stage::Bringing { attempt, last, warm }) => {
                let (attempt, last, warm) = (*attempt, *last, std::mem::take(warm));
                let task = match brought {
                    Some(brought) => {
                        let task = brought.task.clone();
                        load.stage = Stage::AtWork(Arc::new(brought));
                        task
                    }
                    None => self.under_way.remove(&worker)?.task,
                };
                Some(Outcome::Send(worker, ToWorker::Render { attempt, last, warm, task }))
            }
            (Carried::Brought(_, _, Err(failure)), _) => {
                self.under_way.remove(&worker);
                Some(Outcome::Said(worker, failed(failure), VecDeque::new()))
            }
            (Carried::Taken(_, _, taken), Stage::Taking(later)) => {
                let later = std::mem::take(later);
                self.under_way.remove(&worker);
                let said = match taken {
                    Ok(rendered) => Box::new(FromWorker::Finished { rendered }),
                    Err(failure) => failed(failure),
                };
                Some(Outcome::Said(worker, said, later))
            }
            (Carried::Brought(..) | Carried::Taken(..), _) => None,
        }
    }

    /// Whether anything is being carried.
    pub fn is_busy(&self) -> bool {
        self.under_way.values().any(|load| !matches!(load.stage, Stage::AtWork(_)))
    }

    /// Of each worker that waits for what is carried, that it is alive.
    pub fn signs_of_life(&self) -> Vec<(WorkerId, FromWorker)> {
        let sign = |(worker, load): (&WorkerId, &Load)| {
            let phase = match load.stage {
                Stage::Bringing { .. } => Phase::Load,
                Stage::Taking(_) => Phase::Write,
                Stage::AtWork(_) => return None,
            };
            Some((*worker, FromWorker::Phase { phase, device: None }))
        };
        self.under_way.iter().filter_map(sign).collect()
    }
}

#[cfg(test)]
mod tests;
