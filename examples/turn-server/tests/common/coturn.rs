//! A coturn of the tests' own on loopback.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};

/// One that ends with its test.
pub struct Coturn {
    process: Child,
    pub address: SocketAddr,
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Coturn {
    /// `None`, aloud, where there is no coturn.
    pub fn start() -> Option<Self> {
        // Free now, and most likely still in a moment.
        let address = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
        let files = std::env::temp_dir().join(format!("ortica-coturn-{}", address.port()));
        let process = Command::new("turnserver")
            .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--allow-loopback-peers", "--lt-cred-mech"])
            .args(["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--realm", "example.org"])
            .args(["--user", "alice:wonder", "--listening-port", &address.port().to_string(), "--log-file", "stdout"])
            .arg("--pidfile")
            .arg(files.with_extension("pid"))
            .arg("--userdb")
            .arg(files.with_extension("db"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match process {
            Ok(process) => Some(Self { process, address }),
            Err(error) => {
                println!("skipped: there is no turnserver here (cargo xtask install coturn): {error}");
                None
            }
        }
    }
}
