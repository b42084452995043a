//! What is carried, without any process.

use std::sync::Mutex;

use jobs::manifest::Timings;
use serde_json::json;

use super::*;
use crate::capture::Capture;
use crate::exit::Exit;

const WORKER: WorkerId = WorkerId(1);

/// Carries nothing, and says what it was asked for.
#[derive(Default)]
struct Told {
    asked: Mutex<Vec<String>>,
    /// Dropped with the attempt.
    token: Arc<()>,
    fails: bool,
    local: bool,
}

fn refusal() -> Failure {
    let reason = "the network is away. Try again.".to_owned();
    Failure { phase: Phase::Write, device: None, at_seconds: None, reason, retry: true, stop_run: false }
}

impl Carrier for Told {
    fn bring(&self, task: &Task) -> Result<Option<Brought>, Failure> {
        self.asked.lock().unwrap().push(format!("bring {}", task.number));
        if self.fails {
            return Err(refusal());
        }
        let mut here = task.clone();
        here.label = "here".to_owned();
        Ok((!self.local).then(|| Brought { task: Box::new(here), held: Box::new(self.token.clone()) }))
    }

    fn take(&self, task: &Task, brought: &Brought, mut rendered: Rendered) -> Result<Rendered, Failure> {
        self.asked.lock().unwrap().push(format!("take {} of {}", task.label, brought.task.label));
        rendered.warnings.push("taken".to_owned());
        if self.fails { Err(refusal()) } else { Ok(rendered) }
    }
}

fn task() -> Task {
    serde_json::from_value(json!({
        "number": 7,
        "label": "there",
        "key": "key",
        "audio": { "sample_rate": 1000, "block_size": 64 },
        "render": { "tone": { "input": { "file": "/in.wav" }, "tone": "t", "chain": [] } },
        "outputs": [],
        "sources": [],
    }))
    .unwrap()
}

fn render() -> ToWorker {
    ToWorker::Render { attempt: 2, last: true, warm: vec![1], task: Box::new(task()) }
}

fn finished() -> Happening {
    let rendered = Rendered {
        files: vec![],
        devices: vec![],
        stems_differ: None,
        input: None,
        annotations: vec![],
        warnings: vec![],
        timings: Timings::default(),
        strict: None,
        sandbox: None,
    };
    Happening::Said(Box::new(FromWorker::Finished { rendered: Box::new(rendered) }))
}

fn ended() -> Happening {
    Happening::Ended(Exit::Status(0), Capture::default())
}

/// What the next thread has done comes of it.
fn next(carriage: &mut Carriage, done: &mut mpsc::UnboundedReceiver<Carried>) -> Option<Outcome> {
    carriage.on_carried(done.blocking_recv().expect("the carriage lives"))
}

#[test]
fn a_worker_gets_the_task_as_it_is_here_and_its_word_waits_until_all_is_taken() {
    let carrier = Arc::new(Told::default());
    let (mut carriage, mut done) = Carriage::new(Some(carrier.clone()));
    assert_eq!(carriage.send(WORKER, ToWorker::Exit), Some(ToWorker::Exit));
    assert_eq!(carriage.send(WORKER, render()), None);
    assert!(carriage.is_busy());
    let Some(Outcome::Send(WORKER, ToWorker::Render { attempt: 2, last: true, warm, task })) =
        next(&mut carriage, &mut done)
    else {
        panic!("it was to be sent")
    };
    assert_eq!((task.label.as_str(), warm), ("here", vec![1]));
    assert!(!carriage.is_busy() && Arc::strong_count(&carrier.token) == 2);
    let progress = Happening::Said(Box::new(FromWorker::Progress { done: 1, total: 2 }));
    assert!(carriage.pass(WORKER, progress).is_some(), "what it says at work passes");
    assert!(carriage.pass(WORKER, finished()).is_none());
    assert!(carriage.pass(WORKER, ended()).is_none(), "its end waits too");
    let signs = carriage.signs_of_life();
    assert_eq!(signs, [(WORKER, FromWorker::Phase { phase: Phase::Write, device: None })]);
    let Some(Outcome::Said(WORKER, said, later)) = next(&mut carriage, &mut done) else { panic!("it was to be said") };
    assert!(matches!(*said, FromWorker::Finished { rendered } if rendered.warnings == ["taken"]));
    assert_eq!(later.len(), 1);
    assert_eq!(*carrier.asked.lock().unwrap(), ["bring 7", "take there of here"]);
    assert_eq!(Arc::strong_count(&carrier.token), 1, "what was held is let go");
    assert!(carriage.pass(WORKER, ended()).is_some(), "nothing is carried any more");
}

#[test]
fn what_cannot_be_brought_or_taken_is_the_attempts_failure() {
    let (mut carriage, mut done) = Carriage::new(Some(Arc::new(Told { fails: true, ..Told::default() })));
    assert_eq!(carriage.send(WORKER, render()), None);
    let Some(Outcome::Said(WORKER, said, _)) = next(&mut carriage, &mut done) else { panic!("it was to be said") };
    assert_eq!(*said, FromWorker::Failed(refusal()));
    assert!(!carriage.is_busy());
}

#[test]
fn a_task_with_nothing_to_carry_goes_as_it_is() {
    let carrier = Arc::new(Told { local: true, ..Told::default() });
    let (mut carriage, mut done) = Carriage::new(Some(carrier.clone()));
    assert_eq!(carriage.send(WORKER, render()), None);
    let Some(Outcome::Send(WORKER, message)) = next(&mut carriage, &mut done) else { panic!("it was to be sent") };
    assert_eq!(message, render());
    assert!(carriage.pass(WORKER, finished()).is_some(), "nothing is taken away");
    let (mut none, _) = Carriage::new(None);
    assert_eq!(none.send(WORKER, render()), Some(render()));
}

#[test]
fn what_was_carried_for_a_worker_that_is_gone_comes_to_nothing() {
    let (mut carriage, mut done) = Carriage::new(Some(Arc::new(Told::default())));
    assert_eq!(carriage.send(WORKER, render()), None);
    assert!(carriage.pass(WORKER, ended()).is_some(), "an end while bringing passes");
    assert!(next(&mut carriage, &mut done).is_none());

    assert_eq!(carriage.send(WORKER, render()), None);
    assert!(next(&mut carriage, &mut done).is_some());
    assert!(carriage.pass(WORKER, finished()).is_none());
    assert!(carriage.pass(WORKER, ended()).is_none());
    assert_eq!(carriage.give_up(WORKER).len(), 1, "a killed worker's end does not wait");
    assert!(next(&mut carriage, &mut done).is_none());
    assert!(!carriage.is_busy());
}
