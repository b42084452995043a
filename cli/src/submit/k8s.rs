//! `tonemill submit k8s`: an Indexed Job, one index a part.
//!
//! Printed only: `kubectl` knows its cluster, and this program does not.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Container, EnvVar, PersistentVolumeClaimVolumeSource, PodSpec, PodTemplateSpec, ResourceRequirements, Volume,
    VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{MOST_RESTARTS, Parts, PartsArguments};
use crate::{Status, Trouble};

/// The container's name, which the failure policy names as well.
const CONTAINER: &str = "tonemill";

/// Seconds between the request to end and the kill. tonemill lets tasks go on for 30 seconds, and has its journal to write.
const GRACE_SECONDS: i64 = 90;

/// Names of objects and labels have at most 63 letters, of which pods take some for index and chance.
const LONGEST_NAME: usize = 50;

#[derive(Debug, Args)]
pub(crate) struct K8sArguments {
    #[command(flatten)]
    parts: PartsArguments,
    /// Print the job on standard output, for `kubectl apply -f -`; this is all that there is
    #[arg(long, required = true)]
    print: bool,
    /// The image that has `tonemill` in its PATH, and the plugins where the plan found them
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// A volume claim and where its content lies, here as there; may stand several times. Plan and output must lie in one
    #[arg(long, value_name = "NAME=FOLDER", value_parser = claim)]
    claim: Vec<Claim>,
}

/// A volume, and the folder that it is mounted at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    name: String,
    folder: String,
}

fn claim(text: &str) -> Result<Claim, String> {
    let parts = text.split_once('=').filter(|(name, folder)| !name.is_empty() && folder.starts_with('/'));
    let claim = parts.map(|(name, folder)| Claim { name: name.to_owned(), folder: folder.to_owned() });
    claim.ok_or_else(|| "give the claim's name and an absolute path, such as audio=/data".to_owned())
}

/// `tonemill submit k8s --print`.
pub(super) fn print(arguments: &K8sArguments) -> Result<Status, Trouble> {
    let parts = arguments.parts.parts()?;
    let output = &parts.folder.header().output_root;
    for (what, path) in [("the plan", Path::new(&parts.path)), ("the output folder", output)] {
        let within = arguments.claim.iter().any(|claim| path.starts_with(&claim.folder));
        if !within {
            let words = format!("{what} {} lies in no volume: add --claim NAME=FOLDER", path.display());
            return Err(Trouble::input(words));
        }
    }
    let job = job(arguments, &parts)?;
    let yaml = serde_yaml_ng::to_string(&job).map_err(|error| Trouble::system("cannot word the job", error))?;
    crate::print_text(&(comment(&parts) + &yaml))?;
    eprintln!("{}. Not yet run on a cluster.", parts.words(arguments.parts.cpus));
    Ok(Status::Done)
}

/// What whoever reads the job should know.
fn comment(parts: &Parts) -> String {
    format!(
        "# Renders a plan in {count} parts, one an index of an Indexed Job. Written by `tonemill submit k8s`, {version}.
#
# Such a job has not yet been run on a cluster. It is made of Kubernetes' own types (1.33, in which the last field of it became
# stable), and one like it passes the schemas of 1.29 to 1.37 (kubernetes-validate --strict).
#
# - Kubernetes sets JOB_COMPLETION_INDEX, from 0; with TONEMILL_SHARDS, tonemill knows its part.
# - A pod that is evicted or whose node is lost is replaced, and that counts as nobody's failure.
# - Status 75 (interrupted, or the disk is full) and a kill are tried again, {MOST_RESTARTS} times an index. 10 (some tasks failed) would
#   end so again, and fails its index alone. 2 (bad input) is the same for all, and fails the job.
# - What is done is not rendered again, whichever pod did it.
#
# Once it has ended, however it did, where the volumes are mounted:  tonemill merge '{path}'
",
        count = parts.count,
        version = jobs::ENGINE,
        path = parts.path.replace('\'', "'\\''"),
    )
}

fn job(arguments: &K8sArguments, parts: &Parts) -> Result<Job, Trouble> {
    let count = i32::try_from(parts.count).map_err(|_| Trouble::input("so many parts fit in no job"))?;
    let mut name = parts.name();
    name.truncate(LONGEST_NAME);
    let name = name.trim_end_matches('-').to_owned();
    let labels = BTreeMap::from([("app.kubernetes.io/name".to_owned(), "tonemill".to_owned())]);
    let spec = JobSpec {
        completion_mode: Some("Indexed".to_owned()),
        completions: Some(count),
        // As many at once as the cluster has room for.
        parallelism: Some(count),
        backoff_limit_per_index: Some(MOST_RESTARTS as i32),
        pod_failure_policy: Some(failure_policy()),
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta { labels: Some(labels.clone()), ..ObjectMeta::default() }),
            spec: Some(pod(arguments, parts)),
        },
        ..JobSpec::default()
    };
    let metadata = ObjectMeta { name: Some(name), labels: Some(labels), ..ObjectMeta::default() };
    Ok(Job { metadata, spec: Some(spec), status: None })
}

/// What a pod's failure means. The first rule that fits decides.
fn failure_policy() -> PodFailurePolicy {
    let disruption = PodFailurePolicyRule {
        action: "Ignore".to_owned(),
        on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
        }]),
        on_exit_codes: None,
    };
    let exit = |action: &str, status: i32| PodFailurePolicyRule {
        action: action.to_owned(),
        on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
            container_name: Some(CONTAINER.to_owned()),
            operator: "In".to_owned(),
            values: vec![status],
        }),
        on_pod_conditions: None,
    };
    // 75 would count without a rule of its own, as a kill does; it stands there to be seen.
    let exits = [("FailJob", Status::BadInput), ("FailIndex", Status::SomeFailed), ("Count", Status::Interrupted)];
    let exits = exits.map(|(action, status)| exit(action, status.code().into()));
    PodFailurePolicy { rules: std::iter::once(disruption).chain(exits).collect() }
}

fn pod(arguments: &K8sArguments, parts: &Parts) -> PodSpec {
    let cpus = arguments.parts.cpus.to_string();
    let memory = arguments.parts.memory.map(|memory| Quantity(format!("{}{}i", memory.number, memory.unit)));
    let requests = [("cpu", Some(Quantity(cpus.clone()))), ("memory", memory.clone())];
    let known = |amounts: &[(&str, Option<Quantity>)]| -> BTreeMap<String, Quantity> {
        amounts.iter().filter_map(|(name, amount)| Some(((*name).to_owned(), amount.clone()?))).collect()
    };
    // Idle processors of the node may be used too; more memory than asked for endangers others.
    let limits = memory.map(|memory| BTreeMap::from([("memory".to_owned(), memory)]));
    let volume = |number: usize| format!("claim-{number}");
    let mounts = arguments.claim.iter().enumerate().map(|(number, claim)| VolumeMount {
        name: volume(number),
        mount_path: claim.folder.clone(),
        ..VolumeMount::default()
    });
    let volumes = arguments.claim.iter().enumerate().map(|(number, claim)| Volume {
        name: volume(number),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim.name.clone(),
            read_only: None,
        }),
        ..Volume::default()
    });
    let run = ["run", &parts.path, "--workers", &cpus].map(escaped);
    let options = arguments.parts.run.iter().map(|option| escaped(option));
    let container = Container {
        name: CONTAINER.to_owned(),
        image: Some(arguments.image.clone()),
        // Without a shell between, so that tonemill itself is asked to end.
        command: Some(vec!["tonemill".to_owned()]),
        args: Some(run.into_iter().chain(options).collect()),
        env: Some(vec![EnvVar {
            name: "TONEMILL_SHARDS".to_owned(),
            value: Some(parts.count.to_string()),
            ..EnvVar::default()
        }]),
        resources: Some(ResourceRequirements {
            requests: Some(known(&requests)),
            limits,
            ..ResourceRequirements::default()
        }),
        volume_mounts: Some(mounts.collect()),
        ..Container::default()
    };
    PodSpec {
        containers: vec![container],
        volumes: Some(volumes.collect()),
        // The Job replaces pods, and a failure policy asks for that.
        restart_policy: Some("Never".to_owned()),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        // Plugins have no business with the cluster.
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        ..PodSpec::default()
    }
}

/// An argument as Kubernetes takes it: it would replace `$(NAME)` otherwise.
fn escaped(text: &str) -> String {
    text.replace("$(", "$$(")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_has_a_name_and_an_absolute_folder() {
        assert_eq!(claim("audio=/data"), Ok(Claim { name: "audio".to_owned(), folder: "/data".to_owned() }));
        for wrong in ["audio", "=/data", "audio=data", "audio=", ""] {
            assert!(claim(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn arguments_are_nothing_that_kubernetes_expands() {
        assert_eq!(escaped("/data/$(HOME)/$x"), "/data/$$(HOME)/$x");
    }

    #[test]
    fn a_disruption_is_looked_at_before_the_exit_status() {
        let rules = failure_policy().rules;
        assert!(rules[0].action == "Ignore" && rules[0].on_pod_conditions.is_some(), "{rules:?}");
        let values =
            rules[1..].iter().map(|rule| (rule.action.as_str(), rule.on_exit_codes.as_ref().unwrap().values.clone()));
        assert_eq!(values.collect::<Vec<_>>(), [("FailJob", vec![2]), ("FailIndex", vec![10]), ("Count", vec![75])]);
    }
}
