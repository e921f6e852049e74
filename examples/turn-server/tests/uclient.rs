//! coturn's client loads the server, and loses nothing.

#[path = "common/server.rs"]
mod server;

use server::Server;
use std::process::{Command, Stdio};

/// How many each of the clients sends.
const MESSAGES: u32 = 100;

/// What the client says in the end: so many packets sent to itself, by way of two allocations, and how many were lost.
fn run(server: &Server, options: &[&str]) -> Option<String> {
    let client = Command::new("turnutils_uclient")
        // Client to client, no RTCP, so many messages of so many bytes, a message each few milliseconds. By indications, for it draws
        // its channels from the numbers of RFC 5766, three quarters of which RFC 8656 took back.
        .args(format!("-y -c -s -n {MESSAGES} -l 500 -z 5 -m 4 -u alice -w wonder").split_whitespace())
        .args(options)
        .args(["-p", &server.port.to_string(), "127.0.0.1"])
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
fn turn_8_uclient_loses_nothing_over_connections_between_its_clients() {
    loses_nothing(&["-T"]);
}

#[test]
fn a_wrong_password_gets_nothing() {
    let server = Server::start();
    let client = Command::new("turnutils_uclient")
        .args(["-y", "-c", "-n", "1", "-u", "alice", "-w", "guess", "-p", &server.port.to_string(), "127.0.0.1"])
        .stdin(Stdio::null())
        .output();
    match client {
        Ok(output) => assert!(!output.status.success(), "a wrong password is refused"),
        Err(error) => println!("skipped: there is no turnutils_uclient here (cargo xtask install coturn): {error}"),
    }
}
