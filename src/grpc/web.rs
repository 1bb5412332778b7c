//! gRPC-Web on the same port: what browsers can send, translated to gRPC and back.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response, header};
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer as _, Service};

/// Takes gRPC-Web beside what the inner service takes.
#[derive(Clone)]
pub struct WithWeb<S> {
    plain: S,
    web: GrpcWebService<S>,
}

impl<S: Clone> WithWeb<S> {
    pub fn of(plain: S) -> Self {
        Self { web: GrpcWebLayer::new().layer(plain.clone()), plain }
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
        match is_web {
            true => Box::pin(self.web.call(request)),
            false => self.plain.call(request),
        }
    }
}
