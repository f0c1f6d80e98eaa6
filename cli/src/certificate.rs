//! The certificate of `--https`: the one that was given, or one of our own for this machine, which
//! is kept so that a browser has to be told only once that it is fine.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use partykit_host::Tls;

/// The names that a development host is called by.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// It is valid for longer, and made anew before browsers find it too old.
const KEPT: Duration = Duration::from_secs(300 * 24 * 60 * 60);

/// There is nothing to serve HTTPS with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// One that was given.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One of our own.
    #[error("a certificate cannot be made")]
    Make(#[from] rcgen::Error),
}

/// The one that was given.
///
/// # Errors
/// A file cannot be read. Whether it is a certificate is the host's to say.
pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Tls, CertificateError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| CertificateError::Read {
            path: path.to_owned(),
            source,
        })
    };
    Ok(Tls {
        certificate: read(certificate)?,
        key: read(key)?,
    })
}

/// One of our own: the one that was made before, or a new one.
///
/// # Errors
/// It cannot be made. That it cannot be kept is no error.
pub(crate) fn own(cache: Option<&Path>) -> Result<Tls, CertificateError> {
    let file = cache.map(|cache| cache.join("https.pem"));
    if let Some(kept) = file.as_deref().and_then(kept) {
        return Ok(kept);
    }
    let key = rcgen::KeyPair::generate()?;
    let mut parameters = rcgen::CertificateParams::new(NAMES.map(str::to_owned))?;
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, "partykit dev");
    let certificate = parameters.self_signed(&key)?;
    let both = format!("{}{}", certificate.pem(), key.serialize_pem());
    if let Some(file) = file {
        // The next start makes another one, then.
        let _ = keep(&file, &both);
    }
    Ok(of_both(both))
}

/// One file, so that certificate and key belong together whoever writes at the same time.
fn of_both(both: String) -> Tls {
    Tls {
        certificate: both.clone().into_bytes(),
        key: both.into_bytes(),
    }
}

fn kept(file: &Path) -> Option<Tls> {
    let made = std::fs::metadata(file).ok()?.modified().ok()?;
    if made.elapsed().is_ok_and(|age| age > KEPT) {
        return None;
    }
    let both = std::fs::read_to_string(file).ok()?;
    both.contains("PRIVATE KEY").then(|| of_both(both))
}

/// Readable by its owner only, as temporary files are.
fn keep(file: &Path, both: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut unfinished = tempfile::NamedTempFile::new_in(folder)?;
    unfinished.write_all(both.as_bytes())?;
    unfinished.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_of_our_own_is_made_once_and_is_for_nobody_elses_eyes() {
        let cache = tempfile::tempdir().unwrap();
        let first = own(Some(cache.path())).unwrap();
        let second = own(Some(cache.path())).unwrap();
        assert_eq!(first.certificate, second.certificate);
        assert_ne!(first.certificate, own(None).unwrap().certificate);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let file = cache.path().join("https.pem");
            let mode = std::fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let read = read("/none/cert.pem".as_ref(), "/none/key.pem".as_ref());
        let error = read.unwrap_err().to_string();
        assert_eq!(error, "/none/cert.pem cannot be read");
    }
}
