//! Which esbuild is used: the project's own, else one that is installed once into a private
//! folder. Only finds and installs; `bundle` runs it.
//!
//! The native binary inside the platform package is preferred over the launcher of the package
//! `esbuild`: it needs no Node and starts at once.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

/// The version that is installed when the project has none.
pub(crate) const VERSION: &str = "0.28.2";

/// Older ones lack an option that is used (`--alias` with externals), and a context.
const OLDEST: (u32, u32) = (0, 17);

/// How `service` speaks with newer ones has not been tried.
const NEWEST: (u32, u32) = (0, 28);

/// Ten megabytes over a slow line.
const INSTALL_LIMIT: Duration = Duration::from_secs(180);

/// Where npm puts the packages of esbuild's platforms.
const SCOPE: &str = "node_modules/@esbuild";

/// Names a binary to be used as it is.
const VARIABLE: &str = "PARTYKIT_ESBUILD";

/// There is no esbuild and none could be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EsbuildError {
    /// `PARTYKIT_ESBUILD` names no file.
    #[error("{VARIABLE} names {}, which is not a file", path.display())]
    Named {
        /// What it names.
        path: PathBuf,
    },
    /// esbuild has no package for this machine.
    #[error(
        "esbuild has no build for {} on {}",
        env::consts::OS,
        env::consts::ARCH
    )]
    Platform,
    /// Nowhere to install it.
    #[error("esbuild is needed and there is no folder to install it into")]
    NoCache,
    /// The folder for it cannot be written.
    #[error("esbuild cannot be installed into {}", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// npm is missing.
    #[error("esbuild is needed and npm, which would install it, cannot be started")]
    NoNpm(#[source] io::Error),
    /// npm said no.
    #[error("npm could not install esbuild {VERSION}:\n{output}")]
    Npm {
        /// What it printed.
        output: String,
    },
    /// npm did not end.
    #[error("npm did not install esbuild within {} s", INSTALL_LIMIT.as_secs())]
    Slow,
}

impl EsbuildError {
    /// What to try.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Named { .. } => format!("unset {VARIABLE} to have one found or installed"),
            Self::Platform => format!("build esbuild yourself and name it in {VARIABLE}"),
            Self::NoCache => format!(
                "set HOME or {}, or add esbuild to the project: npm install --save-dev esbuild",
                crate::cache_dir::VARIABLE
            ),
            Self::Folder { .. } => {
                format!("{} names another folder", crate::cache_dir::VARIABLE)
            }
            Self::NoNpm(_) => format!("install Node.js, or name an esbuild binary in {VARIABLE}"),
            Self::Npm { .. } | Self::Slow => {
                "esbuild in the project is used first: npm install --save-dev esbuild".to_owned()
            }
        })
    }
}

/// The binary to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Esbuild {
    pub(crate) program: PathBuf,
}

impl Esbuild {
    /// The one that the environment names, the project's, or the one installed before.
    ///
    /// # Errors
    /// The environment names something that is not there.
    pub(crate) fn find(root: &Path, cache: Option<&Path>) -> Result<Option<Self>, EsbuildError> {
        if let Some(path) = env::var_os(VARIABLE).map(PathBuf::from) {
            if !path.is_file() {
                return Err(EsbuildError::Named { path });
            }
            return Ok(Some(Self { program: path }));
        }
        let Some(package) = platform_package() else {
            return Ok(None);
        };
        let mut folders = root.ancestors().map(|folder| folder.join("node_modules"));
        let program = folders
            .find_map(|modules| in_modules(&modules, package))
            .or_else(|| {
                let installed = installed(cache?, package);
                installed.is_file().then_some(installed)
            });
        Ok(program.map(|program| Self { program }))
    }

    /// Installs the pinned version below `cache`. Two processes may do so at once: the first to
    /// finish wins and the other takes its result.
    ///
    /// # Errors
    /// See [`EsbuildError`]. Nothing half-installed is left in place.
    pub(crate) async fn install(cache: Option<&Path>) -> Result<Self, EsbuildError> {
        let package = platform_package().ok_or(EsbuildError::Platform)?;
        let cache = cache.ok_or(EsbuildError::NoCache)?;
        let failed = |source| EsbuildError::Folder {
            path: cache.to_owned(),
            source,
        };
        std::fs::create_dir_all(cache).map_err(failed)?;
        let unfinished = tempfile::tempdir_in(cache).map_err(failed)?;
        run_npm(unfinished.path(), package).await?;
        let program = installed(cache, package);
        if !binary(&unfinished.path().join(SCOPE).join(package)).is_file() {
            return Err(EsbuildError::Npm {
                output: format!("it left no {}", program.display()),
            });
        }
        place(unfinished, &home(cache), &program).map_err(failed)?;
        Ok(Self { program })
    }
}

/// Makes what was installed into `unfinished` the folder `home`, all at once. Another process may
/// have been faster, which is as good; an older `home` without the program is replaced.
fn place(unfinished: TempDir, home: &Path, program: &Path) -> io::Result<()> {
    let parent = home.parent().unwrap_or(home);
    let replaced = tempfile::tempdir_in(parent)?;
    if home.exists() && !program.is_file() {
        // Somebody else may be doing the same: then it is theirs that is moved in below.
        let _ = std::fs::rename(home, replaced.path().join("replaced"));
    }
    match std::fs::rename(unfinished.path(), home) {
        Ok(()) => {
            // Nothing is left at its old name that would have to be removed.
            let _ = unfinished.keep();
            Ok(())
        }
        Err(_) if program.is_file() => Ok(()),
        Err(error) => Err(error),
    }
}

/// The folder of the pinned version.
fn home(cache: &Path) -> PathBuf {
    cache.join(format!("esbuild-{VERSION}"))
}

fn installed(cache: &Path, package: &str) -> PathBuf {
    binary(&home(cache).join(SCOPE).join(package))
}

/// Inside a platform package.
fn binary(package: &Path) -> PathBuf {
    if cfg!(windows) {
        package.join("esbuild.exe")
    } else {
        package.join("bin/esbuild")
    }
}

/// A usable esbuild of one `node_modules`, whatever package manager filled it.
fn in_modules(modules: &Path, package: &str) -> Option<PathBuf> {
    let scoped = |modules: &Path| modules.join("@esbuild").join(package);
    // pnpm links the package out of a store, where the platform's package lies beside it; npm
    // nests the platform's package when another version took the top level.
    let own = modules.join("esbuild").canonicalize().ok();
    let beside = own.as_deref().and_then(Path::parent).map(scoped);
    let nested = own.as_deref().map(|own| scoped(&own.join("node_modules")));
    [nested, beside, Some(scoped(modules))]
        .into_iter()
        .flatten()
        .find(|folder| is_usable(folder))
        .map(|folder| binary(&folder))
        .filter(|program| program.is_file())
}

fn is_usable(package: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(package.join("package.json")) else {
        return false;
    };
    let Ok(package) = serde_json::from_str::<serde_json::Value>(&text) else {
        return false;
    };
    let version = package.get("version").and_then(|version| version.as_str());
    let mut numbers = version
        .unwrap_or("")
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (OLDEST..=NEWEST).contains(&found)
}

/// The part of the platform package's name after `@esbuild/`.
fn platform_package() -> Option<&'static str> {
    Some(match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("linux", "arm") => "linux-arm",
        ("linux", "riscv64") => "linux-riscv64",
        ("linux", "s390x") => "linux-s390x",
        ("linux", "powerpc64") => "linux-ppc64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        ("windows", "x86_64") => "win32-x64",
        ("windows", "aarch64") => "win32-arm64",
        ("freebsd", "x86_64") => "freebsd-x64",
        ("freebsd", "aarch64") => "freebsd-arm64",
        _ => return None,
    })
}

async fn run_npm(folder: &Path, package: &str) -> Result<(), EsbuildError> {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let child = Command::new(npm)
        .current_dir(folder)
        .args(["install", "--prefix", "."])
        // The package has no install script; none may run.
        .args(["--ignore-scripts", "--no-save", "--no-package-lock"])
        .args(["--no-audit", "--no-fund", "--loglevel=error"])
        .arg(format!("@esbuild/{package}@{VERSION}"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(INSTALL_LIMIT, child)
        .await
        .map_err(|_| EsbuildError::Slow)?
        .map_err(EsbuildError::NoNpm)?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(EsbuildError::Npm {
        output: text.trim_end().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn platform(modules: &Path, version: &str) -> PathBuf {
        let package = modules
            .join("@esbuild")
            .join(platform_package().expect("tests run where esbuild does"));
        let program = binary(&package);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, "").unwrap();
        fs::write(
            package.join("package.json"),
            format!(r#"{{"version": "{version}"}}"#),
        )
        .unwrap();
        program
    }

    #[test]
    fn the_projects_own_esbuild_is_found_in_a_folder_above() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("packages/app");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(Esbuild::find(&inner, None).unwrap(), None);
        let program = platform(&root.path().join("node_modules"), "0.21.5");
        assert_eq!(
            Esbuild::find(&inner, None).unwrap(),
            Some(Esbuild { program })
        );
    }

    #[test]
    fn an_esbuild_that_is_too_old_or_too_new_is_passed_over_for_the_private_one() {
        let root = tempfile::tempdir().unwrap();
        let cache = root.path().join("cache");
        let program = platform(&home(&cache).join("node_modules"), VERSION);
        for version in ["0.14.54", "0.29.0", "1.0.0", "strange"] {
            platform(&root.path().join("node_modules"), version);
            assert_eq!(
                Esbuild::find(root.path(), Some(&cache)).unwrap(),
                Some(Esbuild {
                    program: program.clone()
                }),
                "{version}"
            );
        }
    }

    #[test]
    fn a_damaged_installation_is_replaced_and_a_whole_one_is_kept() {
        let cache = tempfile::tempdir().unwrap();
        let home = home(cache.path());
        let package = platform_package().unwrap();
        let program = installed(cache.path(), package);
        fs::create_dir_all(home.join("node_modules")).unwrap();
        fs::write(home.join("node_modules/leftover"), "").unwrap();
        for round in ["1.0.0", "2.0.0"] {
            let unfinished = tempfile::tempdir_in(cache.path()).unwrap();
            platform(&unfinished.path().join("node_modules"), round);
            place(unfinished, &home, &program).unwrap();
            let manifest = home.join(SCOPE).join(package).join("package.json");
            let text = fs::read_to_string(manifest).unwrap();
            assert!(text.contains("1.0.0"), "{text}");
            assert!(program.is_file());
        }
        let left: Vec<_> = fs::read_dir(cache.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[cfg(unix)]
    #[test]
    fn the_platform_package_is_found_beside_a_linked_esbuild() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let store = root.join("node_modules/.pnpm/esbuild@0.25.0/node_modules");
        let program = platform(&store, "0.25.0");
        fs::create_dir_all(store.join("esbuild")).unwrap();
        let link = root.join("node_modules/esbuild");
        std::os::unix::fs::symlink(store.join("esbuild"), link).unwrap();
        assert_eq!(
            Esbuild::find(&root, None).unwrap(),
            Some(Esbuild { program })
        );
    }
}
