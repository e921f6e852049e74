//! Packets that others made.

use super::*;

fn libsrtp(name: &str, profile: Profile) {
    let vectors = Vectors::load(include_str!("../../../testdata/libsrtp.txt"));
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
