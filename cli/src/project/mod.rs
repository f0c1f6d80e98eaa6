//! The project on disk: which file configures it, what that file may say, and where in it a
//! mistake is.

mod document;
mod error;
mod locate;
mod node;
#[cfg(test)]
mod parser_tests;
mod platform;
mod repeated;
mod schema;
mod serve;
mod suggest;

pub(crate) use error::ConfigError;
pub(crate) use locate::locate;
pub(crate) use schema::{BuildCommand, Persist, Project};
pub(crate) use serve::{ClientBuild, Serve};
