//! Web APIs inside of the guest, natives included. What needs no native is tested in
//! guest-sdk/js/test.

use super::*;

#[track_caller]
fn gives(code: &str, json: &str) {
    let code = code.to_owned();
    // A guest loads once: each expression needs a thread of its own.
    let got = std::thread::spawn({
        let code = code.clone();
        move || evaluate(&code)
    })
    .join()
    .unwrap();
    assert_eq!(got, json, "{code}");
}

#[test]
fn urls_follow_the_standard() {
    gives(
        "(u => [u.href, u.origin, u.host, u.pathname, u.search, u.hash, u.searchParams.get('q')])(new URL('HTTP://ü.example:80/a/../b?q=%C3%A9+x#h'))",
        r##"["http://xn--tda.example/b?q=%C3%A9+x#h","http://xn--tda.example","xn--tda.example","/b","?q=%C3%A9+x","#h","é x"]"##,
    );
    gives("new URL('../c?x', 'http://h/a/b').href", "\"http://h/c?x\"");
    gives(
        "(() => { try { new URL('nope') } catch (e) { return `${e}` } })()",
        "\"TypeError: Invalid URL string.\"",
    );
    gives(
        "[URL.canParse('a:'), URL.canParse('x'), URL.parse('x')]",
        "[true,false,null]",
    );
}

#[test]
fn search_params_and_url_follow_each_other() {
    gives(
        "(() => { const u = new URL('http://h/?a=1&b=2'); const p = u.searchParams
            p.append('c', 'x y'); p.delete('a'); const first = u.href
            u.search = '?z=9'; return [first, [...p], `${p}`] })()",
        r#"["http://h/?b=2&c=x+y",[["z","9"]],"z=9"]"#,
    );
    gives(
        "(() => { const u = new URL('http://h/p'); u.port = '8080'; u.pathname = '/ä'; u.hash = 'x'; u.protocol = 'https'; return `${u}` })()",
        "\"https://h:8080/%C3%A4#x\"",
    );
    gives("new URLSearchParams('??a=1').toString()", "\"%3Fa=1\"");
    gives(
        "`${new URLSearchParams({ a: '1', b: 'é' })}`",
        "\"a=1&b=%C3%A9\"",
    );
}

#[test]
fn text_is_encoded_and_decoded() {
    gives(
        "[...new TextEncoder().encode('é😀\\ud800')]",
        "[195,169,240,159,152,128,239,191,189]",
    );
    gives(
        "new TextDecoder().decode(new Uint8Array([239, 187, 191, 104, 105, 255]))",
        "\"hi\u{fffd}\"",
    );
    gives(
        "(() => { const d = new TextDecoder(); const b = new TextEncoder().encode('a😀b')
            return [d.decode(b.slice(0, 3), { stream: true }), d.decode(b.slice(3), { stream: true }), d.decode()] })()",
        r#"["a","😀b",""]"#,
    );
    gives(
        "(() => { try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])) } catch (e) { return e.name } })()",
        "\"TypeError\"",
    );
    gives(
        "new TextDecoder('utf-16').decode(new Uint8Array([104, 0, 105, 0]))",
        "\"hi\"",
    );
    gives(
        "(() => { try { new TextDecoder('klingon') } catch (e) { return e.name } })()",
        "\"RangeError\"",
    );
    gives(
        "new TextEncoder().encodeInto('aé😀', new Uint8Array(5))",
        r#"{"read":2,"written":3}"#,
    );
}

#[test]
fn base64_and_dom_exceptions_exist() {
    gives("[btoa('hé'), atob('aOk=')]", r#"["aOk=","hé"]"#);
    gives(
        "(() => { try { btoa('😀') } catch (e) { return [e.name, e instanceof DOMException, e instanceof Error, e.code] } })()",
        r#"["InvalidCharacterError",true,true,5]"#,
    );
}

#[test]
fn random_values_come_from_the_host_each_time() {
    gives(
        "crypto.randomUUID()",
        "\"11121314-1516-4718-991a-1b1c1d1e1f20\"",
    );
    gives(
        "[...crypto.getRandomValues(new Uint8Array(3))]",
        "[17,18,19]",
    );
    gives(
        "(() => { try { crypto.getRandomValues(new Float32Array(1)) } catch (e) { return e.name } })()",
        "\"TypeMismatchError\"",
    );
    gives(
        "(() => { try { crypto.getRandomValues(new Uint8Array(65537)) } catch (e) { return e.name } })()",
        "\"QuotaExceededError\"",
    );
    gives(
        "(() => { const x = Math.random(); return [x >= 0 && x < 1, x !== Math.random()] })()",
        "[true,true]",
    );
}

#[test]
fn the_rooms_storage_follows_the_reference() {
    gives(
        "(async () => { const s = this.room.storage
            await s.put('b', { x: [1] }); await s.put({ a: 1, c: undefined, d: new Date(5) })
            const one = await s.get('b'); one.x.push(2)
            return [await s.get('b'), await s.get('nope') === undefined, [...await s.get(['d',
                'a', 'x'])],
                await s.delete('a'), await s.delete('a'), await s.delete(['b', 'q'])] })()",
        r#"[{"x":[1]},true,[["a",1],["d","1970-01-01T00:00:00.005Z"]],true,false,1]"#,
    );
    gives(
        "(async () => { const s = this.room.storage
            for (const key of ['a', 'b1', 'b2', 'c', 'é', '\\uffff', '😀']) await s.put(key, 1)
            const keys = async (o) => [...(await s.list(o)).keys()].join()
            return [await keys(), await keys({ prefix: 'b' }), await keys({ start: 'b1',
                end: 'c' }),
                await keys({ startAfter: 'b1', limit: 2 }), await keys({ reverse: true, limit: 2 })] })()",
        "[\"a,b1,b2,c,é,\u{ffff},😀\",\"b1,b2\",\"b1,b2\",\"b2,c\",\"😀,\u{ffff}\"]",
    );
}

#[test]
fn listings_of_several_pages_are_whole() {
    recorded::with(|host| host.page = 2);
    started(
        "export default class {
            constructor(room) { this.s = room.storage }
            async onRequest() {
                for (const key of 'abcdefg') await this.s.put(key, key)
                const keys = async (o) => [...(await this.s.list(o)).keys()].join('')
                return new Response([await keys(), await keys({ limit: 3 }), await keys({
                    reverse: true })])
            }
        }",
    );
    request(2, "GET", "/", None);
    assert!(took().last().unwrap().ends_with("] abcdefg,abc,gfedcba"));
}

#[test]
fn storage_errors_are_rejections_with_the_reference_texts() {
    let rejects = |call: &str, text: &str| {
        let code = format!(
            "this.room.storage.{call}.then(() => 'fine', (e) => `${{e.name}}: ${{e.message}}`)"
        );
        gives(&code, &format!("\"{text}\""));
    };
    rejects(
        "put('a', undefined)",
        "TypeError: put() called with undefined value.",
    );
    rejects(
        "put('a', () => 1)",
        "DataCloneError: () => 1 could not be cloned.",
    );
    rejects(
        "put('a', [Symbol('x')])",
        "DataCloneError: Symbol(x) could not be cloned.",
    );
    rejects(
        "put({ a: 1 }, 5)",
        "TypeError: put() may only be called with a single key-value pair and optional options as put(key, value, options) or with multiple key-value pairs and optional options as put(entries, options)",
    );
    rejects(
        "get(Array(129).fill('a').map((a, i) => a + i))",
        "RangeError: Maximum number of key value pairs is 128. 129 pairs were provided.",
    );
    rejects(
        "put('k'.repeat(2049), 1)",
        "RangeError: Keys cannot be larger than 2048 bytes. A key of size 2049 was provided.",
    );
    rejects(
        "put('k', 'v'.repeat(131200))",
        "RangeError: Values cannot be larger than 131072 bytes. A value of size 131206 was provided.",
    );
    rejects("put('k', new Uint8Array(131072))", "fine");
    rejects(
        "list({ start: 'a', startAfter: 'b' })",
        "TypeError: list() cannot be called with both start and startAfter values.",
    );
    rejects(
        "list({ limit: 0 })",
        "TypeError: List limit must be positive.",
    );
}

#[test]
fn requests_and_responses_carry_bodies_and_headers() {
    started(
        "export default class { async onRequest(req) {
            const copy = req.clone()
            const bytes = (await copy.arrayBuffer()).byteLength
            const body = `${await req.text()} ${bytes} ${req.bodyUsed}`
            const again = await req.text().catch((e) => e.name)
            const headers = new Headers({ 'x-b': '1' }); headers.append('X-B', '2')
            headers.append('set-cookie', 'a=1'); headers.append('set-cookie', 'b=2')
            const type = req.headers.get('content-type')
            return new Response(`${req.method} ${body} ${again} ${type}`, { status: 201, headers })
        } }",
    );
    request(2, "POST", "/", Some("hé"));
    assert_eq!(
        took(),
        [
            "settle 2 201 [set-cookie=a=1;set-cookie=b=2;x-b=1, 2;content-type=text/plain;charset=UTF-8] POST hé 3 true TypeError text/plain"
        ]
    );
}

#[test]
fn code_from_strings_is_refused() {
    let makers = [
        "eval('1')",
        "(0, eval)('1')",
        "new Function('1')",
        "(() => {}).constructor('1')",
        "(async () => {}).constructor('1')",
        "(function* () {}).constructor('1')",
    ];
    for maker in makers {
        gives(
            &format!("(() => {{ try {{ {maker} }} catch (e) {{ return `${{e}}` }} }})()"),
            "\"EvalError: Code generation from strings disallowed for this context\"",
        );
    }
    gives(
        "[(() => {}) instanceof Function, typeof Function.prototype.call]",
        "[true,\"function\"]",
    );
}
