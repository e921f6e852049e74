//! coturn, as a TURN server of the tests' own.
#![allow(dead_code, reason = "each test uses its part")]

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub const USER: &str = "user";
pub const PASSWORD: &str = "secret";
/// The certificate that it shows over TLS and DTLS, for `localhost` and 127.0.0.1, and the key.
pub const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/whip/localhost.pem");

/// One that runs until it is dropped.
pub struct Coturn {
    child: Child,
    dir: PathBuf,
    /// For UDP and TCP.
    pub port: u16,
    /// For TLS and DTLS.
    pub tls_port: u16,
}

impl Coturn {
    /// On loopback. `None`, said aloud, where it is not installed.
    pub fn start() -> Option<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST, free_ports(), CERTIFICATE)
    }

    /// At an address of this machine, from where it lends others; ports for UDP and TCP, and for TLS and DTLS, where it shows that
    /// certificate.
    /// `None`, said aloud, where it is not installed.
    pub fn start_at(ip: Ipv4Addr, [port, tls_port]: [u16; 2], certificate: &str) -> Option<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("ortica-coturn-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("there is room for files");
        let path = |name: &str| dir.join(name).display().to_string();
        let started = Command::new("turnserver")
            .args(["-n", "--no-cli", "--lt-cred-mech", "--fingerprint", "--allow-loopback-peers"])
            .args(["--listening-ip", &ip.to_string(), "--relay-ip", &ip.to_string(), "--realm", "ortica.test"])
            .args(["--listening-port", &port.to_string(), "--tls-listening-port", &tls_port.to_string()])
            .args(["--user", &format!("{USER}:{PASSWORD}"), "--relay-threads", "1"])
            .args(["--cert", certificate, "--pkey", certificate, "--log-file", "stdout", "--simple-log"])
            .args(["--db", &path("db"), "--pidfile", &path("pid")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                eprintln!("skipped: no coturn here ({error}); `cargo xtask install coturn` has it");
                return None;
            }
        };
        // Its log comes in blocks, so that the port itself is asked. It listens to datagrams before it takes connections.
        while TcpStream::connect((ip, tls_port)).is_err() {
            assert!(child.try_wait().expect("it is a child").is_none(), "coturn ended before it listened");
            std::thread::yield_now();
        }
        Some(Self { child, dir, port, tls_port })
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Ports that nobody had a moment ago.
pub fn free_ports() -> [u16; 2] {
    let bound = [0, 1].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports"));
    bound.map(|listener| listener.local_addr().expect("it is bound").port())
}
