//! SRTP-4: the RTCP side.

use super::*;

#[test]
fn srtp_4_rtcp_has_an_index_of_its_own_and_the_e_bit() {
    for_each_pair(|mut sender, _| {
        protect(&mut sender, SSRC, 40_000);
        for index in 0..3u32 {
            let packet = protect_rtcp(&mut sender);
            assert_eq!(sender.rtcp.rtcp_word(&packet), Some((1 << 31 | index).to_be_bytes()));
            assert_eq!(packet[..8], RTCP[..8]);
            assert_ne!(packet[8..12], RTCP[8..12]);
        }
    });
}

#[test]
fn srtp_4_rtcp_keeps_its_long_tag_with_the_32_bit_profile() {
    let (mut sender, _) = pair(Profile::Aes128CmSha1_32);
    assert_eq!(protect_rtcp(&mut sender).len(), RTCP.len() + 4 + 10);
    assert_eq!(protect(&mut sender, SSRC, 1).len(), 12 + b"payload".len() + 4);
}

/// A peer may leave RTCP readable; it has to be authentic all the same, and the bit itself is covered.
#[test]
fn srtp_4_a_packet_without_the_e_bit_is_verified_and_not_decrypted() {
    for provider in providers() {
        let mut receiver = Context::new(&provider, Profile::Aes128CmSha1_80, &[1; 16], &[2; 14], Limits::default());
        let receiver = receiver.as_mut().unwrap();
        let keys = SessionKeys::derive(&provider, Profile::Aes128CmSha1_80, Usage::Rtcp, &[1; 16], &[2; 14]).unwrap();
        let mut packet = [&RTCP[..], &5u32.to_be_bytes()].concat();
        let mac = provider.hash.hmac_key(ortica_core::crypto::HashAlgorithm::Sha1, &keys.auth);
        let tag = mac.sign(&[&packet]);
        packet.extend(&tag[..10]);

        let mut with_bit = packet.clone();
        with_bit[RTCP.len()] |= 0x80;
        assert_eq!(receiver.unprotect_rtcp(&mut with_bit), Err(UnprotectError::Unauthentic));
        assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(RTCP.len()));
        assert_eq!(packet[..RTCP.len()], RTCP);
    }
}
