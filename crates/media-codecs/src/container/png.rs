//! PNG: one picture, without loss.
//!
//! Source: [PNG specification](https://www.w3.org/TR/png/)

use std::io::Write;

use super::ContainerError;
use crate::frame::{PixelFormat, VideoFrame};

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Eight bits a channel, red, green and blue, without interlacing.
const SHAPE: [u8; 5] = [8, 2, 0, 0, 0];
/// Each row holds the differences to the one above it.
const FILTER_UP: u8 = 2;
/// Of zlib's ten.
const LEVEL: u8 = 6;

/// Writes `frame` in RGB.
///
/// # Errors
/// [`ContainerError::Io`] from the file.
pub fn write_png(mut out: impl Write, frame: &VideoFrame) -> Result<(), ContainerError> {
    let frame = frame.to_rgb();
    let header = [&frame.width().to_be_bytes()[..], &frame.height().to_be_bytes(), &SHAPE].concat();
    let data = miniz_oxide::deflate::compress_to_vec_zlib(&filter(&frame), LEVEL);
    out.write_all(&SIGNATURE)?;
    write_chunk(&mut out, *b"IHDR", &header)?;
    write_chunk(&mut out, *b"IDAT", &data)?;
    write_chunk(&mut out, *b"IEND", &[])?;
    Ok(out.flush()?)
}

fn filter(frame: &VideoFrame) -> Vec<u8> {
    debug_assert_eq!(frame.format(), PixelFormat::Rgb24);
    let mut filtered = Vec::with_capacity(frame.height() as usize * (1 + frame.width() as usize * 3));
    let Some(plane) = frame.plane(0) else { return filtered };
    let blank = vec![0; plane.row_len()];
    for (row, above) in plane.rows().zip(std::iter::once(&blank[..]).chain(plane.rows())) {
        filtered.push(FILTER_UP);
        filtered.extend(row.iter().zip(above).map(|(byte, above)| byte.wrapping_sub(*above)));
    }
    filtered
}

fn write_chunk(out: &mut impl Write, name: [u8; 4], data: &[u8]) -> Result<(), ContainerError> {
    let len = u32::try_from(data.len()).map_err(|_| ContainerError::Malformed("PNG length"))?;
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&name);
    checksum.update(data);
    out.write_all(&len.to_be_bytes())?;
    out.write_all(&name)?;
    out.write_all(data)?;
    Ok(out.write_all(&checksum.finalize().to_be_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::MovingPicture;

    #[test]
    fn the_pixels_come_back_when_the_filter_is_undone() {
        let frame = MovingPicture::new(96, 64, 30).unwrap().picture(5);
        let mut file = Vec::new();
        write_png(&mut file, &frame).unwrap();
        assert!(file.starts_with(&SIGNATURE));
        assert_eq!(file[8..29], *b"\0\0\0\x0dIHDR\0\0\0\x60\0\0\0\x40\x08\x02\0\0\0");
        assert!(file.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"));
        let len = u32::from_be_bytes(file[33..37].try_into().unwrap()) as usize;
        assert_eq!((&file[37..41], file.len()), (&b"IDAT"[..], 33 + 12 + len + 12));
        let rows = miniz_oxide::inflate::decompress_to_vec_zlib(&file[41..41 + len]).unwrap();
        let mut above = vec![0u8; 96 * 3];
        for (row, expected) in rows.chunks(1 + 96 * 3).zip(frame.to_rgb().plane(0).unwrap().rows()) {
            assert_eq!(row[0], FILTER_UP);
            above.iter_mut().zip(&row[1..]).for_each(|(above, byte)| *above = above.wrapping_add(*byte));
            assert_eq!(above, expected);
        }
    }
}
