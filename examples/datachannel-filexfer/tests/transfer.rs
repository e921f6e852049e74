//! A file crosses between two processes, whole; what goes wrong is said.
#![expect(clippy::unwrap_used, reason = "all of it is a test: what fails here fails it")]

use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn start(folder: &std::path::Path, role: &str, file: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datachannel-filexfer"));
    command.current_dir(folder).args([role, file, "--signaling", "unix-socket"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn finish(child: Child) -> (bool, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// Sends `bytes` and gives what the receiving side said, once the file has arrived as it was.
fn transfer(name: &str, bytes: &[u8]) -> String {
    let folder = folder(name);
    fs::write(folder.join("out"), bytes).unwrap();
    // The receiving side first: it waits for the other to listen.
    let receiver = start(&folder, "receive", "in");
    let (sent, words) = finish(start(&folder, "send", "out"));
    assert!(sent, "{words}");
    let (received, words) = finish(receiver);
    assert!(received, "{words}");
    assert_eq!(Sha256::digest(fs::read(folder.join("in")).unwrap()), Sha256::digest(bytes));
    words
}

#[test]
fn a_file_arrives_whole() {
    let bytes: Vec<u8> = (0..20_000_003_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let words = transfer("whole", &bytes);
    assert!(words.contains("received 20000003 bytes in"), "{words}");
}

#[test]
fn an_empty_file_arrives() {
    assert!(transfer("empty", &[]).contains("received 0 bytes"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let (sent, words) = finish(start(&folder("absent"), "send", "nowhere"));
    assert!(!sent && words.contains("nowhere"), "{words}");
}

/// The disk of one side is full: both say so and end.
#[test]
fn a_disk_that_is_full_ends_both() {
    let folder = folder("full");
    fs::write(folder.join("out"), vec![7; 50_000_000]).unwrap();
    let receiver = start(&folder, "receive", "/dev/full");
    let (sent, words) = finish(start(&folder, "send", "out"));
    assert!(!sent && words.contains("error"), "{words}");
    let (received, words) = finish(receiver);
    assert!(!received && words.contains("No space left"), "{words}");
}
