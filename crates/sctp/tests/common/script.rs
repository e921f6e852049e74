//! Scripts: what one association hears, does and answers, step by step.
//!
//! The peer is played by hand: its tag is 7 and its TSNs start with 1, as do those of the association under test. What is
//! answered is compared as text, packets separated by `/`: `COOKIE_ACK SACK(1) / DATA(1 B)`. HEARTBEATs that the
//! association sends by itself are left out, and `..` stands for whatever follows.

use super::raw::*;
use super::said::{chunks, number, param, say};
use super::{MS, config};
use ortica_core::{Instant, Rng};
use ortica_sctp::{Association, CloseReason, Config, Event, Ppid, SendOptions, StreamId};
use std::sync::Arc;

/// The tag that the peer chose.
pub const PEER_TAG: u32 = 7;

/// One script.
pub struct Row {
    /// The name under which others list the behaviour.
    pub name: &'static str,
    pub config: fn(Config) -> Config,
    pub start: Start,
    /// At which millisecond, what, and what is answered until then and to it.
    pub steps: &'static [(u64, Act, &'static str)],
    pub end: End,
    /// HEARTBEATs of the association are shown too.
    pub beats: bool,
    /// So are places in streams: `DATA(2 on 1:0)`, `FORWARD_TSN(2 skips 1:0)`, `reset out 1 after 2 of 1`.
    pub details: bool,
}

pub const ROW: Row = Row {
    name: "",
    config: |config| config,
    start: Start::Closed,
    steps: &[],
    end: End::Up,
    beats: false,
    details: false,
};

/// The window that the peer tells unless the script says otherwise.
pub const WINDOW: u32 = 1 << 20;

/// The state in which a script begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    Closed,
    CookieWait,
    CookieEchoed,
    Established,
    /// With DATA(1) sent and not acknowledged.
    ShutdownPending,
    ShutdownSent,
    /// With DATA(1) sent and not acknowledged.
    ShutdownReceived,
    ShutdownAckSent,
}

/// What is done to the association.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Nothing: time passes.
    Wait,
    Connect,
    /// Sends a message of so many bytes on stream 1.
    Send(usize),
    /// On another stream, or in another way.
    SendOn(u16, usize, SendOptions),
    /// The same, and it is refused.
    Refused(usize),
    /// Shuts down.
    Finish,
    /// Aborts.
    Break,
    Reset(u16),
    /// Several streams at once.
    ResetAll(&'static [u16]),
    /// Gives a stream a weight.
    Weight(u16, u16),
    /// Sets the threshold of a stream's buffered amount.
    Threshold(u16, usize),
    /// Reads the next message of stream 1, of so many bytes; 0 stands for none.
    Read(usize),
    /// Reads the next message of another stream.
    ReadOn(u16, usize),
    /// Looks at the bytes in flight, headers included.
    InFlight(usize),
    /// Looks at the bytes of a stream that are not in a packet yet.
    Buffered(u16, usize),
    /// Looks at the events since the last look, those of becoming readable and of the handshake aside.
    Told(&'static [Event]),
    /// Hears one packet under the right tag.
    Hear(&'static [Say]),
    /// Hears several packets before it is asked for an answer.
    HearAll(&'static [&'static [Say]]),
    /// Hears bytes that are no packet of the script's making.
    HearBytes(&'static [u8]),
    /// Hears one packet under another tag.
    HearUnder(u32, &'static [Say]),
    /// Hears one packet whose checksum is wrong.
    HearDamaged(&'static [Say]),
    /// Hears a packet cut short by so many bytes.
    HearCut(usize, &'static [Say]),
}

/// A chunk of the peer's.
#[derive(Clone, Copy, Debug)]
pub enum Say {
    Init,
    /// With further parameters.
    InitWith(&'static [u8]),
    /// With other numbers: tag, streams out, streams in.
    InitOf(u32, u16, u16),
    InitAck,
    InitAckWith(&'static [u8]),
    InitAckOf(u32, u16, u16),
    /// With a window.
    InitAckWindow(u32),
    InitAckWithoutCookie,
    /// The cookie that the association gave last.
    CookieEcho,
    /// The one that it gave first.
    FirstCookie,
    ForgedCookie,
    CookieAck,
    /// A whole message on stream 1.
    Data(u32),
    /// TSN, stream, stream sequence number, flags, bytes.
    DataOf(u32, u16, u16, u8, usize),
    /// TSN, stream, message identifier, PPID or fragment number, flags.
    IData(u32, u16, u32, u32, u8),
    Sack(u32),
    /// With a window.
    SackWindow(u32, u32),
    /// With one block.
    SackGap(u32, u16, u16),
    /// With a window and blocks.
    SackOf(u32, u32, &'static [(u16, u16)]),
    Heartbeat,
    /// What the association asked in its last HEARTBEAT.
    HeartbeatAck,
    /// The same, changed.
    WrongHeartbeatAck,
    Abort(u8),
    /// ABORT with a cause.
    AbortWith(u16),
    Shutdown(u32),
    ShutdownAck,
    ShutdownComplete(u8),
    /// A cause with four bytes.
    Error(u16, u32),
    /// New cumulative TSN, stream, stream sequence number.
    ForwardTsn(u32, u16, u16),
    /// The same with any number of streams.
    ForwardTsnOf(u32, &'static [(u16, u16)]),
    IForwardTsn(u32, u16, u32),
    /// Outgoing reset: request number, last TSN, stream.
    ResetOut(u32, u32, u16),
    /// Incoming reset: request number, stream.
    ResetIn(u32, u16),
    /// Answer: number, result.
    Answer(u32, u32),
    Other(u8, &'static [u8]),
}

/// How a script ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Connected, or on the way to an end.
    Up,
    /// Connected, with so many streams out and in.
    UpWith(u16, u16),
    /// Neither connected nor over.
    NotYet,
    Over(CloseReason),
}

/// Runs each script.
pub fn run(rows: &[Row]) {
    for row in rows {
        Bench::new(row).run(row);
    }
}

struct Bench {
    name: &'static str,
    sut: Association,
    start: Instant,
    now: Instant,
    /// The tag that the association chose, once it is known.
    tag: u32,
    /// The one that its last INIT ACK gave, which counts once its cookie comes back.
    offered: u32,
    cookie: Vec<u8>,
    first_cookie: Option<Vec<u8>>,
    beat: Vec<u8>,
    shows_beats: bool,
    shows_details: bool,
    events: Vec<Event>,
    /// How many of them the script has looked at.
    looked_at: usize,
}

impl Bench {
    fn new(row: &Row) -> Self {
        let now = netsim::epoch();
        let quiet = config().with_heartbeat_interval(None).with_initial_tsn(Some(1));
        let sut = Association::new(Arc::new((row.config)(quiet)), Rng::from_number(5), now);
        let mut bench = Self {
            name: row.name,
            sut,
            start: now,
            now,
            tag: 0,
            offered: 0,
            cookie: Vec::new(),
            first_cookie: None,
            beat: Vec::new(),
            shows_beats: row.beats,
            shows_details: row.details,
            events: Vec::new(),
            looked_at: 0,
        };
        bench.enter(row.start, row.name);
        bench.start = bench.now;
        bench
    }

    fn enter(&mut self, start: Start, name: &str) {
        let steps: &[(Act, &str)] = match start {
            Start::Closed => &[],
            Start::CookieWait => &[(Act::Connect, "INIT")],
            Start::CookieEchoed => &[(Act::Connect, "INIT"), (Act::Hear(&[Say::InitAck]), "COOKIE_ECHO")],
            _ => &[(Act::Hear(&[Say::Init]), "INIT_ACK"), (Act::Hear(&[Say::CookieEcho]), "COOKIE_ACK")],
        };
        let more: &[(Act, &str)] = match start {
            Start::ShutdownPending => &[(Act::Send(10), "DATA(1)"), (Act::Finish, "")],
            Start::ShutdownSent => &[(Act::Finish, "SHUTDOWN(0)")],
            Start::ShutdownReceived => &[(Act::Send(10), "DATA(1)"), (Act::Hear(&[Say::Shutdown(0)]), "")],
            Start::ShutdownAckSent => &[(Act::Hear(&[Say::Shutdown(0)]), "SHUTDOWN_ACK")],
            _ => &[],
        };
        for &(act, expect) in steps.iter().chain(more) {
            let heard = self.step(act);
            assert!(matches(&heard, expect), "{name}: entering {start:?}: {heard}");
        }
        self.events.clear();
    }

    fn run(mut self, row: &Row) {
        let name = row.name;
        for &(at, act, expect) in row.steps {
            let mut heard = self.run_until(self.start + MS * at as u32);
            join(&mut heard, &self.step(act));
            assert!(matches(&heard, expect), "{name}, at {at} ms, {act:?}: {heard:?} instead of {expect:?}");
        }
        let over = self.events.iter().find_map(|event| match event {
            Event::Closed(reason) => Some(*reason),
            _ => None,
        });
        let found = match over {
            Some(reason) => End::Over(reason),
            None if !self.sut.is_connected() => End::NotYet,
            None => match row.end {
                End::UpWith(..) => End::UpWith(
                    self.sut.outbound_streams().unwrap_or_default(),
                    self.sut.inbound_streams().unwrap_or_default(),
                ),
                _ => End::Up,
            },
        };
        assert_eq!(found, row.end, "{name}: {:?}", self.events);
    }

    /// Lets time pass, with every time-out on the way.
    fn run_until(&mut self, until: Instant) -> String {
        let mut heard = String::new();
        while let Some(at) = self.sut.poll_timeout().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.sut.handle_timeout(self.now);
            join(&mut heard, &self.drain());
        }
        self.now = until;
        heard
    }

    fn step(&mut self, act: Act) -> String {
        let now = self.now;
        let payload = |len: usize| vec![9; len];
        match act {
            Act::Wait => {}
            Act::Connect => self.sut.connect(now),
            Act::Finish => self.sut.shutdown(now),
            Act::Break => self.sut.abort(now, "enough"),
            Act::Reset(stream) => self.reset(&[stream]),
            Act::ResetAll(streams) => self.reset(streams),
            Act::Weight(stream, weight) => self.sut.set_weight(StreamId(stream), weight),
            Act::Threshold(stream, bytes) => self.sut.set_buffered_amount_low_threshold(StreamId(stream), bytes),
            Act::Send(len) => return self.step(Act::SendOn(1, len, SendOptions::default())),
            Act::SendOn(stream, len, options) => {
                self.sut.send(now, StreamId(stream), Ppid::BINARY, payload(len).into(), options).expect("it is taken");
            }
            Act::Refused(len) => {
                let options = SendOptions::default();
                let sent = self.sut.send(now, StreamId(1), Ppid::BINARY, payload(len).into(), options);
                assert!(sent.is_err(), "it is refused");
            }
            Act::Read(len) => return self.step(Act::ReadOn(1, len)),
            Act::ReadOn(stream, len) => {
                let read = self.sut.read(StreamId(stream)).map_or(0, |message| message.payload.len());
                assert_eq!(read, len, "{}, {act:?}", self.name);
            }
            Act::InFlight(bytes) => assert_eq!(self.sut.path().in_flight, bytes, "{}, {act:?}", self.name),
            Act::Buffered(stream, bytes) => {
                assert_eq!(self.sut.buffered_amount(StreamId(stream)), bytes, "{}, {act:?}", self.name);
            }
            Act::Told(events) => assert_eq!(self.news(), events, "{}, {act:?}", self.name),
            Act::Hear(chunks) => {
                let tag = match chunks.first() {
                    Some(Say::Init | Say::InitWith(_) | Say::InitOf(..)) => 0,
                    Some(Say::Other(INIT, _)) => 0,
                    Some(Say::CookieEcho | Say::FirstCookie) => {
                        self.tag = self.offered;
                        self.offered
                    }
                    Some(Say::ForgedCookie) => self.offered,
                    _ => self.tag,
                };
                self.hear(&self.packet(tag, chunks));
            }
            Act::HearAll(packets) => packets.iter().for_each(|chunks| self.hear(&self.packet(self.tag, chunks))),
            Act::HearBytes(bytes) => self.hear(bytes),
            Act::HearUnder(tag, chunks) => self.hear(&self.packet(tag, chunks)),
            Act::HearDamaged(chunks) => {
                let mut packet = self.packet(0, chunks);
                packet[8] ^= 1;
                self.hear(&packet);
            }
            Act::HearCut(bytes, chunks) => {
                let mut packet = self.packet(0, chunks);
                packet.truncate(packet.len() - bytes);
                seal(&mut packet);
                self.hear(&packet);
            }
        }
        self.drain()
    }

    fn hear(&mut self, packet: &[u8]) {
        self.sut.handle_packet(self.now, packet);
    }

    fn reset(&mut self, streams: &[u16]) {
        let streams: Vec<_> = streams.iter().copied().map(StreamId).collect();
        self.sut.reset_streams(self.now, &streams).expect("the peer knows how");
    }

    /// The events that the script has not looked at and that it cannot see otherwise.
    fn news(&mut self) -> Vec<Event> {
        let news = self.events.get(self.looked_at..).unwrap_or_default();
        let news = news.iter().filter(|event| !matches!(event, Event::Readable(_) | Event::Connected));
        let news = news.cloned().collect();
        self.looked_at = self.events.len();
        news
    }

    fn packet(&self, tag: u32, chunks: &[Say]) -> Vec<u8> {
        packet(tag, &chunks.iter().map(|say| self.chunk(*say)).collect::<Vec<_>>())
    }

    fn chunk(&self, say: Say) -> (u8, u8, Vec<u8>) {
        let be = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
        let short = |number: u16| number.to_be_bytes().to_vec();
        let pair = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
        let cookie = [0, 7, 0, 8, 1, 2, 3, 4];
        let init_of = |tag: u32, out: u16, inward: u16| {
            let mut value = init(tag, 1);
            value[8..10].copy_from_slice(&out.to_be_bytes());
            value[10..12].copy_from_slice(&inward.to_be_bytes());
            value
        };
        match say {
            Say::Init => (INIT, 0, init(PEER_TAG, 1)),
            Say::InitWith(params) => (INIT, 0, [&init(PEER_TAG, 1)[..], params].concat()),
            Say::InitOf(tag, out, inward) => (INIT, 0, init_of(tag, out, inward)),
            Say::InitAck => (INIT_ACK, 0, [&init(PEER_TAG, 1)[..], &cookie].concat()),
            Say::InitAckWith(params) => (INIT_ACK, 0, [&init(PEER_TAG, 1)[..], &cookie, params].concat()),
            Say::InitAckOf(tag, out, inward) => (INIT_ACK, 0, [&init_of(tag, out, inward)[..], &cookie].concat()),
            Say::InitAckWindow(window) => {
                let mut value = [&init(PEER_TAG, 1)[..], &cookie].concat();
                value[4..8].copy_from_slice(&window.to_be_bytes());
                (INIT_ACK, 0, value)
            }
            Say::InitAckWithoutCookie => (INIT_ACK, 0, init(PEER_TAG, 1)),
            Say::CookieEcho => (COOKIE_ECHO, 0, self.cookie.clone()),
            Say::FirstCookie => (COOKIE_ECHO, 0, self.first_cookie.clone().unwrap_or_default()),
            Say::ForgedCookie => {
                let mut cookie = self.cookie.clone();
                if cookie.is_empty() {
                    cookie = vec![3; 80];
                }
                cookie[20] ^= 1;
                (COOKIE_ECHO, 0, cookie)
            }
            Say::CookieAck => (COOKIE_ACK, 0, vec![]),
            Say::Data(tsn) => (DATA, BEGIN | END, data(tsn, 1, (tsn - 1) as u16, b"whole")),
            Say::DataOf(tsn, stream, ssn, flags, len) => (DATA, flags, data(tsn, stream, ssn, &vec![4; len])),
            Say::IData(tsn, stream, mid, shared, flags) => (I_DATA, flags, i_data(tsn, stream, mid, shared, b"piece")),
            Say::Sack(tsn) => (SACK, 0, be(&[tsn, WINDOW, 0])),
            Say::SackWindow(tsn, window) => (SACK, 0, be(&[tsn, window, 0])),
            Say::SackGap(tsn, from, to) => (SACK, 0, be(&[tsn, WINDOW, 1 << 16, pair(from, to)])),
            Say::SackOf(tsn, window, blocks) => {
                let mut numbers = vec![tsn, window, (blocks.len() as u32) << 16];
                numbers.extend(blocks.iter().map(|&(from, to)| pair(from, to)));
                (SACK, 0, be(&numbers))
            }
            Say::Heartbeat => (HEARTBEAT, 0, [&[0, 1, 0, 8][..], b"ping"].concat()),
            Say::HeartbeatAck => (HEARTBEAT_ACK, 0, self.beat.clone()),
            Say::WrongHeartbeatAck => {
                let mut beat = self.beat.clone();
                *beat.last_mut().expect("there was one") ^= 1;
                (HEARTBEAT_ACK, 0, beat)
            }
            Say::Abort(flags) => (ABORT, flags, vec![]),
            Say::AbortWith(cause) => (ABORT, 0, [&short(cause)[..], &[0, 4]].concat()),
            Say::Shutdown(tsn) => (SHUTDOWN, 0, be(&[tsn])),
            Say::ShutdownAck => (SHUTDOWN_ACK, 0, vec![]),
            Say::ShutdownComplete(flags) => (SHUTDOWN_COMPLETE, flags, vec![]),
            Say::Error(cause, value) => (ERROR, 0, [&short(cause)[..], &[0, 8], &be(&[value])].concat()),
            Say::ForwardTsn(tsn, stream, ssn) => (FORWARD_TSN, 0, be(&[tsn, pair(stream, ssn)])),
            Say::ForwardTsnOf(tsn, skipped) => {
                let mut numbers = vec![tsn];
                numbers.extend(skipped.iter().map(|&(stream, ssn)| pair(stream, ssn)));
                (FORWARD_TSN, 0, be(&numbers))
            }
            Say::IForwardTsn(tsn, stream, mid) => (I_FORWARD_TSN, 0, be(&[tsn, u32::from(stream) << 16, mid])),
            Say::ResetOut(request, last, stream) => {
                let value = [&[0, 13, 0, 18][..], &be(&[request, 0, last]), &short(stream)].concat();
                (RE_CONFIG, 0, value)
            }
            Say::ResetIn(request, stream) => {
                (RE_CONFIG, 0, [&[0, 14, 0, 10][..], &be(&[request]), &short(stream)].concat())
            }
            Say::Answer(number, result) => (RE_CONFIG, 0, [&[0, 16, 0, 12][..], &be(&[number, result])].concat()),
            Say::Other(kind, value) => (kind, 0, value.to_vec()),
        }
    }

    /// What the association has to send, as text.
    fn drain(&mut self) -> String {
        let mut heard = String::new();
        loop {
            let mut out = Vec::new();
            if self.sut.poll_packet(self.now, &mut out).is_none() {
                break;
            }
            let mut said = String::new();
            for (kind, flags, value) in chunks(&out) {
                match kind {
                    INIT => self.tag = number(&value, 0),
                    INIT_ACK => {
                        self.offered = number(&value, 0);
                        self.cookie = param(&value[16..], 7).unwrap_or_default();
                        self.first_cookie.get_or_insert_with(|| self.cookie.clone());
                    }
                    HEARTBEAT => {
                        self.beat.clone_from(&value);
                        if !self.shows_beats {
                            continue;
                        }
                    }
                    _ => {}
                }
                if !said.is_empty() {
                    said.push(' ');
                }
                say(&mut said, kind, flags, &value, self.shows_details);
            }
            join(&mut heard, &said);
        }
        while let Some(event) = self.sut.poll_event() {
            self.events.push(event);
        }
        heard
    }
}

/// Adds a packet to what was heard.
fn join(heard: &mut String, said: &str) {
    if !heard.is_empty() && !said.is_empty() {
        heard.push_str(" / ");
    }
    heard.push_str(said);
}

fn matches(heard: &str, expect: &str) -> bool {
    match expect.strip_suffix("..") {
        Some(start) => heard.starts_with(start.trim_end()),
        None => heard == expect,
    }
}
