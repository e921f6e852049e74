//! TCP to the host that a URL names.

use std::io;
use tokio::net::TcpStream;
use url::{Host, Url};

/// Connects to the host of a URL, at its port or the one that its scheme implies.
pub async fn connect(url: &Url) -> io::Result<TcpStream> {
    match url.host().zip(url.port_or_known_default()) {
        Some((Host::Domain(name), port)) => TcpStream::connect((name, port)).await,
        Some((Host::Ipv4(ip), port)) => TcpStream::connect((ip, port)).await,
        Some((Host::Ipv6(ip), port)) => TcpStream::connect((ip, port)).await,
        None => Err(io::ErrorKind::InvalidInput.into()),
    }
}
