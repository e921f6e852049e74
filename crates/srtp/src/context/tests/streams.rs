//! SRTP-8: contexts and streams.

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
        let mut sender =
            Context::new(provider, profile, &key, &salt, Limits { streams: 2, ..Limits::default() }).unwrap();
        protect(&mut sender, 1, 1);
        protect(&mut sender, 2, 1);
        let refused = sender.protect_rtp(&header(3, 1), &[b"payload"], &mut Vec::new());
        assert_eq!(refused, Err(ProtectError::TooManyStreams));
        assert_eq!(sender.set_rollover(3, 1), Err(RolloverError::TooManyStreams));
        protect(&mut sender, 1, 2);
    });
}

/// Guards: the key stream of an SSRC is used once, however many others there were.
#[test]
fn srtp_8_a_stream_that_is_over_makes_room_for_another_and_is_refused() {
    for_each_pair(|mut sender, mut receiver| {
        for ssrc in 0..2_000 {
            let packet = protect(&mut sender, ssrc, 1);
            assert!(receiver.unprotect_rtp(&mut packet.clone()).is_ok());
            sender.retire(ssrc);
        }
        let refused = sender.protect_rtp(&header(7, 2), &[b"payload"], &mut Vec::new());
        assert_eq!(refused, Err(ProtectError::Retired));
        assert_eq!(sender.set_rollover(7, 1), Err(RolloverError::Started));
    });
}

#[test]
fn keys_of_a_wrong_length_make_no_context() {
    for profile in Profile::ALL {
        let (key, salt) = (vec![1; profile.key_len()], vec![1; profile.salt_len()]);
        let new =
            |key: &[u8], salt: &[u8]| Context::new(&providers()[0], profile, key, salt, Limits::default()).map(|_| ());
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
