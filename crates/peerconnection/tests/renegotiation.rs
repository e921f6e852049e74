//! Tracks come and go on a path that loses, over signalling that takes its time; what does not change goes on. In virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::{Side, call, exchange, negotiate};
use netsim::{Link, Pair, What};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::Rng;
use ortica::engine::ChannelMessage;
use ortica::jsep::{SessionDescription, TransceiverId};
use ortica::peer::PeerEvent;
use ortica::{ConnectionState, Direction};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const FRAME: Duration = Duration::from_millis(20);
/// Tracks that are added, removed or replaced.
const CHANGES: u32 = 50;
const LONGEST_GAP: Duration = Duration::from_millis(100);

fn connected(seed: u64) -> (Pair<Side>, TransceiverId) {
    let mut pair = call(seed, Link::with_delay(FRAME));
    for side in [&mut pair.a, &mut pair.b] {
        side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    }
    let steady = pair.a.peer.add_track(MediaKind::Audio, vec!["steady".to_owned()]).unwrap();
    negotiate(&mut pair);
    let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(10), |a, b| connected(a) && connected(b)).unwrap();
    (pair, steady)
}

fn sound(number: u32) -> EncodedFrame {
    EncodedFrame::new(Codec::Pcmu, vec![number as u8; 160], i64::from(number) * 160).with_duration(160)
}

fn is_of(ssrc: u32, packet: &[u8]) -> bool {
    // RTP, not RTCP (RFC 5761 §4).
    let is_rtp = packet.first().is_some_and(|first| first >> 6 == 2) && !(64..96).contains(&(packet[1] & 0x7f));
    is_rtp && packet.get(8..12) == Some(&ssrc.to_be_bytes()[..])
}

fn message(number: u32) -> ChannelMessage {
    ChannelMessage { binary: true, data: number.to_be_bytes().repeat(250).into() }
}

/// The call, and what is watched of the track that does not change.
struct Watched {
    pair: Pair<Side>,
    steady: TransceiverId,
    frames: u32,
    packets: u64,
    gap: Duration,
    longest: Duration,
}

impl Watched {
    /// Sends for some time, over all tracks there are.
    fn run_for(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / FRAME.as_millis() {
            let frame = sound(self.frames);
            self.pair.with_a(|a, now| {
                for state in a.peer.transceivers().iter().filter(|state| state.kind == MediaKind::Audio) {
                    let _ = a.peer.send_frame(now, state.id, &frame);
                }
            });
            self.frames += 1;
            self.pair.run_for(FRAME);
            let sent = self.sent();
            self.gap = if sent > self.packets { FRAME } else { self.gap + FRAME };
            (self.packets, self.longest) = (sent, self.longest.max(self.gap));
        }
    }

    fn sent(&self) -> u64 {
        let sender = self.pair.a.peer.transceiver(self.steady).unwrap().sender.unwrap();
        self.pair.a.peer.session().sender_stats(sender).unwrap().packets_sent
    }

    fn tell(side: &Side) -> SessionDescription {
        side.peer.local_description().unwrap()
    }
}

/// Adds a track, removes one, or puts one in the place of another.
fn change(side: &mut Side, rng: &mut Rng, steady: TransceiverId) {
    let all = side.peer.transceivers();
    let others: Vec<_> = all.iter().filter(|state| state.id != steady && !state.stopping).collect();
    let chosen = others.get(rng.u64() as usize % others.len().max(1));
    let kind = if rng.u64().is_multiple_of(2) { MediaKind::Audio } else { MediaKind::Video };
    match (rng.u64() % 3, chosen) {
        (0, Some(chosen)) => assert!(side.peer.remove_track(chosen.id).is_ok()),
        (1, Some(chosen)) => side.peer.stop_transceiver(chosen.id).unwrap(),
        _ => {}
    }
    side.peer.add_track(kind, vec!["stream".to_owned()]).unwrap();
}

/// Guards: a section that does not change is sent and received all the while: the longest gap is 100 ms, and of what the path
/// delivered nothing was refused.
#[test]
fn flt_34_fifty_changes_leave_no_gap_in_other_tracks() {
    let (mut pair, steady) = connected(34);
    pair.links(|link| *link = link.clone().lossy(0.2));
    let mut rng = Rng::from_number(34);
    let mut call = Watched { pair, steady, frames: 0, packets: 0, gap: FRAME, longest: FRAME };
    let sender = call.pair.a.peer.transceiver(steady).unwrap().sender.unwrap();
    let ssrc = call.pair.a.peer.session().sender_stats(sender).unwrap().ssrc.unwrap();
    let delivered = Rc::new(Cell::new(0));
    let count = Rc::clone(&delivered);
    call.pair.network.set_tap(move |crossing| {
        if crossing.what == What::Delivered && crossing.to == Pair::<Side>::B && is_of(ssrc.0, crossing.bytes) {
            count.set(count.get() + 1);
        }
    });
    for _ in 0..CHANGES {
        change(&mut call.pair.a, &mut rng, steady);
        let now = call.pair.now();
        let offer = call.pair.a.peer.create_offer(now).unwrap();
        call.pair.a.peer.set_local_description(now, offer).unwrap();
        let offer = Watched::tell(&call.pair.a);
        call.run_for(Duration::from_millis(rng.u64() % 2_000));
        let now = call.pair.now();
        call.pair.b.peer.set_remote_description(now, offer).unwrap();
        let answer = call.pair.b.peer.create_answer(now).unwrap();
        call.pair.b.peer.set_local_description(now, answer).unwrap();
        let answer = Watched::tell(&call.pair.b);
        call.run_for(Duration::from_millis(rng.u64() % 2_000));
        let now = call.pair.now();
        call.pair.a.peer.set_remote_description(now, answer).unwrap();
    }
    call.run_for(Duration::from_secs(1));
    call.pair.run_for(Duration::from_secs(1));
    let mid = call.pair.a.peer.transceiver(steady).unwrap().mid;
    let theirs = call.pair.b.peer.transceivers().into_iter().find(|state| state.mid == mid).unwrap();
    let received = call.pair.b.peer.session().receiver_stats(theirs.receiver.unwrap()).unwrap();
    assert!(call.frames > 2_000, "{}", call.frames);
    assert!(call.longest <= LONGEST_GAP, "{:?}", call.longest);
    assert_eq!(received.packets_received, delivered.get());
    assert!(received.packets_received > u64::from(call.frames) * 3 / 4, "{received:?}");
}

/// Guards: the pair in use carries on until another is found: the longest gap is 150 ms, and of the data everything arrives.
#[test]
fn flt_35_a_hundred_restarts_leave_no_gap_in_a_call() {
    let (pair, steady) = connected(35);
    let mut call = Watched { pair, steady, frames: 0, packets: 0, gap: FRAME, longest: FRAME };
    call.run_for(Duration::from_secs(1));
    let (mut received, mut gap, mut longest) = (0, Duration::ZERO, Duration::ZERO);
    for round in 0..100 {
        match round % 2 {
            0 => call.pair.a.peer.restart_ice(),
            _ => call.pair.b.peer.restart_ice(),
        }
        let now = call.pair.now();
        let (a, b) = (&mut call.pair.a, &mut call.pair.b);
        if round % 2 == 0 {
            exchange(now, a, b)
        } else {
            exchange(now, b, a)
        };
        call.pair.a.queue.extend((0..10).map(|number| message(10 * round + number)));
        for _ in 0..100 {
            call.run_for(FRAME);
            let before = std::mem::replace(&mut received, heard(&call.pair.b));
            gap = if received > before { FRAME } else { gap + FRAME };
            longest = longest.max(gap);
        }
    }
    assert!(longest <= Duration::from_millis(150), "{longest:?}");
    assert!(received >= 9_900, "{received}");
    assert_eq!(call.pair.b.received, (0..1_000).map(message).collect::<Vec<_>>());
}

/// Guards `is_outdated`: the section has no track of this side, so that the other side has to be told (webrtc-pc §4.7.3).
#[test]
fn a_track_over_what_only_received_asks_for_a_negotiation() {
    let (mut pair, steady) = connected(1);
    pair.a.peer.set_direction(steady, Direction::SendOnly).unwrap();
    negotiate(&mut pair);
    pair.run_for(FRAME);
    let received = pair.b.peer.transceivers()[0].id;
    for wanted in [true, false] {
        pair.b.events.clear();
        if wanted {
            assert_eq!(pair.b.peer.add_track(MediaKind::Audio, vec!["back".to_owned()]), Ok(received));
        } else {
            let now = pair.now();
            exchange(now, &mut pair.b, &mut pair.a);
        }
        pair.run_for(FRAME);
        assert_eq!(pair.b.events.contains(&PeerEvent::NegotiationNeeded), wanted);
    }
    // The other side was asked, and does not want it.
    assert_eq!(pair.b.peer.transceiver(received).unwrap().current_direction, Some(Direction::RecvOnly));
}

/// Packets that a side received on its first transceiver.
fn heard(side: &Side) -> u64 {
    let receiver = side.peer.transceivers()[0].receiver.unwrap();
    side.peer.session().receiver_stats(receiver).unwrap().packets_received
}
