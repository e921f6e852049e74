//! Channels over two associations, without what lies below them.

use super::*;
use crate::engine::Priority;
use bytes::Bytes;
use ortica_core::Rng;
use ortica_core::crypto::providers;
use ortica_sctp::dcep::Open;
use ortica_sctp::{Config, Ppid, SendOptions};
use std::sync::Arc;
use std::time::Duration;

const NOW: Instant = Instant::from_nanos(1_000_000_000_000);

/// One end.
struct Side {
    channels: Channels,
    association: Association,
    events: Vec<Event>,
}

impl Side {
    fn new(config: Config, seed: u64) -> Self {
        let association = Association::new(Arc::new(config), Rng::from_number(seed), NOW);
        Self { channels: Channels::new(Limits::default()), association, events: Vec::new() }
    }

    fn create(&mut self, parameters: ChannelParameters) -> Result<ChannelId, ChannelError> {
        let mut events = VecDeque::new();
        let id = self.channels.create(NOW, Some(&mut self.association), parameters, &mut events);
        self.events.extend(events);
        id
    }

    fn send(&mut self, id: ChannelId, text: &'static str) {
        let message = ChannelMessage { binary: false, data: Bytes::from_static(text.as_bytes()) };
        self.channels.send(NOW, Some(&mut self.association), id, message).unwrap();
    }

    fn read(&mut self, id: ChannelId) -> Option<Bytes> {
        self.channels.read(NOW, Some(&mut self.association), id).map(|message| message.data)
    }

    /// Sends what no channel of ours would.
    fn forge(&mut self, stream: u16, ppid: Ppid, payload: &[u8], ordered: bool) {
        let options = SendOptions { ordered, ..SendOptions::default() };
        self.association.send(NOW, StreamId(stream), ppid, Bytes::copy_from_slice(payload), options).unwrap();
    }

    fn state(&self, id: ChannelId) -> ChannelState {
        self.channels.get(id).map_or(ChannelState::Closed, |channel| channel.state)
    }

    fn run(&mut self, role: Role) {
        while let Some(event) = self.association.poll_event() {
            let mut events = VecDeque::new();
            match event {
                ortica_sctp::Event::CookieEchoed | ortica_sctp::Event::Connected => {
                    self.channels.on_connected(NOW, role, &mut self.association, &mut events);
                }
                event => self.channels.on_event(NOW, &mut self.association, event, &mut events),
            }
            self.events.extend(events);
        }
    }

    /// The channel that the peer opened last.
    fn incoming(&self) -> Option<ChannelId> {
        self.events.iter().rev().find_map(|event| match event {
            Event::IncomingChannel(id) => Some(*id),
            _ => None,
        })
    }
}

/// The DTLS client, whose channels are even, and the server, whose are odd.
struct Call {
    client: Side,
    server: Side,
}

impl Call {
    fn new() -> Self {
        Self::of(config(), config())
    }

    fn of(client: Config, server: Config) -> Self {
        Self { client: Side::new(client, 1), server: Side::new(server, 2) }
    }

    fn connected() -> Self {
        let mut call = Self::new();
        call.client.association.connect(NOW);
        call.run();
        assert!(call.client.association.is_connected());
        call
    }

    /// Carries packets to and fro until there are none.
    fn run(&mut self) {
        for _ in 0..50 {
            self.client.run(Role::Client);
            self.server.run(Role::Server);
            carry(&mut self.client.association, &mut self.server.association);
            carry(&mut self.server.association, &mut self.client.association);
        }
    }
}

fn carry(from: &mut Association, to: &mut Association) {
    let mut packet = Vec::new();
    while from.poll_packet(NOW, &mut packet).is_some() {
        to.handle_packet(NOW, &packet);
        packet.clear();
    }
}

fn config() -> Config {
    Config::new(providers()[0])
}

fn open(label: &str) -> Vec<u8> {
    let mut out = Vec::new();
    Open::new(label, "").unwrap().encode(&mut out);
    out
}

fn named(label: &str) -> ChannelParameters {
    ChannelParameters { label: label.to_owned(), ..ChannelParameters::default() }
}

fn negotiated(stream: u16) -> ChannelParameters {
    ChannelParameters { negotiated: Some(stream), ..ChannelParameters::default() }
}

/// Guards the parity of streams: channels of the DTLS client are even, those of the server odd; an OPEN of the wrong
/// parity, or on a stream that carries a channel, resets its stream and nothing else.
#[test]
fn dc_1_an_open_of_the_wrong_parity_or_on_a_used_stream_is_reset() {
    let mut call = Call::connected();
    let (ours, theirs) = (call.client.create(named("c")).unwrap(), call.server.create(named("s")).unwrap());
    call.run();
    let stream = |side: &Side, id| side.channels.get(id).and_then(|channel| channel.stream);
    assert_eq!(stream(&call.client, ours), Some(StreamId(0)));
    assert_eq!(stream(&call.server, theirs), Some(StreamId(1)));

    // The client opens an odd stream: nobody hears of a channel, and the stream can be used again later.
    call.server.events.clear();
    call.client.forge(7, Ppid::DCEP, &open("odd"), true);
    call.run();
    assert_eq!(call.server.events, []);
    assert!(!call.server.channels.by_stream.contains_key(&StreamId(7)));
    assert_eq!(call.server.association.buffered_amount(StreamId(7)), 0);

    // It opens its own stream once more.
    let incoming = call.server.channels.by_stream[&StreamId(0)];
    call.client.forge(0, Ppid::DCEP, &open("again"), true);
    call.run();
    call.server.read(incoming);
    call.run();
    assert_eq!(call.server.state(incoming), ChannelState::Closed);
    assert_eq!(call.client.state(ours), ChannelState::Closed);

    // The other channel has not noticed.
    let other = call.client.channels.by_stream[&StreamId(1)];
    call.server.send(theirs, "still here");
    call.run();
    assert_eq!(call.client.read(other).as_deref(), Some(&b"still here"[..]));
}

/// Guards the order of things on an unordered channel: until the ACK is there everything is sent in order, so that nothing
/// overtakes the OPEN; a peer's message that did overtake it waits for it.
#[test]
fn dc_2_data_may_come_before_the_open_and_before_the_ack() {
    let mut call = Call::connected();
    let parameters = ChannelParameters { ordered: false, ..named("fast") };
    let id = call.client.create(parameters).unwrap();
    call.client.send(id, "first");
    let ordered = |side: &mut Side, stream: u16| side.association.read(StreamId(stream)).map(|message| message.ordered);
    carry(&mut call.client.association, &mut call.server.association);
    // OPEN and message, before the server's channels saw either.
    assert_eq!((ordered(&mut call.server, 0), ordered(&mut call.server, 0)), (Some(true), Some(true)));

    let mut call = Call::connected();
    let id = call.client.create(ChannelParameters { ordered: false, ..named("fast") }).unwrap();
    call.run();
    let incoming = call.server.incoming().unwrap();
    call.client.send(id, "later");
    carry(&mut call.client.association, &mut call.server.association);
    assert_eq!(ordered(&mut call.server, 0), Some(false));
    assert_eq!(call.server.state(incoming), ChannelState::Open);

    // A peer that does not wait: the message is on stream 4 before its OPEN, which asks for an ACK.
    call.client.forge(4, Ppid::STRING, b"early", false);
    call.run();
    assert_eq!(call.server.incoming(), Some(incoming));
    call.client.forge(4, Ppid::DCEP, &open("late"), true);
    call.run();
    let late = call.server.incoming().unwrap();
    assert_ne!(late, incoming);
    assert_eq!(call.server.read(late).as_deref(), Some(&b"early"[..]));
}

/// Guards stream 65,535, which no channel may have, whoever asks; and the bound of label and protocol.
#[test]
fn dc_3_stream_65535_is_never_used() {
    let mut call = Call::new();
    assert_eq!(call.client.create(negotiated(65_535)), Err(ChannelError::StreamOutOfRange));
    let mut call = Call::connected();
    assert_eq!(call.client.create(negotiated(65_535)), Err(ChannelError::StreamOutOfRange));
    assert!(call.client.create(negotiated(65_534)).is_ok());
    // The server's channels are odd, and so is this number; but the association has no such stream.
    let refused =
        call.server.association.send(NOW, StreamId(65_535), Ppid::DCEP, open("last").into(), SendOptions::default());
    assert!(refused.is_err());
    call.run();
    assert_eq!(call.client.incoming(), None);
    assert_eq!(call.client.create(named(&"x".repeat(65_536))), Err(ChannelError::LabelTooLong));
    let parameters = ChannelParameters { protocol: "x".repeat(65_536), ..named("") };
    assert_eq!(call.client.create(parameters), Err(ChannelError::ProtocolTooLong));
    assert!(call.client.create(named(&"x".repeat(65_535))).is_ok());
}

/// Guards negotiated channels: no OPEN is sent, either parity will do, the same stream twice is refused, and so is one
/// that the association does not have, whether the channel was made before or after it came up.
#[test]
fn dc_6_negotiated_channels_need_a_free_stream_that_exists() {
    let mut call = Call::connected();
    for stream in [2, 3] {
        let (ours, theirs) =
            (call.client.create(negotiated(stream)).unwrap(), call.server.create(negotiated(stream)).unwrap());
        assert_eq!(call.client.create(negotiated(stream)), Err(ChannelError::StreamInUse(stream)));
        call.client.send(ours, "no open");
        carry(&mut call.client.association, &mut call.server.association);
        call.run();
        assert_eq!(call.server.read(theirs).as_deref(), Some(&b"no open"[..]));
        assert_eq!(call.server.incoming(), None);
    }

    let mut call = Call::of(config().with_streams(100, 10), config().with_streams(20, 100));
    let early = call.client.create(negotiated(20)).unwrap();
    let fine = call.client.create(negotiated(9)).unwrap();
    call.client.association.connect(NOW);
    call.run();
    assert_eq!(call.client.association.inbound_streams(), Some(10));
    assert_eq!(call.client.state(early), ChannelState::Closed);
    assert_eq!(call.client.state(fine), ChannelState::Open);
    assert!(call.client.events.contains(&Event::ChannelClosed(early)));
    assert_eq!(call.client.create(negotiated(10)), Err(ChannelError::StreamOutOfRange));
    // There are five even streams.
    let opened: Vec<_> = (0..5).map(|_| call.client.create(named("")).unwrap()).collect();
    assert_eq!(call.client.create(named("")), Err(ChannelError::TooMany));
    call.run();
    assert!(opened.iter().all(|id| call.client.state(*id) == ChannelState::Open));
}

/// Guards the six channel types on their way through OPEN, which has room for one limit only, and the reset of a stream
/// whose OPEN names another.
#[test]
fn dc_7_the_six_types_cross_and_others_reset_the_stream() {
    let mut call = Call::connected();
    for ordered in [true, false] {
        for reliability in [
            Reliability::Reliable,
            Reliability::MaxRetransmits(7),
            Reliability::MaxPacketLifeTime(Duration::from_millis(7)),
        ] {
            let parameters = ChannelParameters { ordered, reliability, ..named("kind") };
            call.client.create(parameters.clone()).unwrap();
            call.run();
            let incoming = call.server.incoming().unwrap();
            assert_eq!(call.server.channels.get(incoming).unwrap().parameters, parameters);
        }
    }
    call.server.events.clear();
    for kind in [0x03, 0x04, 0x7f, 0x83, 0xff] {
        let mut unknown = open("unknown");
        unknown[1] = kind;
        call.client.forge(100, Ppid::DCEP, &unknown, true);
        for _ in 0..5 {
            carry(&mut call.client.association, &mut call.server.association);
            call.server.run(Role::Server);
            carry(&mut call.server.association, &mut call.client.association);
        }
        let heard: Vec<_> = std::iter::from_fn(|| call.client.association.poll_event()).collect();
        assert!(heard.contains(&ortica_sctp::Event::StreamReset(StreamId(100))), "{kind:x}: {heard:?}");
        // No channel was announced, and the number is free for a sound OPEN.
        assert_eq!(call.server.events, [], "{kind:x}");
        call.client.association.reset_streams(NOW, &[StreamId(100)]).unwrap();
        call.run();
    }
    call.client.forge(100, Ppid::DCEP, &open("known"), true);
    call.run();
    assert!(call.server.incoming().is_some());
}

/// Guards the reuse of stream numbers, which waits for the reset of both directions: hundreds of channels, opened and
/// closed by either side, leave nothing behind.
#[test]
fn cve_39_channels_opened_and_closed_leave_nothing_behind() {
    let mut call = Call::connected();
    for round in 0..500 {
        let (a, b) = if round % 2 == 0 { (&mut call.client, 0) } else { (&mut call.server, 1) };
        let id = a.create(named("short")).unwrap();
        a.send(id, "hello");
        call.run();
        let (opener, other) =
            if b == 0 { (&mut call.client, &mut call.server) } else { (&mut call.server, &mut call.client) };
        let incoming = other.incoming().unwrap();
        assert_eq!(other.read(incoming).as_deref(), Some(&b"hello"[..]), "round {round}");
        let closer = if round % 3 == 0 { (&mut *other, incoming) } else { (&mut *opener, id) };
        let mut events = VecDeque::new();
        closer.0.channels.close(NOW, Some(&mut closer.0.association), closer.1, &mut events);
        call.run();
        for side in [&mut call.client, &mut call.server] {
            let ids: Vec<_> = side.channels.iter().map(|(id, _)| id).collect();
            for id in ids {
                assert_eq!(side.state(id), ChannelState::Closed, "round {round}");
                side.channels.remove(id);
            }
            assert!(side.channels.is_empty() && side.channels.by_stream.is_empty(), "round {round}");
            assert!(side.channels.early.is_empty() && side.channels.early_bytes == 0, "round {round}");
            side.events.clear();
        }
    }
}

/// Guards `Limits::channels` and `Limits::channel_names`: of a flood of OPENs what fits is taken, the others' streams are
/// reset, and room that is given back can be used again. SCTP holds as little of it, since it is read at once.
#[test]
fn cve_38_a_flood_of_opens_is_bounded_in_number_and_in_bytes() {
    let mut call = Call::connected();
    let limits = Limits::default();
    let long = "x".repeat(65_535);
    for stream in (0..40).step_by(2) {
        call.client.forge(stream, Ppid::DCEP, &open(&long), true);
        call.run();
    }
    let taken: Vec<_> = call.server.channels.iter().map(|(id, _)| id).collect();
    assert_eq!(taken.len(), limits.channel_names / long.len());
    assert!(call.server.channels.names <= 1 << 20);
    assert!(!call.server.channels.by_stream.contains_key(&StreamId(38)));
    assert_eq!(call.server.create(named(&long)), Err(ChannelError::TooMany));

    call.server.channels.on_closed(None, &mut VecDeque::new());
    taken.iter().for_each(|id| call.server.channels.remove(*id));
    assert_eq!(call.server.channels.names, 0);

    let mut call = Call::connected();
    for stream in (0..2 * 1_100).step_by(2) {
        call.client.forge(stream, Ppid::DCEP, &open("short"), true);
        if stream % 100 == 0 {
            call.run();
        }
    }
    call.run();
    assert_eq!(call.server.channels.iter().count(), 1_024);
    assert_eq!(call.server.channels.by_stream.len(), 1_024);
}

/// Guards the end of a channel: what is queued arrives first, the channel is closed when both directions are reset, one that
/// is not open yet is closed at once, and the end of the association closes all.
#[test]
fn dc_5_a_channel_that_closes_sends_what_it_has() {
    let mut call = Call::connected();
    let id = call.client.create(named("going")).unwrap();
    let stays = call.client.create(named("staying")).unwrap();
    call.run();
    for _ in 0..1_000 {
        call.client.send(id, "a message of some length, so that not all of them fit into the first window");
    }
    let mut events = VecDeque::new();
    call.client.channels.close(NOW, Some(&mut call.client.association), id, &mut events);
    assert_eq!((call.client.state(id), events.len()), (ChannelState::Closing, 0));
    let refused = ChannelMessage { binary: false, data: Bytes::from_static(b"late") };
    let refused = call.client.channels.send(NOW, Some(&mut call.client.association), id, refused);
    assert_eq!(refused, Err(ChannelSendError::NotOpen(ChannelState::Closing)));
    let incoming = call.server.channels.iter().find(|(_, channel)| channel.parameters.label == "going").unwrap().0;
    call.run();
    assert_eq!([call.client.state(id), call.server.state(incoming)], [ChannelState::Closed; 2]);
    assert_eq!(std::iter::from_fn(|| call.server.read(incoming)).count(), 1_000);
    assert_eq!(call.client.state(stays), ChannelState::Open);

    call.client.association.abort(NOW, "enough");
    call.run();
    assert_eq!(call.client.state(stays), ChannelState::Closed);
    assert!(call.server.channels.iter().all(|(_, channel)| channel.state == ChannelState::Closed));

    let mut call = Call::new();
    let early = call.client.create(named("early")).unwrap();
    let mut events = VecDeque::new();
    call.client.channels.close(NOW, Some(&mut call.client.association), early, &mut events);
    assert_eq!(call.client.state(early), ChannelState::Closed);
    call.client.association.connect(NOW);
    call.run();
    assert_eq!(call.server.channels.iter().count(), 0);
}

/// Guards `a=max-message-size` of the peer (RFC 8841 §6.1): a longer message is refused and nothing of it is queued, zero is
/// no limit, and a peer that says nothing takes 64 KiB.
#[test]
fn the_peers_limit_of_messages_is_kept() {
    let message = |len: usize| ChannelMessage { binary: true, data: Bytes::from(vec![7; len]) };
    for (announced, most) in [(Some(1_000), Some(1_000)), (Some(0), None), (None, Some(65_536))] {
        let mut call = Call::connected();
        call.client.channels.set_max_message_size(announced);
        let id = call.client.create(named("chat")).unwrap();
        call.run();
        let Side { channels, association, .. } = &mut call.client;
        let mut send = |len: usize| channels.send(NOW, Some(association), id, message(len));
        let fits = most.unwrap_or(2 * 65_536);
        assert_eq!(send(fits), Ok(()), "{announced:?}");
        assert_eq!(send(fits + 1), most.map_or(Ok(()), |most| Err(ChannelSendError::TooLarge(most))), "{announced:?}");
        let queued = association.buffered_amount(StreamId(0));
        assert_eq!(queued, if most.is_some() { fits } else { 2 * fits + 1 }, "{announced:?}");
    }
}

/// Guards the stream of a channel that is closed while the peer sends on it: what was sent is for that channel, and the
/// next one on the stream starts empty.
#[test]
fn what_is_sent_on_a_closing_channel_is_not_for_the_next_one_on_its_stream() {
    let mut call = Call::connected();
    let id = call.client.create(named("chat")).unwrap();
    call.run();
    let incoming = call.server.incoming().unwrap();
    // More than the first window takes.
    let long = ChannelMessage { binary: true, data: Bytes::from(vec![7; 16 * 1_160]) };
    call.server.channels.send(NOW, Some(&mut call.server.association), incoming, long).unwrap();
    let mut events = VecDeque::new();
    call.client.channels.close(NOW, Some(&mut call.client.association), id, &mut events);
    call.run();
    assert_eq!([call.client.state(id), call.server.state(incoming)], [ChannelState::Closed; 2]);

    let next = call.client.create(named("chat")).unwrap();
    call.run();
    let stream = |id| call.client.channels.get(id).and_then(|channel| channel.stream);
    assert_eq!(stream(next), stream(id), "the stream is used again");
    assert_ne!(call.server.incoming(), Some(incoming));
    assert_eq!(call.client.state(next), ChannelState::Open);
    assert_eq!(call.client.read(next), None);
}

/// Guards the end of a channel against the peer's ACK, which comes when it is closing: it does not open it again.
#[test]
fn an_acknowledgement_does_not_open_a_channel_again() {
    let mut call = Call::connected();
    let id = call.client.create(named("brief")).unwrap();
    let mut events = VecDeque::new();
    call.client.channels.close(NOW, Some(&mut call.client.association), id, &mut events);
    call.client.events.extend(events);
    call.run();
    let incoming = call.server.incoming().unwrap();
    assert_eq!([call.client.state(id), call.server.state(incoming)], [ChannelState::Closed; 2]);
    let told = |wanted: Event| call.client.events.iter().filter(|event| **event == wanted).count();
    assert_eq!((told(Event::ChannelOpen(id)), told(Event::ChannelClosed(id))), (1, 1));
    assert_eq!(call.client.events.last(), Some(&Event::ChannelClosed(id)));
}

/// Guards the number of a stream: it is taken until both directions are reset, whichever comes first.
#[test]
fn a_stream_stays_taken_until_both_directions_are_reset() {
    let mut call = Call::connected();
    let id = call.client.create(named("chat")).unwrap();
    call.run();
    let mut events = VecDeque::new();
    call.client.channels.close(NOW, Some(&mut call.client.association), id, &mut events);
    // The peer's association answers the request, before its channels have heard of it.
    for _ in 0..4 {
        carry(&mut call.client.association, &mut call.server.association);
        carry(&mut call.server.association, &mut call.client.association);
    }
    call.client.run(Role::Client);
    assert_eq!(call.client.state(id), ChannelState::Closing);
    assert!(call.client.channels.by_stream.contains_key(&StreamId(0)));
    assert_eq!(call.client.create(negotiated(0)), Err(ChannelError::StreamInUse(0)));

    call.run();
    assert_eq!(call.client.state(id), ChannelState::Closed);
    assert!(call.client.channels.by_stream.is_empty());
    assert!(call.client.create(negotiated(0)).is_ok());
}

/// Guards the priorities of channels: each is announced as its weight, and both sides share by it.
#[test]
fn dc_8_a_channel_has_its_priority_on_both_sides() {
    let mut call = Call::connected();
    let [high, low] = [Priority::High, Priority::VeryLow]
        .map(|priority| call.client.create(ChannelParameters { priority, ..named("weighted") }).unwrap());
    call.run();
    let ids: Vec<_> = call.server.channels.iter().map(|(id, channel)| (id, channel.parameters.priority)).collect();
    assert_eq!(ids.iter().map(|(_, priority)| *priority).collect::<Vec<_>>(), [Priority::High, Priority::VeryLow]);
    let text = "a message of such a length that a packet holds a few of them but not many. ";
    for _ in 0..200 {
        for id in [high, low] {
            call.client.send(id, text);
        }
        for (id, _) in &ids {
            call.server.send(*id, text);
        }
    }
    // The first packets each way, as far as the window goes.
    carry(&mut call.client.association, &mut call.server.association);
    carry(&mut call.server.association, &mut call.client.association);
    for side in [&mut call.client.association, &mut call.server.association] {
        let counts = [0, 2].map(|stream| std::iter::from_fn(|| side.read(StreamId(stream))).count());
        assert!(counts[0] >= 5 * counts[1].max(1), "{counts:?}");
    }
}

/// Guards the reading of weights that have no name.
#[test]
fn dc_8_a_weight_of_the_peer_becomes_the_next_priority() {
    let found = [0, 128, 129, 256, 257, 512, 513, 1_024, 65_535].map(|weight| Priority::from_weight(weight).weight());
    assert_eq!(found, [128, 128, 256, 256, 512, 512, 1_024, 1_024, 1_024]);
}

/// A side whose send buffer holds little, and full of messages on its first channel.
fn full(call: &mut Call, side: fn(&mut Call) -> &mut Side) -> ChannelId {
    let first = side(call).create(named("first")).unwrap();
    call.run();
    let side = side(call);
    let message = || ChannelMessage { binary: true, data: Bytes::from_static(&[7; 1_000]) };
    while side.channels.send(NOW, Some(&mut side.association), first, message()).is_ok() {}
    // What is left is too little for a control message.
    while side
        .association
        .send(NOW, StreamId(5), Ppid::BINARY, Bytes::from_static(&[7]), SendOptions::default())
        .is_ok()
    {}
    first
}

fn small() -> Config {
    config().with_limits(ortica_sctp::Limits::default().with_send_buffer(20_000))
}

/// Guards `Unsaid::Open`: a full buffer delays a channel, and does not end it.
#[test]
fn a_channel_that_is_made_while_the_send_buffer_is_full_opens_when_there_is_room() {
    let mut call = Call::of(small(), small());
    call.client.association.connect(NOW);
    call.run();
    full(&mut call, |call| &mut call.client);
    let late = call.client.create(named("late")).unwrap();
    assert_eq!(call.client.state(late), ChannelState::Connecting);
    let given_up = call.client.create(named("given up")).unwrap();
    let mut events = VecDeque::new();
    call.client.channels.close(NOW, Some(&mut call.client.association), given_up, &mut events);
    assert_eq!(call.client.channels.unsaid.len(), 1, "nothing is to be said of the other one any more");
    call.run();
    assert_eq!(call.client.state(late), ChannelState::Open);
    let incoming = call.server.incoming().unwrap();
    assert_eq!(call.server.channels.get(incoming).unwrap().parameters.label, "late");
    assert!(call.client.channels.unsaid.is_empty());
}

/// Guards `Channels::finish`: a channel that has ended waits for no room.
#[test]
fn a_channel_that_has_ended_is_not_told_of_room() {
    let mut call = Call::of(small(), small());
    call.client.association.connect(NOW);
    call.run();
    let id = full(&mut call, |call| &mut call.client);
    let long = ChannelMessage { binary: true, data: Bytes::from(vec![7; 10_000]) };
    let refused = call.client.channels.send(NOW, Some(&mut call.client.association), id, long.clone());
    assert_eq!(refused, Err(ChannelSendError::Full(long)));
    assert_eq!(call.client.channels.blocked, [id]);
    call.client.channels.on_closed(Some(&mut call.client.association), &mut VecDeque::new());
    assert_eq!(call.client.channels.blocked, []);
}

/// Guards `Unsaid::Ack`: the peer learns that its OPEN came, if late.
#[test]
fn an_open_that_comes_while_the_send_buffer_is_full_is_acknowledged_when_there_is_room() {
    let mut call = Call::of(config(), small());
    call.client.association.connect(NOW);
    call.run();
    full(&mut call, |call| &mut call.server);
    let opened = call.client.create(named("opened")).unwrap();
    // The OPEN arrives, and nothing leaves.
    carry(&mut call.client.association, &mut call.server.association);
    call.server.run(Role::Server);
    assert_eq!(call.server.channels.unsaid.len(), 1, "the trap is set");
    call.run();
    assert!(call.client.channels.get(opened).unwrap().acknowledged);
    assert!(call.server.channels.unsaid.is_empty());
}
