//! No history goes round in a circle.
//!
//! The checker notices that something never comes to pass at the end of a history only; in a circle it would not. So that there is none
//! is shown apart, by taking away states that nothing leads to until none is left.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Model;

use super::Protocol;
use super::bounds::{Bounds, Fault};
use super::guards::Guards;
use super::state::State;

#[test]
fn every_history_comes_to_an_end() {
    let kinds = &[
        Fault::WorkerCrash,
        Fault::LeaseLapse,
        Fault::ConnectionLoss,
        Fault::Silence,
        Fault::GiveBack,
        Fault::Duplicate,
        Fault::Loss,
        Fault::Unconfirmed,
        Fault::PlannerCrash,
        Fault::PlannerLapse,
    ];
    let bounds = Bounds::of(1, kinds);
    for bounds in [
        bounds,
        bounds.with_a_second_planner(),
        Bounds::of(1, &[Fault::TableRewrite]),
    ] {
        let followers = graph(&Protocol::new(bounds, Guards::ALL));
        let left = without_beginnings(&followers);
        println!("{} states", followers.len());
        assert_eq!(left, 0, "states in circles, or behind them, within {bounds:?}");
    }
}

/// The states that follow each state, by their hashes.
fn graph(protocol: &Protocol) -> HashMap<u64, Vec<u64>> {
    let mut followers = HashMap::new();
    let mut found = protocol.init_states();
    while let Some(state) = found.pop() {
        let key = hash(&state);
        if followers.contains_key(&key) {
            continue;
        }
        let next = protocol.next_states(&state);
        followers.insert(key, next.iter().map(hash).collect());
        found.extend(next);
    }
    followers
}

/// How many states are left when those that nothing leads to are taken away, again and again.
fn without_beginnings(followers: &HashMap<u64, Vec<u64>>) -> usize {
    let mut leading: HashMap<u64, usize> = followers.keys().map(|key| (*key, 0)).collect();
    for next in followers.values().flatten() {
        *leading.entry(*next).or_default() += 1;
    }
    let mut free: Vec<u64> = leading
        .iter()
        .filter(|(_, n)| **n == 0)
        .map(|(key, _)| *key)
        .collect();
    let mut taken = 0;
    while let Some(key) = free.pop() {
        taken += 1;
        for next in followers.get(&key).into_iter().flatten() {
            let n = leading.entry(*next).or_default();
            *n -= 1;
            if *n == 0 {
                free.push(*next);
            }
        }
    }
    followers.len() - taken
}

fn hash(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}
