//! The one HTTP client: TLS roots, proxy, timeouts, stall detection, the retry ladder, redirect policy, body factories.
//!
//! May use `core names error event world fs`. It knows methods, headers and bytes, and no protocol above them: what a
//! status means beyond "try again" is for the caller to say. No other room builds an HTTP client.

mod body;
mod client;
mod error;
mod feed;
mod file_body;
mod options;
mod pieces;
mod request;
mod response;
mod retry;
mod sending;
mod tls;

pub use body::Body;
pub use client::{Client, is_loopback};
pub use error::{HttpError, HttpErrorKind};
pub use feed::Feed;
pub use options::{Options, Timeouts};
pub use request::{OnProgress, OnPushback, Replay, Request, Untouched};
pub use response::Response;
pub use retry::{Budget, Ladder};

pub use reqwest::{Method, StatusCode, Url, header};
