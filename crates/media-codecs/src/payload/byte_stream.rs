//! Units behind start codes, as H.265 has them in files and encoders make them.
//!
//! Source: ITU-T H.265 annex B

use std::ops::Range;

use bytes::Bytes;

/// The units of a frame, without start codes and the zeros around them. Nothing is copied.
pub(super) fn split(frame: &Bytes) -> impl Iterator<Item = Bytes> {
    spans(frame).map(|span| frame.slice(span))
}

fn spans(frame: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut next = start_code(frame, 0);
    std::iter::from_fn(move || {
        loop {
            let start = next? + 3;
            next = start_code(frame, start);
            let unit = frame.get(start..next.unwrap_or(frame.len()))?;
            let len = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if len > 0 {
                return Some(start..start + len);
            }
        }
    })
}

/// Where the next three bytes of a start code are.
fn start_code(frame: &[u8], from: usize) -> Option<usize> {
    let at = frame.get(from..)?.windows(3).position(|bytes| bytes == [0, 0, 1])?;
    Some(from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_of_three_and_four_bytes_part_units() {
        let units = |frame: &'static [u8]| split(&Bytes::from_static(frame)).collect::<Vec<_>>();
        let frame = &[0, 0, 0, 1, 0x40, 1, 2, 0, 0, 1, 0x42, 3, 0, 0, 0, 1, 0x44, 0, 0, 3, 4, 0, 0];
        assert_eq!(units(frame), [&[0x40, 1, 2][..], &[0x42, 3], &[0x44, 0, 0, 3, 4]]);
        for frame in [&[][..], &[1], &[0, 0], &[0, 0, 1], &[0, 0, 0, 1, 0, 0], &[0x40, 1, 2, 3]] {
            assert_eq!(units(frame), Vec::<Bytes>::new(), "{frame:?}");
        }
    }
}
