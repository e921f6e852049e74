//! Two namespaces with a network each, joined by the program: packets cross, and a megabyte over TCP both ways.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "all of it is a test: what fails here fails it")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_datachannel-vpn");
/// Set in the environment of the process that has a network of its own.
const INSIDE: &str = "ORTICA_VPN_TEST_INSIDE";
/// At the ends of the cable: of this side, and of the other one.
const HERE: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 2);
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn two_networks_are_joined() {
    if std::env::var_os(INSIDE).is_some() {
        return joined();
    }
    // What this needs: a network of one's own, another one, and devices in them.
    let tap = "ip link set lo up && unshare --net true && ip tuntap add dev probe mode tap && \
               command -v nsenter && command -v bash && command -v timeout";
    let possible = Command::new("unshare").args(["--net", "sh", "-c", tap]).output();
    if !possible.as_ref().is_ok_and(|output| output.status.success()) {
        println!("skipped: no network namespaces with TAP devices can be made here ({possible:?})");
        return;
    }
    let inside = Command::new("unshare")
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "two_networks_are_joined", "--test-threads", "1", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[inside.stdout, inside.stderr].concat()).into_owned();
    assert!(inside.status.success() && said.contains("1 passed"), "{said}");
}

fn joined() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cable");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let there = Namespace::new();
    run("ip link set lo up");
    run(&format!("ip link add card type veth peer name card netns {}", there.id()));
    run("ip address add 198.18.0.1/24 dev card");
    run("ip link set card up");
    there.run("ip address add 198.18.0.2/24 dev card");
    there.run("ip link set card up");

    let mut answer = Program::start(there.command(PROGRAM), &folder, "answer");
    let mut offer = Program::start(Command::new(PROGRAM), &folder, "offer");
    offer.made("revpn-offer");
    answer.made("revpn-answer");
    run(&format!("ip address add {HERE}/24 dev revpn-offer"));
    there.run(&format!("ip address add {THERE}/24 dev revpn-answer"));

    ping();
    megabyte(&there);

    // Whoever is interrupted takes the other one along.
    kill(Pid::from_raw(offer.process.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    offer.ends_well();
    answer.ends_well();
    let devices = Command::new("ip").args(["-brief", "link"]).output().unwrap().stdout;
    assert!(!String::from_utf8_lossy(&devices).contains("revpn"), "the device goes with the program");
}

/// Sends echo requests (RFC 792) until one is answered: what is lost on the way is not sent again by others.
fn ping() {
    let mut socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let there = SocketAddrV4::new(THERE, 0).into();
    for sequence in 1..=60u8 {
        let mut request = [8, 0, 0, 0, 0x0f, 0x1e, 0, sequence, b'o', b'r', b't', b'i', b'c', b'a'];
        let sum: u32 = request.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
        request[2..4].copy_from_slice(&checksum.to_be_bytes());
        // Nobody knows the way before the channel is open.
        let _ = socket.send_to(&request, &there);
        let mut packet = [0; 256];
        while let Ok(len) = socket.read(&mut packet) {
            let packet = &packet[..len];
            // Behind the header of IP: an answer to one of ours.
            if packet[12..16] == THERE.octets() && packet[20] == 0 && packet[24..26] == request[4..6] {
                assert_eq!(packet[28..], request[8..]);
                return;
            }
        }
    }
    panic!("no echo");
}

/// Sends a megabyte over TCP, which comes back.
fn megabyte(there: &Namespace) {
    let listener = TcpListener::bind((HERE, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut echo = there.command("timeout");
    let script = format!("exec 3<>/dev/tcp/{HERE}/{port} && cat <&3 >&3");
    let mut echo = echo.args(["60", "bash", "-c", &script]).spawn().unwrap();
    // Nor is who does not come waited for without end.
    SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = listener.accept().unwrap().0;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let sent: Vec<u8> = (0..1_000_000u32).map(|at| (at.wrapping_mul(7_919) >> 8) as u8).collect();
    let mut writer = stream.try_clone().unwrap();
    let all = sent.clone();
    let writes = std::thread::spawn(move || {
        writer.write_all(&all).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut came = Vec::new();
    stream.read_to_end(&mut came).unwrap();
    writes.join().unwrap();
    assert!(came == sent, "{} bytes of {}", came.len(), sent.len());
    assert!(echo.wait().unwrap().success());
}

#[test]
fn help_names_the_options_and_what_cannot_be_is_said() {
    let run = |arguments: &[&str]| {
        let output = Command::new(PROGRAM).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (success, help) = run(&["--help"]);
    assert!(success);
    for word in ["offer", "answer", "--device", "--mtu", "--signaling", "websocket"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    let (success, said) = run(&["offer", "--device", "a-name-that-is-too-long"]);
    assert!(!success && said.contains("a-name-that-is-too-long cannot be made"), "{said}");
    let (success, said) = run(&["offer", "--mtu", "100"]);
    assert!(!success && said.contains("100"), "{said}");
}

fn run(words: &str) {
    let mut words = words.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Another network, for as long as this lives.
struct Namespace {
    holder: Child,
    _end: ChildStdin,
}

impl Namespace {
    fn new() -> Self {
        // It says so once it is there, and goes when nobody holds the other end of its input.
        let script = "ip link set lo up && echo there && read -r end";
        let mut holder = Command::new("unshare");
        holder.args(["--net", "sh", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = holder.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "there\n");
        Self { _end: holder.stdin.take().unwrap(), holder }
    }

    fn id(&self) -> u32 {
        self.holder.id()
    }

    /// A program in it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.id().to_string(), "--net", program]);
        command
    }

    fn run(&self, words: &str) {
        let mut words = words.split(' ');
        let output = self.command(words.next().unwrap()).args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The program, which does not outlive its test.
struct Program {
    process: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(mut command: Command, folder: &Path, role: &str) -> Self {
        command.current_dir(folder).args([role, "--signaling", "unix-socket"]);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        Self { out: BufReader::new(process.stdout.take().unwrap()), process }
    }

    /// Waits until it has made its device.
    fn made(&mut self, device: &str) {
        let mut said = String::new();
        self.out.read_line(&mut said).unwrap();
        assert_eq!(said, format!("made the device {device}\n"));
    }

    fn ends_well(&mut self) {
        let mut said = String::new();
        self.out.read_to_string(&mut said).unwrap();
        assert!(self.process.wait().unwrap().success() && said == "Exiting\n", "{said}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
