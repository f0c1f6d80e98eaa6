//! Which image a room's guest begins with, and when one is made.
//!
//! ```text
//! image zero    what the module's memory holds at the start           one for the component
//! engine image  after `prepare`: the platform is evaluated            one for the component
//! app image     after `load`: a bundle is evaluated with its env      one for each pair of them
//! ```
//!
//! App images are made when a room first needs one, by that room's thread and with its clock, its
//! random numbers and its log; rooms that come meanwhile wait for it. They are kept within
//! `images_bytes_max`, never on a disk: they hold the environment. Code that does not load is
//! not evaluated again by every room that starts: its error is kept for a moment in its place.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use partykit_core::{Description, GuestError, Limits, RoomApi};
use sha2::{Digest, Sha256};
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::{Failure, JsRoomIndices};
use crate::engine::Engine;
use crate::image::{Image, MemoryView};
use crate::instance::Machine;
use crate::state::GuestState;

/// A thread that waits for an image lets the host's other tasks run elsewhere this often.
const WAIT: Duration = Duration::from_millis(5);

/// Code that did not load is not evaluated again for so long, however many rooms start: it may cost
/// `load_cpu_ms_max` each time. Then it may do better, as code can that looks at the clock, or a
/// machine that was out of memory.
const ERROR_KEPT: Duration = Duration::from_secs(10);

/// What an error counts that is kept in the place of an image.
const ERROR_BYTES: u64 = 64 << 10;

/// What rooms of one bundle with one environment begin with.
pub(crate) struct AppImage {
    pub(crate) image: Arc<Image>,
    pub(crate) description: Description,
}

/// Names the image of a bundle with an environment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ImageKey([u8; 32]);

impl ImageKey {
    /// The limits count too: what loads under one may not under another.
    pub(crate) fn new(bundle: &str, env: &str, limits: &Limits) -> Self {
        let mut hash = Sha256::new();
        hash.update(limits.memory_bytes_max.to_le_bytes());
        hash.update(limits.load_cpu_ms_max.to_le_bytes());
        hash.update((bundle.len() as u64).to_le_bytes());
        hash.update(bundle);
        hash.update(env);
        Self(hash.finalize().into())
    }
}

/// Code and what it is evaluated with.
pub(crate) struct Code<'a> {
    pub(crate) key: ImageKey,
    pub(crate) bundle: &'a str,
    pub(crate) env: &'a str,
    pub(crate) limits: &'a Limits,
}

/// All images of one component.
pub(crate) struct Images {
    engine: Engine,
    component: InstancePre<GuestState>,
    exports: JsRoomIndices,
    zero: Arc<Image>,
    prepared: Mutex<Option<Arc<Image>>>,
    apps: Mutex<Apps>,
    evaluations: AtomicU64,
}

#[derive(Default)]
struct Apps {
    slots: HashMap<ImageKey, Slot>,
    bytes: u64,
    uses: u64,
}

/// An image, or why there is none and since when.
type Made = Result<Arc<AppImage>, (GuestError, Instant)>;

#[derive(Default, Clone)]
struct Slot {
    /// Locked by whoever makes it. Holds an error instead when the code does not load.
    made: Arc<Mutex<Option<Made>>>,
    used: u64,
    bytes: u64,
}

impl Images {
    pub(crate) fn new(
        engine: Engine,
        component: InstancePre<GuestState>,
        exports: JsRoomIndices,
        zero: Image,
    ) -> Self {
        Self {
            engine,
            component,
            exports,
            zero: Arc::new(zero),
            prepared: Mutex::default(),
            apps: Mutex::default(),
            evaluations: AtomicU64::new(0),
        }
    }

    /// How often a bundle was evaluated.
    pub(crate) fn evaluations(&self) -> u64 {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// A machine whose memory begins with `image`, before anything has run in it.
    pub(crate) fn machine(
        &self,
        image: &Arc<Image>,
        limits: &Limits,
        api: &mut dyn RoomApi,
    ) -> Result<(Machine, Instance, MemoryView), GuestError> {
        Machine::instantiate(&self.engine, &self.component, image, limits, api)
    }

    /// The image of `code`, made if it is not there.
    pub(crate) fn app(
        &self,
        code: &Code<'_>,
        api: &mut dyn RoomApi,
    ) -> Result<Arc<AppImage>, GuestError> {
        let slot = self.apps.lock().slot(code.key);
        let mut made = self.lock(&slot.made);
        match &*made {
            Some(Ok(app)) => return Ok(app.clone()),
            Some(Err((error, since))) if since.elapsed() < ERROR_KEPT => return Err(error.clone()),
            Some(Err(_)) | None => {}
        }
        let result = self.evaluate(code, api).map(Arc::new);
        let bytes = match &result {
            Ok(app) => app.image.len() as u64,
            // Nothing was wrong with the code: the next room may be luckier.
            Err(GuestError::Host { .. }) => return result,
            Err(_) => ERROR_BYTES,
        };
        *made = Some(result.clone().map_err(|error| (error, Instant::now())));
        drop(made);
        let max = self.engine.images_bytes_max();
        self.apps.lock().keep(code.key, bytes, max);
        result
    }

    /// Waits for whoever is making the image, without keeping the host's tasks from running.
    fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        loop {
            if let Some(guard) = mutex.try_lock_for(WAIT) {
                return guard;
            }
            (self.engine.on_long_turn())();
        }
    }

    fn evaluate(&self, code: &Code<'_>, api: &mut dyn RoomApi) -> Result<AppImage, GuestError> {
        let prepared = self.prepared(code.limits, api)?;
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        let (mut machine, instance, memory) = self.machine(&prepared, code.limits, api)?;
        let cpu_ms_max = code.limits.load_cpu_ms_max;
        let (room, loaded) = machine.run(cpu_ms_max, api, |store| {
            let room = self.exports.load(&mut *store, &instance)?;
            let loaded = room.call_load(store, code.bundle, code.env)?;
            Ok((room, loaded))
        })?;
        loaded.map_err(load_error)?;
        let exports = room.partykit_room_guest();
        let description = machine.run(cpu_ms_max, api, |store| exports.call_describe(store))?;
        Ok(AppImage {
            description: Description {
                contract: description.contract,
                warnings: description.warnings,
            },
            image: captured(&mut machine, &memory)?,
        })
    }

    fn prepared(&self, limits: &Limits, api: &mut dyn RoomApi) -> Result<Arc<Image>, GuestError> {
        let mut prepared = self.lock(&self.prepared);
        if let Some(image) = &*prepared {
            return Ok(image.clone());
        }
        let (mut machine, instance, memory) = self.machine(&self.zero, limits, api)?;
        let done = machine.run(limits.load_cpu_ms_max, api, |store| {
            let room = self.exports.load(&mut *store, &instance)?;
            room.call_prepare(store)
        });
        done.map_err(not_the_codes)?
            .map_err(|failure| GuestError::Host {
                message: failure.detail,
            })?;
        let image = captured(&mut machine, &memory)?;
        *prepared = Some(image.clone());
        Ok(image)
    }
}

impl Apps {
    fn slot(&mut self, key: ImageKey) -> Slot {
        self.uses += 1;
        let slot = self.slots.entry(key).or_default();
        slot.used = self.uses;
        slot.clone()
    }

    /// An image was made. Drops the ones used longest ago until the rest fits, never this one.
    fn keep(&mut self, key: ImageKey, bytes: u64, bytes_max: u64) {
        if let Some(slot) = self.slots.get_mut(&key) {
            self.bytes += bytes - slot.bytes;
            slot.bytes = bytes;
        }
        while self.bytes > bytes_max {
            let others = self.slots.iter().filter(|(other, _)| **other != key);
            let images = others.filter(|(_, slot)| slot.bytes > 0);
            let Some(oldest) = images.min_by_key(|(_, slot)| slot.used) else {
                return;
            };
            let oldest = *oldest.0;
            self.bytes -= self.slots.remove(&oldest).map_or(0, |slot| slot.bytes);
        }
    }
}

fn captured(machine: &mut Machine, memory: &MemoryView) -> Result<Arc<Image>, GuestError> {
    let image = machine.image_of(memory).map_err(|error| GuestError::Host {
        message: format!("no memory for an image: {error}"),
    })?;
    Ok(Arc::new(image))
}

/// The platform is part of the host: what goes wrong there is not for the code to answer for.
fn not_the_codes(error: GuestError) -> GuestError {
    match error {
        GuestError::Host { .. } => error,
        other => GuestError::Host {
            message: format!("the platform could not be evaluated: {other}"),
        },
    }
}

fn load_error(failure: Failure) -> GuestError {
    GuestError::Load {
        message: failure.message,
        detail: failure.detail,
    }
}
