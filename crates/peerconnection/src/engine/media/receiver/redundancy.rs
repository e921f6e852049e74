//! Packets that carry copies of those before them.
//!
//! Source: [RFC 2198](https://www.rfc-editor.org/rfc/rfc2198)

use super::stream::{Buffer, Stream};
use crate::engine::ReceiverStats;
use crate::engine::media::parameters::RtpReceiveParameters;
use ortica_codecs::payload::red::{Block, EarlierBlocks, RedPayload};
use ortica_core::{DecodeError, Instant};
use ortica_rtp::Packet;

/// A packet as it would be by itself, and what came with it.
pub(super) struct Unwrapped<'a> {
    pub packet: Packet<'a>,
    pub copies: EarlierBlocks<'a>,
}

impl<'a> Unwrapped<'a> {
    /// Takes a packet out of its wrapping, if it has one.
    pub fn of(parameters: &RtpReceiveParameters, packet: &Packet<'a>) -> Result<Self, DecodeError> {
        let Some(codec) = parameters.redundant(packet.payload_type()) else {
            return Ok(Self { packet: *packet, copies: EarlierBlocks::new() });
        };
        // Padding alone.
        if packet.payload().is_empty() {
            return Ok(Self { packet: packet.with_payload(codec.payload_type, &[]), copies: EarlierBlocks::new() });
        }
        let RedPayload { redundant, primary } = RedPayload::decode(packet.payload(), packet.payload_type())?;
        Ok(Self { packet: packet.with_payload(primary.payload_type, primary.data), copies: redundant })
    }
}

/// What came as copies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CopyStats {
    packets: u64,
    bytes: u64,
    discarded: u64,
}

impl Stream {
    /// Copies have come in a packet that was inserted. They take the places of what is missing.
    pub(super) fn handle_copies(&mut self, now: Instant, carrier: &Packet<'_>, copies: &[Block<'_>]) {
        let Buffer::Audio(buffer) = &mut self.buffer else { return };
        for copy in copies.iter().rev().filter(|copy| !copy.data.is_empty()) {
            self.copies.packets += 1;
            self.copies.bytes += copy.data.len() as u64;
            let timestamp = carrier.timestamp() - u32::from(copy.offset);
            let is_known = copy.payload_type == self.codec.payload_type;
            let taken = is_known.then(|| buffer.insert_copy(now, carrier.sequence_number(), timestamp, copy.data));
            match taken.flatten() {
                Some(number) => self.receive.handle_restored(now, number),
                None => self.copies.discarded += 1,
            }
        }
    }

    pub(super) fn add_copy_stats(&self, stats: &mut ReceiverStats) {
        stats.fec_packets_received = self.copies.packets;
        stats.fec_bytes_received = self.copies.bytes;
        stats.fec_packets_discarded = self.copies.discarded;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ReceivedFrame, Receiver};
    use super::*;
    use crate::engine::{CodecFeedback, Limits, RtpCodecParameters, RtpRedundancy};
    use ortica_codecs::{Codec, MediaKind};
    use ortica_rtp::header_extension::{ExtensionMap, Values};
    use ortica_rtp::{Header, PayloadType, RtpTimestamp, SequenceNumber, Ssrc};

    const OPUS: PayloadType = PayloadType(111);
    const RED: PayloadType = PayloadType(63);
    const PCMU: PayloadType = PayloadType(0);

    fn receiver() -> Receiver {
        let redundancy = Some(RtpRedundancy { payload_type: RED, earlier: 1 });
        let feedback = CodecFeedback::default();
        let opus = RtpCodecParameters {
            form: Codec::Opus.into(),
            payload_type: OPUS,
            rtx: None,
            redundancy,
            comfort_noise: None,
            feedback,
        };
        let pcmu = RtpCodecParameters { form: Codec::Pcmu.into(), payload_type: PCMU, redundancy: None, ..opus };
        let mut receiver = Receiver::new(MediaKind::Audio);
        let parameters = RtpReceiveParameters {
            mid: None,
            codecs: vec![opus, pcmu],
            telephone_events: Vec::new(),
            header_extensions: ExtensionMap::new(),
            ssrcs: Vec::new(),
            rids: Vec::new(),
            descriptions: Vec::new(),
            reduced_size_rtcp: false,
        };
        receiver.start(parameters).unwrap();
        receiver
    }

    fn receive(receiver: &mut Receiver, payload_type: PayloadType, number: u16, payload: &[u8]) -> bool {
        let timestamp = RtpTimestamp(u32::from(number) * 960);
        let sequence_number = SequenceNumber(number);
        let mut bytes = Vec::new();
        Header { payload_type, ssrc: Ssrc(1), sequence_number, timestamp, ..Header::default() }.write(&mut bytes);
        bytes.extend_from_slice(payload);
        let packet = Packet::parse(&bytes).unwrap();
        receiver.handle_packet(Instant::from_nanos(0), &Limits::default(), &packet, (&Values::default(), None))
    }

    /// The second bytes of the frames that are given out.
    fn heard(receiver: &mut Receiver) -> Vec<Option<u8>> {
        let frames = std::iter::from_fn(|| receiver.read());
        let second = |received| match received {
            ReceivedFrame::Frame { frame, .. } => frame.data.get(1).copied(),
            _ => None,
        };
        frames.map(second).collect()
    }

    /// Guards `Receiver::handle_packet`: what is no payload is counted, and neither begins a stream nor makes a sound.
    #[test]
    fn pay_4_what_is_malformed_is_counted_and_dropped() {
        let mut receiver = receiver();
        assert!(!receive(&mut receiver, RED, 0, &[RED.0, 1]));
        assert_eq!(receiver.stats().ssrc, None);
        assert!(receive(&mut receiver, RED, 1, &[OPUS.0, 0x78, 1]));
        let too_many = [[0x80 | OPUS.0, 0, 4, 0].repeat(9), vec![OPUS.0, 0x78]].concat();
        for (number, payload) in (2..).zip([&[RED.0, 1][..], &[0x80 | OPUS.0, 0, 4, 3, OPUS.0, 1, 2], &too_many]) {
            assert!(!receive(&mut receiver, RED, number, payload));
        }
        let stats = receiver.stats();
        assert_eq!((stats.packets_received, stats.frames_malformed, stats.fec_packets_received), (4, 3, 0));
        assert_eq!(heard(&mut receiver), [Some(1)]);
    }

    /// Guards what is taken for a copy: neither another codec nor nothing at all.
    #[test]
    fn copies_of_another_codec_are_discarded() {
        let mut receiver = receiver();
        receive(&mut receiver, RED, 1, &[OPUS.0, 0x78, 1]);
        let other = [0x80 | PCMU.0, 0x0f, 0, 2, OPUS.0, 7, 7, 0x78, 3];
        assert!(receive(&mut receiver, RED, 3, &other));
        let nothing = [0x80 | OPUS.0, 0x1e, 0, 0, OPUS.0, 0x78, 4];
        assert!(receive(&mut receiver, RED, 4, &nothing));
        assert_eq!(heard(&mut receiver), [Some(1)], "2 is waited for");
        let stats = receiver.stats();
        assert_eq!((stats.fec_packets_received, stats.fec_bytes_received, stats.fec_packets_discarded), (1, 2, 1));
        // 1,920 ticks before 4.
        assert!(receive(&mut receiver, RED, 4, &[0x80 | OPUS.0, 0x1e, 0, 2, OPUS.0, 0x78, 2, 0x78, 4]));
        assert_eq!(heard(&mut receiver), [Some(2), Some(3), Some(4)], "a packet that comes twice may bring one");
        // Padding alone fills a gap.
        assert!(receive(&mut receiver, RED, 5, &[]) && receive(&mut receiver, OPUS, 6, &[0x78, 6]));
        assert_eq!(heard(&mut receiver), [Some(6)]);
    }
}
