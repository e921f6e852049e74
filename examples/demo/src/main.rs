//! Two ortica processes call each other over real UDP and show what arrived.
//!
//! ```text
//! cargo xtask demo
//! ```
//!
//! This process calls, a child answers; descriptions cross as lines of JSON on the child's standard streams.

mod answerer;
mod caller;
mod wire;

use clap::{Parser, ValueEnum};
use std::process::ExitCode;
use std::time::Duration;

/// Two ortica processes call each other.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// How long data flows, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Breaks the call on purpose, to show that the demo notices.
    #[arg(long, value_enum)]
    fault: Option<Fault>,
    /// Answers instead of calling; the caller starts it so.
    #[arg(long, hide = true)]
    answer: bool,
}

/// What to break.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Fault {
    /// The caller is told another fingerprint than the answerer's.
    WrongFingerprint,
    /// Both sides are told addresses where nobody listens.
    TotalLoss,
    /// The answerer dies in the middle.
    KillPeer,
}

/// How long a call may take to connect before the demo gives up.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = if options.answer { answerer::run().await } else { caller::run(&options).await };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}
