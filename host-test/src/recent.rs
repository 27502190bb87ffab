//! A map of bounded size: the keys that were used last stay, and the oldest go first.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// What is remembered of the keys that were used last.
pub struct Recent<K, V> {
    /// Those that were used since `older` was filled.
    newer: HashMap<K, V>,
    older: HashMap<K, V>,
    /// How many keys fill `newer`.
    half: usize,
}

impl<K: Eq + Hash, V: Default> Recent<K, V> {
    /// Remembers at most so many keys, and at least half as many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { newer: HashMap::new(), older: HashMap::new(), half: (most / 2).max(1) }
    }

    /// The value of a key. One that is not remembered has the default.
    pub fn of(&mut self, key: K) -> &mut V {
        let value = self.older.remove(&key);
        if self.newer.len() >= self.half && !self.newer.contains_key(&key) {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.entry(key).or_insert_with(|| value.unwrap_or_default())
    }

    /// The value of a key that is remembered. It is not a use.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.newer.get_mut(key).or_else(|| self.older.get_mut(key))
    }

    /// All that is remembered.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.newer.iter_mut().chain(&mut self.older)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_go_first() {
        let mut recent = Recent::new(100);
        for key in 0..10_000 {
            *recent.of(key) = key;
            // One that is used all the time is never forgotten.
            *recent.of(-1) -= 1;
            assert!(recent.iter_mut().count() <= 100);
            let last = (key - 40).max(0);
            assert!((last..=key).all(|key| recent.get_mut(&key) == Some(&mut key.clone())));
        }
        assert_eq!(*recent.of(-1), -10_000);
        assert_eq!(*recent.of(1), 0);
    }
}
