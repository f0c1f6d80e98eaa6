//! Rooms that begin with an image: what they share and what they must not.

use std::sync::Arc;
use std::thread;

use partykit_core::{Guest, GuestError, GuestFactory, Limits};
use partykit_engine::{Engine, EngineConfig, JsComponent, JsFactory};

use crate::javascript::{QUICKJS, compiled};
use crate::recorder::{Recorder, connect, say_text, start};

/// Says what it knows when it is sent anything.
const TELLTALE: &str = "
    const born = new Map([['a', 1], ['b', 2]]);
    const seen = new Set(['x']);
    const top = Math.random();
    let count = 0;
    export default class {
        onMessage(message, sender) {
            count += 1;
            born.set(message, count);
            seen.add(message);
            sender.send(JSON.stringify({
                count, top,
                map: born.get('a') === 1 && born.get(message) === count && born.size >= 3,
                set: seen.has('x') && seen.has(message),
                math: [Math.random(), Math.random()],
                uuid: crypto.randomUUID(),
                bytes: [...crypto.getRandomValues(new Uint8Array(8))],
            }));
        }
    }";

/// Every image is made in the tests of this file alone.
fn own(change: impl FnOnce(&mut EngineConfig)) -> JsComponent {
    let mut config = compiled();
    change(&mut config);
    JsComponent::compile(&Engine::new(config).unwrap(), QUICKJS).unwrap()
}

fn factory(js: &JsComponent, bundle: &str) -> JsFactory {
    JsFactory::new(js, bundle, "{}", Arc::new(Limits::default()))
}

fn started(factory: &JsFactory) -> (Box<dyn Guest>, Recorder) {
    let mut api = Recorder::default();
    api.random = true;
    let mut guest = factory.start(&mut api).unwrap();
    start(&mut *guest, &mut api).unwrap();
    connect(&mut *guest, &mut api).unwrap();
    api.calls.clear();
    (guest, api)
}

fn told(factory: &JsFactory) -> String {
    let (mut guest, mut api) = started(factory);
    say_text(&mut *guest, &mut api, "hello").unwrap();
    api.sent().remove(0)
}

/// The member `name` of a flat answer, as text.
fn member<'a>(answer: &'a str, name: &str) -> &'a str {
    let (_, rest) = answer.split_once(&format!("\"{name}\":")).unwrap();
    let end = match rest.as_bytes()[0] {
        b'[' => rest.find(']').map(|at| at + 1),
        _ => rest.find([',', '}']),
    };
    &rest[..end.unwrap()]
}

#[test]
fn a_thousand_rooms_evaluate_their_code_once() {
    for copies in [false, true] {
        let js = own(|config| config.copies_images = copies);
        let factory = Arc::new(factory(&js, TELLTALE));
        let rooms = if copies { 20 } else { 1000 };
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let factory = factory.clone();
                thread::spawn(move || {
                    let rooms: Vec<_> = (0..rooms / 4).map(|_| started(&factory)).collect();
                    for (mut guest, mut api) in rooms {
                        say_text(&mut *guest, &mut api, "hello").unwrap();
                        let answer = api.sent().remove(0);
                        assert_eq!(member(&answer, "count"), "1", "memory is not shared");
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(js.evaluations(), 1);
    }
}

#[test]
fn rooms_of_one_image_have_no_random_number_in_common() {
    let js = own(|_| ());
    let factory = factory(&js, TELLTALE);
    let answers: Vec<_> = (0..50).map(|_| told(&factory)).collect();
    for name in ["math", "uuid", "bytes"] {
        let mut all: Vec<_> = answers.iter().map(|answer| member(answer, name)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), answers.len(), "{name} repeats");
    }
}

#[test]
fn collections_made_while_the_code_was_evaluated_work_in_every_room() {
    let js = own(|_| ());
    let factory = factory(&js, TELLTALE);
    for _ in 0..20 {
        let answer = told(&factory);
        assert_eq!(member(&answer, "map"), "true", "{answer}");
        assert_eq!(member(&answer, "set"), "true", "{answer}");
    }
}

#[test]
fn images_of_two_processes_have_hash_seeds_and_numbers_of_their_own() {
    // Another engine stands for another process: it has made every image anew.
    let (one, two) = (own(|_| ()), own(|_| ()));
    let (one, two) = (
        told(&factory(&one, TELLTALE)),
        told(&factory(&two, TELLTALE)),
    );
    assert_ne!(member(&one, "uuid"), member(&two, "uuid"));
    assert_ne!(member(&one, "math"), member(&two, "math"));
}

#[test]
fn the_time_of_a_room_does_not_begin_with_that_of_its_code() {
    let js = own(|_| ());
    let factory = factory(
        &js,
        "const loaded = performance.now();
         export default { onMessage(_, sender) {
             sender.send(JSON.stringify({ since: performance.now(), loaded }));
         } }",
    );
    let mut long_ago = Recorder::default();
    for _ in 0..1000 {
        partykit_core::RoomApi::monotonic_us(&mut long_ago);
    }
    factory.check(&mut long_ago).unwrap();
    let answer = told(&factory);
    let since: f64 = member(&answer, "since").parse().unwrap();
    assert!((0.0..1000.0).contains(&since), "{answer}");
}

#[test]
fn another_environment_is_another_image() {
    let js = own(|_| ());
    let bundle = "export default class { onMessage(_, sender) { sender.send('x') } }";
    for env in [r#"{"A":1}"#, r#"{"A":2}"#, r#"{"A":1}"#] {
        let limits = Arc::new(Limits::default());
        let factory = JsFactory::new(&js, bundle, env, limits);
        factory.check(&mut Recorder::default()).unwrap();
    }
    assert_eq!(js.evaluations(), 2);
}

#[test]
fn code_that_does_not_load_is_not_evaluated_by_every_room_again() {
    let js = own(|_| ());
    let factory = factory(&js, "throw new Error('not today')");
    let errors: Vec<_> = (0..5)
        .map(|_| factory.start(&mut Recorder::default()).err().unwrap())
        .collect();
    assert!(matches!(&errors[0], GuestError::Load { message, .. } if message == "not today"));
    assert!(errors.iter().all(|error| *error == errors[0]));
    assert_eq!(js.evaluations(), 1);
}

#[test]
fn the_image_used_longest_ago_is_dropped_and_its_rooms_go_on() {
    let js = own(|config| config.images_bytes_max = 1);
    let (one, two) = (
        factory(&js, "export default { onMessage(m, c) { c.send('one') } }"),
        factory(&js, "export default { onMessage(m, c) { c.send('two') } }"),
    );
    let (mut guest, mut api) = started(&one);
    assert_eq!(told(&one), "one");
    assert_eq!(js.evaluations(), 1, "the newest image is always kept");
    assert_eq!(told(&two), "two");
    assert_eq!(told(&one), "one");
    assert_eq!(js.evaluations(), 3);
    say_text(&mut *guest, &mut api, "still there?").unwrap();
    assert_eq!(api.sent(), ["one"]);
}

#[test]
fn an_image_beyond_the_memory_limit_is_an_error_of_that_limit() {
    let js = own(|_| ());
    let mut limits = Limits::default();
    limits.memory_bytes_max = 12 << 20;
    let bundle = "globalThis.kept = new Uint8Array(16 << 20); export default {}";
    let factory = JsFactory::new(&js, bundle, "{}", Arc::new(limits));
    let error = factory.start(&mut Recorder::default()).err().unwrap();
    assert!(
        matches!(
            error,
            GuestError::Load { .. } | GuestError::MemoryLimit { .. }
        ),
        "{error:?}"
    );
}

/// KiB that each guest of this process has for itself of its image, and KiB that all of them share.
#[cfg(target_os = "linux")]
fn image_kib() -> (Vec<u64>, u64) {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut private, mut shared, mut inside) = (Vec::new(), 0, false);
    for line in smaps.lines() {
        let number = || {
            line.split_whitespace()
                .nth(1)
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        if line.contains('-') && line.contains("partykit-image") {
            inside = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || ('a'..='f').contains(&c)) {
            inside = false;
        } else if inside && line.starts_with("Shared_") {
            shared += number();
        } else if inside && line.starts_with("Private_Dirty") {
            private.push(number());
        }
    }
    (private, shared)
}

#[cfg(target_os = "linux")]
#[test]
fn rooms_share_the_pages_that_they_only_read() {
    let js = own(|_| ());
    let factory = factory(&js, TELLTALE);
    let rooms: Vec<_> = (0..100).map(|_| started(&factory)).collect();
    let (mut private, shared) = image_kib();
    drop(rooms);
    assert!(shared > 100, "{shared} KiB");
    // Other tests of this process have guests too, though fewer: most are the rooms of this one.
    // One whose objects were counted in the image had 348 KiB; this one draws random numbers and
    // writes JSON besides what every room does, for which 32 KiB are enough.
    private.sort_unstable();
    let median = private[private.len() / 2];
    assert!((4..=64).contains(&median), "{median} KiB");
}
