//! What is wrong with a project that is being worked on, for the terminal and for open pages.

/// What is wrong with a project that goes on running.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trouble {
    /// One line.
    pub(crate) title: String,
    /// The rest, for a terminal that may show colours.
    pub(crate) report: String,
    /// The rest without them.
    pub(crate) plain: String,
    /// The first place, as file, line and column.
    pub(crate) place: Option<(String, u32, u32)>,
    /// What is served until it is mended.
    pub(crate) meanwhile: Meanwhile,
}

/// What goes on while something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    /// What was good before.
    LastGood,
    /// There was no good code of rooms before.
    NoRooms,
    /// There was no good client before.
    NoClient,
}

impl Meanwhile {
    /// For people.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::LastGood => "The last good code goes on running.",
            Self::NoRooms => "Rooms are not served before it is mended.",
            Self::NoClient => "The client is not served before it is mended.",
        }
    }
}
