//! The file that tells a script where the host is: there when it serves, gone when it ends.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

/// Removed when dropped.
#[derive(Debug)]
pub(crate) struct ReadyFile {
    path: PathBuf,
}

impl ReadyFile {
    /// Writes it whole: who sees it can read it.
    ///
    /// # Errors
    /// Its folder cannot be written.
    pub(crate) fn write(path: &Path, url: &str, port: u16) -> io::Result<Self> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        let told = json!({"url": url, "port": port, "pid": std::process::id()});
        writeln!(file, "{told}")?;
        file.persist(path).map_err(|error| error.error)?;
        let path = path.to_owned();
        Ok(Self { path })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Nobody is left to tell it to.
        let _ = remove(&self.path);
    }
}

/// Removes what an earlier start has left; there may be nothing.
///
/// # Errors
/// It is there and stays.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_while_it_is_true() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        let file = ReadyFile::write(&path, "http://localhost:1", 1).unwrap();
        let told: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(told["url"], "http://localhost:1");
        assert_eq!(told["port"], 1);
        drop(file);
        assert!(!path.exists());
        assert!(remove(&path).is_ok());
        assert!(remove(folder.path()).is_err());
        assert!(ReadyFile::write(&folder.path().join("none/x"), "u", 1).is_err());
    }
}
