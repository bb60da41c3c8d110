//! A list from which anything can be removed at once, by the key that it got.

/// How much room an empty list keeps, for those that come and go one by one.
const KEPT: usize = 8;

/// See the module.
#[derive(Debug)]
pub(super) struct Slots<T> {
    entries: Vec<Option<T>>,
    /// The keys of the empty ones.
    free: Vec<usize>,
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    pub(super) fn insert(&mut self, value: T) -> usize {
        if let Some(key) = self.free.pop() {
            self.entries[key] = Some(value);
            return key;
        }
        self.entries.push(Some(value));
        self.entries.len() - 1
    }

    /// `None`: it has been taken.
    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        self.entries.get_mut(key)?.as_mut()
    }

    /// `None`: it has been taken.
    pub(super) fn remove(&mut self, key: usize) -> Option<T> {
        let value = self.entries.get_mut(key)?.take()?;
        self.free.push(key);
        if self.free.len() == self.entries.len() {
            self.free.clear();
            self.entries.clear();
            self.free.shrink_to(KEPT);
            self.entries.shrink_to(KEPT);
        }
        Some(value)
    }

    /// Everything. No key is good for anything afterwards.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::replace(self, Self::new()).entries.into_iter().flatten()
    }

    #[cfg(any(test, scheduler_loom))]
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Slots};

    #[test]
    fn keys_are_given_out_again() {
        let mut slots = Slots::new();
        let (a, b) = (slots.insert('a'), slots.insert('b'));
        assert_eq!((slots.remove(a), slots.remove(a)), (Some('a'), None));
        assert_eq!(slots.insert('c'), a);
        assert_eq!(slots.get_mut(b), Some(&mut 'b'));
        assert_eq!(slots.len(), 2);
        assert!(slots.take_all().eq(['c', 'b']));
        assert_eq!((slots.remove(b), slots.get_mut(a)), (None, None));
        assert_eq!(slots.len(), 0);
    }

    #[test]
    fn an_empty_list_keeps_little() {
        let mut slots = Slots::new();
        let keys: Vec<_> = (0..1000).map(|n| slots.insert(n)).collect();
        keys.into_iter().for_each(|key| assert_eq!(slots.remove(key), Some(key)));
        assert!(slots.entries.capacity().max(slots.free.capacity()) <= KEPT);
    }
}
