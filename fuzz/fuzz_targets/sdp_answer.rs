//! An offer and an answer to it, parted by a line of `=`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_sdp::Session;

fuzz_target!(|input: &str| {
    let Some((offer, answer)) = input.split_once("=\n") else { return };
    let (Ok(offer), Ok(answer)) = (offer.parse::<Session>(), answer.parse::<Session>()) else { return };
    let _ = offer.check_answer(&answer);
});
