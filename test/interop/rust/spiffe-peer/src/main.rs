//! A workload written with the crates `spiffe` and `spiffe-rustls`, with the modes and the JSON of the Go program
//! `spiffe-peer`, so that one table of tests judges a Workload API with both.
//!
//! Answers are JSON on standard output, one object a line; an error is one JSON object on standard error. It never
//! prints a private key. Exit codes: 1 for what the Workload API or the peer refused, 2 for a wrong command line.

mod jwt_svids;
mod mtls;
mod settings;
mod workload;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use settings::{MODES, Settings};

pub type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mode, settings) = match settings::parse(&arguments) {
        Ok(parsed) => parsed,
        Err(mistake) => {
            eprintln!(
                "{mistake}\nrust-spiffe-peer {} --socket unix:///path [--NAME VALUE]…",
                MODES.join("|")
            );
            return ExitCode::from(2);
        }
    };
    let ended = tokio::select! {
        outcome = run(mode, &settings) => outcome,
        () = time_is_up(settings.timeout) => match mode {
            "serve" => Ok(()),
            _ => Err(format!("no answer in {:?}", settings.timeout.unwrap_or_default()).into()),
        },
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", json!({ "error": told(error.as_ref()) }));
            ExitCode::FAILURE
        }
    }
}

async fn run(mode: &str, settings: &Settings) -> Outcome {
    match mode {
        "fetch" => workload::fetch(settings).await,
        "bundles" => workload::bundles(settings).await,
        "watch" => workload::watch(settings).await,
        "jwt" => jwt_svids::fetch(settings).await,
        "validate" => jwt_svids::validate(settings).await,
        "serve" => mtls::serve(settings).await,
        "dial" => mtls::dial(settings).await,
        _ => unreachable!("parsed against the list of modes"),
    }
}

async fn time_is_up(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// With what caused it: a gRPC status is often below the library's own error.
pub fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        text = format!("{text}: {below}");
        cause = below.source();
    }
    text
}
