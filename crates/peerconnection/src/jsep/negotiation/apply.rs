//! Applies descriptions: what both sides agreed on becomes commands to the engine.

use super::{MadeLocal, Negotiation, Theirs, shared_init};
use crate::engine::{DtlsParameters, SctpParameters, Session, TransportId};
use crate::jsep::error::SectionProblem;
use crate::jsep::local::{Local, Setup};
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
        description: &SessionDescription,
    ) -> Result<Vec<TransportId>, DescriptionError> {
        let next = self.state.after_local(description.kind)?;
        if description.kind == SdpType::Rollback {
            self.roll_back(now, session);
            return Ok(Vec::new());
        }
        let created = self.made(description)?;
        let transport = self.ensure_transport(now, session)?;
        self.begin_exchange();
        self.renew_credentials(now, session, transport, &created.model)?;
        match description.kind {
            SdpType::Offer => self.set_local_offer(now, session, transport, created)?,
            _ => self.set_local_answer(now, session, transport, created)?,
        }
        self.state = next;
        let first = !std::mem::replace(&mut self.gathering, true);
        Ok(first.then_some(transport).into_iter().collect())
    }

    /// What was made under that text; an answer may be set for the time being first.
    fn made(&self, description: &SessionDescription) -> Result<MadeLocal, DescriptionError> {
        let last = if description.kind == SdpType::Offer { &self.last_offer } else { &self.last_answer };
        let made = last.as_ref().filter(|made| made.text == description.sdp);
        let made = made.ok_or(DescriptionError::Modified(description.kind))?;
        Ok(MadeLocal { kind: description.kind, ..made.clone() })
    }

    /// The agent gathers anew from here on, and not before: the other side cannot place candidates whose ufrag no
    /// description has named.
    fn renew_credentials(
        &mut self,
        now: Instant,
        session: &mut Session,
        transport: TransportId,
        model: &Local,
    ) -> Result<(), DescriptionError> {
        let Some(credentials) = &model.credentials else { return Ok(()) };
        if session.ice(transport).is_some_and(|agent| agent.local_credentials() != credentials) {
            session.restart_ice(now, transport, credentials.clone())?;
            self.note_restart();
        }
        Ok(())
    }

    fn set_local_offer(
        &mut self,
        now: Instant,
        session: &mut Session,
        transport: TransportId,
        created: MadeLocal,
    ) -> Result<(), DescriptionError> {
        if self.role.is_none() && self.current_local.is_none() {
            session.set_ice_role(now, transport, ortica_ice::Role::Controlling)?;
        }
        self.fresh_offer = None;
        self.give_numbers(&created.model);
        self.name_transceivers(&created.model);
        self.pending_local = Some(created);
        Ok(())
    }

    fn set_local_answer(
        &mut self,
        now: Instant,
        session: &mut Session,
        transport: TransportId,
        created: MadeLocal,
    ) -> Result<(), DescriptionError> {
        let refused = DescriptionError::InvalidState { call: "set a local answer", state: self.state };
        let offer = self.pending_remote.clone().ok_or(refused)?;
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
        self.apply_media(now, session, transport, &created, &offer.parsed, created.kind)?;
        self.name_transceivers(&created.model);
        match created.kind {
            SdpType::Answer => self.agree(created, offer),
            _ => self.pending_local = Some(created),
        }
        Ok(())
    }

    /// Applies a description of the other side.
    pub fn set_remote_description(
        &mut self,
        now: Instant,
        session: &mut Session,
        description: SessionDescription,
    ) -> Result<(), DescriptionError> {
        let next = self.state.after_remote(description.kind)?;
        if description.kind == SdpType::Rollback {
            self.roll_back(now, session);
            return Ok(());
        }
        let theirs = Theirs::read(description)?;
        match theirs.description.kind {
            SdpType::Offer => self.set_remote_offer(now, session, theirs)?,
            _ => self.set_remote_answer(now, session, theirs)?,
        }
        self.state = next;
        Ok(())
    }

    fn set_remote_offer(&mut self, now: Instant, session: &mut Session, offer: Theirs) -> Result<(), DescriptionError> {
        offer.parsed.check()?;
        let transport = self.ensure_transport(now, session)?;
        self.begin_exchange();
        let restarts = self.is_restart(session, transport, &offer.parsed);
        self.fresh_answer = restarts.then(|| Credentials::generate(&mut self.rng));
        self.associate(session, &offer.parsed);
        self.pending_remote = Some(offer);
        Ok(())
    }

    fn set_remote_answer(
        &mut self,
        now: Instant,
        session: &mut Session,
        answer: Theirs,
    ) -> Result<(), DescriptionError> {
        let refused = DescriptionError::InvalidState { call: "set a remote answer", state: self.state };
        let mut offer = self.pending_local.clone().ok_or(refused)?;
        let kind = answer.description.kind;
        answer.parsed.check_answer(&offer.model)?;
        let transport = self.ensure_transport(now, session)?;
        let setup = self.setup_from_answer(&answer.parsed, offer.model.credentials.as_ref())?;
        self.apply(now, session, transport, &answer.parsed, setup)?;
        if kind == SdpType::Answer {
            offer.model.keep_accepted(&answer.parsed);
        }
        self.apply_media(now, session, transport, &offer, &answer.parsed, kind)?;
        match kind {
            SdpType::Answer => self.agree(offer, answer),
            _ => self.pending_remote = Some(answer),
        }
        Ok(())
    }

    /// Both descriptions are in force; what was made before them no longer fits.
    fn agree(&mut self, local: MadeLocal, remote: Theirs) {
        (self.current_local, self.pending_local) = (Some(local), None);
        (self.current_remote, self.pending_remote) = (Some(remote), None);
        (self.last_offer, self.last_answer) = (None, None);
        self.fresh_answer = None;
        self.before = None;
        self.forget_stopped();
    }

    /// The other side changed its ICE credentials, which asks for a restart (RFC 8839 §4.4.1.1.1).
    fn is_restart(&self, session: &Session, transport: TransportId, theirs: &Remote) -> bool {
        let known = session.ice(transport).and_then(|agent| agent.remote_credentials());
        let said = theirs.leader().and_then(|(_, section)| section.credentials.as_ref());
        match (known, said) {
            (Some(known), Some(said)) => known.ufrag != said.ufrag || known.pwd != said.pwd,
            _ => false,
        }
    }

    /// Our role from what the other side answered. Firefox answers a restart of ICE by `active` whatever role it has, and keeps
    /// the association; so does this side.
    fn setup_from_answer(&self, answer: &Remote, offered: Option<&Credentials>) -> Result<Setup, DescriptionError> {
        let Some((index, section)) = answer.leader() else { return Ok(Setup::Active) };
        let ours = match section.setup {
            Some(Setup::Active) => Setup::Passive,
            Some(Setup::Passive) => Setup::Active,
            Some(Setup::ActPass) | None => {
                return Err(DescriptionError::Section { index, problem: SectionProblem::Setup });
            }
        };
        let established = match self.role {
            Some(Role::Client) => Setup::Active,
            Some(Role::Server) => Setup::Passive,
            None => ours,
        };
        let agreed = self.current_local.as_ref().and_then(|local| local.model.credentials.as_ref());
        if established != ours && agreed == offered {
            return Err(DescriptionError::Section { index, problem: SectionProblem::Setup });
        }
        Ok(established)
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
