//! A remote answer to an offer of ours.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netsim::epoch;
use ortica::engine::ChannelParameters;
use ortica::jsep::SessionDescription;
use ortica_fuzz::peer::new_peer;

fuzz_target!(|input: &str| {
    let mut peer = new_peer(1);
    peer.create_channel(epoch(), ChannelParameters::default()).expect("the first channel is legal");
    let offer = peer.create_offer(epoch()).expect("there is something to offer");
    peer.set_local_description(epoch(), offer).expect("our own offer can be set");
    let _ = peer.set_remote_description(epoch(), SessionDescription::answer(input));
});
