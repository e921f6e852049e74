//! The process that is measured: one end of each connection, all at one socket.

use crate::calls::{left, loopback, watch};
use crate::lines::{Line, Listener, Speaker, talk};
use crate::options::Options;
use crate::{allocations, process};
use ortica::jsep::{SdpType, SessionDescription};
use ortica::{Configuration, ConnectionState, DataChannel, Endpoint, Event, Events, Message, PeerConnection};
use std::error::Error;
use std::fmt;
use std::net::Ipv4Addr;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How many are set up at a time, before what is measured.
const AT_ONCE: usize = 50;
/// How many of the connections say something in a second, after the strangers.
const MESSAGES_A_SECOND: usize = 2_000;
/// How long an echo may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Descriptors beside those of connections.
const MORE_FILES: usize = 100;

/// What a connection may hold, in bytes (FLT-45), and one with sound and video.
const MOST_HEAP: [i64; 2] = [24 << 10, 96 << 10];
/// Of one core.
const MOST_CPU: f64 = 1.0;
/// How long 99 of 100 may take that begin at once.
const MOST_START: Duration = Duration::from_secs(5);

type Failed = Box<dyn Error + Send + Sync>;

/// The figures.
#[derive(Debug, Default)]
pub struct Outcome {
    connections: usize,
    media: bool,
    heap: i64,
    shared_heap: i64,
    cpu: f64,
    clients_cpu: f64,
    consents: f64,
    allocations: f64,
    seconds: u64,
    burst: Vec<Duration>,
    hostile: usize,
    unrouted: u64,
    /// Connections whose channel carried a message there and back in the end.
    alive: usize,
    /// How many there were then.
    all: usize,
    /// How many carried one more, all at the same moment, and how long that took.
    at_once: (usize, Duration),
    /// How often a connection left the state of being connected meanwhile.
    left_at_once: usize,
    /// How often a connection left the state of being connected, at either end: while they were set up, idle, while more began,
    /// and among strangers.
    left: [usize; 4],
}

impl Outcome {
    fn start(&self, hundredths: usize) -> Duration {
        let at = (self.burst.len() * hundredths / 100).min(self.burst.len().saturating_sub(1));
        self.burst.get(at).copied().unwrap_or_default()
    }

    /// Which figures miss their bars, of those that were asked for.
    pub fn misses(&self, options: &Options) -> Vec<String> {
        let mut missed = Vec::new();
        let most = MOST_HEAP[usize::from(self.media)];
        if (options.bars || options.check) && (self.alive < self.all || self.left != [0; 4]) {
            missed.push(format!("{} of {} alive, {:?} times in trouble", self.alive, self.all, self.left));
        }
        if (options.bars || options.check) && self.at_once.0 < self.all {
            missed.push(format!("{} of {} carry a message each at once", self.at_once.0, self.all));
        }
        if options.bars {
            if self.heap > most {
                missed.push(format!("{} bytes of heap, and not {most}", self.heap));
            }
            if self.cpu > MOST_CPU {
                missed.push(format!("{:.2} of a core", self.cpu));
            }
            if self.start(99) > MOST_START {
                missed.push(format!("p99 of starts {:.1?}", self.start(99)));
            }
        }
        missed
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [set_up, idle, burst, strangers] = self.left;
        let micros = |share: f64| share * 1e6 / self.connections.max(1) as f64;
        writeln!(
            f,
            "bar: {} idle connections{} on one port: {:.1} KiB of heap each, of which {:.1} KiB are the driver's own",
            self.connections,
            if self.media { " with sound and video" } else { "" },
            self.heap as f64 / 1024.0,
            self.shared_heap as f64 / 1024.0,
        )?;
        writeln!(
            f,
            "bar: {:.0} consent checks/s and as many answered, for {} s: {:.1} % of a core, {:.1} us per connection and second \
             ({:.1} % in the other process), {:.2} allocations per connection and second",
            self.consents,
            self.seconds,
            self.cpu * 100.0,
            micros(self.cpu),
            self.clients_cpu * 100.0,
            self.allocations,
        )?;
        writeln!(
            f,
            "bar: {} more at once: open after {:.2?} (p50), {:.2?} (p99)",
            self.burst.len(),
            self.start(50),
            self.start(99)
        )?;
        writeln!(
            f,
            "bar: {} packets of strangers, {} of them for nobody: {} of {} connections carry messages; in trouble was one {set_up} \
             times as they were set up, {idle} while they were idle, {burst} as more began, {strangers} among strangers",
            self.hostile, self.unrouted, self.alive, self.all
        )?;
        write!(
            f,
            "bar: a message over each at the same moment: {} of {} there and back in {:.2?}; in trouble was one {} times",
            self.at_once.0, self.all, self.at_once.1, self.left_at_once
        )
    }
}

/// Measures.
pub async fn run(options: &Options) -> Result<Outcome, Failed> {
    let needed = options.connections + options.burst + MORE_FILES;
    let may = process::raise_open_files();
    if may < needed as u64 {
        return Err(format!("{needed} open files are needed, and {may} are allowed (ulimit -Hn)").into());
    }
    let (clients, speaker, listener) = begin_clients(options.media).await?;
    let _clients = Reaped(clients);
    let before = allocations::live();
    let mut server = Server::new(speaker, listener)?;
    let shared_heap = allocations::live() - before;
    let began = Instant::now();
    server.start(options.connections, AT_ONCE).await?;
    println!("{} connections were set up in {:.1?}", options.connections, began.elapsed());
    tokio::time::sleep(Duration::from_secs(options.settling)).await;
    let count = options.connections as i64;
    let mut outcome = Outcome {
        connections: options.connections,
        media: options.media,
        heap: (allocations::live() - before) / count,
        shared_heap: shared_heap / count,
        seconds: options.seconds,
        hostile: options.hostile,
        ..Outcome::default()
    };
    let mut left = [server.left().await?, 0, 0, 0];
    server.stand_idle(options.seconds, &mut outcome).await?;
    left[1] = server.left().await?;
    outcome.burst = server.start(options.burst, options.burst.max(1)).await?;
    outcome.burst.sort();
    left[2] = server.left().await?;
    let unrouted = server.endpoint.stats().unrouted;
    server.flood(options.hostile).await?;
    outcome.alive = server.alive(Some(MESSAGES_A_SECOND)).await;
    outcome.unrouted = server.endpoint.stats().unrouted - unrouted;
    left[3] = server.left().await?;
    outcome.all = options.connections + options.burst;
    outcome.left = [left[0], left[1] - left[0], left[2] - left[1], left[3] - left[2]];
    let began = Instant::now();
    outcome.at_once = (server.alive(None).await, began.elapsed());
    outcome.left_at_once = server.left().await? - left[3];
    Ok(outcome)
}

/// The other process, which ends with this one.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn begin_clients(media: bool) -> Result<(Child, Speaker, Listener), Failed> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port().to_string();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--clients-of", &port]);
    if media {
        command.arg("--media");
    }
    let child = command.spawn()?;
    let (stream, _) = listener.accept().await?;
    let (speaker, listener) = talk(stream);
    Ok((child, speaker, listener))
}

/// One end of a connection, as an application keeps it.
struct Call {
    connection: PeerConnection,
    channel: DataChannel,
}

type Calls = Arc<Mutex<Vec<Call>>>;

struct Server {
    endpoint: Endpoint,
    speaker: Speaker,
    listener: Listener,
    calls: Calls,
}

impl Server {
    fn new(speaker: Speaker, listener: Listener) -> Result<Self, Failed> {
        Ok(Self { endpoint: loopback()?, speaker, listener, calls: Calls::default() })
    }

    /// Has so many connections begin. Returns how long each took, once all are open at their other ends.
    async fn start(&mut self, count: usize, at_once: usize) -> Result<Vec<Duration>, Failed> {
        self.speaker.send(Line::Start(count, at_once))?;
        let mut times = Vec::with_capacity(count);
        while times.len() < count {
            match self.listener.next().await? {
                Line::Offer(number, sdp) => {
                    let answer = self.answer(sdp)?;
                    self.speaker.send(Line::Answer(number, answer))?;
                }
                Line::Open(_, micros) => times.push(Duration::from_micros(micros)),
                line => return Err(format!("{line:?} comes out of turn").into()),
            }
        }
        Ok(times)
    }

    fn answer(&self, offer: String) -> Result<String, Failed> {
        let (connection, events) = PeerConnection::new(Configuration::default().with_endpoint(self.endpoint.clone()))?;
        connection.set_remote_description(SessionDescription { kind: SdpType::Offer, sdp: offer })?;
        connection.set_local_description(None)?;
        let answer = connection.local_description().ok_or("an answer was set")?.sdp;
        tokio::spawn(keep(connection, events, self.calls.clone()));
        Ok(answer)
    }

    /// Looks on while nothing but consent is going on.
    async fn stand_idle(&mut self, seconds: u64, outcome: &mut Outcome) -> Result<(), Failed> {
        let (_, _, their_cpu) = self.report().await?;
        let consents = self.consents();
        let (cpu, calls, began) = (process::cpu_time(), allocations::calls(), Instant::now());
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let time = began.elapsed().as_secs_f64();
        outcome.cpu = (process::cpu_time() - cpu).as_secs_f64() / time;
        outcome.allocations = (allocations::calls() - calls) as f64 / time / outcome.connections as f64;
        outcome.consents = (self.consents() - consents) as f64 / time;
        let (up, _, their_cpu_after) = self.report().await?;
        outcome.clients_cpu = (their_cpu_after - their_cpu) as f64 / 1e3 / time;
        let is_up = |call: &&Call| call.connection.connection_state() == ConnectionState::Connected;
        let ours = self.calls().iter().filter(is_up).count();
        println!("after {time:.0} s, {ours} of {} are up here, {up} there", outcome.connections);
        Ok(())
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Vec<Call>> {
        self.calls.lock().expect("no task panics with it")
    }

    /// Checks for consent that were sent so far.
    fn consents(&self) -> u64 {
        let of = |call: &Call| {
            let stats = call.connection.get_stats();
            stats.selected_candidate_pair().map_or(0, |pair| pair.consent_requests_sent)
        };
        self.calls().iter().map(of).sum()
    }

    /// What the other process says: connections up, how often one was in trouble, milliseconds of CPU time.
    async fn report(&mut self) -> Result<(usize, usize, u64), Failed> {
        self.speaker.send(Line::Report)?;
        match self.listener.next().await? {
            Line::Reported(up, left, cpu) => Ok((up, left, cpu)),
            line => Err(format!("{line:?} is no report").into()),
        }
    }

    /// How often a connection was in trouble so far, at either end.
    async fn left(&mut self) -> Result<usize, Failed> {
        let (_, theirs, _) = self.report().await?;
        Ok(left() + theirs)
    }

    async fn flood(&mut self, count: usize) -> Result<(), Failed> {
        let port = self.endpoint.local_addresses().first().ok_or("it has a socket")?.port();
        self.speaker.send(Line::Flood(count, port))?;
        match self.listener.next().await? {
            Line::Flooded => Ok(()),
            line => Err(format!("{line:?} comes out of turn").into()),
        }
    }

    /// How many connections carry a message there and back: so many begin in a second, or all of them at the same moment.
    async fn alive(&self, a_second: Option<usize>) -> usize {
        let mut echoes = JoinSet::new();
        let channels: Vec<_> = self.calls().iter().map(|call| call.channel.clone()).collect();
        let began = tokio::time::Instant::now();
        for (place, channel) in channels.into_iter().enumerate() {
            let wait = a_second.map(|a_second| Duration::from_secs(1) * place as u32 / a_second as u32);
            echoes.spawn(async move {
                if let Some(wait) = wait {
                    tokio::time::sleep_until(began + wait).await;
                }
                let said = channel.send("still there?").await.is_ok();
                let heard = tokio::time::timeout(PATIENCE, channel.recv()).await;
                said && heard == Ok(Some(Message::from("still there?")))
            });
        }
        echoes.join_all().await.into_iter().filter(|heard| *heard).count()
    }
}

/// Keeps a connection once its channel is there, and takes its events.
async fn keep(connection: PeerConnection, mut events: Events, calls: Calls) {
    let channel = loop {
        match events.next().await {
            Some(Event::DataChannel(channel)) => break channel,
            Some(event) => watch(&event),
            None => return,
        }
    };
    calls.lock().expect("no task panics with it").push(Call { connection, channel });
    crate::calls::drain(events).await;
}
