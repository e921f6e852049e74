//! SRTP-2, CVE-16: replay protection.

use super::*;

/// Guards the replay windows: ten seconds of audio, video and reports, across the wrap of both sequence numbers.
#[test]
fn cve_16_no_packet_of_a_call_is_accepted_twice() {
    for_each_pair(|mut sender, mut receiver| {
        let mut rtp = Vec::new();
        for tick in 0..5000u64 {
            rtp.push(protect(&mut sender, 1, (65_536 + tick - 2500) as u16));
            if tick % 10 == 0 {
                rtp.push(protect(&mut sender, 2, (65_536 + tick / 10 - 250) as u16));
            }
        }
        let rtcp: Vec<_> = (0..300).map(|_| protect_rtcp(&mut sender)).collect();

        for packet in &rtp {
            assert!(receiver.unprotect_rtp(&mut packet.clone()).is_ok());
            assert_eq!(receiver.unprotect_rtp(&mut packet.clone()), Err(UnprotectError::Replayed));
        }
        for packet in &rtcp {
            assert!(receiver.unprotect_rtcp(&mut packet.clone()).is_ok());
            assert_eq!(receiver.unprotect_rtcp(&mut packet.clone()), Err(UnprotectError::Replayed));
        }
        // Once more after the wrap, when a sequence number from before it is a rollover counter away.
        let accepted = rtp.iter().filter(|packet| receiver.unprotect_rtp(&mut packet.to_vec()).is_ok()).count()
            + rtcp.iter().filter(|packet| receiver.unprotect_rtcp(&mut packet.to_vec()).is_ok()).count();
        assert_eq!(accepted, 0);
        assert_eq!(receiver.stats().rtp_unprotected, rtp.len() as u64);
        assert_eq!(receiver.stats().rtcp_unprotected, rtcp.len() as u64);
    });
}

#[test]
fn srtp_2_reordering_within_1024_rtp_and_128_rtcp_packets_is_accepted() {
    for_each_pair(|mut sender, mut receiver| {
        let mut rtp: Vec<_> = (0..1025).map(|sequence| protect(&mut sender, SSRC, sequence)).collect();
        let mut rtcp: Vec<_> = (0..129).map(|_| protect_rtcp(&mut sender)).collect();
        assert!(receiver.unprotect_rtp(rtp.last_mut().unwrap()).is_ok());
        assert!(receiver.unprotect_rtcp(rtcp.last_mut().unwrap()).is_ok());

        assert_eq!(receiver.unprotect_rtp(&mut rtp[0]), Err(UnprotectError::Replayed), "1,024 late is too late");
        assert_eq!(receiver.unprotect_rtcp(&mut rtcp[0]), Err(UnprotectError::Replayed), "128 late is too late");
        assert!(rtp[1..1024].iter_mut().rev().all(|packet| receiver.unprotect_rtp(packet).is_ok()));
        assert!(rtcp[1..128].iter_mut().rev().all(|packet| receiver.unprotect_rtcp(packet).is_ok()));
    });
}

/// A forged packet far ahead would otherwise push every genuine one out of the window.
#[test]
fn srtp_2_the_window_moves_only_after_the_tag_verified() {
    for_each_pair(|mut sender, mut receiver| {
        let packets: Vec<_> = (0..3000).step_by(1500).map(|sequence| protect(&mut sender, SSRC, sequence)).collect();
        let late = protect(&mut sender, SSRC, 1499);
        assert!(receiver.unprotect_rtp(&mut packets[0].clone()).is_ok());

        let mut forged = packets[1].clone();
        forged[2..4].copy_from_slice(&30_000u16.to_be_bytes());
        assert_eq!(receiver.unprotect_rtp(&mut forged), Err(UnprotectError::Unauthentic));
        assert!(receiver.unprotect_rtp(&mut packets[1].clone()).is_ok());
        assert!(receiver.unprotect_rtp(&mut late.clone()).is_ok());

        let reports: Vec<_> = (0..3).map(|_| protect_rtcp(&mut sender)).collect();
        assert!(receiver.unprotect_rtcp(&mut reports[0].clone()).is_ok());
        let mut forged = reports[1].clone();
        let word_at = forged.len() - if receiver.profile().aead().is_some() { 4 } else { 14 };
        forged[word_at..word_at + 4].copy_from_slice(&0xffff_ff00u32.to_be_bytes());
        assert_eq!(receiver.unprotect_rtcp(&mut forged), Err(UnprotectError::Unauthentic));
        assert!(receiver.unprotect_rtcp(&mut reports[1].clone()).is_ok());
    });
}

/// With GCM a nonce used twice gives the authentication key away, with counter mode the plaintexts.
#[test]
fn a_sender_refuses_to_use_a_sequence_number_twice() {
    for_each_pair(|mut sender, _| {
        protect(&mut sender, SSRC, 2000);
        protect(&mut sender, SSRC, 1999);
        let mut out = b"before".to_vec();
        for sequence in [2000, 1999, 900] {
            let refused = sender.protect_rtp(&header(SSRC, sequence), &[b"other"], &mut out);
            assert_eq!(refused, Err(ProtectError::Reused));
        }
        assert_eq!(out, b"before");
        assert_eq!(sender.stats().rtp_protected, 2);
    });
}

#[test]
fn a_packet_can_be_sent_again_where_that_is_safe() {
    for_each_pair(|mut sender, mut receiver| {
        let mut first = protect(&mut sender, SSRC, 7);
        protect(&mut sender, SSRC, 8);
        let mut again = Vec::new();
        let mut with_extension = header(SSRC, 7).to_vec();
        with_extension[0] |= 0x10;
        with_extension.extend([0xbe, 0xde, 0, 1, 0x10, 5, 0, 0]);
        let result = sender.protect_rtp_again(&with_extension, &[b"payload"], &mut again);
        if sender.profile().aead().is_some() {
            assert_eq!(result, Err(ProtectError::Reused));
            assert!(receiver.unprotect_rtp(&mut first).is_ok());
        } else {
            assert_eq!(result, Ok(again.len()));
            assert!(receiver.unprotect_rtp(&mut again).is_ok());
            assert_eq!(receiver.unprotect_rtp(&mut first), Err(UnprotectError::Replayed));
        }
        let fresh = sender.protect_rtp_again(&header(SSRC, 9), &[b"payload"], &mut Vec::new());
        assert_eq!(fresh, Err(ProtectError::Reused), "it was not sent before");
    });
}
