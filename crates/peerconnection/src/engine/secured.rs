//! The gate after DTLS: the one place where a verified handshake becomes something to send with.

use super::{Config, SctpParameters};
use ortica_core::{Instant, Rng};
use ortica_dtls::Verified;
use ortica_sctp::Association;
use ortica_srtp::{Context, Limits, Profile};

/// What runs over a transport whose peer has proven who it is. Nothing here exists before that proof.
pub(super) struct Secured {
    verified: Verified,
    pub association: Option<Association>,
    /// Absent when the peer agreed to no profile: then media has failed, and data goes on (DTLS-12).
    pub srtp: Option<Srtp>,
}

/// The keys of both directions.
pub(super) struct Srtp {
    pub send: Context,
    pub receive: Context,
}

impl Srtp {
    fn open(verified: &Verified, config: &Config) -> Option<Self> {
        let keys = verified.srtp()?;
        let profile = Profile::from_dtls_id(keys.profile.0)?;
        let provider = config.dtls.provider();
        let context = |key: &[u8], salt: &[u8]| Context::new(provider, profile, key, salt, Limits::default());
        let opened = context(&keys.local_key, &keys.local_salt)
            .and_then(|send| Ok(Self { send, receive: context(&keys.remote_key, &keys.remote_salt)? }));
        opened.inspect_err(|error| tracing::debug!(%error, "no SRTP")).ok()
    }
}

impl Secured {
    /// Takes the proof, which DTLS gives out once and nobody else can make.
    pub fn open(verified: Verified, config: &Config) -> Self {
        Self { srtp: Srtp::open(&verified, config), verified, association: None }
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
            let mut association = association(config, rng, now);
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
        association(config, rng, Instant::from_nanos(0)).init_chunk()
    }

    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

fn association(config: &Config, rng: &Rng, now: Instant) -> Association {
    Association::new(config.sctp.clone(), rng.fork("sctp"), now)
}
