//! Two ortica processes call each other over real UDP and show what arrived.
//!
//! ```text
//! cargo xtask demo
//! ```
//!
//! This process calls, a child answers; descriptions cross as lines of JSON on the child's standard streams. Both sides send a
//! numbered moving picture, a tone and data, and read them back from what arrived. Where to read on:
//!
//! | file | what |
//! |---|---|
//! | `caller`, `answerer` | the two sides: signaling, and who judges |
//! | `call` | the call itself, the same on both sides |
//! | `sources` | the picture and the tone that are sent |
//! | `reception`, `pictures`, `sound` | what arrived, recorded, decoded and looked at |
//! | `data` | the data channels |
//! | `statement` | what a side says it sent and received, and whether that fits |
//! | `report` | the table |
//! | `srtp_profile` | what protects sound and pictures |
//! | `fault` | what can be broken on purpose |

mod answerer;
mod call;
mod caller;
mod data;
mod error;
mod fault;
mod pictures;
mod reception;
mod report;
mod signaling;
mod sound;
mod sources;
mod srtp_profile;
mod statement;

use clap::Parser;
use fault::Fault;
use srtp_profile::SrtpProfile;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Two ortica processes call each other.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// How long the call lasts, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long it may take to connect, and to say goodbye, in seconds.
    #[arg(long, default_value_t = 20)]
    patience: u64,
    /// Ends the data of each side after this many megabytes; unless given, they flow as long as the call.
    #[arg(long, value_name = "MEGABYTES")]
    data: Option<u64>,
    /// Where demo.ivf, demo.ogg and demo.png go.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// What protects sound and pictures; unless given, the best that both sides know.
    #[arg(long, value_enum)]
    srtp_profile: Option<SrtpProfile>,
    /// Breaks the call on purpose, to show that the demo notices.
    #[arg(long, value_enum)]
    fault: Option<Fault>,
    /// Answers instead of calling; the caller starts it so.
    #[arg(long, hide = true)]
    answer: bool,
}

impl Options {
    fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// The most bytes of data that a side sends.
    fn data_limit(&self) -> u64 {
        self.data.map_or(u64::MAX, |megabytes| megabytes.saturating_mul(1_000_000))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("there is no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (side, outcome) = match options.answer {
        true => ("the answering side", runtime.block_on(answerer::run(&options))),
        false => ("the demo", runtime.block_on(caller::run(&options))),
    };
    // Standard input may be read at this moment, which cannot be cancelled; nobody waits for it.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{side} failed: {error}");
            ExitCode::FAILURE
        }
    }
}
