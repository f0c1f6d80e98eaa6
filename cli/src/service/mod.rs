//! esbuild as a service: one process that keeps what it has parsed and builds again on request.
//!
//! What a project is built with is `bundle`'s and `client_bundle`'s affair.

mod calls;
mod packet;
mod reply;

pub(crate) use calls::{Context, ReportKind, Service, ServiceError};
#[cfg(test)]
pub(crate) use reply::OutputFile;
pub(crate) use reply::{Built, Problem};
