//! Models of the scheduler's own sources. Compiled into the crate under `cfg(scheduler_loom)`,
//! so that they reach what is private to it; run by `tests/`.
//!
//! A model is a small program, named after the race that it excludes. Loom runs it once for each
//! order in which its threads can interleave, and each value that a load may return, up to a
//! number of preemptions, the model's *bound*. See `runner.rs` for what counts as a pass.

mod admission;
mod brief;
mod cancel;
mod cell;
mod completion;
mod deque;
pub mod differential;
mod elastic;
mod executor;
mod fork;
mod head;
mod latch;
mod ledger;
mod park;
mod pool;
mod rig;
mod root;
mod runner;
mod slab;
mod sleep;

pub use crate::sync::fault::{faults, seed};
pub use runner::{Report, Verdict, explore};

/// One model.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// The race.
    pub name: &'static str,
    /// How many preemptions are searched; `None`: all.
    pub bound: Option<usize>,
    body: fn(),
}

macro_rules! models {
    ($($module:ident { $($name:ident: $bound:expr,)* })*) => {
        /// All of them.
        pub const MODELS: &[Model] = &[$($(
            Model { name: stringify!($name), bound: $bound, body: $module::$name },
        )*)*];
    };
}

models! {
    deque {
        deque_one_thief: None,
        deque_two_thieves: Some(3),
        deque_grows_under_a_thief: Some(3),
        injector_two_pushers_two_takers: Some(3),
        blocks_two_pushers_one_taker: Some(3),
        blocks_two_pushers_two_takers: Some(3),
        blocks_freed_by_the_last_taker: Some(3),
    }
    head {
        head_pop_against_one_force: Some(3),
        head_pop_against_two_forces: Some(3),
        head_publish_against_force: Some(3),
        head_goes_on_after_a_stolen_last_job: Some(3),
        head_wraps_under_a_force: Some(3),
        head_spills_against_force: Some(3),
        head_skips_an_index_under_a_force: Some(3),
    }
    park {
        park_against_unpark: None,
        two_unparks_in_one_token: None,
    }
    brief {
        brief_lock_against_lock: None,
        brief_lock_against_try: None,
    }
    latch {
        latch_set_against_its_owner_leaving: None,
        latch_set_against_watch: None,
        latch_set_against_unwatch: None,
        latch_set_against_a_deadline: None,
        latch_set_against_subscribe: None,
        latch_set_against_a_second_subscribe: None,
        two_latches_one_parker: Some(3),
    }
    cancel {
        cancel_against_wait: None,
        cancel_against_a_child_that_is_made: None,
        cancel_against_a_child_that_goes: None,
        cancel_against_a_wait_that_ends: None,
        cancelled_from_two_sides: Some(3),
        what_was_written_before_the_cancel: None,
    }
    cell {
        cell_join_against_completion: None,
        cell_handle_dropped_against_completion: None,
        cell_abort_against_start: None,
        cell_abort_against_a_closure_that_looks: None,
        cell_abort_and_drop_against_start: None,
        cell_aborter_against_completion: None,
        cell_handle_dropped_against_an_aborter: Some(3),
        cell_value_taken_beside_an_aborter: None,
        cell_on_outcome_against_completion: None,
        cell_watched_handle_dropped_against_completion: None,
        cell_discarded_against_abort: None,
        hand_of_who_waits_for_a_waiter: None,
        hand_let_go_against_an_abort: None,
        hand_let_go_against_an_aborter: None,
        hand_that_tells_a_waiter: None,
    }
    completion {
        completions_against_next: Some(3),
        completion_against_a_deadline: None,
        completion_against_a_poll: None,
        limit_end_against_enter: None,
        limit_of_two_against_three: None,
    }
    sleep {
        sleep_one_worker_outside: Some(3),
        sleep_one_worker_two_jobs: Some(3),
        sleep_two_workers: Some(3),
        sleep_two_starting_workers: Some(2),
        sleep_beside_a_starting_worker: Some(3),
        sleep_inbox: Some(3),
        wake_near_a_worker_that_is_awake: Some(3),
        sleep_from_inside: Some(3),
        last_searcher_leaves: Some(2),
        last_searcher_leaves_a_sleeper: Some(3),
        stuck_leaf: Some(3),
        stuck_leaf_behind_a_published_one: Some(2),
        stuck_leaf_behind_a_stolen_one: Some(3),
        stuck_behind_a_batch: Some(2),
        stranded_job_against_its_owner: Some(3),
        stuck_leaf_without_a_barrier: Some(3),
        latch_and_claim_at_once: Some(3),
        deadline_against_a_claim: None,
        worker_exits_while_it_is_listed: Some(3),
        claim_against_a_worker_that_did_not_search: None,
        stale_token_against_the_next_sleep: None,
        leaver_wakes_a_sleeper_that_it_counts: None,
        canceller_wakes_a_sleeper_that_it_counts: None,
    }
    root {
        last_root_against_close: Some(3),
        leaving_root_against_two_closers: Some(3),
        leaving_root_after_a_refusal: Some(3),
        leaving_root_after_an_executors_refusal: Some(3),
        cancelled_root_against_close: None,
        report_against_a_root_that_ends: None,
        sites_against_a_root_that_ended: None,
    }
    slab {
        slab_retired_against_its_last_block: None,
        slabs_made_ready_for_more_than_came: None,
        slab_block_recycled_elsewhere: None,
        slab_blocks_returned_together: None,
    }
    admission {
        block_against_take: None,
        two_blocked_against_take: None,
        block_against_close: None,
        push_against_close: None,
        discard_oldest_against_take: None,
        abort_against_take: None,
        block_against_abort: None,
        give_up_against_take: None,
        calm_waiter_against_takes: None,
        tickets_against_push: None,
        abort_against_the_last_that_is_given_back: None,
        take_back_against_take: None,
        take_back_against_a_lease: None,
        a_ticket_against_a_waiting_lease: None,
        a_ticket_against_a_lease: None,
        block_against_a_lease: None,
        push_against_the_pools_close: None,
    }
    executor {
        executor_dropped_against_its_closure: Some(3),
        executor_aborted_closure_against_a_ticket: Some(3),
        executor_taken_back_against_a_ticket: Some(3),
    }
    fork {
        stack_job_against_its_frame_leaving: None,
        fork_job_against_a_watch: None,
        fork_job_against_an_unwatch: None,
        join_against_a_thief: Some(3),
        context_join_against_a_thief: Some(3),
        join_against_a_thief_without_a_barrier: Some(3),
        nested_joins_against_a_thief: Some(2),
        nested_joins_against_a_searcher: Some(3),
        nested_joins_against_two_thieves: Some(2),
        join_panics_against_a_thief: Some(3),
        fork_below_a_spawned_job: Some(2),
        fork_run_inside_its_first_branch: Some(2),
        scope_against_a_thief: Some(2),
        scope_forks_against_a_thief: Some(2),
        scope_part_spawns_against_a_thief: Some(2),
        parts_that_end_elsewhere: Some(3),
        scope_panics_against_a_thief: Some(2),
        scope_body_panics_against_a_thief: Some(3),
        full_head_spills_before_a_stuck_leaf: Some(2),
        full_head_spills_against_a_thief: Some(3),
        broadcast_against_sleep: Some(3),
    }
    elastic {
        elastic_submit_against_keep_alive: Some(3),
        elastic_submit_against_close: Some(3),
        elastic_close_against_idle: Some(3),
        elastic_two_submitters_grow: Some(3),
        elastic_block_against_room: Some(3),
        elastic_block_against_keep_alive: Some(3),
        elastic_room_is_kept: Some(3),
        elastic_block_against_close: Some(3),
        closing_against_a_new_call: Some(3),
    }
    pool {
        pool_life_one_worker: Some(3),
        pool_life_idle_two_workers: Some(3),
        build_given_up: Some(3),
        pool_job_and_child_one_worker: Some(3),
        pool_job_and_child_two_workers: Some(2),
        pool_install_and_join_two_workers: Some(2),
        submit_racing_drain_one_worker: Some(3),
        submit_racing_drain_two_workers: Some(2),
        submit_racing_cancel_one_worker: Some(3),
        submit_racing_abort_one_worker: Some(3),
        submit_racing_a_passed_deadline: Some(2),
        submit_racing_a_late_deadline: Some(3),
        spawn_inside_racing_drain: Some(3),
        abort_racing_cancel: Some(3),
        in_place_scope_racing_drain: Some(3),
        double_shutdown: Some(3),
        shutdown_from_a_worker: Some(3),
        shutdown_of_an_idle_pool: Some(3),
        take_back_racing_a_start: Some(3),
        cancel_behind_a_stuck_worker: Some(3),
        cancel_in_the_batch_of_a_stuck_worker: Some(2),
        cancel_in_the_head_of_a_stuck_worker: Some(3),
        cancel_before_a_stuck_spawner: Some(3),
    }
}

/// The model of that name.
pub fn model(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.name == name)
}
