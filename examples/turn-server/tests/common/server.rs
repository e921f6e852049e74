//! The server of this package, as a program on loopback.
#![allow(dead_code, reason = "each test uses its part")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// What it shows over DTLS: for `localhost`, and vouches for itself.
pub const CERTIFICATE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/peerconnection/testdata/whip/localhost.pem");

/// One that ends with its test.
pub struct Server {
    process: Child,
    pub port: u16,
    /// For DTLS.
    pub dtls_port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    pub fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_turn-server"))
            .args(["--listen", "127.0.0.1", "--port", "0", "--relay-ip", "127.0.0.1"])
            .args(["--certificate", CERTIFICATE, "--dtls-port", "0"])
            .args(["--allow-peer", "127.0.0.1", "--user", "alice:wonder", "--realm", "example.org", "--tcp-relay"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut port = |suffix: &str| {
            let line = lines.next().expect("a line").expect("it can be read");
            let port = line.strip_prefix("listening on 127.0.0.1:").and_then(|rest| rest.strip_suffix(suffix));
            port.and_then(|port| port.parse().ok()).expect("where it listens")
        };
        let (port, dtls_port) = (port(""), port(" for DTLS"));
        Self { process, port, dtls_port }
    }
}
