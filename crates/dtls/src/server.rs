//! The server's side of the handshake.
//!
//! No HelloVerifyRequest is sent for a first hello: inside ICE the path was checked before, and the round trip would cost
//! every call. A second, different hello is another matter. Either of the two may be a stranger's, and only who reads
//! what is sent to the peer can bring back a cookie, so it must. (A server that is not inside ICE wants a cookie from the
//! first hello on: [`Expected::Anyone`]. For one that keeps nothing of a stranger, that is for its demultiplexer, which has no
//! connection yet.)

use crate::alert::Alert;
use crate::certificate::{Certificate, Leaf};
use crate::cipher_suite::{CipherSuite, Suite, Version};
use crate::client::signed_params;
use crate::config::{Config, Role};
use crate::event::CloseReason;
use crate::extension::{
    EcPointFormats, Extension, ExtensionType, Extensions, NamedGroup, RenegotiationInfo, SignatureAlgorithm, UseSrtp,
};
use crate::handshake::flight::Item;
use crate::handshake::reassembly::Reassembly;
use crate::handshake::{Expected, Link, Progress, Refusal};
use crate::key_schedule::{Random, Secrets};
use crate::message::server_key_exchange::Params;
use crate::message::{
    Body, CertificateChain, CertificateRequest, CertificateVerify, ClientHello, ClientKeyExchange, Finished,
    HandshakeType, HelloVerifyRequest, Message, ServerHello, ServerHelloDone, ServerKeyExchange,
};
use crate::record::{ContentType, Epoch};
use crate::srtp::SrtpProfile;
use crate::verified::{Established, Matched, Negotiated, Unconfirmed};
use ortica_core::crypto::{Group, PrivateKey};
use ortica_core::{Instant, Writer};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// A server: what it answered, and what it waits for.
pub(crate) struct Server {
    /// Hellos under reassembly. They stand outside the sequence: one may come at any time, also from a stranger.
    pub hellos: Reassembly,
    /// What a second hello must bring. One value serves, as a connection has one peer.
    cookie: [u8; 16],
    /// Number of the HelloVerifyRequest to send.
    verify_request: Option<u16>,
    answer: Option<Answer>,
    /// The client is to show a certificate.
    asks: bool,
    step: Step,
}

/// What flight 4 said, to which the client's flight must fit.
struct Answer {
    /// The hello it answers.
    hello: Message,
    client_random: Random,
    choice: Choice,
    server_random: Random,
    key: Box<dyn PrivateKey>,
    /// Number of this end's next message.
    next: u16,
    /// Where the transcript stands with it.
    mark: usize,
}

/// What is waited for, once there is an answer.
///
/// ```text
///  Certificate ─► KeyExchange ─► Verify ─► Finished ─► Verified
///   ▲                               │   (keys are in use from here on)
///   └── anything unacceptable ──────┘
/// ```
/// Of a client that is asked for no certificate, only the KeyExchange and Finished come.
enum Step {
    Certificate,
    KeyExchange(WaitKeyExchange),
    Verify(WaitVerify),
    Finished(WaitFinished),
}

impl Server {
    /// The highest message number of a hello: how often a client may have been asked for a cookie before.
    const MAX_HELLO: u16 = 7;

    pub(crate) fn new(link: &mut Link, hellos: Reassembly) -> Self {
        let asks = !matches!(link.expected, Expected::Anyone);
        Self { hellos, cookie: link.rng.bytes(), verify_request: None, answer: None, asks, step: Step::Certificate }
    }

    /// `true` once a hello was answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.answer.is_some()
    }

    /// The messages that may come now.
    pub(crate) fn expects(&self) -> &'static [HandshakeType] {
        match &self.step {
            _ if self.answer.is_none() => &[],
            Step::Certificate if self.asks => &[HandshakeType::CERTIFICATE],
            Step::Certificate => &[HandshakeType::CLIENT_KEY_EXCHANGE],
            Step::KeyExchange(_) => &[HandshakeType::CLIENT_KEY_EXCHANGE],
            Step::Verify(_) => &[HandshakeType::CERTIFICATE_VERIFY],
            Step::Finished(_) => &[HandshakeType::FINISHED],
        }
    }

    /// Answers a hello, the first one or one with the cookie; gives the number of the message that follows it.
    pub(crate) fn on_client_hello(
        &mut self,
        now: Instant,
        link: &mut Link,
        message: Message,
    ) -> Result<Option<u16>, Alert> {
        if message.sequence > Self::MAX_HELLO {
            return Err(Alert::UNEXPECTED_MESSAGE);
        }
        if let Some(answer) = &self.answer {
            if answer.hello == message {
                if link.flight.on_peer_retransmission(now) {
                    link.stats.peer_retransmissions += 1;
                }
                return Ok(None);
            }
            if matches!(self.step, Step::Finished(_)) {
                return Err(Alert::UNEXPECTED_MESSAGE);
            }
        }
        let hello = ClientHello::decode(&message.body).map_err(|_| Alert::DECODE_ERROR)?;
        let choice = Choice::make(&link.config, &hello)?;
        let wants_cookie = self.answer.is_some() || !self.asks;
        if wants_cookie && !bool::from(hello.cookie.as_slice().ct_eq(&self.cookie)) {
            self.verify_request = Some(message.sequence);
            return Ok(None);
        }
        let next = message.sequence + 1;
        self.answer = Some(Answer::send(link, message, hello.random, choice)?);
        self.step = Step::Certificate;
        Ok(Some(next))
    }

    /// Takes the next message. If it is refused, [`rewind`](Self::rewind) is to follow.
    pub(crate) fn on_message(&mut self, link: &mut Link, message: Message) -> Result<Progress, Refusal> {
        let Some(answer) = &self.answer else { return Err(Alert::UNEXPECTED_MESSAGE.into()) };
        self.step = match std::mem::replace(&mut self.step, Step::Certificate) {
            Step::Certificate if self.asks => Step::KeyExchange(WaitKeyExchange::on_certificate(link, &message)?),
            Step::Certificate => Step::Finished(WaitFinished::on_key_exchange(link, answer, &message)?),
            Step::KeyExchange(step) => Step::Verify(step.on_key_exchange(link, answer, &message)?),
            Step::Verify(step) => Step::Finished(step.on_verify(link, answer, &message)?),
            Step::Finished(step) => {
                return step.on_finished(link, answer, &message).map(Progress::Done);
            }
        };
        Ok(Progress::More)
    }

    /// Waits for the client's Certificate again: what came was a stranger's.
    pub(crate) fn rewind(&mut self, link: &mut Link) {
        if let Some(answer) = &self.answer {
            link.transcript.rewind(answer.mark);
        }
        self.step = Step::Certificate;
    }

    /// Appends a packet with a HelloVerifyRequest if one is due. It belongs to no flight: it is never sent again but in
    /// answer to another hello, and is smaller than that.
    pub(crate) fn poll_verify_request(&mut self, link: &mut Link, out: &mut Vec<u8>) -> Option<usize> {
        let sequence = self.verify_request.take()?;
        let request = HelloVerifyRequest { version: HelloVerifyRequest::DTLS_1_0, cookie: self.cookie.to_vec() };
        let message = Message::new(sequence, &request);
        let start = out.len();
        let write = |out: &mut Vec<u8>| message.whole().encode(&mut Writer::new(out));
        link.records.write(Epoch::Plain, ContentType::HANDSHAKE, out, write).ok()?;
        Some(out.len() - start)
    }
}

/// What this end picked from a hello.
struct Choice {
    suite: Suite,
    /// With a key that the suite is for and the client can verify.
    certificate: Arc<Certificate>,
    group: Group,
    srtp_profile: Option<SrtpProfile>,
    /// The client knows `renegotiation_info` and wants to see it.
    renegotiation_info: bool,
    /// Likewise for `ec_point_formats`.
    ec_point_formats: bool,
}

impl Choice {
    /// Picks by this end's order of preference.
    fn make(config: &Config, hello: &ClientHello) -> Result<Self, Alert> {
        let extensions = &hello.extensions;
        Self::check_version(hello)?;
        if !hello.compression_methods.contains(&ClientHello::NULL_COMPRESSION) {
            return Err(Alert::ILLEGAL_PARAMETER);
        }
        // Without it, a man in the middle can give two handshakes the same keys (RFC 7627 §1).
        if !extensions.has(ExtensionType::EXTENDED_MASTER_SECRET) {
            return Err(Alert::HANDSHAKE_FAILURE);
        }
        if extensions.renegotiation_info().is_some_and(|info| !info.is_first()) {
            return Err(Alert::HANDSHAKE_FAILURE);
        }
        if extensions.ec_point_formats().is_some_and(|formats| !formats.has_uncompressed()) {
            return Err(Alert::ILLEGAL_PARAMETER);
        }
        // Without the list, SHA-1 would be meant (RFC 5246 §7.4.1.4.1).
        let algorithms = extensions.signature_algorithms().ok_or(Alert::HANDSHAKE_FAILURE)?;
        let suites = config.suites.iter().filter(|suite| hello.cipher_suites.contains(&suite.id()));
        let with_certificate = |certificate: &Arc<Certificate>| {
            let scheme = certificate.scheme();
            let suite = suites.clone().find(|suite| suite.is_for(scheme))?;
            algorithms.has(scheme).then(|| (*suite, certificate.clone()))
        };
        let (suite, certificate) =
            config.certificates.iter().find_map(with_certificate).ok_or(Alert::HANDSHAKE_FAILURE)?;
        let group = config.groups.iter().find(|group| match extensions.supported_groups() {
            Some(groups) => groups.0.contains(&NamedGroup::from(**group)),
            // A client that does not say takes what every client must know (RFC 8422 §4).
            None => **group == Group::P256,
        });
        let srtp_profile = extensions
            .use_srtp()
            .and_then(|offer| config.srtp_profiles.iter().find(|profile| offer.profiles.contains(profile)));
        Ok(Self {
            suite,
            certificate,
            group: *group.ok_or(Alert::HANDSHAKE_FAILURE)?,
            srtp_profile: srtp_profile.copied(),
            renegotiation_info: extensions.renegotiation_info().is_some()
                || hello.cipher_suites.contains(&CipherSuite::EMPTY_RENEGOTIATION_INFO),
            ec_point_formats: extensions.ec_point_formats().is_some(),
        })
    }

    /// Version numbers count down: 0xfefd is DTLS 1.2, and what is newer is lower. A client that speaks 1.3 says 1.2 here
    /// and the truth in `supported_versions` (RFC 8446 appendix D); it takes 1.2 for an answer if that is among them.
    fn check_version(hello: &ClientHello) -> Result<(), Alert> {
        let is_new_enough = hello.version >> 8 == 0xfe && hello.version <= Version::Dtls12.wire();
        let speaks_ours = hello.extensions.supported_versions().is_none_or(|versions| versions.has(Version::Dtls12));
        if is_new_enough && speaks_ours { Ok(()) } else { Err(Alert::PROTOCOL_VERSION) }
    }

    fn extensions(&self) -> Extensions {
        let mut extensions = vec![Extension::ExtendedMasterSecret];
        if self.renegotiation_info {
            extensions.push(Extension::RenegotiationInfo(RenegotiationInfo::first()));
        }
        if self.ec_point_formats {
            extensions.push(Extension::EcPointFormats(EcPointFormats::uncompressed()));
        }
        if let Some(profile) = self.srtp_profile {
            extensions.push(Extension::UseSrtp(UseSrtp::of(&[profile])));
        }
        Extensions(extensions)
    }
}

impl Answer {
    /// Makes flight 4 and sends it.
    fn send(link: &mut Link, hello: Message, client_random: Random, choice: Choice) -> Result<Self, Alert> {
        let provider = link.config.provider;
        let server_random: Random = link.rng.bytes();
        let key = provider.agreement.generate(choice.group, &mut link.rng);

        let server_hello = ServerHello {
            version: Version::Dtls12.wire(),
            // No sentinel in its last bytes: RFC 8446 §4.1.3 has those from servers that speak 1.3 only.
            random: server_random,
            session_id: Vec::new(),
            cipher_suite: choice.suite.id(),
            compression_method: ClientHello::NULL_COMPRESSION,
            extensions: choice.extensions(),
        };
        let params = Params { group: choice.group.into(), public_key: key.public_key().to_vec() };
        let signature = Vec::new();
        let algorithm = SignatureAlgorithm::from(choice.certificate.scheme());
        let mut exchange = ServerKeyExchange { params, algorithm, signature };
        let signed = signed_params(&client_random, &server_random, &exchange);
        let signature = choice.certificate.sign(&mut link.rng, &[&signed]);
        exchange.signature = signature.map_err(|_| Alert::INTERNAL_ERROR)?;

        // The answer to a hello has its number (RFC 6347 §4.2.2).
        let first = hello.sequence;
        let mut messages = vec![
            Message::new(first, &server_hello),
            Message::new(first + 1, &CertificateChain(vec![choice.certificate.der().to_vec()])),
            Message::new(first + 2, &exchange),
        ];
        if !matches!(link.expected, Expected::Anyone) {
            messages.push(Message::new(first + 3, &CertificateRequest::ours()));
        }
        let next = first + messages.len() as u16;
        messages.push(Message::new(next, &ServerHelloDone));
        link.transcript.clear();
        link.transcript.push(&hello);
        messages.iter().for_each(|message| link.transcript.push(message));
        let mark = link.transcript.mark();
        let items = messages.into_iter().map(|message| Item::Message(Epoch::Plain, message)).collect();
        link.flight.start(items, true, link.initial_timeout);
        Ok(Self { hello, client_random, choice, server_random, key, next: next + 1, mark })
    }
}

struct WaitKeyExchange {
    /// The client's certificate, not compared with anything yet.
    leaf: Vec<u8>,
}

impl WaitKeyExchange {
    fn on_certificate(link: &mut Link, message: &Message) -> Result<Self, Refusal> {
        let leaf = CertificateChain::decode(&message.body)?.into_leaf().ok_or(Alert::HANDSHAKE_FAILURE)?;
        link.transcript.push(message);
        Ok(Self { leaf })
    }

    fn on_key_exchange(self, link: &mut Link, answer: &Answer, message: &Message) -> Result<WaitVerify, Refusal> {
        Ok(WaitVerify { leaf: self.leaf, secrets: agree(link, answer, message)? })
    }
}

/// Agrees on keys with what a client sent for that.
fn agree(link: &mut Link, answer: &Answer, message: &Message) -> Result<Secrets, Refusal> {
    let exchange = ClientKeyExchange::decode(&message.body)?;
    let provider = &link.config.provider;
    let shared = answer.key.agree(&exchange.public_key).map_err(|_| Alert::ILLEGAL_PARAMETER)?;
    link.transcript.push(message);
    let suite = answer.choice.suite;
    let session_hash = link.transcript.hash(provider, suite.hash());
    let (client, server) = (answer.client_random, answer.server_random);
    Ok(Secrets::extended(provider, suite, &shared, &session_hash, client, server))
}

struct WaitVerify {
    leaf: Vec<u8>,
    secrets: Secrets,
}

impl WaitVerify {
    /// The proof: the signature covers the handshake so far, with this end's random number in it. From here on a wrong
    /// certificate is the peer's own, and what else comes is under keys.
    fn on_verify(self, link: &mut Link, answer: &Answer, message: &Message) -> Result<WaitFinished, Refusal> {
        let verify = CertificateVerify::decode(&message.body)?;
        let leaf = Leaf::decode(&self.leaf).map_err(|_| Alert::UNSUPPORTED_CERTIFICATE)?;
        if verify.algorithm != leaf.scheme.into() {
            return Err(Alert::ILLEGAL_PARAMETER.into());
        }
        let provider = &link.config.provider;
        provider
            .signature
            .verify(leaf.scheme, leaf.public_key, link.transcript.bytes(), &verify.signature)
            .map_err(|_| Alert::DECRYPT_ERROR)?;
        let Expected::Announced(fingerprints) = &link.expected else { return Err(Alert::INTERNAL_ERROR.into()) };
        let matched = Matched::check(provider, fingerprints, self.leaf)
            .map_err(|_| Refusal::Proven(CloseReason::FingerprintMismatch, Alert::BAD_CERTIFICATE))?;
        link.transcript.push(message);
        let failed = |alert| Refusal::Proven(CloseReason::Refused(alert), alert);
        link.install(Role::Server, &self.secrets).map_err(failed)?;
        let Choice { group, srtp_profile, .. } = answer.choice;
        let shown = answer.choice.certificate.clone();
        let negotiated = Negotiated { role: Role::Server, secrets: self.secrets, group, srtp_profile, shown };
        Ok(WaitFinished { unconfirmed: Unconfirmed::Announced(matched, negotiated) })
    }
}

struct WaitFinished {
    unconfirmed: Unconfirmed,
}

impl WaitFinished {
    /// The keys of a client that nobody asked who he is are in use at once.
    fn on_key_exchange(link: &mut Link, answer: &Answer, message: &Message) -> Result<Self, Refusal> {
        let secrets = agree(link, answer, message)?;
        link.install(Role::Server, &secrets).map_err(|alert| Refusal::Proven(CloseReason::Refused(alert), alert))?;
        Ok(Self { unconfirmed: Unconfirmed::Other(secrets) })
    }

    /// Checks the client's Finished and answers with this end's own, which is sent for good: it is kept in case it gets
    /// lost.
    fn on_finished(self, link: &mut Link, answer: &Answer, message: &Message) -> Result<Established, Refusal> {
        let proven = |alert| Refusal::Proven(CloseReason::Refused(alert), alert);
        let received = Finished::decode(&message.body).map_err(|_| proven(Alert::DECODE_ERROR))?;
        let secrets = self.unconfirmed.secrets();
        let provider = &link.config.provider;
        let hash = link.transcript.hash(provider, answer.choice.suite.hash());
        let expected = secrets.verify_data(Role::Client, &hash);
        link.transcript.push(message);
        let hash = link.transcript.hash(provider, answer.choice.suite.hash());
        let verify_data = secrets.verify_data(Role::Server, &hash);
        let established = self.unconfirmed.confirm(&received.verify_data, &expected).map_err(proven)?;
        let finished = Message::new(answer.next, &Finished { verify_data });
        let items = vec![Item::ChangeCipherSpec, Item::Message(Epoch::Protected, finished)];
        link.flight.start(items, false, link.initial_timeout);
        Ok(established)
    }
}
