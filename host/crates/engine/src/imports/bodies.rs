//! The import `bodies`.

use bytes::Bytes;
use partykit_core::BodyHandle;

use crate::bindings::partykit::room::bodies::{Body, Host, Refusal, Scope};
use crate::convert::refusal;
use crate::state::GuestState;

impl Host for GuestState {
    fn open(&mut self) -> wasmtime::Result<Result<Body, Refusal>> {
        self.ask(|api| api.body_open().map(|body| body.0).map_err(refusal))
    }

    fn write(
        &mut self,
        body: Body,
        piece: Vec<u8>,
        scope: Scope,
    ) -> wasmtime::Result<Result<bool, Refusal>> {
        let (body, piece, scope) = (
            BodyHandle(body),
            Bytes::from(piece),
            partykit_core::Scope(scope),
        );
        self.ask(|api| api.body_write(body, piece, scope).map_err(refusal))
    }

    fn finish(&mut self, body: Body) -> wasmtime::Result<Result<(), Refusal>> {
        self.ask(|api| api.body_finish(BodyHandle(body)).map_err(refusal))
    }

    fn abort(&mut self, body: Body) -> wasmtime::Result<()> {
        self.ask(|api| api.body_abort(BodyHandle(body)))
    }

    fn pull(&mut self, body: Body, scope: Scope) -> wasmtime::Result<Result<(), Refusal>> {
        let scope = partykit_core::Scope(scope);
        self.ask(|api| api.body_pull(BodyHandle(body), scope).map_err(refusal))
    }

    fn cancel(&mut self, body: Body) -> wasmtime::Result<()> {
        self.ask(|api| api.body_cancel(BodyHandle(body)))
    }
}
