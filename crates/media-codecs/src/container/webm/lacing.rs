//! Several frames in one block.
//!
//! Source: [RFC 9559 §10.3](https://www.rfc-editor.org/rfc/rfc9559#section-10.3)

use super::ebml::{take_difference, take_number};

/// Takes a block's frames apart, by the two bits of its flags that say how; `None` if lengths do not fit.
pub(super) fn split(kind: u8, mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    if kind == 0 {
        return Some(vec![bytes]);
    }
    let (&count, rest) = bytes.split_first()?;
    bytes = rest;
    let count = usize::from(count) + 1;
    let lens = match kind {
        1 => xiph_lens(&mut bytes, count)?,
        2 => {
            let len = bytes.len() / count;
            if !bytes.len().is_multiple_of(count) {
                return None;
            }
            vec![len; count - 1]
        }
        _ => ebml_lens(&mut bytes, count)?,
    };
    let mut frames = Vec::with_capacity(count);
    for len in lens {
        let (frame, rest) = bytes.split_at_checked(len)?;
        frames.push(frame);
        bytes = rest;
    }
    // The last one has what is left.
    frames.push(bytes);
    Some(frames)
}

/// Each length is a sum of bytes of 255 and one below.
fn xiph_lens(bytes: &mut &[u8], count: usize) -> Option<Vec<usize>> {
    let mut lens = Vec::with_capacity(count);
    for _ in 1..count {
        let mut len = 0;
        loop {
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            len += usize::from(byte);
            if byte < 255 {
                break;
            }
        }
        lens.push(len);
    }
    Some(lens)
}

/// The first length, then differences.
fn ebml_lens(bytes: &mut &[u8], count: usize) -> Option<Vec<usize>> {
    if count == 1 {
        return Some(Vec::new());
    }
    let mut len = i64::try_from(take_number(bytes)?).ok()?;
    let mut lens = vec![usize::try_from(len).ok()?];
    for _ in 2..count {
        len = len.checked_add(take_difference(bytes)?)?;
        lens.push(usize::try_from(len).ok()?);
    }
    Some(lens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(kind: u8, bytes: &[u8]) -> Option<Vec<usize>> {
        split(kind, bytes).map(|frames| frames.iter().map(|frame| frame.len()).collect())
    }

    /// The examples of RFC 9559: frames of 800, 500 and 1,000 bytes.
    #[test]
    fn the_examples_of_the_standard_come_apart() {
        let body = |head: &[u8], len| [head, &vec![7; len]].concat();
        let xiph = body(&[2, 0xff, 0xff, 0xff, 0x23, 0xff, 0xf5], 2_300);
        assert_eq!(lens(1, &xiph), Some(vec![800, 500, 1_000]));
        let ebml = body(&[2, 0x43, 0x20, 0x5e, 0xd3], 2_300);
        assert_eq!(lens(3, &ebml), Some(vec![800, 500, 1_000]));
        assert_eq!(lens(2, &body(&[2], 2_400)), Some(vec![800; 3]));
        assert_eq!(lens(0, &body(&[], 5)), Some(vec![5]));
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        assert_eq!(lens(2, &[2, 0, 0]), None);
        assert_eq!(lens(1, &[1, 5, 0]), None);
        assert_eq!(lens(1, &[1, 255]), None);
        // A difference below zero.
        assert_eq!(lens(3, &[2, 0x81, 0x80, 0, 0, 0]), None);
        assert_eq!(lens(3, &[]), None);
        // One frame alone needs no length.
        assert_eq!(lens(3, &[0, 1, 2]), Some(vec![2]));
    }
}
