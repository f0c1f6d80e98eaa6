//! A loss of power at any moment: what was acknowledged is there, and no batch is there in part.
//!
//! A store works under load while `recorder` and `trace` keep every write and every sync. Then
//! disks are made as a loss of power could have left them (`disk`): everything that a completed
//! sync covers is there, and of everything else any part. The store must open on each, hold what
//! it had acknowledged, and go on (`load`).
//!
//! A run prints its seed; PARTYKIT_POWER_SEED repeats its load and its choices, as far as the
//! engine's own threads allow.

mod disk;
mod load;
mod restore;
mod run;
