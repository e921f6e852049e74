//! SRTP-6, CVE-18, CVE-22: lengths.

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
