//! The builds of a project, made again and again by one esbuild that is kept running.
//!
//! Owns that process: starts it at the first build, and anew after it has failed.

use std::io;
use std::path::PathBuf;

use crate::esbuild::Esbuild;
use crate::service::{Built, Context, Problem, ReportKind, Service, ServiceError};

/// Everything that decides on a build. The same recipe again builds only what has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// Paths in messages are relative to it.
    pub(crate) root: PathBuf,
    pub(crate) entries: Vec<PathBuf>,
    /// Options of esbuild's command line.
    pub(crate) flags: Vec<String>,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// The code is wrong. The report names file and line and shows the line.
    #[error("the code could not be bundled\n\n{report}")]
    Rejected {
        /// What esbuild says, for the terminal.
        report: String,
        /// The same without colours.
        plain: String,
        /// What is wrong, one by one.
        problems: Vec<Problem>,
    },
    /// esbuild failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The folder for what it reads.
    #[error("the variables cannot be passed on through a temporary folder")]
    Folder(#[from] io::Error),
}

/// Which build of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// One esbuild and the contexts it keeps.
#[derive(Debug)]
pub(crate) struct Builds {
    esbuild: Esbuild,
    color: bool,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    service: Service,
    server: Option<Kept>,
    client: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    recipe: Recipe,
    context: Context,
}

/// A build that gave a bundle.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) built: Built,
    /// What esbuild remarked on, laid out.
    pub(crate) warnings: Option<String>,
}

impl Builds {
    /// Nothing is started yet. With `color`, reports are for a terminal that shows colours.
    pub(crate) fn new(esbuild: Esbuild, color: bool) -> Self {
        Self {
            esbuild,
            color,
            running: None,
        }
    }

    /// Builds. Dropping the future ends esbuild; the next build starts another.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub(crate) async fn build(&mut self, side: Side, recipe: Recipe) -> Result<Made, BundleError> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => Running {
                service: Service::start(&self.esbuild.program).await?,
                server: None,
                client: None,
            },
        };
        let built = running.build(side, recipe).await?;
        let rejected = !built.errors.is_empty();
        let problems = if rejected {
            &built.errors
        } else {
            &built.warnings
        };
        let mut kind = ReportKind {
            is_warning: !rejected,
            color: self.color,
        };
        let report = running.service.report(problems, kind).await?;
        kind.color = false;
        let plain = running.service.report(problems, kind).await?;
        // Only what was used up to here without a failure is used again.
        self.running = Some(running);
        if rejected {
            return Err(BundleError::Rejected {
                report,
                plain,
                problems: built.errors,
            });
        }
        Ok(Made {
            built,
            warnings: (!report.is_empty()).then_some(report),
        })
    }
}

impl Running {
    async fn build(&mut self, side: Side, recipe: Recipe) -> Result<Built, ServiceError> {
        let kept = match side {
            Side::Server => &mut self.server,
            Side::Client => &mut self.client,
        };
        if let Some(old) = kept.take_if(|kept| kept.recipe != recipe) {
            self.service.dispose(old.context).await?;
        }
        let kept = match kept {
            Some(kept) => kept,
            None => {
                let flags = recipe.flags.clone();
                let made = self
                    .service
                    .context(&recipe.root, &recipe.entries, flags)
                    .await?;
                match made {
                    Ok(context) => kept.insert(Kept { recipe, context }),
                    Err(refused) => return Ok(refused),
                }
            }
        };
        self.service.rebuild(&kept.context).await
    }
}
