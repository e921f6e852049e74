//! A sender and a receiver that share a media section.

use super::encodings::Encodings;
use super::extensions::{Extension, ExtensionPreferences};
use super::formats::{Events, Format, Preferences};
use super::simulcast::{Layer, Layers};
use crate::engine::{ReceiverId, RtpSendParameters, SenderId};
use crate::parameters::{RtpEncodingParameters, RtpReceiveParameters};
use ortica_codecs::{Codec, MediaKind};
use ortica_core::Rng;
use ortica_sdp::Direction;
use std::fmt;
use std::time::Duration;

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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransceiverInit {
    /// Which way media is to flow. Default: both ways.
    pub direction: Direction,
    /// The media streams that the sent track is part of.
    pub streams: Vec<String>,
    /// Codecs to negotiate, best liked first; those of the other kind of media are ignored. Empty means those of the
    /// connection, which are all that this build can encode and decode unless it was told otherwise.
    pub codecs: Vec<Codec>,
    /// What is sent side by side: one encoding where none is named, and for sound; several are offered as simulcast.
    pub send_encodings: Vec<RtpEncodingParameters>,
}

/// A sender and a receiver that share a media section.
///
/// Source: [webrtc-pc §5.4](https://www.w3.org/TR/webrtc/#rtcrtptransceiver-interface)
#[derive(Debug)]
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
    /// To negotiate.
    pub preferences: Preferences,
    pub header_extensions: ExtensionPreferences,
    /// Those it was made with, if it named some.
    pub named_codecs: Vec<Codec>,
    /// The application gave its sender a track, so that `add_track` leaves it alone.
    pub sends_track: bool,
    /// Of the track that is sent.
    pub track: String,
    pub streams: Vec<String>,
    pub encodings: Encodings,
    /// Which state of the sender's parameters the application was given, if they can still be set.
    pub transaction: Transaction,
    /// What was agreed for either way.
    pub sending: Option<Agreed>,
    pub receiving: Option<RtpReceiveParameters>,
    /// The layers that may come, from the least to the best.
    pub layers: Vec<Layer>,
    /// How long frames that are received are held back, if the application says.
    pub jitter_buffer_target: Option<Duration>,
    /// Frames that are sent, or received, go through the application first.
    pub transforms_sent: bool,
    pub transforms_received: bool,
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
    /// What an offer of this side did so that media may come before the answer.
    pub early: Early,
    /// The other side was last seen to send.
    pub remote_sends: bool,
    pub remote_streams: Vec<String>,
    pub remote_track: Option<String>,
}

/// Whether the receiver of a transceiver receives before the answer that says so.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Early {
    #[default]
    No,
    /// One that there was.
    Started,
    /// One that was made for it.
    Made,
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

/// The parameters of a sender as they are given to the application: each state has a number of its own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Transaction {
    number: u64,
    is_open: bool,
}

impl Transaction {
    /// Gives the parameters as they are: they can be set from now on.
    pub fn open(&mut self) -> String {
        if !self.is_open {
            self.number += 1;
            self.is_open = true;
        }
        self.name()
    }

    /// What was given cannot be set any more.
    pub fn end(&mut self) {
        self.is_open = false;
    }

    pub fn is_open(&self) -> bool {
        self.is_open
    }

    pub fn name(&self) -> String {
        self.number.to_string()
    }
}

/// What was agreed on for what is sent.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    /// As the other side has them.
    pub formats: Vec<Format>,
    pub events: Vec<Events>,
    /// The payload types of both in their order.
    pub order: Vec<u8>,
    pub extensions: Vec<Extension>,
    /// Header extensions and contributing sources are encrypted.
    pub encrypts_headers: bool,
    pub theirs: Layers,
    /// What the engine was told.
    pub parameters: RtpSendParameters,
}

impl Transceiver {
    pub fn new(
        id: TransceiverId,
        kind: MediaKind,
        origin: Origin,
        init: TransceiverInit,
        negotiated: (Preferences, Encodings),
        rng: &mut Rng,
    ) -> Self {
        let (preferences, encodings) = negotiated;
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
            preferences,
            header_extensions: ExtensionPreferences::all(kind),
            named_codecs: init.codecs,
            sends_track: false,
            track: uuid(rng),
            streams: init.streams,
            encodings,
            transaction: Transaction::default(),
            sending: None,
            receiving: None,
            layers: Vec::new(),
            jitter_buffer_target: None,
            transforms_sent: false,
            transforms_received: false,
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
