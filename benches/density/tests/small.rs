//! A small run of the bench, with what of it does not hang on how fast the machine is.
#![allow(missing_docs, reason = "tests")]

use std::process::Command;

/// In KiB. Of so few connections each has a larger share of the driver than of ten thousand, for which the bar is 24; before their first
/// rest they were seen to hold 31.6.
const MOST_HEAP: f64 = 34.0;

/// Guards the bench, and the heap of connections over real sockets with their share of the driver; that consent is kept for all of
/// them, beside others that begin at once; and that duplicated hellos, forged checks and noise disturb none.
#[test]
fn flt_45_cve_12_idle_connections_hold_little_and_are_not_disturbed() {
    let output = Command::new(env!("CARGO_BIN_EXE_ortica-bench-density"))
        .args("--connections 400 --settling 18 --seconds 8 --burst 50 --hostile 12000 --check".split(' '))
        .output()
        .expect("the bench was built");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{out}\n{err}");
    assert_eq!(out.matches("bar: ").count(), 5, "{out}");
    assert!(out.contains("450 of 450 connections carry messages"), "{out}");
    assert!(out.contains("a message over each at the same moment: 450 of 450 there and back"), "{out}");
    let heap = out.split("on one port: ").nth(1).and_then(|rest| rest.split(' ').next());
    let heap: f64 = heap.and_then(|heap| heap.parse().ok()).expect("the bench says how much heap");
    assert!(heap <= MOST_HEAP, "{heap} KiB");
}
