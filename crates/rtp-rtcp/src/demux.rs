//! Which media section, and which encoding of it, a received packet belongs to.
//!
//! Media sections that share a transport are told apart by what a packet says first (its MID and RID extensions), then by what
//! its SSRC said or was announced as before, then by its payload type if only one section has it.
//!
//! Source: [RFC 9143 §9.2](https://www.rfc-editor.org/rfc/rfc9143#section-9.2)

use crate::header_extension::Values;
use crate::id::{Mid, PayloadType, Rid, Ssrc};
use crate::packet::Packet;
use crate::sequence::SequenceNumber;
use ortica_core::Instant;
use std::collections::BTreeMap;
use thiserror::Error;
use tracing::debug;

/// A media section, by the caller's own numbering.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SectionId(pub u32);

/// What is to be received in a media section.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Section {
    /// Its name, if it has one.
    pub mid: Option<Mid>,
    /// The formats it takes, those of retransmissions included.
    pub payload_types: Vec<PayloadType>,
    /// The encodings it takes; empty when none were named, and then any name is taken.
    pub rids: Vec<Rid>,
    /// The streams that were announced for it.
    pub ssrcs: Vec<Ssrc>,
}

/// Where a stream belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Binding {
    /// The media section.
    pub section: SectionId,
    /// The encoding, if the stream has named one. For a repairing stream, the encoding that it repairs.
    pub rid: Option<Rid>,
    /// The stream has said that it repairs another one. (Streams without RIDs tell so by their payload type.)
    pub repairs: bool,
}

/// A packet that belongs somewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Routed {
    /// Where.
    pub binding: Binding,
    /// The stream was not known before, or belonged elsewhere.
    pub is_new: bool,
    /// The stream that was forgotten to make room for this one, or whose encoding this one takes over. What the caller
    /// keeps about it can go.
    pub forgotten: Option<Ssrc>,
}

/// Why a packet is dropped.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum Unroutable {
    /// It names a media section that does not exist.
    #[error("unknown media section")]
    Mid,
    /// It names an encoding that its media section does not have.
    #[error("unknown encoding")]
    Rid,
    /// Its media section does not take its payload type.
    #[error("payload type not of this media section")]
    PayloadType,
    /// It says nothing about where it belongs, and its payload type is that of no section or of several.
    #[error("stream of no media section")]
    Unknown,
    /// Its stream has moved between sections too often.
    #[error("stream moved too often")]
    Moved,
    /// There is room for no further stream, all of them being announced ones.
    #[error("too many streams")]
    Full,
}

/// What a [`Demultiplexer`] reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// More streams came than [`Limits::streams`]: the longest silent ones are being forgotten. Told once.
    TooManyStreams,
}

/// Bounds of a [`Demultiplexer`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Streams known at a time. Beyond, the one that was silent longest is forgotten, announced ones excepted. Default 1,024.
    pub streams: usize,
    /// How often one stream may move to another section or encoding. Beyond, its packets that ask for it are dropped.
    /// Default 16.
    pub moves: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { streams: 1_024, moves: 16 }
    }
}

/// The tables of one transport.
#[derive(Clone, Debug, Default)]
pub struct Demultiplexer {
    limits: Limits,
    sections: BTreeMap<SectionId, Section>,
    streams: BTreeMap<Ssrc, Stream>,
    event: Option<Event>,
    limit_told: bool,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    binding: Binding,
    announced: bool,
    heard: Option<Instant>,
    /// The packet that bound it: older ones do not bind it back (RFC 7941 §4.2.6).
    bound_by: Option<SequenceNumber>,
    moves: u8,
}

impl Demultiplexer {
    /// Empty tables.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds a section, or changes what it receives. Streams bound to it stay bound.
    pub fn set_section(&mut self, id: SectionId, section: Section) {
        let binding = Binding { section: id, rid: None, repairs: false };
        for ssrc in &section.ssrcs {
            if self.streams.len() >= self.limits.streams && !self.streams.contains_key(ssrc) {
                continue;
            }
            let stream = self.streams.entry(*ssrc);
            let stream = stream.or_insert(Stream { binding, announced: true, heard: None, bound_by: None, moves: 0 });
            stream.announced = true;
            if stream.binding.section != id {
                stream.binding = binding;
            }
        }
        self.sections.insert(id, section);
    }

    /// Nothing is received in a section for now. Its streams stay bound: those who send need not name themselves again when they
    /// go on.
    pub fn suspend_section(&mut self, id: SectionId) {
        self.sections.remove(&id);
    }

    /// Removes a section and forgets its streams.
    pub fn remove_section(&mut self, id: SectionId) {
        self.sections.remove(&id);
        self.streams.retain(|_, stream| stream.binding.section != id);
    }

    /// Where a stream belongs: for RTCP, and for what the application asks.
    pub fn binding(&self, ssrc: Ssrc) -> Option<Binding> {
        self.streams.get(&ssrc).map(|stream| stream.binding)
    }

    /// The streams known, with where they belong.
    pub fn streams(&self) -> impl Iterator<Item = (Ssrc, Binding)> + '_ {
        self.streams.iter().map(|(ssrc, stream)| (*ssrc, stream.binding))
    }

    /// Forgets a stream that has ended.
    pub fn forget(&mut self, ssrc: Ssrc) {
        self.streams.remove(&ssrc);
    }

    /// The next thing to report.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.event.take()
    }

    /// Where a packet belongs, by its `values` (see [`Packet::extension_values`]), its stream and its payload type.
    ///
    /// # Errors
    /// [`Unroutable`]: the packet is to be dropped.
    pub fn route(&mut self, now: Instant, packet: &Packet<'_>, values: &Values) -> Result<Routed, Unroutable> {
        let ssrc = packet.ssrc();
        let known = self.streams.get(&ssrc).copied();
        let binding = self.binding_for(packet, values, known.as_ref())?;
        let section = self.sections.get(&binding.section).ok_or(Unroutable::Mid)?;
        if !section.payload_types.contains(&packet.payload_type()) {
            return Err(Unroutable::PayloadType);
        }
        if binding.rid.is_some_and(|rid| !section.rids.is_empty() && !section.rids.contains(&rid)) {
            return Err(Unroutable::Rid);
        }
        match known {
            Some(known) if known.binding == binding => {
                self.heard(ssrc, now);
                Ok(Routed { binding, is_new: false, forgotten: None })
            }
            Some(known) => {
                let first = known.heard.is_none();
                let moves = if first { known.moves } else { known.moves.saturating_add(1) };
                if moves > self.limits.moves {
                    return Err(Unroutable::Moved);
                }
                debug!(%ssrc, ?binding, "stream moved");
                self.bind(ssrc, Stream { binding, moves, ..known }, packet.sequence_number(), now)
            }
            None => {
                debug!(%ssrc, ?binding, "new stream");
                let stream = Stream { binding, announced: false, heard: None, bound_by: None, moves: 0 };
                self.bind(ssrc, stream, packet.sequence_number(), now)
            }
        }
    }

    /// What the packet says itself comes first, then what its stream is known as, then its payload type.
    fn binding_for(&self, packet: &Packet<'_>, values: &Values, known: Option<&Stream>) -> Result<Binding, Unroutable> {
        // A late packet does not undo what a newer one has said.
        let stale = known.and_then(|k| k.bound_by).is_some_and(|by| packet.sequence_number().precedes(by));
        let known = known.map(|known| known.binding);
        if let (Some(known), true) = (known, stale) {
            return Ok(known);
        }
        let section = match (values.mid, known) {
            (Some(mid), _) => self.section_of(mid).ok_or(Unroutable::Mid)?,
            (None, Some(known)) => known.section,
            (None, None) => self.only_section_with(packet.payload_type()).ok_or(Unroutable::Unknown)?,
        };
        let said = match (values.repaired_rid, values.rid) {
            (Some(rid), _) => Some((Some(rid), true)),
            (None, Some(rid)) => Some((Some(rid), false)),
            (None, None) => None,
        };
        // RIDs mean something within their section only, so one from elsewhere is not kept.
        let kept = known.filter(|known| known.section == section).map(|known| (known.rid, known.repairs));
        let (rid, repairs) = said.or(kept).unwrap_or((None, false));
        Ok(Binding { section, rid, repairs })
    }

    fn section_of(&self, mid: Mid) -> Option<SectionId> {
        self.sections.iter().find(|(_, section)| section.mid == Some(mid)).map(|(id, _)| *id)
    }

    fn only_section_with(&self, payload_type: PayloadType) -> Option<SectionId> {
        let mut with = self.sections.iter().filter(|(_, section)| section.payload_types.contains(&payload_type));
        let (id, _) = with.next()?;
        with.next().is_none().then_some(*id)
    }

    fn heard(&mut self, ssrc: Ssrc, now: Instant) {
        if let Some(stream) = self.streams.get_mut(&ssrc) {
            stream.heard = Some(now);
        }
    }

    fn bind(&mut self, ssrc: Ssrc, stream: Stream, by: SequenceNumber, now: Instant) -> Result<Routed, Unroutable> {
        let binding = stream.binding;
        let mut forgotten = self.predecessor(ssrc, binding);
        if forgotten.is_none() && !self.streams.contains_key(&ssrc) && self.streams.len() >= self.limits.streams {
            forgotten = Some(self.longest_silent().ok_or(Unroutable::Full)?);
            if !self.limit_told {
                self.limit_told = true;
                self.event = Some(Event::TooManyStreams);
            }
        }
        if let Some(forgotten) = forgotten {
            self.streams.remove(&forgotten);
        }
        self.streams.insert(ssrc, Stream { heard: Some(now), bound_by: Some(by), ..stream });
        Ok(Routed { binding, is_new: true, forgotten })
    }

    /// An encoding has one stream, and one that repairs it: a new one takes over.
    fn predecessor(&self, ssrc: Ssrc, binding: Binding) -> Option<Ssrc> {
        binding.rid?;
        self.streams
            .iter()
            .find(|(other, stream)| **other != ssrc && stream.binding == binding)
            .map(|(other, _)| *other)
    }

    fn longest_silent(&self) -> Option<Ssrc> {
        let unannounced = self.streams.iter().filter(|(_, stream)| !stream.announced);
        unannounced.min_by_key(|(_, stream)| stream.heard).map(|(ssrc, _)| *ssrc)
    }
}

#[cfg(test)]
mod tests;
