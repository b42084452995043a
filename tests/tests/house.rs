//! The house: which crate may use which, and under which licences everything stands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tonemill_tests::files_below;

/// The arrows that the house allows: a crate and all that it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("tonemill-audio", &[]),
    ("tonemill-score", &["audio"]),
    ("tonemill-presets", &["audio"]),
    ("tonemill-host", &["audio", "presets"]),
    ("tonemill-neural", &[]),
    ("tonemill-devices", &["audio", "presets", "neural"]),
    ("tonemill-mix", &["audio", "score"]),
    ("tonemill-jobs", &["audio", "score", "presets"]),
    ("tonemill-dataset", &["audio", "score", "presets", "jobs"]),
    ("tonemill-render-worker", &["audio", "score", "presets", "host", "devices", "mix", "jobs"]),
    // Whom a failure is held against is a device with its settings.
    ("tonemill-farm", &["presets", "jobs"]),
    ("tonemill-storage", &[]),
    // The command holds the worker as a hidden subcommand; the process that supervises loads no plugin.
    ("tonemill", &["audio", "dataset", "farm", "jobs", "presets", "render-worker", "storage"]),
];

/// Test-only members, which may use all.
const UNGUARDED: &[&str] = &["tonemill-tests", "tonemill-fixtures"];

/// Licences that a dependency may stand under without obligations beyond notices.
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "Unlicense",
    "Unicode-3.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSL-1.0",
];

/// MPL-2.0 reaches only changes to its own files, of which there are none here. Allowed for the decoders alone.
const WEAK_COPYLEFT_ALLOWED_FOR: &str = "symphonia";

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

#[test]
fn crates_use_only_what_the_house_allows() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let members: BTreeMap<&str, &Value> =
        packages.iter().filter(|p| p["source"].is_null()).map(|p| (p["name"].as_str().unwrap(), p)).collect();
    let guarded: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for (name, package) in &members {
        if UNGUARDED.contains(name) {
            continue;
        }
        let allowed = guarded.get(name).unwrap_or_else(|| panic!("{name} has no place in the house yet"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            if !members.contains_key(used) || dependency["kind"] == "dev" {
                continue;
            }
            let folder = used.strip_prefix("tonemill-").unwrap_or("cli");
            assert!(allowed.contains(&folder), "{name} must not use {used}");
        }
    }
    for (name, _) in ARROWS {
        assert!(members.contains_key(name), "{name} is gone; take it out of the list of arrows");
    }
}

/// The one file of `neural` that may be unsafe: it calls SIMD intrinsics.
const SIMD: &str = "src/simd/path.rs";

#[test]
fn only_the_host_the_fixtures_and_one_file_of_simd_may_be_unsafe() {
    for package in metadata()["packages"].as_array().unwrap().iter().filter(|p| p["source"].is_null()) {
        let name = package["name"].as_str().unwrap();
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        let inherits = manifest.contains("[lints]\nworkspace = true");
        let own_lints = ["tonemill-host", "tonemill-fixtures", "tonemill-neural"].contains(&name);
        assert_eq!(inherits, !own_lints, "{name}: the workspace's lints forbid unsafe code everywhere else");
        if name == "tonemill-neural" {
            assert!(manifest.contains("[lints.rust]\nunsafe_code = \"deny\""), "{name} denies unsafe code itself");
        }
    }
    let workspace = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    let neural = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../neural");
    let is_allowing = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "rs")
            && std::fs::read_to_string(path).unwrap().contains("unsafe_code")
    };
    let allowing: Vec<PathBuf> = files_below(&neural).into_iter().filter(is_allowing).collect();
    assert_eq!(allowing, [neural.join(SIMD)], "files of neural that lift the ban on unsafe code");
}

/// Tests cannot see by a value that it is missing: one of their own dependencies turns it on for all of them.
#[test]
fn every_build_reads_numbers_in_json_to_the_last_bit() {
    let metadata = metadata();
    let members = metadata["packages"].as_array().unwrap().iter().filter(|p| p["source"].is_null());
    let mut checked = 0;
    for package in members {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        for used in dependencies.filter(|d| d["name"] == "serde_json" && d["kind"] != "dev") {
            let features = used["features"].as_array().unwrap();
            assert!(features.iter().any(|feature| feature == "float_roundtrip"), "{}", package["name"]);
            checked += 1;
        }
    }
    assert!(checked > 0, "no crate uses serde_json; take this test out");
}

#[test]
fn every_dependency_stands_under_a_permissive_licence() {
    let metadata = metadata();
    let mut refused = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some(licence) = package["license"].as_str() else {
            refused.push(format!("{name} names no licence"));
            continue;
        };
        let weak = licence == "MPL-2.0" && name.starts_with(WEAK_COPYLEFT_ALLOWED_FOR);
        if !weak && !permits(licence) {
            refused.push(format!("{name}: {licence}"));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

/// Whether a licence expression leaves a choice in which every part is allowed: each operand of some OR branch.
fn permits(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    expression.split(" AND ").all(|part| part.split(" OR ").any(|licence| ALLOWED.contains(&licence.trim())))
}

#[test]
fn a_licence_expression_is_read_as_written() {
    assert!(permits("MIT OR GPL-3.0"));
    assert!(permits("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(permits("MIT/Apache-2.0"));
    assert!(!permits("GPL-3.0"));
    assert!(!permits("MIT AND GPL-2.0"));
}
