//! SCTP that starts from the descriptions (`a=sctp-init`); in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::{Side, exchange};
use netsim::{Endpoint, Link, Pair};
use ortica::core::crypto::rust_crypto;
use ortica::core::{Datagram, Instant, SocketId, Transmit};
use ortica::engine::{ChannelMessage, ChannelParameters};
use ortica::jsep::SessionDescription;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(25);

fn side(seed: u64, address: std::net::SocketAddr, signalled: bool) -> Side {
    let provider = rust_crypto::provider();
    let (ice, sctp) = (ortica_ice::Config::new(provider), ortica_sctp::Config::new(provider));
    Side::configured(seed, ice, sctp, vec![(SocketId(0), address)], |config| config.with_signalled_sctp(signalled))
}

/// Two sides that have not negotiated; `a` has a channel and a message for it.
fn sides(seed: u64, link: Link, signalled: [bool; 2]) -> Pair<Side> {
    let a = side(seed * 2 + 1, Pair::<Side>::A, signalled[0]);
    let b = side(seed * 2 + 2, Pair::<Side>::B, signalled[1]);
    let mut pair = Pair::new(seed, link, a, b);
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters::default());
    pair.a.queue.push_back(text("hello"));
    pair
}

fn text(text: &'static str) -> ChannelMessage {
    ChannelMessage { binary: false, data: Bytes::from_static(text.as_bytes()) }
}

/// The values of `a=sctp-init`.
fn inits(description: &SessionDescription) -> Vec<&str> {
    description.sdp.lines().filter_map(|line| line.strip_prefix("a=sctp-init:")).collect()
}

/// The same description with another `a=sctp-init`, or with none.
fn with_init(description: &SessionDescription, value: Option<&str>) -> SessionDescription {
    let kept = description.sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=sctp-init:"));
    let mut sdp: String = kept.collect();
    if let Some(value) = value {
        sdp.push_str(&format!("a=sctp-init:{value}\r\n"));
    }
    SessionDescription { kind: description.kind, sdp }
}

/// Offer and answer, changed on their ways.
fn exchange_changed(
    now: Instant,
    offerer: &mut Side,
    answerer: &mut Side,
    change_offer: impl FnOnce(&SessionDescription) -> SessionDescription,
    change_answer: impl FnOnce(&SessionDescription) -> SessionDescription,
) -> [SessionDescription; 2] {
    let offer = offerer.peer.create_offer(now).unwrap();
    offerer.peer.set_local_description(now, offer).unwrap();
    let offer = offerer.peer.local_description().unwrap();
    answerer.peer.set_remote_description(now, change_offer(&offer)).unwrap();
    let answer = answerer.peer.create_answer(now).unwrap();
    answerer.peer.set_local_description(now, answer).unwrap();
    let answer = answerer.peer.local_description().unwrap();
    offerer.peer.set_remote_description(now, change_answer(&answer)).unwrap();
    [offer, answer]
}

fn same(description: &SessionDescription) -> SessionDescription {
    description.clone()
}

/// Until the first message is there, and until the reader has answered it.
fn set_up(pair: &mut Pair<Side>) -> [Duration; 2] {
    let start = pair.now();
    pair.run_until(10 * SECOND, |_, b| !b.received.is_empty()).unwrap();
    let heard = pair.now().saturating_duration_since(start);
    let id = pair.b.channels[0];
    pair.with_b(|b, now| b.peer.session_mut().send(now, id, text("welcome"))).unwrap();
    pair.run_until(10 * SECOND, |a, _| !a.received.is_empty()).unwrap();
    [heard, pair.now().saturating_duration_since(start)]
}

fn starts_without_handshake(side: &Side) -> bool {
    let session = side.peer.session();
    session.sctp_init(session.transports().next().unwrap()).is_some()
}

/// Guards what it is for: the first message needs a round trip less where no handshake precedes it. With a handshake it goes with
/// COOKIE ECHO, four round trips after the answer. Each side announces another chunk, always the same one. With losses it arrives
/// too.
#[test]
fn a_signalled_association_saves_a_round_trip() {
    for seed in 0..5 {
        let times = [true, false].map(|signalled| {
            let mut pair = sides(seed, Link::with_delay(DELAY), [true, signalled]);
            let now = pair.now();
            let [offer, answer] = exchange(now, &mut pair.a, &mut pair.b);
            assert_eq!(inits(&offer).len(), 1);
            assert_eq!(inits(&answer).len(), usize::from(signalled));
            assert_ne!(inits(&offer), inits(&answer));
            assert_eq!(offer.sdp, pair.a.peer.local_description().unwrap().sdp);
            let times = set_up(&mut pair);
            assert_eq!([&pair.a, &pair.b].map(starts_without_handshake), [signalled; 2]);
            times
        });
        let [with, without] = times;
        println!("bar: seed {seed}: first message after {:?}, {:?} by handshake", with[0], without[0]);
        assert_eq!(without[0] - with[0], 2 * DELAY, "seed {seed}: {times:?}");
        assert_eq!(without[1] - with[1], 2 * DELAY, "seed {seed}: {times:?}");
        let round_trips = |time: Duration| time.as_secs_f64() / (2 * DELAY).as_secs_f64();
        assert!(round_trips(with[0]) <= 3.1, "seed {seed}: {} round trips", round_trips(with[0]));
        assert!(round_trips(without[0]) <= 4.5, "seed {seed}: {} round trips", round_trips(without[0]));
    }
    for seed in 0..20 {
        let mut pair = sides(seed, Link::with_delay(DELAY).lossy(0.1), [true; 2]);
        exchange(pair.now(), &mut pair.a, &mut pair.b);
        set_up(&mut pair);
    }
}

/// Guards the answer to an offer without the line, and the start after an answer without it.
#[test]
fn a_peer_without_it_gets_a_handshake() {
    for signalled in [[true, false], [false, true], [false, false]] {
        let mut pair = sides(1, Link::with_delay(DELAY), signalled);
        let [offer, answer] = exchange(pair.now(), &mut pair.a, &mut pair.b);
        assert_eq!((inits(&offer).len(), inits(&answer).len()), (usize::from(signalled[0]), 0));
        set_up(&mut pair);
        assert_eq!([&pair.a, &pair.b].map(starts_without_handshake), [false; 2]);
    }
}

/// Guards against a peer that answers with what it was offered, as libdatachannel 0.24 does: it knows nothing of our chunk.
#[test]
fn an_answer_that_repeats_the_offers_chunk_gets_a_handshake() {
    let mut pair = sides(1, Link::with_delay(DELAY), [true, false]);
    let now = pair.now();
    let ours = pair.a.peer.create_offer(now).unwrap();
    let ours = inits(&ours)[0].to_owned();
    exchange_changed(now, &mut pair.a, &mut pair.b, same, |answer| with_init(answer, Some(&ours)));
    set_up(&mut pair);
    assert!(!starts_without_handshake(&pair.a));
}

/// Guards against lines that are no sound chunk: they are ignored, in an offer and in an answer.
#[test]
fn a_line_that_is_no_sound_chunk_is_ignored() {
    for value in [
        "not base64",
        "AQAAH",
        // Of another kind, cut short, with tag 0, without streams.
        "AgAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoLA",
        "AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoI=",
        "AQAAHgAAAAAAUAAA/////+B5ZR3AAAAEgAgABoLA",
        "AQAAHols3R0AUAAAAAAAAOB5ZR3AAAAEgAgABoLA",
    ] {
        let mut pair = sides(1, Link::with_delay(DELAY), [true; 2]);
        let now = pair.now();
        let change = |description: &SessionDescription| with_init(description, Some(value));
        let [_, answer] = exchange_changed(now, &mut pair.a, &mut pair.b, change, same);
        assert!(inits(&answer).is_empty(), "{value}");
        set_up(&mut pair);

        let mut pair = sides(1, Link::with_delay(DELAY), [true, false]);
        exchange_changed(now, &mut pair.a, &mut pair.b, same, change);
        set_up(&mut pair);
        assert!(!starts_without_handshake(&pair.a), "{value}");
    }
}

/// Guards a running association against later descriptions: whichever side offers, with an ICE restart or without, the same
/// chunks are named again; a peer that no longer names its own, or names another, changes nothing.
#[test]
fn later_descriptions_do_not_disturb_a_running_association() {
    let mut pair = sides(1, Link::with_delay(DELAY), [true; 2]);
    let [offer, answer] = exchange(pair.now(), &mut pair.a, &mut pair.b);
    set_up(&mut pair);
    for restart in [false, true] {
        if restart {
            pair.a.peer.restart_ice();
        }
        let again = exchange(pair.now(), &mut pair.a, &mut pair.b);
        assert_eq!(again.each_ref().map(inits), [inits(&offer), inits(&answer)]);
        let turned = exchange(pair.now(), &mut pair.b, &mut pair.a);
        assert_eq!(turned.each_ref().map(inits), [inits(&answer), inits(&offer)]);
        assert_still_running(&mut pair);
    }
    for value in [None, Some("AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoLA")] {
        let now = pair.now();
        let change = |description: &SessionDescription| with_init(description, value);
        exchange_changed(now, &mut pair.a, &mut pair.b, change, same);
        exchange_changed(now, &mut pair.a, &mut pair.b, same, change);
        assert_still_running(&mut pair);
    }
    let next = exchange(pair.now(), &mut pair.a, &mut pair.b);
    assert_eq!(next.each_ref().map(inits), [inits(&offer), inits(&answer)]);
}

/// Guards an association that was set up by handshake: a chunk that is named later (Chromium does in each offer) is not
/// answered, since it would be another association's. What this side named once it goes on naming, whoever offers, since
/// Chromium refuses descriptions that cease to.
#[test]
fn a_chunk_that_comes_after_the_handshake_is_not_answered() {
    let mut pair = sides(1, Link::with_delay(DELAY), [true; 2]);
    let now = pair.now();
    exchange_changed(now, &mut pair.a, &mut pair.b, |offer| with_init(offer, None), same);
    set_up(&mut pair);
    let chunk = "AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoLA";
    let now = pair.now();
    let [offer, answer] = exchange_changed(now, &mut pair.a, &mut pair.b, |offer| with_init(offer, Some(chunk)), same);
    assert_eq!([&offer, &answer].map(|description| inits(description).len()), [1, 0]);
    assert_still_running(&mut pair);
    let [turned, again] = exchange(pair.now(), &mut pair.b, &mut pair.a);
    assert_eq!([inits(&turned), inits(&again)], [vec![], inits(&pair.a.peer.current_local_description().unwrap())]);
    assert_eq!(inits(&again).len(), 1);
    assert_still_running(&mut pair);
}

/// Takes the end of the handshake after the data that follow it, as a path that reorders brings them.
struct Swapping {
    side: Side,
    swaps: bool,
    held: Option<Vec<u8>>,
}

impl Endpoint for Swapping {
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        const CHANGE_CIPHER_SPEC: u8 = 20;
        const APPLICATION_DATA: u8 = 23;
        let (local, remote, ecn) = (datagram.local, datagram.remote, datagram.ecn);
        let kind = datagram.contents.first().copied();
        if self.swaps && kind == Some(CHANGE_CIPHER_SPEC) {
            self.swaps = false;
            self.held = Some(datagram.contents.to_vec());
            return;
        }
        self.side.handle_datagram(now, datagram);
        if let Some(mut held) = self.held.take_if(|_| kind == Some(APPLICATION_DATA)) {
            let stride = held.len();
            self.side.handle_datagram(now, Datagram { local, remote, ecn, contents: &mut held, stride });
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.side.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.side.poll_transmit(now, max_segments, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.side.poll_timeout()
    }

    fn react(&mut self, now: Instant) {
        self.side.react(now);
    }
}

/// Guards `Transport::handle_first_dtls`: data that DTLS lets through in the same breath as the end of its handshake reach the
/// association that begins with it, instead of being lost until a time-out.
#[test]
fn data_that_come_with_the_end_of_the_handshake_are_not_lost() {
    let times = [false, true].map(|swaps| {
        let Pair { a, b, .. } = sides(1, Link::default(), [true; 2]);
        let [a, b] = [(a, false), (b, swaps)].map(|(side, swaps)| Swapping { side, swaps, held: None });
        let mut pair = Pair::new(1, Link::with_delay(DELAY), a, b);
        exchange(pair.now(), &mut pair.a.side, &mut pair.b.side);
        let took = pair.run_until(10 * SECOND, |_, b| !b.side.received.is_empty()).unwrap();
        assert_eq!((pair.b.swaps, pair.b.held.is_some()), (false, false), "the trap was sprung");
        took
    });
    assert_eq!(times[0], times[1]);
}

/// Messages cross both ways over the channel there is, which nobody closed, and the association has not begun anew.
fn assert_still_running(pair: &mut Pair<Side>) {
    let before = [pair.a.received.len(), pair.b.received.len()];
    let (from_a, from_b) = (pair.a.channels[0], pair.b.channels[0]);
    pair.with_a(|a, now| a.peer.session_mut().send(now, from_a, text("there"))).unwrap();
    pair.with_b(|b, now| b.peer.session_mut().send(now, from_b, text("and back"))).unwrap();
    pair.run_for(SECOND);
    assert_eq!([pair.a.received.len(), pair.b.received.len()], before.map(|count| count + 1));
    for side in [&pair.a, &pair.b] {
        assert_eq!((side.channels.len(), side.closed.len()), (1, 0));
        let session = side.peer.session();
        let sctp = session.sctp_stats(session.transports().next().unwrap()).unwrap();
        assert_eq!(sctp.messages_received, side.received.len() as u64 + 1, "one more of DCEP");
    }
}
