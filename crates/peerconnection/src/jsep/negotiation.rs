//! The exchange of descriptions of one connection.
//!
//! | module | what |
//! |---|---|
//! | here | the state, and descriptions of this side |
//! | `apply` | descriptions into commands to the engine |
//! | `media` | transceivers and their sections |
//! | `candidates` | candidates of both sides |
//! | `configured` | what the configuration asks for |
//! | `rollback` | what an exchange changed, taken back |

mod apply;
mod candidates;
mod configured;
mod media;
mod rollback;

pub(crate) use media::TrackChange;
pub use media::TransceiverError;

use super::formats::Numbers;
use super::local::{Body, Local, Section, Setup};
use super::remote::{Content, Remote};
use super::transceiver::Transceiver;
use super::{DescriptionError, SdpType, SessionDescription, SignalingState};
use crate::engine::{Session, TransportId};
use ortica_codecs::Codec;
use ortica_core::crypto::HashAlgorithm;
use ortica_core::{Instant, Rng};
use ortica_dtls::{Certificate, Fingerprint, Role};
use ortica_ice::Credentials;
use rollback::Before;
use std::sync::Arc;

/// A local description as it was made, and its text at that time.
#[derive(Clone, Debug)]
struct MadeLocal {
    kind: SdpType,
    model: Local,
    text: String,
}

impl MadeLocal {
    fn description(&self) -> SessionDescription {
        SessionDescription { kind: self.kind, sdp: self.text.clone() }
    }
}

/// A remote description as it was read.
#[derive(Clone, Debug)]
struct Theirs {
    description: SessionDescription,
    parsed: Remote,
    /// Candidates that were added to the text.
    added: usize,
}

impl Theirs {
    fn read(description: SessionDescription) -> Result<Self, DescriptionError> {
        let parsed = Remote::parse(&description.sdp)?;
        Ok(Self { description, parsed, added: 0 })
    }
}

/// The exchange of descriptions of one connection, all of whose sections share one transport (BUNDLE, RFC 9143).
#[derive(Debug)]
pub(crate) struct Negotiation {
    /// Of each certificate that may be shown.
    fingerprints: Vec<Fingerprint>,
    /// Bytes of the longest message that this side takes.
    max_message_size: usize,
    session_id: u64,
    /// Version of the last description that was made (SDP-3).
    version: u64,
    state: SignalingState,
    transport: Option<TransportId>,
    /// The application made a data channel.
    wants_data: bool,
    /// The configuration asks for a section for data channels.
    always_data: bool,
    /// To negotiate where a transceiver names none.
    codecs: Vec<Codec>,
    transceivers: Vec<Transceiver>,
    next_transceiver: u32,
    numbers: Numbers,
    /// To be told.
    track_changes: Vec<TrackChange>,
    /// What `create_offer` and `create_answer` made last: what a set may name.
    last_offer: Option<MadeLocal>,
    last_answer: Option<MadeLocal>,
    /// The last description that was made, of either type.
    last: Option<Local>,
    current_local: Option<MadeLocal>,
    pending_local: Option<MadeLocal>,
    current_remote: Option<Theirs>,
    pending_remote: Option<Theirs>,
    /// What a rollback restores, while an exchange is under way.
    before: Option<Before>,
    /// The DTLS role, once agreed; it stays for the life of the transport (SDP-7).
    role: Option<Role>,
    gathering: bool,
    /// The application asked for an ICE restart.
    wants_restart: bool,
    /// The configuration allows other candidates than those that were gathered.
    renews_candidates: bool,
    /// The local credentials of the restart that the next offer or answer announces; in force once that is set.
    fresh_offer: Option<Credentials>,
    fresh_answer: Option<Credentials>,
    rng: Rng,
}

impl Negotiation {
    pub fn new(certificates: &[Arc<Certificate>], max_message_size: usize, mut rng: Rng) -> Self {
        let fingerprint = |certificate: &Arc<Certificate>| certificate.fingerprint(HashAlgorithm::Sha256);
        Self {
            fingerprints: certificates.iter().map(fingerprint).collect(),
            max_message_size,
            // 62 bits, so that it fits a signed number wherever it is read (RFC 9429 §5.2.1).
            session_id: rng.u64() >> 2,
            version: 0,
            state: SignalingState::Stable,
            transport: None,
            wants_data: false,
            always_data: false,
            codecs: Codec::available().collect(),
            transceivers: Vec::new(),
            next_transceiver: 0,
            numbers: Numbers::default(),
            track_changes: Vec::new(),
            last_offer: None,
            last_answer: None,
            last: None,
            current_local: None,
            pending_local: None,
            current_remote: None,
            pending_remote: None,
            before: None,
            role: None,
            gathering: false,
            wants_restart: false,
            renews_candidates: false,
            fresh_offer: None,
            fresh_answer: None,
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
        self.wants_restart && agreed.is_some_and(|agreed| agreed.leader().is_some())
            || (self.wants_data || self.always_data) && !agreed.is_some_and(Local::has_data)
            || self.transceivers.iter().any(|transceiver| self.is_outdated(transceiver, agreed))
    }

    /// The next offer announces fresh ICE credentials (webrtc-pc §4.4.2, `restartIce`). Before the first offer there are
    /// none to replace.
    pub fn want_restart(&mut self) {
        self.wants_restart = self.agreed().is_some();
    }

    /// What fits the state: an answer where an offer waits for one.
    pub fn implicit_type(&self) -> SdpType {
        if self.state.takes_answer() { SdpType::Answer } else { SdpType::Offer }
    }

    pub fn current_remote(&self) -> Option<&SessionDescription> {
        self.current_remote.as_ref().map(|theirs| &theirs.description)
    }

    pub fn pending_remote(&self) -> Option<&SessionDescription> {
        self.pending_remote.as_ref().map(|theirs| &theirs.description)
    }

    /// The description of this side that was agreed on, with the candidates there are now.
    pub fn current_local(&self, session: &Session) -> Option<SessionDescription> {
        self.current_local.as_ref().map(|local| self.show(local, session))
    }

    /// The description of this side that waits for an answer, or answers for the time being.
    pub fn pending_local(&self, session: &Session) -> Option<SessionDescription> {
        self.pending_local.as_ref().map(|local| self.show(local, session))
    }

    fn show(&self, local: &MadeLocal, session: &Session) -> SessionDescription {
        SessionDescription { kind: local.kind, sdp: self.render(&local.model, session) }
    }

    // --- making -----------------------------------------------------------------------------------------------------

    pub fn create_offer(
        &mut self,
        now: Instant,
        session: &mut Session,
    ) -> Result<SessionDescription, DescriptionError> {
        if !self.state.takes_offer() {
            return Err(DescriptionError::InvalidState { call: "create an offer", state: self.state });
        }
        let transport = self.ensure_transport(now, session)?;
        let mut sections: Vec<Section> = self.agreed().map_or_else(Vec::new, |local| local.model.sections.clone());
        for section in &mut sections {
            section.setup = Setup::ActPass;
        }
        let data =
            |sections: &[Section]| Section::data(free_mid(sections), Setup::ActPass, session.sctp_init(transport));
        if self.always_data && sections.is_empty() {
            sections.push(data(&sections));
        }
        self.offer_media(session.cname(), &mut sections);
        if (self.wants_data || self.always_data) && !sections.iter().any(Section::is_data) {
            sections.push(data(&sections));
        }
        if (self.wants_restart || self.renews_candidates) && self.fresh_offer.is_none() {
            self.fresh_offer = Some(Credentials::generate(&mut self.rng));
        }
        let made = self.finish(SdpType::Offer, sections, self.fresh_offer.clone(), session);
        Ok(self.last_offer.insert(made).description())
    }

    pub fn create_answer(
        &mut self,
        now: Instant,
        session: &mut Session,
    ) -> Result<SessionDescription, DescriptionError> {
        let Some(offer) = self.pending_remote.clone().filter(|_| self.state.takes_answer()) else {
            return Err(DescriptionError::InvalidState { call: "create an answer", state: self.state });
        };
        let transport = self.ensure_transport(now, session)?;
        let setup = self.answer_setup(&offer.parsed);
        let offered = offer.parsed.sections.iter();
        let sections = offered.map(|section| {
            let body = match &section.content {
                Content::Data { init, .. } if offer.parsed.serves(section) => {
                    let shared = shared_init(session, transport, init).map(|[ours, _]| ours);
                    Body::Data { init: shared.or_else(|| self.announced_init(&section.mid)) }
                }
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
        let made = self.finish(SdpType::Answer, sections, self.fresh_answer.clone(), session);
        Ok(self.last_answer.insert(made).description())
    }

    /// Makes the text, with a version that rises only when something changed (SDP-3). Without credentials of its own it has
    /// those in force.
    fn finish(
        &mut self,
        kind: SdpType,
        sections: Vec<Section>,
        credentials: Option<Credentials>,
        session: &Session,
    ) -> MadeLocal {
        // Without a section that could carry them there are none, and no restart happens.
        let in_force = || self.transport.and_then(|id| Some(session.ice(id)?.local_credentials().clone()));
        let carried = sections.iter().any(|section| !section.is_rejected());
        let credentials = credentials.or_else(in_force).filter(|_| carried);
        let mut model = Local {
            session_id: self.session_id,
            version: self.version,
            sections,
            max_message_size: self.max_message_size as u64,
            fingerprints: self.fingerprints.clone(),
            credentials,
        };
        if self.last.as_ref().is_some_and(|last| !last.same_content(&model)) {
            self.version += 1;
            model.version = self.version;
        }
        self.last = Some(model.clone());
        let text = self.render(&model, session);
        MadeLocal { kind, model, text }
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

    /// The INIT chunk that this side announced before. It is repeated, whoever offers: Chromium 148 takes one that is not there
    /// any more for a change, and refuses the description.
    fn announced_init(&self, mid: &str) -> Option<Vec<u8>> {
        let agreed = self.current_local.as_ref()?;
        match &agreed.model.sections.iter().find(|section| section.mid == mid)?.body {
            Body::Data { init } => init.clone(),
            _ => None,
        }
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

/// The INIT chunks of both sides, ours and theirs, if SCTP can start from them. A peer that answers with what it was offered
/// does not know what that is (libdatachannel 0.24 does so).
fn shared_init(session: &Session, transport: TransportId, theirs: &Option<Vec<u8>>) -> Option<[Vec<u8>; 2]> {
    let ours = session.sctp_init(transport)?;
    let theirs = theirs.clone().filter(|theirs| *theirs != ours)?;
    Some([ours, theirs])
}

/// The smallest number that is no mid yet.
fn free_mid(sections: &[Section]) -> String {
    let taken = |mid: &String| sections.iter().any(|section| section.mid == *mid);
    (0..=sections.len()).map(|number| number.to_string()).find(|mid| !taken(mid)).unwrap_or_default()
}
