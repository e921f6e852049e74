//! Packets from the peer's own address that the peer never sent; in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::{Side, negotiate};
use netsim::{Link, Pair, What};
use ortica::ConnectionState;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::{Datagram, Instant, Rng};
use ortica::engine::{
    CodecFeedback, MediaError, ReceivedFrame, RtpCodecParameters, RtpEncodingParameters, RtpSendParameters, RtpStats,
    SenderId,
};
use ortica::jsep::{SessionDescription, TransceiverId};
use ortica::peer::PeerEvent;
use ortica::rtp::PayloadType;
use ortica::rtp::header_extension::ExtensionMap;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A call with sound from a to b, and the packets of a, to be forged.
struct Target {
    pair: Pair<Side>,
    track: TransceiverId,
    to: TransceiverId,
    genuine: Rc<RefCell<Vec<Vec<u8>>>>,
    sent: u32,
    heard: usize,
    rng: Rng,
}

impl Target {
    fn new(seed: u64) -> Self {
        let mut a = Side::new(seed * 2 + 1, Pair::<Side>::A);
        let mut b = Side::new(seed * 2 + 2, Pair::<Side>::B);
        for side in [&mut a, &mut b] {
            side.peer.set_codecs(vec![Codec::Pcmu]);
        }
        let mut pair = Pair::new(seed, Link::with_delay(10 * MS), a, b);
        let genuine = Rc::new(RefCell::new(Vec::new()));
        let log = genuine.clone();
        pair.network.set_tap(move |crossing| {
            if crossing.what == What::Sent && crossing.from == Pair::<Side>::A {
                log.borrow_mut().push(crossing.bytes.to_vec());
            }
        });
        let now = pair.now();
        pair.a.create_channel(now, Default::default());
        let track = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
        negotiate(&mut pair);
        pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
        let to = pair.b.events.iter().find_map(|event| match event {
            PeerEvent::Track(id) => Some(*id),
            _ => None,
        });
        let mut target = Self {
            pair,
            track,
            to: to.unwrap(),
            genuine,
            sent: 0,
            heard: 0,
            rng: Rng::from_number(seed).fork("forger"),
        };
        target.talk(300, |_| ());
        target
    }

    /// Sends a frame of sound each 20 ms, and does something to b every 10 ms.
    fn talk(&mut self, frames: u32, mut meanwhile: impl FnMut(&mut Self)) {
        for _ in 0..frames {
            let frame = EncodedFrame::new(Codec::Pcmu, vec![self.sent as u8; 160], i64::from(self.sent) * 160);
            self.sent += 1;
            let track = self.track;
            self.pair.with_a(|a, now| a.peer.send_frame(now, track, &frame.with_duration(160))).unwrap();
            for _ in 0..2 {
                meanwhile(self);
                self.pair.run_for(10 * MS);
            }
            self.read();
        }
    }

    fn read(&mut self) {
        while let Some(received) = self.pair.b.peer.read_frame(self.to) {
            self.heard += usize::from(matches!(received, ReceivedFrame::Frame { .. }));
        }
    }

    /// What the layers that sort by the first byte see: a packet of a kind, as it was, with some bytes changed.
    fn forge(&mut self, kind: Kind) -> Vec<u8> {
        let genuine = self.genuine.borrow();
        let of_kind: Vec<&Vec<u8>> = genuine.iter().filter(|packet| kind.is(packet)).collect();
        let mut packet = of_kind[self.rng.below(of_kind.len() as u64) as usize].clone();
        drop(genuine);
        // The first two bytes say what it is; all others are anybody's.
        for _ in 0..=self.rng.below(8) {
            let at = 2 + self.rng.below(packet.len() as u64 - 2) as usize;
            packet[at] ^= 1 + self.rng.below(255) as u8;
        }
        packet
    }

    fn inject(&mut self, mut packet: Vec<u8>) {
        self.pair.with_b(|b, now| {
            b.peer.handle_datagram(now, Datagram::single(Pair::<Side>::SOCKET, Pair::<Side>::A, &mut packet));
        });
    }

    fn rtp(&self) -> RtpStats {
        let session = self.pair.b.peer.session();
        session.transport_stats(session.transports().next().unwrap()).unwrap().rtp
    }

    /// Everything that was said was heard, and the call is as it was.
    fn assert_undisturbed(&mut self, events: usize) {
        self.pair.run_for(SECOND);
        self.read();
        assert_eq!(self.heard, self.sent as usize);
        assert_eq!(self.pair.b.peer.connection_state(), ConnectionState::Connected);
        assert_eq!(self.pair.b.events[events..], []);
    }
}

/// What a first byte tells (RFC 7983 §7).
#[derive(Clone, Copy)]
enum Kind {
    Check,
    Record,
    Media,
    Report,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Check, Self::Record, Self::Media, Self::Report];

    fn is(self, packet: &[u8]) -> bool {
        let is_report = (192..=223).contains(&packet[1]);
        match packet[0] {
            0..=3 => matches!(self, Self::Check),
            20..=63 => matches!(self, Self::Record),
            128..=191 if is_report => matches!(self, Self::Report),
            128..=191 => matches!(self, Self::Media),
            _ => false,
        }
    }
}

/// Guards the checks of each layer that strangers reach, and of descriptions: what is malformed or forged, ten of each kind
/// every 10 ms, is counted and dropped, and the call does not notice. Layers inside DTLS and SRTP are reached by the peer
/// alone; their malformed messages are in the tests of their crates and the fuzz targets.
#[test]
fn flt_29_malformed_packets_of_each_layer_disturb_nothing() {
    let mut target = Target::new(1);
    let events = target.pair.b.events.len();
    let before = target.rtp();
    target.talk(100, |target| {
        for kind in Kind::ALL {
            for _ in 0..10 {
                let packet = target.forge(kind);
                target.inject(packet);
            }
        }
        let text = target.forge(Kind::Media).iter().map(|byte| char::from(byte & 127)).collect::<String>();
        let sdp = format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{text}\r\n");
        target.pair.with_b(|b, now| {
            assert!(b.peer.set_remote_description(now, SessionDescription::offer(sdp)).is_err());
        });
    });
    target.assert_undisturbed(events);
    let after = target.rtp();
    let dropped = |stats: RtpStats| stats.unauthenticated + stats.malformed;
    assert!(dropped(after) >= dropped(before) + 2 * 2_000, "{after:?}");
}

/// Guards the order of verifying and believing: forged media change nothing and cost no genuine packet. The row's 10^6 and
/// its time per packet are for the benches; these are 20,000, and nothing is allocated or kept per packet.
#[test]
fn cve_14_forged_media_end_no_call() {
    let mut target = Target::new(2);
    let events = target.pair.b.events.len();
    let before = target.rtp();
    target.talk(100, |target| {
        for _ in 0..100 {
            let packet = target.forge(Kind::Media);
            target.inject(packet);
        }
    });
    target.assert_undisturbed(events);
    let after = target.rtp();
    assert_eq!(after.unauthenticated + after.malformed, before.unauthenticated + before.malformed + 20_000);
    assert_eq!((after.unroutable, after.useless), (before.unroutable, before.useless));
}

/// Guards the levels of what is logged: bad packets are told at `debug`, so that a flood of them writes no line by default.
#[test]
fn cve_52_a_flood_of_bad_packets_fills_no_log() {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || {
        let mut target = Target::new(3);
        let heeded = target.heard;
        target.talk(50, |target| {
            for kind in Kind::ALL {
                for _ in 0..25 {
                    let packet = target.forge(kind);
                    target.inject(packet);
                }
                let noise = vec![target.rng.below(256) as u8; 40];
                target.inject(noise);
            }
        });
        assert!(target.heard > heeded);
    });
    let seen = lines.0.lock().unwrap();
    assert!(seen.enabled > 0, "the subscriber is asked");
    assert!(seen.warnings.len() <= 2, "of two seconds: {:?}", seen.warnings);
}

/// Sends nothing but a frame in a stream of its own, beside the media that were negotiated.
fn add_stream(side: &mut Side, now: Instant) -> SenderId {
    let session = side.peer.session_mut();
    let transport = session.transports().next().unwrap();
    let sender = session.add_sender(transport, MediaKind::Audio).unwrap();
    let codec = RtpCodecParameters {
        form: Codec::Pcmu.into(),
        payload_type: PayloadType(0),
        rtx: None,
        feedback: CodecFeedback::default(),
    };
    let parameters = RtpSendParameters {
        mid: None,
        codecs: vec![codec],
        telephone_events: Vec::new(),
        header_extensions: ExtensionMap::new(),
        encodings: vec![RtpEncodingParameters::new(session.draw_ssrc())],
        max_bitrate: None,
        reduced_size_rtcp: false,
    };
    session.start_sending(now, sender, &parameters).unwrap();
    session.send_frame(now, sender, &EncodedFrame::new(Codec::Pcmu, vec![0; 160], 0).with_duration(160)).unwrap();
    sender
}

/// Guards `Seldom`: fifty streams are found to be heard by nobody at one moment, and one line says so.
#[test]
fn cve_52_a_warning_of_a_kind_comes_once_a_second() {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || {
        let mut target = Target::new(4);
        for _ in 0..50 {
            target.pair.with_a(add_stream);
        }
        target.pair.run_for(100 * MS);
        target.pair.b_to_a().down = true;
        for _ in 0..25 {
            let before = lines.0.lock().unwrap().warnings.len();
            target.talk(50, |_| ());
            let seen = lines.0.lock().unwrap();
            assert!(seen.warnings.len() <= before + 1, "in a second: {:?}", &seen.warnings[before..]);
        }
    });
    assert!(!lines.0.lock().unwrap().warnings.is_empty(), "it is said");
}

/// Guards the bounds on streams in both directions: a sender beyond what SRTP knows sends nothing, of more streams than the
/// receiver's side keeps the longest silent ones are forgotten, which is said once, and the call goes on.
#[test]
fn flt_47_more_streams_than_the_limit_end_no_call() {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || {
        let mut target = Target::new(5);
        let before = target.rtp();
        for number in 0..1_500 {
            let sender = target.pair.with_a(add_stream);
            target.pair.run_for(2 * MS);
            if number % 100 == 99 {
                target.talk(1, |_| ());
            }
            // Its goodbye is lost, so that the other side goes on knowing it.
            target.pair.a_to_b().down = true;
            target.pair.with_a(|a, _| a.peer.session_mut().remove_sender(sender));
            target.pair.run_for(2 * MS);
            target.pair.a_to_b().down = false;
        }
        target.pair.run_for(SECOND);
        target.read();
        let (events, heard) = (target.pair.b.events.len(), target.heard);
        target.talk(50, |_| ());
        let after = target.rtp();
        assert_eq!((after.unauthenticated, after.malformed), (before.unauthenticated, before.malformed));
        target.pair.run_for(SECOND);
        target.read();
        assert_eq!(target.heard, heard + 50);
        assert_eq!(target.pair.b.peer.connection_state(), ConnectionState::Connected);
        assert_eq!(target.pair.b.events[events..], []);

        // As many as a context has room for, all alive; those beyond are refused and take nothing from the others.
        let mut target = Target::new(6);
        for _ in 0..1_023 {
            target.pair.with_a(add_stream);
            target.pair.run_for(MS);
        }
        let a = target.pair.a.peer.session_mut();
        let transport = a.transports().next().unwrap();
        assert_eq!(a.add_sender(transport, MediaKind::Audio), Err(MediaError::TooMany));
        target.pair.run_for(SECOND);
        target.read();
        let heard = target.heard;
        target.talk(50, |_| ());
        target.pair.run_for(SECOND);
        target.read();
        assert_eq!(target.heard, heard + 50);
    });
    let seen = lines.0.lock().unwrap();
    let forgotten = seen.warnings.iter().filter(|line| line.contains("rtp_transport")).count();
    assert_eq!(forgotten, 1, "{:?}", seen.warnings);
}

#[derive(Default)]
struct Seen {
    enabled: usize,
    warnings: Vec<String>,
}

/// Keeps what is logged at `WARN` and above.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Seen>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        self.0.lock().unwrap().enabled += 1;
        *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let metadata = event.metadata();
        self.0.lock().unwrap().warnings.push(format!("{}:{:?}", metadata.target(), metadata.line()));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
