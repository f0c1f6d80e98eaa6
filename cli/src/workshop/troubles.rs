//! What is wrong with the project now, by where it came from: told once, shown on every open page,
//! and taken back when it is mended.

use std::collections::BTreeMap;

use partykit_host::Problem;

use super::Workshop;
use crate::builds::BundleError;
use crate::host::Served;
use crate::trouble::{Meanwhile, Trouble};
use crate::wording::chain;

/// Where it came from. The first is shown first: the others may follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Area {
    Configuration,
    Command,
    Server,
    Client,
}

/// At most one of each.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    by_area: BTreeMap<Area, Trouble>,
}

impl Troubles {
    pub(super) fn has_any(&self) -> bool {
        !self.by_area.is_empty()
    }

    fn problem(&self) -> Option<Problem> {
        self.by_area.values().next().map(|trouble| Problem {
            title: trouble.title.clone(),
            text: trouble.plain.clone(),
            meanwhile: trouble.meanwhile.sentence().to_owned(),
        })
    }
}

impl Workshop {
    pub(super) fn trouble(&mut self, area: Area, mut trouble: Trouble, served: &Served) {
        trouble.meanwhile = match area {
            Area::Client if self.client_bundle.is_none() => Meanwhile::NoClient,
            Area::Client => Meanwhile::LastGood,
            _ if self.serves_rooms() => Meanwhile::LastGood,
            _ => Meanwhile::NoRooms,
        };
        // Output that goes to a file of the project is a change of the project: the same trouble
        // told again would be the next change, and so on.
        let is_new = self.troubles.by_area.get(&area) != Some(&trouble);
        if is_new || self.output.is_seen() {
            self.output.trouble(&trouble);
        }
        self.troubles.by_area.insert(area, trouble);
        served.live.set_problem(self.troubles.problem());
    }

    /// There is nothing wrong there. Told when all is done that follows from it.
    pub(super) fn mend(&mut self, area: Area) {
        self.troubles.by_area.remove(&area);
    }

    /// What is wrong still; or that nothing is any more, where something was.
    pub(super) fn tell_rest(&self, had_any: bool, served: &Served) {
        served.live.set_problem(self.troubles.problem());
        if had_any && !self.troubles.has_any() {
            self.output.mended();
        }
    }
}

/// A build that gave nothing. What goes on meanwhile is for [`Workshop::trouble`] to say.
pub(super) fn of_bundle(error: BundleError) -> Trouble {
    match error {
        BundleError::Rejected {
            report,
            plain,
            problems,
        } => Trouble {
            title: "the code could not be bundled".to_owned(),
            report,
            plain,
            place: problems.into_iter().find_map(|problem| problem.place),
            meanwhile: Meanwhile::LastGood,
        },
        BundleError::Options { report, plain } => Trouble {
            title: "the options for bundling are wrong".to_owned(),
            report,
            plain,
            place: None,
            meanwhile: Meanwhile::LastGood,
        },
        error => of_error(&error),
    }
}

/// Anything else: its first line is the title.
pub(super) fn of_error(error: &dyn std::error::Error) -> Trouble {
    let text = chain(error);
    let (title, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let rest = rest.trim_matches('\n').to_owned();
    Trouble {
        title: title.to_owned(),
        report: rest.clone(),
        plain: rest,
        place: None,
        meanwhile: Meanwhile::LastGood,
    }
}
