//! A worker that renders nothing and misbehaves on request: a task's label says how.

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use jobs::manifest::{Rendered, Timings};
use jobs::message::{Failure, FromWorker, Phase, ToWorker, read_frame, write_frame};
use jobs::task::Task;
use rustix::process::{Signal, getpid, getppid, kill_process, set_parent_process_death_signal};
use serde_json::json;

/// How the process behaves before and beside its tasks.
pub const HABIT: &str = "TONEMILL_TEST_HABIT";

/// Serves until it is told to leave.
pub fn serve() {
    let habit = std::env::var(HABIT).unwrap_or_default();
    match habit.as_str() {
        "leaves at once" => {
            eprintln!("this worker does not like the weather");
            std::process::exit(7);
        }
        "never ready" => sleep_forever(),
        _ => {}
    }
    let mut connection = take_connection();
    let engine = if habit == "other version" { "tonemill 0.0.0" } else { jobs::ENGINE };
    loop {
        say(&mut connection, &FromWorker::Ready { engine: engine.into(), sandbox: jobs::sandbox::Level::Off });
        let Some(request) = read_frame(&mut connection).expect("the farm speaks clearly") else { return };
        match request {
            ToWorker::Render { attempt, task, .. } => render(&mut connection, &task, attempt),
            ToWorker::Exit if habit == "never leaves" => {
                ignore_terminate();
                sleep_forever();
            }
            ToWorker::Exit => return,
            ToWorker::ListBuiltin => say(&mut connection, &FromWorker::Listed { plugins: vec![] }),
            ToWorker::List { path, .. } => {
                list(&mut connection, &path.file_name().expect("a plugin has a name").to_string_lossy());
            }
            ToWorker::Examine { .. }
            | ToWorker::Capture { .. }
            | ToWorker::Probe { .. }
            | ToWorker::ReadPresets { .. } => std::process::abort(),
        }
    }
}

/// The connection, moved away from standard input; dies with the farm.
fn take_connection() -> UnixStream {
    set_parent_process_death_signal(Some(Signal::KILL)).expect("Linux has it");
    let parent = std::env::var(farm::PARENT_VARIABLE).expect("the farm says who it is");
    let actual = getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    assert_eq!(actual.to_string(), parent, "the farm has died already");
    let private = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3).expect("descriptors are left");
    rustix::stdio::dup2_stdin(File::open("/dev/null").expect("it exists")).expect("it is open");
    rustix::stdio::dup2_stdout(std::io::stderr()).expect("it is open");
    UnixStream::from(private)
}

fn say(connection: &mut UnixStream, message: &FromWorker) {
    // A farm that has died cannot be told, and the system is about to say so.
    if write_frame(connection, message).is_err() {
        sleep_forever();
    }
}

fn list(connection: &mut UnixStream, what: &str) {
    say(connection, &FromWorker::Phase { phase: Phase::Load, device: Some(what.into()) });
    match what {
        "crash" => crash(),
        "hang" => sleep_forever(),
        "refuse" => say(connection, &FromWorker::Failed(failure(false))),
        "die after the answer" => {
            say(connection, &FromWorker::Listed { plugins: vec![] });
            std::process::abort();
        }
        "fail after the answer" => {
            say(connection, &FromWorker::Listed { plugins: vec![] });
            say(connection, &FromWorker::Failed(failure(false)));
        }
        "hang after the answer" => {
            say(connection, &FromWorker::Listed { plugins: vec![] });
            say(connection, &FromWorker::Phase { phase: Phase::Destroy, device: Some(what.into()) });
            sleep_forever();
        }
        _ => {
            // One plugin, which is called like the file and has the process for its id.
            let id = std::process::id().to_string();
            let plugin =
                json!({ "format": "clap", "id": id, "name": what, "vendor": "", "version": "", "instrument": false });
            let listed = json!({ "listed": { "plugins": [plugin] } });
            say(connection, &serde_json::from_value(listed).expect("a message"));
        }
    }
}

fn render(connection: &mut UnixStream, task: &Task, attempt: u32) {
    let device = Some("Guest".to_owned());
    let (manner, number) = task.label.split_once(' ').unwrap_or((&task.label, ""));
    let number: u64 = number.parse().unwrap_or(0);
    say(connection, &FromWorker::Phase { phase: Phase::Load, device: device.clone() });
    eprintln!("{manner} in process {}", std::process::id());
    if manner == "hang-load" {
        sleep_forever();
    }
    say(connection, &FromWorker::Phase { phase: Phase::Process, device: device.clone() });
    say(connection, &FromWorker::Progress { done: 1000, total: 2000 });
    match manner {
        "segv" => crash(),
        "segv-in-effect" => {
            leave_position(number, "Effect");
            crash();
        }
        "hang-in-effect" => {
            leave_position(number, "Effect");
            sleep_forever();
        }
        "segv-half-written" => {
            half_write(task);
            crash();
        }
        "hang-half-written" => {
            half_write(task);
            say(connection, &FromWorker::Progress { done: 1500, total: 2000 });
            sleep_forever();
        }
        "refuse-half-written" => {
            half_write(task);
            return say(connection, &FromWorker::Failed(failure(false)));
        }
        "in-effect" => leave_position(number, "Effect"),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(i32::try_from(number).expect("a status")),
        "hang" => sleep_forever(),
        "segv-once" if attempt == 1 => crash(),
        "kill" => kill_process(getpid(), Signal::KILL).expect("oneself can be killed"),
        "refuse" => return say(connection, &FromWorker::Failed(failure(false))),
        "full" => return say(connection, &FromWorker::Failed(failure(true))),
        "garbage" => {
            connection.write_all(b"\x07\x00\x00\x00garbage and more of it").expect("it is sent");
            sleep_forever();
        }
        "oversize" => {
            connection.write_all(&[0xff; 8]).expect("it is sent");
            sleep_forever();
        }
        "half" => {
            connection.write_all(&[200, 0, 0, 0, b'{']).expect("it is sent");
            std::process::exit(0);
        }
        "close" => {
            connection.shutdown(std::net::Shutdown::Both).expect("it is open");
            sleep_forever();
        }
        "babble" => babble(),
        "heir" => {
            // It holds standard error open, and is in the same group.
            start_heir(Command::new("sleep").arg("600"));
            std::process::abort();
        }
        "escaped-heir" => {
            start_heir(Command::new("setsid").args(["sleep", "600"]));
            // It has to have left the group before the group is killed.
            std::thread::sleep(Duration::from_millis(500));
            std::process::abort();
        }
        "slow" => {
            for done in 0..number {
                std::thread::sleep(Duration::from_millis(100));
                say(connection, &FromWorker::Progress { done: 1001 + done, total: 2000 });
            }
        }
        _ => std::thread::sleep(Duration::from_millis(number)),
    }
    publish(task);
    let timings = Timings::default();
    let rendered = Box::new(Rendered {
        files: vec![],
        devices: vec![],
        stems_differ: None,
        input: None,
        annotations: Vec::new(),
        warnings: vec![],
        timings,
        strict: None,
        sandbox: None,
    });
    say(connection, &FromWorker::Finished { rendered });
    say(connection, &FromWorker::Phase { phase: Phase::Destroy, device });
    match manner {
        "die-after" => std::process::abort(),
        "hang-after" => sleep_forever(),
        _ => {}
    }
}

fn publish(task: &Task) {
    half_write(task);
    for output in &task.outputs {
        std::fs::rename(task.output_partial(&output.path), &output.path).expect("it can be renamed");
    }
}

fn half_write(task: &Task) {
    for output in &task.outputs {
        std::fs::write(task.output_partial(&output.path), &task.key).expect("it can be written");
    }
}

fn leave_position(frame: u64, device: &str) {
    let path = std::env::var_os(jobs::position::VARIABLE).expect("the farm names the file");
    let (record, length) = jobs::position::encode(frame, device);
    std::fs::write(path, &record[..length]).expect("it can be written");
}

fn failure(stop_run: bool) -> Failure {
    let reason = "the fake cannot do this. Ask another.".into();
    Failure { phase: Phase::Write, device: None, at_seconds: None, reason, retry: stop_run, stop_run }
}

fn crash() {
    // The standard library's own handler takes the first one for a fault, finds none and steps back.
    loop {
        kill_process(getpid(), Signal::SEGV).expect("oneself can be killed");
    }
}

fn babble() {
    let line = "x".repeat(1000);
    for _ in 0..4000 {
        println!("{line}");
    }
    println!("the last of the babble");
    std::process::abort();
}

// Whoever starts an heir dies at once, so that nobody could wait for it.
#[allow(clippy::zombie_processes)]
fn start_heir(command: &mut Command) {
    let heir = command.stdin(Stdio::null()).spawn().expect("the program exists");
    eprintln!("heir {}", heir.id());
}

fn ignore_terminate() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it can be built");
        runtime.block_on(async {
            let kind = tokio::signal::unix::SignalKind::terminate();
            let mut terminate = tokio::signal::unix::signal(kind).expect("it can be handled");
            while terminate.recv().await.is_some() {}
        });
    });
}

fn sleep_forever() {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
