//! Files in object stores, of which a folder stands in for one.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::bench::Bench;
use crate::fetch::{FetchError, Fetcher, Local};

/// A folder whose folders are buckets.
#[derive(Debug)]
struct Buckets(PathBuf);

impl Buckets {
    fn place(&self, url: &Path) -> PathBuf {
        self.0.join(url.to_str().unwrap().strip_prefix("s3://").expect("it is a whole name"))
    }
}

impl Fetcher for Buckets {
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, FetchError> {
        let mut found = Vec::new();
        let mut folders = vec![self.place(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                let name = format!("s3://{}", path.strip_prefix(&self.0).unwrap().display());
                if path.is_dir() { folders.push(path) } else { found.push(name.into()) }
            }
        }
        Ok(found)
    }

    fn fetch(&self, url: &Path) -> Result<Local, FetchError> {
        let path = self.place(url);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Local::held(path, blake3::hash(&bytes).to_hex().to_string(), Box::new(()))),
            Err(_) => Err(FetchError::Missing(url.display().to_string())),
        }
    }

    fn refusal(&self) -> Option<String> {
        None
    }
}

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.fetcher = Rc::new(Buckets(bench.path("")));
    for file in ["in/di/a.wav", "in/di/b.wav", "in/di/deep/c.wav", "in/ir/room.wav", "in/.hidden/d.wav"] {
        bench.wav(file, 1, 480 + file.len() as u16);
    }
    bench.write("in/di/a.lab", "0.0 0.005 a\n");
    bench
}

fn tones(files: &str, ir: &str, output: &str) -> String {
    format!(
        "tonemill: 1\ninputs: {{ di: {{ {files} }} }}\ntones: [{{ name: x, chain: [{{ cabinet: \"{ir}\" }}] }}]\n\
         output: {{ path: \"{output}\" }}\n"
    )
}

#[test]
fn a_job_in_a_store_has_the_keys_of_the_same_job_on_disk_and_names_in_its_plan() {
    let bench = bench();
    let local = tones("files: \"in/di/{id}.wav\"", "in/ir/room.wav", "out/{id}.wav");
    let stored = tones("files: \"s3://in/di/{id}.wav\"", "s3://in/ir/room.wav", "s3://out/x/{id}.wav");
    let (local, stored) = (bench.plan(&local).unwrap(), bench.plan_into(&stored, None).unwrap());
    let keys = |tasks: &[crate::task::Task]| tasks.iter().map(|task| task.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&local.tasks), keys(&stored.tasks));
    assert_eq!(stored.tasks.len(), 2);
    assert_eq!(stored.header.output_root, Path::new("s3://out/x"));
    let task = &stored.tasks[0];
    assert_eq!(task.outputs[0].path.to_str(), Some("s3://out/x/a.wav"));
    let sources: Vec<&str> = task.sources.iter().map(|source| source.path.as_str()).collect();
    assert_eq!(sources, ["s3://in/di/a.wav", "s3://in/ir/room.wav"]);
    let mut read = Vec::new();
    task.clone().for_each_file(&mut |path| read.push(path.display().to_string()));
    assert_eq!(read, sources);
}

#[test]
fn patterns_in_a_store_find_what_they_find_on_disk() {
    let bench = bench();
    for (pattern, found) in [
        ("s3://in/**/*.wav", "s3://in/di/a.wav s3://in/di/b.wav s3://in/di/deep/c.wav s3://in/ir/room.wav"),
        ("s3://in/*/{id}.wav", "s3://in/di/a.wav s3://in/di/b.wav s3://in/ir/room.wav"),
        ("s3://in/di/deep/c.wav", "s3://in/di/deep/c.wav"),
    ] {
        let job = tones(&format!("files: \"{pattern}\""), "in/ir/room.wav", "out/{input}.wav");
        let plan = bench.plan(&job).unwrap();
        let inputs: Vec<&str> = plan.tasks.iter().map(|task| task.sources[0].path.as_str()).collect();
        assert_eq!(inputs.join(" "), found, "{pattern}");
    }
}

#[test]
fn what_a_list_in_a_store_names_lies_beside_it() {
    let bench = bench();
    bench.write("in/lists/takes.csv", "file,id\n../di/a.wav,a\ns3://in/di/b.wav,b\n");
    let job = tones("list: \"s3://in/lists/takes.csv\"", "s3://in/ir/room.wav", "out/{id}.wav");
    let plan = bench.plan(&job).unwrap();
    let inputs: Vec<&str> = plan.tasks.iter().map(|task| task.sources[0].path.as_str()).collect();
    assert_eq!(inputs, ["s3://in/di/a.wav", "s3://in/di/b.wav"]);
}

#[test]
fn what_is_missing_in_a_store_is_told_where_it_is_written() {
    let bench = bench();
    let told = |job: &str| bench.plan(job).unwrap_err();
    let missing = told(&tones("files: \"s3://in/di/{id}.wav\"", "s3://in/ir/no.wav", "out/{id}.wav"));
    assert_eq!(missing, "job.yaml:3:39: cannot use the ir file: there is no object s3://in/ir/no.wav. Check its name.");
    let missing = told(&tones("files: \"s3://in/no/{id}.wav\"", "in/ir/room.wav", "out/{id}.wav"));
    assert_eq!(
        missing,
        "job.yaml:2:24: \"s3://in/no/{id}.wav\" finds no recording. No object below s3://in/no has such a name."
    );
    let beside = "files: \"s3://in/di/{id}.wav\", annotations: \"s3://in/di/{id}.lab\"";
    let missing = told(&tones(beside, "in/ir/room.wav", "out/{id}.wav"));
    assert!(missing.contains("s3://in/di/b.wav has no annotation s3://in/di/b.lab. Check its name."), "{missing}");
}

#[test]
fn outputs_in_a_store_do_not_replace_what_is_read_there() {
    let bench = bench();
    let told = bench
        .plan_into(&tones("files: \"s3://in/di/{id}.wav\"", "in/ir/room.wav", "s3://in/di/{id}.wav"), None)
        .unwrap_err();
    assert!(told.contains("s3://in/di/a.wav would be replaced, and it is read"), "{told}");
    let mut bench = bench;
    bench.fetcher = Rc::new(crate::fetch::LocalOnly);
    let told =
        bench.plan_into(&tones("files: \"in/di/{id}.wav\"", "in/ir/room.wav", "s3://out/{id}.wav"), None).unwrap_err();
    assert!(told.starts_with("job.yaml:4:17: cannot write to s3://out: this tonemill is built without"), "{told}");
}
