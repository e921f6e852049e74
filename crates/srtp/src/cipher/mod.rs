//! The two families of ciphers, behind one shape: each seals at the end of a buffer and opens in place.
//!
//! A cipher knows one set of session keys and no state: which index a packet has was decided before.

mod aes_cm_hmac;
mod aes_gcm;

use crate::cryptex::Layout;
use crate::key_derivation::SessionKeys;
use crate::profile::Profile;
use aes_cm_hmac::AesCmHmac;
use aes_gcm::AesGcm;
use ortica_core::crypto::{CryptoError, CryptoProvider};

/// Which RTP packet it is: its nonce follows from that, so no two packets of one key may share it.
#[derive(Clone, Copy)]
pub(crate) struct RtpId {
    pub ssrc: u32,
    /// Rollover counter above sequence number, 48 bits.
    pub index: u64,
}

/// Which RTCP packet it is.
#[derive(Clone, Copy)]
pub(crate) struct RtcpId {
    pub ssrc: u32,
    /// 31 bits.
    pub index: u32,
    /// The E bit. We always set it; a peer may leave a packet readable, and authentic all the same.
    pub encrypted: bool,
}

impl RtcpId {
    pub(crate) const fn from_word(ssrc: u32, word: [u8; 4]) -> Self {
        let word = u32::from_be_bytes(word);
        Self { ssrc, index: word & 0x7fff_ffff, encrypted: word >> 31 == 1 }
    }

    /// The word that a protected packet carries: E bit, then index.
    const fn word(self) -> [u8; 4] {
        ((self.encrypted as u32) << 31 | self.index).to_be_bytes()
    }
}

/// How much of an RTCP packet stays readable: its first header, and the SSRC of its sender.
pub(crate) const RTCP_HEADER_LEN: usize = 8;

/// Seals and opens packets with one set of session keys.
pub(crate) trait Cipher: Send + Sync {
    /// Encrypts the packet at `packet[start..]`, gathered as `layout` says, brings it into the order in which it is sent, and
    /// appends the tag.
    fn seal_rtp(&self, id: RtpId, layout: Layout, packet: &mut Vec<u8>, start: usize);

    /// Verifies `packet`, then decrypts it as `layout` says; returns the length of the plain packet at its front.
    fn open_rtp(&self, id: RtpId, layout: Layout, packet: &mut [u8]) -> Result<usize, CryptoError>;

    /// Encrypts the packet at `packet[start..]` behind its header, and appends the tag and the word of `id`, whose E bit
    /// is set.
    fn seal_rtcp(&self, id: RtcpId, packet: &mut Vec<u8>, start: usize);

    /// Verifies `packet`, then decrypts it unless it is not encrypted; returns the length of the plain packet.
    fn open_rtcp(&self, id: RtcpId, packet: &mut [u8]) -> Result<usize, CryptoError>;

    /// The word of a protected RTCP packet that says its index.
    fn rtcp_word(&self, packet: &[u8]) -> Option<[u8; 4]>;
}

/// # Errors
/// When the provider refuses the keys.
pub(crate) fn cipher(
    provider: &CryptoProvider,
    profile: Profile,
    keys: &SessionKeys,
) -> Result<Box<dyn Cipher>, CryptoError> {
    Ok(match profile.aead() {
        Some(algorithm) => Box::new(AesGcm::new(provider, algorithm, keys)?),
        None => Box::new(AesCmHmac::new(provider, profile.rtp_overhead(), keys)?),
    })
}

/// Adds `value` to `salt` from the byte `at` on.
fn mix<const N: usize, const M: usize>(salt: &mut [u8; N], at: usize, value: [u8; M]) {
    for (to, from) in salt.iter_mut().skip(at).zip(value) {
        *to ^= from;
    }
}

/// The 48 bits of an index.
const fn index_bytes(index: u64) -> [u8; 6] {
    let [_, _, bytes @ ..] = index.to_be_bytes();
    bytes
}
