//! Applies descriptions: what both sides agreed on becomes commands to the engine.

use super::transports::distinct;
use super::{MadeLocal, Negotiation, Theirs, shared_init};
use crate::engine::{DtlsParameters, SctpParameters, Session, TransportId};
use crate::jsep::error::SectionProblem;
use crate::jsep::local::{Local, Setup};
use crate::jsep::remote::{Content, Remote, RemoteSection};
use crate::jsep::{DescriptionError, SdpType, SessionDescription};
use ortica_core::Instant;
use ortica_dtls::Role;
use ortica_ice::{Credentials, CredentialsError};

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
        self.begin_exchange();
        self.set_ice_roles(now, session, &created)?;
        self.renew_credentials(now, session, &created.model)?;
        let gather = self.start_gathering(&created.model);
        match description.kind {
            SdpType::Offer => self.set_local_offer(session, created),
            _ => self.set_local_answer(now, session, created)?,
        }
        self.state = next;
        Ok(gather)
    }

    /// What was made under that text; an answer may be set for the time being first.
    fn made(&self, description: &SessionDescription) -> Result<MadeLocal, DescriptionError> {
        let last = if description.kind == SdpType::Offer { &self.last_offer } else { &self.last_answer };
        let draft = last.as_ref().filter(|draft| draft.text == description.sdp);
        let draft = draft.ok_or(DescriptionError::Modified(description.kind))?;
        Ok(MadeLocal { kind: description.kind, ..draft.made.clone() })
    }

    /// Who made the first offer decides on the pairs of all transports.
    fn set_ice_roles(
        &mut self,
        now: Instant,
        session: &mut Session,
        created: &MadeLocal,
    ) -> Result<(), DescriptionError> {
        if self.current_local.is_none() {
            // A lite offerer only answers checks, so whoever is not lite decides (RFC 8445 §6.1.1).
            let lite = self.pending_remote.as_ref().is_some_and(|offer| offer.parsed.ice_lite);
            self.ice_role = Some(match created.kind == SdpType::Offer || lite {
                true => ortica_ice::Role::Controlling,
                false => ortica_ice::Role::Controlled,
            });
        }
        let Some(role) = self.ice_role else { return Ok(()) };
        for id in created.model.transports() {
            if self.current_local.is_none() || self.transports.get(id).is_some_and(|known| !known.gathers) {
                session.set_ice_role(now, id, role)?;
            }
        }
        Ok(())
    }

    /// The agents gather anew from here on, and not before: the other side cannot place candidates whose ufrag no
    /// description has named.
    fn renew_credentials(
        &mut self,
        now: Instant,
        session: &mut Session,
        model: &Local,
    ) -> Result<(), DescriptionError> {
        for (id, credentials) in &model.credentials {
            if session.ice(*id).is_some_and(|agent| agent.local_credentials() != credentials) {
                session.restart_ice(now, *id, credentials.clone())?;
                self.note_restart(*id);
            }
        }
        Ok(())
    }

    fn set_local_offer(&mut self, session: &mut Session, created: MadeLocal) {
        self.transports.iter_mut().for_each(|known| known.fresh_offer = None);
        self.give_numbers(&created.model);
        self.name_transceivers(&created.model);
        self.receive_early(session, &created.model);
        self.pending_local = Some(created);
    }

    fn set_local_answer(
        &mut self,
        now: Instant,
        session: &mut Session,
        created: MadeLocal,
    ) -> Result<(), DescriptionError> {
        let refused = DescriptionError::InvalidState { call: "set a local answer", state: self.state };
        let offer = self.pending_remote.clone().ok_or(refused)?;
        let groups = Groups::of_answer(&created.model, &offer.parsed);
        self.apply(now, session, &created.model, &offer.parsed, &groups)?;
        self.apply_media(now, session, &created, &offer.parsed, created.kind)?;
        self.name_transceivers(&created.model);
        match created.kind {
            SdpType::Answer => self.agree(session, created, offer),
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
            SdpType::Offer => self.set_remote_offer(session, theirs)?,
            _ => self.set_remote_answer(now, session, theirs)?,
        }
        self.state = next;
        Ok(())
    }

    fn set_remote_offer(&mut self, session: &mut Session, offer: Theirs) -> Result<(), DescriptionError> {
        offer.parsed.check()?;
        self.check_extension_ids(&offer.parsed)?;
        self.check_header_encryption(&offer.parsed)?;
        self.check_fingerprints(session, &offer.parsed)?;
        self.begin_exchange();
        self.transports.iter_mut().for_each(|known| known.fresh_answer = None);
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
        let offer = self.pending_local.clone().ok_or(refused)?;
        let kind = answer.description.kind;
        answer.parsed.check_answer(&offer.model)?;
        self.check_extension_ids(&answer.parsed)?;
        self.check_header_encryption(&answer.parsed)?;
        let leaders = answer.parsed.offered_leaders();
        let agreed = offer.answered(&answer.parsed, &leaders);
        let groups = self.groups_of(session, &agreed.model, &answer.parsed, leaders)?;
        self.apply(now, session, &agreed.model, &answer.parsed, &groups)?;
        self.apply_media(now, session, &agreed, &answer.parsed, kind)?;
        match kind {
            SdpType::Answer => self.agree(session, agreed, answer),
            _ => self.pending_remote = Some(answer),
        }
        Ok(())
    }

    /// Both descriptions are in force; what was made before them no longer fits.
    fn agree(&mut self, session: &mut Session, local: MadeLocal, remote: Theirs) {
        (self.current_local, self.pending_local) = (Some(local), None);
        (self.current_remote, self.pending_remote) = (Some(remote), None);
        (self.last_offer, self.last_answer) = (None, None);
        self.transports.iter_mut().for_each(|known| known.fresh_answer = None);
        self.before = None;
        self.forget_stopped(session);
        self.drop_transports(session);
    }

    /// What an answer of the other side says of each transport, if it fits what is in force there.
    fn groups_of(
        &self,
        session: &Session,
        ours: &Local,
        answer: &Remote,
        leaders: Vec<Option<usize>>,
    ) -> Result<Groups, DescriptionError> {
        let mut groups = Groups { leaders, transports: Vec::new() };
        for index in distinct(&groups.leaders) {
            let (Some(section), Some(transport)) = (answer.sections.get(index), transport_at(ours, index)) else {
                continue;
            };
            let setup = self.check_transport(session, transport, section, ours.credentials_of(transport));
            let setup = setup.map_err(|problem| DescriptionError::Section { index, problem })?;
            groups.transports.push(Group { leader: index, transport, setup });
        }
        Ok(groups)
    }

    /// Our role, from what the other side answered. Firefox answers a restart of ICE by `active` whatever role it has, and keeps
    /// the association; so does this side.
    fn check_transport(
        &self,
        session: &Session,
        transport: TransportId,
        section: &RemoteSection,
        offered: Option<&Credentials>,
    ) -> Result<Setup, SectionProblem> {
        let ours = match section.setup {
            Some(Setup::Active) => Setup::Passive,
            Some(Setup::Passive) => Setup::Active,
            Some(Setup::ActPass) | None => return Err(SectionProblem::Setup),
        };
        let established = match self.established_role(transport, section) {
            Some(Role::Client) => Setup::Active,
            Some(Role::Server) => Setup::Passive,
            None => ours,
        };
        let agreed = self.current_local.as_ref().and_then(|local| local.model.credentials_of(transport));
        if established != ours && agreed == offered {
            return Err(SectionProblem::Setup);
        }
        // Without a restart of ours the other side keeps its credentials, and its certificate.
        let known = session.ice(transport).and_then(|agent| agent.remote_credentials());
        if known.is_some() && known != section.credentials.as_ref() {
            return Err(SectionProblem::Credentials(CredentialsError::Changed));
        }
        self.check_fingerprint(session, transport, section)?;
        Ok(established)
    }

    /// The certificate of the other side stays the same for the life of a DTLS association (RFC 9429 §5.11).
    fn check_fingerprint(
        &self,
        session: &Session,
        transport: TransportId,
        section: &RemoteSection,
    ) -> Result<(), SectionProblem> {
        let agent = session.ice(transport).and_then(|agent| agent.remote_credentials());
        let restarts = agent.is_none() || agent != section.credentials.as_ref();
        let same = !self.is_another_peer(transport, section);
        if same || restarts { Ok(()) } else { Err(SectionProblem::FingerprintChanged) }
    }

    /// The certificate is not that of the DTLS association there is, or the association has another name (SDP-7).
    fn is_another_peer(&self, transport: TransportId, section: &RemoteSection) -> bool {
        let Some(known) = self.transports.get(transport) else { return false };
        let renamed = known.tls_id.as_ref().zip(section.tls_id.as_ref()).is_some_and(|(before, now)| before != now);
        let known = &known.fingerprints;
        renamed || !known.is_empty() && !section.fingerprints.iter().any(|fingerprint| known.contains(fingerprint))
    }

    /// The DTLS role on a transport, as long as its association lasts (SDP-7).
    pub(super) fn established_role(&self, transport: TransportId, section: &RemoteSection) -> Option<Role> {
        let role = self.transports.get(transport)?.role;
        role.filter(|_| !self.is_another_peer(transport, section))
    }

    fn check_fingerprints(&self, session: &Session, offer: &Remote) -> Result<(), DescriptionError> {
        let leaders = offer.offered_leaders();
        for index in distinct(&leaders) {
            let (Some(section), Some(transport)) = (offer.sections.get(index), self.offered_transport(index, offer))
            else {
                continue;
            };
            let checked = self.check_fingerprint(session, transport, section);
            checked.map_err(|problem| DescriptionError::Section { index, problem })?;
        }
        Ok(())
    }

    /// Hands to the engine what both sides agreed on, transport by transport.
    fn apply(
        &mut self,
        now: Instant,
        session: &mut Session,
        ours: &Local,
        theirs: &Remote,
        groups: &Groups,
    ) -> Result<(), DescriptionError> {
        for group in &groups.transports {
            self.apply_transport(now, session, theirs, groups, group)?;
        }
        for (section, ours) in theirs.sections.iter().zip(&ours.sections) {
            if let (Content::Data { port, max_message_size, init }, Some(transport)) =
                (&section.content, ours.named_transport())
            {
                let init = shared_init(session, transport, init).map(|[_, theirs]| theirs);
                let parameters = SctpParameters { port: *port, max_message_size: *max_message_size, init };
                session.start_sctp(now, transport, parameters)?;
            }
        }
        self.transports.set_in_force(&ours.sections);
        Ok(())
    }

    fn apply_transport(
        &mut self,
        now: Instant,
        session: &mut Session,
        theirs: &Remote,
        groups: &Groups,
        group: &Group,
    ) -> Result<(), DescriptionError> {
        let Group { leader, transport, setup } = *group;
        let Some(section) = theirs.sections.get(leader) else { return Ok(()) };
        if let Some(credentials) = &section.credentials {
            session.set_remote_credentials(now, transport, credentials.clone(), theirs.ice_lite)?;
            session.set_remote_renomination(now, transport, theirs.ice.renomination)?;
        }
        for candidate in theirs.of_transport(&groups.leaders, leader).flat_map(|section| &section.candidates) {
            // A candidate that cannot be used, of another transport protocol say, harms no other.
            if let Err(error) = session.add_remote_candidate(now, transport, candidate.clone()) {
                tracing::debug!(%error, "a candidate was not used");
            }
        }
        if theirs.of_transport(&groups.leaders, leader).any(|section| section.end_of_candidates) {
            session.end_of_remote_candidates(now, transport)?;
        }
        let role = if setup == Setup::Passive { Role::Server } else { Role::Client };
        let another = self.is_another_peer(transport, section);
        if let Some(known) = self.transports.get_mut(transport) {
            known.role = Some(role);
            known.fingerprints.clone_from(&section.fingerprints);
            known.tls_id.clone_from(&section.tls_id);
        }
        let parameters = DtlsParameters { role, fingerprints: section.fingerprints.clone() };
        match another {
            true => session.restart_dtls(now, transport, parameters)?,
            false => session.start_dtls(now, transport, parameters)?,
        }
        Ok(())
    }
}

/// Which sections of the two descriptions lead others, and on which transports.
struct Groups {
    leaders: Vec<Option<usize>>,
    transports: Vec<Group>,
}

#[derive(Clone, Copy)]
struct Group {
    leader: usize,
    transport: TransportId,
    /// Ours.
    setup: Setup,
}

impl Groups {
    /// Those that an answer of this side was made with.
    fn of_answer(ours: &Local, offer: &Remote) -> Self {
        let leaders = offer.leaders(|index, _| transport_at(ours, index).is_some());
        let of = |leader: usize| {
            let section = ours.sections.get(leader)?;
            Some(Group { leader, transport: section.named_transport()?, setup: section.setup })
        };
        let transports = distinct(&leaders).filter_map(of).collect();
        Self { leaders, transports }
    }
}

fn transport_at(description: &Local, index: usize) -> Option<TransportId> {
    description.sections.get(index)?.named_transport()
}
