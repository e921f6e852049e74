//! The program as it is started, with the options that make it speak HTTPS.
#![expect(clippy::unwrap_used, reason = "all of it is a test: what fails here fails it")]

use base64ct::{Base64, Encoding};
use ortica::core::{Rng, crypto::providers};
use ortica_dtls::Certificate;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::SystemTime;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

#[test]
fn the_page_comes_over_https() {
    let files = Files::new("page");
    let server = Running::start(&["--cert-file", files.certificate.as_str(), "--key-file", files.key.as_str()]);
    let address = server.url.strip_prefix("https://").expect("it says that it speaks HTTPS");
    // A caller that says nothing holds up nobody.
    let _silent = TcpStream::connect(address).unwrap();
    let page = files.get(address.parse().unwrap(), "/");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("id=\"start\""), "{page}");
}

#[test]
fn one_of_certificate_and_key_is_not_enough() {
    let files = Files::new("half");
    for (given, file, missing) in
        [("--cert-file", &files.certificate, "--key-file"), ("--key-file", &files.key, "--cert-file")]
    {
        let said = refused(&[given, file.as_str()]);
        assert!(said.contains("required") && said.contains(missing), "{said}");
    }
}

#[test]
fn a_file_that_does_not_hold_what_it_should_is_named() {
    let files = Files::new("wrong");
    let (certificate, key) = (files.certificate.as_str(), files.key.as_str());
    for (cert_file, key_file, wanted) in [
        ("/nowhere.pem", key, "a certificate cannot be read from /nowhere.pem"),
        (certificate, "/nowhere.pem", "a private key cannot be read from /nowhere.pem"),
        (key, key, "a certificate cannot be read from"),
        (certificate, certificate, "a private key cannot be read from"),
        (certificate, Files::new("other").key.as_str(), "certificate and key cannot be used"),
    ] {
        let said = refused(&["--cert-file", cert_file, "--key-file", key_file]);
        assert!(said.contains(wanted), "{said}");
    }
}

/// A certificate and its key, in files of one test.
struct Files {
    certificate: String,
    key: String,
    der: Vec<u8>,
}

impl Files {
    fn new(name: &str) -> Self {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let made = Certificate::generate(&providers()[0], &mut Rng::from_seed([name.len() as u8; 32]), now).unwrap();
        let write = |what: &str, label: &str, der: &[u8]| {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{what}.pem"));
            let text = Base64::encode_string(der);
            fs::write(&path, format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")).unwrap();
            path.display().to_string()
        };
        Self {
            certificate: write("certificate", "CERTIFICATE", made.der()),
            key: write("key", "PRIVATE KEY", made.pkcs8()),
            der: made.der().to_vec(),
        }
    }

    /// What a client that trusts this certificate and no other is told.
    fn get(&self, address: SocketAddr, path: &str) -> String {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let only = Only(CertificateDer::from(self.der.clone()), provider.clone());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(only))
            .with_no_client_auth();
        let client = ClientConnection::new(Arc::new(config), address.ip().into()).unwrap();
        let mut stream = StreamOwned::new(client, TcpStream::connect(address).unwrap());
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }
}

/// Trusts one certificate, whatever it says.
#[derive(Debug)]
struct Only(CertificateDer<'static>, Arc<CryptoProvider>);

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        assert_eq!(*shown, self.0);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.1.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.1.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.1.signature_verification_algorithms.supported_schemes()
    }
}

/// A server on a free port, until it is dropped.
struct Running {
    process: Child,
    url: String,
}

impl Running {
    fn start(options: &[&str]) -> Self {
        let mut process = server(options).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn server(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ortica-server"));
    command.args(["--port", "0"]).args(options);
    command
}

/// What the server says when it does not start.
fn refused(options: &[&str]) -> String {
    let Output { status, stderr, .. } = server(options).output().unwrap();
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}
