//! Applies descriptions: what both sides agreed on becomes commands to the engine.

use super::{Negotiation, Theirs, shared_init};
use crate::engine::{DtlsParameters, SctpParameters, Session, TransportId};
use crate::jsep::error::SectionProblem;
use crate::jsep::local::Setup;
use crate::jsep::remote::{Content, Remote};
use crate::jsep::{DescriptionError, SdpType, SessionDescription};
use ortica_core::Instant;
use ortica_dtls::Role;
use ortica_ice::Credentials;

impl Negotiation {
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
                self.name_transceivers(&created.model);
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
                    self.apply_media(now, session, transport, &created, &offer.parsed)?;
                }
                self.name_transceivers(&created.model);
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
                self.associate(session, transport, &parsed);
                self.pending_remote = Some(Theirs { description, parsed });
                self.created = None;
            }
            SdpType::Answer => {
                let mut offer = self
                    .pending_local
                    .clone()
                    .ok_or(DescriptionError::InvalidState { call: "set a remote answer", state: self.state })?;
                parsed.check_answer(&offer.model)?;
                let setup = self.setup_from_answer(&parsed)?;
                let transport = self.ensure_transport(now, session)?;
                self.apply(now, session, transport, &parsed, setup)?;
                offer.model.keep_accepted(&parsed);
                self.apply_media(now, session, transport, &offer, &parsed)?;
                self.current_local = Some(offer);
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
        let offered = offer.leader().and_then(|(_, section)| section.credentials.as_ref());
        match (known, offered) {
            (Some(known), Some(offered)) => known.ufrag != offered.ufrag || known.pwd != offered.pwd,
            _ => false,
        }
    }

    /// Our role from what the other side answered.
    fn setup_from_answer(&self, answer: &Remote) -> Result<Setup, DescriptionError> {
        let Some((index, section)) = answer.leader() else { return Ok(Setup::Active) };
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
        let Some((_, section)) = remote.leader() else { return Ok(()) };
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
        for section in remote.sections.iter().filter(|section| remote.serves(section)) {
            if let Content::Data { max_message_size, init } = &section.content {
                let init = shared_init(session, transport, init).map(|[_, theirs]| theirs);
                let parameters = SctpParameters { max_message_size: *max_message_size, init };
                session.start_sctp(now, transport, parameters)?;
            }
        }
        Ok(())
    }
}
