//! Stored values against bytes that V8 wrote, both ways. The bytes were made by
//! guest-sdk/js/test/values.test.js, which writes the list anew when asked to and otherwise checks
//! it against the V8 it runs on.

use super::*;

/// `name <tab> expression <tab> hex`; a line each.
const WRITTEN_BY_V8: &str = include_str!("values.tsv");

fn cases() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    WRITTEN_BY_V8.lines().map(|line| {
        let mut fields = line.split('\t');
        let mut next = || fields.next().expect("three fields");
        (next(), next(), next())
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Evaluates every expression in one room and hands the results to storage.
#[test]
fn values_are_written_byte_by_byte_as_v8_writes_them() {
    let list: Vec<String> = cases()
        .map(|(name, code, _)| format!("[{name:?}, () => ({code})]"))
        .collect();
    started(&format!(
        "export default class {{
            constructor(room) {{ this.room = room }}
            async onRequest() {{
                for (const [name, make] of [{}]) await this.room.storage.put(name, make() ?? {{
                    nothing: make() }})
                return new Response('ok')
            }}
        }}",
        list.join(",\n")
    ));
    request(2, "GET", "/", None);
    assert!(took().last().unwrap().ends_with("ok"));
    for (name, _, expected) in cases() {
        let written = recorded::with(|host| hex(&host.stored[name]));
        assert_eq!(written, expected, "{name}");
    }
}

/// Reads V8's bytes and writes the value again: equal bytes mean that nothing was lost.
#[test]
fn values_that_v8_wrote_are_read_without_loss() {
    recorded::with(|host| {
        host.stored
            .extend(cases().map(|(name, _, bytes)| (name.to_owned(), unhex(bytes))));
    });
    started(
        "export default class {
            constructor(room) { this.s = room.storage }
            async onRequest() {
                for (const [key, value] of await this.s.list()) await this.s.put(`again ${key}`,
                    value)
                return new Response('ok')
            }
        }",
    );
    request(2, "GET", "/", None);
    assert!(took().last().unwrap().ends_with("ok"));
    for (name, _, expected) in cases() {
        let written = recorded::with(|host| hex(&host.stored[&format!("again {name}")]));
        assert_eq!(written, expected, "{name}");
    }
}

#[test]
fn identity_and_cycles_survive() {
    let code = "(() => { const a = { n: 1 }; a.self = a; const c = structuredClone([a, a, new Map([[a, a]])])
        return [c[0] === c[1], c[0].self === c[0], c[2].get(c[0]) === c[0], c[0] !== a] })()";
    assert_eq!(evaluate(code), "[true,true,true,true]");
}

#[test]
fn whatever_is_broken_or_too_deep_is_an_error_and_never_a_trap() {
    recorded::with(|host| {
        for (at, (_, _, bytes)) in cases().enumerate() {
            let bytes = unhex(bytes);
            for cut in 0..bytes.len() {
                host.stored
                    .insert(format!("{at} cut {cut}"), bytes[..cut].to_vec());
                let mut flipped = bytes.clone();
                flipped[cut] ^= 0x55;
                host.stored.insert(format!("{at} flip {cut}"), flipped);
            }
        }
    });
    started(
        "export default class {
            constructor(room) { this.s = room.storage }
            async onRequest(req) {
                let failed = 0
                for (const key of await req.json()) await this.s.get(key).catch((e) => {
                    if (!(e instanceof Error)) throw new Error('odd error')
                    failed++
                })
                let deep = []; for (let i = 0; i < 5000; i++) deep = [deep]
                const error = await this.s.put('deep', deep).catch((e) => e.name)
                return new Response(`${failed > 100} ${error}`)
            }
        }",
    );
    let keys = recorded::with(|host| {
        host.stored
            .keys()
            .map(|key| format!("{key:?}"))
            .collect::<Vec<_>>()
    });
    request(2, "POST", "/", Some(&format!("[{}]", keys.join(","))));
    assert!(
        took().last().unwrap().ends_with("true RangeError"),
        "{:?}",
        took()
    );
}
