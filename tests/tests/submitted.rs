//! What is handed to clusters, without one.

use tonemill_tests::{Place, sine};

fn job(place: &Place) {
    place.wav("di/take.wav", 48_000, &[sine(48_000, 110.0, 0.5, 4800)]);
    let output = "{ path: \"out/{tone}/{id}.wav\" }";
    let tones = "[{ name: t, chain: [{ gain: -6 dB }] }]";
    place.write(
        "my job.yaml",
        format!("tonemill: 1\ninputs: {{ di: \"di/{{id}}.wav\" }}\ntones: {tones}\noutput: {output}\n"),
    );
}

#[test]
fn a_script_is_printed_and_not_submitted() {
    let place = Place::new();
    job(&place);
    let ran = place.run(&["submit", "slurm", "my job.yaml", "--print", "--shards", "7", "--time", "2:00:00"]).expect(0);
    assert!(ran.out.starts_with("#!/bin/bash\n") && ran.out.contains("\n#SBATCH --array=1-7\n"), "{}", ran.out);
    assert!(ran.out.contains("\n#SBATCH --signal=B:USR1@120\n"), "{}", ran.out);
    let kept = std::fs::read_to_string(place.path("my job-plan/slurm/render.sbatch")).unwrap();
    assert_eq!(kept, ran.out);
    assert!(ran.err.contains("Not submitted") && ran.err.contains("afterany"), "{}", ran.err);
    // The plan stands now, and can be handed over by itself.
    let again =
        place.run(&["submit", "slurm", "my job-plan", "--print", "--shards", "7", "--time", "2:00:00"]).expect(0);
    assert_eq!(again.out, ran.out);
}

#[test]
fn a_machine_without_sbatch_says_where_to_go() {
    let place = Place::new();
    job(&place);
    let mut command = place.command(&["submit", "slurm", "my job.yaml"]);
    let output = command.env("PATH", place.path("")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no sbatch here") && said.contains("render.sbatch"), "{said}");
}

#[test]
fn mistakes_are_told_before_anything_is_submitted() {
    let place = Place::new();
    job(&place);
    let no = |arguments: &[&str], words: &str| {
        let ran = place.run(&[&["submit", "slurm", "my job.yaml", "--print"], arguments].concat()).expect(2);
        assert!(ran.err.contains(words), "{arguments:?}: {}", ran.err);
        assert!(!place.path("my job-plan").exists(), "{arguments:?}");
    };
    no(&["--time", "soon"], "H:MM:SS");
    no(&["--memory", "lots"], "16G");
    no(&["--plan", "plan.jsonl"], "plan folder");
    no(&["--", "--load-timeout", "never"], "handed to `tonemill run`");
    no(&["--", "--nonsense"], "--nonsense");
    let ran = place.run(&["submit", "slurm", "my job.yaml", "--print", "--sbatch=--comment=a\nb"]).expect(2);
    assert!(ran.err.contains("control characters"), "{}", ran.err);
    let ran = place.run(&["submit", "slurm", "my job-plan", "--out", "elsewhere", "--print"]).expect(2);
    assert!(ran.err.contains("is a plan already"), "{}", ran.err);
}

mod kubernetes {
    use k8s_openapi::api::batch::v1::Job;

    use super::*;

    fn print(place: &Place, more: &[&str]) -> tonemill_tests::Ran {
        let begin = ["submit", "k8s", "my job.yaml", "--print", "--image", "example.org/tonemill:1", "--shards", "5"];
        place.run(&[&begin[..], more].concat())
    }

    #[test]
    fn a_job_is_what_kubernetes_types_read() {
        let place = Place::new();
        job(&place);
        let claim = format!("audio={}", place.path("").display());
        let ran = print(
            &place,
            &["--claim", &claim, "--memory", "8G", "--cpus", "2", "--", "--strict", "--max-failures-in-a-row", "5"],
        )
        .expect(0);
        let job: Job = serde_yaml_ng::from_str(&ran.out).unwrap();
        // What it does not know, it would pass over; so it is written again, and nothing may be missing.
        let value: serde_json::Value = serde_yaml_ng::from_str(&ran.out).unwrap();
        assert_eq!(serde_json::to_value(&job).unwrap(), value);
        assert_eq!(job.metadata.name.as_deref(), Some("tonemill-my-job"));
        let spec = job.spec.unwrap();
        assert_eq!((spec.completions, spec.completion_mode.as_deref()), (Some(5), Some("Indexed")));
        let pod = spec.template.spec.unwrap();
        assert_eq!(pod.restart_policy.as_deref(), Some("Never"));
        let container = &pod.containers[0];
        let plan = place.path("").canonicalize().unwrap().join("my job-plan");
        let arguments = container.args.as_ref().unwrap();
        assert_eq!(
            arguments,
            &["run", plan.to_str().unwrap(), "--workers", "2", "--strict", "--max-failures-in-a-row", "5"]
        );
        let variable = &container.env.as_ref().unwrap()[0];
        assert_eq!((variable.name.as_str(), variable.value.as_deref()), ("TONEMILL_SHARDS", Some("5")));
        assert!(pod.termination_grace_period_seconds.unwrap() > 30, "the drain takes so long");
        // The policy names the container that there is.
        for rule in spec.pod_failure_policy.unwrap().rules {
            let named = rule.on_exit_codes.and_then(|codes| codes.container_name);
            assert!(named.is_none_or(|name| name == container.name));
        }
        assert!(ran.out.contains("has not yet been run on a cluster"), "{}", ran.out);
        let help = place.run(&["submit", "k8s", "--help"]).expect(0);
        assert!(help.out.contains("not yet been run on a cluster"), "{}", help.out);
    }

    #[test]
    fn a_plan_that_no_volume_holds_is_refused() {
        let place = Place::new();
        job(&place);
        print(&place, &[]).expect(2).says(&["lies in no volume", "--claim"]);
        print(&place, &["--claim", "audio=/elsewhere"]).expect(2).says(&["lies in no volume"]);
        let plan = place.path("").canonicalize().unwrap().join("my job-plan");
        print(&place, &["--claim", &format!("audio={}", plan.display())]).expect(2).says(&["the output folder"]);
    }
}
