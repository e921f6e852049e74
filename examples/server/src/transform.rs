//! What is done to pictures before they go back.

mod cartoon;
mod edges;
mod rotate;

use ortica::codecs::VideoFrame;
use serde::Deserialize;

/// A transform, by the name that callers give it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Transform {
    /// As they came.
    #[default]
    None,
    /// Outlines, white on black.
    Edges,
    /// Few shades, dark outlines.
    Cartoon,
    /// Turned by 45 degrees in each second of the pictures' time.
    Rotate,
}

impl Transform {
    /// The picture to send back.
    pub fn apply(self, frame: VideoFrame) -> VideoFrame {
        match self {
            Self::None => frame,
            Self::Edges => edges::apply(&frame),
            Self::Cartoon => cartoon::apply(&frame),
            Self::Rotate => rotate::apply(&frame),
        }
    }
}

/// A picture of these planes at the time of `like`; `like` itself where they do not fit, which they do.
fn picture(like: &VideoFrame, planes: &[Vec<u8>]) -> VideoFrame {
    let made = VideoFrame::from_bytes(ortica::codecs::PixelFormat::I420, like.width(), like.height(), planes.concat());
    made.map_or_else(|_| like.clone(), |made| made.with_pts(like.pts(), like.time_base()))
}

/// The pixels of a plane, row after row without gaps.
fn plane(frame: &VideoFrame, index: usize) -> (Vec<u8>, usize, usize) {
    frame.plane(index).map_or_else(Default::default, |plane| {
        (plane.rows().flatten().copied().collect(), plane.row_len(), plane.row_count())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica::codecs::PixelFormat;
    use ortica::codecs::TimeBase;

    /// Black on the left, white on the right.
    fn halves(width: u32, height: u32) -> VideoFrame {
        let rgb: Vec<u8> =
            (0..width * height).flat_map(|at| [if at % width < width / 2 { 0 } else { 255 }; 3]).collect();
        VideoFrame::from_bytes(PixelFormat::Rgb24, width, height, rgb).unwrap().to_i420()
    }

    fn luma(frame: &VideoFrame, x: usize, y: usize) -> u8 {
        frame.plane(0).unwrap().row(y)[x]
    }

    #[test]
    fn edges_are_bright_where_the_picture_changes_and_dark_elsewhere() {
        let out = Transform::Edges.apply(halves(64, 32));
        assert!(luma(&out, 32, 16) > 200);
        assert!(luma(&out, 8, 16) < 32 && luma(&out, 56, 16) < 32);
        assert!(out.plane(1).unwrap().row(4).iter().all(|chroma| *chroma == 128));
    }

    #[test]
    fn a_cartoon_has_few_shades_and_dark_outlines() {
        let gradient: Vec<u8> = (0..64 * 32).flat_map(|at| [(at % 64 * 4) as u8; 3]).collect();
        let gradient = VideoFrame::from_bytes(PixelFormat::Rgb24, 64, 32, gradient).unwrap().to_i420();
        let out = Transform::Cartoon.apply(gradient);
        let mut shades: Vec<u8> = out.plane(0).unwrap().row(16).to_vec();
        shades.sort_unstable();
        shades.dedup();
        assert!(shades.len() <= 9, "{shades:?}");
        assert!(luma(&Transform::Cartoon.apply(halves(64, 32)), 32, 16) < 40);
    }

    #[test]
    fn a_picture_turns_by_45_degrees_in_a_second() {
        let picture = halves(64, 64);
        let at = |seconds: i64| Transform::Rotate.apply(picture.clone().with_pts(seconds * 90_000, TimeBase::VIDEO));
        assert_eq!((luma(&at(0), 16, 32), luma(&at(0), 48, 32)), (luma(&picture, 16, 32), luma(&picture, 48, 32)));
        // After two seconds the border lies level, after four the sides have changed places.
        assert!(luma(&at(2), 32, 16).abs_diff(luma(&at(2), 32, 48)) > 150);
        assert!(luma(&at(4), 16, 32) > luma(&at(4), 48, 32));
        // Outside of the turned picture it is black.
        assert!(luma(&at(1), 63, 0) < 32);
    }

    #[test]
    fn every_transform_keeps_size_and_time() {
        for transform in [Transform::None, Transform::Edges, Transform::Cartoon, Transform::Rotate] {
            for (width, height) in [(1, 1), (2, 3), (33, 17), (64, 48)] {
                let frame = VideoFrame::black(width, height).unwrap().with_pts(7, TimeBase::VIDEO);
                let out = transform.apply(frame);
                assert_eq!((out.width(), out.height(), out.pts()), (width, height, 7), "{transform:?}");
            }
        }
    }
}
