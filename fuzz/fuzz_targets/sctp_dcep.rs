//! A message of the data channel establishment protocol: what was read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_sctp::dcep::Message;

fuzz_target!(|input: &[u8]| {
    let Ok(message) = Message::decode(input) else { return };
    let mut written = Vec::new();
    message.encode(&mut written);
    assert_eq!(Message::decode(&written), Ok(message));
});
