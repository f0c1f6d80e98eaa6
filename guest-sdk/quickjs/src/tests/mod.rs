//! The whole guest, JavaScript included, against the recording host: each test loads a bundle,
//! delivers events as the host would and looks at what the guest did.

mod life;
mod loading;
mod random_values;
mod replaced;
mod storage;
mod streams;
mod turns;
mod values;
mod web;

use crate::bindings::Guest as _;
use crate::bindings::exports::partykit::room::guest::{
    CloseInfo, ConnectionInfo, Guest as _, MessageResult, Request, RequestHead, RoomInfo,
};
use crate::bindings::partykit::room::types::{ContentResult, FailureResult};
use crate::exports::Exports;
use crate::host::recorded;

/// The scope that the host gives to on-start in these tests.
const START: u64 = 900;

/// Loads a bundle.
fn load(bundle: &str) -> Result<(), FailureResult> {
    Exports::prepare()?;
    Exports::load(bundle.to_owned(), r#"{"COLOR":"red"}"#.to_owned())
}

/// Loads a bundle and starts the room; its effects are forgotten.
fn started(bundle: &str) {
    if let Err(failure) = load(bundle) {
        panic!("the bundle does not load: {}", failure.detail);
    }
    start(1);
    assert_eq!(took().last().map(String::as_str), Some("settle 1 done"));
}

fn start(event: u64) {
    recorded::with(|host| host.sections.push(START));
    let room = RoomInfo {
        id: "lounge".into(),
        internal_id: "ab".repeat(32),
        party: "main".into(),
    };
    Exports::on_start(event, START, room);
    recorded::with(|host| host.sections.retain(|scope| *scope != START));
}

fn who(connection: u64) -> ConnectionInfo {
    let uri = format!("http://host/party/lounge?_pk=c{connection}");
    ConnectionInfo {
        connection,
        id: format!("c{connection}"),
        uri,
    }
}

fn connect(event: u64, connection: u64) {
    let client = who(connection);
    let url = client.uri.clone();
    let headers = vec![("x-test".to_owned(), "yes".to_owned())];
    Exports::on_connect(
        event,
        client,
        RequestHead {
            method: "GET".into(),
            url,
            headers,
        },
    );
}

fn text(event: u64, sender: u64, text: &str) {
    Exports::on_message(event, sender, MessageResult::Text(text.to_owned()));
}

fn close(event: u64, connection: u64, code: u16, was_clean: bool) {
    let info = CloseInfo {
        code,
        reason: "bye".into(),
        was_clean,
    };
    Exports::on_close(event, who(connection), info);
}

fn request(event: u64, method: &str, path: &str, body: Option<&str>) {
    let body = body.map(|body| ContentResult::Whole(body.as_bytes().to_vec()));
    request_with(event, method, path, body);
}

fn request_with(event: u64, method: &str, path: &str, body: Option<ContentResult>) {
    let head = RequestHead {
        method: method.to_owned(),
        url: format!("http://host{path}"),
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
    };
    Exports::on_request(event, Request { head, body });
}

/// What the guest did since the last look.
fn took() -> Vec<String> {
    recorded::with(|host| std::mem::take(&mut host.effects))
}

/// Evaluates an expression (it may await) in a started room and returns its JSON.
fn evaluate(code: &str) -> String {
    started(&format!(
        "export default class {{
            constructor(room) {{ this.room = room }}
            async onRequest() {{ return Response.json({{ value: await (async () =>
                ({code}))() }}) }}
        }}"
    ));
    request(2, "GET", "/party/lounge", None);
    let effects = took();
    let answer = effects.last().cloned().unwrap_or_default();
    match answer.strip_prefix("settle 2 200 [content-type=application/json] {\"value\":") {
        Some(json) => json.strip_suffix('}').unwrap_or(json).to_owned(),
        None => answer,
    }
}
