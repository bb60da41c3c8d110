//! Each model, searched completely up to its bound. `cargo test -p loom-tests --test models`
//!
//! `MODEL_BOUND=3` searches with that many preemptions instead of the model's own;
//! `MODEL_SECONDS=3600` is the limit for one model (600 otherwise). A search that its limit cuts
//! short fails.

use scheduler_loom::models::{MODELS, Model, Report, Verdict, explore, model};
use std::collections::BTreeSet;
use std::env;
use std::time::Duration;

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is not a number")))
}

fn search(name: &str) {
    let model = model(name).unwrap_or_else(|| panic!("no model is called {name}"));
    let bound = number("MODEL_BOUND").map_or(model.bound, |bound| Some(bound as usize));
    search_to(model, bound, 600).unwrap_or_else(|why| panic!("{why}"));
}

/// Searches up to `bound`, for so many seconds unless `MODEL_SECONDS` says otherwise.
fn search_to(model: &Model, bound: Option<usize>, seconds: u64) -> Result<(), String> {
    let limit = Duration::from_secs(number("MODEL_SECONDS").unwrap_or(seconds));
    let Report { verdict, executions, time } = explore(model, bound, limit);
    let preemptions = bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string());
    let name = model.name;
    println!("{name}: {preemptions} preemptions, {executions} executions, {time:.2?}");
    match verdict {
        Verdict::Complete => Ok(()),
        Verdict::Cut => Err(format!("{name} was cut at {executions} executions: nothing is shown")),
        Verdict::Failed(why) => Err(format!("{name} failed in execution {executions}: {why}")),
    }
}

/// What is too long for every day: the models whose own bound is 2, with 3. The last result is in
/// `docs/testing.md`.
#[test]
#[ignore = "hours: cargo test -p loom-tests --test models -- --ignored --exact one_preemption_more --nocapture"]
fn one_preemption_more() {
    let below = MODELS.iter().filter(|model| model.bound == Some(2));
    let failed: Vec<_> = below.filter_map(|model| search_to(model, Some(3), 7200).err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

macro_rules! models {
    ($($(#[$attribute:meta])* $name:ident,)*) => {
        $(
            #[test]
            $(#[$attribute])*
            fn $name() {
                search(stringify!($name));
            }
        )*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

models! {
    deque_one_thief,
    deque_two_thieves,
    deque_grows_under_a_thief,
    injector_two_pushers_two_takers,
    blocks_two_pushers_one_taker,
    blocks_two_pushers_two_takers,
    blocks_freed_by_the_last_taker,

    head_pop_against_one_force,
    head_pop_against_two_forces,
    head_publish_against_force,
    head_goes_on_after_a_stolen_last_job,
    head_wraps_under_a_force,
    head_spills_against_force,
    head_skips_an_index_under_a_force,

    park_against_unpark,
    two_unparks_in_one_token,

    cancel_against_wait,
    cancel_against_a_child_that_is_made,
    cancel_against_a_child_that_goes,
    cancel_against_a_wait_that_ends,
    cancelled_from_two_sides,
    what_was_written_before_the_cancel,

    brief_lock_against_lock,
    brief_lock_against_try,

    latch_set_against_its_owner_leaving,
    latch_set_against_watch,
    latch_set_against_unwatch,
    latch_set_against_a_deadline,
    latch_set_against_subscribe,
    latch_set_against_a_second_subscribe,
    two_latches_one_parker,

    cell_join_against_completion,
    cell_handle_dropped_against_completion,
    cell_abort_against_start,
    cell_abort_against_a_closure_that_looks,
    cell_abort_and_drop_against_start,
    cell_aborter_against_completion,
    cell_handle_dropped_against_an_aborter,
    cell_value_taken_beside_an_aborter,
    cell_on_outcome_against_completion,
    cell_watched_handle_dropped_against_completion,
    cell_discarded_against_abort,
    hand_of_who_waits_for_a_waiter,
    hand_let_go_against_an_abort,
    hand_let_go_against_an_aborter,
    hand_that_tells_a_waiter,

    completions_against_next,
    completion_against_a_deadline,
    completion_against_a_poll,
    limit_end_against_enter,
    limit_of_two_against_three,

    sleep_one_worker_outside,
    sleep_one_worker_two_jobs,
    sleep_two_workers,
    sleep_two_starting_workers,
    sleep_beside_a_starting_worker,
    sleep_inbox,
    wake_near_a_worker_that_is_awake,
    sleep_from_inside,
    last_searcher_leaves,
    last_searcher_leaves_a_sleeper,
    stuck_leaf,
    stuck_leaf_behind_a_published_one,
    stuck_leaf_behind_a_stolen_one,
    stuck_behind_a_batch,
    stranded_job_against_its_owner,
    stuck_leaf_without_a_barrier,
    latch_and_claim_at_once,
    deadline_against_a_claim,
    worker_exits_while_it_is_listed,
    claim_against_a_worker_that_did_not_search,
    stale_token_against_the_next_sleep,
    leaver_wakes_a_sleeper_that_it_counts,
    canceller_wakes_a_sleeper_that_it_counts,

    last_root_against_close,
    leaving_root_against_two_closers,
    leaving_root_after_a_refusal,
    leaving_root_after_an_executors_refusal,
    cancelled_root_against_close,
    report_against_a_root_that_ends,
    sites_against_a_root_that_ended,

    slab_retired_against_its_last_block,
    slabs_made_ready_for_more_than_came,
    slab_block_recycled_elsewhere,
    slab_blocks_returned_together,

    block_against_take,
    two_blocked_against_take,
    block_against_close,
    push_against_close,
    discard_oldest_against_take,
    abort_against_take,
    block_against_abort,
    give_up_against_take,
    calm_waiter_against_takes,
    tickets_against_push,
    abort_against_the_last_that_is_given_back,
    take_back_against_take,
    take_back_against_a_lease,
    a_ticket_against_a_waiting_lease,
    a_ticket_against_a_lease,
    block_against_a_lease,
    push_against_the_pools_close,

    executor_dropped_against_its_closure,
    executor_aborted_closure_against_a_ticket,
    executor_taken_back_against_a_ticket,

    stack_job_against_its_frame_leaving,
    fork_job_against_a_watch,
    fork_job_against_an_unwatch,
    join_against_a_thief,
    context_join_against_a_thief,
    join_against_a_thief_without_a_barrier,
    nested_joins_against_a_thief,
    nested_joins_against_a_searcher,
    nested_joins_against_two_thieves,
    join_panics_against_a_thief,
    fork_below_a_spawned_job,
    fork_run_inside_its_first_branch,
    scope_against_a_thief,
    scope_forks_against_a_thief,
    scope_part_spawns_against_a_thief,
    parts_that_end_elsewhere,
    scope_panics_against_a_thief,
    scope_body_panics_against_a_thief,
    full_head_spills_before_a_stuck_leaf,
    full_head_spills_against_a_thief,
    broadcast_against_sleep,

    elastic_submit_against_keep_alive,
    elastic_submit_against_close,
    elastic_close_against_idle,
    elastic_two_submitters_grow,
    elastic_block_against_room,
    elastic_block_against_keep_alive,
    elastic_room_is_kept,
    elastic_block_against_close,
    closing_against_a_new_call,

    pool_life_one_worker,
    build_given_up,
    pool_life_idle_two_workers,
    pool_job_and_child_one_worker,
    pool_job_and_child_two_workers,
    pool_install_and_join_two_workers,
    submit_racing_drain_one_worker,
    submit_racing_drain_two_workers,
    submit_racing_cancel_one_worker,
    submit_racing_abort_one_worker,
    submit_racing_a_passed_deadline,
    submit_racing_a_late_deadline,
    spawn_inside_racing_drain,
    abort_racing_cancel,
    in_place_scope_racing_drain,
    double_shutdown,
    shutdown_from_a_worker,
    shutdown_of_an_idle_pool,
    take_back_racing_a_start,
    cancel_behind_a_stuck_worker,
    cancel_in_the_batch_of_a_stuck_worker,
    cancel_in_the_head_of_a_stuck_worker,
    cancel_before_a_stuck_spawner,
}

#[test]
fn every_model_has_a_test() {
    let tested: BTreeSet<&str> = TESTED.iter().copied().collect();
    let all: BTreeSet<&str> = MODELS.iter().map(|model| model.name).collect();
    assert_eq!(tested, all);
}
