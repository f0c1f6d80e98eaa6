//! Rooms from their start to their end: handlers in both forms, connections, how events end.

use super::*;

const ECHO: &str = "export default class {
    onMessage(message, sender) { sender.send(message) }
}";

#[test]
fn a_message_is_answered_through_one_send() {
    started("export default class { onMessage(text, sender) { sender.send(`echo ${text}`) } }");
    connect(2, 5);
    assert_eq!(took(), ["accept 5 c5", "settle 2 done"]);
    text(3, 5, "hé 😀");
    assert_eq!(took(), ["send 5 echo hé 😀", "settle 3 done"]);
}

#[test]
fn binary_messages_arrive_as_array_buffers_and_views_send_their_window() {
    started(
        "export default class {
            onMessage(data, sender) {
                sender.send(String(data instanceof ArrayBuffer))
                sender.send(data)
                sender.send(new Uint8Array(data, 1, 2))
                sender.send({}); sender.send(5)
            }
        }",
    );
    connect(2, 5);
    took();
    Exports::on_message(3, 5, MessageResult::Binary(vec![1, 2, 3]));
    assert_eq!(
        took(),
        [
            "send 5 true",
            "send 5 [1, 2, 3]",
            "send 5 [2, 3]",
            "send 5 [object Object]",
            "send 5 5",
            "settle 3 done"
        ]
    );
}

#[test]
fn lone_surrogates_become_replacement_characters_in_frames() {
    started(
        "export default class { onMessage(m, c) { c.send('a\\ud800b\\udc00'); c.send('\\ud83d\\ude00') } }",
    );
    connect(2, 5);
    took();
    text(3, 5, "");
    assert_eq!(took()[..2], ["send 5 a\u{fffd}b\u{fffd}", "send 5 😀"]);
}

#[test]
fn the_object_form_gets_the_room_as_an_argument() {
    started(
        "export default {
            onConnect(ws, room, ctx) {
                ws.send(`${room.id} ${room.name} ${ctx.request.headers.get('X-Test')}`) },
            onMessage(msg, ws, room) { room.broadcast(msg, [ws.id]) },
            onClose(ws, room) { room.broadcast(`${ws.id} left`) },
            onRequest(req, room) { return new Response(room.internalID.length) },
        }",
    );
    connect(2, 5);
    text(3, 5, "hi");
    close(4, 5, 1000, true);
    request(5, "GET", "/", None);
    assert_eq!(
        took(),
        [
            "accept 5 c5",
            "send 5 lounge main yes",
            "settle 2 done",
            "broadcast [5] hi",
            "settle 3 done",
            "broadcast [] c5 left",
            "settle 4 done",
            "settle 5 200 [content-type=text/plain;charset=UTF-8] 64"
        ]
    );
}

#[test]
fn handlers_may_be_class_fields() {
    started(
        "export default class {
            onMessage = (message, sender) => sender.send(message)
            onRequest = () => new Response('field')
        }",
    );
    connect(2, 5);
    text(3, 5, "x");
    request(4, "GET", "/", None);
    assert_eq!(took()[2..4], ["send 5 x", "settle 3 done"]);
}

#[test]
fn code_and_reason_and_was_clean_are_passed_to_on_close() {
    started(
        "export default class {
            onClose(c, code, reason, clean) { console.log(c.readyState, code, reason, clean) }
        }",
    );
    connect(2, 5);
    connect(3, 6);
    took();
    close(4, 5, 4002, true);
    close(5, 6, 1006, false);
    assert_eq!(
        took(),
        [
            "log 2 4002 bye true",
            "settle 4 done",
            "log 1 1006 bye false",
            "settle 5 done"
        ]
    );
}

#[test]
fn a_connection_closed_by_the_room_refuses_to_send_and_is_closed_at_its_end() {
    started(
        "export default class {
            onMessage(m, c) {
                c.close(4001, 'é'.repeat(100)); c.close(4002)
                try { c.send('x') } catch (e) { console.log(`${e}`) }
            }
            onClose(c) { console.log(c.readyState) }
        }",
    );
    connect(2, 5);
    took();
    text(3, 5, "");
    let effects = took();
    assert_eq!(effects[0], format!("close 5 4001 {}", "é".repeat(61)));
    assert_eq!(
        effects[1],
        "log TypeError: Can't call WebSocket send() after close()."
    );
    close(4, 5, 4001, true);
    assert_eq!(took(), ["log 3", "settle 4 done"]);
}

#[test]
fn close_checks_its_arguments_with_the_reference_texts() {
    started(
        "export default class { onMessage(m, c) {
            for (const args of [[999], [1005], [undefined, 'why'], [5000], ['x']])
                try { c.close(...args) } catch (e) { console.log(`${e}`) }
            c.close()
        } }",
    );
    connect(2, 5);
    took();
    text(3, 5, "");
    assert_eq!(
        took(),
        [
            "log TypeError: Invalid WebSocket close code: 999.",
            "log TypeError: Invalid WebSocket close code: 1005.",
            "log TypeError: If you specify a WebSocket close reason, you must also specify a code.",
            "log TypeError: Invalid WebSocket close code: 5000.",
            "log TypeError: Invalid WebSocket close code: 0.",
            "close 5 - ",
            "settle 3 done"
        ]
    );
}

#[test]
fn the_end_of_an_old_socket_does_not_hide_the_new_one_with_its_id() {
    started(
        "export default class {
            constructor(room) { this.room = room }
            onMessage(m) {
                const all = [...this.room.getConnections()]
                console.log(all.length, this.room.getConnection('c5')?.mark)
            }
            onConnect(c) { c.mark = this.n = (this.n ?? 0) + 1 }
        }",
    );
    connect(2, 5);
    let mut again = who(6);
    again.id = "c5".into();
    let head = RequestHead {
        method: "GET".into(),
        url: "http://host/".into(),
        headers: vec![],
    };
    Exports::on_connect(3, again, head);
    took();
    text(4, 6, "");
    close(5, 5, 1006, false);
    text(6, 6, "");
    assert_eq!(
        took(),
        [
            "log 2 2",
            "settle 4 done",
            "settle 5 done",
            "log 1 2",
            "settle 6 done"
        ]
    );
}

#[test]
fn listeners_on_a_connection_hear_its_messages_close_and_error() {
    started(
        "export default {
            onConnect(ws) {
                for (const type of ['message', 'close', 'error'])
                    ws.addEventListener(type, (e) => console.log(e.type,
                        e.data ?? e.code ?? e.message))
            }
        }",
    );
    connect(2, 5);
    took();
    text(3, 5, "hello");
    Exports::on_error(4, who(5), "Network connection lost.".into());
    close(5, 5, 1009, false);
    assert_eq!(
        took(),
        [
            "log message hello",
            "settle 3 done",
            "settle 4 done",
            "log error Network connection lost.",
            "settle 5 done",
            "log close 1009"
        ]
    );
}

#[test]
fn exceptions_end_events_with_their_message_and_status() {
    started(
        "export default class {
            onRequest(req) {
                const what = new URL(req.url).pathname
                if (what === '/error') throw new Error('req failed')
                if (what === '/code') throw Object.assign(new Error('teapot'), { code: 418 })
                if (what === '/words') throw Object.assign(new Error('words'), { code: '418.7' })
                if (what === '/far') throw Object.assign(new Error('far'), { code: 99 })
                if (what === '/string') throw 'a string'
                if (what === '/empty') throw new Error('')
                if (what === '/late') return Promise.reject(new Error('late'))
                if (what === '/undefined') return undefined
            }
            onConnect(c) { if (c.id === 'c5') throw new Error('') }
            onMessage() { throw new Error('oops') }
        }",
    );
    let ends = |event: u64, path: &str| {
        request(event, "GET", path, None);
        took().join("|")
    };
    assert_eq!(ends(2, "/error"), "settle 2 failed req failed");
    assert_eq!(ends(3, "/code"), "settle 3 failed 418 teapot");
    assert_eq!(ends(4, "/far"), "settle 4 failed far");
    assert_eq!(ends(40, "/words"), "settle 40 failed 418 words");
    assert_eq!(ends(5, "/string"), "settle 5 failed a string");
    assert_eq!(
        ends(6, "/empty"),
        "settle 6 failed Uncaught exception when making a request"
    );
    assert_eq!(ends(7, "/late"), "settle 7 failed late");
    assert_eq!(
        ends(8, "/undefined"),
        "settle 8 failed Incorrect type for Promise: the Promise did not resolve to 'Response'."
    );
    connect(9, 5);
    assert_eq!(
        took(),
        [
            "accept 5 c5",
            "settle 9 failed Uncaught exception when connecting"
        ]
    );
    connect(10, 6);
    took();
    text(11, 6, "");
    assert_eq!(took(), ["settle 11 failed oops"]);
}

#[test]
fn a_client_that_goes_while_its_tags_are_awaited_never_joins() {
    started(
        "export default class {
            constructor(room) { this.room = room }
            async getConnectionTags() { await new Promise((go) => setTimeout(go, 1)); return [] }
            onConnect() { console.log('joined') }
            onRequest() { return new Response([...this.room.getConnections()].length) }
        }",
    );
    connect(2, 5);
    let timer = took()[0].split(' ').nth(1).map(str::parse);
    recorded::with(|host| host.gone.push(5));
    Exports::on_timer(timer.expect("a timer").expect("a number"));
    assert_eq!(took(), ["settle 2 done"]);
    request(3, "GET", "/", None);
    assert!(took().pop().is_some_and(|did| did.ends_with(" 0")));
}

#[test]
fn a_connection_whose_on_connect_threw_is_not_kept() {
    started(
        "export default class {
            onConnect() { throw new Error('no') }
            onMessage() { console.log('heard') }
        }",
    );
    connect(2, 5);
    text(3, 5, "still there?");
    assert_eq!(
        took(),
        ["accept 5 c5", "settle 2 failed no", "settle 3 done"]
    );
}

#[test]
fn a_room_without_on_request_says_so() {
    started(ECHO);
    request(2, "GET", "/", None);
    assert_eq!(took(), ["settle 2 failed No onRequest handler"]);
}

#[test]
fn a_room_without_on_request_keeps_its_connections() {
    started(ECHO);
    connect(2, 5);
    took();
    text(3, 5, "still here");
    assert_eq!(took(), ["send 5 still here", "settle 3 done"]);
}

#[test]
fn a_failed_start_can_be_tried_again() {
    load("let n = 0; export default class { onStart() { if (n++ === 0) throw new Error('not yet') } }")
        .unwrap();
    start(1);
    assert_eq!(took(), ["settle 1 failed not yet"]);
    start(2);
    assert_eq!(took(), ["settle 2 done"]);
}

#[test]
fn an_exception_in_the_constructor_fails_the_start() {
    load("export default class { constructor() { throw new Error('ctor boom') } }").unwrap();
    start(1);
    assert_eq!(took(), ["settle 1 failed ctor boom"]);
}

#[test]
fn tags_are_checked_when_the_room_hibernates_and_find_connections() {
    started(
        "export default class {
            options = { hibernate: true }
            constructor(room) { this.room = room }
            getConnectionTags(c) {
                return { c5: ['a', 'b'], c6: Array(10).fill('x').map((x, i) => x + i), c7: [7],
                    c8: [''] }[c.id]
            }
            onMessage() { console.log([...this.room.getConnections('b')].map((c) => c.id)) }
        }",
    );
    connect(2, 5);
    assert_eq!(took(), ["accept 5 c5,a,b", "settle 2 done"]);
    let fails = |event, connection| {
        connect(event, connection);
        took().join("|")
    };
    assert_eq!(
        fails(3, 6),
        "settle 3 failed A connection can only have 10 tags, including the default id tag."
    );
    assert_eq!(
        fails(4, 7),
        "settle 4 failed A connection tag must be a string. Received: 7"
    );
    assert_eq!(
        fails(5, 8),
        "settle 5 failed A connection tag must not be an empty string."
    );
    text(6, 5, "");
    assert_eq!(took(), ["log [ 'c5' ]", "settle 6 done"]);
}

#[test]
fn state_is_any_value_unless_the_room_hibernates() {
    started(
        "export default class {
            onMessage(m, c) {
                console.log(c.state, c.setState({ n: 1 }), c.setState((old) => ({
                    n: old.n + 1 })), c.state)
                c.setState(() => 5); c.setState(undefined); console.log(c.state)
                c.serializeAttachment({ a: new Map([[1, 2]]) });
                    console.log(c.deserializeAttachment(), c.state)
            }
        }",
    );
    connect(2, 5);
    took();
    text(3, 5, "");
    assert_eq!(
        took()[..3],
        [
            "log null { n: 1 } { n: 2 } { n: 2 }",
            "log undefined",
            "log { a: Map(1) { 1 => 2 } } undefined"
        ]
    );
}

#[test]
fn a_hibernating_rooms_state_has_a_limit_and_undefined_becomes_null() {
    started(
        "export default class {
            options = { hibernate: true }
            onMessage(m, c) {
                c.setState(undefined); console.log(c.state)
                try { c.setState('x'.repeat(3000)) } catch (e) { console.log(e.message.slice(0,
                    60)) }
            }
        }",
    );
    connect(2, 5);
    took();
    text(3, 5, "");
    assert_eq!(
        took()[..2],
        [
            "log null",
            "log A WebSocket 'attachment' cannot be larger than 2048 bytes.'a"
        ]
    );
}

#[test]
fn a_connection_whose_beginning_was_never_seen_still_ends() {
    started("export default class { onClose(c) { console.log(c.id, c.uri) } }");
    close(2, 77, 1006, false);
    assert_eq!(
        took(),
        ["log c77 http://host/party/lounge?_pk=c77", "settle 2 done"]
    );
}

#[test]
fn the_room_knows_its_names_and_its_environment() {
    started(
        "export default class {
            constructor(room) { this.room = room; console.log(Object.keys(room).join()) }
            onRequest() {
                const { id, name, internalID, env } = this.room
                return Response.json({ id, name, internalID: internalID.length, env })
            }
        }",
    );
    request(2, "GET", "/", None);
    assert_eq!(
        took(),
        [concat!(
            "settle 2 200 [content-type=application/json] ",
            r#"{"id":"lounge","name":"main","internalID":64,"env":{"COLOR":"red"}}"#
        )]
    );
}
