//! Which way up the pictures of a stream are, by what their packets say.

use ortica_codecs::Rotation;
use ortica_rtp::RtpTimestamp;
use ortica_rtp::header_extension::{Values, VideoOrientation};
use std::collections::VecDeque;

/// Pictures whose orientation is known before they are whole.
const PICTURES: usize = 64;

/// What the packets of a stream said of its pictures, of which the last one says it (3GPP TS 26.114 §7.4.5).
#[derive(Debug, Default)]
pub(super) struct Orientations {
    said: VecDeque<(RtpTimestamp, Rotation)>,
    /// Of the picture before, which holds where nothing is said.
    last: Rotation,
}

impl Orientations {
    /// A packet of the picture at `timestamp` came.
    pub fn note(&mut self, timestamp: RtpTimestamp, values: &Values) {
        let Some(orientation) = values.video_orientation else { return };
        let rotation = Rotation::from_quarters(orientation.quarter_turns());
        match self.said.iter_mut().find(|(known, _)| *known == timestamp) {
            Some((_, known)) => *known = rotation,
            None => {
                if self.said.len() >= PICTURES {
                    self.said.pop_front();
                }
                self.said.push_back((timestamp, rotation));
            }
        }
    }

    /// The picture at `timestamp` is given out: what was said of it and of those before is not asked for again.
    pub fn take(&mut self, timestamp: RtpTimestamp) -> Rotation {
        if let Some((_, rotation)) = self.said.iter().find(|(known, _)| *known == timestamp) {
            self.last = *rotation;
        }
        self.said.retain(|(known, _)| timestamp.precedes(*known));
        self.last
    }
}

/// What the last packet of a picture says.
pub(super) fn orientation(rotation: Rotation) -> VideoOrientation {
    VideoOrientation::new(rotation.quarters())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(rotation: Rotation) -> Values {
        Values { video_orientation: Some(orientation(rotation)), ..Values::default() }
    }

    #[test]
    fn a_picture_is_as_it_says_or_as_the_one_before() {
        let mut orientations = Orientations::default();
        orientations.note(RtpTimestamp(100), &said(Rotation::Quarter));
        orientations.note(RtpTimestamp(300), &said(Rotation::Half));
        assert_eq!(orientations.take(RtpTimestamp(0)), Rotation::None);
        assert_eq!(orientations.take(RtpTimestamp(100)), Rotation::Quarter);
        assert_eq!(orientations.take(RtpTimestamp(200)), Rotation::Quarter);
        assert_eq!(orientations.take(RtpTimestamp(300)), Rotation::Half);
        assert!(orientations.said.is_empty());
    }

    #[test]
    fn what_is_said_is_bounded() {
        let mut orientations = Orientations::default();
        (0..1_000).for_each(|at| orientations.note(RtpTimestamp(at), &said(Rotation::Half)));
        assert_eq!(orientations.said.len(), PICTURES);
        assert_eq!(orientations.take(RtpTimestamp(999)), Rotation::Half);
    }
}
