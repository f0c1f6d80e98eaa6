//! fixtures/machine.wat: traps, loops, recursion, memory, effects, and what a guest may import.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use partykit_core::{Guest, GuestError, GuestFactory, Limits, LogLevel, Message};
use partykit_engine::{Engine, EngineConfig, EngineError, JsBinary, JsComponent, JsFactory};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::recorder::{CLIENT, Call, Recorder, connect, say, say_text, start};

/// The fixture, compiled; it says that it speaks this version of the contract.
fn compile(engine: &Engine, contract: &str) -> Result<JsComponent, EngineError> {
    let mut memory = [0; 32];
    memory[..contract.len()].copy_from_slice(contract.as_bytes());
    // The description: where its contract is, and how long.
    memory[16 + 4] = u8::try_from(contract.len()).unwrap();
    let binary = JsBinary {
        component: &encode(include_str!("fixtures/machine.wat")),
        memory: &memory,
        memory_offset: 0,
    };
    JsComponent::compile(engine, binary)
}

/// Any component, on a memory of zeros.
fn compile_bytes(engine: &Engine, component: &[u8]) -> Result<JsComponent, EngineError> {
    let binary = JsBinary {
        component,
        memory: &[],
        memory_offset: 0,
    };
    JsComponent::compile(engine, binary)
}

fn encode(text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../wit");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some("js-room")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.validate(true).encode().unwrap()
}

static LONG_TURNS: AtomicU32 = AtomicU32::new(0);

fn js() -> &'static JsComponent {
    static JS: OnceLock<JsComponent> = OnceLock::new();
    JS.get_or_init(|| {
        let engine = Engine::new(EngineConfig {
            on_long_turn: Arc::new(|| {
                LONG_TURNS.fetch_add(1, Ordering::Relaxed);
            }),
            ..EngineConfig::default()
        })
        .unwrap();
        compile(&engine, "0.1").unwrap()
    })
}

fn limits(change: impl FnOnce(&mut Limits)) -> Arc<Limits> {
    let mut limits = Limits::default();
    change(&mut limits);
    Arc::new(limits)
}

fn guest(limits: Arc<Limits>) -> (Box<dyn Guest>, Recorder) {
    let mut api = Recorder::default();
    let factory = JsFactory::new(js(), "", "{}", limits);
    (factory.start(&mut api).unwrap(), api)
}

#[test]
fn a_message_goes_in_and_effects_come_out() {
    let (mut guest, mut api) = guest(limits(|_| ()));
    start(&mut *guest, &mut api).unwrap();
    connect(&mut *guest, &mut api).unwrap();
    say_text(&mut *guest, &mut api, "echo ✓").unwrap();
    say(
        &mut *guest,
        &mut api,
        Message::Binary(b"e\0\xff".to_vec().into()),
    )
    .unwrap();
    say_text(&mut *guest, &mut api, "nothing").unwrap();
    assert_eq!(
        api.take(),
        [
            Call::Send(CLIENT.0, Message::Text("echo ✓".into())),
            Call::Send(CLIENT.0, Message::Binary(b"e\0\xff".to_vec().into())),
        ]
    );
    assert_eq!(guest.memory_bytes(), 2 * 65_536);
}

#[test]
fn a_trap_says_what_happened_and_where() {
    let (mut guest, mut api) = guest(limits(|_| ()));
    let error = say_text(&mut *guest, &mut api, "trap").unwrap_err();
    let GuestError::Trap { message } = &error else {
        panic!("{error:?}")
    };
    assert!(message.contains("unreachable"), "{message}");
    assert!(message.contains("in trap < on-message"), "{message}");
}

#[test]
fn an_access_beyond_the_memory_is_a_trap_and_not_a_crash() {
    let (mut guest, mut api) = guest(limits(|_| ()));
    let error = say_text(&mut *guest, &mut api, "out of bounds").unwrap_err();
    let GuestError::Trap { message } = &error else {
        panic!("{error:?}")
    };
    assert!(message.contains("out of bounds"), "{message}");
}

#[test]
fn recursion_that_the_guest_does_not_stop_is_a_trap_and_not_a_crash() {
    let (mut guest, mut api) = guest(limits(|_| ()));
    let error = say_text(&mut *guest, &mut api, "recurse").unwrap_err();
    let GuestError::Trap { message } = &error else {
        panic!("{error:?}")
    };
    assert!(message.contains("call stack exhausted"), "{message}");
    assert!(message.ends_with("< ..."), "{message}");
}

#[test]
fn nothing_runs_after_a_failure_and_the_memory_is_gone() {
    let (mut guest, mut api) = guest(limits(|_| ()));
    let first = say_text(&mut *guest, &mut api, "trap").unwrap_err();
    assert_eq!(guest.memory_bytes(), 0);
    let second = say_text(&mut *guest, &mut api, "echo").unwrap_err();
    assert_eq!(first, second);
    assert_eq!(guest.stranded(&[], &mut api), Err(first));
    assert_eq!(api.take(), []);
}

#[test]
fn an_endless_loop_ends_at_the_cpu_limit_and_lets_others_run_before() {
    let before = LONG_TURNS.load(Ordering::Relaxed);
    let (mut guest, mut api) = guest(limits(|limits| limits.cpu_ms_max = 60));
    let error = say_text(&mut *guest, &mut api, "loop").unwrap_err();
    let GuestError::CpuLimit { used_ms, max_ms } = error else {
        panic!("{error:?}")
    };
    assert_eq!(max_ms, 60);
    assert!((60..1000).contains(&used_ms), "{used_ms}");
    assert!(LONG_TURNS.load(Ordering::Relaxed) - before >= 2);
}

#[test]
fn a_loop_of_imports_ends_at_the_cpu_limit_too() {
    let (mut guest, mut api) = guest(limits(|limits| limits.cpu_ms_max = 20));
    let error = say_text(&mut *guest, &mut api, "ask").unwrap_err();
    assert!(matches!(error, GuestError::CpuLimit { .. }), "{error:?}");
}

#[test]
fn each_turn_has_the_whole_cpu_limit() {
    let (mut guest, mut api) = guest(limits(|limits| limits.cpu_ms_max = 1));
    let begin = std::time::Instant::now();
    while begin.elapsed() < std::time::Duration::from_millis(50) {
        say_text(&mut *guest, &mut api, "echo").unwrap();
        api.calls.clear();
    }
}

#[test]
fn refused_memory_is_an_error_only_when_the_guest_fails_over_it() {
    let small = || limits(|limits| limits.memory_bytes_max = 4 << 20);
    let (mut survivor, mut api) = guest(small());
    say_text(&mut *survivor, &mut api, "grow").unwrap();
    assert!(survivor.memory_bytes() <= 4 << 20);
    assert!(survivor.memory_bytes() > 2 << 20);
    // It goes on, and what happens to it later has nothing to do with memory.
    let error = say_text(&mut *survivor, &mut api, "trap").unwrap_err();
    assert!(matches!(error, GuestError::Trap { .. }), "{error:?}");

    let (mut victim, mut api) = guest(small());
    assert_eq!(
        say_text(&mut *victim, &mut api, "bomb"),
        Err(GuestError::MemoryLimit { max_bytes: 4 << 20 })
    );
}

#[test]
fn a_guest_that_needs_more_memory_than_it_may_have_does_not_start() {
    let mut api = Recorder::default();
    let limits = limits(|limits| limits.memory_bytes_max = 65_536);
    let factory = JsFactory::new(js(), "", "{}", limits);
    assert_eq!(
        factory.start(&mut api).err(),
        Some(GuestError::MemoryLimit { max_bytes: 65_536 })
    );
}

#[test]
fn a_message_that_does_not_fit_into_the_guest_ends_the_guest_only() {
    let (mut guest, mut api) = guest(limits(|_| ()));
    let error = say_text(&mut *guest, &mut api, &"x".repeat(1 << 20)).unwrap_err();
    assert!(matches!(error, GuestError::Trap { .. }), "{error:?}");
}

#[test]
fn one_call_can_carry_all_of_the_memory_but_not_the_same_memory_many_times() {
    let small = limits(|limits| limits.memory_bytes_max = 8 << 20);
    let (mut guest, mut api) = guest(small);
    say_text(&mut *guest, &mut api, "write").unwrap();
    assert!(
        matches!(&api.take()[..], [Call::Log(LogLevel::Log, text)] if text.len() == 2 * 65_536)
    );
    let error = say_text(&mut *guest, &mut api, "multiply").unwrap_err();
    assert!(matches!(error, GuestError::Trap { .. }), "{error:?}");
    assert_eq!(api.take(), []);
}

#[test]
fn a_turn_that_asks_for_too_much_ends_with_the_limit_it_reached() {
    let (mut guest, mut api) = guest(limits(|_| ()));
    api.sends_max = Some(1);
    say_text(&mut *guest, &mut api, "echo").unwrap();
    assert_eq!(
        say_text(&mut *guest, &mut api, "echo"),
        Err(GuestError::EffectLimit {
            name: "effects_max",
            value: 2,
            max: 1
        })
    );
}

#[test]
fn guests_do_not_share_memory_and_may_move_between_threads() {
    let (mut one, mut api) = guest(limits(|_| ()));
    let (two, _) = guest(limits(|_| ()));
    say_text(&mut *one, &mut api, "grow").unwrap();
    assert!(one.memory_bytes() > two.memory_bytes());
    let mut moved = std::thread::spawn(move || {
        let mut api = Recorder::default();
        let mut one = one;
        say_text(&mut *one, &mut api, "echo").unwrap();
        assert_eq!(api.sent(), ["echo"]);
        one
    })
    .join()
    .unwrap();
    say_text(&mut *moved, &mut api, "echo").unwrap();
    assert_eq!(api.sent(), ["echo"]);
}

#[test]
fn a_guest_outlives_every_handle_on_its_engine() {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let js = compile(&engine, "0.1").unwrap();
    let factory = JsFactory::new(&js, "", "{}", limits(|limits| limits.cpu_ms_max = 20));
    let mut api = Recorder::default();
    let mut guest = factory.start(&mut api).unwrap();
    drop((engine, js, factory));
    let error = say_text(&mut *guest, &mut api, "loop").unwrap_err();
    assert!(matches!(error, GuestError::CpuLimit { .. }), "{error:?}");
}

#[test]
fn a_panic_of_the_host_passes_through_the_guest_and_ends_it() {
    let (mut guest, mut api) = guest(limits(|_| ()));
    api.panics_on_send = true;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        drop(say_text(&mut *guest, &mut api, "echo"));
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"told to"));
    api.panics_on_send = false;
    let error = say_text(&mut *guest, &mut api, "echo").unwrap_err();
    assert!(matches!(error, GuestError::Host { .. }), "{error:?}");
    assert_eq!(api.take(), []);
}

#[test]
fn another_version_of_the_contract_is_refused() {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let js = compile(&engine, "0.2").unwrap();
    let factory = JsFactory::new(&js, "", "{}", limits(|_| ()));
    let error = factory.start(&mut Recorder::default()).err();
    let Some(GuestError::Host { message }) = &error else {
        panic!("{error:?}")
    };
    assert!(
        message.contains("0.2") && message.contains("0.1"),
        "{message}"
    );
}

#[test]
fn bytes_that_are_no_component_are_refused() {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let error = compile_bytes(&engine, b"not wasm").err().unwrap();
    assert!(matches!(error, EngineError::Compile(_)), "{error:?}");
}

#[test]
fn a_component_that_imports_what_is_not_linked_is_refused() {
    let engine = Engine::new(EngineConfig::default()).unwrap();
    let wants_files = r#"(component
        (import "wasi:filesystem/preopens@0.2.0" (instance
            (export "get-directories" (func)))))"#;
    let component = wat::parse_str(wants_files).unwrap();
    let error = compile_bytes(&engine, &component).err().unwrap();
    assert!(matches!(error, EngineError::Contract(_)), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("wasi:filesystem/preopens"), "{cause}");
}
