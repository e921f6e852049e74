//! AES in counter mode, authenticated by HMAC-SHA1.
//!
//! ```text
//! RTP:  header | payload, encrypted                   | tag
//!       '---- authenticated, with rollover counter ---'
//! RTCP: 8 bytes | rest, encrypted if E | E, index     | tag
//!       '---- authenticated --------------------------'
//! ```
//!
//! Source: [RFC 3711 §4.1.1](https://www.rfc-editor.org/rfc/rfc3711#section-4.1.1),
//! [§4.2](https://www.rfc-editor.org/rfc/rfc3711#section-4.2)

use super::{Cipher, RTCP_HEADER_LEN, RtcpId, RtpId, index_bytes, mix};
use crate::cryptex::Layout;
use crate::key_derivation::SessionKeys;
use ortica_core::crypto::{CryptoError, CryptoProvider, HashAlgorithm, HmacKey, StreamCipher};
use zeroize::Zeroizing;

/// RTCP has these long tags whatever the profile says of RTP.
const RTCP_TAG_LEN: usize = 10;

pub(super) struct AesCmHmac {
    stream: Box<dyn StreamCipher>,
    mac: Box<dyn HmacKey>,
    /// Padded to a block: the last two bytes count the blocks of a packet.
    salt: Zeroizing<[u8; 16]>,
    rtp_tag_len: usize,
}

impl AesCmHmac {
    pub(super) fn new(provider: &CryptoProvider, rtp_tag_len: usize, keys: &SessionKeys) -> Result<Self, CryptoError> {
        let mut salt = Zeroizing::new([0; 16]);
        mix(&mut salt, 0, keys.salt);
        Ok(Self {
            stream: provider.cipher.aes_ctr(&keys.cipher)?,
            mac: provider.hash.hmac_key(HashAlgorithm::Sha1, &keys.auth),
            salt,
            rtp_tag_len,
        })
    }

    /// The first counter block of a packet.
    fn iv(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let mut iv = *self.salt;
        mix(&mut iv, 4, ssrc.to_be_bytes());
        mix(&mut iv, 8, index_bytes(index));
        iv
    }
}

impl Cipher for AesCmHmac {
    fn seal_rtp(&self, id: RtpId, layout: Layout, packet: &mut Vec<u8>, start: usize) {
        let sealed = packet.get_mut(start..).unwrap_or_default();
        self.stream.apply(&self.iv(id.ssrc, id.index), sealed.get_mut(layout.clear..).unwrap_or_default());
        layout.scatter(sealed);
        let tag = self.mac.sign(&[sealed, &rollover(id)]);
        packet.extend(tag.iter().take(self.rtp_tag_len));
    }

    fn open_rtp(&self, id: RtpId, layout: Layout, packet: &mut [u8]) -> Result<usize, CryptoError> {
        let (sealed, tag) = split_end(packet, self.rtp_tag_len).ok_or(CryptoError)?;
        if !self.mac.verify(&[sealed, &rollover(id)], tag) {
            return Err(CryptoError);
        }
        layout.gather(sealed);
        self.stream.apply(&self.iv(id.ssrc, id.index), sealed.get_mut(layout.clear..).unwrap_or_default());
        layout.scatter(sealed);
        Ok(sealed.len())
    }

    fn seal_rtcp(&self, id: RtcpId, packet: &mut Vec<u8>, start: usize) {
        let rest = packet.get_mut(start + RTCP_HEADER_LEN..).unwrap_or_default();
        self.stream.apply(&self.iv(id.ssrc, id.index.into()), rest);
        packet.extend(id.word());
        let tag = self.mac.sign(&[packet.get(start..).unwrap_or_default()]);
        packet.extend(tag.iter().take(RTCP_TAG_LEN));
    }

    fn open_rtcp(&self, id: RtcpId, packet: &mut [u8]) -> Result<usize, CryptoError> {
        let (authenticated, tag) = split_end(packet, RTCP_TAG_LEN).ok_or(CryptoError)?;
        if !self.mac.verify(&[authenticated], tag) {
            return Err(CryptoError);
        }
        let (plain, _word) = split_end(authenticated, 4).ok_or(CryptoError)?;
        if id.encrypted {
            let rest = plain.get_mut(RTCP_HEADER_LEN..).unwrap_or_default();
            self.stream.apply(&self.iv(id.ssrc, id.index.into()), rest);
        }
        Ok(plain.len())
    }

    fn rtcp_word(&self, packet: &[u8]) -> Option<[u8; 4]> {
        let authenticated = packet.len().checked_sub(RTCP_TAG_LEN)?;
        packet.get(..authenticated)?.last_chunk().copied()
    }
}

/// What the tag of an RTP packet covers beyond the packet: the part of the index that no packet carries.
const fn rollover(id: RtpId) -> [u8; 4] {
    ((id.index >> 16) as u32).to_be_bytes()
}

/// Splits off the last `len` bytes.
fn split_end(bytes: &mut [u8], len: usize) -> Option<(&mut [u8], &mut [u8])> {
    let at = bytes.len().checked_sub(len)?;
    bytes.split_at_mut_checked(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::Vectors;
    use ortica_core::crypto::providers;

    /// Source: [RFC 3711 B.2](https://www.rfc-editor.org/rfc/rfc3711#appendix-B.2)
    #[test]
    fn makes_the_key_stream_of_rfc_3711_b_2() {
        makes_the_key_stream(include_str!("../../testdata/rfc3711.txt"), "b.2");
    }

    /// Source: [RFC 6188 §7.1](https://www.rfc-editor.org/rfc/rfc6188#section-7.1)
    #[test]
    fn makes_the_key_stream_of_rfc_6188_7_1() {
        makes_the_key_stream(include_str!("../../testdata/rfc6188.txt"), "7.1");
    }

    fn makes_the_key_stream(text: &str, section: &str) {
        let vectors = Vectors::load(text);
        let get = |name: &str| vectors.get(&format!("{section} {name}"));
        let salt = get("session salt")[..14].try_into().unwrap();
        for provider in providers() {
            let keys = SessionKeys { cipher: get("session key"), auth: [0; 20], salt };
            let cipher = AesCmHmac::new(&provider, 10, &keys).unwrap();
            let mut segment = vec![0; 1_044_512];
            cipher.stream.apply(&cipher.iv(0, 0), &mut segment);
            assert_eq!(segment[..48], get("first blocks"));
            assert_eq!(segment[segment.len() - 48..], get("last blocks"));
        }
    }

    #[test]
    fn the_counter_block_is_salt_ssrc_and_index() {
        let keys = SessionKeys { cipher: vec![1; 16], auth: [2; 20], salt: [0; 14] };
        let cipher = AesCmHmac::new(&providers()[0], 10, &keys).unwrap();
        let iv = cipher.iv(0x0102_0304, 0x1112_1314_1516);
        assert_eq!(iv, [0, 0, 0, 0, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0, 0]);
    }
}
