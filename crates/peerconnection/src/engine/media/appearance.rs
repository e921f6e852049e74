//! How the pictures of a stream are to be shown, by what their packets say: which way up, and in which colors.

use ortica_codecs::{ColorMatrix, ColorSpace, EncodedFrame, Rotation};
use ortica_rtp::RtpTimestamp;
use ortica_rtp::header_extension::{self as extension, ColorRange, Values, VideoOrientation};
use std::collections::VecDeque;

/// Pictures of which something is known before they are whole.
const PICTURES: usize = 64;

/// What the packets of a stream said of its pictures, of which the last one says it: always how it lies (3GPP TS 26.114 §7.4.5), and with
/// key frames and changes what its colors are.
#[derive(Debug, Default)]
pub(super) struct Appearances {
    said: VecDeque<(RtpTimestamp, Said)>,
    /// Of the picture before, which holds where nothing is said.
    last: Said,
}

#[derive(Clone, Copy, Debug, Default)]
struct Said {
    rotation: Option<Rotation>,
    colors: Option<ColorSpace>,
}

impl Appearances {
    /// A packet of the picture at `timestamp` came.
    pub fn note(&mut self, timestamp: RtpTimestamp, values: &Values) {
        let rotation = values.video_orientation.map(|orientation| Rotation::from_quarters(orientation.quarter_turns()));
        let colors = values.color_space.map(colors_of);
        if rotation.is_none() && colors.is_none() {
            return;
        }
        match self.said.iter_mut().find(|(known, _)| *known == timestamp) {
            Some((_, said)) => *said = Said { rotation: rotation.or(said.rotation), colors: colors.or(said.colors) },
            None => {
                if self.said.len() >= PICTURES {
                    self.said.pop_front();
                }
                self.said.push_back((timestamp, Said { rotation, colors }));
            }
        }
    }

    /// `frame`, the picture at `timestamp`, is given out: what was said of it and of those before is not asked for again.
    pub fn take(&mut self, timestamp: RtpTimestamp, frame: EncodedFrame) -> EncodedFrame {
        let said = self.said.iter().find(|(known, _)| *known == timestamp).map(|(_, said)| *said).unwrap_or_default();
        self.last.rotation = said.rotation.or(self.last.rotation);
        if said.colors.is_some() || frame.key_frame {
            self.last.colors = said.colors;
        }
        self.said.retain(|(known, _)| timestamp.precedes(*known));
        frame.with_rotation(self.last.rotation.unwrap_or_default()).with_color_space(self.last.colors)
    }
}

fn colors_of(said: extension::ColorSpace) -> ColorSpace {
    ColorSpace { matrix: ColorMatrix::from_h273(said.matrix), full_range: said.range == ColorRange::Full }
}

/// What the last packet of a picture says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Appearance {
    pub orientation: Option<VideoOrientation>,
    pub color_space: Option<extension::ColorSpace>,
}

impl Appearance {
    /// Of a picture. Its colors are those that it came with: encoders make the usual ones, of which nothing is said.
    pub fn of(frame: &EncodedFrame) -> Self {
        let color_space = frame.color_space.filter(|_| frame.key_frame).map(|colors| extension::ColorSpace {
            primaries: colors.matrix.h273(),
            transfer: colors.matrix.h273(),
            matrix: colors.matrix.h273(),
            range: if colors.full_range { ColorRange::Full } else { ColorRange::Limited },
            chroma_siting: (0, 0),
        });
        Self { orientation: Some(VideoOrientation::new(frame.rotation.quarters())), color_space }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_codecs::Codec;

    fn turned(quarters: u8) -> Values {
        Values { video_orientation: Some(VideoOrientation::new(quarters)), ..Values::default() }
    }

    fn picture(key_frame: bool) -> EncodedFrame {
        EncodedFrame::new(Codec::Vp8, vec![0], 0).with_key_frame(key_frame)
    }

    #[test]
    fn a_picture_lies_as_it_says_or_as_the_one_before() {
        let mut appearances = Appearances::default();
        appearances.note(RtpTimestamp(100), &turned(1));
        appearances.note(RtpTimestamp(300), &turned(2));
        let mut take = |at| appearances.take(RtpTimestamp(at), picture(false)).rotation;
        assert_eq!(take(0), Rotation::None);
        assert_eq!([100, 200, 300].map(take), [Rotation::Quarter, Rotation::Quarter, Rotation::Half]);
        assert!(appearances.said.is_empty());
    }

    /// Guards: a key frame without a word is of the usual colors again, and a picture of whatever came last.
    #[test]
    fn a_picture_has_the_colors_of_the_last_key_frame() {
        let canvas = ColorSpace { matrix: ColorMatrix::Bt709, full_range: true };
        let mut came = picture(true);
        came.color_space = Some(canvas);
        let values = Values { color_space: Appearance::of(&came).color_space, ..turned(1) };
        let mut appearances = Appearances::default();
        appearances.note(RtpTimestamp(100), &values);
        appearances.note(RtpTimestamp(100), &Values::default());
        let mut take = |at, key_frame| {
            let frame = appearances.take(RtpTimestamp(at), picture(key_frame));
            assert_eq!(frame.rotation, Rotation::Quarter);
            frame.color_space
        };
        assert_eq!(take(100, true), Some(canvas));
        assert_eq!(take(200, false), Some(canvas));
        assert_eq!(take(300, true), None);
        assert_eq!(take(400, false), None);
        came.key_frame = false;
        assert!(Appearance::of(&came).color_space.is_none(), "it goes with key frames");
    }

    #[test]
    fn what_is_said_is_bounded() {
        let mut appearances = Appearances::default();
        (0..1_000).for_each(|at| appearances.note(RtpTimestamp(at), &turned(2)));
        assert_eq!(appearances.said.len(), PICTURES);
        assert_eq!(appearances.take(RtpTimestamp(999), picture(true)).rotation, Rotation::Half);
    }
}
