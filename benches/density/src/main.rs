//! Many connections on one UDP port that do nothing but keep up consent (RFC 7675), many that begin at once beside them, and packets of
//! strangers.
//!
//! ```text
//! cargo run --release -p ortica-bench-density               # prints the figures
//! cargo run --release -p ortica-bench-density -- --bars     # fails where one misses its bar
//! cargo run --release -p ortica-bench-density -- --check    # fails where a connection is lost or disturbed
//!     --connections 10000 --settling 40 --seconds 60 --burst 1000 --hostile 100000
//!     --media                                               # a section of sound and one of video in each
//! ```
//!
//! This process has one end of each connection, all at one endpoint with one socket; a second process has the others, each with a
//! socket of its own. What is counted is this process: all that its allocator gave out since before the endpoint was made, the
//! driver's buffers and tables included, and with them what an application has to keep of a connection, which is its handles and the task
//! that reads its events. What the kernel holds for sockets is not counted.

#[path = "../../path/src/allocations.rs"]
mod allocations;
mod calls;
mod clients;
mod flood;
mod lines;
mod options;
mod process;
mod server;

use options::Options;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(refused) => {
            eprintln!("{refused}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    if let Some(port) = options.clients_of {
        return match runtime.block_on(clients::run(port, options.media)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("the other process: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let outcome = match runtime.block_on(server::run(&options)) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{outcome}");
    let mut passed = true;
    for missed in outcome.misses(&options) {
        eprintln!("misses its bar: {missed}");
        passed = false;
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
