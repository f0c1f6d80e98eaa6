//! Where things are kept that can be made again: esbuild, compiled engines.

use std::env;
use std::path::{Path, PathBuf};

/// Names another folder than the usual one.
pub(crate) const VARIABLE: &str = "PARTYKIT_CACHE_DIR";

/// The folder, which may not exist yet; `None` for a user without a home.
///
/// The system's temporary folder is no substitute: programs are started from here, and there
/// anybody could have put them.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    if let Some(named) = set(VARIABLE) {
        return Some(named);
    }
    let users = if cfg!(target_os = "macos") {
        env::home_dir().map(|home| home.join("Library/Caches"))
    } else if cfg!(windows) {
        set("LOCALAPPDATA")
    } else {
        // The XDG specification wants relative paths ignored.
        set("XDG_CACHE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| env::home_dir().map(|home| home.join(".cache")))
    };
    users.map(|folder| folder.join("partykit"))
}

/// The part of the cache for compiled engines. A folder of its own, because whoever keeps it tidy
/// deletes every file there that is not an engine.
pub(crate) fn engines(cache: &Path) -> PathBuf {
    cache.join("engines")
}

fn set(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
