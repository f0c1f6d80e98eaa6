//! The stack of open sections. While one is open, only completions of work that was started in
//! its scope may enter; everything else waits in the mailbox.

use partykit_core::{Refusal, Scope, SectionEnding, SectionKind};

#[derive(Debug)]
struct Open {
    scope: Scope,
    kind: SectionKind,
    /// The moment it must be left by.
    deadline_us: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Sections {
    /// Innermost last.
    open: Vec<Open>,
    last: u64,
}

/// A section that was left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) outer: Scope,
    pub(crate) kind: SectionKind,
}

impl Sections {
    /// The innermost open section.
    pub(crate) fn innermost(&self) -> Option<Scope> {
        self.open.last().map(|section| section.scope)
    }

    pub(crate) fn enter(
        &mut self,
        outer: Scope,
        kind: SectionKind,
        deadline_us: u64,
    ) -> Result<Scope, Refusal> {
        let innermost = self.innermost().unwrap_or(Scope::NONE);
        if outer != innermost {
            return Err(Refusal::Invalid(format!(
                "a section can only be opened inside the innermost open one ({innermost}), \
                 not in {outer}"
            )));
        }
        self.last += 1;
        let scope = Scope(self.last);
        self.open.push(Open {
            scope,
            kind,
            deadline_us,
        });
        Ok(scope)
    }

    /// Closes the innermost section.
    pub(crate) fn leave(&mut self, scope: Scope, ending: SectionEnding) -> Result<Left, Refusal> {
        let innermost = self.open.last().filter(|section| section.scope == scope);
        let Some(&Open { kind, .. }) = innermost else {
            let text = format!("section {scope} is not the innermost open one");
            return Err(Refusal::Invalid(text));
        };
        if ending == SectionEnding::Rollback && kind != SectionKind::Transaction {
            let text = format!("section {scope} is no transaction that could be rolled back");
            return Err(Refusal::Invalid(text));
        }
        self.open.pop();
        let outer = self.innermost().unwrap_or(Scope::NONE);
        Ok(Left { outer, kind })
    }

    /// The earliest moment by which some section must be left.
    pub(crate) fn deadline_us(&self) -> Option<u64> {
        self.open.iter().map(|section| section.deadline_us).min()
    }

    /// What room code calls the innermost of them.
    pub(crate) fn name(&self) -> &'static str {
        match self.open.last().map(|section| section.kind) {
            Some(SectionKind::Transaction) => "transaction",
            _ => "blockConcurrencyWhile",
        }
    }

    /// The guest is gone, and its sections with it.
    pub(crate) fn forget_all(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SectionEnding::{Keep, Rollback};
    use SectionKind::{Block, Transaction};

    #[test]
    fn sections_nest_and_end_from_the_inside() {
        let mut sections = Sections::default();
        let outer = sections.enter(Scope::NONE, Block, 10).unwrap();
        let beside = sections.enter(Scope::NONE, Block, 10);
        assert!(beside.is_err(), "another one is open");
        let inner = sections.enter(outer, Transaction, 5).unwrap();
        assert_eq!(sections.deadline_us(), Some(5));
        assert_eq!(sections.name(), "transaction");
        assert!(sections.leave(outer, Keep).is_err());
        let left = sections.leave(inner, Rollback).unwrap();
        assert_eq!((left.outer, left.kind), (outer, Transaction));
        let refused = sections.leave(outer, Rollback).unwrap_err().to_string();
        assert!(refused.contains("no transaction"), "{refused}");
        let left = sections.leave(outer, Keep).unwrap();
        assert_eq!((left.outer, left.kind), (Scope::NONE, Block));
        let next = sections.enter(Scope::NONE, Block, 1).unwrap();
        assert_ne!(next, outer, "scopes are not used twice");
    }
}
