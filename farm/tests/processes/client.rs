//! Questions to one worker.

use std::time::Duration;

use farm::{Cause, Client, SignalName};
use jobs::message::{FromWorker, Phase, PluginFormat, ToWorker};
use libtest_mimic::Trial;

use crate::stage::{Stage, read};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        one_process_answers_many_questions_and_leaves_with_the_client,
        a_crash_is_reported_and_the_next_question_gets_a_fresh_process,
        a_hang_ends_after_the_load_limit,
        a_refusal_carries_the_workers_words,
        a_worker_that_died_between_questions_is_replaced_unseen,
        what_a_worker_does_after_its_answer_is_not_held_against_the_next_question,
        a_worker_that_cannot_start_is_reported_with_its_words,
        a_client_outlives_the_thread_that_made_it,
    ]
}

fn client(stage: &Stage) -> Client {
    Client::new(stage.command(), stage.limits.clone(), stage.state()).unwrap()
}

fn list(client: &mut Client, what: &str) -> Result<FromWorker, Box<farm::Mishap>> {
    client.ask(ToWorker::List { format: PluginFormat::Clap, path: what.into() })
}

fn is_listed(answer: &Result<FromWorker, Box<farm::Mishap>>) -> bool {
    matches!(answer, Ok(FromWorker::Listed { .. }))
}

fn one_process_answers_many_questions_and_leaves_with_the_client() {
    let stage = Stage::new();
    let mut client = client(&stage);
    assert!(stage.marked().is_empty(), "nothing was asked yet");
    assert!(is_listed(&client.ask(ToWorker::ListBuiltin)));
    let first = stage.marked();
    assert_eq!(first.len(), 1);
    assert!((0..20).all(|_| is_listed(&list(&mut client, "anything"))));
    assert_eq!(stage.marked(), first);
    drop(client);
    stage.assert_nothing_is_left();
}

fn a_crash_is_reported_and_the_next_question_gets_a_fresh_process() {
    let stage = Stage::new();
    let mut client = client(&stage);
    let mishap = list(&mut client, "crash").unwrap_err();
    assert_eq!(mishap.cause, Cause::Crashed { signal: SignalName("SIGSEGV".into()) });
    assert_eq!((mishap.phase, mishap.device.as_deref()), (Some(Phase::Load), Some("crash")));
    assert_eq!(mishap.to_string(), "the device \"crash\" crashed (SIGSEGV) while loading");
    assert!(is_listed(&list(&mut client, "anything")));
    drop(client);
    stage.assert_nothing_is_left();
}

fn a_hang_ends_after_the_load_limit() {
    let mut stage = Stage::new();
    stage.limits.load = Duration::from_secs(2);
    let mut client = client(&stage);
    let mishap = list(&mut client, "hang").unwrap_err();
    assert!(matches!(mishap.cause, Cause::Hung { seconds } if seconds >= 2.0), "{mishap}");
    assert!(stage.marked().is_empty(), "it was killed");
    assert!(is_listed(&list(&mut client, "anything")));
}

fn a_refusal_carries_the_workers_words() {
    let stage = Stage::new();
    let mut client = client(&stage);
    let mishap = list(&mut client, "refuse").unwrap_err();
    assert_eq!(mishap.to_string(), "while writing: the fake cannot do this. Ask another");
    assert!(!mishap.retryable);
    assert!(is_listed(&list(&mut client, "anything")));
}

fn a_worker_that_died_between_questions_is_replaced_unseen() {
    let stage = Stage::new();
    let mut client = client(&stage);
    for _ in 0..5 {
        assert!(is_listed(&list(&mut client, "die after the answer")));
    }
}

fn what_a_worker_does_after_its_answer_is_not_held_against_the_next_question() {
    let mut stage = Stage::new();
    stage.limits.load = Duration::from_secs(2);
    let mut client = client(&stage);
    for _ in 0..2 {
        assert!(is_listed(&list(&mut client, "fail after the answer")));
        assert!(is_listed(&list(&mut client, "hang after the answer")));
    }
    assert!(is_listed(&list(&mut client, "anything")));
}

fn a_worker_that_cannot_start_is_reported_with_its_words() {
    let mut stage = Stage::new();
    stage.habit = "leaves at once";
    let mut client = client(&stage);
    let mishap = client.ask(ToWorker::ListBuiltin).unwrap_err();
    assert_eq!(mishap.to_string(), "no worker could be started: its process ended with status 7 before it was ready");
    assert_eq!(mishap.stderr, ["this worker does not like the weather"]);
    assert_eq!(read(mishap.log.as_ref().unwrap()), "this worker does not like the weather\n");
    drop(client);
    stage.assert_nothing_is_left();
}

fn a_client_outlives_the_thread_that_made_it() {
    let stage = Stage::new();
    let (command, limits, state) = (stage.command(), stage.limits.clone(), stage.state());
    let elsewhere = std::thread::spawn(move || {
        let mut client = Client::new(command, limits, state).unwrap();
        assert!(is_listed(&client.ask(ToWorker::ListBuiltin)));
        client
    });
    let mut client = elsewhere.join().unwrap();
    let before = stage.marked();
    assert!(is_listed(&client.ask(ToWorker::ListBuiltin)));
    assert_eq!(stage.marked(), before, "the worker died with that thread");
}
