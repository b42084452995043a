//! A disk that is soon full.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk, mounted until it is dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts one of this size, such as `3m`, on a folder, which is made. `None`, and a word on standard error, where this
    /// user may not mount one.
    pub fn new(path: PathBuf, size: &str) -> Option<Disk> {
        std::fs::create_dir_all(&path).expect("a folder can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&path);
        let why = match mount.output() {
            Ok(output) if output.status.success() => return Some(Disk(path)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        eprintln!("skipped: no small disk can be mounted: {why}");
        None
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it larger or smaller.
    pub fn resize(&self, size: &str) {
        let remount = format!("remount,size={size}");
        let status = Command::new("mount").args(["-o", &remount]).arg(&self.0).status();
        assert!(status.expect("mount starts").success(), "the disk takes another size");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.0.display());
        }
    }
}
