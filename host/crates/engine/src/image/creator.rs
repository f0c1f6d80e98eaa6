//! How an image gets to the memory that it is meant for.
//!
//! wasmtime asks one [`Memories`] for all memories of its engine and does not say for whom. Making
//! an instance is one synchronous call, so the image travels beside it: [`with_image`] lays it
//! down on the thread, the first memory asked for takes it, and when the call is over it must be
//! gone. A memory that nobody laid an image down for is refused: no guest begins with another
//! one's memory, or with none.

#![allow(
    unsafe_code,
    reason = "implements a trait of wasmtime's that is unsafe"
)]

use std::cell::RefCell;
use std::sync::Arc;

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::Image;
use super::memory::{GuestMemory, MemoryView};

/// What lies on the thread while an instance is made.
enum Offer {
    Nothing,
    Image(Arc<Image>),
    Taken(MemoryView),
}

thread_local! {
    static OFFER: RefCell<Offer> = const { RefCell::new(Offer::Nothing) };
}

/// Runs `instantiate`, in which exactly one memory is made, with `image` in that memory. The view
/// is on that memory; without one none was asked for.
pub(crate) fn with_image<R>(
    image: Arc<Image>,
    instantiate: impl FnOnce() -> R,
) -> (R, Option<MemoryView>) {
    /// Takes back what lies there, also when a panic goes through.
    struct Cleared;

    impl Drop for Cleared {
        fn drop(&mut self) {
            OFFER.set(Offer::Nothing);
        }
    }

    let before = OFFER.replace(Offer::Image(image));
    assert!(matches!(before, Offer::Nothing), "instances are not nested");
    let cleared = Cleared;
    let result = instantiate();
    let left = OFFER.replace(Offer::Nothing);
    drop(cleared);
    match left {
        Offer::Taken(view) => (result, Some(view)),
        Offer::Image(_) | Offer::Nothing => (result, None),
    }
}

/// Makes the memories of an engine whose guests all begin with an image.
pub(crate) struct Memories;

// SAFETY: a memory has the size asked for or a larger one that its type allows, is filled by the
// image as its component expects, and has the guard behind it.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        ty: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let image = match OFFER.replace(Offer::Nothing) {
            Offer::Image(image) => image,
            other @ (Offer::Nothing | Offer::Taken(_)) => {
                OFFER.set(other);
                return Err("a memory was asked for that no image was meant for".to_owned());
            }
        };
        if ty.is_64() || ty.is_shared() {
            return Err("an image fits only memories of 32 bits that are not shared".to_owned());
        }
        let capacity = reserved.ok_or("a memory that may move cannot hold an image")?;
        if maximum.is_some_and(|maximum| image.len() > maximum) {
            return Err(format!(
                "an image of {} bytes is larger than the memory may be",
                image.len()
            ));
        }
        let memory = GuestMemory::new(&image, minimum, capacity, guard)
            .map_err(|error| format!("no memory for a guest: {error}"))?;
        OFFER.set(Offer::Taken(memory.view()));
        Ok(Box::new(memory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Result<Box<dyn LinearMemory>, String> {
        let ty = MemoryType::new(1, Some(4));
        Memories.new_memory(ty, 65_536, Some(4 * 65_536), Some(1 << 30), 1 << 20)
    }

    fn image(bytes: usize) -> Arc<Image> {
        Arc::new(Image::new(0, &vec![1; bytes], false).unwrap())
    }

    #[test]
    fn an_image_goes_into_one_memory_and_no_further() {
        let (made, view) = with_image(image(100_000), || [ask(), ask()]);
        let sizes = made.map(|memory| memory.ok().map(|memory| memory.byte_size()));
        assert_eq!(sizes, [Some(2 * 65_536), None]);
        assert_eq!(view.unwrap().len(), 2 * 65_536);
    }

    #[test]
    fn no_memory_is_made_that_nobody_laid_an_image_down_for() {
        assert!(ask().is_err());
        let (_, view) = with_image(image(1), || ());
        assert!(view.is_none());
        assert!(ask().is_err(), "an image was left on the thread");
    }

    #[test]
    fn an_image_larger_than_the_memory_may_be_is_refused() {
        let (made, view) = with_image(image(5 * 65_536), ask);
        assert!(made.is_err_and(|error| error.contains("larger")));
        assert!(view.is_none());
    }

    #[test]
    fn a_panic_takes_the_image_off_the_thread() {
        let panicked = std::panic::catch_unwind(|| with_image(image(1), || panic!("told to")));
        assert!(panicked.is_err());
        assert!(ask().is_err());
    }
}
