//! Transceivers and their sections.

use super::{MadeLocal, Negotiation, TrackChange, free_mid};
use crate::engine::{MediaError, RtpCodecParameters, RtpReceiveParameters, RtpSendParameters, Session, TransportId};
use crate::jsep::formats;
use crate::jsep::local::{Body, Local, Media, Section, Setup, Track};
use crate::jsep::remote::{Content, Remote, RemoteMedia};
use crate::jsep::transceiver::{Life, Origin, Transceiver, TransceiverId, TransceiverInit};
use crate::jsep::{DescriptionError, SdpType};
use ortica_codecs::{Codec, MediaKind};
use ortica_core::Instant;
use ortica_rtp::Mid;
use ortica_sdp::Direction;
use thiserror::Error;

/// Why a command to a transceiver was refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum TransceiverError {
    /// There is no such transceiver.
    #[error("there is no transceiver {0}")]
    Unknown(TransceiverId),
    /// It is stopped.
    #[error("the transceiver is stopped")]
    Stopped,
    /// Another sender of the connection sends the track already.
    #[error("the track is sent by transceiver {0}")]
    TrackInUse(TransceiverId),
    /// The sender belongs to another connection.
    #[error("the sender is another connection's")]
    ForeignSender,
    /// No codec of that kind was compiled in or named.
    #[error("there is no codec for {0}")]
    NoCodec(MediaKind),
    /// More than 1,024 transceivers.
    #[error("too many transceivers")]
    TooMany,
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
}

/// Transceivers of one connection; as many as a description may have sections.
const MAX_TRANSCEIVERS: usize = 1024;

// --- what the application wants -------------------------------------------------------------------------------------------

impl Negotiation {
    pub fn transceivers(&self) -> &[Transceiver] {
        &self.transceivers
    }

    pub fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.transceivers.iter().find(|transceiver| transceiver.id == id)
    }

    pub(super) fn transceiver_mut(&mut self, id: TransceiverId) -> Result<&mut Transceiver, TransceiverError> {
        self.transceivers.iter_mut().find(|transceiver| transceiver.id == id).ok_or(TransceiverError::Unknown(id))
    }

    /// Makes a transceiver (webrtc-pc §5.1, `addTransceiver`).
    pub fn add_transceiver(
        &mut self,
        kind: MediaKind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, TransceiverError> {
        self.make_transceiver(kind, Origin::Application, init)
    }

    pub(super) fn make_transceiver(
        &mut self,
        kind: MediaKind,
        origin: Origin,
        init: TransceiverInit,
    ) -> Result<TransceiverId, TransceiverError> {
        if self.transceivers.len() >= MAX_TRANSCEIVERS {
            return Err(TransceiverError::TooMany);
        }
        let codecs = self.codecs_for(kind, &init.codecs)?;
        let init = TransceiverInit { codecs, streams: without_doubles(&init.streams), ..init };
        let id = TransceiverId(self.next_transceiver);
        self.next_transceiver = self.next_transceiver.checked_add(1).ok_or(TransceiverError::TooMany)?;
        let mut rng = self.rng.fork(&format!("transceiver {id}"));
        self.transceivers.push(Transceiver::new(id, kind, origin, init, &mut rng));
        Ok(id)
    }

    /// The codecs of `kind` among `named`, each once, or among those of the connection when none is named.
    fn codecs_for(&self, kind: MediaKind, named: &[Codec]) -> Result<Vec<Codec>, TransceiverError> {
        let all = if named.is_empty() { self.codecs.as_slice() } else { named };
        let mut codecs: Vec<Codec> = Vec::new();
        for codec in all.iter().copied().filter(|codec| codec.kind() == kind) {
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        if codecs.is_empty() { Err(TransceiverError::NoCodec(kind)) } else { Ok(codecs) }
    }

    /// Changes which codecs are negotiated where a transceiver names none.
    pub fn set_default_codecs(&mut self, codecs: Vec<Codec>) {
        self.codecs = codecs;
    }

    /// Changes what the application wants; negotiation makes it so.
    pub fn set_direction(&mut self, id: TransceiverId, direction: Direction) -> Result<(), TransceiverError> {
        let transceiver = self.transceiver_mut(id)?;
        if !transceiver.is_live() {
            return Err(TransceiverError::Stopped);
        }
        transceiver.direction = direction;
        Ok(())
    }

    /// Changes which media streams the sent track is part of; negotiation tells.
    pub fn set_streams(&mut self, id: TransceiverId, streams: &[String]) -> Result<(), TransceiverError> {
        let transceiver = self.transceiver_mut(id)?;
        if !transceiver.is_live() {
            return Err(TransceiverError::Stopped);
        }
        transceiver.streams = without_doubles(streams);
        Ok(())
    }

    /// Changes which codecs are negotiated, best liked first; none means all.
    pub fn set_codecs(&mut self, id: TransceiverId, named: &[Codec]) -> Result<(), TransceiverError> {
        let kind = self.transceiver(id).ok_or(TransceiverError::Unknown(id))?.kind;
        let codecs = self.codecs_for(kind, named)?;
        self.transceiver_mut(id)?.codecs = codecs;
        Ok(())
    }

    /// Ends a transceiver for good. Nothing is sent any more at once; the next negotiation gives its section up.
    pub fn stop(&mut self, session: &mut Session, id: TransceiverId) -> Result<(), TransceiverError> {
        let transceiver = self.transceiver_mut(id)?;
        halt(session, transceiver);
        transceiver.stop();
        Ok(())
    }

    /// What tracks of the other side came and went since the last call.
    pub fn take_track_changes(&mut self) -> Vec<TrackChange> {
        std::mem::take(&mut self.track_changes)
    }

    /// Whether what is agreed differs from what the application wants of a transceiver (webrtc-pc §4.7.3).
    pub(super) fn is_outdated(&self, transceiver: &Transceiver, agreed: Option<&Local>) -> bool {
        let media = agreed.and_then(|agreed| agreed.media_of(transceiver.id));
        let Some(media) = media else { return transceiver.is_live() };
        if !transceiver.is_live() {
            return true;
        }
        let is_told = media.track.as_ref().is_some_and(|track| are_same(&track.streams, &transceiver.streams));
        if transceiver.direction.sends() && !is_told {
            return true;
        }
        let theirs = self.remote_media(transceiver).map_or(Direction::SendRecv, |remote| remote.direction.reversed());
        let offered = self.current_local.as_ref().is_some_and(|local| local.kind == SdpType::Offer);
        if offered {
            transceiver.direction != media.direction && transceiver.direction != theirs
        } else {
            transceiver.direction.and(theirs) != media.direction
        }
    }

    fn remote_media(&self, transceiver: &Transceiver) -> Option<&RemoteMedia> {
        let mid = transceiver.mid()?;
        let sections = &self.current_remote.as_ref()?.parsed.sections;
        sections.iter().find(|section| section.mid == mid)?.as_media()
    }
}

/// The same names in whatever order.
fn are_same(some: &[String], others: &[String]) -> bool {
    some.len() == others.len() && some.iter().all(|name| others.contains(name))
}

pub(super) fn without_doubles(names: &[String]) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for name in names {
        if !once.contains(name) {
            once.push(name.clone());
        }
    }
    once
}

// --- sections of this side --------------------------------------------------------------------------------------------------

impl Negotiation {
    /// Brings the sections of an offer up to date, and adds those that are wanted. Numbers are given for good only when the
    /// offer is set.
    pub(super) fn offer_media(&mut self, cname: &str, sections: &mut Vec<Section>) {
        let Self { transceivers, numbers, current_local, .. } = self;
        let mut numbers = numbers.clone();
        let mut body = |transceiver: &Transceiver| {
            let formats = numbers.formats(transceiver.codecs.iter().copied());
            let extensions = numbers.extensions(transceiver.kind);
            media_section(transceiver, cname, transceiver.direction, formats, extensions)
        };
        for section in sections.iter_mut() {
            let Some(media) = section.as_media() else { continue };
            let transceiver = transceivers.iter().find(|transceiver| transceiver.id == media.transceiver);
            section.body = match transceiver {
                Some(transceiver) if transceiver.is_live() => Body::Media(body(transceiver)),
                _ => Body::Rejected,
            };
        }
        // A slot that both sides gave up is used again, under another name (RFC 9429 §5.2.2).
        let agreed = current_local.as_ref().map_or(&[][..], |local| &local.model.sections);
        let given_up = |(_, section): &(usize, &Section)| section.is_rejected();
        let mut free = agreed.iter().enumerate().filter(given_up).map(|(index, _)| index);
        for transceiver in
            transceivers.iter().filter(|transceiver| transceiver.mid().is_none() && transceiver.is_live())
        {
            let section = Section::media(free_mid(sections), Setup::ActPass, body(transceiver));
            let slot = free.find(|index| sections.get(*index).is_some_and(Section::is_rejected));
            match slot.and_then(|index| sections.get_mut(index)) {
                Some(slot) => *slot = section,
                None => sections.push(section),
            }
        }
    }

    /// Answers a section, unless there is nothing in common. One whose transceiver is to be stopped stays for this time,
    /// without media: the next offer of this side gives it up (webrtc-pc §4.4.1.6).
    pub(super) fn answer_media(&mut self, cname: &str, mid: &str, offered: &RemoteMedia) -> Option<Media> {
        let alive = |it: &&Transceiver| it.life != Life::Stopped && it.mid() == Some(mid);
        let transceiver = self.transceivers.iter().find(alive)?;
        let formats = formats::common(&transceiver.codecs, &offered.formats);
        if formats.is_empty() {
            return None;
        }
        let direction = transceiver.direction.and(offered.direction.reversed());
        let extensions = formats::common_extensions(transceiver.kind, &offered.extensions);
        let media = media_section(transceiver, cname, direction, formats, extensions);
        Some(Media { reduced_size: offered.reduced_size, ..media })
    }

    /// What an offer of this side calls its codecs and extensions they are called from now on.
    pub(super) fn give_numbers(&mut self, offer: &Local) {
        for media in offer.sections.iter().filter_map(Section::as_media) {
            self.numbers.learn(&media.formats, media.extensions.iter().map(|&(id, kind)| (id, Some(kind))));
        }
    }

    /// The sections of a description of this side, and the tracks in them, have their names from now on.
    pub(super) fn name_transceivers(&mut self, local: &Local) {
        for section in &local.sections {
            let Some(media) = section.as_media() else { continue };
            if let Ok(transceiver) = self.transceiver_mut(media.transceiver) {
                transceiver.section.mid = Some(section.mid.clone());
                transceiver.section.is_announced |= media.track.is_some();
            }
        }
    }
}

fn media_section(
    transceiver: &Transceiver,
    cname: &str,
    direction: Direction,
    formats: Vec<formats::Format>,
    extensions: Vec<(u8, ortica_rtp::header_extension::Kind)>,
) -> Media {
    let repairs = formats.iter().any(|format| format.rtx.is_some());
    // What was said of a track stays, whichever way media flows (RFC 9429 §5.2.2 and §5.3.2). Chromium shows nothing of
    // a stream whose SSRC was gone and came back.
    let is_named = direction.sends() || transceiver.section.is_announced;
    let track = is_named.then(|| Track {
        id: transceiver.track.clone(),
        streams: transceiver.streams.clone(),
        ssrc: transceiver.encoding.ssrc.0,
        rtx: transceiver.encoding.rtx.filter(|_| repairs).map(|ssrc| ssrc.0),
        cname: cname.to_owned(),
    });
    Media {
        transceiver: transceiver.id,
        kind: transceiver.kind,
        direction,
        formats,
        extensions,
        reduced_size: true,
        track,
    }
}

// --- what the other side says -----------------------------------------------------------------------------------------------

impl Negotiation {
    /// Finds or makes a transceiver for each section of an offer (RFC 9429 §5.10).
    pub(super) fn associate(&mut self, session: &mut Session, offer: &Remote) {
        for section in &offer.sections {
            match &section.content {
                Content::Media(media) => {
                    self.numbers.learn(&media.formats, media.extensions.iter().copied());
                    let Some(id) = self.transceiver_for(&section.mid, media) else { continue };
                    self.learn_track(id, media);
                }
                Content::Rejected => self.reject(session, &section.mid),
                _ => {}
            }
        }
    }

    fn transceiver_for(&mut self, mid: &str, media: &RemoteMedia) -> Option<TransceiverId> {
        if let Some(known) = self.transceivers.iter().find(|transceiver| transceiver.mid() == Some(mid)) {
            return Some(known.id).filter(|_| known.kind == media.kind && known.life != Life::Stopped);
        }
        let free = self.transceivers.iter_mut().find(|transceiver| {
            transceiver.origin == Origin::Track
                && transceiver.mid().is_none()
                && transceiver.is_live()
                && transceiver.kind == media.kind
        });
        // One that was to send takes a section where the other side receives.
        if let Some(free) = free.filter(|_| media.direction.receives()) {
            free.section.mid = Some(mid.to_owned());
            return Some(free.id);
        }
        let init = TransceiverInit { direction: Direction::RecvOnly, ..TransceiverInit::default() };
        // Without a codec in common the section is rejected, and nobody needs a transceiver.
        let id = self.make_transceiver(media.kind, Origin::RemoteOffer, init).ok()?;
        let made = self.transceivers.last_mut()?;
        if formats::common(&made.codecs, &media.formats).is_empty() {
            self.transceivers.pop();
            return None;
        }
        made.section.mid = Some(mid.to_owned());
        Some(id)
    }

    /// A section was given up, by either side: its transceiver ends.
    fn reject(&mut self, session: &mut Session, mid: &str) {
        let of_section = |it: &&mut Transceiver| it.life != Life::Stopped && it.mid() == Some(mid);
        let Some(transceiver) = self.transceivers.iter_mut().find(of_section) else { return };
        halt(session, transceiver);
        let sent = transceiver.section.remote_sends;
        transceiver.end();
        if sent {
            self.track_changes.push(TrackChange::of(transceiver));
        }
    }

    /// Forgets transceivers whose section was given up, and those that were stopped before they had one.
    pub(super) fn forget_stopped(&mut self, session: &mut Session) {
        self.transceivers.retain(|it| {
            let stays = match it.life {
                Life::Live => true,
                Life::Stopping => it.mid().is_some(),
                Life::Stopped => false,
            };
            if !stays {
                release(session, it);
            }
            stays
        });
    }

    /// Hands to the engine what both sides agreed on. `ours` and `theirs` have the same sections. What an answer for the time
    /// being rejects may still come.
    pub(super) fn apply_media(
        &mut self,
        now: Instant,
        session: &mut Session,
        ours: &MadeLocal,
        theirs: &Remote,
        kind: SdpType,
    ) -> Result<(), DescriptionError> {
        for (ours, remote) in ours.model.sections.iter().zip(&theirs.sections) {
            match (ours.as_media(), remote.as_media()) {
                (Some(media), Some(remote)) => {
                    let Some(transport) = ours.named_transport() else { continue };
                    self.learn_track(media.transceiver, remote);
                    self.apply_section(now, session, transport, &ours.mid, media, remote)?;
                }
                _ if kind == SdpType::Answer => self.reject(session, &ours.mid),
                _ => {}
            }
        }
        Ok(())
    }

    fn apply_section(
        &mut self,
        now: Instant,
        session: &mut Session,
        transport: TransportId,
        mid: &str,
        ours: &Media,
        theirs: &RemoteMedia,
    ) -> Result<(), DescriptionError> {
        let Ok(transceiver) = self.transceiver_mut(ours.transceiver) else { return Ok(()) };
        let direction = ours.direction.and(theirs.direction.reversed());
        transceiver.current_direction = Some(direction);
        if !transceiver.is_live() {
            return Ok(());
        }
        // A name too long for a packet is told by the description alone.
        let mid = Mid::new(mid).ok();
        if direction.sends() {
            let sender = match transceiver.sender {
                Some(sender) => sender,
                None => *transceiver.sender.insert(session.add_sender(transport, transceiver.kind)?),
            };
            session.move_sender(sender, transport)?;
            transceiver.has_sent = true;
            let taken = formats::common(&transceiver.codecs, &theirs.formats);
            let extensions = formats::common_extensions(ours.kind, &theirs.extensions);
            let parameters = RtpSendParameters {
                mid,
                codecs: taken.iter().map(formats::Format::parameters).collect(),
                header_extensions: formats::extension_map(&extensions, theirs.mixed_extensions),
                encoding: transceiver.encoding,
                reduced_size_rtcp: theirs.reduced_size && ours.reduced_size,
            };
            session.start_sending(now, sender, &parameters)?;
        } else if let Some(sender) = transceiver.sender {
            session.stop_sending(sender)?;
        }
        if direction.receives() {
            let receiver = match transceiver.receiver {
                Some(receiver) => receiver,
                None => *transceiver.receiver.insert(session.add_receiver(transport, transceiver.kind)?),
            };
            session.move_receiver(receiver, transport)?;
            let parameters = RtpReceiveParameters {
                mid,
                codecs: receive_codecs(ours, theirs),
                header_extensions: formats::extension_map(&ours.extensions, true),
                ssrcs: theirs.ssrcs.clone(),
                reduced_size_rtcp: theirs.reduced_size && ours.reduced_size,
            };
            session.start_receiving(receiver, parameters)?;
        } else if let Some(receiver) = transceiver.receiver {
            session.stop_receiving(receiver)?;
        }
        Ok(())
    }
}

/// What may come: this side's formats, as far as the other side has them, with the feedback that both know.
fn receive_codecs(ours: &Media, theirs: &RemoteMedia) -> Vec<RtpCodecParameters> {
    let codecs: Vec<_> = ours.formats.iter().map(|format| format.codec).collect();
    let common = formats::common(&codecs, &theirs.formats);
    ours.formats
        .iter()
        .filter_map(|format| {
            let theirs = common.iter().find(|it| it.codec == format.codec)?;
            Some(RtpCodecParameters { feedback: theirs.parameters().feedback, ..format.parameters() })
        })
        .collect()
}

/// Nothing is sent or received any more.
fn halt(session: &mut Session, transceiver: &Transceiver) {
    if let Some(sender) = transceiver.sender {
        let _ = session.stop_sending(sender);
    }
    if let Some(receiver) = transceiver.receiver {
        let _ = session.stop_receiving(receiver);
    }
}

/// The engine forgets what served a transceiver that is gone.
pub(super) fn release(session: &mut Session, transceiver: &Transceiver) {
    if let Some(sender) = transceiver.sender {
        session.remove_sender(sender);
    }
    if let Some(receiver) = transceiver.receiver {
        session.remove_receiver(receiver);
    }
}

impl From<MediaError> for DescriptionError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::Transport(error) => Self::Transport(error),
            error => Self::Media(error),
        }
    }
}
