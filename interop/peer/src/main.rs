//! The other side of a page that negotiates in mid-call: perfect negotiation over lines of JSON.
//!
//! ```text
//! ortica-interop-peer [polite]
//! ```
//!
//! Standard input brings what the page signals, as [`Signal`] has it, and commands; standard output takes what is signalled back,
//! and what was asked for. The end of the input ends the call.
//!
//! | file | what |
//! |---|---|
//! | `call` | the call: perfect negotiation, and what commands do to it |
//! | `command` | lines in, lines out |
//! | `film` | pictures that are sent |
//!
//! Source: [webrtc-pc §10.7, perfect negotiation](https://www.w3.org/TR/webrtc/#perfect-negotiation-example)

mod call;
mod command;
mod film;

use call::{Call, CallError};
use command::Line;
use ortica::signaling::Signal;
use ortica::{Configuration, PeerConnection};
use std::process::ExitCode;
use tokio::io::{AsyncBufReadExt, BufReader};

fn main() -> ExitCode {
    let polite = std::env::args().nth(1).as_deref() == Some("polite");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcome = runtime.block_on(run(polite));
    // Standard input may be read at this moment, which cannot be cancelled; nobody waits for it.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the peer failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(polite: bool) -> Result<(), CallError> {
    let (connection, mut events) = PeerConnection::new(Configuration::default().with_gather_loopback(true))?;
    let mut call = Call::new(connection, polite);
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => call.on_event(event)?,
                None => return Ok(()),
            },
            line = lines.next_line() => match line? {
                Some(line) => match Line::read(&line)? {
                    Line::Signal(Signal::Bye) => break,
                    Line::Signal(signal) => call.on_signal(signal)?,
                    Line::Command(command) => call.obey(command)?,
                },
                None => break,
            },
        }
    }
    call.close().await;
    Ok(())
}
