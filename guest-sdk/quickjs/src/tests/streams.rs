//! Bodies in pieces, both ways, and clients that go: what the guest asks of its host, and what it
//! makes of the answers.

use super::*;
use crate::bindings::exports::partykit::room::guest::BodyEvent;

/// The first handle that the recorded host gives out in a started room.
const FIRST: u64 = 17;

fn piece(body: u64, text: &str) {
    Exports::on_body(body, BodyEvent::Piece(text.as_bytes().to_vec()));
}

fn full(yes: bool) {
    recorded::with(|host| host.bodies_are_full = yes);
}

/// A request whose body is 70, to a started room.
fn post(event: u64) {
    request_with(event, "POST", "/", Some(ContentResult::Pieces(70)));
}

#[test]
fn a_streamed_response_is_settled_at_once_and_waits_when_the_host_has_enough() {
    started(
        "const bytes = (text) => new TextEncoder().encode(text)
        export default class {
            onRequest() {
                let n = 0
                return new Response(new ReadableStream({
                    pull(c) { console.log(`pull ${++n}`)
                        if (n > 3) c.close(); else c.enqueue(bytes(`p${n}`)) },
                }, { highWaterMark: 0 }), { status: 201 })
            }
        }",
    );
    full(true);
    request(2, "GET", "/", None);
    let body = FIRST;
    assert_eq!(
        took(),
        [
            format!("open {body}"),
            format!("settle 2 201 [] pieces {body}"),
            "log pull 1".to_owned(),
            format!("write {body} p1 scope 0"),
        ]
    );
    Exports::on_body(body, BodyEvent::Ready);
    assert_eq!(
        took(),
        ["log pull 2".to_owned(), format!("write {body} p2 scope 0")]
    );
    full(false);
    Exports::on_body(body, BodyEvent::Ready);
    assert_eq!(
        took(),
        [
            "log pull 3".to_owned(),
            format!("write {body} p3 scope 0"),
            "log pull 4".to_owned(),
            format!("finish {body}"),
        ]
    );
    Exports::on_body(body, BodyEvent::Ready);
    Exports::on_body(body, BodyEvent::Failed("late".into()));
    assert_eq!(took(), [] as [&str; 0]);
}

#[test]
fn an_error_in_mid_stream_breaks_the_body_off_and_is_logged_once() {
    started(
        "export default class {
            onRequest() {
                let n = 0
                return new Response(new ReadableStream({
                    pull(c) { if (n++) throw new Error('in the middle')
                        c.enqueue(new Uint8Array([104, 105])) },
                }))
            }
        }",
    );
    request(2, "GET", "/", None);
    let effects = took();
    assert_eq!(
        effects[..4],
        [
            format!("open {FIRST}"),
            format!("settle 2 200 [] pieces {FIRST}"),
            format!("write {FIRST} hi scope 0"),
            format!("abort {FIRST}"),
        ]
    );
    assert!(effects[4].starts_with("error Uncaught Error: in the middle"));
    assert_eq!(effects.len(), 5);
}

#[test]
fn a_chunk_that_is_no_bytes_breaks_the_body_off_and_cancels_the_stream() {
    started(
        "export default class {
            onRequest() {
                return new Response(new ReadableStream({
                    start(c) { c.enqueue('text') }, cancel(r) { console.log(`cancel ${r.name}`) },
                }))
            }
        }",
    );
    request(2, "GET", "/", None);
    let effects = took();
    assert_eq!(effects[2], format!("abort {FIRST}"));
    assert!(effects[3].starts_with("error Uncaught TypeError: A body's stream must give"));
    assert_eq!(effects[4..], ["log cancel TypeError"]);
}

/// Gives one chunk and then nothing; says who ended it.
const SLOW: &str = "export default class {
    onRequest(request) {
        request.signal.onabort = () => console.log(`signal ${request.signal.reason.name}`)
        return new Response(new ReadableStream({
            start(c) { c.enqueue(new Uint8Array([104, 105])) },
            cancel(reason) { console.log(`cancel ${reason}`) },
        }))
    }
}";

#[test]
fn a_client_that_goes_cancels_the_stream_and_aborts_its_requests_signal() {
    started(SLOW);
    request(2, "GET", "/", None);
    took();
    Exports::on_body(FIRST, BodyEvent::Failed("the client has gone".into()));
    assert_eq!(
        took(),
        [
            "log signal AbortError",
            "log cancel AbortError: the client has gone"
        ]
    );
}

#[test]
fn a_body_that_is_gone_when_it_is_written_cancels_the_stream_too() {
    started(SLOW);
    recorded::with(|host| host.gone.push(FIRST));
    request(2, "GET", "/", None);
    assert_eq!(
        took()[2..],
        [
            "log signal AbortError",
            "log cancel AbortError: The client has gone."
        ]
    );
}

#[test]
fn a_streamed_request_is_pulled_only_when_it_is_read_one_piece_at_a_time() {
    started(
        "export default class {
            async onRequest(request) {
                console.log(request.bodyUsed, request.body === request.body)
                await null
                return new Response(`[${await request.text()}] ${request.bodyUsed}`)
            }
        }",
    );
    post(2);
    assert_eq!(took(), ["log false true", "pull 70 scope 0"]);
    piece(70, "h\u{e9}l");
    assert_eq!(took(), ["pull 70 scope 0"]);
    piece(70, "lo");
    took();
    Exports::on_body(70, BodyEvent::Finished);
    assert_eq!(
        took(),
        ["settle 2 200 [content-type=text/plain;charset=UTF-8] [h\u{e9}llo] true"]
    );
}

#[test]
fn a_request_whose_body_fails_rejects_its_reader() {
    started(
        "export default class {
            async onRequest(request) {
                try { await request.json() } catch (e) { return new Response(`${e}`) }
            }
        }",
    );
    post(2);
    piece(70, "{");
    Exports::on_body(70, BodyEvent::Failed("broken off".into()));
    assert_eq!(
        took().last().map(String::as_str),
        Some("settle 2 200 [content-type=text/plain;charset=UTF-8] TypeError: broken off")
    );
}

#[test]
fn a_pull_that_the_host_refuses_as_gone_rejects_its_reader() {
    started(
        "export default class {
            async onRequest(request) {
                return new Response(await request.text().catch((e) => `${e}`))
            }
        }",
    );
    recorded::with(|host| host.gone.push(70));
    post(2);
    assert_eq!(
        took(),
        ["settle 2 200 [content-type=text/plain;charset=UTF-8] TypeError: The client has gone."]
    );
}

#[test]
fn a_streamed_request_can_be_the_streamed_response() {
    started("export default { onRequest: (request) => new Response(request.body) }");
    post(2);
    assert_eq!(
        took(),
        [
            format!("open {FIRST}"),
            format!("settle 2 200 [] pieces {FIRST}"),
            "pull 70 scope 0".to_owned(),
        ]
    );
    full(true);
    piece(70, "one");
    // The next piece is asked for when the last one was taken: back-pressure from end to end.
    assert_eq!(took(), [format!("write {FIRST} one scope 0")]);
    Exports::on_body(FIRST, BodyEvent::Ready);
    assert_eq!(took(), ["pull 70 scope 0"]);
    // One "ready" for one "enough": another one is no second permission.
    Exports::on_body(FIRST, BodyEvent::Ready);
    piece(70, "more");
    assert_eq!(took(), [format!("write {FIRST} more scope 0")]);
    full(false);
    Exports::on_body(FIRST, BodyEvent::Ready);
    assert_eq!(took(), ["pull 70 scope 0"]);
    piece(70, "two");
    Exports::on_body(70, BodyEvent::Finished);
    assert_eq!(
        took(),
        [
            format!("write {FIRST} two scope 0"),
            "pull 70 scope 0".to_owned(),
            format!("finish {FIRST}"),
        ]
    );
}

#[test]
fn the_rest_of_an_echoed_request_is_cancelled_when_the_client_goes() {
    started("export default { onRequest: (request) => new Response(request.body) }");
    post(2);
    took();
    Exports::on_body(FIRST, BodyEvent::Failed("gone".into()));
    assert_eq!(took(), ["cancel 70"]);
}

#[test]
fn a_streamed_request_is_iterated_and_leaving_the_loop_cancels_it() {
    started(
        "export default class {
            async onRequest(request) {
                for await (const chunk of request.body) {
                    console.log(chunk instanceof Uint8Array, chunk.length)
                    if (chunk.length > 2) break
                }
                return new Response('done')
            }
        }",
    );
    post(2);
    piece(70, "ab");
    piece(70, "abc");
    assert_eq!(
        took(),
        [
            "pull 70 scope 0",
            "log true 2",
            "pull 70 scope 0",
            "log true 3",
            "cancel 70",
            "settle 2 200 [content-type=text/plain;charset=UTF-8] done",
        ]
    );
}

#[test]
fn a_clone_of_a_streamed_request_reads_the_same() {
    started(
        "export default class {
            async onRequest(request) {
                const copy = request.clone()
                const texts = await Promise.all([request.text(), copy.text()])
                return new Response(texts.join('|'))
            }
        }",
    );
    post(2);
    piece(70, "ab");
    piece(70, "cd");
    Exports::on_body(70, BodyEvent::Finished);
    let effects = took();
    assert_eq!(effects[..3], ["pull 70 scope 0"; 3]);
    assert!(effects[3].ends_with("] abcd|abcd"), "{effects:?}");
}

#[test]
fn pulls_and_writes_carry_the_section_they_were_made_in() {
    started(
        "export default class {
            constructor(room) { this.room = room }
            async onRequest(request) {
                const text = await this.room.blockConcurrencyWhile(() => request.text())
                return new Response(new ReadableStream({
                    start(c) { c.enqueue(new TextEncoder().encode(text)); c.close() },
                }))
            }
        }",
    );
    post(2);
    assert_eq!(
        took(),
        [format!("enter 0 {FIRST}"), format!("pull 70 scope {FIRST}")]
    );
    piece(70, "x");
    Exports::on_body(70, BodyEvent::Finished);
    let body = FIRST + 1;
    assert_eq!(
        took(),
        [
            format!("pull 70 scope {FIRST}"),
            format!("leave {FIRST} keep"),
            format!("open {body}"),
            format!("settle 2 200 [] pieces {body}"),
            format!("write {body} x scope 0"),
            format!("finish {body}"),
        ]
    );
}

#[test]
fn a_request_that_nobody_reads_is_never_pulled_and_a_get_has_none() {
    started("export default { onRequest: (r) => new Response(`${r.body}`) }");
    post(2);
    request_with(3, "GET", "/", Some(ContentResult::Pieces(71)));
    request(4, "POST", "/", None);
    let answer =
        |event, text| format!("settle {event} 200 [content-type=text/plain;charset=UTF-8] {text}");
    assert_eq!(
        took(),
        [
            answer(2, "[object ReadableStream]"),
            "cancel 71".to_owned(),
            answer(3, "null"),
            answer(4, "null"),
        ]
    );
}

#[test]
fn an_aborted_request_tells_its_signal_and_is_not_stranded_while_it_waits_for_that() {
    started(
        "export default class {
            async onRequest(request) {
                const reason = await new Promise((resolve) =>
                    request.signal.addEventListener('abort', () => resolve(request.signal.reason)))
                console.log(`${reason}`, reason instanceof DOMException)
                return new Response('nobody')
            }
        }",
    );
    request(2, "GET", "/", None);
    assert_eq!(Exports::stranded(vec![2]), [] as [u64; 0]);
    Exports::on_abort(2);
    assert_eq!(
        took(),
        [
            "log AbortError: The client has gone. true",
            "settle 2 200 [content-type=text/plain;charset=UTF-8] nobody",
        ]
    );
    // Settled: there is nothing left to abort.
    Exports::on_abort(2);
    assert_eq!(took(), [] as [&str; 0]);
}

#[test]
fn a_signal_that_is_first_looked_at_after_the_abort_is_aborted() {
    started(
        "export default class {
            async onRequest(request) {
                await request.text().catch(() => {})
                return new Response(`${request.signal.aborted} ${request.clone}`.slice(0, 5))
            }
        }",
    );
    post(2);
    Exports::on_abort(2);
    Exports::on_body(70, BodyEvent::Failed("gone".into()));
    assert!(took().last().is_some_and(|last| last.ends_with("] true ")));
}

#[test]
fn a_response_whose_stream_is_locked_or_used_is_a_failure() {
    started(
        "export default class {
            async onRequest(request) {
                const response = new Response(new ReadableStream({ start(c) { c.close() } }))
                if (request.method === 'GET') response.body.getReader()
                else await response.text()
                return response
            }
        }",
    );
    request(2, "GET", "/", None);
    request(3, "POST", "/", None);
    let effects = took();
    assert!(
        effects[0].starts_with("settle 2 failed Body is locked"),
        "{effects:?}"
    );
    assert!(effects[1].starts_with("settle 3 failed Body has already been used."));
}

#[test]
fn handlers_that_wait_for_a_stream_nobody_can_feed_are_stranded() {
    started(
        "export default class {
            async onRequest() { await new ReadableStream().getReader().read() }
        }",
    );
    request(2, "GET", "/", None);
    assert_eq!(Exports::stranded(vec![2]), [2]);
}

#[test]
fn the_stream_of_a_whole_request_is_answered_as_a_whole_unless_it_was_read() {
    started(
        "export default {
            async onRequest(request) {
                if (request.url.endsWith('part')) {
                    const reader = request.body.getReader()
                    const { value } = await reader.read()
                    reader.releaseLock()
                    return new Response(value.subarray(1))
                }
                return new Response(request.body)
            },
        }",
    );
    request(2, "POST", "/", Some("all of it"));
    request(3, "POST", "/part", Some("part"));
    assert_eq!(took(), ["settle 2 200 [] all of it", "settle 3 200 [] art"]);
}

#[test]
fn a_request_takes_over_the_body_and_the_signal_of_the_one_it_is_made_from() {
    started(
        "export default {
            async onRequest(request) {
                const made = new Request(request)
                console.log(request.bodyUsed, made.bodyUsed, made.signal === request.signal)
                await request.text().catch((e) => console.log(e.name))
                return new Response(made.body)
            },
        }",
    );
    post(2);
    assert_eq!(
        took(),
        [
            "log true false true".to_owned(),
            "log TypeError".to_owned(),
            format!("open {FIRST}"),
            format!("settle 2 200 [] pieces {FIRST}"),
            "pull 70 scope 0".to_owned(),
        ]
    );
}

#[test]
fn a_long_queue_of_chunks_is_written_in_one_turn_and_without_deep_recursion() {
    started(
        "export default {
            onRequest() {
                return new Response(new ReadableStream({
                    start(c) {
                        for (let n = 0; n < 20000; n++) c.enqueue(new Uint8Array([120]))
                        c.close()
                    },
                }))
            },
        }",
    );
    request(2, "GET", "/", None);
    let effects = took();
    assert_eq!(effects.len(), 20_003);
    assert_eq!(effects[20_002], format!("finish {FIRST}"));
}

#[test]
fn a_settle_that_comes_too_late_cancels_the_stream_and_writes_nothing() {
    started(SLOW);
    recorded::with(|host| host.settled_already = true);
    request(2, "GET", "/", None);
    assert_eq!(
        took()[1..],
        [
            "log signal AbortError",
            "log cancel AbortError: The client has gone."
        ]
    );
}

#[test]
fn a_handler_that_waits_for_a_piece_is_not_stranded() {
    started("export default { onRequest: async (r) => new Response(await r.text()) }");
    post(2);
    assert_eq!(Exports::stranded(vec![2]), [] as [u64; 0]);
    piece(70, "x");
    Exports::on_body(70, BodyEvent::Finished);
    assert!(took().last().is_some_and(|last| last.ends_with("] x")));
}
