//! The demo exits 0 only when every stage worked.

use std::process::Command;

fn demo(arguments: &[&str]) -> bool {
    let status = Command::new(env!("CARGO_BIN_EXE_ortica-demo")).args(["--seconds", "1"]).args(arguments).status();
    status.expect("the demo was built").success()
}

#[test]
fn succeeds_when_nothing_is_broken() {
    assert!(demo(&[]));
}

#[test]
fn a_wrong_fingerprint_fails() {
    assert!(!demo(&["--fault", "wrong-fingerprint"]));
}

#[test]
fn total_loss_fails() {
    assert!(!demo(&["--fault", "total-loss"]));
}

#[test]
fn a_peer_that_dies_fails() {
    assert!(!demo(&["--fault", "kill-peer"]));
}
