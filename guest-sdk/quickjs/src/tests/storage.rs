//! `room.storage` beyond single keys: transactions and the sections that they are made of, alarms,
//! waiting for the disk, and what arguments may be.

use super::*;

/// Runs the body of an async function of `storage` and `room`; what it returns is the answer.
fn run(body: &str) -> Vec<String> {
    started(&format!(
        "export default class {{
            constructor(room) {{ this.room = room }}
            async onRequest() {{
                const {{ room }} = this, {{ storage }} = room
                const answer = await (async () => {{ {body} }})()
                return new Response(String(answer))
            }}
        }}"
    ));
    number_from_1();
    request(2, "GET", "/", None);
    took()
}

/// Sections, timers and syncs that come are numbered from 1.
fn number_from_1() {
    recorded::with(|host| host.counter = 0);
}

fn answer(text: &str) -> String {
    format!("settle 2 200 [content-type=text/plain;charset=UTF-8] {text}")
}

#[test]
fn a_transaction_is_a_section_around_one_that_holds_its_writes() {
    let effects = run("const p = storage.transaction(async (txn) => {
            await txn.put('inside', 1)
            await storage.put('inside too', 2)
            return 'value'
        })
        storage.put('before', 0)
        return p");
    let expected = [
        "enter 0 1",
        "put before",
        "begin 1 2",
        "put inside",
        "put inside too",
        "leave 2 keep",
        "leave 1 keep",
        &answer("value"),
    ];
    assert_eq!(effects, expected);
}

#[test]
fn a_transaction_that_throws_is_rolled_back_and_the_room_goes_on() {
    let effects = run("const error = await storage.transaction((txn) => {
            txn.put('lost', 1)
            throw new RangeError('no')
        }).catch((e) => e)
        return `${error}`");
    let expected = [
        "enter 0 1",
        "begin 1 2",
        "put lost",
        "leave 2 rollback",
        "leave 1 keep",
        &answer("RangeError: no"),
    ];
    assert_eq!(effects, expected);
}

#[test]
fn what_comes_after_a_rollback_belongs_to_the_section_around_it() {
    let effects = run("return storage.transaction(async (txn) => {
            await txn.put('lost', 1)
            txn.rollback()
            txn.rollback()
            await new Promise((resolve) => setTimeout(resolve, 5))
            await storage.put('kept', 1)
            return txn.put('never', 1).catch((e) => e.message)
        })");
    let expected = [
        "enter 0 1",
        "begin 1 2",
        "put lost",
        "leave 2 rollback",
        "timer 3 5ms scope 1",
    ];
    assert_eq!(effects, expected);
    Exports::on_timer(3);
    let expected = [
        "put kept",
        "leave 1 keep",
        &answer("Cannot put() on rolled back transaction"),
    ];
    assert_eq!(took(), expected);
}

#[test]
fn transactions_wait_for_each_other_and_nest() {
    let effects = run("await Promise.all([
            storage.transaction(async (txn) => {
                await txn.put('a', 1)
                await storage.transaction((inner) => { inner.put('b', 1); inner.rollback() })
                await room.blockConcurrencyWhile(() => storage.put('c', 1))
            }),
            storage.transaction((txn) => txn.put('d', 1)),
        ])");
    let expected = [
        "enter 0 1",
        "begin 1 2",
        "put a",
        "enter 2 3",
        "begin 3 4",
        "put b",
        "leave 4 rollback",
        "leave 3 keep",
        "enter 2 5",
        "put c",
        "leave 5 keep",
        "leave 2 keep",
        "leave 1 keep",
        "enter 0 6",
        "begin 6 7",
        "put d",
        "leave 7 keep",
        "leave 6 keep",
        &answer("undefined"),
    ];
    assert_eq!(effects, expected);
}

#[test]
fn a_room_may_begin_with_a_transaction() {
    let loaded = load(
        "export default class {
            constructor(room) {
                this.room = room
                room.storage.transaction((txn) => txn.put('constructed', 'yes'))
            }
            async onStart() {
                this.value = await this.room.storage.transaction(async (txn) => {
                    await new Promise((resolve) => setTimeout(resolve))
                    return txn.get('constructed')
                })
            }
            onRequest() { return new Response(this.value) }
        }",
    );
    assert!(loaded.is_ok());
    start(1);
    let effects = took();
    let timer = effects
        .last()
        .and_then(|effect| effect.strip_prefix("timer "));
    let timer = timer.and_then(|rest| rest.split(' ').next()?.parse().ok());
    Exports::on_timer(timer.expect("a timer"));
    assert_eq!(took().last().unwrap(), "settle 1 done");
    request(2, "GET", "/", None);
    assert_eq!(took().last().unwrap(), &answer("yes"));
}

#[test]
fn a_transaction_cannot_be_rolled_back_under_what_runs_inside_of_it() {
    let effects = run("return storage.transaction(async (txn) => {
            const inner = storage.transaction(() => new Promise((done) => setTimeout(done, 5)))
            await null; await null; await null; await null
            try { txn.rollback() } catch (error) { return `${error}` }
            finally { await inner }
        })");
    assert_eq!(effects.last().unwrap(), "timer 5 5ms scope 4");
    Exports::on_timer(5);
    let text = "Error: Cannot roll back a transaction while something inside of it is running";
    assert_eq!(took().last().unwrap(), &answer(text));
}

#[test]
fn a_transaction_that_was_left_behind_says_so() {
    let effects = run("let left
        await storage.transaction((txn) => { left = txn })
        const texts = []
        for (const call of [() => left.get('a'), () => left.delete('a'), () => left.rollback()]) {
            try { await call() } catch (error) { texts.push(error.message.split(' on ')[0]) }
        }
        return texts");
    let text = "Cannot call get(),Cannot call delete(),Cannot call rollback()";
    assert_eq!(effects.last().unwrap(), &answer(text));
}

/// A call, and some of the text that it is refused with.
const REFUSED: &[(&str, &str)] = &[
    (
        "storage.get()",
        "parameter 1 is not of type 'string or Array'",
    ),
    (
        "storage.get('a', 5)",
        "parameter 2 is not of type 'GetOptions'",
    ),
    (
        "storage.get(Symbol())",
        "Cannot convert a Symbol value to a string",
    ),
    (
        "storage.get(Array(129).fill('a'))",
        "Maximum number of key value pairs is 128. 129",
    ),
    (
        "storage.put()",
        "parameter 1 is not of type 'string or object'",
    ),
    ("storage.put('a')", "put() called with undefined value"),
    (
        "storage.put(['a', 'b'])",
        "put() called with undefined value",
    ),
    (
        "storage.put({ a: 1 }, 'x')",
        "put() may only be called with a single key-value pair",
    ),
    (
        "storage.put('a', 1, 'x')",
        "parameter 3 is not of type 'PutOptions'",
    ),
    (
        "storage.put('x'.repeat(2049), 1)",
        "A key of size 2049 was provided",
    ),
    (
        "storage.put('a', 'x'.repeat(131200))",
        "A value of size 131206 was provided",
    ),
    (
        "storage.put({ a: 1, b() {} })",
        "b() {} could not be cloned",
    ),
    (
        "storage.list(7)",
        "parameter 1 is not of type 'ListOptions'",
    ),
    ("storage.list({ limit: 0 })", "List limit must be positive"),
    ("storage.list({ limit: 2 ** 31 })", "Value out of range"),
    (
        "storage.list({ start: 'a', startAfter: 'a' })",
        "both start and startAfter",
    ),
    (
        "storage.deleteAll(1)",
        "parameter 1 is not of type 'PutOptions'",
    ),
    (
        "storage.transaction({})",
        "parameter 1 is not of type 'function'",
    ),
    ("storage.setAlarm('5')", "parameter 1 is not of type 'date'"),
    (
        "storage.setAlarm(0)",
        "cannot be called with an alarm time <= 0",
    ),
    ("storage.setAlarm(new Date(NaN))", "not a valid Date"),
    ("storage.setAlarm(1e16)", "doesn't support dates after 2189"),
    (
        "storage.setAlarm(1, 1)",
        "parameter 2 is not of type 'SetAlarmOptions'",
    ),
    (
        "storage.getAlarm('')",
        "parameter 1 is not of type 'GetAlarmOptions'",
    ),
];

#[test]
fn arguments_are_refused_in_the_words_of_the_reference() {
    let calls: Vec<_> = REFUSED
        .iter()
        .map(|(call, _)| format!("() => {call}"))
        .collect();
    let effects = run(&format!(
        "const texts = []
        for (const call of [{}]) texts.push(await call().then(() => 'nothing', (e) => e.message))
        return texts.join('|')",
        calls.join(",")
    ));
    let said = effects.last().unwrap().rsplit_once("UTF-8] ").unwrap().1;
    for ((call, expected), said) in REFUSED.iter().zip(said.split('|')) {
        assert!(said.contains(expected), "{call}: {said}");
    }
    assert!(!effects.iter().any(|effect| effect.starts_with("put")));
}

#[test]
fn only_delete_throws_at_once_and_deletes_all_of_its_keys_or_none() {
    let effects = run("await storage.put({ a: 1, b: 2, c: 3 })
        let text
        try { storage.delete(['a', 'x'.repeat(3000)]) } catch (error) { text = error.name }
        return [text, await storage.delete(['a', 'none', 'b', 'b']), await storage.delete('c'),
            await storage.delete('c')]");
    assert_eq!(effects.last().unwrap(), &answer("RangeError,2,true,false"));
}

#[test]
fn alarms_are_milliseconds_and_null_when_there_is_none() {
    let effects = run("const none = await storage.getAlarm()
        await storage.setAlarm(1800000000000.9)
        const set = await storage.getAlarm()
        await storage.setAlarm(new Date(1900000000000))
        await storage.deleteAlarm()
        return [none === null, set, await storage.getAlarm()]");
    let expected = [
        "alarm 1800000000000",
        "alarm 1900000000000",
        "no alarm",
        &answer("true,1800000000000,"),
    ];
    assert_eq!(effects, expected);
}

#[test]
fn an_alarm_calls_the_handler_in_the_form_that_it_has() {
    started(
        "export default class {
            constructor(room) { this.room = room }
            async onAlarm(...args) {
                console.log(args.length, this.room.id, await this.room.storage.get('k'))
                if (args.length) return
                await this.room.storage.put('k', 1)
                await new Promise((resolve) => setTimeout(resolve, 5))
                throw new TypeError('late')
            }
        }",
    );
    number_from_1();
    Exports::on_alarm(7);
    assert_eq!(
        took(),
        ["log 0 lounge undefined", "put k", "timer 1 5ms scope 0"]
    );
    Exports::on_timer(1);
    assert_eq!(took(), ["settle 7 failed late"]);
}

#[test]
fn an_object_is_handed_its_room_with_the_alarm() {
    started("export default { onAlarm(room) { console.log(this.word, room.id) }, word: 'hello' }");
    Exports::on_alarm(7);
    assert_eq!(took(), ["log hello lounge", "settle 7 done"]);
}

#[test]
fn an_alarm_without_a_handler_is_done() {
    started("export default class {}");
    Exports::on_alarm(7);
    assert_eq!(took(), ["settle 7 done"]);
}

#[test]
fn sync_waits_for_the_host_and_belongs_to_the_section_it_was_called_in() {
    let effects = run("await storage.put('a', 1)
        await storage.sync()
        const p = room.blockConcurrencyWhile(() => storage.sync())
        await p
        return 'durable'");
    assert_eq!(effects, ["put a", "sync scope 0"]);
    Exports::on_synced(1);
    assert_eq!(took(), ["enter 0 2", "sync scope 2"]);
    assert_eq!(Exports::stranded(vec![2]), [0u64; 0], "it will go on");
    Exports::on_synced(3);
    assert_eq!(took(), ["leave 2 keep", &answer("durable")]);
    Exports::on_synced(99);
}

#[test]
fn sync_is_over_at_once_when_everything_is_durable() {
    recorded::with(|host| host.is_durable = true);
    let effects = run("return storage.sync()");
    assert_eq!(effects, ["sync scope 0", &answer("undefined")]);
}

#[test]
fn deleting_everything_is_one_call() {
    let effects = run(
        "await storage.put({ a: 1, b: 2 }); await storage.deleteAll()
        return (await storage.list()).size",
    );
    assert_eq!(effects[2..], ["delete all".to_owned(), answer("0")]);
}
