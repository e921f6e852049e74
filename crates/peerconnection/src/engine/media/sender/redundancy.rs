//! Packets of sound that carry the frames before theirs as well.
//!
//! Source: [RFC 2198](https://www.rfc-editor.org/rfc/rfc2198)

use crate::engine::media::parameters::RtpCodecParameters;
use ortica_codecs::MediaKind;
use ortica_codecs::payload::Payload;
use ortica_codecs::payload::red::RedPacketizer;
use ortica_rtp::{PayloadType, RtpTimestamp};

/// What goes with the packets of an encoding.
#[derive(Debug, Default)]
pub(super) struct Redundancy(Option<Wrapping>);

#[derive(Debug)]
struct Wrapping {
    codec: RtpCodecParameters,
    payload_type: PayloadType,
    packetizer: RedPacketizer,
}

impl Redundancy {
    /// For packets of that format from now on.
    pub fn configure(&mut self, codec: RtpCodecParameters) {
        if self.0.as_ref().is_some_and(|wrapping| wrapping.codec == codec) {
            return;
        }
        // A retransmission would say of what it repeats that it is a packet of the codec.
        let is_possible = codec.codec().kind() == MediaKind::Audio && codec.rtx.is_none();
        let redundancy = codec.redundancy.filter(|_| is_possible);
        self.0 = redundancy.map(|it| Wrapping {
            codec,
            payload_type: it.payload_type,
            packetizer: RedPacketizer::new(codec.payload_type, it.earlier.into()),
        });
    }

    /// What was sent so far is not sent again.
    pub fn forget(&mut self) {
        if let Some(wrapping) = &mut self.0 {
            wrapping.packetizer.forget();
        }
    }

    /// The payload with those before it and its payload type; `None` if it goes as it is.
    pub fn wrap(&mut self, timestamp: RtpTimestamp, payload: &Payload, max: usize) -> Option<(PayloadType, Payload)> {
        let wrapping = self.0.as_mut()?;
        Some((wrapping.payload_type, wrapping.packetizer.wrap(timestamp, payload, max)?))
    }
}
