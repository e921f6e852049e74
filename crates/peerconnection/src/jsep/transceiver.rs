//! A sender and a receiver that share a media section.

use crate::engine::{ReceiverId, RtpEncodingParameters, SenderId};
use ortica_codecs::{Codec, MediaKind};
use ortica_core::Rng;
use ortica_rtp::Ssrc;
use ortica_sdp::Direction;
use std::fmt;

/// One transceiver of a connection. Never used again within it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TransceiverId(pub(crate) u32);

impl fmt::Display for TransceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a transceiver is made.
///
/// Source: [webrtc-pc §4.4.4](https://www.w3.org/TR/webrtc/#dom-rtcrtptransceiverinit)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TransceiverInit {
    /// Which way media is to flow. Default: both ways.
    pub direction: Direction,
    /// The media streams that the sent track is part of.
    pub streams: Vec<String>,
    /// Codecs to negotiate, best liked first; those of the other kind of media are ignored. Empty means those of the
    /// connection, which are all that this build can encode and decode unless it was told otherwise.
    pub codecs: Vec<Codec>,
}

/// A sender and a receiver that share a media section.
///
/// Source: [webrtc-pc §5.4](https://www.w3.org/TR/webrtc/#rtcrtptransceiver-interface)
#[derive(Clone, Debug)]
pub(crate) struct Transceiver {
    pub id: TransceiverId,
    pub kind: MediaKind,
    /// What descriptions made of it.
    pub section: Association,
    /// Which way the application wants media to flow.
    pub direction: Direction,
    /// Which way it flows, as agreed.
    pub current_direction: Option<Direction>,
    pub life: Life,
    /// A track was sent once, so that `add_track` leaves it alone.
    pub has_sent: bool,
    /// How it came to be, which says what offers of the other side do to it.
    pub origin: Origin,
    /// `add_track` made or took it, so that a rollback leaves it.
    pub has_track: bool,
    /// The application gave its sender a track, so that `add_track` leaves it alone.
    pub sends_track: bool,
    /// To negotiate, best liked first.
    pub codecs: Vec<Codec>,
    /// Of the track that is sent.
    pub track: String,
    pub streams: Vec<String>,
    pub encoding: RtpEncodingParameters,
    pub sender: Option<SenderId>,
    pub receiver: Option<ReceiverId>,
}

/// What descriptions made of a transceiver: what a rollback takes back (JSEP-1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Association {
    /// The section, once a description with it was set.
    pub mid: Option<String>,
    /// A description of this side named its track.
    pub is_announced: bool,
    /// The other side was last seen to send.
    pub remote_sends: bool,
    pub remote_streams: Vec<String>,
    pub remote_track: Option<String>,
}

/// How a transceiver came to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// By `add_track`: an offer of the other side may take it (RFC 9429 §5.10).
    Track,
    /// By `add_transceiver`: it waits for a section of its own.
    Application,
    /// By an offer of the other side, with which it goes if that is rolled back.
    RemoteOffer,
}

impl Transceiver {
    pub fn new(id: TransceiverId, kind: MediaKind, origin: Origin, init: TransceiverInit, rng: &mut Rng) -> Self {
        let rtx = (kind == MediaKind::Video).then(|| Ssrc::random(rng));
        Self {
            id,
            kind,
            section: Association::default(),
            direction: init.direction,
            current_direction: None,
            life: Life::Live,
            has_sent: false,
            origin,
            has_track: origin == Origin::Track,
            sends_track: false,
            codecs: init.codecs,
            track: uuid(rng),
            streams: init.streams,
            encoding: RtpEncodingParameters { ssrc: Ssrc::random(rng), rtx },
            sender: None,
            receiver: None,
        }
    }

    /// The name of its section, once a description with it was set.
    pub fn mid(&self) -> Option<&str> {
        self.section.mid.as_deref()
    }

    pub fn is_live(&self) -> bool {
        self.life == Life::Live
    }

    /// The application wants it no more. What was agreed stands until the next agreement.
    pub fn stop(&mut self) {
        self.life = self.life.max(Life::Stopping);
        self.direction = Direction::Inactive;
    }

    /// Its section was given up.
    pub fn end(&mut self) {
        self.stop();
        self.life = Life::Stopped;
        self.current_direction = None;
        self.section.remote_sends = false;
    }
}

/// How far a transceiver is on its way out (webrtc-pc §5.4, the slots `[[Stopping]]` and `[[Stopped]]`).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Life {
    Live,
    /// The application stopped it; its section is still to be given up.
    Stopping,
    /// Its section was given up, by either side. The next agreement forgets it.
    Stopped,
}

/// A random name in the form of RFC 9562 §5.4.
pub(super) fn uuid(rng: &mut Rng) -> String {
    let mut bytes = rng.bytes::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_form_of_a_uuid() {
        let name = uuid(&mut Rng::from_number(1));
        assert_eq!(name.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(name.as_bytes()[14], b'4');
    }
}
