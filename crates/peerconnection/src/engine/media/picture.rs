//! How large and how many the pictures of an encoding may be.

/// The size and number of pictures that an encoding may have. All limits hold; pictures are only ever made smaller, and keep
/// their shape.
///
/// Source: [webrtc-pc §5.2.5](https://www.w3.org/TR/webrtc/#rtcrtpencodingparameters),
/// [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#rtcrtpencodingparameters),
/// [RFC 8851 §5](https://www.rfc-editor.org/rfc/rfc8851#section-5)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureLimits {
    /// Width and height are divided by this, 1 at least. Default 1.
    pub scale_down_by: f64,
    /// What pictures have to fit into, lying or standing, in place of `scale_down_by`.
    pub scale_down_to: Option<Resolution>,
    /// In pixels.
    pub max_width: Option<u32>,
    /// In pixels.
    pub max_height: Option<u32>,
    /// Pixels of a picture.
    pub max_pixels: Option<u64>,
    /// Pictures in a second. Zero sends none.
    pub max_frame_rate: Option<f64>,
    /// Pixels in a second.
    pub max_pixel_rate: Option<u64>,
    /// Blocks of 16 by 16 pixels of a picture, those that it fills in part included; and a side is at most the root of eight times as
    /// many (ITU-T H.264 §A.3.1).
    pub max_macroblocks: Option<u32>,
    /// Such blocks in a second.
    pub max_macroblock_rate: Option<u32>,
}

/// How often a picture is made smaller to keep to its blocks.
const MAX_STEPS: usize = 1_000;

/// A size in pixels.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Resolution {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

impl Default for PictureLimits {
    fn default() -> Self {
        Self {
            scale_down_by: 1.0,
            scale_down_to: None,
            max_width: None,
            max_height: None,
            max_pixels: None,
            max_frame_rate: None,
            max_pixel_rate: None,
            max_macroblocks: None,
            max_macroblock_rate: None,
        }
    }
}

impl PictureLimits {
    /// The size at which a picture of that size is sent, 1 by 1 at least.
    pub fn size_of(&self, picture: Resolution) -> Resolution {
        let (width, height) = (f64::from(picture.width.max(1)), f64::from(picture.height.max(1)));
        let wanted = match self.scale_down_to {
            Some(within) => {
                // Both lie, or both stand.
                let (long, short) = (within.width.max(within.height), within.width.min(within.height));
                let (max_width, max_height) = if width >= height { (long, short) } else { (short, long) };
                (width / f64::from(max_width.max(1))).max(height / f64::from(max_height.max(1)))
            }
            None => self.scale_down_by,
        };
        let ratio = |size: f64, most: Option<u32>| most.map_or(1.0, |most| size / f64::from(most.max(1)));
        let area = self.max_pixels.map_or(1.0, |most| (width * height / most.max(1) as f64).sqrt());
        let by = wanted.max(1.0).max(ratio(width, self.max_width)).max(ratio(height, self.max_height)).max(area);
        // A whole number must not fall below itself by rounding.
        let scaled = |by: f64| {
            let side = |size: f64| ((size / by + 1e-6) as u32).max(1);
            Resolution { width: side(width), height: side(height) }
        };
        let size = scaled(by);
        if self.has_macroblocks_for(size) {
            return size;
        }
        // Steps of a hundredth: a thousand of them divide by 20,000.
        let smaller = std::iter::successors(Some(by), |by| Some(by * 1.01)).map(scaled);
        smaller.take(MAX_STEPS).find(|size| self.has_macroblocks_for(*size)).unwrap_or(scaled(width.max(height)))
    }

    fn has_macroblocks_for(&self, size: Resolution) -> bool {
        self.max_macroblocks.is_none_or(|most| {
            let [columns, rows] = [size.width, size.height].map(|side| u64::from(side.div_ceil(16)));
            let most = u64::from(most);
            columns * rows <= most && columns.max(rows).pow(2) <= 8 * most
        })
    }

    /// Pictures of that size in a second.
    pub fn frame_rate_at(&self, size: Resolution) -> Option<f64> {
        let pixels = f64::from(size.width.max(1)) * f64::from(size.height.max(1));
        let by_pixels = self.max_pixel_rate.map(|rate| rate as f64 / pixels);
        let blocks = f64::from(size.width.max(1).div_ceil(16)) * f64::from(size.height.max(1).div_ceil(16));
        let by_blocks = self.max_macroblock_rate.map(|rate| f64::from(rate) / blocks);
        self.max_frame_rate.into_iter().chain(by_pixels).chain(by_blocks).reduce(f64::min)
    }

    /// The limits of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        fn least<T: PartialOrd>(one: Option<T>, other: Option<T>) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(if other < one { other } else { one }),
                (one, other) => one.or(other),
            }
        }
        Self {
            scale_down_by: self.scale_down_by.max(other.scale_down_by),
            scale_down_to: self.scale_down_to.or(other.scale_down_to),
            max_width: least(self.max_width, other.max_width),
            max_height: least(self.max_height, other.max_height),
            max_pixels: least(self.max_pixels, other.max_pixels),
            max_frame_rate: least(self.max_frame_rate, other.max_frame_rate),
            max_pixel_rate: least(self.max_pixel_rate, other.max_pixel_rate),
            max_macroblocks: least(self.max_macroblocks, other.max_macroblocks),
            max_macroblock_rate: least(self.max_macroblock_rate, other.max_macroblock_rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(limits: PictureLimits, width: u32, height: u32) -> (u32, u32) {
        let Resolution { width, height } = limits.size_of(Resolution { width, height });
        (width, height)
    }

    #[test]
    fn pictures_are_divided_and_never_made_larger() {
        let by = |scale_down_by| PictureLimits { scale_down_by, ..PictureLimits::default() };
        assert_eq!(size(by(1.0), 641, 359), (641, 359));
        assert_eq!(size(by(2.0), 641, 359), (320, 179));
        assert_eq!(size(by(1.5), 60, 30), (40, 20));
        assert_eq!(size(by(1_000.0), 640, 360), (1, 1));
        assert_eq!(size(by(0.5), 640, 360), (640, 360));
    }

    #[test]
    fn a_size_to_fit_into_lies_or_stands_as_the_picture_does() {
        let to = |width, height| PictureLimits {
            scale_down_by: 2.0,
            scale_down_to: Some(Resolution { width, height }),
            ..PictureLimits::default()
        };
        assert_eq!(size(to(120, 60), 120, 60), (120, 60));
        assert_eq!(size(to(40, 80), 80, 40), (80, 40));
        assert_eq!(size(to(40, 20), 40, 80), (20, 40));
        assert_eq!(size(to(60, 60), 120, 60), (60, 30));
    }

    #[test]
    fn blocks_that_are_filled_in_part_count() {
        let blocks = |max| PictureLimits { max_macroblocks: Some(max), ..PictureLimits::default() };
        assert_eq!(size(blocks(3_600), 1_280, 720), (1_280, 720));
        assert_eq!(size(blocks(99), 176, 144), (176, 144));
        for (most, width, height) in
            [(99, 640, 480), (396, 353, 288), (3_600, 1_920, 1_080), (99, 4_000, 16), (1, 90, 90)]
        {
            let (small, high) = size(blocks(most), width, height);
            let (columns, rows) = (small.div_ceil(16), high.div_ceil(16));
            assert!(columns * rows <= most && columns.max(rows).pow(2) <= 8 * most, "{small}x{high}");
            // The shape is kept, as far as whole pixels allow.
            assert!((small + 1) * height >= high * width && (high + 1) * width >= small * height, "{small}x{high}");
        }
        let rate = PictureLimits { max_macroblock_rate: Some(40_500), ..PictureLimits::default() };
        assert_eq!(rate.frame_rate_at(Resolution { width: 1_280, height: 720 }), Some(11.25));
    }

    #[test]
    fn every_limit_holds() {
        let limits = PictureLimits { max_width: Some(320), max_height: Some(100), ..PictureLimits::default() };
        assert_eq!(size(limits, 640, 200), (320, 100));
        assert_eq!(size(limits, 640, 400), (160, 100));
        let limits = PictureLimits { max_pixels: Some(100 * 50), ..limits };
        assert_eq!(size(limits, 640, 320), (100, 50));
        let both = limits.and(PictureLimits { max_pixel_rate: Some(50_000), ..PictureLimits::default() });
        assert_eq!(both.frame_rate_at(Resolution { width: 100, height: 50 }), Some(10.0));
        let slower = both.and(PictureLimits { max_frame_rate: Some(5.0), ..PictureLimits::default() });
        assert_eq!(slower.frame_rate_at(Resolution { width: 100, height: 50 }), Some(5.0));
    }
}
