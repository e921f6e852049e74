//! Transceivers and their sections.

use super::{MadeLocal, Negotiation, TrackChange, free_mid};
use crate::engine::{
    MediaError, RtpCodecParameters, RtpReceiveParameters, RtpSendParameters, SenderId, Session, TransformId,
    TransportId,
};
use crate::jsep::encodings::Encodings;
use crate::jsep::extensions::{self, Extension};
use crate::jsep::formats::{self, Events, Preferences};
use crate::jsep::local::{Body, Local, Media, Section, Setup, Track};
use crate::jsep::remote::{Content, Remote, RemoteMedia};
use crate::jsep::simulcast::{Layer, Layers};
use crate::jsep::transceiver::{Agreed, Early, Life, Origin, Transceiver, TransceiverId, TransceiverInit};
use crate::jsep::{DescriptionError, SdpType};
use crate::parameters::{
    ParametersError, RtcpParameters, RtpCapabilities, RtpCodec, RtpReceiveParameters as ReceiveParameters,
};
use ortica_codecs::{Codec, MediaKind};
use ortica_core::Instant;
use ortica_rtp::{Mid, Ssrc};
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
    /// Encodings or preferences break a rule.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
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

    /// An encoding of a sender goes on under another number, which descriptions say from the next one on.
    pub fn change_ssrc(&mut self, sender: SenderId, before: Ssrc, now: (Ssrc, Option<Ssrc>)) {
        if let Some(transceiver) = self.transceivers.iter_mut().find(|transceiver| transceiver.sender == Some(sender)) {
            transceiver.encodings.change_ssrc(before, now);
        }
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
        let preferences = Preferences::all(&self.codecs_for(kind, &init.codecs)?);
        let id = TransceiverId(self.next_transceiver);
        let mut rng = self.rng.fork(&format!("transceiver {id}"));
        let is_known = |codec: &RtpCodec| preferences.forms().any(|known| codec.matches_but_for_levels(&known.into()));
        let encodings = Encodings::new(kind, init.send_encodings.clone(), is_known, rng.fork("encodings"))?;
        self.next_transceiver = self.next_transceiver.checked_add(1).ok_or(TransceiverError::TooMany)?;
        let init = TransceiverInit { streams: without_doubles(&init.streams), ..init };
        self.transceivers.push(Transceiver::new(id, kind, origin, init, (preferences, encodings), &mut rng));
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

    /// Changes which codecs are negotiated, best liked first; none means those it was made with.
    pub fn set_codec_preferences(&mut self, id: TransceiverId, preferred: &[RtpCodec]) -> Result<(), TransceiverError> {
        let transceiver = self.transceiver(id).ok_or(TransceiverError::Unknown(id))?;
        let known = self.codecs_for(transceiver.kind, &transceiver.named_codecs)?;
        let preferences = match preferred {
            [] => Preferences::all(&known),
            preferred => Preferences::of(transceiver.kind, preferred, &known)?,
        };
        self.transceiver_mut(id)?.preferences = preferences;
        Ok(())
    }

    /// What can be negotiated for a kind of media where a transceiver names no codecs.
    pub fn capabilities(&self, kind: MediaKind) -> RtpCapabilities {
        formats::capabilities(kind, &self.codecs)
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
            let formats = numbers.formats(&transceiver.preferences);
            let events = numbers.events(&transceiver.preferences);
            let extensions = numbers.extensions(&transceiver.header_extensions);
            // Several encodings are offered side by side, and what comes so already goes on.
            let layers = Layers { send: transceiver.encodings.layers(), receive: transceiver.layers.clone() };
            let order = transceiver.preferences.order(&formats, &events);
            let media = media_section(transceiver, cname, transceiver.direction, formats, extensions, layers);
            Media { events, order, ..media }
        };
        for section in sections.iter_mut() {
            let Some(media) = section.as_media() else { continue };
            let transceiver = transceivers.iter().find(|transceiver| transceiver.id == media.transceiver);
            section.body = match transceiver {
                Some(transceiver) if transceiver.is_live() => Body::Media(Box::new(body(transceiver))),
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
        let formats = formats::answer(&transceiver.preferences, &offered.formats);
        if formats.is_empty() {
            return None;
        }
        let direction = transceiver.direction.and(offered.direction.reversed());
        let extensions = extensions::common(transceiver.header_extensions.wanted(), &offered.extensions);
        let taken = transceiver.encodings.taken(&offered.layers).filter_map(|(_, layer)| Some(Layer::new(layer?.rid)));
        // Also while nothing flows: layers that an answer does not take are given up for good. And what is paused stays so: browsers
        // go on with what an answer takes without it, whatever their application said.
        let receive: Vec<Layer> = offered.layers.send.iter().map(Layer::answered).collect();
        let layers = Layers { send: taken.collect(), receive: Vec::new() };
        let events = formats::common_events(&transceiver.preferences, &offered.events);
        let order = match transceiver.preferences.ordered {
            true => transceiver.preferences.order(&formats, &events),
            false => offered.order.clone(),
        };
        let media = media_section(transceiver, cname, direction, formats, extensions, layers);
        let layers = Layers { receive, ..media.layers };
        let (reduced_size, encrypts_headers) = (offered.reduced_size, offered.encrypts_headers);
        Some(Media { reduced_size, encrypts_headers, events, order, layers, ..media })
    }

    /// What an offer of this side calls its codecs and extensions they are called from now on.
    pub(super) fn give_numbers(&mut self, offer: &Local) {
        for media in offer.sections.iter().filter_map(Section::as_media) {
            let extensions = media.extensions.iter().map(|it| (it.id, Some(it.kind)));
            self.numbers.learn(&media.formats, &media.events, extensions);
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
    extensions: Vec<Extension>,
    layers: Layers,
) -> Media {
    let repairs = formats.iter().any(|format| format.rtx.is_some());
    // What was said of a track stays, whichever way media flows (RFC 9429 §5.2.2 and §5.3.2). Chromium shows nothing of
    // a stream whose SSRC was gone and came back.
    let is_named = direction.sends() || transceiver.section.is_announced;
    let sources = transceiver.encodings.unnamed();
    let track = is_named.then(|| Track {
        id: transceiver.track.clone(),
        streams: transceiver.streams.clone(),
        sources: sources.map(|it| (it.ssrc.0, it.rtx.filter(|_| repairs).map(|ssrc| ssrc.0))),
        cname: cname.to_owned(),
    });
    let layers = Layers {
        send: if direction.sends() { layers.send } else { Vec::new() },
        receive: if direction.receives() { layers.receive } else { Vec::new() },
    };
    Media {
        transceiver: transceiver.id,
        kind: transceiver.kind,
        direction,
        formats,
        events: Vec::new(),
        order: Vec::new(),
        extensions,
        reduced_size: true,
        encrypts_headers: true,
        layers,
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
                    let extensions = media.extensions.iter().map(|it| (it.id, it.kind));
                    self.numbers.learn(&media.formats, &media.events, extensions);
                    let Some(id) = self.transceiver_for(&section.mid, media) else { continue };
                    self.learn_track(id, media);
                    self.learn_layers(id, media);
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
        if formats::common(&made.preferences, &media.formats).is_empty() {
            self.transceivers.pop();
            return None;
        }
        made.section.mid = Some(mid.to_owned());
        Some(id)
    }

    /// The other side would take several layers, and what the application was given of the sender's parameters is outdated.
    fn learn_layers(&mut self, id: TransceiverId, media: &RemoteMedia) {
        let Ok(transceiver) = self.transceiver_mut(id) else { return };
        transceiver.encodings.split(&media.layers.receive);
        transceiver.transaction.end();
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

    /// The codecs that a transceiver could negotiate, whatever is preferred.
    fn known_to(&self, id: TransceiverId) -> Vec<Codec> {
        let transceiver = self.transceiver(id);
        transceiver.and_then(|it| self.codecs_for(it.kind, &it.named_codecs).ok()).unwrap_or_default()
    }

    /// Hands to the engine what both sides agreed on. `made` and `theirs` have the same sections. What an answer for the time
    /// being rejects may still come.
    pub(super) fn apply_media(
        &mut self,
        now: Instant,
        session: &mut Session,
        made: &MadeLocal,
        theirs: &Remote,
        kind: SdpType,
    ) -> Result<(), DescriptionError> {
        self.apply_header_encryption(session, &made.model, theirs);
        for (ours, remote) in made.model.sections.iter().zip(&theirs.sections) {
            match (ours.as_media(), remote.as_media()) {
                (Some(media), Some(remote)) => {
                    let Some(transport) = ours.named_transport() else { continue };
                    self.learn_track(media.transceiver, remote);
                    let beside = match made.kind {
                        SdpType::Offer => self.known_to(media.transceiver),
                        _ => Vec::new(),
                    };
                    let place = Place { transport, kind, beside: &beside };
                    self.apply_section(now, session, place, ours, remote)?;
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
        place: Place<'_>,
        ours: &Section,
        theirs: &RemoteMedia,
    ) -> Result<(), DescriptionError> {
        let Place { transport, kind, beside } = place;
        let Some(media) = ours.as_media() else { return Ok(()) };
        let Ok(transceiver) = self.transceiver_mut(media.transceiver) else { return Ok(()) };
        let direction = media.direction.and(theirs.direction.reversed());
        transceiver.current_direction = Some(direction);
        transceiver.section.early = Early::No;
        transceiver.transaction.end();
        if !transceiver.is_live() {
            return Ok(());
        }
        // A name too long for a packet is told by the description alone.
        let agreement = Agreement { transport, mid: Mid::new(&ours.mid).ok(), ours: media, theirs, beside };
        if direction.sends() && kind == SdpType::Answer {
            transceiver.encodings.narrow(&theirs.layers);
        }
        let parameters = agreement.for_sending(transceiver);
        if direction.sends() {
            agreement.send(now, session, transceiver, &parameters)?;
        } else if let Some(sender) = transceiver.sender {
            session.stop_sending(sender)?;
        }
        transceiver.sending = Some(parameters);
        transceiver.receiving = Some(agreement.for_receiving(session.cname()));
        if direction.receives() {
            agreement.receive(now, session, transceiver)?;
        } else if let Some(receiver) = transceiver.receiver {
            session.stop_receiving(receiver)?;
        }
        Ok(())
    }
}

/// Where a section is applied, and by which description.
struct Place<'a> {
    transport: TransportId,
    kind: SdpType,
    beside: &'a [Codec],
}

/// What both sides say of a section.
struct Agreement<'a> {
    transport: TransportId,
    mid: Option<Mid>,
    ours: &'a Media,
    theirs: &'a RemoteMedia,
    /// What an answer may name beside what was offered.
    beside: &'a [Codec],
}

impl Agreement<'_> {
    /// What can be sent by it, whether or not something is.
    fn for_sending(&self, transceiver: &mut Transceiver) -> Agreed {
        let theirs = self.theirs;
        let formats = formats::sendable(&self.ours.formats, self.beside, &theirs.formats);
        transceiver.encodings.forget_codecs(&formats);
        let events = formats::common_events(&named(self.ours), &theirs.events);
        let extensions = self.extensions();
        let parameters = RtpSendParameters {
            mid: self.mid,
            codecs: formats.iter().map(|format| format.parameters_sent(&theirs.order)).collect(),
            telephone_events: events.iter().map(Events::parameters).collect(),
            header_extensions: extensions::map(
                extensions.iter().filter(|it| it.direction.sends()),
                theirs.mixed_extensions,
            ),
            encodings: transceiver.encodings.for_engine(&formats, &theirs.layers),
            max_bitrate: theirs.max_bitrate,
            reduced_size_rtcp: self.reduced_size(),
        };
        let (order, theirs) = (theirs.order.clone(), theirs.layers.clone());
        let encrypts_headers = self.ours.encrypts_headers && self.theirs.encrypts_headers;
        Agreed { formats, events, order, extensions, encrypts_headers, theirs, parameters }
    }

    fn send(
        &self,
        now: Instant,
        session: &mut Session,
        transceiver: &mut Transceiver,
        agreed: &Agreed,
    ) -> Result<(), DescriptionError> {
        let sender = match transceiver.sender {
            Some(sender) => sender,
            None => {
                let sender = session.add_sender(self.transport, transceiver.kind)?;
                if transceiver.transforms_sent {
                    session.set_transform(now, TransformId::Sender(sender), true)?;
                }
                *transceiver.sender.insert(sender)
            }
        };
        session.move_sender(sender, self.transport)?;
        transceiver.has_sent = true;
        Ok(session.start_sending(now, sender, &agreed.parameters)?)
    }

    fn for_receiving(&self, cname: &str) -> ReceiveParameters {
        ReceiveParameters {
            header_extensions: extensions::parameters(&self.extensions()),
            rtcp: RtcpParameters { cname: cname.to_owned(), reduced_size: self.reduced_size() },
            codecs: formats::codec_parameters(&self.ours.formats, &self.ours.events, &self.ours.order),
        }
    }

    fn receive(
        &self,
        now: Instant,
        session: &mut Session,
        transceiver: &mut Transceiver,
    ) -> Result<(), DescriptionError> {
        let receiver = match transceiver.receiver {
            Some(receiver) => receiver,
            None => {
                let receiver = session.add_receiver(self.transport, transceiver.kind)?;
                if transceiver.transforms_received {
                    session.set_transform(now, TransformId::Receiver(receiver), true)?;
                }
                *transceiver.receiver.insert(receiver)
            }
        };
        session.move_receiver(receiver, self.transport)?;
        let (ours, theirs) = (self.ours, self.theirs);
        let comes = |layer: &&Layer| ours.layers.receive.iter().any(|ours| ours.rid == layer.rid);
        transceiver.layers = theirs.layers.send.iter().filter(comes).cloned().collect();
        let parameters = RtpReceiveParameters {
            mid: self.mid,
            codecs: receive_codecs(ours, theirs),
            telephone_events: ours.events.iter().map(Events::parameters).collect(),
            header_extensions: extensions::map(ours.extensions.iter().filter(|it| it.direction.receives()), true),
            ssrcs: theirs.ssrcs.clone(),
            rids: transceiver.layers.iter().map(|layer| layer.rid).collect(),
            descriptions: formats::descriptions(&ours.formats, &theirs.formats),
            reduced_size_rtcp: self.reduced_size(),
        };
        session.start_receiving(receiver, parameters)?;
        session.set_jitter_buffer_target(now, receiver, transceiver.jitter_buffer_target.unwrap_or_default());
        Ok(())
    }

    /// The header extensions that both sides have.
    fn extensions(&self) -> Vec<Extension> {
        let ours = self.ours.extensions.iter().map(|extension| (extension.kind, extension.direction));
        extensions::common(ours, &self.theirs.extensions)
    }

    fn reduced_size(&self) -> bool {
        self.theirs.reduced_size && self.ours.reduced_size
    }
}

/// What may come: this side's formats, as far as the other side has them, with the feedback that both know.
fn receive_codecs(ours: &Media, theirs: &RemoteMedia) -> Vec<RtpCodecParameters> {
    let common = formats::common(&named(ours), &theirs.formats);
    ours.formats
        .iter()
        .filter_map(|format| {
            let theirs = common.iter().find(|it| it.form.matches(format.form))?;
            Some(RtpCodecParameters { feedback: theirs.parameters().feedback, ..format.parameters() })
        })
        .collect()
}

/// What a section of this side names.
fn named(ours: &Media) -> Preferences {
    Preferences::named(&ours.formats, &ours.events)
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
