//! Encoders of sound that files want and RTP does not: AAC and MP3.

use ffmpeg_next::codec::{self, Id, encoder};
use ffmpeg_next::format::{Sample, sample};
use ffmpeg_next::{ChannelLayout, Error, Packet, Rational, frame};

use super::failed;
use crate::container::ContainerError;
use crate::frame::AudioAdapter;
use crate::{AudioFrame, TimeBase};

/// Aimed at, in bits per second and channel.
const BITRATE: usize = 64_000;
/// Sampled like this, which both know.
const SAMPLE_RATE: u32 = 48_000;

/// Encodes sound of any shape.
pub(super) struct SoundEncoder {
    pub encoder: encoder::Audio,
    adapter: AudioAdapter,
    packet: Packet,
}

impl SoundEncoder {
    /// The encoder of a codec, in one or two channels. `header`: what decoding begins with is kept out of the packets.
    pub fn new(id: Id, channels: u8, header: bool) -> Result<Self, ContainerError> {
        let found = encoder::find(id);
        let lack = || ContainerError::Library { call: "avcodec_find_encoder", reason: format!("no {}", id.name()) };
        let found = found.ok_or_else(lack)?;
        let mut context = codec::Context::new_with_codec(found);
        if header {
            context.set_flags(codec::Flags::GLOBAL_HEADER);
        }
        let mut encoder = context.encoder().audio().map_err(failed("avcodec_alloc_context3"))?;
        encoder.set_rate(SAMPLE_RATE as i32);
        encoder.set_format(Sample::F32(sample::Type::Planar));
        encoder.set_channel_layout(layout(channels));
        encoder.set_bit_rate(BITRATE * usize::from(channels));
        encoder.set_time_base(Rational(1, SAMPLE_RATE as i32));
        let encoder = encoder.open_as(found).map_err(failed("avcodec_open2"))?;
        let adapter = AudioAdapter::new(SAMPLE_RATE, channels, encoder.frame_size().max(1) as usize)?;
        Ok(Self { encoder, adapter, packet: Packet::empty() })
    }

    /// Encodes sound; `put` gets what comes of it.
    pub fn encode(
        &mut self,
        sound: &AudioFrame,
        put: impl FnMut(&mut Packet) -> Result<(), ContainerError>,
    ) -> Result<(), ContainerError> {
        let mut shaped = Vec::new();
        self.adapter.push(sound, &mut shaped)?;
        self.send(&shaped, put)
    }

    /// Encodes what is left.
    pub fn finish(
        &mut self,
        mut put: impl FnMut(&mut Packet) -> Result<(), ContainerError>,
    ) -> Result<(), ContainerError> {
        let mut shaped = Vec::new();
        self.adapter.flush(&mut shaped)?;
        self.send(&shaped, &mut put)?;
        self.encoder.send_eof().map_err(failed("avcodec_send_frame"))?;
        self.receive(put)
    }

    fn send(
        &mut self,
        shaped: &[AudioFrame],
        mut put: impl FnMut(&mut Packet) -> Result<(), ContainerError>,
    ) -> Result<(), ContainerError> {
        for sound in shaped {
            let mut raw = frame::Audio::new(self.encoder.format(), sound.len(), self.encoder.channel_layout());
            raw.set_rate(SAMPLE_RATE);
            raw.set_pts(Some(sound.pts()));
            for (channel, samples) in sound.to_f32_planes().iter().enumerate() {
                raw.plane_mut::<f32>(channel).copy_from_slice(samples);
            }
            self.encoder.send_frame(&raw).map_err(failed("avcodec_send_frame"))?;
            self.receive(&mut put)?;
        }
        Ok(())
    }

    fn receive(
        &mut self,
        mut put: impl FnMut(&mut Packet) -> Result<(), ContainerError>,
    ) -> Result<(), ContainerError> {
        loop {
            match self.encoder.receive_packet(&mut self.packet) {
                Ok(()) => put(&mut self.packet)?,
                // It wants more first, or has given all.
                Err(Error::Other { errno: ffmpeg_next::error::EAGAIN } | Error::Eof) => return Ok(()),
                Err(error) => return Err(failed("avcodec_receive_packet")(error)),
            }
        }
    }
}

/// The unit of what it gives.
pub(super) const fn time_base() -> TimeBase {
    TimeBase::per_second(SAMPLE_RATE)
}

fn layout(channels: u8) -> ChannelLayout {
    if channels == 1 { ChannelLayout::MONO } else { ChannelLayout::STEREO }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards: what is missing is told by its name, and what fails is told at all. FFmpeg has no encoder of Cook, and none goes on after its
    /// end.
    #[test]
    fn an_encoder_that_is_missing_or_fails_is_an_error() {
        super::super::init().unwrap();
        let missing = SoundEncoder::new(Id::COOK, 2, false).err();
        assert!(
            matches!(&missing, Some(ContainerError::Library { reason, .. }) if reason.contains("cook")),
            "{missing:?}"
        );
        let mut encoder = SoundEncoder::new(Id::AAC, 1, false).unwrap();
        let sound = AudioFrame::silence(4_096, SAMPLE_RATE, 1).unwrap();
        let mut packets = 0;
        let mut count = |_: &mut Packet| {
            packets += 1;
            Ok(())
        };
        encoder.encode(&sound, &mut count).unwrap();
        encoder.finish(&mut count).unwrap();
        let failed = encoder.encode(&sound, &mut count).err();
        assert!(matches!(&failed, Some(ContainerError::Library { .. })), "{failed:?}");
        assert!((4..=6).contains(&packets), "{packets}");
    }
}
