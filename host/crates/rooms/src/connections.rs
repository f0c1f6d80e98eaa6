//! Who is connected: the connections a broadcast reaches, and who is still owed an on-close.
//!
//! Owns the phases of a connection as the room sees it. The socket, its queue and its handshake
//! are the driver's. A connection leaves this set at the moment its end is known, before on-close
//! is delivered.

use std::collections::BTreeMap;

use partykit_core::{CloseInfo, ConnectionHandle, ConnectionInfo, Refusal};

use crate::Action;
use crate::answers::CloseAnswer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// on-connect was delivered and is not settled.
    Connecting,
    /// The handshake is answered.
    Open,
    /// The room has sent a Close frame.
    Closing,
    /// Its end is known; what it sent before, and then its on-close, is still to be delivered.
    Gone,
}

impl Phase {
    fn is_reachable(self) -> bool {
        matches!(self, Self::Connecting | Self::Open)
    }
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) info: ConnectionInfo,
    pub(crate) phase: Phase,
    /// The guest has it among its connections, so that it is owed an on-close.
    pub(crate) accepted: bool,
    pub(crate) tags: Vec<String>,
}

impl Member {
    fn is_reachable(&self) -> bool {
        self.accepted && self.phase.is_reachable()
    }
}

/// Ordered by handle, which is the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    members: BTreeMap<ConnectionHandle, Member>,
    /// Those who sent a Close frame and are to get ours, behind all that is still sent to them.
    leaving: BTreeMap<ConnectionHandle, CloseAnswer>,
}

impl Connections {
    pub(crate) fn add(&mut self, info: ConnectionInfo) {
        let handle = info.handle;
        let member = Member {
            info,
            phase: Phase::Connecting,
            accepted: false,
            tags: Vec::new(),
        };
        self.members.insert(handle, member);
    }

    pub(crate) fn get(&self, handle: ConnectionHandle) -> Option<&Member> {
        self.members.get(&handle)
    }

    pub(crate) fn accept(
        &mut self,
        handle: ConnectionHandle,
        tags: Vec<String>,
    ) -> Result<(), Refusal> {
        let member = self.find_living(handle)?;
        if member.accepted {
            return Err(Refusal::Invalid(format!(
                "connection {handle} was accepted before"
            )));
        }
        member.accepted = true;
        member.tags = tags;
        Ok(())
    }

    /// on-connect settled well: says whether the handshake is still to be answered.
    pub(crate) fn open(&mut self, handle: ConnectionHandle) -> bool {
        let Some(member) = self.members.get_mut(&handle) else {
            return false;
        };
        member.accepted = true;
        if member.phase == Phase::Connecting {
            member.phase = Phase::Open;
        }
        member.phase != Phase::Gone
    }

    fn find_living(&mut self, handle: ConnectionHandle) -> Result<&mut Member, Refusal> {
        let member = self.members.get_mut(&handle);
        member
            .filter(|member| member.phase != Phase::Gone)
            .ok_or(Refusal::Gone)
    }

    /// Its end is known. Hands it over when the guest has it and is to be told, once.
    pub(crate) fn gone(
        &mut self,
        handle: ConnectionHandle,
        info: &CloseInfo,
        is_waiting: bool,
    ) -> Option<ConnectionInfo> {
        let member = self.find_living(handle).ok()?;
        if !member.accepted {
            self.members.remove(&handle);
            return None;
        }
        // One that the room has closed itself has its Close frame.
        let is_owed_one = is_waiting && member.phase != Phase::Closing;
        member.phase = Phase::Gone;
        let client = member.info.clone();
        if is_owed_one {
            self.leaving.insert(handle, CloseAnswer::to(info));
        }
        Some(client)
    }

    /// One that the guest has among its connections, and whose end is not known.
    pub(crate) fn joined(&self, handle: ConnectionHandle) -> Option<ConnectionInfo> {
        let member = self.members.get(&handle)?;
        (member.accepted && member.phase != Phase::Gone).then(|| member.info.clone())
    }

    /// The room closes it for reasons of its own. Hands it over when its end was not known and the
    /// guest is to be told.
    pub(crate) fn part_with(&mut self, handle: ConnectionHandle) -> Option<ConnectionInfo> {
        let member = self.find_living(handle).ok()?;
        if member.accepted {
            member.phase = Phase::Gone;
            return Some(member.info.clone());
        }
        self.members.remove(&handle);
        None
    }

    /// The room sends away one whose handshake is not answered. Hands it over as above.
    pub(crate) fn cut_off(&mut self, handle: ConnectionHandle) -> Option<ConnectionInfo> {
        let member = self.members.remove(&handle)?;
        (member.accepted && member.phase != Phase::Gone).then_some(member.info)
    }

    /// A peer that said its last is to be answered now, if it was not.
    pub(crate) fn answer(&mut self, handle: ConnectionHandle) -> Option<Action> {
        let answer = self.leaving.remove(&handle)?;
        Some(answer.to_peer(handle))
    }

    /// All that wait for the answer to their Close frame.
    pub(crate) fn answer_leaving(&mut self) -> Vec<Action> {
        let leaving = std::mem::take(&mut self.leaving);
        let answers = leaving
            .iter()
            .map(|(handle, answer)| answer.to_peer(*handle));
        answers.collect()
    }

    /// Whether a message may go to this connection. One that has said its last still reads.
    pub(crate) fn is_reachable(&self, handle: ConnectionHandle) -> bool {
        let member = self.members.get(&handle);
        member.is_some_and(|member| member.phase.is_reachable())
            || self.leaving.contains_key(&handle)
    }

    pub(crate) fn reachable_except(&self, without: &[ConnectionHandle]) -> Vec<ConnectionHandle> {
        self.members
            .iter()
            .filter(|(handle, member)| member.is_reachable() && !without.contains(handle))
            .map(|(handle, _)| *handle)
            .collect()
    }

    /// The room starts to close it; says whether it was not closing before.
    pub(crate) fn start_closing(&mut self, handle: ConnectionHandle) -> Result<bool, Refusal> {
        // A code of its own takes the place of the one that would be sent back.
        if self.leaving.remove(&handle).is_some() {
            return Ok(true);
        }
        let member = self.find_living(handle)?;
        let first = member.phase != Phase::Closing;
        member.phase = Phase::Closing;
        Ok(first)
    }

    pub(crate) fn remove(&mut self, handle: ConnectionHandle) -> Option<Member> {
        self.members.remove(&handle)
    }

    /// Those whose handshake is not answered.
    pub(crate) fn connecting(&self) -> Vec<ConnectionHandle> {
        let connecting = self
            .members
            .iter()
            .filter(|(_, m)| m.phase == Phase::Connecting);
        connecting.map(|(handle, _)| *handle).collect()
    }

    /// Those whose end is not known, in order of arrival.
    pub(crate) fn living(&self) -> Vec<ConnectionHandle> {
        let living = self.members.iter().filter(|(_, m)| m.phase != Phase::Gone);
        living.map(|(handle, _)| *handle).collect()
    }

    /// All of them, in order of arrival; none is left.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Member> + use<> {
        std::mem::take(&mut self.members).into_values()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }
}
