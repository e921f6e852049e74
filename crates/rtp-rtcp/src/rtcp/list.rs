//! A list with a most number of entries, so that what holds one can always be encoded.

use smallvec::SmallVec;
use std::ops::Deref;
use thiserror::Error;

/// The list has as many entries as its packet can count.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the list is full")]
pub struct Full;

/// At most `MAX` entries, of which the first `INLINE` need no allocation. Reads as a slice.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct List<T, const INLINE: usize, const MAX: usize>(SmallVec<[T; INLINE]>);

impl<T, const INLINE: usize, const MAX: usize> List<T, INLINE, MAX> {
    /// No entries.
    pub fn new() -> Self {
        Self(SmallVec::new())
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// [`Full`] when there are `MAX` already.
    pub fn push(&mut self, entry: T) -> Result<(), Full> {
        if self.is_full() {
            return Err(Full);
        }
        self.0.push(entry);
        Ok(())
    }

    /// `true` when there are `MAX` entries.
    pub fn is_full(&self) -> bool {
        self.0.len() >= MAX
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T, const INLINE: usize, const MAX: usize> Default for List<T, INLINE, MAX> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const INLINE: usize, const MAX: usize> Deref for List<T, INLINE, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// Takes the first `MAX` entries.
impl<T, const INLINE: usize, const MAX: usize> FromIterator<T> for List<T, INLINE, MAX> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        Self(entries.into_iter().take(MAX).collect())
    }
}

impl<'a, T, const INLINE: usize, const MAX: usize> IntoIterator for &'a List<T, INLINE, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_takes_no_more_than_its_packet_counts() {
        let mut list: List<u8, 1, 3> = (0..9).collect();
        assert_eq!(&*list, [0, 1, 2]);
        assert_eq!(list.push(3), Err(Full));
        list.clear();
        assert_eq!(list.push(3), Ok(()));
    }
}
