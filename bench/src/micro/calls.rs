//! The price of the border itself: calls into functions that do nothing, or hand 64 bytes of text
//! in and out again, as core wasm and as a component, synchronously and asynchronously.

use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wasmtime::component::{self, Component};
use wasmtime::{Instance, Module, Store, TypedFunc};

use super::wasm::{Meter, engine, store};
use crate::failure::Failure;
use crate::timing::{Timing, time};

const CORE: &str = r#"(module (func (export "empty")))"#;

/// What comes in is handed out from where it lies; the one place for it is overwritten each time.
const COMPONENT: &str = r#"(component
  (import "send" (func $send (param "text" string)))
  (core module $heap
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $heap (instantiate $heap))
  (core func $send-core
    (canon lower (func $send)
      (memory $heap "memory") (realloc (func $heap "realloc"))))
  (core module $room
    (import "host" "send" (func $send (param i32 i32)))
    (func (export "empty"))
    (func (export "echo") (param i32 i32) (call $send (local.get 0) (local.get 1))))
  (core instance $room (instantiate $room
    (with "host" (instance (export "send" (func $send-core))))))
  (func (export "empty") (canon lift (core func $room "empty")))
  (func (export "echo") (param "text" string)
    (canon lift (core func $room "echo")
      (memory $heap "memory") (realloc (func $heap "realloc")))))"#;

/// As long as the messages that roomload sends.
const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What one kind of call costs.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) timing: Timing,
    pub(crate) fuel: u64,
}

/// Bytes that came out.
#[derive(Default)]
struct Received(usize);

/// One store with both guests in it.
struct Subject {
    store: Store<Received>,
    core: TypedFunc<(), ()>,
    empty: component::TypedFunc<(), ()>,
    echo: component::TypedFunc<(&'static str,), ()>,
}

type Run = fn(&mut Subject) -> Result<(), Failure>;

const KINDS: &[(&str, Run)] = &[
    ("core call, empty", |s| Ok(s.core.call(&mut s.store, ())?)),
    ("core call, empty, async", |s| {
        ready(s.core.call_async(&mut s.store, ()))
    }),
    ("component call, empty", |s| {
        Ok(s.empty.call(&mut s.store, ())?)
    }),
    ("component call, empty, async", |s| {
        ready(s.empty.call_async(&mut s.store, ()))
    }),
    ("component call, 64 bytes in and out", |s| {
        Ok(s.echo.call(&mut s.store, (TEXT,))?)
    }),
    ("the same, async", |s| {
        ready(s.echo.call_async(&mut s.store, (TEXT,)))
    }),
];

/// Measures every kind.
///
/// # Errors
/// wasmtime refuses something, or a text came out damaged.
pub(crate) fn measure(budget: Duration, cache: &Path) -> Result<Vec<Call>, Failure> {
    let mut timed = Subject::new(Meter::Epochs, cache)?;
    let mut counted = Subject::new(Meter::Fuel, cache)?;
    let mut calls = Vec::new();
    for (name, run) in KINDS {
        let timing = time(budget, || run(&mut timed))?;
        let fuel = counted.fuel_of(*run)?;
        calls.push(Call { name, timing, fuel });
    }
    timed.check()?;
    Ok(calls)
}

impl Subject {
    fn new(meter: Meter, cache: &Path) -> Result<Self, Failure> {
        let engine = engine(meter, cache)?;
        let mut store = store(&engine, meter, Received::default())?;
        let module = Module::new(&engine, wat::parse_str(CORE)?)?;
        let core = Instance::new(&mut store, &module, &[])?;
        let component = Component::new(&engine, wat::parse_str(COMPONENT)?)?;
        let mut linker = component::Linker::<Received>::new(&engine);
        linker
            .root()
            .func_wrap("send", |mut context, (text,): (String,)| {
                context.data_mut().0 += text.len();
                Ok(())
            })?;
        let instance = linker.instantiate(&mut store, &component)?;
        Ok(Self {
            core: core.get_typed_func(&mut store, "empty")?,
            empty: instance.get_typed_func(&mut store, "empty")?,
            echo: instance.get_typed_func(&mut store, "echo")?,
            store,
        })
    }

    fn fuel_of(&mut self, run: Run) -> Result<u64, Failure> {
        self.store.set_fuel(u64::MAX / 2)?;
        let before = self.store.get_fuel()?;
        run(self)?;
        Ok(before - self.store.get_fuel()?)
    }

    /// A call brings the whole text out.
    fn check(&mut self) -> Result<(), Failure> {
        self.store.data_mut().0 = 0;
        self.echo.call(&mut self.store, (TEXT,))?;
        match self.store.data().0 {
            64 => Ok(()),
            other => Err(format!("64 bytes went in and {other} came out").into()),
        }
    }
}

/// The result of a call that has nothing to wait for.
fn ready(call: impl Future<Output = wasmtime::Result<()>>) -> Result<(), Failure> {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Ok(result?),
        Poll::Pending => Err("a call without anything to wait for has waited".into()),
    }
}
