//! Packets of RTP in the application's hands: as they came, or to be sent on in a stream of ours.

use bytes::Bytes;
use ortica_codecs::codec::Form;
use ortica_codecs::{Codec, MediaKind, payload};
use ortica_core::{DecodeError, Instant, NtpTime};
use ortica_rtp::header_extension::{AudioLevel, ColorSpace, VideoOrientation};
use ortica_rtp::{Packet, Rid, RtpTimestamp, SequenceNumber, Ssrc};

/// A packet of RTP without what belongs to one connection alone: its payload type, and extensions such as the number of the
/// packet among all. Clones share the payload.
///
/// Source: [RFC 3550 §5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RtpPacket {
    /// What the payload is, and in which form.
    pub form: Form,
    /// The stream.
    pub ssrc: Ssrc,
    /// Its place in the stream.
    pub sequence_number: SequenceNumber,
    /// The sampling instant of the payload, in ticks of the codec's clock.
    pub timestamp: RtpTimestamp,
    /// The last packet of a picture, or the first one of sound after silence.
    pub marker: bool,
    /// Whose media a mixer put into it, at most 15: more are not sent.
    pub csrcs: Vec<Ssrc>,
    /// How loud its sound is, if it says so.
    pub audio_level: Option<AudioLevel>,
    /// How the picture that it completes is to be turned, if it says so.
    pub video_orientation: Option<VideoOrientation>,
    /// What the colors of the picture are that it completes, and of those after it, if it says so.
    pub color_space: Option<ColorSpace>,
    /// A picture begins here that can be decoded without any before it. Of sound: always.
    pub starts_key_frame: bool,
    /// The payload tells of a key of a telephone or another event in place of sound, in ticks of the codec's clock
    /// ([RFC 4733](https://www.rfc-editor.org/rfc/rfc4733#section-2.3)).
    pub is_telephone_event: bool,
    /// It describes silence, in place of sound (RFC 3389): sent where the other side takes such beside the codec.
    pub is_comfort_noise: bool,
    /// The layer that it is of, where several come side by side (simulcast).
    pub rid: Option<Rid>,
    /// When it came; `None` for one that the application made.
    pub arrived: Option<Instant>,
    /// The moment that `timestamp` stands for, on the clock of who sent it, once that is known.
    pub captured: Option<NtpTime>,
    /// The payload without padding; empty for a packet of padding alone, and for a telephone event with another clock than the
    /// codec's.
    pub payload: Bytes,
}

impl RtpPacket {
    /// Reads a packet that came by another way than a connection, as from a camera or another program, and holds such payloads.
    ///
    /// # Errors
    /// [`DecodeError`] for what is no packet.
    pub fn parse(form: impl Into<Form>, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (form, packet) = (form.into(), Packet::parse(bytes)?);
        let format = payload::depacketizer(form.codec(), payload::Limits::default());
        let info = format.inspect(packet.payload(), packet.marker());
        Ok(Self::of(form, &packet, info.is_ok_and(|info| info.key_frame)))
    }

    /// A packet as it came, of which extensions and times are not known yet.
    pub(super) fn of(form: Form, packet: &Packet<'_>, starts_key_frame: bool) -> Self {
        Self {
            form,
            ssrc: packet.ssrc(),
            sequence_number: packet.sequence_number(),
            timestamp: packet.timestamp(),
            marker: packet.marker(),
            csrcs: packet.csrcs().collect(),
            audio_level: None,
            video_orientation: None,
            color_space: None,
            starts_key_frame,
            is_telephone_event: false,
            is_comfort_noise: false,
            rid: None,
            arrived: None,
            captured: None,
            payload: Bytes::copy_from_slice(packet.payload()),
        }
    }

    /// What the payload is.
    pub fn codec(&self) -> Codec {
        self.form.codec()
    }

    /// Sound or picture.
    pub fn kind(&self) -> MediaKind {
        self.codec().kind()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_rtp::{Header, PayloadType};

    fn packet(payload: &[u8]) -> Vec<u8> {
        let header = Header {
            marker: true,
            payload_type: PayloadType(101),
            sequence_number: SequenceNumber(7),
            timestamp: RtpTimestamp(9),
            ssrc: Ssrc(3),
            ..Header::default()
        };
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn a_packet_from_elsewhere_tells_where_key_frames_begin() {
        let begins = |payload: &[u8]| RtpPacket::parse(Codec::Vp8, &packet(payload)).unwrap().starts_key_frame;
        assert!(begins(&[0x10, 0, 1, 2]) && !begins(&[0x10, 1, 1, 2]) && !begins(&[0, 0, 1, 2]));
        let parsed = RtpPacket::parse(Codec::Opus, &packet(&[0xf8, 1])).unwrap();
        assert!(parsed.starts_key_frame && parsed.marker);
        assert_eq!(
            (parsed.ssrc, parsed.sequence_number, parsed.timestamp),
            (Ssrc(3), SequenceNumber(7), RtpTimestamp(9))
        );
        assert_eq!(&parsed.payload[..], [0xf8, 1]);
        assert!(RtpPacket::parse(Codec::Opus, &[0x80, 1, 2]).is_err());
    }
}
