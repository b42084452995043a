//! Files that stand whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

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
    fill(&mut file)?;
    file.flush()?;
    file.get_ref().sync_all()
}

/// Gives a complete file its name, lastingly.
pub fn name(partial: &Path, path: &Path) -> io::Result<()> {
    fs::rename(partial, path)?;
    // A rename is lasting once its folder is on the disk. Windows opens no folders.
    if cfg!(unix) {
        File::open(folder_of(path))?.sync_all()?;
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

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
