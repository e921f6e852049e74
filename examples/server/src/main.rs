//! A server that browsers call: sound, pictures and data come back.
//!
//! ```text
//! cargo xtask serve --port 8080
//! ```

mod calls;
mod channel;
mod echo;
mod http;
mod transform;

use clap::Parser;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Answers calls of browsers.
#[derive(Debug, Parser)]
struct Options {
    /// Address to listen on for HTTP.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on for HTTP.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Logs states and decisions.
    #[arg(long)]
    verbose: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let level = if options.verbose { log::LevelFilter::Debug } else { log::LevelFilter::Warn };
    env_logger::Builder::new().filter_level(level).init();
    let calls = calls::Calls::new()?;
    let listener = tokio::net::TcpListener::bind(SocketAddr::new(options.host, options.port)).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, http::router(calls.clone())).with_graceful_shutdown(interrupted()).await?;
    calls.close_all().await;
    Ok(())
}

async fn interrupted() {
    // Without a signal handler the server runs until it is killed, which is no worse.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
