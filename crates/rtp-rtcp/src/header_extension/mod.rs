//! RTP header extensions: what a packet says about itself besides its payload.
//!
//! A session description gives each extension it uses a small id. [`ExtensionMap`] holds these pairs, reads the
//! [`Values`] of received packets and writes those of packets to send. Extensions without an id are skipped.
//!
//! ```
//! use ortica_rtp::header_extension::{ExtensionMap, Kind, Values};
//! use ortica_rtp::{Header, Mid, Packet};
//!
//! let map = ExtensionMap::new().with(4, Kind::Mid)?;
//! let values = Values { mid: Some(Mid::new("0")?), ..Values::default() };
//! let mut bytes = Vec::new();
//! Header::default().write_with(&map, &values, &mut bytes);
//! assert_eq!(Packet::parse(&bytes)?.extension_values(&map), values);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To add one: a file with its `URI`, `decode` and `encode`, then one line in each `match` below.
//!
//! Source: [RFC 8285](https://www.rfc-editor.org/rfc/rfc8285)

mod block;

pub mod abs_send_time;
pub mod audio_level;
pub mod color_space;
pub mod csrc_audio_level;
pub mod mid;
pub mod rid;
pub mod transport_cc;
pub mod video_orientation;

pub use abs_send_time::AbsSendTime;
pub use audio_level::AudioLevel;
pub use block::{Elements, ExtensionBlock};
pub use color_space::{ColorRange, ColorSpace};
pub use csrc_audio_level::CsrcAudioLevels;
pub use video_orientation::VideoOrientation;

use crate::id::{Mid, Rid};
use crate::sequence::SequenceNumber;
use block::{BlockWriter, Form, ONE_BYTE_MAX_ID, ONE_BYTE_MAX_LEN};
use ortica_core::DecodeError;
use thiserror::Error;

/// The extensions that this crate reads and writes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// See [`mid`].
    Mid,
    /// See [`rid`].
    Rid,
    /// See [`rid`].
    RepairedRid,
    /// See [`abs_send_time`].
    AbsSendTime,
    /// See [`audio_level`].
    AudioLevel,
    /// See [`transport_cc`].
    TransportCc,
    /// See [`csrc_audio_level`].
    CsrcAudioLevel,
    /// See [`video_orientation`].
    VideoOrientation,
    /// See [`color_space`].
    ColorSpace,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AbsSendTime,
        Self::AudioLevel,
        Self::TransportCc,
        Self::CsrcAudioLevel,
        Self::VideoOrientation,
        Self::ColorSpace,
    ];

    /// Its name in session descriptions.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => mid::URI,
            Self::Rid => rid::URI,
            Self::RepairedRid => rid::REPAIRED_URI,
            Self::AbsSendTime => abs_send_time::URI,
            Self::AudioLevel => audio_level::URI,
            Self::TransportCc => transport_cc::URI,
            Self::CsrcAudioLevel => csrc_audio_level::URI,
            Self::VideoOrientation => video_orientation::URI,
            Self::ColorSpace => color_space::URI,
        }
    }

    /// The one that session descriptions call `uri`.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }
}

/// What the extensions of one packet say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Values {
    /// The media section.
    pub mid: Option<Mid>,
    /// The encoding.
    pub rid: Option<Rid>,
    /// The encoding that this stream of retransmissions repairs.
    pub repaired_rid: Option<Rid>,
    /// When the packet was sent.
    pub abs_send_time: Option<AbsSendTime>,
    /// How loud its audio is.
    pub audio_level: Option<AudioLevel>,
    /// Its number among all packets of the transport.
    pub transport_cc: Option<SequenceNumber>,
    /// How loud the contributing sources of its audio are.
    pub csrc_audio_levels: Option<CsrcAudioLevels>,
    /// How its picture is to be turned.
    pub video_orientation: Option<VideoOrientation>,
    /// What its picture's colors are.
    pub color_space: Option<ColorSpace>,
}

impl Values {
    /// Length of the encoded value of `kind`, if it is set.
    fn len_of(&self, kind: Kind) -> Option<usize> {
        match kind {
            Kind::Mid => self.mid.map(|mid| mid.as_str().len()),
            Kind::Rid => self.rid.map(|rid| rid.as_str().len()),
            Kind::RepairedRid => self.repaired_rid.map(|rid| rid.as_str().len()),
            Kind::AbsSendTime => self.abs_send_time.map(|_| AbsSendTime::LEN),
            Kind::AudioLevel => self.audio_level.map(|_| AudioLevel::LEN),
            Kind::TransportCc => self.transport_cc.map(|_| transport_cc::LEN),
            Kind::CsrcAudioLevel => self.csrc_audio_levels.map(|levels| levels.len()),
            Kind::VideoOrientation => self.video_orientation.map(|_| VideoOrientation::LEN),
            Kind::ColorSpace => self.color_space.map(|_| ColorSpace::LEN),
        }
    }

    fn decode(&mut self, kind: Kind, data: &[u8]) -> Result<(), DecodeError> {
        match kind {
            Kind::Mid => self.mid = Some(mid::decode(data)?),
            Kind::Rid => self.rid = Some(rid::decode(data)?),
            Kind::RepairedRid => self.repaired_rid = Some(rid::decode(data)?),
            Kind::AbsSendTime => self.abs_send_time = Some(abs_send_time::decode(data)?),
            Kind::AudioLevel => self.audio_level = Some(audio_level::decode(data)?),
            Kind::TransportCc => self.transport_cc = Some(transport_cc::decode(data)?),
            Kind::CsrcAudioLevel => self.csrc_audio_levels = Some(csrc_audio_level::decode(data)?),
            Kind::VideoOrientation => self.video_orientation = Some(video_orientation::decode(data)?),
            Kind::ColorSpace => self.color_space = Some(color_space::decode(data)?),
        }
        Ok(())
    }

    fn encode(&self, kind: Kind, out: &mut Vec<u8>) {
        match kind {
            Kind::Mid => self.mid.iter().for_each(|mid| mid::encode(mid, out)),
            Kind::Rid => self.rid.iter().for_each(|rid| rid::encode(rid, out)),
            Kind::RepairedRid => self.repaired_rid.iter().for_each(|rid| rid::encode(rid, out)),
            Kind::AbsSendTime => self.abs_send_time.iter().for_each(|time| abs_send_time::encode(*time, out)),
            Kind::AudioLevel => self.audio_level.iter().for_each(|level| audio_level::encode(*level, out)),
            Kind::TransportCc => self.transport_cc.iter().for_each(|number| transport_cc::encode(*number, out)),
            Kind::CsrcAudioLevel => {
                self.csrc_audio_levels.iter().for_each(|levels| csrc_audio_level::encode(levels, out));
            }
            Kind::VideoOrientation => {
                self.video_orientation.iter().for_each(|orientation| video_orientation::encode(*orientation, out));
            }
            Kind::ColorSpace => self.color_space.iter().for_each(|space| color_space::encode(*space, out)),
        }
    }
}

/// Why an extension was not given an id.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum ExtensionIdError {
    /// 0 marks padding.
    #[error("extension id 0 is padding")]
    Padding,
    /// Another extension has it.
    #[error("extension id {0} belongs to another extension")]
    Taken(u8),
}

/// Which id each extension has in a session.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExtensionMap {
    /// Indexed by kind; 0 for those not in use.
    ids: [u8; Kind::ALL.len()],
    mixed: bool,
}

impl ExtensionMap {
    /// No extension is in use.
    pub const fn new() -> Self {
        Self { ids: [0; Kind::ALL.len()], mixed: false }
    }

    /// Gives `kind` the id `id`: 1 to 255. Ids above 14 make packets use the two-byte form. An extension that had another
    /// id loses it.
    ///
    /// # Errors
    /// [`ExtensionIdError`] when `id` is 0 or taken.
    pub fn insert(&mut self, id: u8, kind: Kind) -> Result<(), ExtensionIdError> {
        if id == 0 {
            return Err(ExtensionIdError::Padding);
        }
        if self.kind(id).is_some_and(|other| other != kind) {
            return Err(ExtensionIdError::Taken(id));
        }
        if let Some(slot) = self.ids.get_mut(kind as usize) {
            *slot = id;
        }
        Ok(())
    }

    /// As [`insert`](Self::insert).
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn with(mut self, id: u8, kind: Kind) -> Result<Self, ExtensionIdError> {
        self.insert(id, kind)?;
        Ok(self)
    }

    /// Takes `kind` out of use.
    pub fn remove(&mut self, kind: Kind) {
        if let Some(slot) = self.ids.get_mut(kind as usize) {
            *slot = 0;
        }
    }

    /// Says whether the peer accepts both forms within one stream (`a=extmap-allow-mixed`). Default `false`: then packets
    /// use the two-byte form only if some id needs it, and a value too long for the one-byte form is not written.
    pub fn set_mixed(&mut self, mixed: bool) {
        self.mixed = mixed;
    }

    /// The id of `kind`, if it is in use.
    pub fn id(&self, kind: Kind) -> Option<u8> {
        self.ids.get(kind as usize).copied().filter(|id| *id != 0)
    }

    /// The extension whose id is `id`.
    pub fn kind(&self, id: u8) -> Option<Kind> {
        if id == 0 {
            return None;
        }
        Kind::ALL.into_iter().find(|kind| self.id(*kind) == Some(id))
    }

    /// The extensions in use, with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Kind)> + '_ {
        Kind::ALL.into_iter().filter_map(|kind| self.id(kind).map(|id| (id, kind)))
    }

    /// The values of `block` that this map knows and that decode.
    pub fn read(&self, block: &ExtensionBlock<'_>) -> Values {
        let mut values = Values::default();
        for (id, data) in block.elements() {
            if let Some(kind) = self.kind(id) {
                // A malformed value counts as absent: the packet's media is no worse for it.
                let _ = values.decode(kind, data);
            }
        }
        values
    }

    /// Appends a block with the `values` that have an id. Nothing when there is none.
    pub(crate) fn write(&self, values: &Values, out: &mut Vec<u8>) {
        let form = self.form(values);
        let mut elements = self.fitting(values, form).peekable();
        if elements.peek().is_none() {
            return;
        }
        let mut block = BlockWriter::new(form, out);
        for (id, kind, len) in elements {
            block.element(id, len, |out| values.encode(kind, out));
        }
        block.finish();
    }

    /// `true` when [`write`](Self::write) would append something.
    pub(crate) fn carries(&self, values: &Values) -> bool {
        self.fitting(values, self.form(values)).next().is_some()
    }

    /// Without `extmap-allow-mixed`, all packets of a stream must have the same form, so it depends on the ids alone.
    fn form(&self, values: &Values) -> Form {
        let two_byte = if self.mixed {
            self.present(values).any(|(id, _, len)| id > ONE_BYTE_MAX_ID || len > ONE_BYTE_MAX_LEN)
        } else {
            self.ids.iter().any(|id| *id > ONE_BYTE_MAX_ID)
        };
        if two_byte { Form::TwoByte } else { Form::OneByte }
    }

    fn fitting(&self, values: &Values, form: Form) -> impl Iterator<Item = (u8, Kind, usize)> {
        self.present(values).filter(move |(_, _, len)| form == Form::TwoByte || *len <= ONE_BYTE_MAX_LEN)
    }

    fn present(&self, values: &Values) -> impl Iterator<Item = (u8, Kind, usize)> {
        self.iter().filter_map(|(id, kind)| values.len_of(kind).map(|len| (id, kind, len)))
    }
}

#[cfg(test)]
mod tests;
