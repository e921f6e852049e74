mod authentication;
mod cryptex;
mod known_answers;
mod lengths;
mod lifetime;
mod replay;
mod rollover;
mod rtcp;
mod streams;

use super::*;
use crate::vectors::Vectors;
use ortica_core::Rng;
use ortica_core::crypto::providers;
use proptest::prelude::*;

const SSRC: u32 = 0xcafe_babe;
const RTCP: [u8; 12] = [0x81, 201, 0, 2, 0xca, 0xfe, 0xba, 0xbe, 1, 2, 3, 4];

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
