//! `RTCRtpReceiver-getSynchronizationSources`, `-getContributingSources`, `-jitterBufferTarget`.

use super::*;
use common::exchange;
use netsim::Link;
use ortica::ConnectionState;
use ortica::codecs::EncodedFrame;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::parameters::ParametersError;
use std::time::Duration;

const FRAME: Duration = Duration::from_millis(20);

/// A call that sends sound and pictures, with what receives them.
struct Call {
    pair: Pair<Side>,
    from: [TransceiverId; 2],
    to: [TransceiverId; 2],
    sent: i64,
}

impl Call {
    fn new() -> Self {
        let (mut a, mut b) = (Side::new(1, Pair::<Side>::A), Side::new(2, Pair::<Side>::B));
        for side in [&mut a, &mut b] {
            side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
        }
        let from = [Audio, Video].map(|kind| a.peer.add_track(kind, Vec::new()).unwrap());
        exchange(now(), &mut a, &mut b);
        let to = [Audio, Video].map(|kind| b.peer.transceivers().iter().find(|it| it.kind == kind).unwrap().id);
        let mut pair = Pair::new(1, Link::with_delay(FRAME), a, b);
        let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
        pair.run_until(Duration::from_secs(30), |a, b| connected(a) && connected(b)).expect("connects");
        Self { pair, from, to, sent: 0 }
    }

    fn send(&mut self, count: usize) {
        for _ in 0..count {
            let mut sound = EncodedFrame::new(Codec::Pcmu, vec![7; 160], self.sent * 160).with_duration(160);
            sound.audio_level = Some(20);
            let data = vec![0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0, 1, 2, 3, 4];
            let picture = EncodedFrame::new(Codec::Vp8, data, self.sent * 1_800).with_key_frame(true);
            let from = self.from;
            self.pair.with_a(|a, now| {
                a.peer.send_frame(now, from[0], &sound).unwrap();
                a.peer.send_frame(now, from[1], &picture).unwrap();
            });
            self.sent += 1;
            self.pair.run_for(FRAME);
        }
    }

    fn sources(&self, id: TransceiverId) -> Vec<ortica::engine::RtpSource> {
        self.pair.b.peer.synchronization_sources(self.pair.now(), id)
    }

    fn read(&mut self, id: TransceiverId) -> usize {
        std::iter::from_fn(|| self.pair.b.peer.read_frame(id)).count()
    }
}

#[test]
fn wpt_rtc_rtp_receiver_get_synchronization_sources_eventually_non_empty() {
    let mut call = Call::new();
    assert!(call.to.iter().all(|id| call.sources(*id).is_empty()));
    call.send(3);
    assert!(call.to.iter().all(|id| call.sources(*id).len() == 1));
}

#[test]
fn wpt_rtc_rtp_receiver_get_synchronization_sources_timestamp_recent() {
    let mut call = Call::new();
    let begun = call.pair.now();
    call.send(3);
    for id in call.to {
        let arrived = call.sources(id)[0].arrived;
        assert!(arrived > begun && arrived <= call.pair.now());
    }
}

#[test]
fn wpt_rtc_rtp_receiver_get_synchronization_sources_rtp_timestamp_range() {
    let mut call = Call::new();
    call.send(3);
    let before = call.to.map(|id| call.sources(id)[0].rtp_timestamp);
    call.send(1);
    let after = call.to.map(|id| call.sources(id)[0].rtp_timestamp);
    assert_eq!((after[0].0.wrapping_sub(before[0].0), after[1].0.wrapping_sub(before[1].0)), (160, 1_800));
}

#[test]
fn wpt_rtc_rtp_receiver_get_synchronization_sources_none_older_than_10s() {
    let mut call = Call::new();
    call.send(3);
    call.pair.run_for(Duration::from_millis(9_900));
    assert!(call.to.iter().all(|id| call.sources(*id).len() == 1));
    call.pair.run_for(Duration::from_millis(200));
    assert!(call.to.iter().all(|id| call.sources(*id).is_empty()));
}

#[test]
fn wpt_rtc_rtp_receiver_get_synchronization_sources_source_number() {
    let mut call = Call::new();
    call.send(3);
    for (from, to) in call.from.into_iter().zip(call.to) {
        let sender = call.pair.a.peer.transceiver(from).unwrap().sender.unwrap();
        let ssrc = call.pair.a.peer.session().sender_stats(sender).unwrap().ssrc;
        assert_eq!(Some(call.sources(to)[0].source), ssrc);
    }
}

#[test]
fn wpt_rtc_rtp_receiver_get_synchronization_sources_audio_level() {
    let mut call = Call::new();
    call.send(3);
    let levels = call.to.map(|id| call.sources(id)[0].audio_level);
    assert_eq!(levels, [Some(0.1), None]);
}

#[test]
fn wpt_rtc_rtp_receiver_get_contributing_sources_empty_without_csrcs() {
    let mut call = Call::new();
    call.send(3);
    let now = call.pair.now();
    assert!(call.to.iter().all(|id| call.pair.b.peer.contributing_sources(now, *id).is_empty()));
}

fn targets(kind: MediaKind, targets: &[Option<u64>]) -> Vec<Result<Option<Duration>, ParametersError>> {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(kind, Direction::default());
    let mut set = |target: &Option<u64>| {
        let peer = pc.peer();
        peer.set_jitter_buffer_target(now(), id, target.map(Duration::from_millis))?;
        Ok(peer.jitter_buffer_target(id))
    };
    targets.iter().map(&mut set).collect()
}

#[test]
fn wpt_rtc_rtp_receiver_jitter_buffer_target_default_null() {
    for kind in [Audio, Video] {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(kind, Direction::default());
        assert_eq!(pc.peer().jitter_buffer_target(id), None);
    }
}

#[test]
fn wpt_rtc_rtp_receiver_jitter_buffer_target_set_and_reset() {
    let millis = |millis| Ok(Some(Duration::from_millis(millis)));
    for kind in [Audio, Video] {
        assert_eq!(targets(kind, &[Some(500), None, Some(0)]), [millis(500), Ok(None), millis(0)]);
    }
}

#[test]
fn wpt_rtc_rtp_receiver_jitter_buffer_target_upper_bound() {
    for kind in [Audio, Video] {
        let refused = Err(ParametersError::Range("jitter_buffer_target"));
        assert_eq!(targets(kind, &[Some(4_000), Some(4_001)]), [Ok(Some(Duration::from_secs(4))), refused]);
    }
}

/// Guards: what is set is kept to: frames come out that much later, and none is lost when it changes.
#[test]
fn frames_are_held_back_for_the_target() {
    let mut call = Call::new();
    let to = call.to;
    let hold = |call: &mut Call, target| {
        call.pair.with_b(|b, now| {
            to.iter().for_each(|id| b.peer.set_jitter_buffer_target(now, *id, target).unwrap());
        });
    };
    hold(&mut call, Some(Duration::from_millis(300)));
    call.send(10);
    assert_eq!(to.map(|id| call.read(id)), [0, 0]);
    call.pair.run_for(Duration::from_millis(300));
    assert_eq!(to.map(|id| call.read(id)), [10, 10]);
    call.send(5);
    hold(&mut call, None);
    call.send(5);
    call.pair.run_for(FRAME * 2);
    assert_eq!(to.map(|id| call.read(id)), [10, 10]);
}
