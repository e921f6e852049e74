//! The gate after DTLS: the one place where a verified handshake becomes something to send with.

use super::observe::{Inner, Layer};
use super::{Config, SctpParameters};
use ortica_core::crypto::CryptoProvider;
use ortica_core::{Instant, Rng};
use ortica_dtls::Verified;
use ortica_rtp::Ssrc;
use ortica_sctp::Association;
use ortica_srtp::{Context, Cryptex, Limits, Profile, ProtectError, UnprotectError};
use std::sync::Arc;

/// What runs over a transport whose peer has proven who it is. Nothing here exists before that proof.
pub(super) struct Secured {
    verified: Verified,
    pub association: Option<Association>,
    /// Absent when the peer agreed to no profile: then media has failed, and data goes on (DTLS-12).
    profile: Option<Profile>,
    /// Made ready when there is media, since it is larger than all else here and most sessions may be data alone.
    srtp: Option<Box<Srtp>>,
    provider: CryptoProvider,
    looks_inside: bool,
}

/// The keys of both directions.
pub(super) struct Srtp {
    send: Context,
    receive: Context,
    /// What lies inside, if somebody wants to see it.
    pub inner: Option<Inner>,
}

impl Srtp {
    fn open(verified: &Verified, profile: Profile, provider: &CryptoProvider, looks_inside: bool) -> Option<Self> {
        let keys = verified.srtp()?;
        let context = |key: &[u8], salt: &[u8]| Context::new(provider, profile, key, salt, Limits::default());
        let opened = context(&keys.local_key, &keys.local_salt)
            .and_then(|send| Ok((send, context(&keys.remote_key, &keys.remote_salt)?)));
        let (send, receive) = opened.inspect_err(|error| tracing::debug!(%error, "no SRTP")).ok()?;
        Some(Self { send, receive, inner: looks_inside.then(Inner::default) })
    }

    /// As [`Context::protect_rtp`].
    pub fn protect_rtp(&mut self, header: &[u8], payload: &[&[u8]], out: &mut Vec<u8>) -> Result<usize, ProtectError> {
        let sealed = self.send.protect_rtp(header, payload, out)?;
        self.keep_rtp(header, payload);
        Ok(sealed)
    }

    /// As [`Context::protect_rtp_again`].
    pub fn protect_rtp_again(
        &mut self,
        header: &[u8],
        payload: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<usize, ProtectError> {
        let sealed = self.send.protect_rtp_again(header, payload, out)?;
        self.keep_rtp(header, payload);
        Ok(sealed)
    }

    /// As [`Context::set_cryptex`], in both directions.
    pub fn set_cryptex(&mut self, cryptex: Cryptex) {
        self.send.set_cryptex(cryptex);
        self.receive.set_cryptex(cryptex);
    }

    /// As [`Context::retire`], for what is sent.
    pub fn retire(&mut self, ssrc: Ssrc) {
        self.send.retire(ssrc.0);
    }

    /// As [`Context::protect_rtcp`].
    pub fn protect_rtcp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<usize, ProtectError> {
        let sealed = self.send.protect_rtcp(packet, out)?;
        if let Some(inner) = &mut self.inner {
            inner.push(true, Layer::Rtcp, &[packet]);
        }
        Ok(sealed)
    }

    /// As [`Context::unprotect_rtp`].
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let len = self.receive.unprotect_rtp(packet)?;
        if let Some(inner) = &mut self.inner {
            inner.push(false, Layer::Rtp, &[packet.get(..len).unwrap_or_default()]);
        }
        Ok(len)
    }

    /// As [`Context::unprotect_rtcp`].
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let len = self.receive.unprotect_rtcp(packet)?;
        if let Some(inner) = &mut self.inner {
            inner.push(false, Layer::Rtcp, &[packet.get(..len).unwrap_or_default()]);
        }
        Ok(len)
    }

    fn keep_rtp(&mut self, header: &[u8], payload: &[&[u8]]) {
        if let Some(inner) = &mut self.inner {
            let parts: Vec<&[u8]> = std::iter::once(header).chain(payload.iter().copied()).collect();
            inner.push(true, Layer::Rtp, &parts);
        }
    }
}

impl Secured {
    /// Takes the proof, which DTLS gives out once and nobody else can make.
    pub fn open(verified: Verified, config: &Config) -> Self {
        Self {
            profile: verified.srtp_profile().and_then(|profile| Profile::from_dtls_id(profile.0)),
            srtp: None,
            verified,
            association: None,
            provider: *config.dtls.provider(),
            looks_inside: config.looks_inside(),
        }
    }

    /// Whether media can be carried.
    pub fn carries_media(&self) -> bool {
        self.profile.is_some()
    }

    /// The keys of media, if there has been any.
    pub fn srtp(&mut self) -> Option<&mut Srtp> {
        self.srtp.as_deref_mut()
    }

    /// The keys of media, made ready if they are not, and beside them the association.
    pub fn open_srtp(&mut self, cryptex: Cryptex) -> Option<(&mut Srtp, Option<&mut Association>)> {
        if self.srtp.is_none() {
            let opened = Srtp::open(&self.verified, self.profile?, &self.provider, self.looks_inside);
            // What failed once fails again.
            self.profile = self.profile.filter(|_| opened.is_some());
            self.srtp = opened.map(Box::new);
            self.srtp()?.set_cryptex(cryptex);
        }
        Some((self.srtp.as_deref_mut()?, self.association.as_mut()))
    }

    /// Starts SCTP, unless it runs (SCTP-11: never before DTLS, never without the proof).
    pub fn start_sctp(
        &mut self,
        config: &Config,
        rng: &Rng,
        now: Instant,
        parameters: &SctpParameters,
    ) -> &mut Association {
        self.association.get_or_insert_with(|| {
            let mut association = association(config, parameters.port, rng, now);
            let peer = parameters.init.as_deref();
            if peer.is_none_or(|peer| association.connect_with(now, peer).is_err()) {
                association.connect(now);
            }
            association
        })
    }

    /// The INIT chunk of the association that `start_sctp` makes with the same `rng`.
    pub fn sctp_init(config: &Config, rng: &Rng) -> Vec<u8> {
        // It tells nobody when it was made, and is gone at once: before the proof nothing is sent or received by it.
        association(config, None, rng, Instant::from_nanos(0)).init_chunk()
    }

    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

fn association(config: &Config, remote_port: Option<u16>, rng: &Rng, now: Instant) -> Association {
    // Nearly every peer has the port that the settings say, and one set of settings serves all.
    let other_port = remote_port.filter(|port| *port != config.sctp.remote_port());
    let with_port = |port| Arc::new((*config.sctp).clone().with_ports(config.sctp_port(), port));
    let config = other_port.map_or_else(|| config.sctp.clone(), with_port);
    Association::new(config, rng.fork("sctp"), now)
}
