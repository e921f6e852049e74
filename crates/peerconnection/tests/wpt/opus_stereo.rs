//! `RTCRtpEncodingParameters-codec-opus-stereo`: Opus comes out in two channels, whatever went in.

use super::sockets::negotiate;
use ortica::codecs::synthetic::Tone;
use ortica::codecs::{Codec, MediaKind};
use ortica::jsep::TransceiverInit;
use ortica::{Configuration, LocalTrack, PeerConnection};
use std::time::Duration;
use tokio::time::{interval, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

fn connection() -> (PeerConnection, ortica::Events) {
    PeerConnection::new(Configuration::default().with_gather_loopback(true)).unwrap()
}

#[tokio::test]
async fn wpt_rtc_rtp_encoding_parameters_codec_opus_stereo_opus_remote_is_stereo() {
    for channels in [1, 2] {
        let ((a, _a_events), (b, _b_events)) = (connection(), connection());
        let tone = LocalTrack::audio();
        let transceiver = a.add_transceiver(&tone, TransceiverInit::default()).unwrap();
        assert_eq!(transceiver.kind(), MediaKind::Audio);
        transceiver.set_codec_preferences(&[Codec::Opus.into()]).unwrap();
        negotiate(&a, &b).await;
        let remote = b.transceivers()[0].receiver().track();
        let send = async {
            let mut ticks = interval(Duration::from_millis(20));
            for frame in Tone::new(1_000.0, 48_000, channels).unwrap() {
                ticks.tick().await;
                tone.write_audio(frame).unwrap();
            }
        };
        let either = async {
            tokio::select! { () = send => unreachable!("the tone has no end"), heard = remote.recv_audio() => heard }
        };
        let heard = timeout(PATIENCE, either).await.expect("sound").expect("the track goes on");
        assert_eq!((heard.channels(), heard.sample_rate()), (2, 48_000), "of {channels}");
    }
}
