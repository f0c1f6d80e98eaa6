//! The world of a guest whose work is counted: imports that answer at once and remember only
//! whether the guest did what it was asked.
//!
//! Linked by name and with dynamic values, so that the contract's types need not be generated a
//! second time. What is not listed traps when it is called.

use wasmtime::component::{Component, Linker, Val};

use crate::failure::Failure;

/// Version of the contract in the names of its interfaces.
pub(crate) const VERSION: &str = "0.1.0";

/// What the guest did in its last turn.
#[derive(Default)]
pub(crate) struct Done {
    /// Messages sent or broadcast.
    pub(crate) sent: u32,
    /// Events settled without an exception.
    pub(crate) settled: u32,
    scopes: u64,
    stored: Option<Val>,
}

type Answer = fn(&mut Done, &[Val]) -> Option<Val>;

/// The same moment for every run.
const NOW_US: u64 = 1_800_000_000_000_000;

const IMPORTS: &[(&str, &str, Answer)] = &[
    ("events", "settle", |done, arguments| {
        let failed = matches!(arguments, [_, Val::Variant(name, _)] if name == "failed");
        done.settled += u32::from(!failed);
        fine(None)
    }),
    ("sections", "enter", |done, _| {
        done.scopes += 1;
        fine(Some(Val::U64(done.scopes)))
    }),
    ("sections", "leave", |_, _| fine(None)),
    ("connections", "accept", |_, _| fine(None)),
    ("connections", "send", |done, _| {
        done.sent += 1;
        fine(None)
    }),
    ("connections", "broadcast", |done, _| {
        done.sent += 1;
        fine(None)
    }),
    ("storage", "get", |done, _| {
        fine(Some(Val::Option(done.stored.clone().map(Box::new))))
    }),
    ("storage", "put", |done, arguments| {
        done.stored = arguments.get(1).cloned();
        fine(None)
    }),
    ("clock", "now-us", |_, _| Some(Val::U64(NOW_US))),
    ("clock", "monotonic-us", |_, _| Some(Val::U64(0))),
    ("random", "bytes", |_, arguments| {
        let count = match arguments {
            [Val::U32(count)] => *count as usize,
            _ => 0,
        };
        fine(Some(Val::List(vec![Val::U8(7); count])))
    }),
    ("log", "write", |_, _| None),
];

fn fine(value: Option<Val>) -> Option<Val> {
    Some(Val::Result(Ok(value.map(Box::new))))
}

/// Everything that `component` may ask for.
pub(crate) fn linker(component: &Component) -> Result<Linker<Done>, Failure> {
    let mut linker = Linker::<Done>::new(component.engine());
    for (interface, name, answer) in IMPORTS {
        let interface = format!("partykit:room/{interface}@{VERSION}");
        let mut root = linker.root();
        let mut instance = root.instance(&interface)?;
        instance.func_new(name, move |mut context, _, arguments, results| {
            let value = answer(context.data_mut(), arguments);
            if let (Some(result), Some(value)) = (results.first_mut(), value) {
                *result = value;
            }
            Ok(())
        })?;
    }
    linker.define_unknown_imports_as_traps(component)?;
    Ok(linker)
}
