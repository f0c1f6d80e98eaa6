//! What a room needs to be driven without a machine: a clock that is set by hand, randomness from
//! a seed, a store in memory, and a guest that does what its messages say. For this crate's tests
//! and for the simulation.

mod bug;
mod factory;
mod guest;
mod machine;
mod pump;
mod room;
mod store;
mod storing;

pub use bug::{Bug, Planted};
pub use factory::FakeFactory;
pub use guest::FakeGuest;
pub use machine::{ManualClock, SeededEntropy};
pub use room::TestRoom;
pub use store::MapStore;
