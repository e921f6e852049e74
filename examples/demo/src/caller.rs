//! The side that calls: it starts the other one, judges what both found, and prints the table.

use crate::Options;
use crate::call::{Call, Held, Side};
use crate::error::DemoError;
use crate::fault::{self, Fault};
use crate::report::Report;
use crate::signaling;
use indicatif::{ProgressBar, ProgressStyle};
use ortica::PeerConnection;
use std::process::Stdio;
use std::time::Instant;
use tokio::io::BufReader;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

pub async fn run(options: &Options) -> Result<(), DemoError> {
    std::fs::create_dir_all(&options.out).map_err(|error| DemoError::File(options.out.clone(), error))?;
    let start = Instant::now();
    let mut peer = Peer::start(options)?;
    let mut call = Call::new(options)?;
    let connection = call.connection.clone();
    let outcome = tokio::select! {
        outcome = converse(&mut call, &mut peer.to, &mut peer.from, options) => outcome,
        death = die(&mut peer.process, &connection, options) => Err(death),
    };
    let held = outcome?;
    connection.close().await;
    peer.end(options).await?;
    let report = Report { connect: held.connected.duration_since(start), held };
    report.print(options);
    report.judge()
}

/// The other process.
struct Peer {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    fn start(options: &Options) -> Result<Self, DemoError> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--answer", "--seconds", &options.seconds.to_string(), "--patience", &options.patience.to_string()])
            .args(options.data.iter().flat_map(|megabytes| ["--data".to_owned(), megabytes.to_string()]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let to = process.stdin.take().ok_or(DemoError::NoAnswer)?;
        let from = BufReader::new(process.stdout.take().ok_or(DemoError::NoAnswer)?);
        Ok(Self { process, to, from })
    }

    /// Lets it go, which it does in peace if its side went well.
    async fn end(mut self, options: &Options) -> Result<(), DemoError> {
        drop(self.to);
        let status = timeout(options.patience(), self.process.wait()).await.map_err(|_| DemoError::Stuck)??;
        if status.success() { Ok(()) } else { Err(DemoError::PeerDied(status)) }
    }
}

/// The whole call, from the offer to both statements.
async fn converse(
    call: &mut Call,
    to: &mut ChildStdin,
    from: &mut BufReader<ChildStdout>,
    options: &Options,
) -> Result<Held, DemoError> {
    signaling::write(to, fault::offer(call.describe().await?, options.fault)).await?;
    let answer = signaling::read(from).await?;
    call.connection.set_remote_description(fault::answer(answer, options.fault))?;
    let bar = ProgressBar::new(options.length().as_millis() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {msg}") {
        bar.set_style(style);
    }
    // Whatever is slow, it is not as slow as this.
    let limit = options.length() + options.patience() * 3;
    let held = timeout(limit, call.hold(Side::Caller, options, &bar)).await.unwrap_or(Err(DemoError::Stuck));
    bar.finish_and_clear();
    held
}

/// Waits for the other process to end, which it should not; a fault has it killed.
async fn die(process: &mut Child, connection: &PeerConnection, options: &Options) -> DemoError {
    if options.fault == Some(Fault::KillPeer) && connection.connected().await.is_ok() {
        sleep(options.length() / 2).await;
        if let Err(error) = process.start_kill() {
            return error.into();
        }
    }
    match process.wait().await {
        Ok(status) => DemoError::PeerDied(status),
        Err(error) => error.into(),
    }
}
