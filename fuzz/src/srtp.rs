//! SRTP under a key that the input does not know: packets that it bends on their way, and packets that it makes up.

use crate::script::Script;
use netsim::Hash;
use ortica_srtp::{Context, Limits, Profile};

/// What a context does to a packet in place.
type Unprotect<E> = fn(&mut Context, &mut [u8]) -> Result<usize, E>;

/// RTP packets. What is accepted must be what was sent, and only once.
pub fn rtp(profile: Profile, input: &[u8]) {
    run(profile, input, Context::unprotect_rtp, |context, plain, out| {
        let header = ortica_rtp::header_len(plain).unwrap_or_default();
        header > 0 && context.protect_rtp(&plain[..header], &[&plain[header..]], out).is_ok()
    });
}

/// RTCP packets. What is accepted must be what was sent, and only once.
pub fn rtcp(profile: Profile, input: &[u8]) {
    run(profile, input, Context::unprotect_rtcp, |context, plain, out| context.protect_rtcp(plain, out).is_ok());
}

fn run<E>(
    profile: Profile,
    input: &[u8],
    unprotect: Unprotect<E>,
    protect: impl Fn(&mut Context, &[u8], &mut Vec<u8>) -> bool,
) {
    let key: Vec<u8> = (0..profile.key_len() as u8).collect();
    let salt: Vec<u8> = (100..100 + profile.salt_len() as u8).collect();
    let context = || Context::new(&crate::provider(), profile, &key, &salt, Limits::default()).expect("lengths fit");
    let (mut sender, mut receiver) = (context(), context());
    let mut script = Script::new(input);
    let mut accepted = Vec::new();
    while !script.is_empty() {
        let how = script.u8();
        let plain = script.packet();
        let mut packet = Vec::new();
        if how < 32 || !protect(&mut sender, plain, &mut packet) {
            assert!(unprotect(&mut receiver, &mut plain.to_vec()).is_err(), "a packet without a tag was accepted");
            continue;
        }
        let genuine = hash(&packet);
        for _ in 0..how % 4 {
            let at = script.below(packet.len());
            packet[at] ^= script.u8();
        }
        if how & 0x80 != 0 {
            packet.truncate(script.below(packet.len() + 1));
        }
        let bent = hash(&packet) != genuine;
        match unprotect(&mut receiver, &mut packet) {
            Ok(len) => {
                assert!(!bent, "a packet that was bent was accepted");
                assert_eq!(&packet[..len], plain);
                assert!(!accepted.contains(&genuine), "a packet was accepted twice");
                accepted.push(genuine);
            }
            // One that nobody touched may still be refused: too old, or one stream too many.
            Err(_) => assert!(unprotect(&mut receiver, &mut packet.clone()).is_err()),
        }
    }
}

/// Packets are compared by hash: libFuzzer watches comparisons of bytes, would learn genuine packets and send them itself.
fn hash(packet: &[u8]) -> Hash {
    let mut hash = Hash::default();
    hash.bytes(packet);
    hash
}
