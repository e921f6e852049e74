//! The demo exits 0 only when every stage worked.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a short call with its files in a folder of their own; gives the exit status and that folder.
fn demo(name: &str, arguments: &[&str]) -> (Option<i32>, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder for the files");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ortica-demo"));
    command.args(["--seconds", "2", "--out"]).arg(&folder).args(arguments);
    (command.status().expect("the demo was built").code(), folder)
}

#[test]
fn succeeds_when_nothing_is_broken() {
    let (status, folder) = demo("whole", &[]);
    assert_eq!(status, Some(0));
    for (name, signature) in [("demo.ivf", "DKIF"), ("demo.ogg", "OggS"), ("demo.png", "\u{fffd}PNG")] {
        let file = std::fs::read(folder.join(name)).expect("the demo wrote it");
        assert!(String::from_utf8_lossy(&file).starts_with(signature), "{name}");
    }
}

#[test]
fn a_wrong_fingerprint_fails() {
    assert_eq!(demo("wrong-fingerprint", &["--fault", "wrong-fingerprint"]).0, Some(1));
}

#[test]
fn total_loss_fails() {
    assert_eq!(demo("total-loss", &["--fault", "total-loss", "--patience", "4"]).0, Some(1));
}

#[test]
fn a_peer_that_dies_fails() {
    assert_eq!(demo("kill-peer", &["--fault", "kill-peer"]).0, Some(1));
}
