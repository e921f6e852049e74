//! What channels tell, and in which order: `RTCPeerConnection-close`, `RTCPeerConnection-ondatachannel`, `RTCDataChannel-onopen`,
//! `-close`, `-bufferedAmount`, `-send`, `-send-close`, `-iceRestart`.

use super::data_channels::{MS, SECOND, binary, both, labelled, negotiated, open, send, text};
use super::*;
use netsim::{Endpoint, Link};
use ortica::core::crypto::rust_crypto;
use ortica::core::{Datagram, SocketId, Transmit};
use ortica::engine::{
    ChannelId, ChannelMessage, ChannelParameters, ChannelSendError, ChannelState, Event, SctpFailure,
};
use ortica::ortc::SctpState;
use std::time::Duration;

/// What a page may hear of its channels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Told {
    DataChannel,
    Open,
    Closing,
    Error(SctpFailure),
    Close,
}

/// What a page does when it is told of a channel of the other side.
type Handler = fn(&mut Page, Instant, ChannelId);

/// One side that takes one event at a time and acts on it before it takes the next, as pages do.
struct Page {
    side: Side,
    told: Vec<(ChannelId, Told)>,
    /// How often a channel said that what it has queued is low.
    low: usize,
    received: Vec<ChannelMessage>,
    on_data_channel: Handler,
}

impl Page {
    fn new(seed: u64, address: SocketAddr) -> Self {
        let nothing: Handler = |_, _, _| ();
        let side = Side::new(seed, address);
        Self { side, told: Vec::new(), low: 0, received: Vec::new(), on_data_channel: nothing }
    }

    fn state(&self, id: ChannelId) -> ChannelState {
        self.side.peer.channel_state(id)
    }

    fn send(&mut self, now: Instant, id: ChannelId, message: ChannelMessage) {
        self.side.peer.session_mut().send(now, id, message).unwrap();
    }

    fn close(&mut self, now: Instant, id: ChannelId) {
        self.side.peer.session_mut().close_channel(now, id);
    }

    fn told_of(&self, id: ChannelId) -> Vec<Told> {
        self.told.iter().filter(|(of, _)| *of == id).map(|(_, told)| *told).collect()
    }

    /// Takes what there is to be told.
    fn turn(&mut self, now: Instant) {
        while let Some(event) = self.side.peer.session_mut().poll_event() {
            let (id, told) = match event {
                Event::IncomingChannel(id) => (id, Told::DataChannel),
                Event::ChannelOpen(id) => (id, Told::Open),
                Event::ChannelClosing(id) => (id, Told::Closing),
                Event::ChannelFailed(id, failure) => (id, Told::Error(failure)),
                Event::ChannelClosed(id) => (id, Told::Close),
                Event::ChannelBufferedAmountLow(_) => {
                    self.low += 1;
                    continue;
                }
                Event::ChannelReadable(id) => {
                    let session = self.side.peer.session_mut();
                    self.received.extend(std::iter::from_fn(|| session.read(now, id)));
                    continue;
                }
                _ => continue,
            };
            // What is told has happened.
            match told {
                Told::DataChannel | Told::Open => assert_eq!(self.state(id), ChannelState::Open),
                Told::Closing => assert_eq!(self.state(id), ChannelState::Closing),
                Told::Close => assert_eq!(self.state(id), ChannelState::Closed),
                Told::Error(_) => {}
            }
            self.told.push((id, told));
            if told == Told::DataChannel {
                (self.on_data_channel)(self, now, id);
            }
        }
    }
}

impl Endpoint for Page {
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.side.peer.handle_datagram(now, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.side.peer.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.turn(now);
        self.side.peer.poll_transmit(now, max_segments, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.side.peer.poll_timeout()
    }

    fn react(&mut self, now: Instant) {
        self.turn(now);
    }
}

/// Two pages that have exchanged descriptions, `a` with these channels; those that were negotiated `b` has too.
fn pages(channels: &[ChannelParameters], on_data_channel: Handler) -> (Pair<Page>, Vec<ChannelId>) {
    let (mut a, mut b) = (Page::new(1, Pair::<Page>::A), Page::new(2, Pair::<Page>::B));
    b.on_data_channel = on_data_channel;
    let made = channels.iter().map(|parameters| a.side.create_channel(now(), parameters.clone())).collect();
    for parameters in channels.iter().filter(|it| it.negotiated.is_some()) {
        b.side.create_channel(now(), parameters.clone());
    }
    common::exchange(now(), &mut a.side, &mut b.side);
    (Pair::new(1, Link::with_delay(10 * MS), a, b), made)
}

/// The same once all that follows from it has happened, with a handler that does nothing: the channels of `a`, and the same ones
/// at `b`.
fn open_pages(channels: &[ChannelParameters]) -> (Pair<Page>, Vec<ChannelId>, Vec<ChannelId>) {
    let (mut pair, made) = pages(channels, |_, _, _| ());
    pair.run_for(5 * SECOND);
    let stream = |page: &Page, id: ChannelId| page.side.peer.session().channel_stream(id).unwrap();
    let theirs: Vec<ChannelId> = pair.b.side.peer.session().channels().collect();
    let same = |id: &ChannelId| *theirs.iter().find(|it| stream(&pair.b, **it) == stream(&pair.a, *id)).unwrap();
    let theirs = made.iter().map(same).collect();
    (pair, made, theirs)
}

fn in_band() -> ChannelParameters {
    ChannelParameters::default()
}

/// Each way to make a channel.
fn kinds() -> [ChannelParameters; 2] {
    [in_band(), negotiated(7)]
}

// --- the connection is closed ---------------------------------------------------------------------------------------------

/// Every other one negotiated.
fn two_dozen() -> Vec<ChannelParameters> {
    (0..24).map(|number| if number % 2 == 0 { in_band() } else { negotiated(100 + number) }).collect()
}

#[test]
fn wpt_rtc_peer_connection_close_closes_channels_before_connect() {
    let mut pc = Pc::new();
    let made: Vec<_> =
        two_dozen().into_iter().map(|parameters| pc.peer().create_channel(now(), parameters).unwrap()).collect();
    pc.peer().close(now());
    assert!(made.iter().all(|id| pc.side.peer.channel_state(*id) == ChannelState::Closed));
}

#[test]
fn wpt_rtc_peer_connection_close_closes_channels_after_connect() {
    let (mut pair, made, _) = open_pages(&two_dozen());
    assert!(made.iter().all(|id| pair.a.state(*id) == ChannelState::Open));
    pair.with_a(|a, now| {
        // Something is still on the way.
        a.send(now, made[0], binary(&[7; 100_000]));
        a.side.peer.close(now);
        assert!(made.iter().all(|id| a.state(*id) == ChannelState::Closed));
    });
}

#[test]
fn wpt_rtc_peer_connection_close_sctp_closed() {
    let (mut pair, ..) = open_pages(&[in_band()]);
    assert_eq!(pair.a.side.peer.sctp_state(), SctpState::Connected);
    pair.with_a(|a, now| {
        a.side.peer.close(now);
        assert_eq!(a.side.peer.sctp_state(), SctpState::Closed);
    });
}

#[test]
fn wpt_rtc_peer_connection_close_no_event() {
    let mut pair = open(in_band());
    let before = pair.a.events.len();
    pair.with_a(|a, now| a.peer.close(now));
    pair.run_for(SECOND);
    assert_eq!(pair.a.peer.signaling_state(), SignalingState::Closed);
    let is_change = |event: &PeerEvent| matches!(event, PeerEvent::SignalingStateChange(_));
    assert!(!pair.a.events[before..].iter().any(is_change), "{:?}", pair.a.events);
}

// --- a channel of the other side --------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_peer_connection_ondatachannel_send_in_handler() {
    let (mut pair, made) = pages(&[in_band()], |page, now, id| page.send(now, id, text("welcome")));
    pair.run_for(5 * SECOND);
    assert_eq!(pair.a.received, [text("welcome")]);
    assert_eq!(pair.a.told_of(made[0]), [Told::Open]);
}

#[test]
fn wpt_rtc_peer_connection_ondatachannel_close_in_handler_no_open() {
    let (mut pair, made) = pages(&[in_band()], |page, now, id| page.close(now, id));
    pair.run_for(5 * SECOND);
    let told: Vec<Told> = pair.b.told.iter().map(|(_, told)| *told).collect();
    assert_eq!(told, [Told::DataChannel, Told::Close]);
    assert_eq!(pair.a.told_of(made[0]), [Told::Open, Told::Closing, Told::Close]);
}

#[test]
fn wpt_rtc_peer_connection_ondatachannel_close_later_still_opens() {
    let (mut pair, _) = pages(&[in_band()], |_, _, _| ());
    pair.run_until(5 * SECOND, |_, b| b.told.len() == 2).unwrap();
    pair.with_b(|b, now| b.close(now, b.told[0].0));
    pair.run_for(SECOND);
    let told: Vec<Told> = pair.b.told.iter().map(|(_, told)| *told).collect();
    assert_eq!(told, [Told::DataChannel, Told::Open, Told::Close]);
}

#[test]
fn wpt_rtc_peer_connection_ondatachannel_send_and_close_in_handler() {
    let (mut pair, made) = pages(&[in_band()], |page, now, id| {
        page.send(now, id, text("not today"));
        page.close(now, id);
    });
    pair.run_for(5 * SECOND);
    assert_eq!(pair.a.received, [text("not today")]);
    assert!(!pair.b.told.iter().any(|(_, told)| *told == Told::Open), "{:?}", pair.b.told);
    assert_eq!(pair.a.state(made[0]), ChannelState::Closed);
}

#[test]
fn wpt_rtc_data_channel_onopen_local_open() {
    let (pair, made, _) = open_pages(&[in_band()]);
    assert_eq!((pair.a.told_of(made[0]), pair.a.state(made[0])), (vec![Told::Open], ChannelState::Open));
}

#[test]
fn wpt_rtc_data_channel_onopen_remote_open() {
    let (pair, _, theirs) = open_pages(&[in_band()]);
    assert_eq!(pair.b.told_of(theirs[0]), [Told::DataChannel, Told::Open]);
}

#[test]
fn wpt_rtc_data_channel_onopen_negotiated_open() {
    let (pair, made, theirs) = open_pages(&[negotiated(7)]);
    assert_eq!((pair.a.told_of(made[0]), pair.b.told_of(theirs[0])), (vec![Told::Open], vec![Told::Open]));
}

// --- ends -----------------------------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_data_channel_close_remote_closing_and_close() {
    for (parameters, from_b) in kinds().into_iter().flat_map(|kind| [(kind.clone(), false), (kind, true)]) {
        let (mut pair, made, theirs) = open_pages(&[parameters]);
        for page in [&mut pair.a, &mut pair.b] {
            page.told.clear();
        }
        match from_b {
            true => pair.with_b(|b, now| b.close(now, theirs[0])),
            false => pair.with_a(|a, now| a.close(now, made[0])),
        }
        pair.run_for(SECOND);
        let [closer, other] = match from_b {
            true => [&pair.b.told, &pair.a.told],
            false => [&pair.a.told, &pair.b.told],
        };
        let told = |told: &[(ChannelId, Told)]| told.iter().map(|(_, told)| *told).collect::<Vec<_>>();
        assert_eq!((told(closer), told(other)), (vec![Told::Close], vec![Told::Closing, Told::Close]));
    }
}

/// What an end of the connection of `a` is to the channels of `b`: an error with the cause that RFC 9260 has for it, then the end.
fn dropped() -> [Told; 2] {
    let mut failure = SctpFailure::default();
    failure.cause = Some(12);
    [Told::Error(failure), Told::Close]
}

#[test]
fn wpt_rtc_data_channel_close_pc_close_error_then_close() {
    for parameters in kinds() {
        let (mut pair, _, theirs) = open_pages(&[parameters]);
        pair.b.told.clear();
        pair.with_a(|a, now| a.side.peer.close(now));
        pair.run_for(SECOND);
        assert_eq!(pair.b.told_of(theirs[0]), dropped());
        let failure = pair.b.side.peer.session().channel_failure(theirs[0]);
        assert_eq!(failure.and_then(|failure| failure.cause), Some(12));
    }
}

#[test]
fn wpt_rtc_data_channel_close_pc_close_after_dc_close_silent() {
    for parameters in kinds() {
        let (mut pair, made, _) = open_pages(&[parameters]);
        pair.with_a(|a, now| a.close(now, made[0]));
        pair.run_for(SECOND);
        let before = [pair.a.told.len(), pair.b.told.len()];
        pair.with_a(|a, now| a.side.peer.close(now));
        pair.run_for(SECOND);
        assert_eq!([pair.a.told.len(), pair.b.told.len()], before);
    }
}

#[test]
fn wpt_rtc_data_channel_close_pc_close_many_channels() {
    for parameters in [vec![in_band(); 10], (0..10).map(|number| negotiated(2 * number)).collect()] {
        let (mut pair, _, theirs) = open_pages(&parameters);
        pair.b.told.clear();
        pair.with_a(|a, now| a.side.peer.close(now));
        pair.run_for(SECOND);
        assert!(theirs.iter().all(|id| pair.b.told_of(*id) == dropped()), "{:?}", pair.b.told);
    }
}

#[test]
fn wpt_rtc_data_channel_send_close_full_buffer_error() {
    let mut pair = open(in_band());
    let id = pair.a.channels[0];
    pair.with_a(|a, now| {
        let message = binary(&[7; 64 << 10]);
        let mut send = || a.peer.session_mut().send(now, id, message.clone());
        let refused = (0..1_000).find_map(|_| send().err());
        // It has the message, and the channel goes on.
        assert_eq!(refused, Some(ChannelSendError::Full(message.clone())));
        assert_eq!(a.peer.channel_state(id), ChannelState::Open);
    });
}

#[test]
fn wpt_rtc_data_channel_send_close_helper_no_error_events() {
    for (parameters, message) in kinds().into_iter().flat_map(|kind| {
        let messages = [text(&"x".repeat(64 << 10)), binary(&[7; 64 << 10])];
        messages.map(|message| (kind.clone(), message))
    }) {
        let (mut pair, made, theirs) = open_pages(&[parameters]);
        pair.with_a(|a, now| {
            (0..20).for_each(|_| a.send(now, made[0], message.clone()));
            a.close(now, made[0]);
        });
        pair.run_until(20 * SECOND, |a, b| [a, b].iter().all(|page| page.told.last().unwrap().1 == Told::Close))
            .unwrap();
        assert_eq!(pair.b.received.len(), 20);
        let both = [pair.a.told_of(made[0]), pair.b.told_of(theirs[0])].concat();
        assert!(!both.iter().any(|told| matches!(told, Told::Error(_))), "{both:?}");
    }
}

// --- what is buffered -------------------------------------------------------------------------------------------------------

fn buffered(page: &Page, id: ChannelId) -> usize {
    page.side.peer.session().buffered_amount(id)
}

#[test]
fn wpt_rtc_data_channel_buffered_amount_empty_adds_nothing() {
    for mut pair in both() {
        pair.run_for(SECOND);
        for message in [text(""), binary(&[])] {
            send(&mut pair, message);
            assert_eq!(pair.a.peer.session().buffered_amount(pair.a.channels[0]), 0);
        }
    }
}

#[test]
fn wpt_rtc_data_channel_buffered_amount_adds_up() {
    for parameters in kinds() {
        let (mut pair, made, _) = open_pages(&[parameters]);
        let id = made[0];
        pair.with_a(|a, now| {
            let messages = [text("hello"), text("\u{4e16}\u{754c}\u{4f60}\u{597d}"), binary(&[1; 5])];
            let amounts = messages.map(|message| {
                a.send(now, id, message);
                buffered(a, id)
            });
            assert_eq!(amounts, [5, 17, 22]);
        });
        pair.run_until(SECOND, |_, b| b.received.len() == 3).unwrap();
        assert_eq!(buffered(&pair.a, id), 0);
    }
}

#[test]
fn wpt_rtc_data_channel_buffered_amount_kept_on_close() {
    for parameters in kinds() {
        let (mut pair, made, _) = open_pages(&[parameters]);
        pair.with_a(|a, now| {
            a.send(now, made[0], text("hello"));
            a.close(now, made[0]);
            assert_eq!(buffered(a, made[0]), 5);
        });
    }
}

#[test]
fn wpt_rtc_data_channel_buffered_amount_kept_on_pc_close() {
    for (parameters, lingers) in kinds().into_iter().flat_map(|kind| [(kind.clone(), true), (kind, false)]) {
        let (mut pair, made, _) = open_pages(&[parameters]);
        if !lingers {
            // Nothing is acknowledged, so that it comes to the end of what is waited for.
            pair.links(|link| link.down = true);
        }
        pair.with_a(|a, now| {
            (0..5).for_each(|_| a.send(now, made[0], binary(&[7; 200_000])));
            let before = buffered(a, made[0]);
            a.side.peer.close(now);
            assert_eq!((before, buffered(a, made[0])), (1_000_000, 1_000_000));
        });
        pair.run_for(20 * SECOND);
        // What was sent is no longer buffered; what was not stays so.
        assert_eq!(buffered(&pair.a, made[0]) > 0, !lingers);
    }
}

/// How often `a` is told that its queue is low when it sends these, one after the other as the one before has arrived or all at
/// once.
fn low_events(messages: usize, at_once: bool) -> [usize; 2] {
    kinds().map(|parameters| {
        let (mut pair, made, _) = open_pages(&[parameters]);
        pair.a.low = 0;
        let mut sent = 0;
        while sent < messages {
            let more = if at_once { messages } else { 1 };
            pair.with_a(|a, now| (0..more).for_each(|_| a.send(now, made[0], text("hello"))));
            sent += more;
            pair.run_until(SECOND, |_, b| b.received.len() == sent).unwrap();
            assert_eq!(buffered(&pair.a, made[0]), 0);
        }
        pair.a.low
    })
}

#[test]
fn wpt_rtc_data_channel_buffered_amount_low_event_fires() {
    assert_eq!(low_events(1, true), [1, 1]);
}

#[test]
fn wpt_rtc_data_channel_buffered_amount_low_event_once() {
    assert_eq!(low_events(2, true), [1, 1]);
}

#[test]
fn wpt_rtc_data_channel_buffered_amount_low_event_each_message() {
    assert_eq!(low_events(2, false), [2, 2]);
}

// --- messages over paths that lose, and through restarts ----------------------------------------------------------------------

/// With room for messages of so many bytes.
fn roomy(seed: u64, address: SocketAddr, longest: usize) -> Side {
    let provider = rust_crypto::provider();
    let mut limits = ortica_sctp::Limits::default();
    limits.max_message_size = longest;
    limits.receive_buffer = 2 * longest;
    limits.send_buffer = 2 * longest;
    let sctp = ortica_sctp::Config::new(provider).with_limits(limits);
    Side::configured(seed, ortica_ice::Config::new(provider), sctp, vec![(SocketId(0), address)], |config| config)
}

#[test]
fn wpt_rtc_data_channel_send_no_message_mixup_on_loss() {
    const LONG: usize = 5 << 20;
    for id in [None, Some(7)] {
        let (mut a, mut b) = (roomy(1, Pair::<Side>::A, LONG), roomy(2, Pair::<Side>::B, LONG));
        let parameters = ChannelParameters { ordered: false, negotiated: id, ..labelled("unordered") };
        a.create_channel(now(), parameters.clone());
        if id.is_some() {
            b.create_channel(now(), parameters);
        }
        common::exchange(now(), &mut a, &mut b);
        let mut pair = Pair::new(1, Link::with_delay(10 * MS), a, b);
        pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
        pair.links(|link| *link = Link::with_delay(10 * MS).lossy(0.02));
        let long = ChannelMessage { binary: true, data: (0..LONG).map(|at| (at * 31 + at / 251) as u8).collect() };
        pair.a.queue.push_back(long.clone());
        pair.a.queue.extend((0..1_000).map(|number| text(&format!("small {number}"))));
        pair.run_until(Duration::from_secs(300), |_, b| b.received.len() == 1_001).unwrap();
        let (longs, mut small): (Vec<_>, Vec<_>) = pair.b.received.drain(..).partition(|message| message.binary);
        assert!(longs == [long], "whole, and once");
        let mut wanted: Vec<_> = (0..1_000).map(|number| text(&format!("small {number}"))).collect();
        for messages in [&mut small, &mut wanted] {
            messages.sort_by(|one, other| one.data.cmp(&other.data));
        }
        assert_eq!(small, wanted);
    }
}

/// A message each way.
fn ping_pong(pair: &mut Pair<Side>, word: &str) {
    let before = [pair.a.received.len(), pair.b.received.len()];
    let (mine, theirs) = (pair.a.channels[0], pair.b.channels[0]);
    pair.with_a(|a, now| a.peer.session_mut().send(now, mine, text(word)).unwrap());
    pair.run_until(SECOND, |_, b| b.received.len() == before[1] + 1).unwrap();
    pair.with_b(|b, now| b.peer.session_mut().send(now, theirs, text(word)).unwrap());
    pair.run_until(SECOND, |a, _| a.received.len() == before[0] + 1).unwrap();
}

#[test]
fn wpt_rtc_data_channel_ice_restart_usable_at_each_step() {
    let mut pair = open(in_band());
    ping_pong(&mut pair, "before");
    pair.a.peer.restart_ice();
    let offer = pair.a.peer.create_offer(pair.now()).unwrap();
    pair.with_a(|a, now| a.peer.set_local_description(now, offer.clone()).unwrap());
    ping_pong(&mut pair, "SLD of the offer");
    let offer = pair.a.peer.local_description().unwrap();
    pair.with_b(|b, now| b.peer.set_remote_description(now, offer).unwrap());
    ping_pong(&mut pair, "SRD of the offer");
    let answer = pair.b.peer.create_answer(pair.now()).unwrap();
    pair.with_b(|b, now| b.peer.set_local_description(now, answer).unwrap());
    ping_pong(&mut pair, "SLD of the answer");
    let answer = pair.b.peer.local_description().unwrap();
    pair.with_a(|a, now| a.peer.set_remote_description(now, answer).unwrap());
    ping_pong(&mut pair, "SRD of the answer");
}
