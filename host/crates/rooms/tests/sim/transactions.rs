//! Transactions: what they write is durable together or not at all, and one that was rolled back
//! or cut off has never been.

use std::collections::BTreeSet;

use crate::simulation::Simulation;

#[derive(Debug, Default)]
pub(crate) struct Transactions {
    /// Numbers whose `tN` and `uN` belong together.
    paired: BTreeSet<u64>,
    /// Numbers whose `tN` must never be stored.
    undone: BTreeSet<u64>,
}

impl Simulation {
    /// A script with a transaction whose first write is `tN`.
    pub(crate) fn transaction(&mut self, number: u64) -> String {
        let begin = format!("begin;put t{number} yes");
        let end = format!("put u{number} yes");
        let (kept, script) = match self.random.below(10) {
            0 => (true, format!("{begin};{end};leave")),
            1 => (true, format!("{begin};timer 15 {end}&leave")),
            2 => (true, format!("{begin};begin;{end};leave;timer 15 leave")),
            3 => (
                true,
                format!("{begin};timer 15 begin&{end}&timer 15 leave&leave"),
            ),
            4 => (
                true,
                format!("{begin};enter;timer 15 {end}&leave;timer 20 leave"),
            ),
            5 => (false, format!("{begin};{end};undo")),
            6 => (false, format!("{begin};timer 15 undo&put after yes")),
            7 => (false, format!("{begin};timer 15 trap")),
            8 => (false, format!("begin;{begin};leave;timer 15 undo")),
            _ => (false, format!("{begin};hold;timer 99999 leave")),
        };
        let kind = match kept {
            true => &mut self.transactions.paired,
            false => &mut self.transactions.undone,
        };
        kind.insert(number);
        script
    }

    /// Looks at what is stored.
    pub(crate) fn check_transactions(&self) {
        let stored = self.room.store.dump(self.room.key());
        for number in &self.transactions.paired {
            let (first, second) = (format!("t{number}"), format!("u{number}"));
            let together = stored.contains_key(&first) == stored.contains_key(&second);
            self.check(
                together,
                &format!("{first} and {second} are stored together"),
            );
        }
        for number in &self.transactions.undone {
            let is_stored = stored.contains_key(&format!("t{number}"));
            self.check(!is_stored, &format!("t{number} is never stored"));
        }
    }
}
