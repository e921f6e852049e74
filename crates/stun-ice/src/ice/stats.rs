//! Numbers about an agent, its candidates and its pairs.

use super::{ConnectionError, StunServer, Traffic, TurnTransport};
use crate::Candidate;
use ortica_core::SocketId;
use std::fmt;
use std::time::Duration;

/// What an agent counted since it was made, restarts included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests sent to the peer: checks, nominations and consent.
    pub requests_sent: u64,
    /// Of these, for consent.
    pub consent_requests_sent: u64,
    /// Authenticated requests of the peer.
    pub requests_received: u64,
    /// Success responses sent to the peer.
    pub responses_sent: u64,
    /// Authenticated success responses of the peer.
    pub responses_received: u64,
    /// Error responses sent, all of them to authenticated requests.
    pub errors_sent: u64,
    /// Role conflicts, whoever yielded.
    pub role_conflicts: u64,
    /// Datagrams dropped because they are no well-formed STUN message of a kind the agent knows.
    pub malformed: u64,
    /// Requests and responses dropped because username or integrity do not verify.
    pub unauthenticated: u64,
    /// Responses dropped because nothing asked for them.
    pub unexpected: u64,
    /// Responses that came from elsewhere than their request went to; their pair failed.
    pub asymmetric: u64,
    /// Remote candidates ignored: over the limit, or of a kind that cannot be used.
    pub candidates_ignored: u64,
    /// Pairs dropped because of [`Limits::pairs`](crate::Limits::pairs).
    pub pairs_dropped: u64,
    /// Requests that went unanswered because of [`Limits::replies`](crate::Limits::replies).
    pub replies_dropped: u64,
    /// How often the route changed.
    pub route_changes: u64,
}

/// Names a candidate of an agent, local or remote, for as long as the agent lives.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CandidateId(pub u32);

impl fmt::Display for CandidateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "candidate-{}", self.0)
    }
}

/// Names a candidate pair of an agent, for as long as the agent lives.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PairId(pub u32);

impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pair-{}", self.0)
    }
}

/// A candidate and its name.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CandidateStats<'a> {
    /// Its name.
    pub id: CandidateId,
    /// `true` for the peer's.
    pub remote: bool,
    /// The candidate as it was signalled: hidden addresses stay hidden here.
    pub candidate: &'a Candidate,
    /// The server that saw it or lends it, as it was named, for server-reflexive and relayed local ones.
    pub server: Option<&'a StunServer>,
    /// How that server is reached, where it is one of TURN.
    pub turn: Option<TurnTransport>,
    /// `false` for a peer-reflexive one of the peer that its signaling has not named: where it is, the application was not told.
    pub signalled: bool,
}

/// State of a candidate pair.
///
/// Source: [RFC 8445 §6.1.2.6](https://www.rfc-editor.org/rfc/rfc8445#section-6.1.2.6)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PairState {
    /// Not to be checked for now.
    Frozen,
    /// To be checked when its turn comes.
    Waiting,
    /// A check is on its way.
    InProgress,
    /// A check succeeded.
    Succeeded,
    /// Checks went unanswered, or were refused.
    Failed,
}

impl fmt::Display for PairState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frozen => "frozen",
            Self::Waiting => "waiting",
            Self::InProgress => "in-progress",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        })
    }
}

/// Why a candidate pair failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PairFailure {
    /// No check was answered, for 39.5 s or as long as the agent had patience.
    Unanswered,
    /// The peer refused a check, or to use the pair, with this code.
    Refused(u16),
    /// An answer came from elsewhere than the check went to.
    ///
    /// Source: [RFC 8445 §7.2.5.2.1](https://www.rfc-editor.org/rfc/rfc8445#section-7.2.5.2.1)
    Asymmetric,
    /// It was nominated, and the peer did not answer that, while another pair works or though it answered all else for 39.5 s.
    NominationUnanswered,
    /// It worked, and then nothing was answered for 30 s.
    ConsentLost,
    /// It has no connection, or its relay does not send to the peer: [`PairStats::lost`] says why.
    NoConnection,
    /// The agent was closed.
    Closed,
}

impl fmt::Display for PairFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered => f.write_str("no check was answered"),
            Self::Refused(code) => write!(f, "the peer refused a check with {code}"),
            Self::Asymmetric => f.write_str("an answer came from elsewhere"),
            Self::NominationUnanswered => f.write_str("the nomination was not answered"),
            Self::ConsentLost => f.write_str("consent was lost"),
            Self::NoConnection => f.write_str("there is no connection"),
            Self::Closed => f.write_str("the agent was closed"),
        }
    }
}

/// What is known of a candidate pair.
///
/// Source: [WebRTC statistics §8.26](https://www.w3.org/TR/webrtc-stats/#candidatepair-dict*)
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PairStats {
    /// Its name.
    pub id: PairId,
    /// Our candidate: as the peer sees it once the pair is valid, before that the host candidate.
    pub local: CandidateId,
    /// The peer's candidate.
    pub remote: CandidateId,
    /// The socket it sends from.
    pub socket: SocketId,
    /// State of its checks.
    pub state: PairState,
    /// Why it has no connection, for one of TCP that lost it or could not have it.
    pub lost: Option<ConnectionError>,
    /// Why it failed, if it has.
    pub failure: Option<PairFailure>,
    /// `true` once it was nominated.
    pub nominated: bool,
    /// `true` while it carries the data.
    pub selected: bool,
    /// Pair priority; changes with the role.
    pub priority: u64,
    /// The last measured round trip.
    pub current_round_trip: Option<Duration>,
    /// Sum of all measured round trips; divide by `responses_received` for their mean.
    pub total_round_trip: Duration,
    /// Requests sent, consent included.
    pub requests_sent: u64,
    /// Authenticated requests received.
    pub requests_received: u64,
    /// Success responses sent.
    pub responses_sent: u64,
    /// Authenticated success responses received.
    pub responses_received: u64,
    /// Requests sent for consent.
    pub consent_requests_sent: u64,
    /// What it carried, as far as its user told.
    pub traffic: Traffic,
}
