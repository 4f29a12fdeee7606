//! The rows that one writer works on; no two writers share one, so each knows what its rows must hold.

use fastrand::Rng;

use super::table::Existing;

/// A writer's rows, by key.
#[derive(Debug)]
pub(super) struct Keys {
    /// What may be done to rows that were there before.
    may: Existing,
    existing: Vec<i64>,
    /// Rows that this writer inserted.
    own: Vec<i64>,
    /// The key of the next new row, and the distance to the one after it.
    next: i64,
    stride: i64,
}

impl Keys {
    /// Rows that were there, and a first key of its own.
    pub(super) fn new(may: Existing, existing: Vec<i64>, next: i64, stride: i64) -> Self {
        Self {
            may,
            existing,
            own: Vec::new(),
            next,
            stride,
        }
    }

    /// There is no row at all.
    pub(super) fn is_empty(&self) -> bool {
        self.existing.is_empty() && self.own.is_empty()
    }

    /// There is no row whose key this writer may change.
    pub(super) fn nothing_moves(&self) -> bool {
        match self.may {
            Existing::Nothing | Existing::UpdateOnly => self.own.is_empty(),
            Existing::Anything => self.is_empty(),
        }
    }

    /// Any row; there must be one.
    pub(super) fn any(&self, rng: &mut Rng) -> i64 {
        let place = rng.usize(0..self.existing.len() + self.own.len());
        let existing = self.existing.get(place).copied();
        existing.unwrap_or_else(|| self.own[place - self.existing.len()])
    }

    /// One that this writer inserted.
    pub(super) fn any_own(&self, rng: &mut Rng) -> Option<i64> {
        (!self.own.is_empty()).then(|| self.own[rng.usize(0..self.own.len())])
    }

    /// A row whose key this writer may change; there must be one. It is no longer in the lists.
    pub(super) fn take_movable(&mut self, rng: &mut Rng) -> i64 {
        let list = match self.may {
            Existing::Anything if self.own.is_empty() || (rng.bool() && !self.existing.is_empty()) => {
                &mut self.existing
            }
            Existing::Anything | Existing::UpdateOnly | Existing::Nothing => &mut self.own,
        };
        list.swap_remove(rng.usize(0..list.len()))
    }

    /// A key that nobody has.
    pub(super) fn fresh(&mut self) -> i64 {
        let key = self.next;
        self.next += self.stride;
        key
    }

    /// This row was inserted, or got this key.
    pub(super) fn add(&mut self, key: i64) {
        self.own.push(key);
    }
}
