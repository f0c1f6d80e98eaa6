//! A scripted guest that answers a request with its own body, piece by piece: what `pump` and
//! `pump save` start. It reads on only while it may write on, as a pipe does.

use std::collections::HashMap;

use bytes::Bytes;
use partykit_core::{BodyEvent, BodyHandle, RoomApi, Scope};

/// Where pieces come from and where they go.
#[derive(Debug, Default)]
pub(crate) struct Pumps {
    by_source: HashMap<BodyHandle, Pump>,
    source_of: HashMap<BodyHandle, BodyHandle>,
}

#[derive(Debug, Clone, Copy)]
struct Pump {
    sink: BodyHandle,
    scope: Scope,
    /// Each piece, which ends with a number N, is noted in storage as `wN` before it goes on.
    save: bool,
}

impl Pumps {
    /// Begins with the first piece; says what the response's body is.
    pub(crate) fn start(
        &mut self,
        source: BodyHandle,
        scope: Scope,
        save: bool,
        api: &mut dyn RoomApi,
    ) -> Option<BodyHandle> {
        let sink = api.body_open().ok()?;
        self.by_source.insert(source, Pump { sink, scope, save });
        self.source_of.insert(sink, source);
        drop(api.body_pull(source, scope));
        Some(sink)
    }

    /// Whether this event was for a pump.
    pub(crate) fn take(
        &mut self,
        body: BodyHandle,
        what: &BodyEvent,
        api: &mut dyn RoomApi,
    ) -> bool {
        if let Some(source) = self.source_of.get(&body).copied() {
            self.sink(source, what, api);
            return true;
        }
        let Some(pump) = self.by_source.get(&body).copied() else {
            return false;
        };
        match what {
            BodyEvent::Piece(piece) => self.pass(body, pump, piece, api),
            BodyEvent::Finished => {
                drop(api.body_finish(pump.sink));
                self.end(body);
            }
            BodyEvent::Failed(_) => {
                api.body_abort(pump.sink);
                self.end(body);
            }
            BodyEvent::Ready => {}
        }
        true
    }

    fn pass(&mut self, source: BodyHandle, pump: Pump, piece: &Bytes, api: &mut dyn RoomApi) {
        let text = String::from_utf8_lossy(piece);
        if let Some(number) = text.rsplit(' ').next().filter(|_| pump.save) {
            drop(api.storage_put(&format!("w{number}"), Bytes::from("yes")));
        }
        match api.body_write(pump.sink, piece.clone(), pump.scope) {
            Ok(true) => drop(api.body_pull(source, pump.scope)),
            // Goes on when it is told that there is space.
            Ok(false) => {}
            Err(_) => {
                api.body_cancel(source);
                self.end(source);
            }
        }
    }

    /// The client has taken what was written, or has gone.
    fn sink(&mut self, source: BodyHandle, what: &BodyEvent, api: &mut dyn RoomApi) {
        let scope = self.by_source.get(&source).map(|pump| pump.scope);
        match (what, scope) {
            (BodyEvent::Ready, Some(scope)) => drop(api.body_pull(source, scope)),
            _ => {
                api.body_cancel(source);
                self.end(source);
            }
        }
    }

    fn end(&mut self, source: BodyHandle) {
        if let Some(pump) = self.by_source.remove(&source) {
            self.source_of.remove(&pump.sink);
        }
    }
}

/// What became of a body, in a line of the log.
pub(super) fn body_text(what: &BodyEvent) -> String {
    match what {
        BodyEvent::Piece(piece) => format!("piece {}", String::from_utf8_lossy(piece)),
        BodyEvent::Finished => "finished".to_owned(),
        BodyEvent::Failed(why) => format!("failed: {why}"),
        BodyEvent::Ready => "ready".to_owned(),
    }
}
