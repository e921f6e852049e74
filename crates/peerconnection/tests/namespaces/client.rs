//! One side of a call, in a process of its own, which does what it is told on its standard input.

use crate::coturn::{PASSWORD, USER};
use crate::exact::exchange_here;
use ortica::jsep::SignalingState;
use ortica::signaling::Signal;
use ortica::stats::{CandidateReport, StatsKind};
use ortica::{Configuration, DataChannel, DataChannelInit, Event, IceServer, PeerConnection, TcpCandidates};
use std::path::Path;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// Set in the environment of such a process: URLs of servers, with spaces in between, among which [`AT_ONCE`] may be.
pub const SERVERS: &str = "ORTICA_SERVERS_OF_A_CLIENT";

/// In place of a URL: connections are opened to the other side while it opens them to here.
pub const AT_ONCE: &str = "at-once";

/// The certificate that the server shows over TLS, which vouches for itself.
pub const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/namespaces/turn.pem");

/// Whether this is such a process.
pub fn is_one() -> bool {
    std::env::var_os(SERVERS).is_some()
}

/// Does what it is told, until nobody tells it anything any more.
///
/// Lines in and out that begin with a brace are signals. The others that come in are commands, and are answered by a line that begins
/// with `=`:
///
/// | command | answer |
/// |---|---|
/// | `call` | `open`, once the channel is; the side that is called says so by itself |
/// | `exchange COUNT` | `exchanged`, once so many messages have come as the other side was to send them |
/// | `pair` | `pair` and each end of the pair in use: how its owner came by it, and over what it is lent or else reached |
/// | `states` | `states` and those of the connection so far |
pub fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(obey());
    // Standard input may be read at this moment, which cannot be cancelled.
    runtime.shutdown_background();
}

fn configuration() -> Configuration {
    let words = std::env::var(SERVERS).unwrap();
    let (at_once, urls): (Vec<&str>, Vec<&str>) = words.split_whitespace().partition(|word| *word == AT_ONCE);
    let server = |url: &str| match url.starts_with("stun") {
        true => IceServer::new(url),
        false => IceServer::new(url).with_credentials(USER, PASSWORD),
    };
    let root = CertificateDer::from_pem_file(Path::new(CERTIFICATE)).unwrap();
    Configuration::default()
        .with_tcp(if at_once.is_empty() { TcpCandidates::default() } else { TcpCandidates::SimultaneousOpen })
        .with_ice_servers(urls.into_iter().map(server).collect())
        .with_turn_roots(vec![root.to_vec()])
}

async fn obey() {
    let (connection, mut events) = PeerConnection::new(configuration()).unwrap();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut channel = None;
    let mut states = Vec::new();
    // The name of the test stands in this line.
    println!();
    loop {
        tokio::select! {
            event = events.next() => match event.unwrap() {
                Event::IceCandidate(candidate) => println!("{}", Signal::Candidate(candidate.unwrap_or_default()).to_json()),
                Event::ConnectionStateChange(state) => states.push(state.to_string()),
                Event::DataChannel(it) => {
                    channel = Some(it);
                    println!("= open");
                }
                _ => {}
            },
            line = lines.next_line() => {
                let Some(line) = line.unwrap() else { break };
                let mut words = line.split(' ');
                match words.next().unwrap() {
                    "call" => channel = Some(call(&connection)),
                    "exchange" => {
                        let (channel, count) = (channel.clone().unwrap(), words.next().unwrap().parse().unwrap());
                        tokio::spawn(async move {
                            exchange_here(&channel, count).await;
                            println!("= exchanged");
                        });
                    }
                    "pair" => println!("= pair {}", pair(&connection).unwrap_or_default()),
                    "states" => println!("= states {}", states.join(" ")),
                    _ => hear(&connection, Signal::from_json(&line).unwrap()),
                }
            }
        }
    }
    connection.close().await;
}

fn call(connection: &PeerConnection) -> DataChannel {
    let channel = connection.create_data_channel("chat", DataChannelInit::default()).unwrap();
    describe(connection);
    let opening = channel.clone();
    tokio::spawn(async move {
        assert!(opening.opened().await);
        println!("= open");
    });
    channel
}

fn hear(connection: &PeerConnection, signal: Signal) {
    match signal {
        Signal::Description(description) => connection.set_remote_description(description).unwrap(),
        Signal::Candidate(candidate) => connection.add_ice_candidate(&candidate).unwrap(),
        _ => panic!("{signal:?}"),
    }
    if connection.signaling_state() == SignalingState::HaveRemoteOffer {
        describe(connection);
    }
}

fn describe(connection: &PeerConnection) {
    connection.set_local_description(None).unwrap();
    println!("{}", Signal::from(connection.local_description().unwrap()).to_json());
}

/// Both ends of the pair in use.
fn pair(connection: &PeerConnection) -> Option<String> {
    let report = connection.get_stats();
    let pair = report.selected_candidate_pair()?;
    let end = |it: &CandidateReport| {
        let over = it.relay_protocol.map_or(it.protocol.clone(), |protocol| protocol.to_string());
        format!("{} {over}", it.candidate_type)
    };
    let ends = [&pair.local_candidate_id, &pair.remote_candidate_id].map(|id| match &report.get(id)?.kind {
        StatsKind::LocalCandidate(it) | StatsKind::RemoteCandidate(it) => Some(end(it)),
        _ => None,
    });
    let [local, remote] = ends;
    Some(format!("{} {}", local?, remote?))
}
