//! A remote offer: whatever it says, it is refused or answered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netsim::epoch;
use ortica::jsep::SessionDescription;
use ortica_fuzz::peer::new_peer;

fuzz_target!(|input: &str| {
    let mut peer = new_peer(1);
    if peer.set_remote_description(epoch(), SessionDescription::offer(input)).is_err() {
        return;
    }
    let answer = peer.create_answer(epoch()).expect("an offer that was taken can be answered");
    answer.sdp.parse::<ortica_sdp::Session>().expect("our answer can be read");
    peer.set_local_description(epoch(), answer).expect("our own answer can be set");
});
