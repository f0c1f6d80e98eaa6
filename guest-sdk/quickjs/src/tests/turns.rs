//! What spans turns: promises, timers, sections, rejections nobody catches, handlers that can
//! never end.

use super::*;

fn timer_set() -> u64 {
    let effects = took();
    let line = effects
        .iter()
        .find(|line| line.starts_with("timer"))
        .expect("a timer is set");
    line.split(' ')
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

#[test]
fn handlers_interleave_at_awaits() {
    started(
        "export default class { async onMessage(m, c) {
            c.send(`start ${m}`)
            if (m === 'slow') await new Promise((done) => setTimeout(done, 50))
            c.send(`end ${m}`)
        } }",
    );
    connect(2, 5);
    took();
    text(3, 5, "slow");
    let slow = timer_set();
    text(4, 5, "fast");
    assert_eq!(
        took(),
        ["send 5 start fast", "send 5 end fast", "settle 4 done"]
    );
    Exports::on_timer(slow);
    assert_eq!(took(), ["send 5 end slow", "settle 3 done"]);
}

#[test]
fn on_start_is_settled_when_it_is_done_and_its_timers_carry_its_scope() {
    load("export default class { async onStart() { await new Promise((r) => setTimeout(r, 10)); console.log('up') } }")
        .unwrap();
    recorded::with(|host| host.sections.push(START));
    let room = RoomInfo {
        id: "r".into(),
        internal_id: "i".into(),
        party: "main".into(),
    };
    Exports::on_start(1, START, room);
    let effects = took();
    assert!(effects[0].ends_with("10ms scope 900"), "{effects:?}");
    let timer = effects[0].split(' ').nth(1).unwrap().parse().unwrap();
    Exports::on_timer(timer);
    assert_eq!(took(), ["log up", "settle 1 done"]);
}

#[test]
fn an_interval_arms_itself_again_until_it_is_cleared() {
    started(
        "export default class { onRequest() {
            let n = 0
            const id = setInterval((word) => { console.log(word, ++n);
                if (n === 2) clearInterval(id) }, 5, 'tick')
            return new Response(typeof id)
        } }",
    );
    request(2, "GET", "/", None);
    Exports::on_timer(timer_set());
    Exports::on_timer(timer_set());
    assert_eq!(took(), ["log tick 2"]);
}

#[test]
fn a_throwing_timer_is_reported() {
    started(
        "export default class { onRequest() { setTimeout(() => { throw new Error('tick') }); return new Response() } }",
    );
    request(2, "GET", "/", None);
    Exports::on_timer(timer_set());
    let effects = took();
    assert!(
        effects[0].starts_with("error Uncaught Error: tick\n    at "),
        "{effects:?}"
    );
}

#[test]
fn a_rejection_nobody_catches_is_reported_once_with_its_stack() {
    started(
        "export default class { onMessage() {
            Promise.reject(new TypeError('lost'))
            const late = Promise.reject(new Error('caught')); late.catch(() => {})
            queueMicrotask(() => Promise.reject('later'))
        } }",
    );
    connect(2, 5);
    took();
    text(3, 5, "");
    let effects = took();
    assert_eq!(effects.len(), 3, "{effects:?}");
    assert!(effects[1].starts_with("error Uncaught (in promise) TypeError: lost\n    at "));
    assert_eq!(effects[2], "error Uncaught (in promise) 'later'");
}

#[test]
fn a_handler_that_awaits_nothing_that_can_happen_is_stranded() {
    started(
        "const resolvers = []
        export default class { async onMessage(m) {
            if (m === 'lost') await new Promise(() => {})
            if (m === 'poll') await new Promise((done) => resolvers.push(done))
            if (m === 'cycle') { const o = {}; o.p = new Promise((r) => { o.r = r; o.o = o });
                await o.p }
            if (m === 'go') resolvers.forEach((done) => done())
        } }",
    );
    connect(2, 5);
    text(3, 5, "lost");
    text(4, 5, "poll");
    text(5, 5, "cycle");
    assert_eq!(took(), ["accept 5 c5", "settle 2 done"]);
    assert_eq!(Exports::stranded(vec![3, 4, 5]), [3, 5]);
    assert_eq!(Exports::stranded(vec![4]), []);
    text(6, 5, "go");
    assert_eq!(took(), ["settle 6 done", "settle 4 done"]);
}

#[test]
fn a_handler_that_awaits_a_timer_is_not_stranded() {
    started(
        "export default class { async onMessage() { await new Promise((r) => setTimeout(r, 9)) } }",
    );
    connect(2, 5);
    text(3, 5, "");
    let timer = timer_set();
    assert_eq!(Exports::stranded(vec![3]), []);
    Exports::on_timer(timer);
    assert_eq!(took(), ["settle 3 done"]);
}

#[test]
fn block_concurrency_while_opens_a_section_for_its_own_work_only() {
    started(
        "export default class {
            constructor(room) { this.room = room }
            async onMessage(m, c) {
                setTimeout(() => {}, 1)
                const section = this.room.blockConcurrencyWhile(async () => {
                    await null
                    setTimeout(() => {}, 2)
                    await new Promise((r) => setTimeout(r, 3))
                    return 'value'
                })
                setTimeout(() => {}, 4)
                c.send(await section)
                setTimeout(() => {}, 5)
            }
        }",
    );
    connect(2, 5);
    took();
    text(3, 5, "");
    let effects = took();
    let shapes: Vec<String> = effects
        .iter()
        .map(|line| {
            line.split_once("ms ")
                .map_or(line.clone(), |(_, s)| s.into())
        })
        .collect();
    let entered = &effects[1];
    let scope = entered.rsplit(' ').next().unwrap();
    let inside = format!("scope {scope}");
    assert_eq!(shapes[0], "scope 0");
    assert!(entered.starts_with("enter 0 "), "{effects:?}");
    assert_eq!(shapes[2], "scope 0");
    assert_eq!(shapes[3..], [inside.clone(), inside]);
    let last = effects
        .last()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    Exports::on_timer(last);
    let effects = took();
    assert_eq!(
        effects[..2],
        [format!("leave {scope} keep"), "send 5 value".to_owned()]
    );
    assert!(effects[2].ends_with("5ms scope 0"), "{effects:?}");
}

#[test]
fn sections_do_not_overlap_but_nest() {
    started(
        "export default class {
            constructor(room) { this.room = room }
            async onMessage() {
                const block = (name, inner) => this.room.blockConcurrencyWhile(async () => {
                    console.log('in', name); await inner?.(); console.log('out', name) })
                await Promise.all([block('a', () => Promise.all([block('a1'), block('a2')])),
                    block('b')])
            }
        }",
    );
    connect(2, 5);
    took();
    text(3, 5, "");
    let log: Vec<String> = took()
        .into_iter()
        .filter(|line| line.starts_with("log") || line.starts_with("settle"))
        .collect();
    assert_eq!(
        log,
        [
            "log in a",
            "log in a1",
            "log out a1",
            "log in a2",
            "log out a2",
            "log out a",
            "log in b",
            "log out b",
            "settle 3 done"
        ]
    );
}

#[test]
fn a_section_that_throws_breaks_the_room() {
    started(
        "export default class {
            constructor(room) { this.room = room }
            onMessage() { return this.room.blockConcurrencyWhile(async () => {
                throw new Error('bad') }) }
        }",
    );
    connect(2, 5);
    took();
    text(3, 5, "");
    let effects = took();
    assert!(effects[1].ends_with("broken"), "{effects:?}");
    assert_eq!(effects[2], "settle 3 failed bad");
}

#[test]
fn on_start_waits_for_the_sections_of_the_constructor() {
    load(
        "export default class {
            constructor(room) {
                room.blockConcurrencyWhile(async () => { await null; this.value = 7 })
            }
            onStart() { console.log('value', this.value) }
        }",
    )
    .unwrap();
    start(1);
    let effects = took();
    assert_eq!(
        effects[2..],
        ["log value 7", "settle 1 done"],
        "{effects:?}"
    );
    assert!(effects[0].starts_with("enter 900"), "{effects:?}");
}

#[test]
fn deep_recursion_ends_in_an_error_that_can_be_caught() {
    let code = "(() => { const f = () => f() + 1; try { f() } catch (e) { return e.name + ': ' + e.message } })()";
    // The limit counts frames as they are in wasm; outside of it they are several times as large.
    let thread = std::thread::Builder::new().stack_size(256 << 20);
    let said = thread.spawn(move || evaluate(code)).map(|run| run.join());
    assert_eq!(
        said.expect("a thread").expect("no overflow"),
        "\"RangeError: Maximum call stack size exceeded\""
    );
}
