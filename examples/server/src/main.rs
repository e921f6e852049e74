//! A server that browsers call: sound, pictures and data come back.
//!
//! ```text
//! cargo xtask serve --port 8080
//! ```

mod calls;
mod channel;
mod echo;
mod http;
mod recording;
mod tls;
mod transform;

use clap::Parser;
#[cfg(feature = "ffmpeg")]
use ortica::codecs::{Codec, coder, ffmpeg::VideoEncoders};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

/// Answers calls of browsers.
#[derive(Debug, Parser)]
struct Options {
    /// Address to listen on for HTTP.
    ///
    /// Away from this machine, browsers give a page camera and microphone only over HTTPS.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on for HTTP.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Speaks HTTPS with this certificate and those above it, in PEM.
    #[arg(long, requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// The private key of the certificate, in PEM.
    #[arg(long, requires = "cert_file")]
    key_file: Option<PathBuf>,
    /// Records what callers send; FILE.webm becomes FILE-ID.webm, with the id of each call.
    #[arg(long, value_name = "FILE")]
    record_to: Option<PathBuf>,
    /// Logs states and decisions.
    #[arg(long)]
    verbose: bool,
}

// One thread carries the packets of all calls: codecs have threads of their own, and who transforms pictures is given others.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let level = if options.verbose { log::LevelFilter::Debug } else { log::LevelFilter::Warn };
    env_logger::Builder::new().filter_level(level).init();
    // A certificate that cannot be read is said before anything is opened.
    let tls = match (&options.cert_file, &options.key_file) {
        (Some(certificate), Some(key)) => Some(tls::acceptor(certificate, key)?),
        _ => None,
    };
    // Nobody else encodes it.
    #[cfg(feature = "ffmpeg")]
    coder::register_video(VideoEncoders::new(Codec::Av1)?);
    let calls = calls::Calls::new()?.with_record_to(options.record_to);
    let listener = tokio::net::TcpListener::bind(SocketAddr::new(options.host, options.port)).await?;
    let address = listener.local_addr()?;
    let router = http::router(calls.clone());
    match tls {
        None => {
            println!("http://{address}");
            axum::serve(listener, router).with_graceful_shutdown(interrupted()).await?;
        }
        Some(acceptor) => {
            println!("https://{address}");
            let listener = tls::TlsListener::new(listener, acceptor);
            axum::serve(listener, router).with_graceful_shutdown(interrupted()).await?;
        }
    }
    calls.close_all().await;
    Ok(())
}

async fn interrupted() {
    // Without a signal handler the server runs until it is killed, which is no worse.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
