//! A demo call, captured and read with other eyes: nothing on the wire may look malformed to tshark.
//!
//! The call runs in a network namespace of its own, whose loopback interface cuts trains of datagrams (GSO) before they can be
//! captured, as any wire does.

use crate::install::{self, Need};
use crate::process::{Failure, Task, notes_dir, target_dir};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Each is a call of its own: (what the demo is told, whether tshark can read its SRTCP).
///
/// tshark looks for the SRTCP index in front of the authentication tag, where RFC 3711 puts it. With an AEAD profile it comes last
/// (RFC 7714 §17), so that tshark takes four bytes of the tag for it, and in half of the packets takes what is encrypted for
/// clear text. There the index is looked at here, and tshark judges everything else.
const CALLS: [(&str, bool); 2] = [("aes128-cm-sha1-80", true), ("aead-aes-128-gcm", false)];
/// Megabytes of data in each direction.
const DATA: &str = "100";
/// Megabytes that may wait between the kernel and tshark: the demo sends as fast as it can, and nothing may be missing.
const BUFFER: &str = "512";
/// How long tshark may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// `cargo xtask capture`
pub fn run(_: &[String]) -> Result<(), Failure> {
    println!("bar: {}", check()?);
    Ok(())
}

/// Captures the calls and gives a line about what was seen.
pub fn check() -> Result<String, Failure> {
    install::ensure(Need::Media)?;
    install::ensure(Need::Wire)?;
    Task::cargo("build --locked --quiet --workspace --all-features --bin ortica-demo").run()?;
    let mut said = Vec::new();
    for (profile, reads_srtcp) in CALLS {
        let captured = match call(profile)? {
            None => call(profile)?,
            captured => captured,
        };
        let file = captured.ok_or_else(|| Failure::new("twice the capture had holes: the machine is too busy"))?;
        said.push(format!("{profile}: {}", Reading::of(&file)?.judge(reads_srtcp)?));
        fs::remove_file(file)?;
    }
    Ok(said.join("; "))
}

/// A demo call of two seconds, captured. `None` when a busy machine lost some of it, which says nothing about the
/// call: then it is worth another try.
fn call(profile: &str) -> Result<Option<PathBuf>, Failure> {
    let dir = notes_dir().join("capture");
    fs::create_dir_all(&dir)?;
    let file = dir.join(format!("{profile}.pcapng"));
    let _ = fs::remove_file(&file);
    let namespace = Namespace::new()?;
    let capture = Capture::start(&namespace, &file)?;
    let demo = namespace.task(&target_dir().join("debug/ortica-demo").to_string_lossy());
    let demo =
        demo.args(["--seconds", "2", "--data", DATA, "--srtp-profile", profile, "--out"]).args([dir.to_string_lossy()]);
    demo.run_logged(&notes_dir().join(format!("logs/capture-{profile}.log")))?;
    let said = capture.end()?;
    Ok((!said.contains("dropped")).then_some(file))
}

/// A network namespace, as long as the process that made it.
struct Namespace(Child);

impl Namespace {
    fn new() -> Result<Self, Failure> {
        let script = "ip link set lo up && ethtool -K lo tx-udp-segmentation off && echo ready && exec sleep 600";
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", script]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut namespace = Self(command.spawn()?);
        let mut said = String::new();
        if let Some(out) = namespace.0.stdout.take() {
            BufReader::new(out).read_line(&mut said)?;
        }
        if said.trim() == "ready" { Ok(namespace) } else { Err(Failure::new("no network namespace could be made")) }
    }

    /// What tells nsenter to go there.
    fn words(&self) -> [String; 2] {
        [format!("--target={}", self.0.id()), "--net".to_owned()]
    }

    fn task(&self, program: &str) -> Task {
        Task::new("nsenter").args(self.words()).args([program])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// tshark, while it captures.
struct Capture {
    process: Child,
    log: PathBuf,
}

impl Capture {
    fn start(namespace: &Namespace, file: &Path) -> Result<Self, Failure> {
        let log = notes_dir().join("logs/tshark.log");
        let out = crate::process::create(&log)?;
        let mut command = Command::new("nsenter");
        command.args(namespace.words()).args(["tshark", "-q", "-i", "lo", "-B", BUFFER, "-f", "udp", "-w"]).arg(file);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(out).spawn()?;
        let capture = Self { process, log };
        capture.until("it captures", |log| log.contains("Capture started") && file.exists())?;
        Ok(capture)
    }

    /// Stops it as Ctrl-C would, so that it writes what it has, and gives its words.
    fn end(mut self) -> Result<String, Failure> {
        Task::new("kill").args(["-INT".to_owned(), self.process.id().to_string()]).run()?;
        self.until("it ends", |log| log.contains("captured"))?;
        self.process.wait()?;
        Ok(fs::read_to_string(&self.log)?)
    }

    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            let log = fs::read_to_string(&self.log)?;
            if holds(&log) {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(Failure::new(format!("tshark: not within {PATIENCE:?}: {what}\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Already gone, if all went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What tshark makes of a capture.
#[derive(Debug, Default)]
struct Reading {
    packets: usize,
    /// Packets in which it found this protocol.
    stun: usize,
    dtls: usize,
    srtp: usize,
    srtcp: usize,
    malformed: usize,
    /// Malformed packets that are not SRTCP.
    malformed_elsewhere: usize,
    /// SRTCP packets whose last four bytes say that they are encrypted.
    srtcp_index_last: usize,
}

impl Reading {
    fn of(file: &Path) -> Result<Self, Failure> {
        let mut reading = Self::default();
        let mut ports = BTreeSet::new();
        // Left to itself it finds what is not encrypted, and the ports.
        for line in tshark(file, &[])?.lines() {
            let packet = Packet::new(line);
            reading.stun += usize::from(packet.has("stun"));
            if packet.has("dtls") {
                ports.extend(packet.ports.clone());
            }
        }
        // Told the ports, it learns from DTLS what the rest is.
        for line in tshark(file, &ports)?.lines() {
            let packet = Packet::new(line);
            let srtcp = packet.has("srtcp") || packet.has("rtcp");
            let malformed = packet.has("_ws.malformed");
            reading.packets += 1;
            reading.dtls += usize::from(packet.has("dtls"));
            reading.srtp += usize::from(!srtcp && !packet.has("dtls") && (packet.has("srtp") || packet.has("rtp")));
            reading.srtcp += usize::from(srtcp);
            reading.malformed += usize::from(malformed);
            reading.malformed_elsewhere += usize::from(malformed && !srtcp);
            reading.srtcp_index_last += usize::from(srtcp && packet.ends_with_index());
        }
        Ok(reading)
    }

    fn judge(&self, reads_srtcp: bool) -> Result<String, Failure> {
        let seen = [self.stun, self.dtls, self.srtp, self.srtcp].iter().all(|count| *count > 0);
        let well_formed = match reads_srtcp {
            true => self.malformed == 0,
            false => self.malformed_elsewhere == 0 && self.srtcp_index_last == self.srtcp,
        };
        if seen && well_formed { Ok(self.to_string()) } else { Err(Failure::new(format!("{self:?}"))) }
    }
}

impl std::fmt::Display for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { packets, stun, dtls, srtp, srtcp, malformed_elsewhere, .. } = self;
        write!(
            f,
            "{packets} packets ({stun} STUN, {dtls} DTLS, {srtp} SRTP, {srtcp} SRTCP), {malformed_elsewhere} malformed"
        )
    }
}

/// A packet as [`tshark`] tells of it.
struct Packet<'a> {
    protocols: &'a str,
    ports: Vec<String>,
    /// In hexadecimal.
    payload: &'a str,
}

impl<'a> Packet<'a> {
    fn new(line: &'a str) -> Self {
        let mut columns = line.split('\t');
        let mut column = || columns.next().unwrap_or_default();
        Self { protocols: column(), ports: vec![column().to_owned(), column().to_owned()], payload: column() }
    }

    fn has(&self, protocol: &str) -> bool {
        self.protocols.split(':').any(|it| it == protocol)
    }

    /// Whether the last word, eight hexadecimal digits long, has its highest bit set, which stands for "encrypted".
    fn ends_with_index(&self) -> bool {
        let digit = self.payload.len().checked_sub(8).and_then(|at| self.payload.as_bytes().get(at));
        digit.is_some_and(|digit| matches!(digit, b'8'..=b'9' | b'a'..=b'f'))
    }
}

/// A line per packet of `file`, read by a tshark that is told that DTLS runs on `ports`.
fn tshark<'a>(file: &Path, ports: impl IntoIterator<Item = &'a String>) -> Result<String, Failure> {
    let hints = ports.into_iter().flat_map(|port| ["-d".to_owned(), format!("udp.port=={port},dtls")]);
    let fields = "-T fields -e frame.protocols -e udp.srcport -e udp.dstport -e udp.payload";
    Task::new("tshark").args(["-r".into(), file.to_string_lossy()]).words(fields).args(hints).capture()
}
