//! wasmtime, set up once for a process: how guests are compiled, how they are interrupted, where
//! compiled code is kept.
//!
//! Owns wasmtime's `Config` (every choice in one function, with its reason), the ticker thread and
//! the compilation cache. Knows no contract and no room. The host makes one [`Engine`] at start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::{Cache, CacheConfig, Config};

use crate::error::{Cause, EngineError};
use crate::image::Memories;
use crate::ticker::Ticker;

/// Address space of one wasm memory: all that 32 bits can address, so that compiled code needs no
/// bounds checks. It is reserved, not used.
const MEMORY_RESERVATION: u64 = 4 << 30;

/// Stack that wasm may use. The JavaScript engine counts only what its C frames keep in the guest's
/// memory, and ends recursion with a RangeError when that reaches 2.25 MiB. Compiled frames take up
/// to five times as much again (the parser of regular expressions does), and all of that must fit:
/// running out here is a trap, which no code can catch.
const WASM_STACK_BYTES: usize = 16 << 20;

/// Stack that a call into a guest needs: wasm's, and what the imports of the deepest frame use.
pub(crate) const CALL_STACK_BYTES: usize = WASM_STACK_BYTES + (512 << 10);

/// How to set up an [`Engine`].
#[derive(Clone)]
pub struct EngineConfig {
    /// Where compiled code is kept, so that a component is compiled once on a machine. Made when
    /// it does not exist. What lies there is run as it is: only the host's user may write to it.
    /// Without one, each start of the host compiles anew.
    pub cache_dir: Option<PathBuf>,
    /// Called every 5 ms on the thread of a turn that goes on for so long: the host lets its other
    /// tasks run elsewhere. Time spent here is charged to the turn if it is CPU time.
    pub on_long_turn: Arc<dyn Fn() + Send + Sync>,
    /// Images that are kept for the next room, in bytes of memory; beyond it the ones that were
    /// used longest ago are dropped, and made anew when a room of theirs starts.
    pub images_bytes_max: u64,
    /// Gives each guest a copy of its image instead of sharing it, as systems must that cannot
    /// map a file privately.
    pub copies_images: bool,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            cache_dir: None,
            on_long_turn: Arc::new(|| ()),
            images_bytes_max: 256 << 20,
            copies_images: false,
        }
    }
}

/// The wasm engine of a process. Cloning is cheap and gives the same engine.
///
/// Guests run on the thread that calls them, and on its stack when that has
/// [`Engine::STACK_BYTES`].
/// Where it has less, each call maps a stack of its own, which is right but takes longer than a
/// small turn. One thread ticks while guests run; it ends with the last clone, component, factory
/// and guest.
#[derive(Clone)]
pub struct Engine(Arc<Parts>);

struct Parts {
    wasm: wasmtime::Engine,
    ticker: Ticker,
    on_long_turn: Arc<dyn Fn() + Send + Sync>,
    images_bytes_max: u64,
    copies_images: bool,
}

impl Engine {
    /// The stack that threads should be given on which guests are to run fast.
    pub const STACK_BYTES: usize = 20 << 20;

    /// Sets wasmtime up and starts the ticker's thread.
    ///
    /// # Errors
    /// The machine is not supported, the cache directory cannot be used, or there is no thread.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let cache = config.cache_dir.as_deref().map(open_cache).transpose()?;
        let wasm = wasmtime::Engine::new(&wasm_config(cache))
            .map_err(|error| EngineError::Engine(error.into()))?;
        let ticker = Ticker::start({
            let wasm = wasm.clone();
            move || wasm.increment_epoch()
        })
        .map_err(EngineError::Ticker)?;
        Ok(Self(Arc::new(Parts {
            wasm,
            ticker,
            on_long_turn: config.on_long_turn,
            images_bytes_max: config.images_bytes_max,
            copies_images: config.copies_images,
        })))
    }

    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        &self.0.wasm
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.0.ticker
    }

    pub(crate) fn on_long_turn(&self) -> &Arc<dyn Fn() + Send + Sync> {
        &self.0.on_long_turn
    }

    pub(crate) fn images_bytes_max(&self) -> u64 {
        self.0.images_bytes_max
    }

    pub(crate) fn copies_images(&self) -> bool {
        self.0.copies_images
    }
}

fn wasm_config(cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    config
        .cache(cache)
        // Bounds checks are done by the MMU: an access beyond the memory hits unmapped pages.
        .signals_based_traps(true)
        .memory_reservation(MEMORY_RESERVATION)
        // The memory's address must not change: images are mapped at it.
        .memory_may_move(false)
        // Every memory begins with an image of ours, never with one of wasmtime's making.
        .with_host_memory(Arc::new(Memories))
        .memory_init_cow(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        // No guest runs on a fiber, but wasmtime wants the other limit to fit into this one.
        .async_stack_size(CALL_STACK_BYTES)
        // A guest is never suspended in the middle of a call: no fibers, no tasks, no host heaps.
        .concurrency_support(false)
        .gc_support(false)
        // How the CPU limit interrupts a guest. Fuel would be exact and cost twice as much.
        .epoch_interruption(true)
        // A turn that is replayed must see the same bits, also on another kind of CPU.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

fn open_cache(dir: &Path) -> Result<Cache, EngineError> {
    let failed = |source: Cause| EngineError::Cache {
        dir: dir.to_owned(),
        source,
    };
    std::fs::create_dir_all(dir).map_err(|error| failed(error.into()))?;
    // wasmtime insists on an absolute path without links.
    let absolute = dir.canonicalize().map_err(|error| failed(error.into()))?;
    let mut config = CacheConfig::new();
    config.with_directory(absolute);
    Cache::new(config).map_err(|error| failed(error.into()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use wasmtime::component::Component;

    use super::*;

    /// The smallest component there is.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    /// Compiles with a cache in `dir` and says whether the code came out of it.
    fn compiled_from_cache(dir: &Path) -> bool {
        let cache = open_cache(dir).unwrap();
        let engine = wasmtime::Engine::new(&wasm_config(Some(cache.clone()))).unwrap();
        Component::from_binary(&engine, EMPTY).unwrap();
        assert_eq!(cache.cache_hits() + cache.cache_misses(), 1);
        cache.cache_hits() == 1
    }

    fn files(dir: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(self::files(&path));
            } else {
                files.push(path);
            }
        }
        files
    }

    #[test]
    fn code_is_compiled_once_and_then_taken_from_a_directory_that_is_made() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("not/there/yet");
        assert!(!compiled_from_cache(&dir));
        assert!(compiled_from_cache(&dir));
    }

    #[test]
    fn a_damaged_cache_is_compiled_over() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!compiled_from_cache(dir.path()));
        let written = files(dir.path());
        assert!(!written.is_empty());
        for file in written {
            fs::write(file, b"damaged").unwrap();
        }
        assert!(!compiled_from_cache(dir.path()));
        assert!(compiled_from_cache(dir.path()));
    }

    #[test]
    fn a_cache_that_cannot_be_opened_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = Engine::new(EngineConfig {
            cache_dir: Some(file.clone()),
            ..EngineConfig::default()
        })
        .err()
        .unwrap();
        assert!(
            error.to_string().contains(&*file.to_string_lossy()),
            "{error}"
        );
    }
}
