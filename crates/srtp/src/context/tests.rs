use super::*;
use crate::vectors::Vectors;
use ortica_core::Rng;
use ortica_core::crypto::providers;
use proptest::prelude::*;

const SSRC: u32 = 0xcafe_babe;
const RTCP: [u8; 12] = [0x81, 201, 0, 2, 0xca, 0xfe, 0xba, 0xbe, 1, 2, 3, 4];

/// Packets that others made.
mod known_answers {
    use super::*;

    fn libsrtp(name: &str, profile: Profile) {
        let vectors = Vectors::load(include_str!("../../testdata/libsrtp.txt"));
        let get = |what: &str| vectors.get(&format!("{name} {what}"));
        let (rtp, rtcp) = (vectors.get("rtp plain"), vectors.get("rtcp plain"));
        for provider in providers() {
            let context = || Context::new(&provider, profile, &get("key"), &get("salt"), Limits::default()).unwrap();
            let (mut sender, mut receiver) = (context(), context());

            let mut packet = Vec::new();
            sender.protect_rtp(&rtp[..12], &[&rtp[12..]], &mut packet).unwrap();
            assert_eq!(packet, get("rtp"));
            assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(rtp.len()));
            assert_eq!(packet[..rtp.len()], rtp);

            // libsrtp counts before it sends, so its first index is 1.
            sender.protect_rtcp(&rtcp, &mut Vec::new()).unwrap();
            let mut packet = Vec::new();
            sender.protect_rtcp(&rtcp, &mut packet).unwrap();
            assert_eq!(packet, get("rtcp"));
            assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(rtcp.len()));
            assert_eq!(packet[..rtcp.len()], rtcp);
        }
    }

    #[test]
    fn protects_as_libsrtp_does_with_aes_cm() {
        libsrtp("cm", Profile::Aes128CmSha1_80);
    }

    #[test]
    fn protects_as_libsrtp_does_with_aes_gcm() {
        libsrtp("gcm", Profile::AeadAes128Gcm);
    }
}

/// SRTP-1, CVE-17: the rollover counter.
mod rollover {
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

    #[test]
    fn a_stream_joined_midway_needs_its_rollover_counter() {
        for_each_pair(|mut sender, mut receiver| {
            sender.set_rollover(SSRC, 7).unwrap();
            let packet = protect(&mut sender, SSRC, 40_000);
            assert_eq!(receiver.unprotect_rtp(&mut packet.clone()), Err(UnprotectError::Unauthentic));
            receiver.set_rollover(SSRC, 7).unwrap();
            assert!(receiver.unprotect_rtp(&mut packet.clone()).is_ok());
            assert_eq!(receiver.set_rollover(SSRC, 3), Err(RolloverError::Started));
            assert_eq!(receiver.rollover(SSRC), Some(7));
        });
    }
}

/// SRTP-2, CVE-16: replay protection.
mod replay {
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
            let packets: Vec<_> =
                (0..3000).step_by(1500).map(|sequence| protect(&mut sender, SSRC, sequence)).collect();
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
}

/// SRTP-3, CVE-13: authentication.
mod authentication {
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
}

/// SRTP-4: the RTCP side.
mod rtcp {
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
            let keys =
                SessionKeys::derive(&provider, Profile::Aes128CmSha1_80, Usage::Rtcp, &[1; 16], &[2; 14]).unwrap();
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
}

/// SRTP-5: how long a key lives.
mod lifetime {
    use super::*;

    #[test]
    fn srtp_5_the_last_index_of_a_stream_is_not_followed_by_the_first() {
        for_each_pair(|mut sender, mut receiver| {
            sender.set_rollover(SSRC, u32::MAX).unwrap();
            receiver.set_rollover(SSRC, u32::MAX).unwrap();
            let mut last = protect(&mut sender, SSRC, 65_535);
            assert!(receiver.unprotect_rtp(&mut last).is_ok());

            let refused = sender.protect_rtp(&header(SSRC, 0), &[b"payload"], &mut Vec::new());
            assert_eq!(refused, Err(ProtectError::KeyExhausted));
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
}

/// SRTP-6, CVE-18, CVE-22: lengths.
mod lengths {
    use super::*;

    /// Guards every length of a header: whatever contributing sources and extension claim, nothing behind the end is
    /// looked at, and what does fit fails by its tag alone.
    #[test]
    fn cve_18_every_csrc_count_extension_bit_and_length() {
        for_each_pair(|_, mut receiver| {
            let tag_len = receiver.profile().rtp_overhead();
            for extension_words in [0u16, 1, 4, 0xffff] {
                for (csrcs, extension, len) in (0..16)
                    .flat_map(|cc| [false, true].map(|x| (cc, x)))
                    .flat_map(|(cc, x)| (0..=80).map(move |len| (cc, x, len)))
                {
                    let mut packet = vec![0x55; len];
                    if let Some(first) = packet.first_mut() {
                        *first = 0x80 | u8::from(extension) << 4 | csrcs;
                    }
                    let extension_at = 12 + 4 * usize::from(csrcs);
                    if let Some(words) = packet.get_mut(extension_at + 2..extension_at + 4) {
                        words.copy_from_slice(&extension_words.to_be_bytes());
                    }
                    let extension_len = if extension { 4 + 4 * usize::from(extension_words) } else { 0 };
                    let fits = len >= extension_at + extension_len + tag_len;
                    let refused = receiver.unprotect_rtp(&mut packet).unwrap_err();
                    assert_eq!(refused == UnprotectError::Unauthentic, fits, "{csrcs} {extension} {len}: {refused}");
                    assert_eq!(matches!(refused, UnprotectError::Malformed(_)), !fits);
                }
            }
            assert_eq!(receiver.rtp_streams.len(), 0);
        });
    }

    /// The same claims on the way out, where a header has to be just that.
    #[test]
    fn srtp_6_a_header_that_is_not_exactly_one_is_not_protected() {
        for_each_pair(|mut sender, _| {
            let mut out = b"before".to_vec();
            let mut with_csrc = header(SSRC, 1);
            with_csrc[0] |= 1;
            for wrong in [&[][..], &header(SSRC, 1)[..11], &with_csrc, &[&header(SSRC, 1)[..], b"x"].concat()] {
                let refused = sender.protect_rtp(wrong, &[b"payload"], &mut out);
                assert!(matches!(refused, Err(ProtectError::Malformed(_))));
            }
            for wrong in [&[][..], &RTCP[..7], &[0x40; 8]] {
                assert!(matches!(sender.protect_rtcp(wrong, &mut out), Err(ProtectError::Malformed(_))));
            }
            assert_eq!(out, b"before");
        });
    }

    #[test]
    fn srtp_6_no_packet_grows_beyond_65535_bytes() {
        for_each_pair(|mut sender, mut receiver| {
            let room = MAX_PACKET_LEN - 12 - sender.profile().rtp_overhead();
            let payload = vec![1; room + 1];
            let mut out = Vec::new();
            let refused = sender.protect_rtp(&header(SSRC, 1), &[&payload], &mut out);
            assert_eq!(refused, Err(ProtectError::TooLong));
            assert_eq!(sender.protect_rtp(&header(SSRC, 1), &[&payload[..room]], &mut out), Ok(MAX_PACKET_LEN));
            assert_eq!(receiver.unprotect_rtp(&mut out), Ok(12 + room));

            let refused = receiver.unprotect_rtp(&mut vec![0x80; MAX_PACKET_LEN + 1]);
            assert!(matches!(refused, Err(UnprotectError::Malformed(_))));
        });
    }

    /// Guards the subtraction of trailer lengths.
    #[test]
    fn cve_22_srtcp_shorter_than_its_overhead() {
        for_each_pair(|mut sender, mut receiver| {
            let packet = protect_rtcp(&mut sender);
            let shortest = 8 + sender.profile().rtcp_overhead();
            for len in 0..shortest {
                let refused = receiver.unprotect_rtcp(&mut packet[..len].to_vec());
                assert!(matches!(refused, Err(UnprotectError::Malformed(_))), "{len} bytes");
            }
            let refused = receiver.unprotect_rtcp(&mut packet[..shortest].to_vec());
            assert_eq!(refused, Err(UnprotectError::Unauthentic));
        });
    }

    /// Guards the split between payload and tag.
    #[test]
    fn cve_22_rtp_payload_shorter_than_the_tag() {
        for_each_pair(|mut sender, mut receiver| {
            let packet = protect(&mut sender, SSRC, 1);
            for len in 12..12 + sender.profile().rtp_overhead() {
                let refused = receiver.unprotect_rtp(&mut packet[..len].to_vec());
                assert!(matches!(refused, Err(UnprotectError::Malformed(_))), "{len} bytes");
            }
        });
    }

    #[test]
    fn empty_payloads_are_protected_too() {
        for_each_pair(|mut sender, mut receiver| {
            let mut packet = Vec::new();
            sender.protect_rtp(&header(SSRC, 1), &[], &mut packet).unwrap();
            assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(12));
            let mut packet = Vec::new();
            sender.protect_rtcp(&RTCP[..8], &mut packet).unwrap();
            assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(8));
        });
    }
}

/// SRTP-8: contexts and streams.
mod streams {
    use super::*;

    #[test]
    fn srtp_8_a_stream_exists_only_after_authentication() {
        for_each_pair(|mut sender, mut receiver| {
            for ssrc in 0..50 {
                let mut forged = protect(&mut sender, ssrc, 1);
                *forged.last_mut().unwrap() ^= 1;
                assert_eq!(receiver.unprotect_rtp(&mut forged), Err(UnprotectError::Unauthentic));
                assert_eq!(receiver.rollover(ssrc), None);
            }
            assert_eq!(receiver.rtp_streams.len(), 0);
            assert!(receiver.unprotect_rtp(&mut protect(&mut sender, 7, 2)).is_ok());
            assert_eq!(receiver.rtp_streams.len(), 1);
        });
    }

    #[test]
    fn srtp_8_a_receiver_remembers_1024_streams_and_forgets_the_one_silent_longest() {
        let profile = Profile::AeadAes128Gcm;
        let mut receiver = context(profile, 1);
        // Two senders, because one alone may not have as many streams.
        let (mut one, mut other) = (context(profile, 1), context(profile, 1));
        for ssrc in 0..1024 {
            assert!(receiver.unprotect_rtp(&mut protect(&mut one, ssrc, 1)).is_ok());
        }
        assert!(receiver.unprotect_rtp(&mut protect(&mut one, 0, 2)).is_ok());
        assert_eq!(receiver.stats().streams_forgotten, 0);

        assert!(receiver.unprotect_rtp(&mut protect(&mut other, 5000, 1)).is_ok());
        assert_eq!(receiver.rtp_streams.len(), 1024);
        assert_eq!(receiver.stats().streams_forgotten, 1);
        assert_eq!(receiver.rollover(0), Some(0), "it spoke again");
        assert_eq!(receiver.rollover(1), None, "it was silent longest");
    }

    #[test]
    fn srtp_8_a_sender_refuses_a_stream_too_many() {
        for_each_pair(|sender, _| {
            let provider = &providers()[0];
            let profile = sender.profile();
            let (key, salt) = (vec![1; profile.key_len()], vec![1; profile.salt_len()]);
            let mut sender = Context::new(provider, profile, &key, &salt, Limits { streams: 2 }).unwrap();
            protect(&mut sender, 1, 1);
            protect(&mut sender, 2, 1);
            let refused = sender.protect_rtp(&header(3, 1), &[b"payload"], &mut Vec::new());
            assert_eq!(refused, Err(ProtectError::TooManyStreams));
            assert_eq!(sender.set_rollover(3, 1), Err(RolloverError::TooManyStreams));
            protect(&mut sender, 1, 2);
        });
    }

    #[test]
    fn keys_of_a_wrong_length_make_no_context() {
        for profile in Profile::ALL {
            let (key, salt) = (vec![1; profile.key_len()], vec![1; profile.salt_len()]);
            let new = |key: &[u8], salt: &[u8]| {
                Context::new(&providers()[0], profile, key, salt, Limits::default()).map(|_| ())
            };
            assert_eq!(new(&key, &salt), Ok(()));
            assert_eq!(new(&key[1..], &salt), Err(ContextError::KeyLength));
            assert_eq!(new(&key, &salt[1..]), Err(ContextError::SaltLength));
            assert_eq!(new(&[&key[..], &[1]].concat(), &salt), Err(ContextError::KeyLength));
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", context(Profile::Aes128CmSha1_80, 1));
        assert!(shown.starts_with("Context { profile: Aes128CmSha1_80, stats: Stats {"), "{shown}");
        assert!(shown.ends_with(", .. }"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn unprotecting_gives_back_what_was_protected(
        profile in prop::sample::select(&Profile::ALL[..]),
        (ssrc, sequence) in any::<(u32, u16)>(),
        csrcs in 0u8..16,
        extension in prop::option::of(prop::collection::vec(any::<[u8; 4]>(), 0..20)),
        payload in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..4),
        before in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let (mut sender, mut receiver) = pair(profile);
        let mut header = header(ssrc, sequence).to_vec();
        header[0] |= csrcs;
        header.resize(12 + 4 * usize::from(csrcs), 0xcc);
        if let Some(extension) = extension {
            header[0] |= 0x10;
            header.extend([0x10, 0x00, 0, extension.len() as u8]);
            header.extend(extension.concat());
        }
        let parts: Vec<&[u8]> = payload.iter().map(Vec::as_slice).collect();
        let plain = [&header[..], &parts.concat()].concat();

        let mut out = before.clone();
        let len = sender.protect_rtp(&header, &parts, &mut out).unwrap();
        prop_assert_eq!(len, plain.len() + profile.rtp_overhead());
        let (head, packet) = out.split_at_mut(before.len());
        prop_assert_eq!(head, &before[..]);
        prop_assert_eq!(packet.len(), len);
        prop_assert_eq!(receiver.unprotect_rtp(packet), Ok(plain.len()));
        prop_assert_eq!(&packet[..plain.len()], &plain[..]);
    }

    #[test]
    fn unprotecting_gives_back_the_rtcp_that_was_protected(
        profile in prop::sample::select(&Profile::ALL[..]),
        ssrc in any::<u32>(),
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let (mut sender, mut receiver) = pair(profile);
        let plain = [&RTCP[..4], &ssrc.to_be_bytes(), &rest].concat();
        let mut packet = Vec::new();
        let len = sender.protect_rtcp(&plain, &mut packet).unwrap();
        prop_assert_eq!(len, plain.len() + profile.rtcp_overhead());
        prop_assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(plain.len()));
        prop_assert_eq!(&packet[..plain.len()], &plain[..]);
    }

    #[test]
    fn arbitrary_bytes_are_refused(
        profile in prop::sample::select(&Profile::ALL[..]),
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (_, mut receiver) = pair(profile);
        prop_assert!(receiver.unprotect_rtp(&mut bytes.clone()).is_err());
        prop_assert!(receiver.unprotect_rtcp(&mut bytes).is_err());
    }
}

/// Runs a test for every profile with every provider.
fn for_each_pair(test: impl Fn(Context, Context)) {
    for provider in providers() {
        for profile in Profile::ALL {
            let (key, salt) = (vec![1; profile.key_len()], vec![1; profile.salt_len()]);
            let context = || Context::new(&provider, profile, &key, &salt, Limits::default()).unwrap();
            test(context(), context());
        }
    }
}

/// A sender and the receiver that has its keys.
fn pair(profile: Profile) -> (Context, Context) {
    (context(profile, 1), context(profile, 1))
}

fn context(profile: Profile, key: u8) -> Context {
    let (key, salt) = (vec![key; profile.key_len()], vec![1; profile.salt_len()]);
    Context::new(&providers()[0], profile, &key, &salt, Limits::default()).unwrap()
}

fn header(ssrc: u32, sequence: u16) -> [u8; 12] {
    let mut header = [0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[2..4].copy_from_slice(&sequence.to_be_bytes());
    header[8..].copy_from_slice(&ssrc.to_be_bytes());
    header
}

fn protect(sender: &mut Context, ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    sender.protect_rtp(&header(ssrc, sequence), &[b"pay", b"load"], &mut packet).unwrap();
    packet
}

fn protect_rtcp(sender: &mut Context) -> Vec<u8> {
    let mut packet = Vec::new();
    sender.protect_rtcp(&RTCP, &mut packet).unwrap();
    packet
}
