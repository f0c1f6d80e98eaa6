//! Every limit of a room, in one struct: a name with its unit, a default, and the reason for it.
//! The same names appear in error texts, in the host's configuration and in the docs.

/// Limits that apply to each room. [`Limits::default`] is what a host uses unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Memory of one guest.
    pub memory_bytes_max: u64,
    /// CPU time of one turn.
    pub cpu_ms_max: u64,
    /// CPU time of evaluating the code.
    pub load_cpu_ms_max: u64,
    /// Outgoing effects of one turn: sends, closes, settles; a broadcast counts one for each
    /// recipient.
    pub effects_max: u64,
    /// Bytes of outgoing messages and bodies of one turn, each broadcast counted once.
    pub effect_bytes_max: u64,
    /// Log lines of one turn; what is above is counted and dropped.
    pub log_lines_max: u64,
    /// Bytes of one log line; what is above is cut.
    pub log_line_bytes_max: u64,
    /// Armed timers of one room.
    pub timers_max: u64,
    /// One incoming WebSocket message.
    pub message_bytes_max: u64,
    /// One request body, and one response body.
    pub body_bytes_max: u64,
    /// Pieces of one response body that its client has not taken; with half of it waiting, the
    /// guest is asked to pause.
    pub body_buffer_bytes_max: u64,
    /// Responses of one room that are written in pieces at one time.
    pub bodies_max: u64,
    /// Requests of one room whose bodies are read in pieces at one time; others get 503.
    pub uploads_max: u64,
    /// Events that wait for one room.
    pub mailbox_events_max: u64,
    /// Bytes of messages and bodies that wait for one room.
    pub mailbox_bytes_max: u64,
    /// Outgoing bytes that wait for one connection; a slower reader is closed with 1013.
    pub connection_buffer_bytes_max: u64,
    /// Connections of one room.
    pub connections_max: u64,
    /// Bytes of turns whose writes are not durable yet; above it the room takes no new event.
    pub uncommitted_bytes_max: u64,
    /// One storage key, in UTF-8 bytes.
    pub key_bytes_max: u64,
    /// One stored value.
    pub value_bytes_max: u64,
    /// One page of a storage listing.
    pub list_page_bytes_max: u64,
    /// What one room has read from its storage or written to it and keeps at hand, so that reading
    /// it again asks no disk.
    pub storage_cache_bytes_max: u64,
    /// Writes that one room holds in open transactions.
    pub transaction_bytes_max: u64,
    /// Writes of one turn, those of open transactions included: one batch of the store.
    pub batch_bytes_max: u64,
    /// Calls of `storage.sync()` of one room that wait for the disk.
    pub syncs_max: u64,
    /// From the delivery of on-start until it settles.
    pub start_ms: u64,
    /// From the delivery of on-connect until it settles.
    pub connect_ms: u64,
    /// From the delivery of a request until it is answered.
    pub request_ms: u64,
    /// From the delivery of an alarm until its handler settles.
    pub alarm_ms: u64,
    /// From the opening of a section (`blockConcurrencyWhile`, `transaction`) until it is left.
    pub section_ms: u64,
    /// Delivered events whose handlers have not settled.
    pub owed_events_max: u64,
    /// Without connections and without anything outstanding, a room is evicted after so long.
    pub room_idle_ms: u64,
    /// First pause after a guest failed twice in a row; doubles up to a minute.
    pub restart_backoff_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: u64 = 1024;
        const MIB: u64 = 1024 * KIB;
        Self {
            // What Cloudflare gives a Durable Object, which PartyKit rooms were written for.
            memory_bytes_max: 128 * MIB,
            // A third of the reference's 30 s: long computations belong into native rooms.
            cpu_ms_max: 10_000,
            load_cpu_ms_max: 10_000,
            effects_max: 1_000_000,
            effect_bytes_max: 256 * MIB,
            log_lines_max: 10_000,
            log_line_bytes_max: 64 * KIB,
            timers_max: 10_000,
            // What current workerd accepts; PartyKit's own was 1 MiB.
            message_bytes_max: 32 * MIB,
            body_bytes_max: 100 * MIB,
            body_buffer_bytes_max: MIB,
            bodies_max: 10_000,
            uploads_max: 10_000,
            mailbox_events_max: 4096,
            mailbox_bytes_max: 64 * MIB,
            connection_buffer_bytes_max: 64 * MIB,
            connections_max: 32_000,
            uncommitted_bytes_max: 16 * MIB,
            key_bytes_max: 2048,
            // 128 KiB and the slack that the reference's serializer header needs.
            value_bytes_max: 128 * KIB + 34,
            list_page_bytes_max: 4 * MIB,
            storage_cache_bytes_max: MIB,
            transaction_bytes_max: 32 * MIB,
            // Half of what a store takes at once; a group is held in memory about twice.
            batch_bytes_max: 64 * MIB,
            syncs_max: 10_000,
            start_ms: 30_000,
            connect_ms: 30_000,
            request_ms: 100_000,
            // What a Durable Object's has.
            alarm_ms: 900_000,
            section_ms: 30_000,
            owed_events_max: 100_000,
            // As the reference, which looks every 10 s.
            room_idle_ms: 10_000,
            restart_backoff_ms: 500,
        }
    }
}

impl Limits {
    /// The limit of that name, as it is written in errors and docs.
    pub fn by_name(&mut self, name: &str) -> Option<&mut u64> {
        Some(match name {
            "memory_bytes_max" => &mut self.memory_bytes_max,
            "cpu_ms_max" => &mut self.cpu_ms_max,
            "load_cpu_ms_max" => &mut self.load_cpu_ms_max,
            "effects_max" => &mut self.effects_max,
            "effect_bytes_max" => &mut self.effect_bytes_max,
            "log_lines_max" => &mut self.log_lines_max,
            "log_line_bytes_max" => &mut self.log_line_bytes_max,
            "timers_max" => &mut self.timers_max,
            "message_bytes_max" => &mut self.message_bytes_max,
            "body_bytes_max" => &mut self.body_bytes_max,
            "body_buffer_bytes_max" => &mut self.body_buffer_bytes_max,
            "bodies_max" => &mut self.bodies_max,
            "uploads_max" => &mut self.uploads_max,
            "mailbox_events_max" => &mut self.mailbox_events_max,
            "mailbox_bytes_max" => &mut self.mailbox_bytes_max,
            "connection_buffer_bytes_max" => &mut self.connection_buffer_bytes_max,
            "connections_max" => &mut self.connections_max,
            "uncommitted_bytes_max" => &mut self.uncommitted_bytes_max,
            "key_bytes_max" => &mut self.key_bytes_max,
            "value_bytes_max" => &mut self.value_bytes_max,
            "list_page_bytes_max" => &mut self.list_page_bytes_max,
            "storage_cache_bytes_max" => &mut self.storage_cache_bytes_max,
            "transaction_bytes_max" => &mut self.transaction_bytes_max,
            "batch_bytes_max" => &mut self.batch_bytes_max,
            "syncs_max" => &mut self.syncs_max,
            "start_ms" => &mut self.start_ms,
            "connect_ms" => &mut self.connect_ms,
            "request_ms" => &mut self.request_ms,
            "alarm_ms" => &mut self.alarm_ms,
            "section_ms" => &mut self.section_ms,
            "owed_events_max" => &mut self.owed_events_max,
            "room_idle_ms" => &mut self.room_idle_ms,
            "restart_backoff_ms" => &mut self.restart_backoff_ms,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set_by_its_name() {
        let mut limits = Limits::default();
        let shown = format!("{limits:#?}");
        let names: Vec<_> = shown
            .lines()
            .filter_map(|line| line.trim().split_once(':'))
            .collect();
        assert!(names.len() > 20);
        for (name, _) in names {
            *limits.by_name(name).unwrap_or_else(|| panic!("{name}")) = 7;
        }
        let shown = format!("{limits:#?}");
        assert!(
            shown
                .lines()
                .filter(|line| line.contains(':'))
                .all(|line| line.contains(": 7,"))
        );
        assert_eq!(limits.by_name("no_such_limit"), None);
    }
}
