//! The stack of open sections. While one is open, only completions of work that was started in
//! its scope may enter; everything else waits in the mailbox.

use partykit_core::{Refusal, Scope};

#[derive(Debug, Default)]
pub(crate) struct Sections {
    /// Innermost last, each with the moment it must be left by.
    open: Vec<(Scope, u64)>,
    last: u64,
}

impl Sections {
    /// The innermost open section.
    pub(crate) fn innermost(&self) -> Option<Scope> {
        self.open.last().map(|(scope, _)| *scope)
    }

    pub(crate) fn enter(&mut self, outer: Scope, deadline_us: u64) -> Result<Scope, Refusal> {
        let innermost = self.innermost().unwrap_or(Scope::NONE);
        if outer != innermost {
            return Err(Refusal::Invalid(format!(
                "a section can only be opened inside the innermost open one ({innermost}), \
                 not in {outer}"
            )));
        }
        self.last += 1;
        let scope = Scope(self.last);
        self.open.push((scope, deadline_us));
        Ok(scope)
    }

    /// Closes the innermost section and says which one is around it.
    pub(crate) fn leave(&mut self, scope: Scope) -> Result<Scope, Refusal> {
        match self.open.last() {
            Some((innermost, _)) if *innermost == scope => {
                self.open.pop();
                Ok(self.innermost().unwrap_or(Scope::NONE))
            }
            _ => Err(Refusal::Invalid(format!(
                "section {scope} is not the innermost open one"
            ))),
        }
    }

    /// The earliest moment by which some section must be left.
    pub(crate) fn deadline_us(&self) -> Option<u64> {
        self.open.iter().map(|(_, deadline)| *deadline).min()
    }

    /// The guest is gone, and its sections with it.
    pub(crate) fn forget_all(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_nest_and_end_from_the_inside() {
        let mut sections = Sections::default();
        let outer = sections.enter(Scope::NONE, 10).unwrap();
        assert!(
            sections.enter(Scope::NONE, 10).is_err(),
            "another one is open"
        );
        let inner = sections.enter(outer, 5).unwrap();
        assert_eq!(sections.deadline_us(), Some(5));
        assert!(sections.leave(outer).is_err());
        assert_eq!(sections.leave(inner), Ok(outer));
        assert_eq!(sections.leave(outer), Ok(Scope::NONE));
        assert_ne!(
            sections.enter(Scope::NONE, 1).unwrap(),
            outer,
            "scopes are not used twice"
        );
    }
}
