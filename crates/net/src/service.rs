//! The router as hyper calls it: every request gets its peer's address, a timed body and a hold on its connection.

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

use super::activity::Activity;
use super::body::{BodyLimits, RequestBody, RequestHold, ResponseBody};
use super::clock::Protocol;
use crate::shutdown::{Phase, Shutdown};

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
        let hold = RequestHold::new(&self.activity);
        let mut request =
            request.map(|body| RequestBody::new(body, self.body_limits, &self.activity));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        ResponseFuture {
            // A router is ready at all times.
            answer: self.router.clone().call(request),
            protocol: self.protocol,
            shutdown: self.shutdown.clone(),
            hold: Some(hold),
        }
    }
}

pin_project! {
    pub(super) struct ResponseFuture {
        #[pin]
        answer: RouteFuture<Infallible>,
        protocol: Protocol,
        shutdown: Shutdown,
        // Moves on into the body.
        hold: Option<RequestHold>,
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match ready!(this.answer.poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let Some(hold) = this.hold.take() else {
            // A future is not polled again once it is ready.
            return Poll::Pending;
        };
        // The client, or the load balancer, should move to another server before this one stops listening. hyper
        // closes the connection after an answer with this header. HTTP/2 has GOAWAY for it, which is sent when the
        // server drains.
        if *this.protocol == Protocol::Http1 && this.shutdown.phase() > Phase::Running {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let is_http2 = *this.protocol == Protocol::Http2;
        Poll::Ready(Ok(
            response.map(|body| ResponseBody::new(body, is_http2, hold))
        ))
    }
}
