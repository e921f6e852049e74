//! Decoded frames of FFmpeg as frames of this crate.

use bytes::Bytes;
use ffmpeg_next::format::{Pixel, Sample, sample};
use ffmpeg_next::frame::{Audio, Video};
use ffmpeg_next::software::{resampling, scaling};
use ffmpeg_next::util::color;
use ffmpeg_next::{ChannelLayout, software};

use super::failed;
use super::raw::{self, Scaler};
use crate::container::ContainerError;
use crate::frame::Plane;
use crate::{AudioFrame, ColorMatrix, ColorSpace, FrameError, PixelFormat, VideoFrame};

/// Brings pictures of any format into I420.
#[derive(Default)]
pub(super) struct Pictures {
    scaler: Option<Scaler>,
}

impl Pictures {
    /// Its colors are what is `said` of them, else what the picture says.
    pub fn convert(&mut self, picture: &Video, said: Option<ColorSpace>) -> Result<VideoFrame, ContainerError> {
        let (width, height) = (picture.width(), picture.height());
        let colors = colors_of(picture, said);
        if picture.format() == Pixel::YUV420P {
            return Ok(i420(picture)?.from_color_space(colors));
        }
        let is_fit = |Scaler(scaler): &Scaler| {
            let input = scaler.input();
            (input.format, input.width, input.height) == (picture.format(), width, height)
        };
        self.scaler.take_if(|scaler| !is_fit(scaler));
        let Scaler(scaler) = match &mut self.scaler {
            Some(scaler) => scaler,
            none => {
                let (from, to) = (picture.format(), Pixel::YUV420P);
                let flags = scaling::Flags::BILINEAR | scaling::Flags::ACCURATE_RND;
                let scaler = scaling::Context::get(from, width, height, to, width, height, flags);
                none.insert(Scaler(scaler.map_err(failed("sws_getContext"))?))
            }
        };
        let mut out = Video::empty();
        scaler.run(picture, &mut out).map_err(failed("sws_scale"))?;
        Ok(i420(&out)?.from_color_space(colors))
    }
}

/// What is left to do once a picture is I420: the scaler brings the formats whose names say that they have the full range to the limited
/// one, and RGB to BT.601.
fn colors_of(picture: &Video, said: Option<ColorSpace>) -> ColorSpace {
    let is_brought = matches!(
        picture.format(),
        Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ444P | Pixel::YUVJ440P | Pixel::YUVJ411P
    );
    let matrix = match picture.color_space() {
        color::Space::BT709 => ColorMatrix::Bt709,
        color::Space::BT2020NCL | color::Space::BT2020CL => ColorMatrix::Bt2020,
        _ => ColorMatrix::Bt601,
    };
    let own = ColorSpace { matrix, full_range: picture.color_range() == color::Range::JPEG };
    let ColorSpace { matrix, full_range } = said.unwrap_or(own);
    ColorSpace { matrix, full_range: full_range && !is_brought }
}

fn i420(picture: &Video) -> Result<VideoFrame, FrameError> {
    let plane =
        |index: usize| Plane { data: Bytes::copy_from_slice(picture.data(index)), stride: picture.stride(index) };
    let planes = (0..picture.planes().min(3)).map(plane);
    VideoFrame::from_planes(PixelFormat::I420, picture.width(), picture.height(), planes)
}

/// Brings sound of any format into one or two channels.
#[derive(Default)]
pub(super) struct Sounds {
    mixer: Option<resampling::Context>,
}

impl Sounds {
    pub fn convert(&mut self, sound: &mut Audio) -> Result<AudioFrame, ContainerError> {
        let (rate, channels) = (sound.rate(), usize::from(sound.channels()));
        match (sound.format(), channels) {
            (Sample::F32(sample::Type::Planar), 1 | 2) => {
                let planes: Vec<&[f32]> = (0..channels).map(|channel| sound.plane(channel)).collect();
                Ok(AudioFrame::from_f32_planes(&planes, rate)?)
            }
            (Sample::I16(sample::Type::Planar), 1 | 2) => {
                let planes: Vec<&[i16]> = (0..channels).map(|channel| sound.plane(channel)).collect();
                Ok(AudioFrame::from_s16_planes(&planes, rate)?)
            }
            _ => self.mix(sound),
        }
    }

    fn mix(&mut self, sound: &mut Audio) -> Result<AudioFrame, ContainerError> {
        let (rate, from) = (sound.rate(), sound.format());
        raw::name_channels(sound);
        let layout = if sound.channel_layout().is_empty() {
            ChannelLayout::default(sound.channels().into())
        } else {
            sound.channel_layout()
        };
        let is_fit = |mixer: &resampling::Context| {
            let input = mixer.input();
            (input.format, input.rate) == (from, rate) && input.channel_layout == layout
        };
        self.mixer.take_if(|mixer| !is_fit(mixer));
        let to = Sample::F32(sample::Type::Planar);
        let mixed = if layout.channels() == 1 { ChannelLayout::MONO } else { ChannelLayout::STEREO };
        let mixer = match &mut self.mixer {
            Some(mixer) => mixer,
            none => {
                let mixer = software::resampler((from, layout, rate), (to, mixed, rate));
                none.insert(mixer.map_err(failed("swr_init"))?)
            }
        };
        let mut out = Audio::empty();
        mixer.run(sound, &mut out).map_err(failed("swr_convert"))?;
        let planes: Vec<&[f32]> = (0..usize::from(out.channels().min(2))).map(|channel| out.plane(channel)).collect();
        Ok(AudioFrame::from_f32_planes(&planes, rate)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards: the full range is brought to the limited one once, whoever says that it is full.
    #[test]
    fn white_of_the_full_range_becomes_white_of_the_limited_one() {
        let full = ColorSpace { full_range: true, ..ColorSpace::default() };
        for (format, said) in [(Pixel::YUVJ420P, None), (Pixel::YUVJ420P, Some(full)), (Pixel::YUV420P, Some(full))] {
            let mut white = Video::new(format, 64, 48);
            white.set_color_range(color::Range::JPEG);
            white.data_mut(0).fill(255);
            (1..3).for_each(|chroma| white.data_mut(chroma).fill(128));
            let brought = Pictures::default().convert(&white, said).unwrap().to_vec();
            let (luma, chroma) = brought.split_at(64 * 48);
            assert!(luma.iter().all(|luma| luma.abs_diff(235) <= 1), "{format:?} {said:?}: {}", luma[0]);
            assert!(chroma.iter().all(|chroma| chroma.abs_diff(128) <= 1), "{format:?} {said:?}: {}", chroma[0]);
        }
    }
}
