//! The other side of a page that negotiates in mid-call: perfect negotiation over lines of JSON.
//!
//! ```text
//! ortica-interop-peer [polite] [ecdsa|rsa|ed25519] [listen] [hidden] [relay=USER:PASSWORD@URL]
//! ```
//!
//! Standard input brings what the page signals, as [`Signal`] has it, and commands; standard output takes what is signalled back,
//! and what was asked for. The end of the input ends the call. A kind of key is that of the certificate. With `listen` connections are
//! taken over TCP, with `hidden` names are shown in place of addresses, and with `relay` it is reached by way of that TURN server alone.
//!
//! | file | what |
//! |---|---|
//! | `call` | the call: perfect negotiation, and what commands do to it |
//! | `command` | lines in, lines out |
//! | `media` | what is sent, and what is made of what comes |
//! | `source` | pictures and sound that are sent |
//! | `watch`, `number` | pictures that come, and the numbers in them |
//! | `ear` | keys of a telephone that come |
//! | `options` | what the program is started with |
//!
//! Source: [webrtc-pc §10.7, perfect negotiation](https://www.w3.org/TR/webrtc/#perfect-negotiation-example)

mod call;
mod command;
mod ear;
mod media;
mod number;
mod options;
mod source;
mod watch;

use call::{Call, CallError};
use command::Line;
use options::{Options, USAGE};
use ortica::PeerConnection;
use ortica::signaling::Signal;
use std::process::ExitCode;
use tokio::io::{AsyncBufReadExt, BufReader};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(word) => {
            eprintln!("what is {word:?}? {USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcome = runtime.block_on(run(options));
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

async fn run(options: Options) -> Result<(), CallError> {
    let (connection, mut events) = PeerConnection::new(options.configuration()?)?;
    let mut call = Call::new(connection, options.polite);
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
