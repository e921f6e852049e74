//! The side that calls: it sends, measures, and prints the table.

use crate::wire::{DemoError, Line, MESSAGE_LEN, Receipt, Tally};
use crate::{CONNECT_LIMIT, Fault, Options};
use indicatif::{ProgressBar, ProgressStyle};
use ortica::jsep::SessionDescription;
use ortica::{Configuration, DataChannel, DataChannelInit, Message, PeerConnection};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long the last words may take after the data.
const RECEIPT_LIMIT: Duration = Duration::from_secs(20);
/// Between two round trips that are measured.
const PING_INTERVAL: Duration = Duration::from_millis(100);

/// What was measured.
struct Report {
    connect: Duration,
    send_time: Duration,
    receipt: Receipt,
    round_trips: Vec<Duration>,
}

pub async fn run(options: &Options) -> Result<(), DemoError> {
    let program = std::env::current_exe()?;
    let mut child = Command::new(program)
        .arg("--answer")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let report = call(options, &mut child).await;
    // It ends by itself when the call does; after a fault it may not have had one.
    let _ = child.kill().await;
    print(&report?);
    Ok(())
}

async fn call(options: &Options, child: &mut Child) -> Result<Report, DemoError> {
    let start = Instant::now();
    let (connection, _events) = PeerConnection::new(Configuration::default())?;
    let bulk = connection.create_data_channel("bulk", DataChannelInit::default())?;
    let pings = connection.create_data_channel("pings", DataChannelInit::default())?;
    connection.set_local_description(None)?;
    connection.gathering_complete().await;
    let offer = connection.local_description().ok_or(DemoError::Ended)?;
    let answer = exchange(child, broken(offer, options.fault.filter(|fault| *fault == Fault::TotalLoss))).await?;
    connection.set_remote_description(broken(answer, options.fault))?;
    let connected = timeout(CONNECT_LIMIT, async { connection.connected().await.is_ok() && bulk.opened().await });
    if !connected.await.unwrap_or(false) {
        return Err(DemoError::NotConnected);
    }
    let connect = start.elapsed();
    let round_trips = Arc::new(Mutex::new(Vec::new()));
    let measuring = tokio::spawn(measure(pings, round_trips.clone()));
    let length = Duration::from_secs(options.seconds);
    let (tally, send_time) = send(&bulk, length, child, options.fault).await?;
    let receipt = timeout(RECEIPT_LIMIT, last_words(&bulk)).await.map_err(|_| DemoError::Ended)??;
    measuring.abort();
    let expected = tally.receipt();
    if receipt != expected {
        return Err(DemoError::Different(receipt));
    }
    connection.close().await;
    let round_trips = round_trips.lock().map(|all| all.clone()).unwrap_or_default();
    Ok(Report { connect, send_time, receipt, round_trips })
}

async fn exchange(child: &mut Child, offer: SessionDescription) -> Result<SessionDescription, DemoError> {
    let mut to = child.stdin.take().ok_or(DemoError::NoAnswer)?;
    let from = child.stdout.take().ok_or(DemoError::NoAnswer)?;
    to.write_all(serde_json::to_string(&Line::from(offer))?.as_bytes()).await?;
    to.write_all(b"\n").await?;
    let line = BufReader::new(from).lines().next_line().await?.ok_or(DemoError::NoAnswer)?;
    Ok(serde_json::from_str::<Line>(&line)?.try_into()?)
}

/// The description as the fault has it.
fn broken(mut description: SessionDescription, fault: Option<Fault>) -> SessionDescription {
    let change = |line: &str| match fault {
        Some(Fault::WrongFingerprint) if line.starts_with("a=fingerprint:") => {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            let flipped = if value.starts_with('0') { "1" } else { "0" };
            format!("{name} {flipped}{}", value.get(1..).unwrap_or_default())
        }
        // The discard port: nobody answers there.
        Some(Fault::TotalLoss) if line.starts_with("a=candidate:") => {
            let mut words: Vec<&str> = line.split(' ').collect();
            if let Some(port) = words.get_mut(5) {
                *port = "9";
            }
            words.join(" ")
        }
        _ => line.to_owned(),
    };
    description.sdp = description.sdp.lines().map(change).map(|line| line + "\r\n").collect();
    description
}

/// Sends for `length`, with a bar that shows it.
async fn send(
    bulk: &DataChannel,
    length: Duration,
    child: &mut Child,
    fault: Option<Fault>,
) -> Result<(Tally, Duration), DemoError> {
    let bar = ProgressBar::new(length.as_millis() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {msg}") {
        bar.set_style(style);
    }
    let mut tally = Tally::default();
    let mut message = vec![0; MESSAGE_LEN];
    let start = Instant::now();
    let mut number = 0u64;
    let mut killed = false;
    while start.elapsed() < length {
        // Each message differs, so that one that is lost or doubled changes the hash.
        message[..8].copy_from_slice(&number.to_be_bytes());
        number += 1;
        tally.add(&message);
        let sent = timeout(RECEIPT_LIMIT, bulk.send(message.clone())).await;
        sent.map_err(|_| DemoError::Ended)??;
        bar.set_position(start.elapsed().as_millis() as u64);
        bar.set_message(format!("{} MB", number * MESSAGE_LEN as u64 / 1_000_000));
        if fault == Some(Fault::KillPeer) && !killed && start.elapsed() > length / 2 {
            killed = true;
            child.kill().await?;
        }
    }
    bar.finish();
    Ok((tally, start.elapsed()))
}

async fn last_words(bulk: &DataChannel) -> Result<Receipt, DemoError> {
    bulk.send("end").await?;
    match bulk.recv().await {
        Some(Message::Text(receipt)) => Ok(serde_json::from_str(&receipt)?),
        _ => Err(DemoError::Ended),
    }
}

/// Measures round trips until it is stopped or the channel ends.
async fn measure(pings: DataChannel, round_trips: Arc<Mutex<Vec<Duration>>>) {
    while pings.opened().await {
        let start = Instant::now();
        if pings.send("ping").await.is_err() || pings.recv().await.is_none() {
            break;
        }
        if let Ok(mut all) = round_trips.lock() {
            all.push(start.elapsed());
        }
        tokio::time::sleep(PING_INTERVAL).await;
    }
}

fn print(report: &Report) {
    let mut sorted = report.round_trips.clone();
    sorted.sort();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let rate = report.receipt.bytes as f64 / report.send_time.as_secs_f64() / 1e6;
    println!("connected after   {:>10.1} ms", report.connect.as_secs_f64() * 1e3);
    println!("round trip (p50)  {:>10.2} ms, with the bulk transfer beside it", median.as_secs_f64() * 1e3);
    println!("data              {rate:>10.1} MB/s");
    println!("messages          {:>10}", report.receipt.messages);
    println!("SHA-256           {}", report.receipt.sha256);
}
