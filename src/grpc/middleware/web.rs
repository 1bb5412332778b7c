//! What browsers send on the same port: gRPC-Web, translated to gRPC and back, and whether a page may ask at all.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer as _, Service};
use tower_http::cors::{AllowOrigin, Cors, CorsLayer};

use crate::grpc::http_json;
use crate::grpc::status::{self, Reason};

/// The pages that may call from a browser, by their origins, such as `https://app.example`; `*` means all.
#[derive(Debug, Clone, Default)]
pub struct Origins(Arc<[HeaderValue]>);

impl Origins {
    /// Checks how they are written; gives the one that is no origin.
    pub fn of(texts: &[String]) -> Result<Self, String> {
        let origin = |text: &String| {
            let is_origin = text == "*"
                || text.split_once("://").is_some_and(|(scheme, host)| {
                    matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('/')
                });
            HeaderValue::from_str(text).ok().filter(|_| is_origin).ok_or_else(|| text.clone())
        };
        texts.iter().map(origin).collect::<Result<_, _>>().map(Self)
    }

    fn all(&self) -> bool {
        self.0.iter().any(|origin| origin == "*")
    }

    fn contain(&self, origin: &HeaderValue) -> bool {
        self.all() || self.0.contains(origin)
    }

    /// What a browser is told of them.
    fn layer(&self) -> CorsLayer {
        let names = |names: &'static [&'static str]| names.iter().map(|name| HeaderName::from_static(name));
        let origins = match self.all() {
            true => AllowOrigin::any(),
            false => AllowOrigin::list(self.0.iter().cloned()),
        };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers(
                names(&["content-type", "grpc-timeout", "x-grpc-web", "x-user-agent", "x-request-id"])
                    .collect::<Vec<_>>(),
            )
            .expose_headers(
                names(&[
                    "grpc-status",
                    "grpc-message",
                    "grpc-status-details-bin",
                    "retry-after",
                    "x-request-id",
                ])
                .collect::<Vec<_>>(),
            )
            .max_age(Duration::from_secs(3_600))
    }
}

/// Takes what browsers send beside what the inner service takes.
#[derive(Clone)]
pub struct WithWeb<S> {
    plain: S,
    web: GrpcWebService<S>,
    of_page: Cors<S>,
    web_of_page: Cors<GrpcWebService<S>>,
    origins: Origins,
}

impl<S: Clone> WithWeb<S> {
    pub fn of(plain: S, origins: Origins) -> Self {
        let (web, cors) = (GrpcWebLayer::new().layer(plain.clone()), origins.layer());
        Self { of_page: cors.layer(plain.clone()), web_of_page: cors.layer(web.clone()), plain, web, origins }
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for WithWeb<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answering>
        + Clone
        + Send
        + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.plain.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        let content = request.headers().get(header::CONTENT_TYPE);
        let is_web = content.is_some_and(|content| content.as_bytes().starts_with(b"application/grpc-web"));
        // A browser names the page that asks. Without credentials of ours, a page that nobody has named could else
        // write to a server that only this machine is meant to reach.
        match (request.headers().get(header::ORIGIN), is_web) {
            (Some(origin), _) if !self.origins.contain(origin) => {
                let refused = status::plain(
                    Reason::OriginRefused,
                    "pages of this origin may not call: the setting web_origins names those that may",
                );
                Box::pin(std::future::ready(Ok(http_json::refusal(&refused))))
            }
            (Some(_), true) => Box::pin(self.web_of_page.call(request)),
            (Some(_), false) => Box::pin(self.of_page.call(request)),
            (None, true) => Box::pin(self.web.call(request)),
            (None, false) => self.plain.call(request),
        }
    }
}
