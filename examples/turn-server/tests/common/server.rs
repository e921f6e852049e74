//! The server of this package, as a program on loopback.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// One that ends with its test.
pub struct Server {
    process: Child,
    pub port: u16,
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
            .args(["--allow-peer", "127.0.0.1", "--user", "alice:wonder", "--realm", "example.org", "--tcp-relay"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let port = line.trim().strip_prefix("listening on 127.0.0.1:").and_then(|port| port.parse().ok());
        Self { process, port: port.expect("where it listens") }
    }
}
