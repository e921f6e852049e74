//! The transports of a session, and what they are told.

use super::{Session, TransportError};
use crate::engine::transport::{DtlsParameters, SctpParameters, Transport};
use crate::engine::{Config, DtlsState, Event, TransportId};
use ortica_core::{Bitrate, Instant, SocketId};
use ortica_ice::{Candidate, Credentials, ResolveId};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// # Transports
impl Session {
    /// Makes a transport, which gathers on the sockets it is told of.
    ///
    /// # Errors
    /// [`TransportError::TooMany`].
    pub fn add_transport(&mut self, now: Instant) -> Result<TransportId, TransportError> {
        self.gathering.take().map_or_else(|| self.make_new_transport(now), Ok)
    }

    pub(super) fn make_new_transport(&mut self, now: Instant) -> Result<TransportId, TransportError> {
        if self.transports.len() >= self.config.limits.transports {
            return Err(TransportError::TooMany);
        }
        let id = TransportId(self.next_transport);
        self.next_transport += 1;
        self.transports.insert(id, Box::new(self.make_transport(now, id)));
        Ok(id)
    }

    /// Makes a transport anew, as it was when it was added, with the same credentials: for an offer that was taken back.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn reset_transport(&mut self, now: Instant, id: TransportId) -> Result<(), TransportError> {
        let mut fresh = self.make_transport(now, id);
        self.gathering.forget(id);
        self.events.retain(|event| event.transport() != Some(id));
        let transport = self.transports.get_mut(&id).ok_or(TransportError::Unknown(id))?;
        fresh.keep_stats_of(transport);
        let before = std::mem::replace(&mut **transport, fresh);
        self.give_back(id, before.ice);
        Ok(())
    }

    fn make_transport(&self, now: Instant, id: TransportId) -> Transport {
        let rng = |id: TransportId| self.rng.fork(&format!("transport {id}"));
        // One association at most, wherever it runs.
        let mut transport = Transport::new(id, &self.config, &self.cname, rng(id), rng(TransportId(0)), now);
        self.gathering.prepare(&mut transport);
        transport
    }

    /// Drops a transport without a word to the peer, and gives back what servers lent it: for one that bundling made superfluous, or whose sections were rejected.
    /// Data channels that ran on it are closed.
    pub fn remove_transport(&mut self, id: TransportId) {
        self.gathering.forget(id);
        self.events.retain(|event| event.transport() != Some(id));
        let mut removed = self.transports.remove(&id);
        if self.sctp == Some(id) {
            self.sctp = None;
            let association = removed.as_mut().and_then(|transport| transport.association());
            self.channels.on_closed(association, &mut self.events);
        }
        self.senders.retain(|_, transport| *transport != id);
        self.receivers.retain(|_, transport| *transport != id);
        if let Some(removed) = removed {
            self.give_back(id, removed.ice);
        }
    }

    /// The transports there are, oldest first, without those of the pool.
    pub fn transports(&self) -> impl Iterator<Item = TransportId> + '_ {
        self.transports.keys().copied().filter(|id| !self.gathering.is_pooled(*id))
    }

    /// The ICE agent of a transport, to look at.
    pub fn ice(&self, id: TransportId) -> Option<&ortica_ice::Agent> {
        self.transports.get(&id).map(|transport| &transport.ice)
    }

    /// State of DTLS on a transport.
    pub fn dtls_state(&self, id: TransportId) -> Option<DtlsState> {
        self.transports.get(&id).map(|transport| transport.dtls_state())
    }

    /// The proof that the peer is who it says, once DTLS is connected.
    pub fn verified(&self, id: TransportId) -> Option<&ortica_dtls::Verified> {
        self.transports.get(&id)?.secured.as_ref().map(|secured| secured.verified())
    }

    /// Tells a transport of a socket that the driver bound to `address`.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn add_socket(
        &mut self,
        now: Instant,
        id: TransportId,
        socket: SocketId,
        address: SocketAddr,
    ) -> Result<(), TransportError> {
        self.observe(|observer| observer.add_socket(socket, address));
        self.command(now, id, |transport, _, _| {
            transport.ice.add_socket(now, socket, address);
            Ok(())
        })
    }

    /// Tells all transports that a socket is gone.
    pub fn remove_socket(&mut self, now: Instant, socket: SocketId) {
        for id in self.transports.keys().copied().collect::<Vec<_>>() {
            let _ = self.command(now, id, |transport, _, _| {
                transport.ice.remove_socket(now, socket);
                Ok(())
            });
        }
    }

    /// Tells a transport that no socket follows.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn end_of_sockets(&mut self, now: Instant, id: TransportId) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.end_of_sockets(now);
            Ok(())
        })?;
        for event in self.gathering.release(id).into_iter().rev() {
            self.events.push_front(event);
        }
        Ok(())
    }

    /// Sets who decides on the pair (RFC 8445 §6.1.1).
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn set_ice_role(
        &mut self,
        now: Instant,
        id: TransportId,
        role: ortica_ice::Role,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.set_role(now, role);
            Ok(())
        })
    }

    /// Tells a transport the peer's ICE credentials; `lite` when the peer only answers checks.
    ///
    /// # Errors
    /// [`TransportError::Unknown`], [`TransportError::Credentials`].
    pub fn set_remote_credentials(
        &mut self,
        now: Instant,
        id: TransportId,
        credentials: Credentials,
        lite: bool,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| Ok(transport.ice.set_remote_credentials(now, credentials, lite)?))
    }

    /// Tells a transport whether the peer follows nominations of ICE after the first one, once its credentials are told.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn set_remote_renomination(
        &mut self,
        now: Instant,
        id: TransportId,
        follows: bool,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.set_remote_renomination(now, follows);
            Ok(())
        })
    }

    /// Tells a transport of a candidate of the peer.
    ///
    /// # Errors
    /// [`TransportError::Unknown`], [`TransportError::Candidate`].
    pub fn add_remote_candidate(
        &mut self,
        now: Instant,
        id: TransportId,
        candidate: Candidate,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| Ok(transport.ice.add_remote_candidate(now, candidate)?))
    }

    /// Tells a transport that the peer has no further candidates.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn end_of_remote_candidates(&mut self, now: Instant, id: TransportId) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.end_of_remote_candidates(now);
            Ok(())
        })
    }

    /// Answers [`Event::Resolve`].
    pub fn resolved(&mut self, now: Instant, id: TransportId, question: ResolveId, address: Option<IpAddr>) {
        let _ = self.command(now, id, |transport, _, _| {
            transport.ice.resolved(now, question, address);
            Ok(())
        });
    }

    /// Starts ICE anew with these local credentials, and gathers again; the old pair carries on until the new one is
    /// selected.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn restart_ice(
        &mut self,
        now: Instant,
        id: TransportId,
        credentials: Credentials,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.restart_with(now, credentials);
            Ok(())
        })
    }

    /// Takes the last restart of ICE back, when the offer that carried it was rolled back.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn rollback_ice_restart(&mut self, now: Instant, id: TransportId) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.rollback_restart(now);
            Ok(())
        })
    }

    /// Starts DTLS with what is known of the peer; a second start changes nothing.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn start_dtls(
        &mut self,
        now: Instant,
        id: TransportId,
        parameters: DtlsParameters,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, config, events| {
            transport.start_dtls(now, config, parameters, events);
            Ok(())
        })
    }

    /// Starts DTLS anew, with a peer that has another certificate: the association that was, and data channels on it, end without a
    /// word. Streams of media go on under new keys. ICE is to be restarted first; what it had before is forgotten.
    ///
    /// Source: [RFC 9429 §5.11](https://www.rfc-editor.org/rfc/rfc9429#section-5.11)
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn restart_dtls(
        &mut self,
        now: Instant,
        id: TransportId,
        parameters: DtlsParameters,
    ) -> Result<(), TransportError> {
        let transport = self.transports.get_mut(&id).ok_or(TransportError::Unknown(id))?;
        transport.drop_dtls(now, &mut self.channels, &mut self.events);
        self.start_dtls(now, id, parameters)
    }

    /// The INIT chunk of this side's association on a transport, to be signalled as `a=sctp-init`: always the same one. `None`
    /// where [`Config::with_signalled_sctp`] says so, and when SCTP was started by a handshake.
    pub fn sctp_init(&self, id: TransportId) -> Option<Vec<u8>> {
        self.transports.get(&id)?.sctp_init(&self.config)
    }

    /// Runs data channels on a transport, as soon as its DTLS is connected. A second start changes nothing but the longest
    /// message, and on another transport the association goes on there.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn start_sctp(
        &mut self,
        now: Instant,
        id: TransportId,
        parameters: SctpParameters,
    ) -> Result<(), TransportError> {
        if !self.transports.contains_key(&id) {
            return Err(TransportError::Unknown(id));
        }
        self.channels.set_max_message_size(parameters.max_message_size);
        self.move_sctp(id);
        self.command(now, id, |transport, config, _| {
            transport.start_sctp(now, config, parameters);
            Ok(())
        })?;
        self.sctp = Some(id);
        Ok(())
    }

    fn move_sctp(&mut self, to: TransportId) {
        let from = self.sctp.filter(|from| *from != to).and_then(|from| self.transports.get_mut(&from));
        let Some((parameters, association)) = from.and_then(|from| from.take_sctp()) else { return };
        if let Some(transport) = self.transports.get_mut(&to) {
            transport.put_sctp(parameters, association);
        }
    }

    /// Bounds the rate of data on a transport, or takes the bound away, at any time: for whoever knows what the path carries and
    /// what else is to have of it. Default: `None`. What it counts: see
    /// [`Association::set_rate_ceiling`](ortica_sctp::Association::set_rate_ceiling). Media need no such bound to be made room
    /// for: while some is sent on the transport, data keep the queue on the path short.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn set_data_ceiling(&mut self, id: TransportId, ceiling: Option<Bitrate>) -> Result<(), TransportError> {
        let transport = self.transports.get_mut(&id).ok_or(TransportError::Unknown(id))?;
        transport.set_data_ceiling(ceiling);
        Ok(())
    }

    pub(super) fn command(
        &mut self,
        now: Instant,
        id: TransportId,
        run: impl FnOnce(&mut Transport, &Config, &mut VecDeque<Event>) -> Result<(), TransportError>,
    ) -> Result<(), TransportError> {
        let transport = self.transports.get_mut(&id).ok_or(TransportError::Unknown(id))?;
        let result = run(transport, &self.config, &mut self.events);
        transport.settle(now, &self.config, &mut self.channels, &mut self.events);
        self.observe_transport(now, id);
        result
    }

    /// The role of this side in the DTLS handshake, once that was begun.
    pub fn handshake_role(&self, id: TransportId) -> Option<ortica_dtls::Role> {
        self.transports.get(&id)?.handshake_role()
    }

    /// The role that DTLS gave this side, once it is connected.
    pub fn dtls_role(&self, id: TransportId) -> Option<ortica_dtls::Role> {
        self.transports.get(&id)?.role()
    }
}
