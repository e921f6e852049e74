//! The client's side of the handshake.

mod authenticate;

use crate::alert::Alert;
use crate::certificate::{Certificate, Leaf};
use crate::cipher_suite::{Suite, Version};
use crate::config::Role;
use crate::event::CloseReason;
use crate::extension::{
    EcPointFormats, Extension, ExtensionType, Extensions, NamedGroup, RenegotiationInfo, SignatureAlgorithm,
    SignatureAlgorithms, SupportedGroups, UseSrtp,
};
use crate::handshake::flight::Item;
use crate::handshake::{Expected, Link, Progress, Refusal};
use crate::key_schedule::{Random, Secrets};
use crate::message::{
    Body, CertificateChain, CertificateRequest, CertificateVerify, ClientHello, ClientKeyExchange, Finished,
    HandshakeType, HelloVerifyRequest, Message, NewSessionTicket, ServerHello, ServerHelloDone, ServerKeyExchange,
};
use crate::record::Epoch;
use crate::srtp::SrtpProfile;
use crate::verified::{Established, Negotiated, Unconfirmed};
use authenticate::{Authenticated, authenticate};
use ortica_core::Writer;
use ortica_core::crypto::Group;
use std::sync::Arc;

/// A client: what it offered, and what it waits for.
pub(crate) struct Client {
    offer: Offer,
    /// HelloVerifyRequests obeyed so far.
    requests: u8,
    /// The chain that was dropped last because it is not the one that was announced, or shows nothing.
    mismatched: Vec<Vec<u8>>,
    step: Step,
}

/// What the ClientHello said that later messages must fit.
struct Offer {
    random: Random,
    /// Message number of the hello that is out.
    sequence: u16,
    /// Where the transcript stands with it.
    mark: usize,
}

/// What is waited for.
///
/// ```text
///  ServerHello ─► Certificate ─► KeyExchange ─► Request ─► Done ─► Finished ─► Verified
///   ▲  │ HelloVerifyRequest: says hello again          (answers with flight 5)
///   └──┴─ anything unacceptable before Finished
/// ```
enum Step {
    ServerHello,
    Certificate(WaitCertificate),
    KeyExchange(WaitKeyExchange),
    Request(WaitRequest),
    Done(WaitDone),
    Finished(WaitFinished),
}

impl Client {
    /// A server that does not come to an end with its cookies is not worth talking to.
    const MAX_VERIFY_REQUESTS: u8 = 4;

    /// Says hello.
    pub(crate) fn new(link: &mut Link) -> Self {
        let mut client = Self {
            offer: Offer { random: link.rng.bytes(), sequence: 0, mark: 0 },
            requests: 0,
            mismatched: Vec::new(),
            step: Step::ServerHello,
        };
        client.say_hello(link, Vec::new());
        client
    }

    /// The messages that may come now.
    pub(crate) fn expects(&self) -> &'static [HandshakeType] {
        match &self.step {
            Step::ServerHello => &[HandshakeType::SERVER_HELLO, HandshakeType::HELLO_VERIFY_REQUEST],
            Step::Certificate(_) => &[HandshakeType::CERTIFICATE],
            Step::KeyExchange(_) => &[HandshakeType::SERVER_KEY_EXCHANGE],
            Step::Request(step) => match step.agreed.server {
                // Both ends show a certificate (RFC 5763 §3): a server that asks for none gets no further.
                Authenticated::Announced(_) => &[HandshakeType::CERTIFICATE_REQUEST],
                Authenticated::Trusted => &[HandshakeType::CERTIFICATE_REQUEST, HandshakeType::SERVER_HELLO_DONE],
            },
            Step::Done(_) => &[HandshakeType::SERVER_HELLO_DONE],
            Step::Finished(_) => &[HandshakeType::NEW_SESSION_TICKET, HandshakeType::FINISHED],
        }
    }

    /// Takes the next message. If it is refused, [`rewind`](Self::rewind) is to follow.
    pub(crate) fn on_message(&mut self, link: &mut Link, message: Message) -> Result<Progress, Refusal> {
        let is_request = message.kind == HandshakeType::HELLO_VERIFY_REQUEST;
        let is_ticket = message.kind == HandshakeType::NEW_SESSION_TICKET;
        let is_done = message.kind == HandshakeType::SERVER_HELLO_DONE;
        self.step = match std::mem::replace(&mut self.step, Step::ServerHello) {
            Step::ServerHello if is_request => {
                self.on_verify_request(link, &message)?;
                return Ok(Progress::Answered);
            }
            Step::ServerHello => Step::Certificate(self.offer.on_server_hello(link, &message)?),
            Step::Certificate(step) => Step::KeyExchange(step.on_certificate(link, &message)?),
            Step::KeyExchange(step) => {
                Step::Request(step.on_key_exchange(link, &self.offer, &mut self.mismatched, &message)?)
            }
            Step::Request(step) if is_done => {
                self.step = Step::Finished(step.unasked().on_done(link, &self.offer, &message)?);
                return Ok(Progress::Answered);
            }
            Step::Request(step) => Step::Done(step.on_request(link, &message)?),
            Step::Done(step) => {
                self.step = Step::Finished(step.on_done(link, &self.offer, &message)?);
                return Ok(Progress::Answered);
            }
            Step::Finished(step) if is_ticket => Step::Finished(step.on_ticket(link, &message)?),
            Step::Finished(step) => return step.on_finished(link, &message).map(Progress::Done),
        };
        Ok(Progress::More)
    }

    /// Waits for ServerHello again: the flight was a stranger's.
    pub(crate) fn rewind(&mut self, link: &mut Link) {
        link.transcript.rewind(self.offer.mark);
        self.step = Step::ServerHello;
    }

    fn on_verify_request(&mut self, link: &mut Link, message: &Message) -> Result<(), Refusal> {
        let request = HelloVerifyRequest::decode(&message.body)?;
        if self.requests == Self::MAX_VERIFY_REQUESTS {
            return Err(Alert::UNEXPECTED_MESSAGE.into());
        }
        self.requests += 1;
        self.offer.sequence += 1;
        self.say_hello(link, request.cookie);
        Ok(())
    }

    /// Sends the hello with `cookie`. The transcript begins with the last one.
    fn say_hello(&mut self, link: &mut Link, cookie: Vec<u8>) {
        let message = Message::new(self.offer.sequence, &self.offer.hello(link, cookie));
        link.transcript.clear();
        link.transcript.push(&message);
        self.offer.mark = link.transcript.mark();
        link.flight.start(vec![Item::Message(Epoch::Plain, message)], true, link.initial_timeout);
    }
}

impl Offer {
    fn hello(&self, link: &Link, cookie: Vec<u8>) -> ClientHello {
        let config = &link.config;
        let groups = config.groups.iter().map(|group| NamedGroup::from(*group)).collect();
        let mut extensions = vec![
            Extension::ExtendedMasterSecret,
            Extension::RenegotiationInfo(RenegotiationInfo::first()),
            Extension::SupportedGroups(SupportedGroups(groups)),
            Extension::EcPointFormats(EcPointFormats::uncompressed()),
            Extension::SignatureAlgorithms(SignatureAlgorithms::ours()),
        ];
        if let Expected::Server(server) = &link.expected {
            extensions.extend(server.extensions());
        }
        if !config.srtp_profiles.is_empty() {
            extensions.push(Extension::UseSrtp(UseSrtp::of(&config.srtp_profiles)));
        }
        ClientHello {
            version: Version::Dtls12.wire(),
            random: self.random,
            session_id: Vec::new(),
            cookie,
            cipher_suites: config.suites.iter().map(|suite| suite.id()).collect(),
            compression_methods: vec![ClientHello::NULL_COMPRESSION],
            extensions: Extensions(extensions),
        }
    }

    fn on_server_hello(&self, link: &mut Link, message: &Message) -> Result<WaitCertificate, Refusal> {
        let hello = ServerHello::decode(&message.body)?;
        let choice = self.accept(link, &hello)?;
        link.transcript.push(message);
        Ok(WaitCertificate { choice })
    }

    /// Checks that the server picked from what was offered.
    fn accept(&self, link: &Link, hello: &ServerHello) -> Result<Choice, Alert> {
        if hello.version != Version::Dtls12.wire() {
            return Err(Alert::PROTOCOL_VERSION);
        }
        if hello.compression_method != ClientHello::NULL_COMPRESSION {
            return Err(Alert::ILLEGAL_PARAMETER);
        }
        let suite = Suite::of(hello.cipher_suite).filter(|suite| link.config.suites.contains(suite));
        let suite = suite.ok_or(Alert::ILLEGAL_PARAMETER)?;
        let is_offered = |kind| match kind {
            ExtensionType::USE_SRTP => !link.config.srtp_profiles.is_empty(),
            ExtensionType::SERVER_NAME => matches!(&link.expected, Expected::Server(server) if server.name.is_some()),
            ExtensionType::EXTENDED_MASTER_SECRET
            | ExtensionType::RENEGOTIATION_INFO
            | ExtensionType::SUPPORTED_GROUPS
            | ExtensionType::EC_POINT_FORMATS => true,
            _ => false,
        };
        if !hello.extensions.kinds().all(is_offered) {
            return Err(Alert::UNSUPPORTED_EXTENSION);
        }
        if !hello.extensions.has(ExtensionType::EXTENDED_MASTER_SECRET) {
            return Err(Alert::HANDSHAKE_FAILURE);
        }
        // Its absence is forgiven (RFC 5746 §4.1 leaves that open): nothing is ever renegotiated here.
        if hello.extensions.renegotiation_info().is_some_and(|info| !info.is_first()) {
            return Err(Alert::HANDSHAKE_FAILURE);
        }
        if hello.extensions.ec_point_formats().is_some_and(|formats| !formats.has_uncompressed()) {
            return Err(Alert::ILLEGAL_PARAMETER);
        }
        let srtp_profile = hello.extensions.use_srtp().map(|answer| self.srtp_profile(link, answer)).transpose()?;
        Ok(Choice { suite, server_random: hello.random, srtp_profile })
    }

    /// The server's answer is one profile of those offered, and no key identifier, as none was offered.
    fn srtp_profile(&self, link: &Link, answer: &UseSrtp) -> Result<SrtpProfile, Alert> {
        match answer.profiles.as_slice() {
            [profile] if link.config.srtp_profiles.contains(profile) && answer.mki.is_empty() => Ok(*profile),
            _ => Err(Alert::ILLEGAL_PARAMETER),
        }
    }
}

/// What the server chose.
struct Choice {
    suite: Suite,
    server_random: Random,
    srtp_profile: Option<SrtpProfile>,
}

struct WaitCertificate {
    choice: Choice,
}

impl WaitCertificate {
    fn on_certificate(self, link: &mut Link, message: &Message) -> Result<WaitKeyExchange, Refusal> {
        let chain = CertificateChain::decode(&message.body)?.0;
        if chain.is_empty() {
            return Err(Alert::BAD_CERTIFICATE.into());
        }
        link.transcript.push(message);
        Ok(WaitKeyExchange { choice: self.choice, chain })
    }
}

struct WaitKeyExchange {
    choice: Choice,
    /// The server's certificate and those that vouch for it, not compared with anything yet.
    chain: Vec<Vec<u8>>,
}

impl WaitKeyExchange {
    /// The first proof: the signature covers this end's random number, so whoever made it has seen the hello.
    fn on_key_exchange(
        self,
        link: &mut Link,
        offer: &Offer,
        mismatched: &mut Vec<Vec<u8>>,
        message: &Message,
    ) -> Result<WaitRequest, Refusal> {
        let exchange = ServerKeyExchange::decode(&message.body)?;
        let group = exchange.params.group.group().filter(|group| link.config.groups.contains(group));
        let group = group.ok_or(Alert::ILLEGAL_PARAMETER)?;
        let leaf = self.chain.first().ok_or(Alert::BAD_CERTIFICATE)?;
        let leaf = Leaf::decode(leaf).map_err(|_| Alert::UNSUPPORTED_CERTIFICATE)?;
        // The key is of the kind that the suite says, and so is the signature (RFC 8422 §5.3, §5.4).
        if exchange.algorithm != leaf.scheme.into() || !self.choice.suite.is_for(leaf.scheme) {
            return Err(Alert::ILLEGAL_PARAMETER.into());
        }
        let provider = &link.config.provider;
        let signed = signed_params(&offer.random, &self.choice.server_random, &exchange);
        provider
            .signature
            .verify(leaf.scheme, leaf.public_key, &signed, &exchange.signature)
            .map_err(|_| Alert::DECRYPT_ERROR)?;
        let server = authenticate(provider, &link.expected, self.chain, mismatched)?;
        link.transcript.push(message);
        let server_key = exchange.params.public_key;
        Ok(WaitRequest { agreed: Agreed { choice: self.choice, server, group, server_key } })
    }
}

/// What a ServerKeyExchange is signed over: both randoms and the parameters.
///
/// Source: [RFC 8422 §5.4](https://www.rfc-editor.org/rfc/rfc8422#section-5.4)
pub(crate) fn signed_params(client: &Random, server: &Random, exchange: &ServerKeyExchange) -> Vec<u8> {
    let mut signed = [client.as_slice(), server.as_slice()].concat();
    exchange.params.encode(&mut Writer::new(&mut signed));
    signed
}

/// The choice, with the server's signature and certificate behind it.
struct Agreed {
    choice: Choice,
    server: Authenticated,
    group: Group,
    server_key: Vec<u8>,
}

struct WaitRequest {
    agreed: Agreed,
}

impl WaitRequest {
    fn on_request(self, link: &mut Link, message: &Message) -> Result<WaitDone, Refusal> {
        let request = CertificateRequest::decode(&message.body)?;
        let accepted = |certificate: &&Arc<Certificate>| request.accepts(certificate.scheme());
        let answer = match (link.config.certificates.iter().find(accepted), &self.agreed.server) {
            (Some(certificate), _) => Answer::Certificate(certificate.clone()),
            (None, Authenticated::Trusted) => Answer::Nothing,
            (None, Authenticated::Announced(_)) => return Err(Alert::HANDSHAKE_FAILURE.into()),
        };
        link.transcript.push(message);
        Ok(WaitDone { agreed: self.agreed, answer })
    }

    /// The server asks for nothing.
    fn unasked(self) -> WaitDone {
        WaitDone { agreed: self.agreed, answer: Answer::Unasked }
    }
}

struct WaitDone {
    agreed: Agreed,
    answer: Answer,
}

/// What this end shows of itself.
enum Answer {
    /// Nobody asked.
    Unasked,
    /// There is none that the server could verify: an empty chain says so.
    Nothing,
    Certificate(Arc<Certificate>),
}

impl Answer {
    /// The message that shows it, if there is to be one.
    fn chain(&self) -> Option<CertificateChain> {
        match self {
            Self::Unasked => None,
            Self::Nothing => Some(CertificateChain(Vec::new())),
            Self::Certificate(certificate) => Some(CertificateChain(vec![certificate.der().to_vec()])),
        }
    }
}

impl WaitDone {
    /// The server's flight is complete: agrees on keys and sends flight 5.
    fn on_done(self, link: &mut Link, offer: &Offer, message: &Message) -> Result<WaitFinished, Refusal> {
        ServerHelloDone::decode(&message.body)?;
        link.transcript.push(message);
        let Agreed { choice, server, group, server_key } = self.agreed;
        let failed = |alert| Refusal::Proven(CloseReason::Refused(alert), alert);
        let provider = link.config.provider;
        let mut sequence = offer.sequence;
        let mut next = || {
            sequence += 1;
            sequence
        };

        let mut plain = Vec::new();
        if let Some(chain) = self.answer.chain() {
            let shown = Message::new(next(), &chain);
            link.transcript.push(&shown);
            plain.push(shown);
        }

        let key = provider.agreement.generate(group, &mut link.rng);
        let exchange = Message::new(next(), &ClientKeyExchange { public_key: key.public_key().to_vec() });
        link.transcript.push(&exchange);
        plain.push(exchange);
        let shared = key.agree(&server_key).map_err(|_| failed(Alert::ILLEGAL_PARAMETER))?;
        let session_hash = link.transcript.hash(&provider, choice.suite.hash());
        let randoms = (offer.random, choice.server_random);
        let secrets = Secrets::extended(&provider, choice.suite, &shared, &session_hash, randoms.0, randoms.1);

        if let Answer::Certificate(certificate) = &self.answer {
            let signature = certificate.sign(&mut link.rng, &[link.transcript.bytes()]);
            let signature = signature.map_err(|_| failed(Alert::INTERNAL_ERROR))?;
            let verify = CertificateVerify { algorithm: SignatureAlgorithm::from(certificate.scheme()), signature };
            let verify = Message::new(next(), &verify);
            link.transcript.push(&verify);
            plain.push(verify);
        }

        link.install(Role::Client, &secrets).map_err(failed)?;
        let transcript_hash = link.transcript.hash(&provider, choice.suite.hash());
        let verify_data = secrets.verify_data(Role::Client, &transcript_hash);
        let finished = Message::new(next(), &Finished { verify_data });
        link.transcript.push(&finished);

        let mut items: Vec<_> = plain.into_iter().map(|message| Item::Message(Epoch::Plain, message)).collect();
        items.extend([Item::ChangeCipherSpec, Item::Message(Epoch::Protected, finished)]);
        link.flight.start(items, true, link.initial_timeout);
        let srtp_profile = choice.srtp_profile;
        let unconfirmed = match (server, self.answer) {
            (Authenticated::Announced(matched), Answer::Certificate(shown)) => {
                Unconfirmed::Announced(matched, Negotiated { role: Role::Client, secrets, group, srtp_profile, shown })
            }
            (Authenticated::Trusted, _) => Unconfirmed::Other(secrets),
            (Authenticated::Announced(_), _) => return Err(failed(Alert::HANDSHAKE_FAILURE)),
        };
        Ok(WaitFinished { unconfirmed })
    }
}

struct WaitFinished {
    unconfirmed: Unconfirmed,
}

impl WaitFinished {
    /// Passes over the ticket, but for the transcript.
    fn on_ticket(self, link: &mut Link, message: &Message) -> Result<Self, Refusal> {
        // What Finished proves is proved of a malformed ticket, too: only its presence matters.
        let _ = NewSessionTicket::decode(&message.body);
        link.transcript.push(message);
        Ok(self)
    }

    fn on_finished(self, link: &mut Link, message: &Message) -> Result<Established, Refusal> {
        let proven = |alert| Refusal::Proven(CloseReason::Refused(alert), alert);
        let received = Finished::decode(&message.body).map_err(|_| proven(Alert::DECODE_ERROR))?;
        let secrets = self.unconfirmed.secrets();
        let hash = link.transcript.hash(&link.config.provider, secrets.suite().hash());
        let expected = secrets.verify_data(Role::Server, &hash);
        let established = self.unconfirmed.confirm(&received.verify_data, &expected).map_err(proven)?;
        link.flight.clear();
        Ok(established)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Certificate;
    use crate::config::Config;
    use crate::fingerprint::Fingerprint;
    use crate::verified::Matched;
    use ortica_core::Rng;
    use ortica_core::crypto::HashAlgorithm;
    use ortica_core::crypto::rust_crypto::provider;
    use std::sync::Arc;
    use std::time::Duration;

    fn secrets() -> Secrets {
        Secrets::extended(&provider(), Suite::Aes128Gcm, &[1; 32], &[2; 32], [3; 32], [4; 32])
    }

    /// A client that waits for Finished, with a transcript of one message; the server is one that signaling announced.
    fn waiting() -> (Link, WaitFinished) {
        let mut rng = Rng::from_number(1);
        let certificate = Arc::new(Certificate::generate(&provider(), &mut rng, Duration::ZERO).unwrap());
        let mut link =
            Link::new(Arc::new(Config::new(provider(), certificate.clone())), Expected::Announced(Vec::new()), rng);
        let fingerprint = Fingerprint::of(&provider(), HashAlgorithm::Sha256, b"certificate");
        let matched = Matched::check(&provider(), &[fingerprint], b"certificate".to_vec()).unwrap();
        let negotiated = Negotiated {
            role: Role::Client,
            secrets: secrets(),
            group: Group::X25519,
            srtp_profile: None,
            shown: certificate,
        };
        link.transcript.push(&Message::new(1, &ServerHelloDone));
        (link, WaitFinished { unconfirmed: Unconfirmed::Announced(matched, negotiated) })
    }

    /// The guard is `check_finished`. Keys depend on all of the handshake up to ClientKeyExchange, so that it is only a peer with the
    /// right keys whose Finished may be wrong: one that saw another rest of it.
    #[test]
    fn a_finished_with_any_bit_flipped_verifies_nothing() {
        let (link, _) = waiting();
        let hash = link.transcript.hash(&provider(), HashAlgorithm::Sha256);
        let right = secrets().verify_data(Role::Server, &hash);
        // The same goes for a server that is known by its chain.
        let trusted = || {
            let (link, _) = waiting();
            (link, WaitFinished { unconfirmed: Unconfirmed::Other(secrets()) })
        };
        for waiting in [waiting, trusted] {
            for bit in 0..right.len() * 8 {
                let mut verify_data = right;
                verify_data[bit / 8] ^= 1 << (bit % 8);
                let (mut link, step) = waiting();
                let outcome = step.on_finished(&mut link, &Message::new(5, &Finished { verify_data }));
                let refused = Refusal::Proven(CloseReason::Refused(Alert::DECRYPT_ERROR), Alert::DECRYPT_ERROR);
                let refusal = outcome.map(drop).unwrap_err();
                assert_eq!(format!("{refusal:?}"), format!("{refused:?}"), "bit {bit}");
            }
            let (mut link, step) = waiting();
            assert!(step.on_finished(&mut link, &Message::new(5, &Finished { verify_data: right })).is_ok());
        }
    }

    /// A server that sends a ticket counts it into its Finished.
    #[test]
    fn a_ticket_nobody_asked_for_is_passed_over() {
        let (mut link, step) = waiting();
        let ticket = Message::new(5, &NewSessionTicket { lifetime: 7200, ticket: vec![1; 100] });
        let step = step.on_ticket(&mut link, &ticket).unwrap();
        let hash = link.transcript.hash(&provider(), HashAlgorithm::Sha256);
        let verify_data = secrets().verify_data(Role::Server, &hash);
        assert!(link.transcript.bytes().ends_with(&ticket.body));
        assert!(step.on_finished(&mut link, &Message::new(6, &Finished { verify_data })).is_ok());
    }
}
