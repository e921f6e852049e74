//! coturn's client loads the server, and loses nothing.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// How many each of the clients sends.
const MESSAGES: u32 = 100;

/// The server of this test, which ends with it.
struct Server {
    process: Child,
    port: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_turn-server"))
            .args(["--listen", "127.0.0.1", "--port", "0", "--relay-ip", "127.0.0.1"])
            .args(["--allow-peer", "127.0.0.1", "--user", "alice:wonder", "--realm", "example.org"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let port = line.trim().strip_prefix("listening on 127.0.0.1:").expect("where it listens").to_owned();
        Self { process, port }
    }
}

/// What the client says in the end: so many packets sent to itself, by way of two allocations, and how many were lost.
fn run(server: &Server, options: &[&str]) -> Option<String> {
    let client = Command::new("turnutils_uclient")
        // Client to client, no RTCP, so many messages of so many bytes, a message each few milliseconds. By indications, for it draws
        // its channels from the numbers of RFC 5766, three quarters of which RFC 8656 took back.
        .args(format!("-y -c -s -n {MESSAGES} -l 500 -z 5 -m 4 -u alice -w wonder").split_whitespace())
        .args(options)
        .args(["-p", &server.port, "127.0.0.1"])
        .stdin(Stdio::null())
        .output();
    match client {
        Ok(output) => {
            let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
            assert!(output.status.success(), "{options:?}: {text}");
            Some(text)
        }
        Err(error) => {
            println!("skipped: there is no turnutils_uclient here (cargo xtask install coturn): {error}");
            None
        }
    }
}

fn loses_nothing(options: &[&str]) {
    let server = Server::start();
    let Some(text) = run(&server, options) else { return };
    assert!(text.contains("Total lost packets 0 "), "{options:?}: {text}");
    // The last line with counts has all of them.
    let count = |name: &str| -> u32 {
        let (_, rest) = text.rsplit_once(name).unwrap_or_default();
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
    };
    let (sent, received) = (count("tot_send_msgs="), count("tot_recv_msgs="));
    assert!(sent >= MESSAGES && sent == received, "{options:?}: {text}");
}

#[test]
fn turn_1_uclient_loses_nothing_over_udp() {
    loses_nothing(&[]);
}

#[test]
fn turn_3_uclient_loses_nothing_over_tcp() {
    loses_nothing(&["-t"]);
}

#[test]
fn a_wrong_password_gets_nothing() {
    let server = Server::start();
    let client = Command::new("turnutils_uclient")
        .args(["-y", "-c", "-n", "1", "-u", "alice", "-w", "guess", "-p", &server.port, "127.0.0.1"])
        .stdin(Stdio::null())
        .output();
    match client {
        Ok(output) => assert!(!output.status.success(), "a wrong password is refused"),
        Err(error) => println!("skipped: there is no turnutils_uclient here (cargo xtask install coturn): {error}"),
    }
}
