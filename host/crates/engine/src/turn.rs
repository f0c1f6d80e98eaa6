//! Which export an event becomes. One arm for each variant of `Event`, one line of meaning each:
//! what an event means stands in wit/room.wit.

use partykit_core::Event;
use wasmtime::Store;

use crate::bindings::exports::partykit::room::guest;
use crate::convert::{
    body_event, close_info, connection_info, content, fields, message, request_head,
};
use crate::state::GuestState;

/// Calls the guest with one event and returns when its job queue is dry.
pub(crate) fn deliver(
    guest: &guest::Guest,
    store: &mut Store<GuestState>,
    event: &Event,
) -> wasmtime::Result<()> {
    match event {
        Event::Message {
            event,
            sender,
            message: sent,
        } => guest.call_on_message(store, event.0, sender.0, message(sent)),
        Event::Timer { timer } => guest.call_on_timer(store, timer.0),
        Event::Alarm { event } => guest.call_on_alarm(store, event.0),
        Event::Synced { sync } => guest.call_on_synced(store, sync.0),
        Event::Close {
            event,
            client,
            info,
        } => guest.call_on_close(store, event.0, connection_info(client), close_info(info)),
        Event::Error {
            event,
            client,
            error,
        } => guest.call_on_error(store, event.0, connection_info(client), error),
        Event::Connect {
            event,
            client,
            request,
        } => {
            let headers = fields(&request.headers);
            let request = request_head(request, &headers);
            guest.call_on_connect(store, event.0, connection_info(client), request)
        }
        Event::Request { event, request } => {
            let headers = fields(&request.head.headers);
            let request = guest::Request {
                head: request_head(&request.head, &headers),
                body: request.body.as_ref().map(content),
            };
            guest.call_on_request(store, event.0, request)
        }
        Event::Body { body, what } => guest.call_on_body(store, body.0, body_event(what)),
        Event::Abort { event } => guest.call_on_abort(store, event.0),
        Event::Start { event, scope, room } => {
            let internal_id = room.internal_id.to_string();
            let room = guest::RoomInfo {
                id: room.id.as_str(),
                internal_id: &internal_id,
                party: room.party.as_str(),
            };
            guest.call_on_start(store, event.0, scope.0, room)
        }
    }
}
