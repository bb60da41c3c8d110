//! Scratch
use std::time::Duration;
#[test]
fn all() {
    let pick = std::env::var("M").unwrap_or_default();
    let bound = std::env::var("B").ok().map(|b| b.parse().unwrap());
    let secs = std::env::var("S").ok().map_or(20, |b| b.parse().unwrap());
    for m in scheduler_loom::models::MODELS.iter().filter(|m| m.name.contains(&pick)) {
        let r = scheduler_loom::models::explore(m, bound.or(m.bound), Duration::from_secs(secs));
        println!("{:44} {:?} {:9} {:6.2?} {:?}", m.name, bound.or(m.bound), r.executions, r.time, r.verdict);
    }
}
