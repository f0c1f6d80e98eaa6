//! Errors that cross layers, and whose fault each is. What a peer may read, which status or close
//! code it gets and how loud the log is follow from that in one table of the host crate.

/// Who has to act for an error to go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client: a bad path, too big a message.
    Caller,
    /// The room's code: an exception, a limit, a trap.
    Guest,
    /// The host or its machine: I/O, a bug.
    Host,
}

/// A named limit, so that texts, docs and tests agree on the word.
pub type LimitName = &'static str;

/// Why the host refused something that a guest asked for. Never a trap: the guest goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// An argument is not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// A limit would be exceeded.
    #[error("{name} reached: {value} is more than the {max} allowed")]
    Limit {
        /// Which limit.
        name: LimitName,
        /// What was asked for.
        value: u64,
        /// What is allowed.
        max: u64,
    },
    /// The handle names nothing any more.
    #[error("it is gone")]
    Gone,
    /// The host could not do it; the room is about to be reset.
    #[error("the host could not do it: {0}")]
    Internal(String),
}

/// Why a guest could not start or could not finish a turn. The guest is gone in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuestError {
    /// The code could not be evaluated.
    #[error("the code could not be loaded: {message}")]
    Load {
        /// The exception's message.
        message: String,
        /// Name, message and stack.
        detail: String,
    },
    /// A turn, or the evaluation of the code, used more CPU time than allowed.
    #[error("stopped after {used_ms} ms of CPU time (cpu_ms_max is {max_ms})")]
    CpuLimit {
        /// What it had used.
        used_ms: u64,
        /// What is allowed.
        max_ms: u64,
    },
    /// Its memory may not grow any further.
    #[error("out of memory (memory_bytes_max is {max_bytes})")]
    MemoryLimit {
        /// What is allowed.
        max_bytes: u64,
    },
    /// A turn asked for more than a turn may.
    #[error("{name} reached: {value} is more than the {max} a turn may have")]
    EffectLimit {
        /// Which limit.
        name: LimitName,
        /// What was asked for.
        value: u64,
        /// What is allowed.
        max: u64,
    },
    /// The wasm machine stopped: a broken engine or a broken native room.
    #[error("the guest trapped: {message}")]
    Trap {
        /// What the engine says about it.
        message: String,
    },
    /// Its writes could not be made durable.
    #[error("its writes could not be stored: {message}")]
    Storage {
        /// What the store says.
        message: String,
    },
    /// The host could not make a guest.
    #[error("the host could not start a guest: {message}")]
    Host {
        /// What failed.
        message: String,
    },
}

impl GuestError {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Host { .. } | Self::Storage { .. } => Fault::Host,
            _ => Fault::Guest,
        }
    }

    /// A stable word for logs and clients.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Load { .. } => "guest.load",
            Self::CpuLimit { .. } => "guest.cpu_limit",
            Self::MemoryLimit { .. } => "guest.memory_limit",
            Self::EffectLimit { .. } => "guest.effect_limit",
            Self::Trap { .. } => "guest.trap",
            Self::Host { .. } => "guest.host",
            Self::Storage { .. } => "guest.storage",
        }
    }
}
