//! `webrtc-extensions/RTCRtpEncodingParameters-scaleResolutionDownTo`: at which size pictures are sent, by what their encoders say.

use super::sockets::negotiate;
use ortica::codecs::{Codec, TimeBase, VideoFrame};
use ortica::jsep::TransceiverInit;
use ortica::parameters::{Resolution, RtpEncodingParameters};
use ortica::{Configuration, Events, LocalTrack, PeerConnection, RtpSender};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{interval, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

/// A call that sends one track with the encodings of the test's choice.
struct Call {
    track: LocalTrack,
    sender: RtpSender,
    number: i64,
    _ends: [(PeerConnection, Events); 2],
}

impl Call {
    async fn new(encodings: Vec<RtpEncodingParameters>) -> Self {
        let connection = || {
            let codecs = Configuration::default().with_gather_loopback(true).with_codecs(vec![Codec::Vp8]);
            PeerConnection::new(codecs).unwrap()
        };
        let ends = [connection(), connection()];
        let [(a, _), (b, _)] = &ends;
        let track = LocalTrack::video();
        let init = TransceiverInit { send_encodings: encodings, ..TransceiverInit::default() };
        let sender = a.add_transceiver(&track, init).unwrap().sender();
        negotiate(a, b).await;
        timeout(PATIENCE, a.connected()).await.expect("in time").expect("connects");
        Self { track, sender, number: 0, _ends: ends }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<RtpEncodingParameters>)) {
        let mut parameters = self.sender.parameters().unwrap();
        change(&mut parameters.encodings);
        self.sender.set_parameters(parameters).unwrap();
    }

    /// Sends pictures of that size until each encoding has sent one of the size that is named for it, in its order.
    async fn assert_sent(&mut self, (width, height): (u32, u32), expected: &[(u32, u32)]) {
        let mut ticks = interval(Duration::from_millis(20));
        let sent = async {
            loop {
                ticks.tick().await;
                let picture = VideoFrame::black(width, height).unwrap();
                let at = TimeBase::per_second(50).rescale(self.number, TimeBase::VIDEO);
                self.number += 1;
                self.track.write_video(picture.with_pts(at, TimeBase::VIDEO)).unwrap();
                if sizes(&self.sender) == expected {
                    return;
                }
            }
        };
        let outcome = timeout(PATIENCE, sent).await;
        assert!(outcome.is_ok(), "{expected:?} of {width}x{height}, and not {:?}", sizes(&self.sender));
    }
}

/// The size of what each encoding sent last.
fn sizes(sender: &RtpSender) -> Vec<(u32, u32)> {
    let report = sender.get_stats();
    let of = |stream: &ortica::stats::OutboundRtpReport| {
        Some((stream.encoding_index?, (stream.frame_width?, stream.frame_height?)))
    };
    report.outbound_rtp().filter_map(of).collect::<BTreeMap<_, _>>().into_values().collect()
}

fn to(width: u32, height: u32) -> Option<Resolution> {
    Some(Resolution { width, height })
}

fn within(width: u32, height: u32) -> RtpEncodingParameters {
    RtpEncodingParameters { scale_resolution_down_to: to(width, height), ..RtpEncodingParameters::default() }
}

#[tokio::test]
async fn wpt_webrtc_extensions_rtc_rtp_encoding_parameters_scale_resolution_down_to_wins_over_down_by() {
    let both = RtpEncodingParameters { scale_resolution_down_by: Some(2.0), ..within(120, 60) };
    let mut call = Call::new(vec![both]).await;
    call.assert_sent((120, 60), &[(120, 60)]).await;

    let by = RtpEncodingParameters { scale_resolution_down_by: Some(2.0), ..RtpEncodingParameters::default() };
    let mut call = Call::new(vec![by]).await;
    call.assert_sent((120, 60), &[(60, 30)]).await;
    call.change(|encodings| encodings[0].scale_resolution_down_to = to(120, 60));
    call.assert_sent((120, 60), &[(120, 60)]).await;
}

#[tokio::test]
async fn wpt_webrtc_extensions_rtc_rtp_encoding_parameters_scale_resolution_down_to_half_size() {
    let mut call = Call::new(vec![within(60, 30)]).await;
    call.assert_sent((120, 60), &[(60, 30)]).await;
}

#[tokio::test]
async fn wpt_webrtc_extensions_rtc_rtp_encoding_parameters_scale_resolution_down_to_changed_while_sending() {
    let mut call = Call::new(vec![within(120, 60)]).await;
    call.assert_sent((120, 60), &[(120, 60)]).await;
    for (width, height) in [(60, 30), (120, 60)] {
        call.change(|encodings| encodings[0].scale_resolution_down_to = to(width, height));
        call.assert_sent((120, 60), &[(width, height)]).await;
    }
}

#[tokio::test]
async fn wpt_webrtc_extensions_rtc_rtp_encoding_parameters_scale_resolution_down_to_orientation_agnostic() {
    let mut call = Call::new(vec![within(40, 80)]).await;
    call.assert_sent((80, 40), &[(80, 40)]).await;
    call.assert_sent((40, 80), &[(40, 80)]).await;
    call.change(|encodings| encodings[0].scale_resolution_down_to = to(40, 20));
    call.assert_sent((40, 80), &[(20, 40)]).await;
}

#[tokio::test]
async fn wpt_webrtc_extensions_rtc_rtp_encoding_parameters_scale_resolution_down_to_aspect_ratio_kept() {
    let mut call = Call::new(vec![within(60, 60)]).await;
    call.assert_sent((120, 60), &[(60, 30)]).await;
}

#[tokio::test]
async fn wpt_webrtc_extensions_rtc_rtp_encoding_parameters_scale_resolution_down_to_simulcast() {
    let sizes = [(40, 20), (80, 40), (160, 80)];
    let encodings = ["0", "1", "2"]
        .into_iter()
        .zip(sizes)
        .map(|(rid, (width, height))| RtpEncodingParameters { rid: Some(rid.to_owned()), ..within(width, height) });
    let mut call = Call::new(encodings.collect()).await;
    call.assert_sent((160, 80), &sizes).await;
}
