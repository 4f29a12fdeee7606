//! A map that can go back to how it was.
//!
//! A script of ten thousand migrations begins and ends as many transactions, and a copy of all that is known at each would take time that grows
//! with its square. So each change notes what it overwrote, and a rollback undoes them, last first.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::ops::RangeFrom;

/// A map with the changes since the last [`Journal::settle`].
#[derive(Clone, Debug)]
pub(super) struct Journal<K, V> {
    now: BTreeMap<K, V>,
    undo: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Journal<K, V> {
    fn default() -> Self {
        Self {
            now: BTreeMap::new(),
            undo: Vec::new(),
        }
    }
}

impl<K: Ord + Clone, V: Clone> Journal<K, V> {
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.now.get(key)
    }

    /// All from a key on.
    pub(super) fn from(&self, key: RangeFrom<K>) -> Range<'_, K, V> {
        self.now.range(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.now.iter()
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let old = self.now.insert(key.clone(), value);
        self.undo.push((key, old));
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let old = self.now.remove(key)?;
        self.undo.push((key.clone(), Some(old.clone())));
        Some(old)
    }

    /// Where it can be gone back to.
    pub(super) fn mark(&self) -> usize {
        self.undo.len()
    }

    /// As it was at the mark.
    pub(super) fn back_to(&mut self, mark: usize) {
        while self.undo.len() > mark {
            match self.undo.pop() {
                Some((key, Some(old))) => self.now.insert(key, old),
                Some((key, None)) => self.now.remove(&key),
                None => None,
            };
        }
    }

    /// What was done stays.
    pub(super) fn settle(&mut self) {
        self.undo.clear();
    }
}
