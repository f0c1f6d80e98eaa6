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
    /// An option that the configuration or the command line gives, such as a constant, is wrong.
    #[error("the options for bundling are wrong\n\n{report}")]
    Options {
        /// What esbuild says, for the terminal.
        report: String,
        /// The same without colours.
        plain: String,
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

    /// The next build is made from nothing.
    pub(crate) fn forget(&mut self) {
        self.running = None;
    }

    /// Builds. Dropping the future ends esbuild; the next build starts another. One that has ended
    /// since the last build, as when somebody killed it, is replaced at once.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub(crate) async fn build(&mut self, side: Side, recipe: Recipe) -> Result<Made, BundleError> {
        if let Some(running) = self.running.take() {
            match self.build_with(running, side, recipe.clone()).await {
                Err(BundleError::Service(ServiceError::Ended(_))) => {}
                done => return done,
            }
        }
        let running = Running {
            service: Service::start(&self.esbuild.program).await?,
            server: None,
            client: None,
        };
        self.build_with(running, side, recipe).await
    }

    async fn build_with(
        &mut self,
        mut running: Running,
        side: Side,
        recipe: Recipe,
    ) -> Result<Made, BundleError> {
        let outcome = running.build(side, recipe).await?;
        let (Outcome::Refused(built) | Outcome::Built(built)) = &outcome;
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
        match outcome {
            Outcome::Refused(_) => Err(BundleError::Options { report, plain }),
            Outcome::Built(built) if rejected => Err(BundleError::Rejected {
                report,
                plain,
                problems: built.errors,
            }),
            Outcome::Built(built) => Ok(Made {
                built,
                warnings: (!report.is_empty()).then_some(report),
            }),
        }
    }
}

/// What esbuild said to a recipe.
enum Outcome {
    /// It takes no such option.
    Refused(Built),
    /// It was tried, and went well or not.
    Built(Built),
}

impl Running {
    async fn build(&mut self, side: Side, recipe: Recipe) -> Result<Outcome, ServiceError> {
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
                    Err(refused) => return Ok(Outcome::Refused(refused)),
                }
            }
        };
        let built = self.service.rebuild(&kept.context).await?;
        Ok(Outcome::Built(built))
    }
}
