//! The exchange of descriptions of one connection.
//!
//! | module | what |
//! |---|---|
//! | here | the state, and descriptions of this side |
//! | `apply` | descriptions into commands to the engine |
//! | `media` | transceivers and their sections |
//! | `candidates` | candidates of both sides |

mod apply;
mod candidates;
mod media;

pub use media::TransceiverError;

use super::formats::Numbers;
use super::local::{Body, Local, Section, Setup};
use super::remote::{Content, Remote};
use super::transceiver::Transceiver;
use super::{DescriptionError, SdpType, SessionDescription, SignalingState, TransceiverId};
use crate::engine::{Session, TransportId};
use ortica_codecs::Codec;
use ortica_core::{Instant, Rng};
use ortica_dtls::{Certificate, Role};
use ortica_ice::Credentials;
use std::sync::Arc;

/// A local description as it was made, and its text at that time.
#[derive(Clone, Debug)]
struct MadeLocal {
    kind: SdpType,
    model: Local,
    text: String,
}

/// A remote description as it was read.
#[derive(Clone, Debug)]
struct Theirs {
    description: SessionDescription,
    parsed: Remote,
}

/// The exchange of descriptions of one connection, all of whose sections share one transport (BUNDLE, RFC 9143).
#[derive(Debug)]
pub(crate) struct Negotiation {
    certificate: Arc<Certificate>,
    /// Bytes of the longest message that this side takes.
    max_message_size: usize,
    session_id: u64,
    /// Version of the last description that was made (SDP-3).
    version: u64,
    state: SignalingState,
    transport: Option<TransportId>,
    /// The application made a data channel.
    wants_data: bool,
    /// To negotiate where a transceiver names none.
    codecs: Vec<Codec>,
    transceivers: Vec<Transceiver>,
    numbers: Numbers,
    /// Transceivers whose other side began or ceased to send, to be told.
    track_changes: Vec<TransceiverId>,
    /// What `create_offer` or `create_answer` made last: what a set may name.
    created: Option<MadeLocal>,
    current_local: Option<MadeLocal>,
    pending_local: Option<MadeLocal>,
    current_remote: Option<Theirs>,
    pending_remote: Option<Theirs>,
    /// The DTLS role, once agreed; it stays for the life of the transport (SDP-7).
    role: Option<Role>,
    gathering: bool,
    /// The application asked for an ICE restart.
    wants_restart: bool,
    /// The local credentials of the restart that the next description announces; in force once that is set.
    fresh: Option<Credentials>,
    rng: Rng,
}

impl Negotiation {
    pub fn new(certificate: Arc<Certificate>, max_message_size: usize, mut rng: Rng) -> Self {
        Self {
            certificate,
            max_message_size,
            // 62 bits, so that it fits a signed number wherever it is read (RFC 9429 §5.2.1).
            session_id: rng.u64() >> 2,
            version: 0,
            state: SignalingState::Stable,
            transport: None,
            wants_data: false,
            codecs: Codec::available().collect(),
            transceivers: Vec::new(),
            numbers: Numbers::default(),
            track_changes: Vec::new(),
            created: None,
            current_local: None,
            pending_local: None,
            current_remote: None,
            pending_remote: None,
            role: None,
            gathering: false,
            wants_restart: false,
            fresh: None,
            rng,
        }
    }

    pub fn state(&self) -> SignalingState {
        self.state
    }

    pub fn want_data(&mut self) {
        self.wants_data = true;
    }

    /// `true` when what the application made is not in what was agreed (webrtc-pc §4.7.3).
    pub fn is_needed(&self) -> bool {
        let agreed = self.current_local.as_ref().map(|local| &local.model);
        self.wants_restart
            || self.wants_data && !agreed.is_some_and(Local::has_data)
            || self.transceivers.iter().any(|transceiver| self.is_outdated(transceiver, agreed))
    }

    /// The next offer announces fresh ICE credentials (webrtc-pc §4.4.2, `restartIce`). Before the first offer there are
    /// none to replace.
    pub fn want_restart(&mut self) {
        self.wants_restart = self.agreed().is_some();
    }

    /// What fits the state: an answer where an offer waits for one.
    pub fn implicit_type(&self) -> SdpType {
        if self.state == SignalingState::HaveRemoteOffer { SdpType::Answer } else { SdpType::Offer }
    }

    pub fn remote_description(&self) -> Option<&SessionDescription> {
        self.pending_remote.as_ref().or(self.current_remote.as_ref()).map(|theirs| &theirs.description)
    }

    /// The local description with the candidates there are now.
    pub fn local_description(&self, session: &Session) -> Option<SessionDescription> {
        let local = self.pending_local.as_ref().or(self.current_local.as_ref())?;
        Some(SessionDescription { kind: local.kind, sdp: self.render(&local.model, session) })
    }

    // --- making -----------------------------------------------------------------------------------------------------

    pub fn create_offer(
        &mut self,
        now: Instant,
        session: &mut Session,
    ) -> Result<SessionDescription, DescriptionError> {
        if !matches!(self.state, SignalingState::Stable | SignalingState::HaveLocalOffer) {
            return Err(DescriptionError::InvalidState { call: "create an offer", state: self.state });
        }
        self.ensure_transport(now, session)?;
        let mut sections: Vec<Section> = self.agreed().map_or_else(Vec::new, |local| local.model.sections.clone());
        for section in &mut sections {
            section.setup = Setup::ActPass;
        }
        self.offer_media(session.cname(), &mut sections);
        if self.wants_data && !sections.iter().any(Section::is_data) {
            sections.push(Section::data(free_mid(&sections), Setup::ActPass));
        }
        if self.wants_restart && self.fresh.is_none() {
            self.fresh = Some(Credentials::generate(&mut self.rng));
        }
        Ok(self.finish(SdpType::Offer, sections, session))
    }

    pub fn create_answer(
        &mut self,
        now: Instant,
        session: &mut Session,
    ) -> Result<SessionDescription, DescriptionError> {
        let (SignalingState::HaveRemoteOffer, Some(offer)) = (self.state, self.pending_remote.clone()) else {
            return Err(DescriptionError::InvalidState { call: "create an answer", state: self.state });
        };
        self.ensure_transport(now, session)?;
        let setup = self.answer_setup(&offer.parsed);
        let offered = offer.parsed.sections.iter();
        let sections = offered.map(|section| {
            let body = match &section.content {
                Content::Data { .. } if offer.parsed.serves(section) => Body::Data,
                Content::Media(media) if offer.parsed.serves(section) => {
                    self.answer_media(session.cname(), &section.mid, media).map_or(Body::Rejected, Body::Media)
                }
                _ => Body::Rejected,
            };
            match body {
                Body::Rejected => Section::rejected(section),
                body => Section::accepted(section, setup, body),
            }
        });
        let sections = sections.collect();
        Ok(self.finish(SdpType::Answer, sections, session))
    }

    /// Makes the text, with a version that rises only when something changed (SDP-3).
    fn finish(&mut self, kind: SdpType, sections: Vec<Section>, session: &Session) -> SessionDescription {
        let mut model = Local {
            session_id: self.session_id,
            version: self.version,
            sections,
            max_message_size: self.max_message_size as u64,
            fingerprint: self.certificate.fingerprint(ortica_core::crypto::HashAlgorithm::Sha256),
            credentials: self
                .fresh
                .clone()
                .or_else(|| self.transport.and_then(|id| Some(session.ice(id)?.local_credentials().clone()))),
        };
        let last = self.created.as_ref().or(self.pending_local.as_ref()).or(self.current_local.as_ref());
        if last.is_some_and(|last| !last.model.same_content(&model)) {
            self.version += 1;
            model.version = self.version;
        }
        let text = self.render(&model, session);
        self.created = Some(MadeLocal { kind, model, text: text.clone() });
        SessionDescription { kind, sdp: text }
    }

    fn render(&self, model: &Local, session: &Session) -> String {
        // A description that announces a restart has no candidates yet: the agent's are of the generation before.
        let current = |agent: &&ortica_ice::Agent| model.credentials.as_ref() == Some(agent.local_credentials());
        let agent = self.transport.and_then(|id| session.ice(id)).filter(current);
        let candidates = agent.map_or(&[][..], |agent| agent.local_candidates());
        let complete = agent.is_some_and(|agent| agent.gathering_state() == ortica_ice::GatheringState::Complete);
        model.render(candidates, complete)
    }

    fn agreed(&self) -> Option<&MadeLocal> {
        self.pending_local.as_ref().or(self.current_local.as_ref())
    }

    fn ensure_transport(&mut self, now: Instant, session: &mut Session) -> Result<TransportId, DescriptionError> {
        if let Some(id) = self.transport {
            return Ok(id);
        }
        let id = session.add_transport(now)?;
        self.transport = Some(id);
        Ok(id)
    }

    /// The role of an answer: the established one, else the one the offer leaves, active where there is a choice
    /// (RFC 9429 §5.3.1).
    fn answer_setup(&self, offer: &Remote) -> Setup {
        let offered = offer.leader().and_then(|(_, section)| section.setup);
        match (self.role, offered) {
            (Some(Role::Client), _) | (None, Some(Setup::Passive)) => Setup::Active,
            (Some(Role::Server), _) | (None, Some(Setup::Active)) => Setup::Passive,
            (None, Some(Setup::ActPass) | None) => Setup::Active,
        }
    }
}

/// The smallest number that is no mid yet.
fn free_mid(sections: &[Section]) -> String {
    let taken = |mid: &String| sections.iter().any(|section| section.mid == *mid);
    (0..=sections.len()).map(|number| number.to_string()).find(|mid| !taken(mid)).unwrap_or_default()
}
