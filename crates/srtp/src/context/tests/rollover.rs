//! SRTP-1, CVE-17: the rollover counter.

use super::*;

/// Guards the estimate of the index across the first wrap, when the packets around it are lost.
#[test]
fn cve_17_sequences_65530_to_65535_lost_at_the_first_wrap_still_decrypt() {
    for_each_pair(|mut sender, mut receiver| {
        for index in 30_000..70_000u64 {
            let mut packet = protect(&mut sender, SSRC, index as u16);
            if !(65_530..=65_535).contains(&index) {
                assert!(receiver.unprotect_rtp(&mut packet).is_ok(), "index {index}");
            }
        }
        assert_eq!(sender.rollover(SSRC), Some(1));
        assert_eq!(receiver.rollover(SSRC), Some(1));
    });
}

#[test]
fn srtp_1_packet_1_after_a_lost_65535_and_0_counts_the_first_wrap() {
    for_each_pair(|mut sender, mut receiver| {
        let sent: Vec<_> = [65_534, 65_535, 0, 1].map(|sequence| protect(&mut sender, SSRC, sequence)).into();
        let [mut first, mut lost, _, mut after] = <[Vec<u8>; 4]>::try_from(sent).unwrap();
        assert!(receiver.unprotect_rtp(&mut first).is_ok());
        assert!(receiver.unprotect_rtp(&mut after).is_ok());
        assert_eq!(receiver.rollover(SSRC), Some(1));
        assert!(receiver.unprotect_rtp(&mut lost).is_ok(), "it was only late");
        assert_eq!(receiver.rollover(SSRC), Some(1));
    });
}

/// Guards against losing step for good: every burst loss shorter than half the sequence space, one after the other.
#[test]
fn cve_17_rtp_gaps_of_1_to_32767_decrypt() {
    let (mut sender, mut receiver) = pair(Profile::Aes128CmSha1_80);
    let mut index = 100u64;
    for gap in 1..=32_767 {
        let mut packet = protect(&mut sender, SSRC, index as u16);
        assert!(receiver.unprotect_rtp(&mut packet).is_ok(), "before a gap of {gap}");
        index += gap;
    }
    assert_eq!(receiver.rollover(SSRC).map(u64::from), Some((index - 32_767) >> 16));
}

/// Guards `set_rollover`: who joins a stream that has wrapped five times reads nothing until it is told so, then everything, over
/// the next wrap too. Once a stream has begun its counter is not set back, which would use its keys a second time.
#[test]
fn flt_39_a_stream_joined_late_needs_its_rollover_counter() {
    for_each_pair(|mut sender, mut receiver| {
        sender.set_rollover(SSRC, 5).unwrap();
        let packet = protect(&mut sender, SSRC, 65_000);
        assert_eq!(receiver.unprotect_rtp(&mut packet.clone()), Err(UnprotectError::Unauthentic));
        receiver.set_rollover(SSRC, 5).unwrap();
        assert!(receiver.unprotect_rtp(&mut packet.clone()).is_ok());
        for index in 65_001..66_000u64 {
            assert!(receiver.unprotect_rtp(&mut protect(&mut sender, SSRC, index as u16)).is_ok(), "{index}");
        }
        for context in [&mut sender, &mut receiver] {
            assert_eq!(context.rollover(SSRC), Some(6));
            assert_eq!(context.set_rollover(SSRC, 3), Err(RolloverError::Started));
            assert_eq!(context.rollover(SSRC), Some(6));
        }
    });
}
