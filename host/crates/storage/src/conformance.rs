//! What every backend must do, as one suite: each case opens an empty store and is told nothing
//! about what it is. Cases panic when the backend is wrong.
//!
//! Used by the tests of each backend: `conformance::CASES` and, for those that keep their data,
//! `conformance::REOPEN_CASES`.

mod alarms;
mod clearing;
mod commits;
mod model;
mod ranges;
mod reopening;
mod sample;
mod values;
mod whole;

use std::sync::Arc;

use partykit_core::Store;

pub use sample::{
    Random, alarm, alarm_of, batch, delete, delete_all, entries, get, no_alarm, pending, put, room,
};

/// Opens the store under test: the same one each time it is called, once the last was closed.
pub type Opener<'a> = &'a dyn Fn() -> Arc<dyn Store>;

/// A sentence, and the check of it.
pub type Case = (&'static str, fn(Opener<'_>));

/// For all backends.
pub const CASES: &[Case] = &[
    (
        "what_was_put_is_read_and_what_was_deleted_is_not",
        values::put_get_delete,
    ),
    ("a_later_write_of_a_batch_wins", values::later_write_wins),
    ("values_of_all_sizes_come_back_as_they_were", values::sizes),
    (
        "a_large_value_can_be_replaced_by_any_other",
        values::replacing_large,
    ),
    ("keys_may_be_any_text", values::odd_keys),
    ("rooms_do_not_see_each_other", values::rooms_are_apart),
    ("ranges_agree_with_a_sorted_map", ranges::agree_with_a_map),
    (
        "a_range_goes_on_while_others_write",
        ranges::iterator_outlives_its_reader,
    ),
    (
        "the_sequence_grows_with_every_commit",
        commits::sequence_grows,
    ),
    (
        "batches_of_one_commit_are_applied_in_order",
        commits::order_within_a_group,
    ),
    (
        "a_refused_batch_takes_later_ones_of_its_room_with_it",
        commits::too_large,
    ),
    ("a_closed_store_commits_nothing", commits::closed),
    ("a_reader_never_sees_half_a_value", values::never_half),
    ("random_commits_agree_with_a_model", model::random_commits),
    (
        "a_deleted_room_is_gone_and_its_neighbours_are_not",
        whole::delete_room,
    ),
    ("counting_and_checking_see_what_is_there", whole::counts),
    (
        "rooms_are_listed_once_each_those_with_only_an_alarm_too",
        whole::rooms_are_listed,
    ),
    (
        "deleting_everything_takes_what_is_before_it",
        clearing::in_its_place,
    ),
    (
        "deleting_everything_has_its_place_in_a_group",
        clearing::within_a_group,
    ),
    (
        "an_alarm_is_set_replaced_and_forgotten",
        alarms::set_and_forgotten,
    ),
    (
        "the_last_alarm_of_a_group_is_the_one_that_is_found",
        alarms::order_within_a_group,
    ),
    (
        "a_refused_batch_changes_no_alarm",
        alarms::of_refused_batches,
    ),
    (
        "alarms_are_listed_in_the_order_of_their_times",
        alarms::listed_in_order,
    ),
    (
        "a_deleted_room_has_no_alarm_and_an_emptied_one_keeps_it",
        alarms::of_deleted_rooms,
    ),
];

/// For backends that keep their data.
pub const REOPEN_CASES: &[Case] = &[
    (
        "everything_is_there_after_reopening",
        reopening::keeps_everything,
    ),
    (
        "the_sequence_goes_on_after_reopening",
        reopening::sequence_goes_on,
    ),
    (
        "random_commits_agree_with_a_model_over_reopenings",
        model::random_commits_with_reopenings,
    ),
    (
        "a_deleted_room_is_gone_after_reopening",
        whole::deleted_stays_deleted,
    ),
    ("alarms_are_there_after_reopening", alarms::reopened),
];
