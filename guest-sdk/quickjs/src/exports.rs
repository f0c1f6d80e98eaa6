//! The exports of the contract. Each hands its event to one JavaScript function, as plain
//! numbers, strings and buffers, and returns when the job queue is dry.

use rquickjs::{Array, ArrayBuffer, Ctx, Result};

use crate::bindings::Guest as JsRoom;
use crate::bindings::exports::partykit::room::guest::{
    Body, BodyEvent, CloseInfo, Connection, ConnectionInfo, Description, EventId, Guest,
    MessageResult as Message, Request, RequestHead, RoomInfo, Scope, SyncId, Timer,
};
use crate::bindings::partykit::room::types::{
    ContentResult as Content, FailureResult as Failure, FieldResult as Field,
};
use crate::bridge::Thrown;
use crate::runtime::{Hook, call, enter, load, prepare};

/// Version of the contract in wit/ that this guest was built for.
const CONTRACT: &str = "0.1";

/// The component's exports.
pub(crate) struct Exports;

impl JsRoom for Exports {
    fn prepare() -> std::result::Result<(), Failure> {
        prepare().map_err(failure)
    }

    fn load(bundle: String, env: String) -> std::result::Result<(), Failure> {
        load(bundle, &env).map_err(failure)
    }
}

fn failure(thrown: Thrown) -> Failure {
    Failure {
        message: thrown.message,
        detail: thrown.detail,
        status: None,
    }
}

impl Guest for Exports {
    fn describe() -> Description {
        let warnings = enter(|ctx| call(ctx, Hook::Warnings, ()));
        Description {
            contract: CONTRACT.to_owned(),
            warnings: warnings.unwrap_or_default(),
        }
    }

    fn on_start(event: EventId, scope: Scope, room: RoomInfo) {
        enter(|ctx| -> Result<()> {
            crate::natives::random::reseed(ctx)?;
            let who = (room.id, room.internal_id, room.party);
            call(
                ctx,
                Hook::Start,
                (event as f64, scope as f64, who.0, who.1, who.2),
            )
        });
    }

    fn on_connect(event: EventId, client: ConnectionInfo, request: RequestHead) {
        enter(|ctx| -> Result<()> {
            let ConnectionInfo {
                connection,
                id,
                uri,
            } = client;
            let RequestHead {
                method,
                url,
                headers,
            } = request;
            let headers = fields(ctx, headers)?;
            let client = (connection as f64, id, uri);
            let event = event as f64;
            call(
                ctx,
                Hook::Connect,
                (event, client.0, client.1, client.2, method, url, headers),
            )
        });
    }

    fn on_message(event: EventId, sender: Connection, message: Message) {
        let (event, sender) = (event as f64, sender as f64);
        enter(|ctx| -> Result<()> {
            match message {
                Message::Text(text) => call(ctx, Hook::Message, (event, sender, text)),
                Message::Binary(bytes) => {
                    let bytes = ArrayBuffer::new(ctx.clone(), bytes)?;
                    call(ctx, Hook::Message, (event, sender, bytes))
                }
            }
        });
    }

    fn on_close(event: EventId, client: ConnectionInfo, info: CloseInfo) {
        enter(|ctx| -> Result<()> {
            let ConnectionInfo {
                connection,
                id,
                uri,
            } = client;
            let CloseInfo {
                code,
                reason,
                was_clean,
            } = info;
            let client = (connection as f64, id, uri);
            let event = event as f64;
            call(
                ctx,
                Hook::Close,
                (event, client.0, client.1, client.2, code, reason, was_clean),
            )
        });
    }

    fn on_error(event: EventId, client: ConnectionInfo, error: String) {
        enter(|ctx| -> Result<()> {
            let ConnectionInfo {
                connection,
                id,
                uri,
            } = client;
            call(
                ctx,
                Hook::Error,
                (event as f64, connection as f64, id, uri, error),
            )
        });
    }

    fn on_request(event: EventId, request: Request) {
        enter(|ctx| -> Result<()> {
            let RequestHead {
                method,
                url,
                headers,
            } = request.head;
            let headers = fields(ctx, headers)?;
            let (whole, pieces) = match request.body {
                None => (None, None),
                Some(Content::Whole(bytes)) => (Some(ArrayBuffer::new(ctx.clone(), bytes)?), None),
                Some(Content::Pieces(body)) => (None, Some(body as f64)),
            };
            call(
                ctx,
                Hook::Request,
                (event as f64, method, url, headers, whole, pieces),
            )
        });
    }

    fn on_body(body: Body, what: BodyEvent) {
        let body = body as f64;
        enter(|ctx| -> Result<()> {
            match what {
                BodyEvent::Piece(bytes) => {
                    let bytes = ArrayBuffer::new(ctx.clone(), bytes)?;
                    call(ctx, Hook::Body, (body, "piece", bytes))
                }
                BodyEvent::Finished => call(ctx, Hook::Body, (body, "finished")),
                BodyEvent::Failed(why) => call(ctx, Hook::Body, (body, "failed", why)),
                BodyEvent::Ready => call(ctx, Hook::Body, (body, "ready")),
            }
        });
    }

    fn on_abort(event: EventId) {
        enter(|ctx| -> Result<()> { call(ctx, Hook::Abort, (event as f64,)) });
    }

    fn on_timer(timer: Timer) {
        enter(|ctx| -> Result<()> { call(ctx, Hook::Timer, (timer as f64,)) });
    }

    fn on_alarm(event: EventId) {
        enter(|ctx| -> Result<()> { call(ctx, Hook::Alarm, (event as f64,)) });
    }

    fn on_synced(sync: SyncId) {
        enter(|ctx| -> Result<()> { call(ctx, Hook::Synced, (sync as f64,)) });
    }

    fn stranded(events: Vec<EventId>) -> Vec<EventId> {
        let stranded = enter(|ctx| -> Result<Vec<f64>> {
            // Whatever could have resumed a stranded handler is garbage, and mostly in cycles.
            ctx.run_gc();
            let events: Vec<f64> = events.into_iter().map(|event| event as f64).collect();
            call(ctx, Hook::Stranded, (events,))
        });
        stranded
            .unwrap_or_default()
            .into_iter()
            .map(|event| event as EventId)
            .collect()
    }
}

/// Headers as one flat array: name, value, name, value.
fn fields<'js>(ctx: &Ctx<'js>, headers: Vec<Field>) -> Result<Array<'js>> {
    let array = Array::new(ctx.clone())?;
    for (index, (name, value)) in headers.into_iter().enumerate() {
        array.set(2 * index, name)?;
        array.set(2 * index + 1, value)?;
    }
    Ok(array)
}
