//! The gate after DTLS: the one place where a verified handshake becomes an association.

use super::Config;
use ortica_core::{Instant, Rng};
use ortica_dtls::Verified;
use ortica_sctp::Association;

/// What runs over a transport whose peer has proven who it is. Nothing here exists before that proof.
pub(super) struct Secured {
    verified: Verified,
    pub association: Option<Association>,
}

impl Secured {
    /// Takes the proof, which DTLS gives out once and nobody else can make.
    pub fn open(verified: Verified) -> Self {
        Self { verified, association: None }
    }

    /// Starts SCTP, unless it runs (SCTP-11: never before DTLS, never without the proof).
    pub fn start_sctp(&mut self, config: &Config, rng: &Rng, now: Instant) {
        self.association.get_or_insert_with(|| {
            let mut association = Association::new(config.sctp.clone(), rng.fork("sctp"), now);
            association.connect(now);
            association
        });
    }

    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}
