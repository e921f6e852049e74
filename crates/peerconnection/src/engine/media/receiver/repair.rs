//! The stream in which packets of another one come again, and padding.

use crate::engine::ReceiverStats;
use ortica_core::Instant;
use ortica_rtp::Packet;
use ortica_rtp::session::receiver::{Arrival, Config, ReceiveStream};

/// A stream of retransmissions, and how much came in it and in those before it.
#[derive(Debug, Default)]
pub(in crate::engine::media) struct Repair {
    stream: Option<ReceiveStream>,
    packets: u64,
    bytes: u64,
    header_bytes: u64,
}

impl Repair {
    /// A packet has come, of a stream whose timestamps count `clock_rate` in a second. `false` if it is of no use.
    pub fn handle_packet(&mut self, now: Instant, packet: &Packet<'_>, clock_rate: u32) -> bool {
        self.stream.take_if(|stream| stream.ssrc() != packet.ssrc());
        let stream = self.stream.get_or_insert_with(|| ReceiveStream::new(Config::new(packet.ssrc(), clock_rate)));
        if stream.handle_packet(now, packet) == Arrival::Stray {
            return false;
        }
        self.packets += 1;
        self.bytes += packet.payload().len() as u64;
        self.header_bytes += (packet.header_len() + usize::from(packet.padding_len())) as u64;
        true
    }

    /// The stream, to report on.
    pub fn stream(&mut self) -> Option<&mut ReceiveStream> {
        self.stream.as_mut()
    }

    pub fn add_stats(&self, stats: &mut ReceiverStats) {
        stats.rtx_ssrc = self.stream.as_ref().map(ReceiveStream::ssrc);
        stats.retransmitted_packets_received = self.packets;
        stats.retransmitted_bytes_received = self.bytes;
        stats.retransmitted_header_bytes_received = self.header_bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Receiver;
    use super::*;
    use crate::engine::{CodecFeedback, Limits, RtpCodecParameters, RtpReceiveParameters};
    use ortica_codecs::{Codec, MediaKind};
    use ortica_rtp::header_extension::{ExtensionMap, Values};
    use ortica_rtp::{Header, PayloadType, Ssrc, packet};

    const MEDIA: (PayloadType, Ssrc) = (PayloadType(96), Ssrc(1));
    const AGAIN: (PayloadType, Ssrc) = (PayloadType(97), Ssrc(2));

    fn receive(
        receiver: &mut Receiver,
        (payload_type, ssrc): (PayloadType, Ssrc),
        payload: &[u8],
        padding: u8,
    ) -> bool {
        let header = Header { payload_type, ssrc, padding: padding > 0, ..Header::default() };
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        bytes.extend_from_slice(payload);
        if padding > 0 {
            packet::write_padding(padding, &mut bytes);
        }
        let packet = Packet::parse(&bytes).unwrap();
        let values = Values::default();
        receiver.handle_packet(Instant::from_nanos(0), &Limits::default(), &packet, (&values, None))
    }

    /// Guards: Chromium looks for bandwidth with padding before there is a picture, and counts that as sent.
    #[test]
    fn padding_before_the_first_picture_counts() {
        let mut receiver = Receiver::new(MediaKind::Video);
        let feedback = CodecFeedback::default();
        let codec = RtpCodecParameters {
            form: Codec::Vp8.into(),
            payload_type: MEDIA.0,
            rtx: Some(AGAIN.0),
            redundancy: None,
            comfort_noise: None,
            feedback,
        };
        let parameters = RtpReceiveParameters {
            mid: None,
            codecs: vec![codec],
            telephone_events: Vec::new(),
            header_extensions: ExtensionMap::new(),
            ssrcs: Vec::new(),
            rids: Vec::new(),
            descriptions: Vec::new(),
            reduced_size_rtcp: false,
        };
        receiver.start(parameters).unwrap();
        assert!(receive(&mut receiver, AGAIN, &[], 255));
        assert_eq!(receiver.stats().retransmitted_packets_received, 0, "of no stream yet");
        receive(&mut receiver, MEDIA, &[0x10, 0], 0);
        let stats = receiver.stats();
        assert_eq!((stats.packets_received, stats.bytes_received), (1, 2));
        assert_eq!((stats.retransmitted_packets_received, stats.retransmitted_bytes_received), (1, 0));
        assert_eq!((stats.rtx_ssrc, stats.retransmitted_header_bytes_received), (Some(AGAIN.1), 12 + 255));
    }
}
