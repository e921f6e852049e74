//! Bytes of a message that arrive piece by piece.

use bytes::Bytes;
use std::collections::VecDeque;

/// Room made for one piece, at most: what is made in vain stays small.
const MOST_PIECE: usize = 256 << 10;

/// Pieces in order. What is in one stays where it is: a piece that is full is followed by another, twice as long, so that a
/// message is copied once as it arrives and at most once more, when it is whole and is in several.
#[derive(Debug, Default)]
pub struct Rope {
    first: Vec<u8>,
    rest: VecDeque<Vec<u8>>,
    len: usize,
}

impl Rope {
    /// Begins with `bytes`, with room for `capacity` in all.
    pub fn new(bytes: &[u8], capacity: usize) -> Self {
        let mut first = Vec::with_capacity(capacity.max(bytes.len()));
        first.extend_from_slice(bytes);
        Self { first, rest: VecDeque::new(), len: bytes.len() }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn pieces(&self) -> usize {
        1 + self.rest.len()
    }

    /// Adds `bytes` at the end.
    pub fn append(&mut self, bytes: &[u8]) {
        let last = self.rest.back_mut().unwrap_or(&mut self.first);
        if last.capacity() - last.len() >= bytes.len() {
            last.extend_from_slice(bytes);
        } else {
            let mut piece = Vec::with_capacity((2 * last.capacity()).min(MOST_PIECE).max(bytes.len()));
            piece.extend_from_slice(bytes);
            self.rest.push_back(piece);
        }
        self.len += bytes.len();
    }

    /// Adds `next` at the end. Pieces of the shorter list move, which keeps the work small when they arrive back to front.
    pub fn join(&mut self, mut next: Self) {
        self.len += next.len;
        if self.rest.len() <= next.rest.len() {
            next.rest.push_front(std::mem::take(&mut next.first));
            while let Some(piece) = self.rest.pop_back() {
                next.rest.push_front(piece);
            }
            self.rest = next.rest;
        } else {
            self.rest.push_back(next.first);
            self.rest.append(&mut next.rest);
        }
    }

    /// All of it, in one piece.
    pub fn into_bytes(self) -> Bytes {
        let Self { mut first, rest, len } = self;
        if !rest.is_empty() && first.capacity() < len {
            let mut whole = Vec::with_capacity(len);
            whole.append(&mut first);
            first = whole;
        }
        for piece in rest {
            first.extend_from_slice(&piece);
        }
        // What waits to be read should not hold more memory than it is charged for.
        if first.capacity() - first.len() > first.len() / 8 {
            first.shrink_to_fit();
        }
        Bytes::from(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(rope: &Rope) -> Vec<*const u8> {
        std::iter::once(&rope.first).chain(&rope.rest).map(|piece| piece.as_ptr()).collect()
    }

    /// Guards the copying: however a message arrives, no byte moves before it is whole, and there are few pieces.
    #[test]
    fn what_has_arrived_stays_where_it_is() {
        let fragment = [7; 1_160];
        let mut rope = Rope::new(&fragment, 0);
        for _ in 1..1_000 {
            let before = addresses(&rope);
            rope.append(&fragment);
            assert_eq!(addresses(&rope)[..before.len()], before);
        }
        assert!(rope.pieces() <= 14, "{}", rope.pieces());
        assert_eq!(rope.into_bytes().len(), 1_160_000);
    }

    /// A message of the expected length is copied only as it arrives.
    #[test]
    fn what_was_expected_is_not_copied_again() {
        let mut rope = Rope::new(&[1; 1_000], 100_000);
        for _ in 1..100 {
            rope.append(&[2; 1_000]);
        }
        let at = rope.first.as_ptr();
        assert_eq!(rope.pieces(), 1);
        assert_eq!(rope.into_bytes().as_ptr(), at);
    }

    #[test]
    fn ropes_join_in_order_whichever_is_longer() {
        let rope = |bytes: &[u8]| {
            let mut rope = Rope::new(&bytes[..1], 0);
            for &byte in &bytes[1..] {
                rope.join(Rope::new(&[byte], 0));
            }
            rope
        };
        for (left, right) in [(&b"ab"[..], &b"cdefgh"[..]), (b"abcdef", b"gh"), (b"a", b"b")] {
            let mut joined = rope(left);
            joined.join(rope(right));
            assert_eq!((joined.pieces(), joined.len()), (left.len() + right.len(), left.len() + right.len()));
            assert_eq!(joined.into_bytes(), [left, right].concat());
        }
    }
}
