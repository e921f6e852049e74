//! Tracks that are muted and not: `RTCPeerConnection-remote-track-mute`, and what `RTCRtpTransceiver` and
//! `RTCPeerConnection-setRemoteDescription-tracks` say of it.

use super::connection::{PATIENCE, pair_of};
use super::*;
use ortica::ConnectionState;
use ortica::codecs::EncodedFrame;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::engine::ReceivedFrame;
use std::time::Duration;

const FRAME: Duration = Duration::from_millis(20);

pub(super) fn sound(number: u32, _: bool) -> EncodedFrame {
    EncodedFrame::new(Codec::Pcmu, vec![number as u8; 160], i64::from(number) * 160).with_duration(160)
}

/// A picture of VP8 as far as its header goes.
pub(super) fn picture(number: u32, key_frame: bool) -> EncodedFrame {
    let data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(key_frame)
}

/// Has `a` send a frame each 20 ms; gives how many came whole to `b`.
pub(super) fn stream(
    pair: &mut Pair<Side>,
    from: TransceiverId,
    to: TransceiverId,
    count: u32,
    make: fn(u32, bool) -> EncodedFrame,
) -> usize {
    let mut frames = 0;
    for number in 0..count + 20 {
        pair.with_a(|a, now| {
            let wanted = a.peer.encoder_targets(from).is_some_and(|targets| targets.key_frame);
            if number < count {
                let _ = a.peer.send_frame(now, from, &make(number, number == 0 || wanted));
            }
        });
        pair.run_for(FRAME);
        let read = std::iter::from_fn(|| pair.b.peer.read_frame(to));
        frames += read.filter(|frame| matches!(frame, ReceivedFrame::Frame { .. })).count();
    }
    frames
}

/// A call of one track from `a` to `b`, nothing of which was sent yet.
struct Call {
    pair: Pair<Side>,
    from: TransceiverId,
    to: TransceiverId,
    make: fn(u32, bool) -> EncodedFrame,
}

impl Call {
    fn new(kind: MediaKind) -> Self {
        let (mut a, mut b) = Pc::two();
        // Of sound that needs no coder.
        for pc in [&mut a, &mut b] {
            pc.peer().set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
        }
        let from = a.add_track(kind, &["stream"]);
        let mut pair = pair_of(a, b);
        common::negotiate(&mut pair);
        let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
        pair.run_until(PATIENCE, |a, b| connected(a) && connected(b)).expect("both connect");
        let to = pair.b.peer.transceivers()[0].id;
        let make = if kind == Audio { sound } else { picture };
        Self { pair, from, to, make }
    }

    fn send(&mut self) {
        assert!(stream(&mut self.pair, self.from, self.to, 10, self.make) > 5);
    }

    fn negotiate(&mut self, direction: Direction) {
        self.pair.a.peer.set_direction(self.from, direction).unwrap();
        common::negotiate(&mut self.pair);
    }

    fn is_muted(&self) -> bool {
        self.pair.b.peer.is_muted(self.to)
    }

    /// What `b` was told of mutes since the last call: `true` for a mute.
    fn told(&mut self) -> Vec<bool> {
        self.pair.run_for(Duration::from_millis(200));
        let (mute, unmute) = (PeerEvent::TrackMute(self.to), PeerEvent::TrackUnmute(self.to));
        let events = std::mem::take(&mut self.pair.b.events);
        events.into_iter().filter(|event| *event == mute || *event == unmute).map(|event| event == mute).collect()
    }
}

#[test]
fn wpt_rtc_peer_connection_remote_track_mute_muted_to_unmuted() {
    for kind in [Audio, Video] {
        let mut call = Call::new(kind);
        assert!(call.is_muted() && call.told().is_empty());
        call.send();
        call.send();
        assert_eq!((call.is_muted(), call.told()), (false, vec![false]));
    }
}

#[test]
fn wpt_rtc_peer_connection_remote_track_mute_inactive_mutes() {
    let mut call = Call::new(Audio);
    call.send();
    call.told();
    call.negotiate(Direction::Inactive);
    assert_eq!((call.is_muted(), call.told()), (true, vec![true]));
}

#[test]
fn wpt_rtc_peer_connection_remote_track_mute_sendrecv_unmutes() {
    let mut call = Call::new(Audio);
    call.send();
    call.negotiate(Direction::Inactive);
    call.told();
    call.negotiate(Direction::SendRecv);
    assert!(call.is_muted() && call.told().is_empty(), "until something comes");
    call.send();
    assert_eq!((call.is_muted(), call.told()), (false, vec![false]));
}

#[test]
fn wpt_rtc_peer_connection_remote_track_mute_stop_without_renegotiation_mutes() {
    let mut call = Call::new(Video);
    call.send();
    call.told();
    call.pair.a.peer.stop_transceiver(call.from).unwrap();
    assert_eq!((call.told(), call.is_muted()), (vec![true], true));
}

#[test]
fn wpt_rtc_peer_connection_remote_track_mute_close_mutes() {
    let mut call = Call::new(Video);
    call.send();
    call.told();
    call.pair.with_a(|a, now| a.peer.close(now));
    assert_eq!((call.told(), call.is_muted()), (vec![true], true));
}

#[test]
fn wpt_rtc_rtp_transceiver_muted_after_srd() {
    for kind in [Audio, Video] {
        let (mut a, mut b) = Pc::two();
        a.add_track(kind, &["stream"]);
        let offer = a.sld_implicit();
        b.srd(offer).unwrap();
        let state = b.transceivers()[0].clone();
        assert!(state.muted && b.events().contains(&PeerEvent::Track(state.id)));
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_unmuted_when_packets_flow() {
    for kind in [Audio, Video] {
        let mut call = Call::new(kind);
        call.send();
        assert_eq!((call.told(), call.is_muted()), (vec![false], false));
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_muted_on_inactive() {
    for kind in [Audio, Video] {
        let mut call = Call::new(kind);
        call.send();
        call.negotiate(Direction::Inactive);
        assert_eq!((call.told(), call.is_muted()), (vec![false, true], true));
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_unmuted_again() {
    for kind in [Audio, Video] {
        let mut call = Call::new(kind);
        call.send();
        call.negotiate(Direction::Inactive);
        call.negotiate(Direction::SendRecv);
        call.send();
        assert_eq!((call.told(), call.is_muted()), (vec![false, true, false], false));
    }
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_tracks_remove_track_mutes() {
    let mut call = Call::new(Audio);
    call.send();
    call.told();
    call.pair.a.peer.remove_track(call.from).unwrap();
    let now = call.pair.now();
    let offer = call.pair.a.peer.create_offer(now).unwrap();
    call.pair.b.peer.set_remote_description(now, offer).unwrap();
    assert!(call.is_muted());
    assert_eq!(call.told(), [true]);
}
