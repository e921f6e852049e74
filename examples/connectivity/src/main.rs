//! Prints what of the network works from here: the addresses of this host, what the NAT before it does, and which STUN and TURN servers
//! help, how fast, or why not.
//!
//! ```text
//! cargo run -p connectivity -- stun:stun.example.org turn:turn.example.org 'turns:turn.example.org?transport=tcp' \
//!     --username name --credential password
//! ```

use clap::Parser;
use ortica::driver::stun_over_tls;
use ortica::ice::{Candidate, CandidateKind};
use ortica::{
    Configuration, DataChannelInit, Endpoint, EndpointConfig, Event, IceScheme, IceServer, IceUrl, IceUrlTransport,
    PeerConnection, nat_behavior,
};
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Prints what of the network works from here.
#[derive(Debug, Parser)]
struct Arguments {
    /// Servers: stun:HOST[:PORT], stuns:HOST[:PORT], turn:HOST[:PORT][?transport=udp|tcp], turns:HOST[:PORT][?transport=udp|tcp].
    servers: Vec<String>,
    /// Who asks, for TURN.
    #[arg(long, default_value = "")]
    username: String,
    /// The password, for TURN.
    #[arg(long, default_value = "")]
    credential: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let mut servers = Vec::new();
    for url in arguments.servers {
        let server = IceServer::new(&url).with_credentials(&arguments.username, &arguments.credential);
        servers.push((server.parse()?, server, url));
    }
    show_addresses()?;
    let mut tasks = JoinSet::new();
    for (place, (parsed, server, url)) in servers.into_iter().enumerate() {
        tasks.spawn(async move { (place, nat(parsed).await, help(server).await, url) });
    }
    let mut rows = tasks.join_all().await;
    rows.sort_by_key(|(place, ..)| *place);
    for (_, nat, _, url) in &rows {
        if let Some(nat) = nat {
            println!("{:<12}{nat} (by {url})", "NAT");
        }
    }
    let width = rows.iter().map(|(.., url)| url.len()).max().unwrap_or_default();
    for (_, _, help, url) in &rows {
        println!("{:<12}{url:<width$}  {help}", "server");
    }
    Ok(())
}

fn show_addresses() -> Result<(), Box<dyn Error>> {
    let local = Endpoint::new(EndpointConfig::default())?.local_addresses();
    for address in &local {
        println!("{:<12}{}", "address", address.ip());
    }
    for (family, is_it) in [("IPv4", SocketAddr::is_ipv4 as fn(&SocketAddr) -> bool), ("IPv6", SocketAddr::is_ipv6)] {
        if !local.iter().any(is_it) {
            println!("{:<12}none of {family}", "address");
        }
    }
    Ok(())
}

/// What the NAT before this host does, as a server over UDP shows it; `None` for other servers.
async fn nat(urls: Vec<IceUrl>) -> Option<String> {
    let speaks_udp = |url: &IceUrl| url.transport.is_none_or(|it| it == IceUrlTransport::Udp);
    let url =
        urls.into_iter().find(|url| matches!(url.scheme, IceScheme::Stun | IceScheme::Turn) && speaks_udp(url))?;
    let found = tokio::net::lookup_host((url.host.to_string(), url.port)).await;
    let Some(server) = found.ok().and_then(|mut found| found.next()) else {
        return Some("not known: the server's name has no address".to_owned());
    };
    let behavior = match nat_behavior(server).await {
        Ok(behavior) => behavior,
        Err(error) => return Some(format!("not known: {error}")),
    };
    let Some(hairpin) = behavior.hairpin else { return Some(format!("none: seen as {}", behavior.mapped)) };
    let said = |what| match what {
        Some(dependence) => format!("{dependence}"),
        None => "not known".to_owned(),
    };
    Some(format!(
        "seen as {}; mapping {}; filtering {}; hairpin {}",
        behavior.mapped,
        said(behavior.mapping),
        said(behavior.filtering),
        if hairpin { "yes" } else { "no" }
    ))
}

/// What a server gives, and how fast.
async fn help(server: IceServer) -> String {
    let mut urls = server.parse().into_iter().flatten();
    if let Some(url) = urls.find(|url| url.scheme == IceScheme::Stuns) {
        let began = Instant::now();
        return match ask_over_tls(&url).await {
            Ok(mapped) => format!("{:>6} ms  sees this host at {mapped} over TLS", began.elapsed().as_millis()),
            Err(reason) => format!("failed     {reason}"),
        };
    }
    match ask(server).await {
        Ok((time, candidate)) => {
            let kind = if candidate.kind == CandidateKind::Relayed { "relays at" } else { "sees this host at" };
            format!("{:>6} ms  {kind} {}", time.as_millis(), Place(&candidate))
        }
        Err(reason) => format!("failed     {reason}"),
    }
}

/// Where a STUN server sees a connection of this host's.
async fn ask_over_tls(url: &IceUrl) -> Result<SocketAddr, String> {
    let host = url.host.to_string();
    let found = tokio::net::lookup_host((host.as_str(), url.port)).await;
    let server = found.ok().and_then(|mut found| found.next()).ok_or("the server's name has no address")?;
    let mapping = stun_over_tls(server, &host, Vec::new()).await;
    mapping.map(|mapping| mapping.mapped).map_err(|error| error.to_string())
}

/// The address of a candidate.
struct Place<'a>(&'a Candidate);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.socket_addr() {
            Some(address) => address.fmt(f),
            None => self.0.address.fmt(f),
        }
    }
}

/// Gathers with the help of one server alone.
async fn ask(server: IceServer) -> Result<(Duration, Candidate), String> {
    let wanted = if server.parse().is_ok_and(|urls| urls.iter().any(|url| url.scheme.is_turn())) {
        CandidateKind::Relayed
    } else {
        CandidateKind::ServerReflexive
    };
    let configuration = Configuration::default().with_ice_servers(vec![server]);
    let (connection, mut events) = PeerConnection::new(configuration).map_err(|error| error.to_string())?;
    let began = Instant::now();
    connection.create_data_channel("", DataChannelInit::default()).map_err(|error| error.to_string())?;
    connection.set_local_description(None).map_err(|error| error.to_string())?;
    let mut failure = None;
    while let Some(event) = events.next().await {
        match event {
            Event::IceCandidate(Some(candidate)) => {
                let parsed = candidate.candidate.parse::<Candidate>().ok();
                if let Some(candidate) = parsed.filter(|candidate| candidate.kind == wanted) {
                    return Ok((began.elapsed(), candidate));
                }
            }
            Event::IceCandidate(None) => break,
            Event::IceCandidateError(error) => {
                failure.get_or_insert(format!("{}: {}", error.error_code, error.error_text));
            }
            _ => {}
        }
    }
    // Where there is no NAT, what a STUN server says is known already.
    Err(failure.unwrap_or_else(|| "it shows nothing beyond the addresses of this host".to_owned()))
}
