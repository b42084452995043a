//! Files and folders that stand whole or not at all, and the room that they have.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::failpoint;
use crate::task::partial_path;

/// Writes a file under another name first, then puts it in place of the old one. Its folder is made where it is
/// missing. Where anything fails, what stood there before stands, and nothing else is left. Two processes must not
/// write the same file at once.
pub fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    write_by(&partial_path(path), path, fill)
}

/// Likewise, under a name of the caller's own in the same folder until then.
pub(crate) fn write_by(
    partial: &Path,
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    fs::create_dir_all(folder_of(path))?;
    let written = complete(partial, fill).and_then(|()| name(partial, path));
    written.inspect_err(|_| {
        // The error at hand says more than that this one failed too.
        let _ = fs::remove_file(partial);
    })
}

/// Writes a file and brings it to the disk.
pub fn complete(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    failpoint::reach("write.before");
    fill(&mut file)?;
    file.flush()?;
    failpoint::reach("sync.before");
    file.get_ref().sync_all()?;
    failpoint::reach("sync.after");
    Ok(())
}

/// Gives a complete file its name, lastingly.
pub fn name(partial: &Path, path: &Path) -> io::Result<()> {
    failpoint::reach("rename.before");
    fs::rename(partial, path)?;
    failpoint::reach("rename.after");
    // A rename is lasting once its folder is on the disk. Windows opens no folders.
    if cfg!(unix) {
        File::open(folder_of(path))?.sync_all()?;
    }
    failpoint::reach("folder-sync.after");
    Ok(())
}

/// Lets two files or folders of one disk change names: each has the other's at once, or nothing happened.
#[cfg(target_os = "linux")]
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?;
    File::open(folder_of(one))?.sync_all()?;
    File::open(folder_of(other))?.sync_all()
}

/// Lets two files or folders of one disk change names. Where the system cannot do it at once, `other` has no name for a
/// moment.
#[cfg(not(target_os = "linux"))]
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    let aside = partial_path(one);
    fs::rename(one, &aside)?;
    fs::rename(other, one)?;
    fs::rename(&aside, other)
}

/// Bytes that are free for this user's files on the disk of a path, which need not stand yet; absent where the system
/// does not say.
pub fn free(path: &Path) -> io::Result<Option<u64>> {
    #[cfg(unix)]
    {
        let mut standing = path.ancestors().filter(|path| fs::symlink_metadata(path).is_ok());
        let disk = rustix::fs::statvfs(standing.next().unwrap_or(Path::new(".")))?;
        Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(None)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_folders_change_names_with_all_that_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["one", "other"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("who"), name).unwrap();
        }
        exchange(&at("one"), &at("other")).unwrap();
        assert_eq!(fs::read_to_string(at("one/who")).unwrap(), "other");
        assert_eq!(fs::read_to_string(at("other/who")).unwrap(), "one");
        assert!(exchange(&at("one"), &at("none")).is_err());
        assert_eq!(fs::read_to_string(at("one/who")).unwrap(), "other");
    }

    #[cfg(unix)]
    #[test]
    fn the_room_of_a_folder_that_is_still_to_be_made_is_that_of_its_disk() {
        let folder = tempfile::tempdir().unwrap();
        let free = free(&folder.path().join("deep/in")).unwrap().unwrap();
        assert!(free > 0 && free < 1 << 60, "{free}");
    }

    #[test]
    fn what_cannot_be_written_whole_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file");
        write(&path, |file| file.write_all(b"first")).unwrap();
        let failed = write(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no more");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        write(&path, |file| file.write_all(b"second")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
    }
}
