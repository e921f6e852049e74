//! Makes descriptions and applies them.

use super::model::{Kind, Model, Remote, RemoteSection, Section, Setup};
use super::{
    DescriptionError, IceCandidate, IceCandidateError, SdpType, SessionDescription, SignalingState,
    error::SectionProblem,
};
use crate::engine::{DtlsParameters, SctpParameters, Session, TransportId};
use ortica_core::{Instant, Rng};
use ortica_dtls::{Certificate, Role};
use ortica_ice::{Candidate, Credentials};
use std::sync::Arc;

/// The most data one message may hold here, in bytes: what browsers announce too.
const MAX_MESSAGE_SIZE: u64 = 262_144;

/// A local description as it was made, and its text at that time.
#[derive(Clone, Debug)]
struct Local {
    kind: SdpType,
    model: Model,
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
    session_id: u64,
    /// Version of the last description that was made (SDP-3).
    version: u64,
    state: SignalingState,
    transport: Option<TransportId>,
    /// The application made a data channel.
    wants_data: bool,
    /// What `create_offer` or `create_answer` made last: what a set may name.
    created: Option<Local>,
    current_local: Option<Local>,
    pending_local: Option<Local>,
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
    pub fn new(certificate: Arc<Certificate>, mut rng: Rng) -> Self {
        Self {
            certificate,
            // 62 bits, so that it fits a signed number wherever it is read (RFC 9429 §5.2.1).
            session_id: rng.u64() >> 2,
            version: 0,
            state: SignalingState::Stable,
            transport: None,
            wants_data: false,
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
        self.wants_restart
            || self.wants_data && !self.current_local.as_ref().is_some_and(|local| local.model.has_data())
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
        if self.wants_data && !sections.iter().any(Section::is_data) {
            sections.push(Section::data(self.free_mid(&sections), Setup::ActPass));
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
        // One transport serves the sections that the offer bundles with the first one it accepts.
        let leader = offer.parsed.sections.iter().find(|section| is_acceptable(section));
        let sections = offer.parsed.sections.iter().map(|offered| {
            let together = leader.is_some_and(|leader| offer.parsed.bundles(leader, offered));
            if is_acceptable(offered) && together {
                Section::accepted(offered, setup)
            } else {
                Section::rejected(offered)
            }
        });
        let sections = sections.collect();
        Ok(self.finish(SdpType::Answer, sections, session))
    }

    /// Makes the text, with a version that rises only when something changed (SDP-3).
    fn finish(&mut self, kind: SdpType, sections: Vec<Section>, session: &Session) -> SessionDescription {
        let mut model = Model {
            session_id: self.session_id,
            version: self.version,
            sections,
            max_message_size: MAX_MESSAGE_SIZE,
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
        self.created = Some(Local { kind, model, text: text.clone() });
        SessionDescription { kind, sdp: text }
    }

    fn render(&self, model: &Model, session: &Session) -> String {
        let agent = self.transport.and_then(|id| session.ice(id));
        let candidates = agent.map_or(&[][..], |agent| agent.local_candidates());
        let complete = agent.is_some_and(|agent| agent.gathering_state() == ortica_ice::GatheringState::Complete);
        model.render(candidates, complete)
    }

    fn agreed(&self) -> Option<&Local> {
        self.pending_local.as_ref().or(self.current_local.as_ref())
    }

    /// The smallest number that is no mid yet.
    fn free_mid(&self, sections: &[Section]) -> String {
        let taken = |mid: &String| sections.iter().any(|section| section.mid == *mid);
        (0..=sections.len()).map(|number| number.to_string()).find(|mid| !taken(mid)).unwrap_or_default()
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
        let offered = offer.sections.iter().find(|section| is_acceptable(section)).map(|section| section.setup);
        match (self.role, offered.flatten()) {
            (Some(Role::Client), _) | (None, Some(Setup::Passive)) => Setup::Active,
            (Some(Role::Server), _) | (None, Some(Setup::Active)) => Setup::Passive,
            (None, Some(Setup::ActPass) | None) => Setup::Active,
        }
    }

    // --- applying ---------------------------------------------------------------------------------------------------

    /// Applies a description of this side; returns the transports that gather from now on.
    pub fn set_local_description(
        &mut self,
        now: Instant,
        session: &mut Session,
        description: SessionDescription,
    ) -> Result<Vec<TransportId>, DescriptionError> {
        let next = self.state.after_local(description.kind)?;
        let created = self
            .created
            .clone()
            .filter(|created| created.kind == description.kind && created.text == description.sdp)
            .ok_or(DescriptionError::Modified(description.kind))?;
        let transport = self.ensure_transport(now, session)?;
        // The agent gathers anew from here on, and not before: the other side cannot place candidates whose ufrag no
        // description has named.
        if let Some(fresh) = self.fresh.take() {
            self.wants_restart = false;
            session.restart_ice(now, transport, fresh)?;
        }
        match description.kind {
            SdpType::Offer => {
                if self.role.is_none() && self.current_local.is_none() {
                    session.set_ice_role(now, transport, ortica_ice::Role::Controlling)?;
                }
                self.pending_local = Some(created);
            }
            SdpType::Answer => {
                let offer = self.pending_remote.take();
                if let Some(offer) = &offer {
                    if self.current_local.is_none() {
                        // A lite offerer only answers checks, so whoever is not lite decides (RFC 8445 §6.1.1).
                        let role = match offer.parsed.ice_lite {
                            true => ortica_ice::Role::Controlling,
                            false => ortica_ice::Role::Controlled,
                        };
                        session.set_ice_role(now, transport, role)?;
                    }
                    let setup = self.answer_setup(&offer.parsed);
                    self.apply(now, session, transport, &offer.parsed, setup)?;
                }
                self.current_remote = offer;
                self.current_local = Some(created);
                self.pending_local = None;
            }
        }
        self.created = None;
        self.state = next;
        let first = !std::mem::replace(&mut self.gathering, true);
        Ok(first.then_some(transport).into_iter().collect())
    }

    /// Applies a description of the other side.
    pub fn set_remote_description(
        &mut self,
        now: Instant,
        session: &mut Session,
        description: SessionDescription,
    ) -> Result<(), DescriptionError> {
        let next = self.state.after_remote(description.kind)?;
        let parsed = Remote::parse(&description.sdp)?;
        match description.kind {
            SdpType::Offer => {
                parsed.check()?;
                let transport = self.ensure_transport(now, session)?;
                self.fresh = self.is_restart(session, transport, &parsed).then(|| Credentials::generate(&mut self.rng));
                self.pending_remote = Some(Theirs { description, parsed });
                self.created = None;
            }
            SdpType::Answer => {
                let offer = self
                    .pending_local
                    .clone()
                    .ok_or(DescriptionError::InvalidState { call: "set a remote answer", state: self.state })?;
                parsed.check_answer(&offer.model)?;
                let setup = self.setup_from_answer(&parsed)?;
                let transport = self.ensure_transport(now, session)?;
                self.apply(now, session, transport, &parsed, setup)?;
                let mut model = offer.model;
                model.keep_accepted(&parsed);
                self.current_local = Some(Local { model, ..offer });
                self.pending_local = None;
                self.current_remote = Some(Theirs { description, parsed });
            }
        }
        self.state = next;
        Ok(())
    }

    /// The other side changed its ICE credentials, which asks for a restart (RFC 8839 §4.4.1.1.1).
    fn is_restart(&self, session: &Session, transport: TransportId, offer: &Remote) -> bool {
        let known = session.ice(transport).and_then(|agent| agent.remote_credentials());
        let offered = offer.sections.iter().find(|section| is_acceptable(section));
        match (known, offered.and_then(|section| section.credentials.as_ref())) {
            (Some(known), Some(offered)) => known.ufrag != offered.ufrag || known.pwd != offered.pwd,
            _ => false,
        }
    }

    /// Our role from what the other side answered.
    fn setup_from_answer(&self, answer: &Remote) -> Result<Setup, DescriptionError> {
        let Some((index, section)) = answer.sections.iter().enumerate().find(|(_, section)| is_acceptable(section))
        else {
            return Ok(Setup::Active);
        };
        let ours = match section.setup {
            Some(Setup::Active) => Setup::Passive,
            Some(Setup::Passive) => Setup::Active,
            Some(Setup::ActPass) | None => {
                return Err(DescriptionError::Section { index, problem: SectionProblem::Setup });
            }
        };
        match (self.role, ours) {
            (Some(Role::Client), Setup::Passive) | (Some(Role::Server), Setup::Active) => {
                Err(DescriptionError::Section { index, problem: SectionProblem::Setup })
            }
            _ => Ok(ours),
        }
    }

    /// Hands to the engine what both sides agreed on. `setup` is ours.
    fn apply(
        &mut self,
        now: Instant,
        session: &mut Session,
        transport: TransportId,
        remote: &Remote,
        setup: Setup,
    ) -> Result<(), DescriptionError> {
        let Some(section) = remote.sections.iter().find(|section| is_acceptable(section)) else { return Ok(()) };
        if let Some(credentials) = &section.credentials {
            session.set_remote_credentials(now, transport, credentials.clone(), remote.ice_lite)?;
        }
        for candidate in &section.candidates {
            // A candidate that cannot be used, of another transport protocol say, harms no other.
            if let Err(error) = session.add_remote_candidate(now, transport, candidate.clone()) {
                tracing::debug!(%error, "a candidate was not used");
            }
        }
        if section.end_of_candidates {
            session.end_of_remote_candidates(now, transport)?;
        }
        let role = if setup == Setup::Passive { Role::Server } else { Role::Client };
        self.role = Some(role);
        let parameters = DtlsParameters { role, fingerprints: section.fingerprints.clone() };
        session.start_dtls(now, transport, parameters)?;
        if let Some(data) = remote.sections.iter().find(|section| section.kind == Kind::Data && is_acceptable(section))
        {
            session.start_sctp(now, transport, SctpParameters { max_message_size: data.max_message_size })?;
        }
        Ok(())
    }

    // --- candidates -------------------------------------------------------------------------------------------------

    /// A local candidate as signaling carries it.
    pub fn local_candidate(
        &self,
        transport: TransportId,
        candidate: &Candidate,
        session: &Session,
    ) -> Option<IceCandidate> {
        let local = self.agreed()?;
        let (index, section) = local.model.leader()?;
        Some(IceCandidate {
            candidate: candidate.to_string(),
            sdp_mid: Some(section.mid.clone()),
            sdp_mline_index: u16::try_from(index).ok(),
            username_fragment: Some(session.ice(transport)?.local_credentials().ufrag.clone()),
        })
    }

    pub fn add_ice_candidate(
        &mut self,
        now: Instant,
        session: &mut Session,
        candidate: &IceCandidate,
    ) -> Result<(), IceCandidateError> {
        let pending = self.pending_remote.is_some();
        let theirs = self.pending_remote.as_mut().or(self.current_remote.as_mut());
        let theirs = theirs.ok_or(IceCandidateError::NoRemoteDescription)?;
        let section = theirs.parsed.section_of(candidate).ok_or(IceCandidateError::UnknownSection)?;
        if let Some(ufrag) = &candidate.username_fragment
            && section.credentials.as_ref().is_some_and(|credentials| credentials.ufrag != *ufrag)
        {
            return Err(IceCandidateError::UnknownUfrag(ufrag.clone()));
        }
        let parsed = match candidate.candidate.as_str() {
            "" => None,
            text => {
                let mut parsed = text.parse::<Candidate>()?;
                parsed.ufrag = parsed.ufrag.or_else(|| candidate.username_fragment.clone());
                Some(parsed)
            }
        };
        // Before the answer is set the candidates wait with the offer they belong to.
        if pending {
            match parsed {
                None => section.end_of_candidates = true,
                Some(parsed) if section.candidates.len() < MAX_WAITING => section.candidates.push(parsed),
                Some(_) => tracing::debug!("too many candidates before the answer"),
            }
            return Ok(());
        }
        let Some(transport) = self.transport else { return Err(IceCandidateError::NoRemoteDescription) };
        // This side restarted and the answer is awaited: what comes is of the generation that is being replaced.
        if session.ice(transport).is_some_and(|agent| agent.remote_credentials().is_none()) {
            return Ok(());
        }
        match parsed {
            None => session.end_of_remote_candidates(now, transport)?,
            Some(parsed) => session.add_remote_candidate(now, transport, parsed)?,
        }
        Ok(())
    }
}

/// Candidates that wait for the answer (JSEP-4).
const MAX_WAITING: usize = 256;

/// A section that this side can serve.
fn is_acceptable(section: &RemoteSection) -> bool {
    section.kind == Kind::Data && !section.rejected
}
