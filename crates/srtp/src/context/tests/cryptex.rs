//! Headers encrypted too, as others do it and whatever they hold.

use super::*;

const NAMES: [&str; 6] = ["1-byte", "2-byte", "1-byte csrc", "2-byte csrc", "empty 1-byte csrc", "empty 2-byte csrc"];

/// Source: [RFC 9335 A](https://www.rfc-editor.org/rfc/rfc9335#appendix-A)
#[test]
fn srtp_7_protects_the_packets_of_rfc_9335() {
    let vectors = Vectors::load(include_str!("../../../testdata/rfc9335.txt"));
    let suites = [("cm", Profile::Aes128CmSha1_80), ("gcm", Profile::AeadAes128Gcm)];
    for (provider, (suite, profile)) in providers().into_iter().flat_map(|it| suites.map(|suite| (it, suite))) {
        let get = |what: &str| vectors.get(&format!("{suite} {what}"));
        let context = || {
            let mut context = Context::new(&provider, profile, &get("key"), &get("salt"), Limits::default()).unwrap();
            context.set_cryptex(Cryptex::Required);
            context
        };
        let (mut sender, mut receiver) = (context(), context());
        for name in NAMES {
            let header = vectors.get(&format!("{name} header"));
            let mut packet = Vec::new();
            sender.protect_rtp(&header, &[&[0xab; 16]], &mut packet).unwrap();
            assert_eq!(packet, vectors.get(&format!("{name} {suite}")), "{name} {suite}");
            let plain = [&header[..], &[0xab; 16]].concat();
            assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(plain.len()), "{name} {suite}");
            assert_eq!(packet[..plain.len()], plain, "{name} {suite}");
        }
    }
}

/// The header of the vectors with two contributing sources and no extensions.
const SOURCES: [u8; 20] = [0x82, 15, 0, 1, 0, 0, 0, 0, 0xca, 0xfe, 0xba, 0xbe, 0, 1, 0xe2, 0x40, 0, 0, 0xb2, 0x6e];
/// One with an extension.
const EXTENDED: [u8; 20] = [0x90, 15, 0, 2, 0, 0, 0, 0, 0xca, 0xfe, 0xba, 0xbe, 0xbe, 0xde, 0, 1, 0x51, 0, 2, 0];

fn sealed(sender: &mut Context, header: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    sender.protect_rtp(header, &[b"payload"], &mut packet).unwrap();
    packet
}

/// Guards: a block that holds nothing says that contributing sources are encrypted, and comes out in the clear.
#[test]
fn srtp_7_contributing_sources_alone_get_an_extension_block() {
    for_each_pair(|mut sender, mut receiver| {
        [&mut sender, &mut receiver].into_iter().for_each(|context| context.set_cryptex(Cryptex::Agreed));
        let mut packet = sealed(&mut sender, &SOURCES);
        assert_eq!((packet[0], &packet[20..24]), (0x92, &[0xc0, 0xde, 0, 0][..]));
        assert_ne!(packet[12..20], SOURCES[12..20]);
        let len = receiver.unprotect_rtp(&mut packet).unwrap();
        assert_eq!(packet[1..20], SOURCES[1..20]);
        assert_eq!(packet[20..len], [&[0xbe, 0xde, 0, 0], &b"payload"[..]].concat());
    });
}

/// Guards: packets without anything to hide are the same with and without it.
#[test]
fn srtp_7_a_bare_header_stays_as_it_is() {
    for_each_pair(|mut sender, mut receiver| {
        let plain = sealed(&mut sender, &header(SSRC, 1));
        [&mut sender, &mut receiver].into_iter().for_each(|context| context.set_cryptex(Cryptex::Required));
        let packet = sealed(&mut sender, &header(SSRC, 2));
        assert_eq!((plain.len(), packet[0]), (packet.len(), 0x80));
        for mut packet in [plain, packet] {
            assert!(receiver.unprotect_rtp(&mut packet).is_ok());
        }
    });
}

/// Guards: what was not agreed on is dropped, and so is what is not encrypted where it must be.
#[test]
fn srtp_7_headers_are_encrypted_as_agreed() {
    for_each_pair(|mut sender, mut receiver| {
        sender.set_cryptex(Cryptex::Agreed);
        for header in [SOURCES, EXTENDED] {
            let outcome = receiver.unprotect_rtp(&mut sealed(&mut sender, &header));
            assert_eq!(outcome, Err(UnprotectError::HeaderEncryption));
        }
        sender.set_cryptex(Cryptex::Never);
        receiver.set_cryptex(Cryptex::Required);
        for (header, sequence) in [(SOURCES, 3), (EXTENDED, 4)] {
            let mut header = header;
            header[3] = sequence;
            let packet = sealed(&mut sender, &header);
            assert_eq!(packet[..20], header, "in the clear");
            assert_eq!(receiver.unprotect_rtp(&mut packet.clone()), Err(UnprotectError::HeaderEncryption));
            receiver.set_cryptex(Cryptex::Agreed);
            assert!(receiver.unprotect_rtp(&mut packet.clone()).is_ok());
            receiver.set_cryptex(Cryptex::Required);
        }
        assert_eq!(receiver.stats().malformed, 4);
    });
}

/// Guards: every bit is authenticated, those too that say what is encrypted.
#[test]
fn srtp_7_a_flipped_bit_is_noticed() {
    for_each_pair(|mut sender, mut receiver| {
        [&mut sender, &mut receiver].into_iter().for_each(|context| context.set_cryptex(Cryptex::Agreed));
        let mut header = [&SOURCES[..], &EXTENDED[12..]].concat();
        header[0] |= 0x10;
        let packet = sealed(&mut sender, &header);
        for bit in 0..packet.len() * 8 {
            let mut flipped = packet.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(receiver.unprotect_rtp(&mut flipped).is_err(), "bit {bit}");
        }
        assert!(receiver.unprotect_rtp(&mut packet.clone()).is_ok());
    });
}

/// Guards: a key stream that covers the header must not meet another header.
#[test]
fn srtp_7_no_packet_is_protected_again() {
    let (mut sender, _) = pair(Profile::Aes128CmSha1_80);
    sender.set_cryptex(Cryptex::Agreed);
    sealed(&mut sender, &EXTENDED);
    let again = |sender: &mut Context| sender.protect_rtp_again(&EXTENDED, &[b"payload"], &mut Vec::new());
    assert_eq!(again(&mut sender), Err(ProtectError::Reused));
    sender.set_cryptex(Cryptex::Never);
    assert!(again(&mut sender).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Blocks of names that are not known stay as they are, and all comes out as it went in.
    #[test]
    fn srtp_7_unprotecting_gives_back_what_was_protected(
        profile in prop::sample::select(&Profile::ALL[..]),
        csrcs in 0u8..16,
        name in prop::sample::select(&[[0xbe, 0xde], [0x10, 0x00], [0x10, 0x05], [0x12, 0x34]][..]),
        extension in prop::collection::vec(any::<[u8; 4]>(), 0..20),
        payload in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (mut sender, mut receiver) = pair(profile);
        [&mut sender, &mut receiver].into_iter().for_each(|context| context.set_cryptex(Cryptex::Agreed));
        let mut header = header(SSRC, 7).to_vec();
        header[0] |= 0x10 | csrcs;
        header.resize(12 + 4 * usize::from(csrcs), 0xcc);
        header.extend(name);
        header.extend([0, extension.len() as u8]);
        header.extend(extension.concat());
        let plain = [&header[..], &payload].concat();
        let mut packet = Vec::new();
        let len = sender.protect_rtp(&header, &[&payload], &mut packet).unwrap();
        prop_assert_eq!(len, plain.len() + profile.rtp_overhead());
        prop_assert_eq!(receiver.unprotect_rtp(&mut packet), Ok(plain.len()));
        prop_assert_eq!(&packet[..plain.len()], &plain[..]);
    }
}
