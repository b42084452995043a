//! What a plugin that reaches for what is none of its business gets, confined and not.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use tonemill_tests::{Place, Ran, built, fixture, fixtures, read_wav, sine};

/// What stands for success in what the intruder sounds.
const SUCCESS: i32 = 256;
const EPERM: i32 = 1;
const EACCES: i32 = 13;

/// A place with a take, and beside it what nobody granted: a file, a socket that somebody listens at, a process.
struct Scene {
    place: Place,
    /// Not in the place, since the job's folder may be read.
    outside: tempfile::TempDir,
    other: Child,
    _listens: std::os::unix::net::UnixListener,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ended = self.other.kill();
        self.other.wait().expect("it can be waited for");
    }
}

impl Scene {
    /// `None`, and a word on standard error, where the system confines nothing.
    fn new() -> Option<Scene> {
        let place = Place::new();
        place.wav("di/take.wav", 48_000, &vec![sine(48_000, 110.0, 0.5, 4800); 2]);
        let strict = place.run(&["plugins", "show", "builtin:gain", "--sandbox", "strict"]);
        if strict.status != Some(0) {
            eprintln!("skipped: this system does not confine workers in full: {}", strict.err);
            return None;
        }
        let outside = tempfile::tempdir().expect("a temporary folder can be made");
        for name in ["secret", "samples/one.wav", "precious"] {
            let path = outside.path().join(name);
            std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("folders can be made");
            std::fs::write(path, "of value").expect("a file can be written");
        }
        let listens = std::os::unix::net::UnixListener::bind(outside.path().join("socket")).expect("a socket");
        let mut other = Command::new("sleep");
        let other = other.arg("600").stdin(Stdio::null()).spawn().expect("sleep starts");
        Some(Scene { place, outside, other, _listens: listens })
    }

    fn outside(&self, name: &str) -> String {
        self.outside.path().join(name).display().to_string()
    }

    fn job(&self, more: &str) {
        let file = fixtures().display().to_string();
        let chain = format!("[{{ clap: \"{file}\", id: org.tonemill.fixture.intruder }}]");
        self.place.write(
            "job.yaml",
            format!(
                "tonemill: 1\ninputs: \"di/*.wav\"\ntones: [{{ name: it, chain: {chain} }}]\n{more}output: {{ path: \"out/take.wav\", bits: 32f, collision: overwrite }}\n"
            ),
        );
    }

    fn run(&self, arguments: &[&str], attempts: &[String]) -> Ran {
        let mut command = self.place.command(arguments);
        // The home that the command knows is the one that plugins must not see.
        command.env("HOME", self.outside.path());
        command.env(tonemill_fixtures::INTRUSIONS_VARIABLE, attempts.join("\n"));
        command.output().expect("the command starts").into()
    }

    /// What came of attempts in a render of the job: [`SUCCESS`], or the number of an error.
    fn outcomes(&self, arguments: &[&str], attempts: &[String]) -> Vec<i32> {
        self.run(&[&["render", "job.yaml", "--workers", "1"], arguments].concat(), attempts).expect(0);
        self.heard("out/take.wav", attempts)
    }

    fn heard(&self, name: &str, attempts: &[String]) -> Vec<i32> {
        let sound = read_wav(&self.place.path(name));
        let outcome = |sample: &f32| (sample * SUCCESS as f32) as i32;
        sound[0][..attempts.len()].iter().map(outcome).collect()
    }

    /// Everything that is none of a plugin's business, with the error that it gets.
    fn intrusions(&self) -> Vec<(String, i32)> {
        let out = |name: &str| self.outside(name);
        let pid = self.other.id();
        vec![
            (format!("read {}", out("secret")), EACCES),
            (format!("list {}", out("")), EACCES),
            (format!("write {}", out("new")), EACCES),
            (format!("write {}", out("precious")), EACCES),
            (format!("truncate {}", out("precious")), EACCES),
            (format!("write {}", self.place.path("di/new").display()), EACCES),
            (format!("write {}", self.place.path("di/take.wav.bak").display()), EACCES),
            ("read /etc/shadow".to_owned(), EACCES),
            (format!("read /proc/{pid}/environ"), EACCES),
            ("listen".to_owned(), EPERM),
            (format!("connect {}", out("socket")), EPERM),
            ("datagram".to_owned(), EPERM),
            (format!("memory {pid}"), EPERM),
            ("unshare".to_owned(), EPERM),
            ("core".to_owned(), EPERM),
            (format!("signal {pid}"), EPERM),
        ]
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}

#[test]
fn a_plugin_cannot_reach_what_is_none_of_its_business_and_could_without_the_sandbox() {
    let Some(mut scene) = Scene::new() else { return };
    scene.job("");
    let (attempts, errors): (Vec<String>, Vec<i32>) = scene.intrusions().into_iter().unzip();
    for level in [["--sandbox", "strict"], ["--sandbox", "auto"]] {
        let outcomes = scene.outcomes(&level, &attempts);
        let told: Vec<_> = attempts.iter().zip(&outcomes).collect();
        assert_eq!(outcomes, errors, "{level:?}: {told:?}");
    }
    assert_eq!(std::fs::read_to_string(scene.outside("precious")).unwrap(), "of value");
    assert!(!Path::new(&scene.outside("new")).exists() && !scene.place.path("di/new").exists());
    assert!(scene.other.try_wait().unwrap().is_none(), "no signal came through");

    let outcomes = scene.outcomes(&["--sandbox", "off"], &attempts);
    for (attempt, outcome) in attempts.iter().zip(outcomes) {
        // What needs rights of root, or cores that the shell allows, may be refused by the system as well.
        let may_fail = attempt == "core" || !is_root() && ["read /etc/shadow", "unshare"].contains(&attempt.as_str());
        assert!(outcome == SUCCESS || may_fail, "{attempt} fails even outside: {outcome}");
    }
    assert_eq!(std::fs::read_to_string(scene.outside("precious")).unwrap(), "");
    assert!(!scene.other.wait().unwrap().success(), "the signal came through");
}

#[test]
fn a_plugin_does_what_plugins_need() {
    let Some(scene) = Scene::new() else { return };
    scene.job("");
    let home = scene.place.path("out/made-by-the-plugin");
    let attempts = [
        "pair".to_owned(),
        "thread".to_owned(),
        "list /usr/share".to_owned(),
        "read /proc/self/status".to_owned(),
        "read /etc/passwd".to_owned(),
        "write /dev/null".to_owned(),
        "execute /bin/true".to_owned(),
        format!("read {}", scene.place.path("di/take.wav").display()),
        format!("write {}", home.display()),
    ];
    assert_eq!(scene.outcomes(&["--sandbox", "strict"], &attempts), [SUCCESS; 9]);
}

#[test]
fn grants_of_jobs_and_presets_open_what_they_name_and_nothing_else() {
    let Some(scene) = Scene::new() else { return };
    let attempts = [
        format!("read {}", scene.outside("samples/one.wav")),
        format!("write {}", scene.outside("samples/two.wav")),
        format!("read {}", scene.outside("precious")),
        format!("write {}", scene.outside("precious")),
        format!("read {}", scene.outside("secret")),
    ];
    let (samples, precious) = (scene.outside("samples"), scene.outside("precious"));
    scene.job(&format!("sandbox: {{ read: [\"{samples}\", \"{precious}\"] }}\n"));
    let read_only = [SUCCESS, EACCES, SUCCESS, EACCES, EACCES];
    assert_eq!(scene.outcomes(&[], &attempts), read_only);

    let keys = |scene: &Scene| -> Vec<String> {
        scene.place.manifest("out/manifest.jsonl").iter().map(|line| line["key"].to_string()).collect()
    };
    let before = keys(&scene);
    scene.job(&format!("sandbox: {{ write: \"{samples}\" }}\n"));
    assert_eq!(scene.outcomes(&[], &attempts), [SUCCESS, SUCCESS, EACCES, EACCES, EACCES]);
    assert_eq!(keys(&scene), before, "a grant is no part of what is rendered");

    // The same of a preset, in a plan that another command renders.
    let file = fixtures().display().to_string();
    scene.place.write(
        "tone.yaml",
        format!("tonemill: 1\nsandbox: {{ read: [\"{samples}\", \"{precious}\"] }}\nchain: [{{ clap: \"{file}\", id: org.tonemill.fixture.intruder }}]\n"),
    );
    scene.place.write(
        "job.yaml",
        "tonemill: 1\ninputs: \"di/*.wav\"\ntones: tone.yaml\noutput: { path: \"out/planned.wav\", bits: 32f }\n",
    );
    scene.run(&["plan", "job.yaml", "-o", "plan.jsonl"], &attempts).expect(0);
    scene.run(&["render", "plan.jsonl"], &attempts).expect(0);
    assert_eq!(scene.heard("out/planned.wav", &attempts), read_only);
    scene
        .run(&["apply", "di/take.wav", "out/applied.wav", "--tone", "tone.yaml", "--bits", "32f"], &attempts)
        .expect(0);
    assert_eq!(scene.heard("out/applied.wav", &attempts), read_only);
}

#[test]
fn a_grant_that_names_nothing_is_told_with_its_place() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &[sine(48_000, 110.0, 0.5, 480)]);
    let job = "tonemill: 1\ninputs: \"di/*.wav\"\ntones: [{ name: it, chain: [] }, tone.yaml]\nsandbox: { read: [none] }\noutput: { path: \"out/{tone}.wav\" }\n";
    place.write("job.yaml", job);
    place.write("tone.yaml", "tonemill: 1\nsandbox: { writes: out }\nchain: []\n");
    place.run(&["render", "job.yaml"]).expect(2).says(&[
        "job.yaml:4:19: there is no file or folder none",
        "tone.yaml:2:12: sandbox has no field \"writes\". Did you mean \"write\"?",
    ]);
}

#[test]
fn an_input_in_the_home_folder_opens_itself_alone() {
    let Some(scene) = Scene::new() else { return };
    scene.job("");
    let take = scene.place.path("di/take.wav");
    std::fs::copy(take, scene.outside("take.wav")).unwrap();
    let job = std::fs::read_to_string(scene.place.path("job.yaml")).unwrap();
    scene.place.write("job.yaml", job.replace("di/*.wav", &scene.outside("take.wav")));
    let attempts = [format!("read {}", scene.outside("take.wav")), format!("read {}", scene.outside("secret"))];
    assert_eq!(scene.outcomes(&[], &attempts), [SUCCESS, EACCES]);
}

#[test]
fn a_question_about_a_file_elsewhere_is_asked_of_a_worker_that_may_open_it() {
    let Some(scene) = Scene::new() else { return };
    let mut chain = String::new();
    for folder in ["first", "second"] {
        let path = scene.outside(&format!("{folder}/ir.wav"));
        std::fs::create_dir(scene.outside(folder)).unwrap();
        std::fs::copy(scene.place.wav("ir.wav", 48_000, &[vec![1.0, 0.5]]), &path).unwrap();
        chain += &format!("  - {{ cabinet: \"{path}\" }}\n");
    }
    scene.place.write("tone.yaml", format!("tonemill: 1\nchain:\n{chain}"));
    scene.run(&["preset", "show", "tone.yaml", "--sandbox", "strict"], &[]).expect(0);
    let apply = ["apply", "di/take.wav", "deep/in/it.wav", "--tone", "tone.yaml", "--sandbox", "strict"];
    scene.run(&apply, &[]).expect(0);
    assert!(scene.place.path("deep/in/it.wav").is_file());
}

/// The levels that a manifest tells, each once.
fn levels(place: &Place) -> Vec<String> {
    let lines = place.manifest("out/manifest.jsonl");
    let mut levels: Vec<String> = lines.iter().map(|line| line["sandbox"].to_string()).collect();
    levels.dedup();
    levels
}

#[test]
fn the_manifest_and_the_report_say_how_far_workers_were_confined() {
    let Some(scene) = Scene::new() else { return };
    scene.job("");
    // A file of the same bytes keeps its line, so that each run begins anew.
    let anew = || std::fs::remove_dir_all(scene.place.path("out")).unwrap_or_default();
    let render = |more: &[&str]| {
        anew();
        scene.run(&[&["render", "job.yaml"], more].concat(), &[]).expect(0)
    };
    let ran = render(&[]);
    assert!(!ran.err.contains("Sandbox") && !ran.err.contains("confined"), "{}", ran.err);
    assert_eq!(levels(&scene.place), ["\"full\""]);
    render(&["--sandbox", "off"]).says(&["Sandbox: off (1 task)."]);
    assert_eq!(levels(&scene.place), ["\"off\""]);

    let without = |barriers: &str, more: &[&str]| -> Ran {
        anew();
        let mut command = scene.place.command(&[&["render", "job.yaml"], more].concat());
        command.env("TONEMILL_SANDBOX_WITHOUT", barriers).output().expect("the command starts").into()
    };
    let ran = without("signals,calls", &[]).expect(0).says(&[
        "warning: plugins are not confined in full here (partial: other processes can be sent signals, sockets can be opened)",
        "Sandbox: partial: other processes can be sent signals, sockets can be opened (1 task).",
    ]);
    assert_eq!(ran.err.matches("not confined in full").count(), 1, "{}", ran.err);
    assert_eq!(levels(&scene.place), [r#"{"partial":{"missing":["signals","calls"]}}"#]);
}

#[test]
fn strict_begins_nothing_where_a_barrier_is_missing() {
    let Some(scene) = Scene::new() else { return };
    scene.job("");
    scene.run(&["plan", "job.yaml", "-o", "plan.jsonl"], &[]).expect(0);
    let show = fixture("gain", "");
    let commands: [&[&str]; 6] = [
        &["render", "job.yaml"],
        &["render", "plan.jsonl"],
        &["apply", "di/take.wav", "x.wav", "--device", "builtin:gain"],
        &["plugins", "show", &show],
        &["plugins", "probe", &show],
        &["plugins", "scan", "--again"],
    ];
    for barrier in ["files", "truncation", "signals", "calls"] {
        for arguments in commands {
            let mut command = scene.place.command(&[arguments, &["--sandbox", "strict"]].concat());
            // The plugin folder must hold something for a scan to ask a worker.
            command.env("CLAP_PATH", built()).env("TONEMILL_SANDBOX_WITHOUT", barrier);
            let ran: Ran = command.output().expect("the command starts").into();
            ran.expect(2).says(&["--sandbox strict: workers cannot be confined in full here (partial: "]);
        }
    }
    assert!(!scene.place.path("out").exists() && !scene.place.path("x.wav").exists());
}

#[test]
fn a_file_has_the_same_bytes_with_and_without_the_sandbox() {
    let Some(scene) = Scene::new() else { return };
    let file = fixtures().display().to_string();
    let tones: String = ["gain", "denormals", "keeps-sound"]
        .iter()
        .map(|id| format!("  - {{ name: {id}, chain: [{{ clap: \"{file}\", id: org.tonemill.fixture.{id} }}] }}\n"))
        .collect();
    let reverb = "  - { name: reverb, chain: [\"builtin:reverb\"] }\n";
    scene.place.write(
        "job.yaml",
        format!("tonemill: 1\ninputs: \"di/*.wav\"\ntones:\n{tones}{reverb}output: {{ path: \"out/{{tone}}.wav\", collision: overwrite }}\n"),
    );
    let files = |level: &str| {
        scene.run(&["render", "job.yaml", "--sandbox", level], &[]).expect(0);
        scene.place.sound_files("out")
    };
    let (confined, free) = (files("strict"), files("off"));
    assert_eq!(confined.len(), 4);
    assert!(confined == free);
}
