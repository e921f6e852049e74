//! A server of HTTP that says what a test has it say, and keeps what it was asked.

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// For `localhost`, see the README beside it.
const LOCALHOST: &[u8] = include_bytes!("../../testdata/whip/localhost.pem");

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("the client writes ASCII"))
    }
}

/// A response.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(mut self, media_type: &str, body: impl Into<String>) -> Self {
        self.body = body.into();
        self.with("content-type", media_type)
    }
}

type Answer = Pin<Box<dyn Future<Output = Reply> + Send>>;
type Handler = dyn Fn(Asked) -> Answer + Send + Sync;

pub struct Server {
    /// Without a path.
    pub base: String,
    asked: watch::Receiver<Vec<Asked>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// One that answers at once.
    pub async fn saying(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(move |asked| Box::pin(std::future::ready(answer(&asked)))).await
    }

    pub async fn start(handler: impl Fn(Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(Arc::new(handler), None).await
    }

    /// The same over TLS.
    pub async fn secure(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let key = PrivateKeyDer::from_pem_slice(LOCALHOST).expect("the file has a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has some")
            .with_no_client_auth()
            .with_single_cert(vec![Self::certificate()], key)
            .expect("they fit");
        let handler = move |asked: Asked| -> Answer { Box::pin(std::future::ready(answer(&asked))) };
        Self::serve(Arc::new(handler), Some(Arc::new(config).into())).await
    }

    /// What a secure one shows.
    pub fn certificate() -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(LOCALHOST).expect("the file has a certificate")
    }

    async fn serve(handler: Arc<Handler>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (log, asked) = watch::channel(Vec::new());
        let log = Arc::new(log);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, log, tls) = (handler.clone(), log.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => talk(stream, handler, log).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                talk(stream, handler, log).await;
                            }
                        }
                    }
                });
            }
        });
        Self { base: format!("{scheme}://localhost:{port}"), asked, _tasks: tasks }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// Waits for a request of that kind.
    pub async fn sees(&self, wanted: impl Fn(&Asked) -> bool) -> Asked {
        let mut asked = self.asked.clone();
        let seen = crate::sockets::within(asked.wait_for(|asked| asked.iter().any(&wanted))).await;
        let found = seen.expect("the server goes on").iter().find(|asked| wanted(asked)).cloned();
        found.expect("it was waited for")
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    handler: Arc<Handler>,
    log: Arc<watch::Sender<Vec<Asked>>>,
) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (handler, log) = (handler.clone(), log.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("the client sends all of it").to_bytes();
            let asked = Asked {
                method: head.method.to_string(),
                path: head.uri.path().to_owned(),
                headers: head.headers,
                body: String::from_utf8(body.to_vec()).expect("the client sends text"),
            };
            log.send_modify(|log| log.push(asked.clone()));
            let reply = handler(asked).await;
            let mut response = http::Response::builder().status(reply.status);
            for (name, value) in &reply.headers {
                response = response.header(*name, value);
            }
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(reply.body))).expect("a legal response"))
        }
    });
    // A client that goes away ends it.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// A value that tests and servers share.
#[derive(Debug, Default)]
pub struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    pub fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
