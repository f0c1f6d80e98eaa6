//! JavaScript guests: the engine component, compiled once, and the factory that makes guests of
//! one bundle.
//!
//! Everything that only a guest with the world `js-room` has is here: that its code arrives as
//! text, by the export `load`. The rest of this crate serves any guest of the contract.

use std::sync::Arc;

use partykit_core::{Description, Guest, GuestError, GuestFactory, Limits, RoomApi};
use wasmtime::component::{Component, InstancePre};

use crate::bindings::exports::partykit::room::guest;
use crate::bindings::{Failure, JsRoomIndices};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::instance::{Machine, WasmGuest};
use crate::linker::linker;
use crate::state::GuestState;

/// The version of the contract that this host speaks: that of the package in wit/, without the
/// patch.
const CONTRACT: &str = "0.1";

/// The JavaScript engine, compiled and linked. Cloning is cheap and gives the same one.
#[derive(Clone)]
pub struct JsComponent(Arc<Parts>);

struct Parts {
    engine: Engine,
    component: InstancePre<GuestState>,
    exports: JsRoomIndices,
}

impl JsComponent {
    /// Compiles the component, which takes seconds, or takes it from the engine's cache.
    ///
    /// # Errors
    /// The bytes are no component, or not one of the world `js-room`.
    pub fn compile(engine: &Engine, component: &[u8]) -> Result<Self, EngineError> {
        let contract = |error: wasmtime::Error| EngineError::Contract(error.into());
        let component = Component::from_binary(engine.wasm(), component)
            .map_err(|error| EngineError::Compile(error.into()))?;
        let component = linker(engine.wasm())
            .and_then(|linker| linker.instantiate_pre(&component))
            .map_err(contract)?;
        let exports = JsRoomIndices::new(&component).map_err(contract)?;
        Ok(Self(Arc::new(Parts {
            engine: engine.clone(),
            component,
            exports,
        })))
    }
}

/// Makes guests that run one bundle with one environment.
pub struct JsFactory {
    js: JsComponent,
    bundle: Arc<str>,
    env: Arc<str>,
    limits: Arc<Limits>,
}

impl JsFactory {
    /// `bundle` is one ES module, `env` a JSON object: what room code reads as `room.env`. Neither
    /// is looked at before a guest is started.
    pub fn new(
        js: &JsComponent,
        bundle: impl Into<Arc<str>>,
        env: impl Into<Arc<str>>,
        limits: Arc<Limits>,
    ) -> Self {
        Self {
            js: js.clone(),
            bundle: bundle.into(),
            env: env.into(),
            limits,
        }
    }

    /// Loads the bundle once and throws the guest away: for whoever deploys it and wants to know
    /// whether it loads, and what there is to say about it.
    ///
    /// # Errors
    /// As [`GuestFactory::start`].
    pub fn check(&self, api: &mut dyn RoomApi) -> Result<Description, GuestError> {
        Ok(self.load(api)?.description)
    }

    fn load(&self, api: &mut dyn RoomApi) -> Result<Loaded, GuestError> {
        let Parts {
            engine,
            component,
            exports,
        } = &*self.js.0;
        let (mut machine, instance) = Machine::instantiate(engine, component, &self.limits, api)?;
        let cpu_ms_max = self.limits.load_cpu_ms_max;
        let (room, loaded) = machine.run(cpu_ms_max, api, |store| {
            let room = exports.load(&mut *store, &instance)?;
            let loaded = room.call_load(store, &self.bundle, &self.env)?;
            Ok((room, loaded))
        })?;
        loaded.map_err(load_error)?;
        let exports = room.partykit_room_guest();
        let description = machine.run(cpu_ms_max, api, |store| exports.call_describe(store))?;
        let description = checked(description)?;
        Ok(Loaded {
            guest: WasmGuest::new(machine, exports.clone(), &self.limits),
            description,
        })
    }
}

struct Loaded {
    guest: WasmGuest,
    description: Description,
}

impl GuestFactory for JsFactory {
    fn start(&self, api: &mut dyn RoomApi) -> Result<Box<dyn Guest>, GuestError> {
        Ok(Box::new(self.load(api)?.guest))
    }
}

fn load_error(failure: Failure) -> GuestError {
    GuestError::Load {
        message: failure.message,
        detail: failure.detail,
    }
}

/// The engine component is part of the host, so a version that does not match is the host's fault.
fn checked(description: guest::Description) -> Result<Description, GuestError> {
    if description.contract != CONTRACT {
        return Err(GuestError::Host {
            message: format!(
                "the guest speaks version {} of the contract, this host {CONTRACT}",
                description.contract
            ),
        });
    }
    Ok(Description {
        contract: description.contract,
        warnings: description.warnings,
    })
}
