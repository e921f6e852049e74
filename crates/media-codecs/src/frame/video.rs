//! Uncompressed pictures.

use std::fmt;

use arrayvec::ArrayVec;
use bytes::Bytes;

use super::{FrameError, TimeBase};

/// The most pixels a side may have; VP8 can say no more than one less.
pub const MAX_DIMENSION: u32 = 16_384;

/// How pixels are kept. Colour in YUV is BT.601 at limited range (luma 16 to 235), as every WebRTC codec assumes unless told
/// otherwise; decoders bring what they are told is of others into it ([`VideoFrame::from_color_space`]). RGB is full range.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PixelFormat {
    /// Three planes: luma, then both chromas at half the width and height, rounded up. What codecs speak.
    I420,
    /// Two planes: luma, then both chromas interleaved at half the width and height, rounded up. What cameras speak.
    Nv12,
    /// The luma plane alone.
    Gray8,
    /// One plane of red, green, blue bytes.
    Rgb24,
    /// One plane of blue, green, red bytes. What OpenCV speaks.
    Bgr24,
    /// One plane of red, green, blue, alpha bytes.
    Rgba,
    /// One plane of blue, green, red, alpha bytes.
    Bgra,
}

/// What a plane of a format is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlaneShape {
    /// Bytes that belong to one position.
    pub components: usize,
    /// 2 where the plane has half the width and height.
    pub subsampling: u32,
}

impl PlaneShape {
    /// Bytes per row and rows, for a picture of this size.
    pub fn size(self, width: u32, height: u32) -> (usize, usize) {
        let (columns, rows) = (width.div_ceil(self.subsampling), height.div_ceil(self.subsampling));
        (columns as usize * self.components, rows as usize)
    }
}

impl PixelFormat {
    pub(super) fn shapes(self) -> &'static [PlaneShape] {
        const fn plane(components: usize, subsampling: u32) -> PlaneShape {
            PlaneShape { components, subsampling }
        }
        match self {
            Self::I420 => const { &[plane(1, 1), plane(1, 2), plane(1, 2)] },
            Self::Nv12 => const { &[plane(1, 1), plane(2, 2)] },
            Self::Gray8 => const { &[plane(1, 1)] },
            Self::Rgb24 | Self::Bgr24 => const { &[plane(3, 1)] },
            Self::Rgba | Self::Bgra => const { &[plane(4, 1)] },
        }
    }

    /// How many planes it has.
    pub fn plane_count(self) -> usize {
        self.shapes().len()
    }

    /// Bytes of a picture whose rows follow each other without a gap.
    pub fn byte_len(self, width: u32, height: u32) -> usize {
        self.shapes().iter().map(|shape| shape.size(width, height)).map(|(row, rows)| row * rows).sum()
    }
}

/// One plane of bytes and the distance between the starts of its rows.
#[derive(Clone)]
pub struct Plane {
    /// From the first row's first byte at least to the last row's last.
    pub data: Bytes,
    /// Bytes from a row's start to the next.
    pub stride: usize,
}

/// A look at one plane.
#[derive(Clone, Copy, Debug)]
pub struct PlaneRef<'a> {
    data: &'a [u8],
    stride: usize,
    row_len: usize,
    rows: usize,
}

impl<'a> PlaneRef<'a> {
    /// All bytes, gaps between rows included.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Bytes from a row's start to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Bytes of a row that are pixels.
    pub fn row_len(&self) -> usize {
        self.row_len
    }

    /// How many rows.
    pub fn row_count(&self) -> usize {
        self.rows
    }

    /// The pixels of a row; empty if it lies outside.
    pub fn row(&self, y: usize) -> &'a [u8] {
        if y >= self.rows {
            return &[];
        }
        self.data.get(y * self.stride..).and_then(|rest| rest.get(..self.row_len)).unwrap_or_default()
    }

    /// The pixels row by row, from the top.
    pub fn rows(self) -> impl ExactSizeIterator<Item = &'a [u8]> {
        (0..self.rows).map(move |y| self.row(y))
    }
}

/// A picture: one to three planes that clones and crops share.
///
/// Its time (`pts`) counts in [`time_base`](Self::time_base), by default [`TimeBase::VIDEO`].
#[derive(Clone)]
pub struct VideoFrame {
    format: PixelFormat,
    width: u32,
    height: u32,
    planes: ArrayVec<Plane, 3>,
    pts: i64,
    time_base: TimeBase,
}

impl VideoFrame {
    /// A picture from planes with strides of their own.
    ///
    /// # Errors
    /// [`FrameError`] if the size is out of range or a plane is missing or too short.
    pub fn from_planes(
        format: PixelFormat,
        width: u32,
        height: u32,
        planes: impl IntoIterator<Item = Plane>,
    ) -> Result<Self, FrameError> {
        check_size(width, height)?;
        let shapes = format.shapes();
        let (mut kept, mut actual) = (ArrayVec::new(), 0);
        for plane in planes {
            actual += 1;
            if kept.try_push(plane).is_err() {
                break;
            }
        }
        if actual != shapes.len() {
            return Err(FrameError::PlaneCount { expected: shapes.len(), actual });
        }
        for (index, (plane, shape)) in kept.iter().zip(shapes).enumerate() {
            let (row, rows) = shape.size(width, height);
            if plane.stride < row {
                return Err(FrameError::PlaneSize { plane: index, expected: row, actual: plane.stride });
            }
            let expected = plane.stride.saturating_mul(rows - 1).saturating_add(row);
            if plane.data.len() < expected {
                return Err(FrameError::PlaneSize { plane: index, expected, actual: plane.data.len() });
            }
        }
        Ok(Self { format, width, height, planes: kept, pts: 0, time_base: TimeBase::VIDEO })
    }

    /// A picture from one buffer: plane after plane, row after row, without gaps. The buffer is not copied.
    ///
    /// # Errors
    /// [`FrameError`] if the size is out of range or the buffer is not exactly [`PixelFormat::byte_len`] long.
    pub fn from_bytes(
        format: PixelFormat,
        width: u32,
        height: u32,
        data: impl Into<Bytes>,
    ) -> Result<Self, FrameError> {
        check_size(width, height)?;
        let mut data = data.into();
        let expected = format.byte_len(width, height);
        if data.len() != expected {
            return Err(FrameError::PlaneSize { plane: 0, expected, actual: data.len() });
        }
        let planes = format.shapes().iter().map(|shape| {
            let (row, rows) = shape.size(width, height);
            Plane { data: data.split_to(row * rows), stride: row }
        });
        Self::from_planes(format, width, height, planes)
    }

    /// A black I420 picture.
    ///
    /// # Errors
    /// [`FrameError::Dimensions`] if the size is out of range.
    pub fn black(width: u32, height: u32) -> Result<Self, FrameError> {
        check_size(width, height)?;
        Ok(Self::painted(PixelFormat::I420, width, height, |planes| {
            planes.iter_mut().zip([16, 128, 128]).for_each(|(plane, value)| plane.fill(value));
        }))
    }

    /// A picture whose planes, zero at first and without gaps, are filled by `paint`. The size must be in range.
    pub(crate) fn painted(format: PixelFormat, width: u32, height: u32, paint: impl FnOnce(&mut [&mut [u8]])) -> Self {
        debug_assert!(check_size(width, height).is_ok());
        let mut data = vec![0; format.byte_len(width, height)];
        paint(&mut split_planes(format, width, height, &mut data));
        let mut data = Bytes::from(data);
        let planes = format.shapes().iter().map(|shape| {
            let (row, rows) = shape.size(width, height);
            Plane { data: data.split_to(row * rows), stride: row }
        });
        let planes = planes.collect();
        Self { format, width, height, planes, pts: 0, time_base: TimeBase::VIDEO }
    }

    /// The same picture at another time.
    #[must_use]
    pub fn with_pts(mut self, pts: i64, time_base: TimeBase) -> Self {
        (self.pts, self.time_base) = (pts, time_base);
        self
    }

    /// When it is shown, in ticks of [`time_base`](Self::time_base).
    pub fn pts(&self) -> i64 {
        self.pts
    }

    /// The unit of [`pts`](Self::pts).
    pub fn time_base(&self) -> TimeBase {
        self.time_base
    }

    /// How pixels are kept.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// In pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The plane at `index`: for I420 luma, blue chroma, red chroma. `None` past the last.
    pub fn plane(&self, index: usize) -> Option<PlaneRef<'_>> {
        let (plane, shape) = (self.planes.get(index)?, self.format.shapes().get(index)?);
        let (row_len, rows) = shape.size(self.width, self.height);
        Some(PlaneRef { data: &plane.data, stride: plane.stride, row_len, rows })
    }

    /// The planes in order.
    pub fn planes(&self) -> impl ExactSizeIterator<Item = PlaneRef<'_>> {
        self.planes.iter().zip(self.format.shapes()).map(|(plane, shape)| {
            let (row_len, rows) = shape.size(self.width, self.height);
            PlaneRef { data: &plane.data, stride: plane.stride, row_len, rows }
        })
    }

    /// All pixels in one run, plane after plane and row after row, without gaps: the shape of
    /// [`from_bytes`](Self::from_bytes).
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.format.byte_len(self.width, self.height));
        self.planes().flat_map(PlaneRef::rows).for_each(|row| all.extend_from_slice(row));
        all
    }

    /// The same picture in another format, by BT.601 at limited range where YUV and RGB meet. Shares the planes if it is
    /// already so, and the luma plane between I420, NV12 and Gray8.
    #[must_use]
    pub fn to_format(&self, format: PixelFormat) -> Self {
        if format == self.format { self.clone() } else { super::convert::convert(self, format) }
    }

    /// The same picture as I420.
    #[must_use]
    pub fn to_i420(&self) -> Self {
        self.to_format(PixelFormat::I420)
    }

    /// The same picture as RGB24.
    #[must_use]
    pub fn to_rgb(&self) -> Self {
        self.to_format(PixelFormat::Rgb24)
    }

    /// The picture at another size: halved by means while it is at least twice too large in both directions, then bilinear.
    /// Shares the planes if the size is already so.
    ///
    /// # Errors
    /// [`FrameError::Dimensions`] if the size is out of range.
    pub fn scale(&self, width: u32, height: u32) -> Result<Self, FrameError> {
        check_size(width, height)?;
        if (width, height) == (self.width, self.height) {
            return Ok(self.clone());
        }
        Ok(super::scale::scale(self, width, height))
    }

    /// A part of the picture, which shares its planes. In I420 and NV12 the upper left corner moves to even numbers, up and
    /// left, where the chroma samples are.
    ///
    /// # Errors
    /// [`FrameError`] if the part is empty or reaches outside.
    pub fn crop(&self, x: u32, y: u32, width: u32, height: u32) -> Result<Self, FrameError> {
        check_size(width, height)?;
        let inside = |start: u32, len: u32, whole: u32| start.checked_add(len).is_some_and(|end| end <= whole);
        if !inside(x, width, self.width) || !inside(y, height, self.height) {
            return Err(FrameError::OutsidePicture);
        }
        let even = self.format.shapes().iter().map(|shape| shape.subsampling).max().unwrap_or(1);
        let (x, y) = (x - x % even, y - y % even);
        let planes = self.planes.iter().zip(self.format.shapes()).map(|(plane, shape)| {
            let (left, top) = ((x / shape.subsampling) as usize * shape.components, (y / shape.subsampling) as usize);
            Plane { data: plane.data.slice(top * plane.stride + left..), stride: plane.stride }
        });
        let part = Self::from_planes(self.format, width, height, planes)?;
        Ok(part.with_pts(self.pts, self.time_base))
    }

    /// A picture of the same size and time whose planes were just computed.
    pub(super) fn derive(
        &self,
        format: PixelFormat,
        width: u32,
        height: u32,
        planes: impl IntoIterator<Item = Plane>,
    ) -> Self {
        let planes: ArrayVec<Plane, 3> = planes.into_iter().collect();
        debug_assert_eq!(planes.len(), format.plane_count());
        Self { format, width, height, planes, pts: self.pts, time_base: self.time_base }
    }

    /// The plane itself, to be shared with another picture.
    pub(super) fn shared_plane(&self, index: usize) -> Option<Plane> {
        self.planes.get(index).cloned()
    }
}

impl fmt::Debug for VideoFrame {
    /// Everything but the pixels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VideoFrame")
            .field("format", &self.format)
            .field("width", &self.width)
            .field("height", &self.height)
            .field("pts", &self.pts)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plane").field("len", &self.data.len()).field("stride", &self.stride).finish()
    }
}

pub(crate) fn check_size(width: u32, height: u32) -> Result<(), FrameError> {
    let range = 1..=MAX_DIMENSION;
    if range.contains(&width) && range.contains(&height) {
        Ok(())
    } else {
        Err(FrameError::Dimensions { width, height })
    }
}

/// The planes of a buffer without gaps.
fn split_planes(format: PixelFormat, width: u32, height: u32, data: &mut [u8]) -> ArrayVec<&mut [u8], 3> {
    let mut rest = data;
    let sizes = format.shapes().iter().map(|shape| shape.size(width, height));
    sizes
        .map(|(row, rows)| {
            let (plane, tail) = std::mem::take(&mut rest).split_at_mut_checked(row * rows).unwrap_or_default();
            rest = tail;
            plane
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(format: PixelFormat, width: u32, height: u32) -> VideoFrame {
        let data: Vec<u8> = (0..format.byte_len(width, height)).map(|n| n as u8).collect();
        VideoFrame::from_bytes(format, width, height, data).unwrap()
    }

    #[test]
    fn sizes_are_checked() {
        let make = |w, h, len| VideoFrame::from_bytes(PixelFormat::I420, w, h, vec![0; len]);
        assert_eq!(make(0, 2, 0).unwrap_err(), FrameError::Dimensions { width: 0, height: 2 });
        assert!(matches!(make(16_385, 1, 0), Err(FrameError::Dimensions { .. })));
        assert_eq!(make(4, 4, 23).unwrap_err(), FrameError::PlaneSize { plane: 0, expected: 24, actual: 23 });
        assert!(make(4, 4, 24).is_ok());
        // Odd sizes round chroma up: 9 + 4 + 4.
        assert!(make(3, 3, 17).is_ok());
    }

    #[test]
    fn planes_are_checked() {
        let plane = |len: usize, stride| Plane { data: vec![0; len].into(), stride };
        let make = |planes: Vec<Plane>| VideoFrame::from_planes(PixelFormat::Gray8, 4, 3, planes);
        assert_eq!(make(vec![]).unwrap_err(), FrameError::PlaneCount { expected: 1, actual: 0 });
        assert_eq!(make(vec![plane(12, 4); 5]).unwrap_err(), FrameError::PlaneCount { expected: 1, actual: 4 });
        assert!(make(vec![plane(12, 3)]).is_err());
        assert!(make(vec![plane(12, usize::MAX)]).is_err());
        // The last row may end where its pixels do.
        assert!(make(vec![plane(24, 10)]).is_ok());
        assert!(make(vec![plane(23, 10)]).is_err());
    }

    #[test]
    fn a_crop_shares_the_planes() {
        let frame = counted(PixelFormat::I420, 16, 8);
        let part = frame.crop(5, 3, 4, 4).unwrap();
        let (whole, cut) = (frame.plane(0).unwrap(), part.plane(0).unwrap());
        // From (4, 2), the even corner up and left.
        assert_eq!(cut.row(0), &whole.row(2)[4..8]);
        assert_eq!(cut.row(0).as_ptr(), whole.row(2)[4..].as_ptr());
        assert_eq!(part.plane(1).unwrap().row(1), &frame.plane(1).unwrap().row(2)[2..4]);
        assert_eq!(part.plane(1).unwrap().row(2), &[] as &[u8]);
    }

    #[test]
    fn a_crop_outside_is_refused() {
        let frame = counted(PixelFormat::Rgb24, 16, 8);
        assert_eq!(frame.crop(13, 0, 4, 4).unwrap_err(), FrameError::OutsidePicture);
        assert_eq!(frame.crop(u32::MAX, 0, 4, 4).unwrap_err(), FrameError::OutsidePicture);
        assert!(frame.crop(0, 0, 0, 4).is_err());
        assert_eq!(frame.crop(12, 4, 4, 4).unwrap().plane(0).unwrap().row(3), &frame.plane(0).unwrap().row(7)[36..]);
    }

    #[test]
    fn a_run_of_bytes_survives() {
        for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Gray8, PixelFormat::Rgba] {
            let data: Vec<u8> = (0..format.byte_len(7, 5)).map(|n| n as u8).collect();
            assert_eq!(counted(format, 7, 5).to_vec(), data, "{format:?}");
        }
    }
}
