//! Running a test on Debian 13's C library, where most of its plugins load.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Tells a copy of a test program that it is one; holds the folder of the VST3 plugins.
const INSIDE: &str = "TONEMILL_TEST_ON_TRIXIE";

/// Runs a test with the folder of Debian 13's VST3 plugins, in a copy of this program that uses Debian 13's C library.
/// `test` is the test's own name with its path in the program. Gives all that the copy printed; to the copy itself, and where
/// there is no such system, which is said, nothing.
pub fn on_trixie(test: &str, run: impl FnOnce(&Path)) -> Option<String> {
    if let Some(plugins) = std::env::var_os(INSIDE) {
        run(Path::new(&plugins));
        return None;
    }
    let Some(trixie) = std::env::var_os("TONEMILL_REAL_TRIXIE").map(PathBuf::from) else {
        eprintln!("skipped: TONEMILL_REAL_TRIXIE is not set; scripts/test brings it");
        return None;
    };
    let copy = std::env::temp_dir().join(format!("tonemill-{}-{}", test.replace("::", "-"), std::process::id()));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/real/retarget.sh");
    let own = std::env::current_exe().unwrap();
    assert!(Command::new(script).args([&own, &trixie, &copy]).status().unwrap().success());
    let plugins = trixie.join("root/usr/lib/vst3");
    let ran = Command::new(&copy).args(["--exact", test, "--nocapture"]).env(INSIDE, plugins).output();
    std::fs::remove_file(&copy).unwrap();
    let ran = ran.unwrap();
    let words = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    println!("{words}");
    assert!(ran.status.success() && words.contains("1 passed"), "{words}");
    Some(words)
}
