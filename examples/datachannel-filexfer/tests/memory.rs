//! A long file takes no more memory than fits its buffers. In a program of its own, since what children took at most is counted
//! over all of them.
#![cfg(target_os = "linux")]

use nix::sys::resource::{UsageWho, getrusage};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const BLOCKS: usize = 160;
const BLOCK_LEN: usize = 1 << 20;
/// Most of it is the program itself as it is built for tests.
const MOST_MEMORY: usize = 64 << 20;

#[test]
fn memory_stays_flat_over_a_long_file() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("memory");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let mut out = File::create(folder.join("out")).unwrap();
    // A child begins with what its parent held, so that this one may not hold much.
    (0..BLOCKS).for_each(|_| out.write_all(&[7; BLOCK_LEN]).unwrap());
    let start = |role: &str, file: &str| -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datachannel-filexfer"));
        command.current_dir(&folder).args([role, file, "--signaling", "unix-socket"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut sides = [start("receive", "in"), start("send", "out")];
    for side in &mut sides {
        assert!(side.wait().unwrap().success());
    }
    assert_eq!(fs::metadata(folder.join("in")).unwrap().len(), (BLOCKS * BLOCK_LEN) as u64);
    let most = usize::try_from(getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss()).unwrap() * 1024;
    println!("{} MiB at most", most >> 20);
    assert!(most < MOST_MEMORY, "{most} bytes");
    fs::remove_dir_all(&folder).unwrap();
}
