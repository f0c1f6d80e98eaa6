//! The room's storage as its guest uses it: limits at the call, reads through the layers above the
//! store, writes into the turn's batch or the innermost transaction.

use bytes::Bytes;
use partykit_core::{GuestError, LimitName, ReadError, Refusal, Scope, SyncHandle};

use crate::state::State;

impl State {
    pub(crate) fn read(&mut self, key: &str) -> Result<Option<Bytes>, Refusal> {
        self.overlay
            .get(key, self.reader.as_ref())
            .map_err(|error| self.read_failed(&error))
    }

    pub(crate) fn put(&mut self, key: &str, value: Bytes) -> Result<(), Refusal> {
        let limits = &self.limits;
        check("key_bytes_max", key.len() as u64, limits.key_bytes_max)?;
        check(
            "value_bytes_max",
            value.len() as u64,
            limits.value_bytes_max,
        )?;
        self.check_held(key.len() + value.len())?;
        self.turn
            .count(1, (key.len() + value.len()) as u64, &self.limits);
        self.overlay.write(key, Some(value));
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: &str) -> Result<bool, Refusal> {
        check("key_bytes_max", key.len() as u64, self.limits.key_bytes_max)?;
        self.check_held(key.len())?;
        self.turn.count(1, key.len() as u64, &self.limits);
        let found = self.read(key)?.is_some();
        if found {
            self.overlay.write(key, None);
        }
        Ok(found)
    }

    /// What open transactions hold is in memory until they end, and what a turn writes is one
    /// batch, which must not fail for its size when it is too late to say so.
    fn check_held(&self, bytes: usize) -> Result<(), Refusal> {
        let limits = &self.limits;
        let held = self.overlay.transaction_bytes();
        if self.overlay.is_in_transaction() {
            let value = held + bytes as u64;
            check("transaction_bytes_max", value, limits.transaction_bytes_max)?;
        }
        let value = self.overlay.turn_bytes() + held + bytes as u64;
        check("batch_bytes_max", value, limits.batch_bytes_max)
    }

    pub(crate) fn sync(&mut self, scope: Scope) -> Result<Option<SyncHandle>, Refusal> {
        self.turn.count(1, 0, &self.limits);
        if self.gate.is_empty() && !self.overlay.has_turn_writes() {
            return Ok(None);
        }
        check("syncs_max", self.gate.syncs() + 1, self.limits.syncs_max)?;
        let sync = self.gate.next_sync();
        self.turn.syncs.push((sync, scope));
        Ok(Some(sync))
    }

    /// A room that cannot read its storage must not go on as if nothing were stored.
    pub(crate) fn read_failed(&mut self, error: &ReadError) -> Refusal {
        let message = error.to_string();
        self.turn.exceeded = Some(GuestError::Host {
            message: message.clone(),
        });
        Refusal::Internal(message)
    }
}

fn check(name: LimitName, value: u64, max: u64) -> Result<(), Refusal> {
    match value <= max {
        true => Ok(()),
        false => Err(Refusal::Limit { name, value, max }),
    }
}
