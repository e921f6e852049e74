//! A peer whose transport is steered object by object, without descriptions.

mod media;

use super::Peer;
use crate::engine::{self, ChannelId, SctpParameters, SctpState, TransportError, TransportId};
use crate::ortc::{DtlsParameters, IceCandidate, IceParameters, ObjectError, SctpCapabilities};
use media::Flow;
use ortica_core::Instant;
use ortica_dtls::Fingerprint;
use ortica_ice::Role;
use std::collections::VecDeque;

/// What such a peer knows beside its session.
#[derive(Debug)]
pub(super) struct ByHand {
    pub transport: TransportId,
    gathers: bool,
    /// The role that ICE was started in.
    role: Option<Role>,
    dtls_started: bool,
    sctp_started: bool,
    /// Channels of the other side that nobody took yet.
    incoming: VecDeque<ChannelId>,
    /// Senders and receivers, by their ids.
    flows: Vec<Flow>,
}

/// # Objects
impl Peer {
    /// Has its one transport steered by hand from now on: it negotiates nothing, and reports nothing but through its objects.
    ///
    /// # Errors
    /// [`TransportError::TooMany`].
    pub fn steer_by_hand(&mut self, now: Instant) -> Result<TransportId, TransportError> {
        if let Some(by_hand) = &self.by_hand {
            return Ok(by_hand.transport);
        }
        let transport = self.session.add_transport(now)?;
        self.by_hand = Some(ByHand {
            transport,
            gathers: false,
            role: None,
            dtls_started: false,
            sctp_started: false,
            incoming: VecDeque::new(),
            flows: Vec::new(),
        });
        Ok(transport)
    }

    /// `true` when its transport is steered by hand.
    pub fn is_by_hand(&self) -> bool {
        self.by_hand.is_some()
    }

    fn steered(&mut self) -> Result<&mut ByHand, ObjectError> {
        let ended = self.is_ended();
        let by_hand = self.by_hand.as_mut().ok_or(ObjectError::Negotiated)?;
        if ended { Err(ObjectError::Closed) } else { Ok(by_hand) }
    }

    /// Starts to gather on the sockets that were [named](Self::set_sockets).
    ///
    /// # Errors
    /// [`ObjectError::Started`] the second time, [`ObjectError::Negotiated`], [`ObjectError::Closed`].
    pub fn gather_by_hand(&mut self, now: Instant, id: TransportId) -> Result<(), ObjectError> {
        if std::mem::replace(&mut self.steered()?.gathers, true) {
            return Err(ObjectError::Started);
        }
        self.gather(now, id);
        Ok(())
    }

    /// Gathers anew with other local parameters, which restarts ICE together with the other side's answer to them: see
    /// [`start_ice`](Self::start_ice). What is in use carries on until the new candidates have found a pair.
    ///
    /// # Errors
    /// [`ObjectError::NotGathering`], [`ObjectError::Negotiated`], [`ObjectError::Closed`].
    pub fn restart_gathering(&mut self, now: Instant, id: TransportId) -> Result<(), ObjectError> {
        if !self.steered()?.gathers {
            return Err(ObjectError::NotGathering);
        }
        self.renew_ice(now, id)
    }

    fn renew_ice(&mut self, now: Instant, id: TransportId) -> Result<(), ObjectError> {
        let credentials = self.negotiation.draw_credentials();
        Ok(self.session.restart_ice(now, id, credentials)?)
    }

    /// Starts ICE towards the other side: checks go out as soon as there are candidates of both. One side has to control, and
    /// the other one not.
    ///
    /// Other parameters than before say that the other side restarts. Where this side has not
    /// [done so](Self::restart_gathering) yet it does, and has other local parameters then, to be told. Candidates of the other
    /// side that were known are forgotten.
    ///
    /// # Errors
    /// [`ObjectError::Started`] for another role than before, [`ObjectError::Transport`] for malformed parameters,
    /// [`ObjectError::Negotiated`], [`ObjectError::Closed`].
    ///
    /// Source: [RFC 8445 §9](https://www.rfc-editor.org/rfc/rfc8445#section-9)
    pub fn start_ice(
        &mut self,
        now: Instant,
        id: TransportId,
        remote: &IceParameters,
        role: Role,
    ) -> Result<(), ObjectError> {
        // A lite peer only answers checks, so whoever is not lite decides (RFC 8445 §6.1.1).
        let role = if remote.ice_lite { Role::Controlling } else { role };
        if self.steered()?.role.is_some_and(|started| started != role) {
            return Err(ObjectError::Started);
        }
        let credentials = remote.credentials();
        credentials.validate().map_err(TransportError::from)?;
        let known = self.session.ice(id).and_then(|agent| agent.remote_credentials());
        if known.is_some_and(|known| *known != credentials) {
            self.renew_ice(now, id)?;
        }
        self.session.set_ice_role(now, id, role)?;
        self.session.set_remote_credentials(now, id, credentials, remote.ice_lite)?;
        self.steered()?.role = Some(role);
        Ok(())
    }

    /// Takes a candidate of the other side, before or after the start; `None` ends them.
    ///
    /// # Errors
    /// [`ObjectError::Candidate`] or [`ObjectError::Transport`] for one that cannot be used, [`ObjectError::Negotiated`],
    /// [`ObjectError::Closed`].
    pub fn add_remote_candidate(
        &mut self,
        now: Instant,
        id: TransportId,
        candidate: Option<&IceCandidate>,
    ) -> Result<(), ObjectError> {
        self.steered()?;
        match candidate {
            None => self.session.end_of_remote_candidates(now, id)?,
            Some(candidate) => self.session.add_remote_candidate(now, id, candidate.to_candidate()?)?,
        }
        Ok(())
    }

    /// Starts DTLS towards the other side, after ICE, whose role settles this one's where the other side leaves it open.
    ///
    /// # Errors
    /// [`ObjectError::IceNotStarted`], [`ObjectError::NoFingerprint`], [`ObjectError::Fingerprint`], [`ObjectError::Started`],
    /// [`ObjectError::Negotiated`], [`ObjectError::Closed`].
    pub fn start_dtls(&mut self, now: Instant, id: TransportId, remote: &DtlsParameters) -> Result<(), ObjectError> {
        let by_hand = self.steered()?;
        if by_hand.dtls_started {
            return Err(ObjectError::Started);
        }
        let ice = by_hand.role.ok_or(ObjectError::IceNotStarted)?;
        if self.dtls_state(id) == engine::DtlsState::Closed {
            return Err(ObjectError::Closed);
        }
        let fingerprints = remote.fingerprints.iter().map(Fingerprint::try_from).collect::<Result<Vec<_>, _>>()?;
        if fingerprints.is_empty() {
            return Err(ObjectError::NoFingerprint);
        }
        let role = remote.role.answered(ice);
        self.session.start_dtls(now, id, engine::DtlsParameters { role, fingerprints })?;
        self.steered()?.dtls_started = true;
        Ok(())
    }

    /// Ends DTLS for good, with a goodbye and all that runs over it. ICE goes on. Where everything is closed nothing is left
    /// to do.
    ///
    /// # Errors
    /// [`ObjectError::Negotiated`].
    pub fn stop_dtls(&mut self, now: Instant, id: TransportId) -> Result<(), ObjectError> {
        match self.steered() {
            Err(ObjectError::Closed) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(self.session.stop_dtls(now, id)?),
        }
    }

    /// Starts SCTP as soon as DTLS is connected.
    ///
    /// # Errors
    /// [`ObjectError::Started`], [`ObjectError::Negotiated`], [`ObjectError::Closed`].
    pub fn start_sctp(&mut self, now: Instant, remote: SctpCapabilities) -> Result<(), ObjectError> {
        let by_hand = self.steered()?;
        let id = by_hand.transport;
        if by_hand.sctp_started {
            return Err(ObjectError::Started);
        }
        if self.sctp_state() == SctpState::Closed || self.dtls_state(id) == engine::DtlsState::Closed {
            return Err(ObjectError::Closed);
        }
        let max_message_size = Some(remote.max_message_size);
        let parameters = SctpParameters { max_message_size, ..SctpParameters::default() };
        self.session.start_sctp(now, id, parameters)?;
        self.steered()?.sctp_started = true;
        Ok(())
    }

    /// Ends data channels for good; what is queued is dropped. DTLS goes on.
    ///
    /// # Errors
    /// [`ObjectError::Negotiated`].
    pub fn stop_sctp(&mut self, now: Instant) -> Result<(), ObjectError> {
        match self.steered().map(|by_hand| by_hand.transport) {
            Err(ObjectError::Closed) => Ok(()),
            Err(error) => Err(error),
            Ok(id) => Ok(self.session.stop_sctp(now, id)?),
        }
    }

    /// The fingerprints of the certificates that this side may show.
    pub fn fingerprints(&self) -> &[Fingerprint] {
        self.negotiation.fingerprints()
    }

    /// A channel of the other side was made; those that are forgotten meanwhile wait for nobody.
    pub(super) fn on_incoming_channel(&mut self, id: ChannelId) {
        let Self { by_hand: Some(by_hand), session, .. } = self else { return };
        by_hand.incoming.retain(|id| session.channel_parameters(*id).is_some());
        by_hand.incoming.push_back(id);
    }

    /// The next channel of the other side; that none follows when everything is closed, or events tell of them.
    pub fn accept_channel(&mut self) -> Option<Option<ChannelId>> {
        let over = self.sctp_state() == SctpState::Closed;
        let Some(by_hand) = &mut self.by_hand else { return Some(None) };
        let next = by_hand.incoming.pop_front();
        next.map(Some).or(over.then_some(None))
    }
}
