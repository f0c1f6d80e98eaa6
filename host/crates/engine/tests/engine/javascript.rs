//! Rooms in the real JavaScript guest, as far as the engine is answerable for them: loading,
//! limits, isolation, and that each export and each import arrives. What the platform does in
//! detail is tested with the guest.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread;

use partykit_core::{
    Content, Event, Failure, Guest, GuestError, GuestFactory, Limits, LogLevel, Message, Outcome,
    SectionEnding, SectionKind, TimerHandle,
};
use partykit_engine::{Engine, EngineConfig, JsBinary, JsComponent, JsFactory};

use crate::recorder::{
    CLIENT, Call, Recorder, close, connect, fail, request, say, say_text, start,
};

pub(crate) const QUICKJS: JsBinary<'static> = JsBinary {
    component: partykit_quickjs_artifact::COMPONENT,
    memory: partykit_quickjs_artifact::MEMORY,
    memory_offset: partykit_quickjs_artifact::MEMORY_OFFSET,
};

/// The compiled engine is kept between runs: compiling it takes longer than all these tests.
pub(crate) fn compiled() -> EngineConfig {
    EngineConfig {
        cache_dir: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled")),
        ..EngineConfig::default()
    }
}

fn js() -> &'static JsComponent {
    static JS: OnceLock<JsComponent> = OnceLock::new();
    JS.get_or_init(|| JsComponent::compile(&Engine::new(compiled()).unwrap(), QUICKJS).unwrap())
}

fn factory(bundle: &str, change: impl FnOnce(&mut Limits)) -> JsFactory {
    let mut limits = Limits::default();
    change(&mut limits);
    JsFactory::new(js(), bundle, r#"{"COLOR":"red"}"#, Arc::new(limits))
}

/// A started room with one connection, and what that did forgotten.
pub(crate) fn room_with(
    bundle: &str,
    change: impl FnOnce(&mut Limits),
) -> (Box<dyn Guest>, Recorder) {
    let mut api = Recorder::default();
    let mut guest = factory(bundle, change).start(&mut api).unwrap();
    start(&mut *guest, &mut api).unwrap();
    connect(&mut *guest, &mut api).unwrap();
    api.calls.clear();
    (guest, api)
}

/// A room whose onMessage is this function body, with `message` and `sender`.
pub(crate) fn room(on_message: &str) -> (Box<dyn Guest>, Recorder) {
    room_with(&class(on_message), |_| ())
}

fn class(on_message: &str) -> String {
    format!(
        "export default class {{
            constructor(room) {{ this.room = room; }}
            async onMessage(message, sender) {{ {on_message} }}
        }}"
    )
}

/// What the room answers to one message.
fn answers(guest: &mut dyn Guest, api: &mut Recorder, text: &str) -> Vec<String> {
    say_text(guest, api, text).unwrap();
    api.sent()
}

fn load_error(bundle: &str) -> (String, String) {
    let mut api = Recorder::default();
    match factory(bundle, |_| ()).check(&mut api) {
        Err(GuestError::Load { message, detail }) => (message, detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_echo_comes_back_and_its_event_is_settled() {
    let (mut guest, mut api) = room("sender.send(message);");
    let event = say_text(&mut *guest, &mut api, "hé ✓").unwrap();
    assert_eq!(
        api.take(),
        [
            Call::Send(CLIENT.0, Message::Text("hé ✓".into())),
            Call::Settle(event.0, Outcome::Done)
        ]
    );
    let binary = Message::Binary(b"\0\xff".to_vec().into());
    say(&mut *guest, &mut api, binary.clone()).unwrap();
    assert_eq!(api.take()[0], Call::Send(CLIENT.0, binary));
}

#[test]
fn the_contract_of_the_guest_is_the_one_that_this_host_speaks() {
    let description = factory(&class(""), |_| ())
        .check(&mut Recorder::default())
        .unwrap();
    assert_eq!(description.contract, "0.1");
}

#[test]
fn a_syntax_error_says_what_and_where() {
    let (message, detail) = load_error("export default {\n  onMessage( {\n}");
    assert!(!message.is_empty());
    assert!(detail.contains("SyntaxError"), "{detail}");
    assert!(detail.contains(":3") || detail.contains(":2"), "{detail}");
}

#[test]
fn an_exception_at_top_level_is_a_load_error_with_its_stack() {
    let (message, detail) = load_error(
        "function broken() { throw new TypeError('not today'); }
         broken();
         export default {};",
    );
    assert_eq!(message, "not today");
    assert!(detail.contains("TypeError"), "{detail}");
    assert!(detail.contains("broken"), "{detail}");
}

#[test]
fn an_endless_loop_at_top_level_ends_at_the_limit_of_loading() {
    let endless = factory("for (;;) {}; export default {};", |limits| {
        limits.load_cpu_ms_max = 60;
    });
    let error = endless.start(&mut Recorder::default()).err();
    assert!(
        matches!(error, Some(GuestError::CpuLimit { max_ms: 60, .. })),
        "{error:?}"
    );
}

#[test]
fn an_exception_in_a_handler_is_a_failed_outcome_and_the_room_goes_on() {
    let (mut guest, mut api) =
        room("if (message === 'throw') throw new RangeError('no'); sender.send(message);");
    let event = say_text(&mut *guest, &mut api, "throw").unwrap();
    let calls = api.take();
    let Some(Call::Settle(
        settled,
        Outcome::Failed(Failure {
            message, detail, ..
        }),
    )) = calls.last()
    else {
        panic!("{calls:?}")
    };
    assert_eq!(*settled, event.0);
    assert_eq!(message, "no");
    assert!(detail.contains("RangeError"), "{detail}");
    assert_eq!(answers(&mut *guest, &mut api, "on"), ["on"]);
}

#[test]
fn an_endless_loop_ends_at_the_cpu_limit() {
    let endless = class("sender.send('before'); for (;;) {}");
    let (mut guest, mut api) = room_with(&endless, |limits| limits.cpu_ms_max = 60);
    let error = say_text(&mut *guest, &mut api, "go").unwrap_err();
    assert!(
        matches!(error, GuestError::CpuLimit { max_ms: 60, .. }),
        "{error:?}"
    );
    assert_eq!(say_text(&mut *guest, &mut api, "again"), Err(error));
}

#[test]
fn awaiting_nothing_for_ever_ends_at_the_cpu_limit() {
    let endless = class("for (;;) await null;");
    let (mut guest, mut api) = room_with(&endless, |limits| limits.cpu_ms_max = 60);
    let error = say_text(&mut *guest, &mut api, "go").unwrap_err();
    assert!(matches!(error, GuestError::CpuLimit { .. }), "{error:?}");
}

#[test]
fn a_regular_expression_that_never_ends_ends_at_the_cpu_limit() {
    let endless = class("sender.send(String(/^(a+)+$/.test('a'.repeat(64) + '!')));");
    let (mut guest, mut api) = room_with(&endless, |limits| limits.cpu_ms_max = 60);
    let error = say_text(&mut *guest, &mut api, "go").unwrap_err();
    assert!(matches!(error, GuestError::CpuLimit { .. }), "{error:?}");
}

/// Ways to use up the stack, by the part of the engine that does it.
const DEEP: [(&str, &str); 14] = [
    ("calls", "const f = (n) => f(n + 1) + 1; f(0)"),
    (
        "arguments",
        "const f = (...a) => f(...a) + 1; f(...Array(1000).fill(1))",
    ),
    (
        "constructors",
        "class A { constructor() { new A(); } } new A()",
    ),
    (
        "getters",
        "class A { get x() { return this.x; } } new A().x",
    ),
    (
        "proxies",
        "const p = new Proxy({}, { get: (_, key) => p[key] }); p.x",
    ),
    (
        "conversions",
        "const o = { toString: () => `${o}` }; `${o}`",
    ),
    ("generators", "function* g() { yield* g(); } [...g()]"),
    ("native callbacks", "const f = () => [1, 2].sort(f); f()"),
    (
        "replacers",
        "const f = (s) => s.replace(/a/, () => f(s)); f('a')",
    ),
    ("nested text", "JSON.parse('['.repeat(1e6))"),
    ("nested values", "JSON.stringify(nested(1e6))"),
    ("nested arrays", "nested(1e5).flat(Infinity)"),
    ("copies", "structuredClone(nested(1e6))"),
    (
        "regular expressions",
        "new RegExp('(?='.repeat(5e4) + 'a' + ')'.repeat(5e4))",
    ),
];

fn recurse_deeply() {
    for (part, code) in DEEP {
        let (mut guest, mut api) = room(&format!(
            "const nested = (n) => {{ let a = []; while (n-- > 0) a = [a]; return a; }};
             try {{ {code}; sender.send('no error'); }}
             catch (error) {{ sender.send(error.name); }}"
        ));
        for _ in 0..2 {
            if let Err(error) = say_text(&mut *guest, &mut api, "go") {
                panic!("{part}: {error}");
            }
            let expected = match part {
                "regular expressions" => "SyntaxError",
                _ => "RangeError",
            };
            assert_eq!(api.sent(), [expected], "{part}");
        }
    }
}

#[test]
fn deep_recursion_is_an_error_that_code_can_catch() {
    for stack in [2 << 20, Engine::STACK_BYTES] {
        let thread = thread::Builder::new().stack_size(stack);
        let done = thread.spawn(recurse_deeply).unwrap().join();
        if let Err(panic) = done {
            resume_unwind(panic);
        }
    }
}

#[test]
fn a_memory_bomb_is_stopped_at_the_limit() {
    let bomb = class(
        "const all = []; const again = [];
         try { for (;;) all.push(new Uint8Array(1 << 20).fill(1)); }
         catch (error) { all.length = 0; sender.send(error.name); }",
    );
    let (mut guest, mut api) = room_with(&bomb, |limits| limits.memory_bytes_max = 32 << 20);
    match say_text(&mut *guest, &mut api, "go") {
        Ok(_) => assert_eq!(api.sent().len(), 1),
        Err(error) => assert_eq!(
            error,
            GuestError::MemoryLimit {
                max_bytes: 32 << 20
            }
        ),
    }
    assert!(guest.memory_bytes() <= 32 << 20);
}

#[test]
fn a_bomb_of_small_objects_is_stopped_at_the_limit() {
    let bomb = class("let all = null; for (;;) all = { all, text: 'x' + Math.random() };");
    let (mut guest, mut api) = room_with(&bomb, |limits| limits.memory_bytes_max = 32 << 20);
    match say_text(&mut *guest, &mut api, "go") {
        Ok(_) => assert!(matches!(
            api.take().last(),
            Some(Call::Settle(_, Outcome::Failed(_)))
        )),
        Err(error) => assert_eq!(
            error,
            GuestError::MemoryLimit {
                max_bytes: 32 << 20
            }
        ),
    }
}

#[test]
fn guests_of_one_factory_share_no_variable() {
    let bundle = "let count = 0;
        export default { onMessage(message, sender) {
            count += 1; globalThis.seen = (globalThis.seen ?? '') + message;
            Array.prototype.mine = message;
            sender.send(count + globalThis.seen + [].mine);
        } };";
    let factory = factory(bundle, |_| ());
    let mut rooms = Vec::new();
    for _ in 0..2 {
        let mut api = Recorder::default();
        let mut guest = factory.start(&mut api).unwrap();
        start(&mut *guest, &mut api).unwrap();
        connect(&mut *guest, &mut api).unwrap();
        api.calls.clear();
        rooms.push((guest, api));
    }
    for (index, (guest, api)) in rooms.iter_mut().enumerate() {
        let text = ["a", "b"][index];
        assert_eq!(answers(&mut **guest, api, text), [format!("1{text}{text}")]);
        assert_eq!(
            answers(&mut **guest, api, text),
            [format!("2{text}{text}{text}")]
        );
    }
}

#[test]
fn the_whole_life_of_a_connection_arrives() {
    let bundle = "export default class {
        constructor(room) {
            console.log('room', room.id, room.name, room.internalID.length, room.env.COLOR);
        }
        getConnectionTags(connection, { request }) { return [request.headers.get('x-name')]; }
        onConnect(connection) { console.log('connect', connection.id, connection.uri); }
        onError(connection, error) { console.warn('error', connection.id, error.message); }
        onClose(connection, code, reason, clean) {
            console.error('close', connection.id, code, reason, clean);
        }
    }";
    let mut api = Recorder::default();
    let mut guest = factory(bundle, |_| ()).start(&mut api).unwrap();
    let started = start(&mut *guest, &mut api).unwrap();
    let connected = connect(&mut *guest, &mut api).unwrap();
    let failed = fail(&mut *guest, &mut api).unwrap();
    let closed = close(&mut *guest, &mut api).unwrap();
    let log = |level, text: &str| Call::Log(level, text.to_owned());
    assert_eq!(
        api.take(),
        [
            log(LogLevel::Log, "room lobby main 64 red"),
            Call::Settle(started.0, Outcome::Done),
            Call::Accept(CLIENT.0, vec!["alice".to_owned(), "Alice".to_owned()]),
            log(
                LogLevel::Log,
                "connect alice http://127.0.0.1/party/lobby?_pk=alice"
            ),
            Call::Settle(connected.0, Outcome::Done),
            log(LogLevel::Warn, "error alice too big"),
            Call::Settle(failed.0, Outcome::Done),
            log(LogLevel::Error, "close alice 4001 bye true"),
            Call::Settle(closed.0, Outcome::Done),
        ]
    );
}

#[test]
fn a_request_is_answered_with_a_response() {
    let bundle = "export default { async onRequest(request) {
        const body = await request.text();
        return new Response(request.method + ' ' + new URL(request.url).search + ' ' + body, {
            status: 201, headers: { 'X-Echo': request.headers.get('x-name') },
        });
    } };";
    let (mut guest, mut api) = room_with(bundle, |_| ());
    for (body, expected) in [(None, "GET ?x=1 "), (Some("héllo"), "POST ?x=1 héllo")] {
        let event = request(&mut *guest, &mut api, body).unwrap();
        let calls = api.take();
        let [Call::Settle(settled, Outcome::Response(response))] = &calls[..] else {
            panic!("{calls:?}")
        };
        assert_eq!(*settled, event.0);
        assert_eq!(response.status, 201);
        assert_eq!(response.body, Content::Whole(expected.into()));
        assert!(
            response
                .headers
                .contains(&("x-echo".to_owned(), "Alice".to_owned())),
            "{:?}",
            response.headers
        );
    }
}

#[test]
fn broadcast_and_close_reach_the_host() {
    let (mut guest, mut api) =
        room("this.room.broadcast(message, [sender.id]); sender.close(4000, 'done');");
    say_text(&mut *guest, &mut api, "all").unwrap();
    assert_eq!(
        api.take()[..2],
        [
            Call::Broadcast(Message::Text("all".into()), vec![CLIENT.0]),
            Call::Close(CLIENT.0, Some(4000), "done".to_owned())
        ]
    );
}

#[test]
fn a_timer_ends_the_turn_and_goes_on_in_a_later_one() {
    let (mut guest, mut api) = room(
        "const forgotten = setTimeout(() => sender.send('never'), 5);
         clearTimeout(forgotten);
         await new Promise((done) => setTimeout(done, 250));
         sender.send('later');",
    );
    let event = say_text(&mut *guest, &mut api, "go").unwrap();
    let calls = api.take();
    assert_eq!(calls[0], Call::TimerSet(5, 0));
    assert!(
        matches!(&calls[1..], [Call::TimerClear(_), Call::TimerSet(250, 0)]),
        "{calls:?}"
    );
    let Call::TimerClear(forgotten) = calls[1] else {
        unreachable!("matched above")
    };
    let timer = Event::Timer {
        timer: TimerHandle(forgotten + 1),
    };
    guest.turn(&timer, &mut api).unwrap();
    assert_eq!(
        api.take(),
        [
            Call::Send(CLIENT.0, Message::Text("later".into())),
            Call::Settle(event.0, Outcome::Done)
        ]
    );
}

#[test]
fn stored_values_come_back_from_another_guest() {
    let bundle = class(
        "const { storage } = this.room;
         if (message === 'write') {
             await storage.put('a', { at: new Date(0), set: new Set([1, 'two']) });
             await storage.put({ b: 2n, c: [1, , 3], d: 'ünï' });
             await storage.put('gone', 1);
             sender.send(String(await storage.delete('gone')));
         } else {
             const a = await storage.get('a');
             const all = await storage.list({ reverse: true, limit: 3 });
             sender.send(JSON.stringify([
                 a.at.toISOString(), [...a.set], String(await storage.get('gone')),
                 [...all.keys()], all.get('d'), String(all.get('b')), all.get('c').length,
             ]));
         }",
    );
    let (mut one, mut api) = room_with(&bundle, |_| ());
    assert_eq!(answers(&mut *one, &mut api, "write"), ["true"]);
    drop(one);
    let stored = api.stored;
    let (mut two, mut api) = room_with(&bundle, |_| ());
    api.stored = stored;
    assert_eq!(
        answers(&mut *two, &mut api, "read"),
        [r#"["1970-01-01T00:00:00.000Z",[1,"two"],"undefined",["d","c","b"],"ünï","2",3]"#]
    );
}

#[test]
fn sections_are_opened_and_left() {
    let (mut guest, mut api) = room(
        "await this.room.blockConcurrencyWhile(async () => {
             if (message === 'fail') throw new Error('inside');
         });",
    );
    say_text(&mut *guest, &mut api, "go").unwrap();
    let calls = api.take();
    let [
        Call::Enter(0, SectionKind::Block),
        Call::Leave(_, SectionEnding::Keep),
        ..,
    ] = &calls[..]
    else {
        panic!("{calls:?}")
    };
    say_text(&mut *guest, &mut api, "fail").unwrap();
    let calls = api.take();
    let [
        Call::Enter(0, SectionKind::Block),
        Call::Leave(_, SectionEnding::Broken),
        ..,
    ] = &calls[..]
    else {
        panic!("{calls:?}")
    };
}

#[test]
fn only_handlers_that_can_never_settle_are_stranded() {
    let (mut guest, mut api) = room(
        "if (message === 'never') await new Promise(() => {});
         if (message === 'held') await new Promise((done) => { globalThis.finish = done; });
         if (message === 'finish') globalThis.finish();",
    );
    let never = say_text(&mut *guest, &mut api, "never").unwrap();
    let held = say_text(&mut *guest, &mut api, "held").unwrap();
    assert_eq!(guest.stranded(&[never, held], &mut api).unwrap(), [never]);
    api.calls.clear();
    say_text(&mut *guest, &mut api, "finish").unwrap();
    assert!(api.take().contains(&Call::Settle(held.0, Outcome::Done)));
}

#[test]
fn randomness_and_time_come_from_the_host() {
    let (mut guest, mut api) = room(
        "const bytes = crypto.getRandomValues(new Uint8Array(4));
         sender.send([...bytes].join() + ' ' + new Date().getUTCFullYear());",
    );
    assert_eq!(answers(&mut *guest, &mut api, "go"), ["0,1,2,3 2023"]);
}

#[test]
fn a_large_message_passes_both_ways() {
    let (mut guest, mut api) = room("sender.send(message);");
    let text = "ä".repeat(8 << 20);
    assert_eq!(answers(&mut *guest, &mut api, &text), [text]);
}
