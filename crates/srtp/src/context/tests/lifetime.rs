//! SRTP-5: how long a key lives.

use super::*;

/// Guards the limit of `estimate`: a stream in its last round comes to an end there, which both sides are told, and no packet of
/// an earlier round is sealed with its keys again.
#[test]
fn srtp_5_flt_39_the_last_index_of_a_stream_is_not_followed_by_the_first() {
    for_each_pair(|mut sender, mut receiver| {
        sender.set_rollover(SSRC, u32::MAX).unwrap();
        receiver.set_rollover(SSRC, u32::MAX).unwrap();
        let mut last = protect(&mut sender, SSRC, 65_535);
        assert!(receiver.unprotect_rtp(&mut last).is_ok());

        for sequence in [0, 1, 30_000] {
            let mut out = Vec::new();
            let refused = sender.protect_rtp(&header(SSRC, sequence), &[b"payload"], &mut out);
            assert_eq!((refused, out.len()), (Err(ProtectError::KeyExhausted), 0), "{sequence}");
        }
        assert_eq!(sender.set_rollover(SSRC, 0), Err(RolloverError::Started));
        let mut junk = [&header(SSRC, 0)[..], &[0; 20]].concat();
        assert_eq!(receiver.unprotect_rtp(&mut junk), Err(UnprotectError::KeyExhausted));
        assert_eq!(receiver.stats().exhausted, 1);
    });
}

#[test]
fn srtp_5_a_key_protects_2_to_the_48_rtp_packets_and_no_more() {
    for_each_pair(|mut sender, _| {
        sender.stats.rtp_protected = (1 << 48) - 1;
        protect(&mut sender, 1, 1);
        let refused = sender.protect_rtp(&header(2, 1), &[b"payload"], &mut Vec::new());
        assert_eq!(refused, Err(ProtectError::KeyExhausted));
    });
}

#[test]
fn srtp_5_a_key_protects_2_to_the_31_rtcp_packets_and_no_more() {
    for_each_pair(|mut sender, mut receiver| {
        sender.next_rtcp_index = (1 << 31) - 1;
        assert!(receiver.unprotect_rtcp(&mut protect_rtcp(&mut sender)).is_ok());
        assert_eq!(sender.protect_rtcp(&RTCP, &mut Vec::new()), Err(ProtectError::KeyExhausted));
    });
}
