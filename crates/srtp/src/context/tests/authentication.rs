//! SRTP-3, CVE-13: authentication.

use super::*;

/// Guards that no payload is handed out unless its tag verified: every bit of a packet is covered, the tag's included.
#[test]
fn cve_13_a_packet_with_any_bit_flipped_is_rejected() {
    for_each_pair(|mut sender, mut receiver| {
        let rtp = protect(&mut sender, SSRC, 7);
        let rtcp = protect_rtcp(&mut sender);
        for (packet, unprotect) in [
            (rtp, Context::unprotect_rtp as fn(&mut Context, &mut [u8]) -> Result<usize, UnprotectError>),
            (rtcp, Context::unprotect_rtcp),
        ] {
            for bit in 0..packet.len() * 8 {
                let mut forged = packet.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                let refused = unprotect(&mut receiver, &mut forged).unwrap_err();
                assert!(
                    matches!(refused, UnprotectError::Unauthentic | UnprotectError::Malformed(_)),
                    "bit {bit}: {refused}"
                );
            }
            assert!(unprotect(&mut receiver, &mut packet.clone()).is_ok(), "and nothing came of any of them");
        }
    });
}

#[test]
fn srtp_3_junk_is_counted_and_has_no_other_effect() {
    for_each_pair(|mut sender, mut receiver| {
        let mut rng = Rng::from_number(3);
        for _ in 0..1000 {
            let mut junk = rng.bytes::<60>();
            junk[0] = 0x80;
            assert_eq!(receiver.unprotect_rtp(&mut junk.clone()), Err(UnprotectError::Unauthentic));
            assert_eq!(receiver.unprotect_rtcp(&mut junk.clone()), Err(UnprotectError::Unauthentic));
            assert!(matches!(receiver.unprotect_rtp(&mut junk[..8]), Err(UnprotectError::Malformed(_))));
        }
        assert_eq!(receiver.stats(), Stats { unauthentic: 2000, malformed: 1000, ..Stats::default() });
        assert_eq!((receiver.rtp_streams.len(), receiver.rtcp_streams.len()), (0, 0));
        assert!(receiver.unprotect_rtp(&mut protect(&mut sender, SSRC, 1)).is_ok());
        assert!(receiver.unprotect_rtcp(&mut protect_rtcp(&mut sender)).is_ok());
    });
}

#[test]
fn one_key_opens_nothing_that_another_sealed() {
    for_each_pair(|mut sender, _| {
        let profile = sender.profile();
        let mut other = context(profile, 2);
        let refused = other.unprotect_rtp(&mut protect(&mut sender, SSRC, 1));
        assert_eq!(refused, Err(UnprotectError::Unauthentic));
        assert_eq!(other.unprotect_rtcp(&mut protect_rtcp(&mut sender)), Err(UnprotectError::Unauthentic));
    });
}
