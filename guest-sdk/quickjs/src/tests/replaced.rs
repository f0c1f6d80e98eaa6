//! Rooms whose code replaces or removes what the language has built in: a polyfill that is too
//! sure of itself, or malice. What the platform keeps count of must not depend on it.

use super::*;

/// Replaces every method and accessor of every built-in prototype, and every function of every
/// built-in constructor and namespace, by one that throws; then removes the globals. What the
/// room's own code needs it keeps in variables, as the platform does.
const BREAK: &str = r#"
    const { Object, Reflect, String, Symbol, Promise } = globalThis;
    const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Object;
    const { ownKeys } = Reflect;
    const names = [
        "Object", "Function", "Array", "String", "Number", "Boolean", "Symbol", "BigInt", "Error",
        "TypeError", "RangeError", "SyntaxError", "ReferenceError", "EvalError", "URIError",
        "AggregateError", "Map", "Set", "WeakMap", "WeakSet", "WeakRef", "FinalizationRegistry",
        "Promise", "RegExp", "Date", "ArrayBuffer", "SharedArrayBuffer", "DataView", "Uint8Array",
        "Uint8ClampedArray", "Int8Array", "Uint16Array", "Int16Array", "Uint32Array", "Int32Array",
        "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array", "Proxy", "Reflect",
        "JSON", "Math", "Atomics", "Iterator", "DOMException", "parseInt", "parseFloat", "isNaN",
        "isFinite", "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent",
        "queueMicrotask", "escape", "unescape",
    ];
    const found = [
        getPrototypeOf(function* () {}), getPrototypeOf(async function () {}),
        getPrototypeOf(async function* () {}), getPrototypeOf([][Symbol.iterator]()),
        getPrototypeOf(new Map().entries()), getPrototypeOf(new Set().entries()),
        getPrototypeOf(""[Symbol.iterator]()), getPrototypeOf("".matchAll(/x/g)),
        getPrototypeOf(Uint8Array), getPrototypeOf(Uint8Array.prototype),
    ];
    for (let index = 0; index < 3; index++) {
        const { prototype } = found[index];
        if (prototype === undefined) continue;
        found[found.length] = prototype;
        found[found.length] = getPrototypeOf(prototype);
    }
    for (let index = 0; index < names.length; index++) {
        const value = globalThis[names[index]];
        if (value === undefined) continue;
        found[found.length] = value;
        if (value.prototype !== undefined) found[found.length] = value.prototype;
    }
    let count = 0;
    const broken = [];
    for (let index = 0; index < found.length; index++) {
        const object = found[index];
        const keys = ownKeys(object);
        for (let at = 0; at < keys.length; at++) {
            const key = keys[at];
            const property = getOwnPropertyDescriptor(object, key);
            // The engine itself writes template literals with `concat`.
            if (!property.configurable || key === "constructor" || key === "concat") continue;
            const name = String(key);
            const fail = function () { throw `replaced: ${name}` };
            if (typeof property.value === "function") property.value = fail;
            else if (property.get !== undefined) property.get = fail;
            else continue;
            broken[broken.length] = [object, key, property];
        }
    }
    for (let index = 0; index < broken.length; index++) {
        const one = broken[index];
        defineProperty(one[0], one[1], one[2]);
        count++;
    }
    for (let index = 0; index < names.length; index++) delete globalThis[names[index]];
"#;

/// A room that uses nothing that is built in.
const ROOM: &str = r#"
    export default class {
        constructor(room) { this.room = room; this.log = "" }
        onStart() { return this.room.storage.put("started", { yes: 1 }) }
        getConnectionTags(connection) { return [connection.id === "c5" ? "five" : "other"] }
        onConnect(connection, { request }) { connection.send(`${request.url} ${count}`) }
        async onMessage(message, sender) {
            const stored = await this.room.storage.get("started");
            this.room.broadcast(`${message} ${stored.yes}`, [sender.id]);
            await new Promise((resolve) => setTimeout(resolve, 10));
            sender.send("later");
            await this.room.blockConcurrencyWhile(async () => {
                await this.room.storage.put("n", 7)
            });
            if (message === "fail") throw "failed";
        }
        onClose(connection, code) { this.log += `${connection.id} ${code} ` }
        async onRequest(request) {
            return new Response(`${request.method} ${await request.text()} ${this.log}`)
        }
    }
"#;

fn timer() -> u64 {
    let armed = took();
    let line = armed
        .iter()
        .find_map(|effect| effect.strip_prefix("timer "));
    let Some(handle) = line.and_then(|line| line.split(' ').next()?.parse().ok()) else {
        panic!("no timer was armed: {armed:?}");
    };
    handle
}

#[test]
fn a_room_that_has_replaced_everything_built_in_still_gets_its_events() {
    started(&format!("{BREAK}{ROOM}"));
    assert_eq!(recorded::with(|host| host.stored.len()), 1);
    connect(2, 5);
    connect(3, 6);
    let joined = took();
    let (accepted, sent) = (&joined[0], &joined[1]);
    assert_eq!(accepted, "accept 5 c5,five");
    let replaced = sent.strip_prefix("send 5 http://host/party/lounge?_pk=c5 ");
    let replaced = replaced.and_then(|count| count.parse::<u32>().ok());
    assert!(replaced.is_some_and(|count| count > 400), "{joined:?}");
    assert_eq!(joined[2], "settle 2 done");
    text(4, 5, "hello");
    let handle = timer();
    Exports::on_timer(handle);
    let answered = took();
    assert!(
        answered.contains(&"send 5 later".to_owned()),
        "{answered:?}"
    );
    assert_eq!(answered.last().map(String::as_str), Some("settle 4 done"));
    text(5, 6, "fail");
    Exports::on_timer(timer());
    let failed = took();
    assert!(
        failed
            .last()
            .is_some_and(|effect| effect.starts_with("settle 5 failed")),
        "{failed:?}"
    );
    close(6, 5, 1000, true);
    close(7, 6, 1006, false);
    assert_eq!(took(), ["settle 6 done", "settle 7 done"]);
    request(8, "POST", "/party/lounge", Some("body"));
    let last = took().pop().unwrap_or_default();
    assert!(last.starts_with("settle 8 200"), "{last}");
    assert!(last.ends_with("POST body c5 1000 c6 1006 "), "{last}");
}
