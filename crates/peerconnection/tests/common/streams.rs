//! Calls that carry sound and pictures, and streams beside those that were negotiated.

use super::Side;
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::Instant;
use ortica::engine::{CodecFeedback, RtpCodecParameters, RtpEncodingParameters, RtpSendParameters, SenderId};
use ortica::rtp::header_extension::ExtensionMap;
use ortica::rtp::{PayloadType, Ssrc};
use std::time::Duration;

/// Two sides that have G.711 and VP8; nothing is negotiated.
pub fn pair(seed: u64, link: Link) -> Pair<Side> {
    let mut a = Side::new(seed * 2 + 1, Pair::<Side>::A);
    let mut b = Side::new(seed * 2 + 2, Pair::<Side>::B);
    for side in [&mut a, &mut b] {
        side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    }
    Pair::new(seed, link, a, b)
}

/// Runs until both sides are connected.
pub fn connect(pair: &mut Pair<Side>) {
    let is_up = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(30), |a, b| is_up(a) && is_up(b)).expect("both connect");
}

/// Sends nothing but a frame of sound in a stream of its own, beside the media that were negotiated: under `ssrc`, or under a
/// number that nobody has.
pub fn add_stream(side: &mut Side, now: Instant, ssrc: Option<Ssrc>) -> SenderId {
    let session = side.peer.session_mut();
    let transport = session.transports().next().expect("a transport");
    let sender = session.add_sender(transport, MediaKind::Audio).expect("there is room");
    let codec = RtpCodecParameters {
        form: Codec::Pcmu.into(),
        payload_type: PayloadType(0),
        rtx: None,
        redundancy: None,
        comfort_noise: None,
        feedback: CodecFeedback::default(),
    };
    let ssrc = ssrc.unwrap_or_else(|| session.draw_ssrc());
    let parameters = RtpSendParameters {
        mid: None,
        codecs: vec![codec],
        telephone_events: Vec::new(),
        header_extensions: ExtensionMap::new(),
        encodings: vec![RtpEncodingParameters::new(ssrc)],
        max_bitrate: None,
        reduced_size_rtcp: false,
    };
    session.start_sending(now, sender, &parameters).expect("it can be sent");
    let sound = EncodedFrame::new(Codec::Pcmu, vec![0; 160], 0).with_duration(160);
    session.send_frame(now, sender, &sound).expect("there is room");
    sender
}
