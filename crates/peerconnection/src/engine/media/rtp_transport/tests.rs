//! Feedback on its way to the sender that it is about.

use super::super::parameters::{CodecFeedback, RtpCodecParameters, RtpEncodingParameters, RtpSendParameters};
use super::*;
use ortica_codecs::Codec;
use ortica_codecs::codec::Form;
use ortica_core::NtpTime;
use ortica_rtp::PayloadType;
use ortica_rtp::rtcp::Remb;

/// One encoding of VP8.
fn sending(ssrc: u32, max_bitrate: Option<u64>) -> RtpSendParameters {
    let vp8 = RtpCodecParameters {
        form: Form::from(Codec::Vp8),
        payload_type: PayloadType(96),
        rtx: None,
        redundancy: None,
        comfort_noise: None,
        feedback: CodecFeedback::default(),
    };
    RtpSendParameters {
        mid: None,
        codecs: vec![vp8],
        telephone_events: Vec::new(),
        header_extensions: ExtensionMap::new(),
        encodings: vec![RtpEncodingParameters { max_bitrate, ..RtpEncodingParameters::new(Ssrc(ssrc)) }],
        max_bitrate: None,
        reduced_size_rtcp: false,
    }
}

/// Guards: `handle_remb`, and that it goes by the streams which the message names.
#[test]
fn a_remb_bounds_what_the_encoder_of_its_stream_aims_at() {
    let now = Instant::from_nanos(0);
    let mut transport = RtpTransport::new(WallClock::new(now, NtpTime(0)), "cname", Rng::from_number(1), now);
    let limits = [Some(2_000_000), None];
    for (number, limit) in (0..).zip(limits) {
        transport.add_sender(SenderId(number), MediaKind::Video);
        transport.start_sending(now, SenderId(number), &sending(10 + number, limit)).unwrap();
    }
    let aims = |transport: &mut RtpTransport| {
        [0, 1].map(|number| {
            let targets = transport.sender(SenderId(number)).unwrap().take_targets().next();
            targets.unwrap().max_bitrate
        })
    };
    assert_eq!(aims(&mut transport), limits);
    let mut hear = |bitrate, ssrcs: &[u32]| {
        let remb = Remb { sender: Ssrc(1), bitrate, ssrcs: ssrcs.iter().map(|ssrc| Ssrc(*ssrc)).collect() };
        transport.handle_rtcp_packet(now, RtcpPacket::Remb(remb), &mut VecDeque::new());
        aims(&mut transport)
    };
    assert_eq!(hear(500_000, &[10]), [Some(500_000), None]);
    assert_eq!(hear(300_000, &[99]), [Some(500_000), None], "of a stream that nobody sends");
    assert_eq!(hear(4_000_000, &[10, 11]), [Some(2_000_000), Some(4_000_000)], "the parameters bound it too");
}
