//! The import `connections`.

use partykit_core::ConnectionHandle;

use crate::bindings::partykit::room::connections::{Connection, Host, Message, Refusal};
use crate::convert::{message_from, refusal};
use crate::state::GuestState;

impl Host for GuestState {
    fn accept(
        &mut self,
        connection: Connection,
        tags: Vec<String>,
    ) -> wasmtime::Result<Result<(), Refusal>> {
        let connection = ConnectionHandle(connection);
        self.ask(|api| api.accept(connection, tags).map_err(refusal))
    }

    fn send(
        &mut self,
        connection: Connection,
        message: Message,
    ) -> wasmtime::Result<Result<(), Refusal>> {
        let connection = ConnectionHandle(connection);
        let message = message_from(message);
        self.ask(|api| api.send(connection, message).map_err(refusal))
    }

    fn broadcast(
        &mut self,
        message: Message,
        without: Vec<Connection>,
    ) -> wasmtime::Result<Result<(), Refusal>> {
        let message = message_from(message);
        let without: Vec<_> = without.into_iter().map(ConnectionHandle).collect();
        self.ask(|api| api.broadcast(message, &without).map_err(refusal))
    }

    fn close(
        &mut self,
        connection: Connection,
        code: Option<u16>,
        reason: String,
    ) -> wasmtime::Result<Result<(), Refusal>> {
        let connection = ConnectionHandle(connection);
        self.ask(|api| api.close(connection, code, reason).map_err(refusal))
    }
}
