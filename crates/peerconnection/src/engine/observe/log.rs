//! Records of what happens.

use super::inner::InnerPacket;
use super::line::Line;
use super::summary::Summary;
use crate::engine::{ChannelId, CloseReason, DtlsState, Event, SenderId, TransportId};
use ortica_core::Instant;
use ortica_ice::{CandidateKind, GatheringState, State};
use std::collections::VecDeque;
use std::time::Duration;

/// Something that happened in a session. It holds no address, no key, and nothing of what packets carry.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogRecord {
    /// When.
    pub at: Instant,
    /// On which transport, if on one.
    pub transport: Option<TransportId>,
    /// What.
    pub note: Note,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// A candidate of this side was found.
    LocalCandidate {
        /// How.
        kind: CandidateKind,
        /// Its priority.
        priority: u32,
    },
    /// Gathering went on.
    Gathering(GatheringState),
    /// ICE changed its state.
    Ice(State),
    /// Another pair of candidates carries the data.
    SelectedPair {
        /// How this side's candidate was found.
        local: CandidateKind,
        /// How the other side's was.
        remote: CandidateKind,
        /// The round trip over it, in seconds, if it was measured.
        round_trip: Option<Duration>,
    },
    /// DTLS changed its state.
    Dtls(DtlsState),
    /// What DTLS agreed on: cipher suite and SRTP profile, by name.
    Secured {
        /// The cipher suite.
        cipher: String,
        /// The SRTP profile, if there is one.
        srtp: Option<String>,
    },
    /// An encoder should make a key frame.
    KeyFrameWanted(SenderId),
    /// A data channel changed its state.
    Channel(ChannelId, &'static str),
    /// A state of the connection changed; its name, and what it is now.
    Connection(&'static str, String),
    /// The session is over.
    Closed(CloseReason),
    /// A packet crossed the wire, or the inside of one.
    Packet {
        /// It was sent.
        sent: bool,
        /// Its length in bytes.
        len: usize,
        /// What its headers say.
        summary: Summary,
    },
}

impl Note {
    pub(super) fn packet(sent: bool, packet: &[u8]) -> Self {
        Self::Packet { sent, len: packet.len(), summary: Summary::of(packet) }
    }

    pub(super) fn inner(packet: &InnerPacket) -> Option<Self> {
        let summary = Summary::of_inner(packet)?;
        Some(Self::Packet { sent: packet.sent, len: packet.bytes.len(), summary })
    }

    /// What an event is in the log; those that only say that there is something to read are none.
    pub(super) fn event(event: &Event) -> Option<(Option<TransportId>, Self)> {
        Some(match event {
            Event::LocalCandidate(id, candidate) => {
                let (kind, priority) = (candidate.kind, candidate.priority);
                (Some(*id), Self::LocalCandidate { kind, priority })
            }
            Event::Gathering(id, state) => (Some(*id), Self::Gathering(*state)),
            Event::Ice(id, state) => (Some(*id), Self::Ice(*state)),
            Event::Dtls(id, state) => (Some(*id), Self::Dtls(*state)),
            Event::EncoderTargets(id) => (None, Self::KeyFrameWanted(*id)),
            Event::IncomingChannel(id) => (None, Self::Channel(*id, "incoming")),
            Event::ChannelOpen(id) => (None, Self::Channel(*id, "open")),
            Event::ChannelClosing(id) => (None, Self::Channel(*id, "closing")),
            Event::ChannelFailed(id, _) => (None, Self::Channel(*id, "failed")),
            Event::ChannelClosed(id) => (None, Self::Channel(*id, "closed")),
            Event::Closed(reason) => (None, Self::Closed(*reason)),
            _ => return None,
        })
    }

    fn write(&self, line: &mut Line) {
        match self {
            Self::LocalCandidate { kind, priority } => {
                line.text("event", "local-candidate").text("candidateType", kind).bare("priority", priority)
            }
            Self::Gathering(state) => line.text("event", "gathering").text("state", state),
            Self::Ice(state) => line.text("event", "ice").text("state", state),
            Self::SelectedPair { local, remote, round_trip } => {
                line.text("event", "selected-pair").text("local", local).text("remote", remote);
                match round_trip {
                    Some(time) => line.bare("roundTripTime", time.as_secs_f64()),
                    None => line,
                }
            }
            Self::Dtls(state) => line.text("event", "dtls").text("state", state),
            Self::Secured { cipher, srtp } => {
                line.text("event", "secured").text("cipher", cipher);
                match srtp {
                    Some(profile) => line.text("srtpCipher", profile),
                    None => line,
                }
            }
            Self::KeyFrameWanted(id) => line.text("event", "key-frame-wanted").bare("sender", id),
            Self::Channel(id, state) => line.text("event", "channel").bare("channel", id).text("state", state),
            Self::Connection(name, state) => line.text("event", name).text("state", state),
            Self::Closed(reason) => line.text("event", "closed").text("reason", reason),
            Self::Packet { sent, len, summary } => {
                line.text("event", if *sent { "packet-sent" } else { "packet-received" }).bare("len", len);
                summary.write(line);
                line
            }
        };
    }
}

impl LogRecord {
    /// The record as one line of JSON, without the end of the line. `time` is its moment since the Unix epoch, which is written
    /// in milliseconds; `connection` tells apart those that share a file.
    ///
    /// ```text
    /// {"time":1767225600123.456,"connection":1,"transport":0,"event":"ice","state":"connected"}
    /// ```
    pub fn to_json(&self, time: Duration, connection: u64) -> String {
        let mut line = Line::new();
        line.bare("time", format_args!("{:.3}", time.as_secs_f64() * 1_000.0)).bare("connection", connection);
        if let Some(transport) = self.transport {
            line.bare("transport", transport);
        }
        self.note.write(&mut line);
        line.end()
    }
}

/// Records until they are taken.
pub(super) struct Log {
    limit: usize,
    now: Instant,
    queue: VecDeque<LogRecord>,
    pub dropped: u64,
}

impl Log {
    pub fn new(limit: usize) -> Self {
        Self { limit, now: Instant::from_nanos(0), queue: VecDeque::new(), dropped: 0 }
    }

    pub fn on_time(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    pub fn push(&mut self, now: Instant, transport: Option<TransportId>, note: Note) {
        self.on_time(now);
        self.push_now(transport, note);
    }

    /// As of the last moment that was told.
    pub fn push_now(&mut self, transport: Option<TransportId>, note: Note) {
        if self.queue.len() >= self.limit {
            self.dropped += 1;
            return;
        }
        self.queue.push_back(LogRecord { at: self.now, transport, note });
    }

    pub fn poll(&mut self) -> Option<LogRecord> {
        self.queue.pop_front()
    }
}
