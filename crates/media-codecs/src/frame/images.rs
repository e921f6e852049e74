//! Pictures as the crate `image` has them, which knows full range alone.

use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

use super::{FrameError, PixelFormat, VideoFrame};

impl From<&VideoFrame> for RgbImage {
    fn from(frame: &VideoFrame) -> Self {
        let pixels = frame.to_format(PixelFormat::Rgb24).to_vec();
        Self::from_raw(frame.width(), frame.height(), pixels).unwrap_or_default()
    }
}

impl From<&VideoFrame> for RgbaImage {
    fn from(frame: &VideoFrame) -> Self {
        let pixels = frame.to_format(PixelFormat::Rgba).to_vec();
        Self::from_raw(frame.width(), frame.height(), pixels).unwrap_or_default()
    }
}

/// The luma alone, from its limited range to the full one.
impl From<&VideoFrame> for GrayImage {
    fn from(frame: &VideoFrame) -> Self {
        let luma = frame.to_format(PixelFormat::Gray8).to_vec();
        let pixels = luma.into_iter().map(|luma| ((u32::from(luma.clamp(16, 235)) - 16) * 255 / 219) as u8);
        Self::from_raw(frame.width(), frame.height(), pixels.collect()).unwrap_or_default()
    }
}

/// As RGB24. Fails with [`FrameError::Dimensions`] for a size out of range, as do the others.
impl TryFrom<RgbImage> for VideoFrame {
    type Error = FrameError;

    fn try_from(image: RgbImage) -> Result<Self, FrameError> {
        let (width, height) = image.dimensions();
        Self::from_bytes(PixelFormat::Rgb24, width, height, image.into_raw())
    }
}

/// As RGBA.
impl TryFrom<RgbaImage> for VideoFrame {
    type Error = FrameError;

    fn try_from(image: RgbaImage) -> Result<Self, FrameError> {
        let (width, height) = image.dimensions();
        Self::from_bytes(PixelFormat::Rgba, width, height, image.into_raw())
    }
}

/// As Gray8, from the full range to the limited one.
impl TryFrom<GrayImage> for VideoFrame {
    type Error = FrameError;

    fn try_from(image: GrayImage) -> Result<Self, FrameError> {
        let (width, height) = image.dimensions();
        let luma: Vec<u8> =
            image.into_raw().into_iter().map(|grey| ((u32::from(grey) * 219 + 127) / 255 + 16) as u8).collect();
        Self::from_bytes(PixelFormat::Gray8, width, height, luma)
    }
}

/// Grey pictures as Gray8, those that can be seen through as RGBA, all others as RGB24.
impl TryFrom<DynamicImage> for VideoFrame {
    type Error = FrameError;

    fn try_from(image: DynamicImage) -> Result<Self, FrameError> {
        match image {
            DynamicImage::ImageLuma8(image) => image.try_into(),
            image if image.color().has_alpha() => image.into_rgba8().try_into(),
            image => image.into_rgb8().try_into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{MovingPicture, frame_counter};

    #[test]
    fn a_picture_goes_through_images_and_keeps_its_number() {
        let frame = MovingPicture::new(320, 240, 30).unwrap().nth(77).unwrap();
        let rgb = VideoFrame::try_from(RgbImage::from(&frame)).unwrap();
        let rgba = VideoFrame::try_from(DynamicImage::from(RgbaImage::from(&frame))).unwrap();
        let grey = VideoFrame::try_from(DynamicImage::from(GrayImage::from(&frame))).unwrap();
        assert_eq!(
            [rgb.format(), rgba.format(), grey.format()],
            [PixelFormat::Rgb24, PixelFormat::Rgba, PixelFormat::Gray8]
        );
        for back in [rgb, rgba, grey] {
            assert_eq!((back.width(), back.height()), (320, 240));
            assert_eq!(frame_counter(&back), Some(77), "{:?}", back.format());
        }
    }

    #[test]
    fn grey_has_the_full_range_there_and_the_limited_one_here() {
        let image = GrayImage::from_raw(3, 1, vec![0, 128, 255]).unwrap();
        let frame = VideoFrame::try_from(image).unwrap();
        assert_eq!(frame.to_vec(), [16, 126, 235]);
        assert_eq!(GrayImage::from(&frame).into_raw(), [0, 128, 255]);
        assert!(VideoFrame::try_from(RgbImage::new(0, 0)).is_err());
    }
}
