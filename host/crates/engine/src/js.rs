//! JavaScript guests: the engine component, compiled once, and the factory that makes guests of
//! one bundle.
//!
//! Everything that only a guest with the world `js-room` has is here and in `images`: that its code
//! arrives as text, by the export `load`. The rest of this crate serves any guest of the contract.

use std::sync::Arc;

use partykit_core::{Description, Guest, GuestError, GuestFactory, Limits, RoomApi};
use wasmtime::component::Component;

use crate::bindings::JsRoomIndices;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::image::Image;
use crate::images::{AppImage, Code, ImageKey, Images};
use crate::instance::WasmGuest;
use crate::linker::linker;

/// The version of the contract that this host speaks: that of the package in wit/, without the
/// patch.
const CONTRACT: &str = "0.1";

/// The JavaScript engine as its build leaves it: the component, and apart from it what its memory
/// must hold before anything runs.
#[derive(Debug, Clone, Copy)]
pub struct JsBinary<'a> {
    /// A component of the world `js-room`, with one memory and without data segments.
    pub component: &'a [u8],
    /// What its memory holds at `memory_offset`; it is zero elsewhere.
    pub memory: &'a [u8],
    /// Where `memory` begins.
    pub memory_offset: usize,
}

/// The JavaScript engine, compiled and linked, with the images made of it. Cloning is cheap and
/// gives the same one.
#[derive(Clone)]
pub struct JsComponent(Arc<Parts>);

struct Parts {
    exports: JsRoomIndices,
    images: Images,
}

impl JsComponent {
    /// Compiles the component, which takes seconds, or takes it from the engine's cache.
    ///
    /// # Errors
    /// The bytes are no component, or not one of the world `js-room`; there is no memory.
    pub fn compile(engine: &Engine, binary: JsBinary<'_>) -> Result<Self, EngineError> {
        let contract = |error: wasmtime::Error| EngineError::Contract(error.into());
        let component = Component::from_binary(engine.wasm(), binary.component)
            .map_err(|error| EngineError::Compile(error.into()))?;
        let component = linker(engine.wasm())
            .and_then(|linker| linker.instantiate_pre(&component))
            .map_err(contract)?;
        let indices = || JsRoomIndices::new(&component).map_err(contract);
        let (exports, of_images) = (indices()?, indices()?);
        let copied = engine.copies_images();
        let zero =
            Image::new(binary.memory_offset, binary.memory, copied).map_err(EngineError::Image)?;
        let images = Images::new(engine.clone(), component, of_images, zero);
        Ok(Self(Arc::new(Parts { exports, images })))
    }

    /// How often a bundle was evaluated to make an image of it.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        self.0.images.evaluations()
    }
}

/// Makes guests that run one bundle with one environment.
pub struct JsFactory {
    js: JsComponent,
    key: ImageKey,
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
        let (bundle, env) = (bundle.into(), env.into());
        Self {
            js: js.clone(),
            key: ImageKey::new(&bundle, &env, &limits),
            bundle,
            env,
            limits,
        }
    }

    /// Makes the image that the first room would make: for whoever deploys code and wants to know
    /// whether it loads, and what there is to say about it.
    ///
    /// # Errors
    /// As [`GuestFactory::start`].
    pub fn check(&self, api: &mut dyn RoomApi) -> Result<Description, GuestError> {
        Ok(self.image(api)?.description.clone())
    }

    fn image(&self, api: &mut dyn RoomApi) -> Result<Arc<AppImage>, GuestError> {
        let code = Code {
            key: self.key,
            bundle: &self.bundle,
            env: &self.env,
            limits: &self.limits,
        };
        let app = self.js.0.images.app(&code, api)?;
        check_contract(&app.description)?;
        Ok(app)
    }
}

impl GuestFactory for JsFactory {
    fn start(&self, api: &mut dyn RoomApi) -> Result<Box<dyn Guest>, GuestError> {
        let app = self.image(api)?;
        let Parts { exports, images } = &*self.js.0;
        let (mut machine, instance, _) = images.machine(&app.image, &self.limits, api)?;
        let room = machine.run(self.limits.load_cpu_ms_max, api, |store| {
            exports.load(store, &instance)
        })?;
        let guest = WasmGuest::new(machine, room.partykit_room_guest().clone(), &self.limits);
        Ok(Box::new(guest))
    }
}

/// The engine component is part of the host, so a version that does not match is the host's fault.
fn check_contract(description: &Description) -> Result<(), GuestError> {
    if description.contract == CONTRACT {
        return Ok(());
    }
    Err(GuestError::Host {
        message: format!(
            "the guest speaks version {} of the contract, this host {CONTRACT}",
            description.contract
        ),
    })
}
