//! `protocol/rtp-clockrate`: how fast timestamps of pictures advance.

use super::sockets::negotiate;
use ortica::codecs::synthetic::{MovingPicture, frame_counter};
use ortica::codecs::{Codec, TimeBase};
use ortica::{Configuration, LocalTrack, PeerConnection};
use std::time::Duration;
use tokio::time::{interval, timeout};

const PATIENCE: Duration = Duration::from_secs(60);
/// Pictures in a second, by their own times.
const RATE: u32 = 50;

fn connection() -> (PeerConnection, ortica::Events) {
    let configuration = Configuration::default().with_gather_loopback(true).with_codecs(vec![Codec::Vp8]);
    PeerConnection::new(configuration).unwrap()
}

/// The source names no unit of RTP: its pictures are numbered, and so many of them make a second.
#[tokio::test]
async fn wpt_protocol_rtp_clockrate_video_90000() {
    let ((a, _a_events), (b, _b_events)) = (connection(), connection());
    let track = LocalTrack::video();
    a.add_track(&track, &[]).unwrap();
    negotiate(&a, &b).await;
    timeout(PATIENCE, a.connected()).await.expect("in time").expect("connects");

    let received = b.transceivers()[0].receiver();
    let remote = received.track();
    let send = async {
        let mut ticks = interval(Duration::from_millis(20));
        for picture in MovingPicture::new(160, 96, RATE).unwrap() {
            ticks.tick().await;
            let pts = TimeBase::VIDEO.rescale(picture.pts(), TimeBase::per_second(RATE));
            track.write_video(picture.with_pts(pts, TimeBase::per_second(RATE))).unwrap();
        }
    };
    // The number of a picture, and the timestamp of the packets that came last.
    let receive = async {
        let mut seen: Vec<(u32, u32)> = Vec::new();
        while seen.len() < 60 {
            let picture = remote.recv_video().await.expect("the track goes on");
            let ticks = picture.time_base().rescale(picture.pts(), TimeBase::per_second(90_000));
            if let Some(number) = frame_counter(&picture) {
                seen.push((u32::from(number), ticks as u32));
            }
            assert!(received.synchronization_sources().len() == 1);
        }
        seen
    };
    let seen = async {
        tokio::select! { () = send => unreachable!("there is no last picture"), seen = receive => seen }
    };
    let seen = timeout(PATIENCE, seen).await.expect("pictures");
    let (first, last) = (seen[0], seen[seen.len() - 1]);
    let ticks = last.1.wrapping_sub(first.1);
    let expected = (last.0 - first.0) * 90_000 / RATE;
    assert!(ticks.abs_diff(expected) <= expected / 10, "{ticks} and not {expected}");
}
