//! The router as a hyper service, which gives every request the address of its peer, a body with
//! timeouts, and a guard that keeps its connection open.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::routing::future::RouteFuture;
use hyper::body::Incoming;
use hyper::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service as _;

use crate::activity::Activity;
use crate::body::{BodyLimits, RequestBody, RequestGuard, ResponseBody};
use crate::clock::Protocol;
use crate::shutdown::{Shutdown, ShutdownPhase};

/// The service of one connection.
#[derive(Debug)]
pub(super) struct ConnectionService {
    pub(super) router: Router,
    pub(super) peer: SocketAddr,
    pub(super) protocol: Protocol,
    pub(super) body_limits: BodyLimits,
    pub(super) activity: Arc<Activity>,
    pub(super) shutdown: Shutdown,
}

impl hyper::service::Service<Request<Incoming>> for ConnectionService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn call(&self, request: Request<Incoming>) -> ResponseFuture {
        let guard = RequestGuard::new(&self.activity);
        let mut request =
            request.map(|body| RequestBody::new(body, self.body_limits, &self.activity));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        ResponseFuture {
            // A router is always ready.
            response: self.router.clone().call(request),
            protocol: self.protocol,
            shutdown: self.shutdown.clone(),
            guard: Some(guard),
        }
    }
}

pin_project! {
    /// The response to a request, whose body holds the guard of the request.
    pub(super) struct ResponseFuture {
        #[pin]
        response: RouteFuture<Infallible>,
        protocol: Protocol,
        shutdown: Shutdown,
        // Moved into the body.
        guard: Option<RequestGuard>,
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match ready!(this.response.poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let Some(guard) = this.guard.take() else {
            // A future is not polled again once it is ready.
            return Poll::Pending;
        };
        // The client, or the load balancer, should move to another server before this one stops
        // listening. hyper closes the connection after a response with this header. For HTTP/2 the
        // server sends GOAWAY when it drains.
        if *this.protocol == Protocol::Http1 && this.shutdown.phase() > ShutdownPhase::Running {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let is_http2 = *this.protocol == Protocol::Http2;
        Poll::Ready(Ok(
            response.map(|body| ResponseBody::new(body, is_http2, guard))
        ))
    }
}
