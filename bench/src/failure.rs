//! The one error type of this program: whatever keeps it from measuring is told and ends it.

use std::error::Error;

/// Something that is not a result.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;
