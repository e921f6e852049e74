//! Frames as the crate `ndarray` has them: pictures by row, column and component, sound by channel and sample.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ShapeBuilder};

use super::{AudioFrame, FrameError, PixelFormat, VideoFrame};

impl VideoFrame {
    /// The pixels where they are, by row, column and component. `None` for I420 and NV12, whose planes differ in size.
    pub fn as_ndarray(&self) -> Option<ArrayView3<'_, u8>> {
        let components = components(self.format())?;
        let plane = self.plane(0)?;
        let shape = (self.height() as usize, self.width() as usize, components);
        ArrayView3::from_shape(shape.strides((plane.stride(), components, 1)), plane.data()).ok()
    }

    /// A copy of the pixels by row, column and component; of I420 and NV12 as red, green and blue.
    pub fn to_ndarray(&self) -> Array3<u8> {
        match self.as_ndarray() {
            Some(pixels) => pixels.to_owned(),
            None => self.to_rgb().as_ndarray().map(|pixels| pixels.to_owned()).unwrap_or_default(),
        }
    }

    /// A picture from pixels by row, column and component, in whatever order they lie in memory.
    ///
    /// # Errors
    /// [`FrameError::PlaneCount`] for a format of several planes, [`FrameError::PlaneSize`] for another number of components than
    /// the format has, [`FrameError::Dimensions`] for a size out of range.
    pub fn from_ndarray(format: PixelFormat, pixels: ArrayView3<'_, u8>) -> Result<Self, FrameError> {
        let (height, width, actual) = pixels.dim();
        let planes = FrameError::PlaneCount { expected: format.plane_count(), actual: 1 };
        let expected = components(format).ok_or(planes)?;
        if actual != expected {
            return Err(FrameError::PlaneSize { plane: 0, expected, actual });
        }
        let [width, height] = [width, height].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        Self::from_bytes(format, width, height, pixels.iter().copied().collect::<Vec<u8>>())
    }
}

impl AudioFrame {
    /// Samples from -1 to 1 by channel and sample.
    pub fn to_ndarray(&self) -> Array2<f32> {
        let (channels, len) = (usize::from(self.channels()), self.len());
        let samples = self.to_f32().as_f32().unwrap_or_default().to_vec();
        Array2::from_shape_vec((channels, len).strides((1, channels)), samples).unwrap_or_default()
    }

    /// Sound from samples from -1 to 1 by channel and sample.
    ///
    /// # Errors
    /// [`FrameError`] for more or fewer than one or two channels, and for a rate out of range.
    pub fn from_ndarray(samples: ArrayView2<'_, f32>, sample_rate: u32) -> Result<Self, FrameError> {
        let channels = u8::try_from(samples.nrows()).unwrap_or(u8::MAX);
        Self::from_f32(samples.t().iter().copied().collect(), sample_rate, channels)
    }
}

fn components(format: PixelFormat) -> Option<usize> {
    match format.shapes() {
        [only] => Some(only.components),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{MovingPicture, frame_counter};
    use ndarray::array;

    #[test]
    fn pixels_are_borrowed_with_their_stride_and_come_back() {
        let frame = MovingPicture::new(320, 240, 30).unwrap().nth(9).unwrap();
        assert!(frame.as_ndarray().is_none());
        assert_eq!(frame.to_ndarray().dim(), (240, 320, 3));
        let rgb = frame.to_rgb();
        let part = rgb.crop(10, 20, 30, 40).unwrap();
        let (view, whole) = (part.as_ndarray().unwrap(), rgb.as_ndarray().unwrap());
        assert_eq!((view.dim(), view.strides()), ((40, 30, 3), &[960, 3, 1][..]));
        assert_eq!(view, whole.slice(ndarray::s![20..60, 10..40, ..]));
        assert_eq!(std::ptr::from_ref(&view[[0, 0, 0]]), std::ptr::from_ref(&whole[[20, 10, 0]]), "nothing is copied");
        let back = VideoFrame::from_ndarray(PixelFormat::Rgb24, whole).unwrap();
        assert_eq!((frame_counter(&back), back.to_vec()), (Some(9), rgb.to_vec()));
        // In another order in memory: blue first.
        let mut turned = whole.to_owned();
        turned.invert_axis(ndarray::Axis(2));
        let bgr = VideoFrame::from_ndarray(PixelFormat::Bgr24, turned.view()).unwrap();
        assert_eq!(bgr.to_rgb().to_vec(), rgb.to_vec());
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let pixels = Array3::<u8>::zeros((4, 4, 3));
        let made = |format| VideoFrame::from_ndarray(format, pixels.view()).err();
        assert_eq!(made(PixelFormat::I420), Some(FrameError::PlaneCount { expected: 3, actual: 1 }));
        assert_eq!(made(PixelFormat::Rgba), Some(FrameError::PlaneSize { plane: 0, expected: 4, actual: 3 }));
        assert!(AudioFrame::from_ndarray(array![[0.0], [0.0], [0.0]].view(), 8_000).is_err());
    }

    #[test]
    fn sound_is_by_channel_and_sample() {
        let sound = AudioFrame::from_s16(vec![16_384, -16_384, 0, 8_192], 48_000, 2).unwrap();
        let samples = sound.to_ndarray();
        assert_eq!(samples, array![[0.5, 0.0], [-0.5, 0.25]]);
        assert_eq!(AudioFrame::from_ndarray(samples.view(), 48_000).unwrap().to_s16().as_s16(), sound.as_s16());
    }
}
