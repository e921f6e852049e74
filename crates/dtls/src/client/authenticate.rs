//! Who a server is, once it has proved to own its key.

use crate::alert::Alert;
use crate::certificate::Leaf;
use crate::event::CloseReason;
use crate::handshake::{Expected, Refusal};
use crate::verified::Matched;
use ortica_core::crypto::CryptoProvider;

/// Who the server turned out to be.
pub(super) enum Authenticated {
    /// The peer that signaling announced.
    Announced(Matched),
    /// The server that was asked for: its chain is accepted.
    Trusted,
}

/// Who a server is that has proved to own the key of the first certificate of `chain`.
pub(super) fn authenticate(
    provider: &CryptoProvider,
    expected: &Expected,
    chain: Vec<Vec<u8>>,
    before: &mut Vec<Vec<u8>>,
) -> Result<Authenticated, Refusal> {
    match expected {
        Expected::Announced(fingerprints) => {
            let leaf = chain.into_iter().next().ok_or(Alert::BAD_CERTIFICATE)?;
            let reason = (CloseReason::FingerprintMismatch, Alert::BAD_CERTIFICATE);
            Matched::check(provider, fingerprints, leaf)
                .map(Authenticated::Announced)
                .map_err(|leaf| mismatch(provider, reason, vec![leaf], before))
        }
        Expected::Server(server) => {
            let shown: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
            match server.verify(&shown) {
                Ok(()) => Ok(Authenticated::Trusted),
                Err(error) => Err(mismatch(provider, (CloseReason::Untrusted(error), error.alert()), chain, before)),
            }
        }
        // Nobody is no server that a client could want.
        Expected::Anyone => Err(Alert::INTERNAL_ERROR.into()),
    }
}

/// What certificates mean that are not what they are to be. The server has proved to own the first one's key, but of them the
/// proof covers nothing else: a bit may have flipped on the way. One that still bears the signature of its own key is
/// as it was made, and so are those that come the same again (`before`); any others are dropped, for the next may be right.
fn mismatch(
    provider: &CryptoProvider,
    (reason, alert): (CloseReason, Alert),
    chain: Vec<Vec<u8>>,
    before: &mut Vec<Vec<u8>>,
) -> Refusal {
    let is_as_made = match chain.as_slice() {
        [leaf] => Leaf::decode(leaf).is_ok_and(|leaf| leaf.is_self_signed(provider)),
        _ => false,
    };
    if is_as_made || *before == chain {
        return Refusal::Proven(reason, alert);
    }
    *before = chain;
    Refusal::Unproven(alert)
}
