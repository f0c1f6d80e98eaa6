//! The JavaScript guest under a meter: how many wasm instructions a start and a turn take. No
//! room, no host and no clock are in these numbers, so they do not change unless the guest or the
//! toolchain does.

use std::path::Path;

use wasmtime::Store;
use wasmtime::component::{Component, Instance, Val};

use super::imports::{Done, VERSION, linker};
use super::room::{HEADERS, URL};
use super::wasm::{Meter, engine, fuel_of, store};
use crate::failure::Failure;

/// The first turns fill caches inside the guest.
const TURNS_BEFORE: usize = 100;
/// The guest collects garbage now and then: an average over many turns has it in.
const TURNS: u32 = 1000;

/// The compiled guest, from which any number can be started.
pub(crate) struct CountedGuests {
    component: Component,
}

/// A guest that has been started, with one connection.
pub(crate) struct CountedGuest {
    store: Store<Done>,
    instance: Instance,
    events: u64,
    /// What instantiating, loading, on-start and on-connect burned together.
    pub(crate) start_fuel: u64,
}

impl CountedGuests {
    /// Compiles the guest with a meter in it, once for `cache`.
    pub(crate) fn compile(guest: &[u8], cache: &Path) -> Result<Self, Failure> {
        let engine = engine(Meter::Fuel, cache)?;
        let component = Component::from_binary(&engine, guest)?;
        Ok(Self { component })
    }

    /// Starts a guest for the room `id`.
    pub(crate) fn start(&self, bundle: &str, id: &str) -> Result<CountedGuest, Failure> {
        let linker = linker(&self.component)?;
        let mut store = store(self.component.engine(), Meter::Fuel, Done::default())?;
        let mut instance = None;
        let instantiated = fuel_of(&mut store, |store| {
            instance = Some(linker.instantiate(store, &self.component)?);
            Ok(())
        })?;
        let instance = instance.ok_or("no instance was made")?;
        let mut guest = CountedGuest {
            store,
            instance,
            events: 0,
            start_fuel: instantiated,
        };
        guest.evaluate("prepare", &[])?;
        guest.evaluate("load", &[text(bundle), text("{}")])?;
        guest.open(id)?;
        Ok(guest)
    }
}

impl CountedGuest {
    fn evaluate(&mut self, export: &str, arguments: &[Val]) -> Result<(), Failure> {
        let function = self
            .instance
            .get_func(&mut self.store, export)
            .ok_or_else(|| format!("no export {export}"))?;
        let mut results = [Val::Bool(false)];
        self.start_fuel += fuel_of(&mut self.store, |store| {
            Ok(function.call(store, arguments, &mut results)?)
        })?;
        match results {
            [Val::Result(Ok(_))] => Ok(()),
            [other] => Err(format!("{export} failed: {other:?}").into()),
        }
    }

    fn open(&mut self, id: &str) -> Result<(), Failure> {
        let room = record(&[
            ("id", text(id)),
            ("internal-id", text(&"0".repeat(64))),
            ("party", text("main")),
        ]);
        self.start_fuel += self.deliver("on-start", vec![Val::U64(1), room])?;
        let client = record(&[
            ("connection", Val::U64(1)),
            ("id", text("bench-1")),
            ("uri", text(URL)),
        ]);
        self.start_fuel += self.deliver("on-connect", vec![client, request_head()])?;
        Ok(())
    }

    /// What one message burns, answered or broadcast once; an average.
    pub(crate) fn message_fuel(&mut self, message: &str) -> Result<u64, Failure> {
        let message = Val::Variant("text".to_owned(), Some(Box::new(text(message))));
        self.fuel_of_turns(1, |guest| {
            guest.deliver("on-message", vec![Val::U64(1), message.clone()])
        })
    }

    /// What one GET burns; an average.
    pub(crate) fn request_fuel(&mut self) -> Result<u64, Failure> {
        let request = record(&[("head", request_head()), ("body", Val::Option(None))]);
        self.fuel_of_turns(0, |guest| {
            guest.deliver("on-request", vec![request.clone()])
        })
    }

    /// The average of many turns, each of which must send so many messages.
    fn fuel_of_turns(
        &mut self,
        sent: u32,
        mut turn: impl FnMut(&mut Self) -> Result<u64, Failure>,
    ) -> Result<u64, Failure> {
        for _ in 0..TURNS_BEFORE {
            turn(self)?;
        }
        let mut burned = 0;
        for _ in 0..TURNS {
            self.store.data_mut().sent = 0;
            burned += turn(self)?;
            if self.store.data().sent != sent {
                return Err("the counted room did not answer".into());
            }
        }
        Ok(burned / u64::from(TURNS))
    }

    /// One turn; the event's id goes before `arguments`.
    fn deliver(&mut self, event: &str, mut arguments: Vec<Val>) -> Result<u64, Failure> {
        let guest = format!("partykit:room/guest@{VERSION}");
        let store = &mut self.store;
        let exports = self.instance.get_export_index(&mut *store, None, &guest);
        let export = self
            .instance
            .get_export_index(&mut *store, exports.as_ref(), event);
        let export = export.ok_or_else(|| format!("no export {event}"))?;
        let function = self
            .instance
            .get_func(&mut *store, export)
            .ok_or("not a function")?;
        self.events += 1;
        arguments.insert(0, Val::U64(self.events));
        store.data_mut().settled = 0;
        let burned = fuel_of(store, |store| {
            Ok(function.call(store, &arguments, &mut [])?)
        })?;
        match store.data().settled {
            1 => Ok(burned),
            other => Err(format!("{event} was settled {other} times").into()),
        }
    }
}

fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn request_head() -> Val {
    let headers = HEADERS
        .iter()
        .map(|(name, value)| Val::Tuple(vec![text(name), text(value)]));
    record(&[
        ("method", text("GET")),
        ("url", text(URL)),
        ("headers", Val::List(headers.collect())),
    ])
}

fn record(fields: &[(&str, Val)]) -> Val {
    let field = |(name, value): &(&str, Val)| ((*name).to_owned(), value.clone());
    Val::Record(fields.iter().map(field).collect())
}
