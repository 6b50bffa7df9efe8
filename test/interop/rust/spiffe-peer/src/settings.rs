//! The command line: a mode, then `--name value` pairs.

use std::time::Duration;

pub const MODES: [&str; 7] = [
    "fetch", "bundles", "watch", "jwt", "validate", "serve", "dial",
];

pub struct Settings {
    /// `unix:///path`
    pub socket: String,
    /// Nothing is for ever.
    pub timeout: Option<Duration>,
    /// Updates or connections; 0 is no bound.
    pub count: usize,
    pub address: String,
    pub authorize: Option<String>,
    pub line: String,
    /// Several by a comma.
    pub audience: Vec<String>,
    pub subject: Option<String>,
    pub token: Option<String>,
}

pub fn parse(arguments: &[String]) -> Result<(&str, Settings), String> {
    let (mode, flags) = arguments.split_first().ok_or("give a mode")?;
    if !MODES.contains(&mode.as_str()) {
        return Err(format!("unknown mode `{mode}`"));
    }
    let mut settings = Settings {
        socket: std::env::var("SPIFFE_ENDPOINT_SOCKET").unwrap_or_default(),
        timeout: Some(Duration::from_secs(10)),
        count: 0,
        address: "127.0.0.1:0".to_owned(),
        authorize: None,
        line: "hello".to_owned(),
        audience: Vec::new(),
        subject: None,
        token: None,
    };
    for pair in flags.chunks(2) {
        let [name, value] = pair else {
            return Err(format!("`{}` has no value", pair[0]));
        };
        let number = || {
            value
                .parse::<u32>()
                .map_err(|_| format!("`{name}` takes a whole number"))
        };
        match name.as_str() {
            "--socket" => settings.socket = value.clone(),
            "--timeout" => {
                settings.timeout = Some(number()?)
                    .filter(|&n| n > 0)
                    .map(|n| Duration::from_secs(n.into()))
            }
            "--count" => settings.count = number()? as usize,
            "--address" => settings.address = value.clone(),
            "--authorize" => settings.authorize = Some(value.clone()),
            "--line" => settings.line = value.clone(),
            "--audience" => settings.audience = value.split(',').map(str::to_owned).collect(),
            "--subject" => settings.subject = Some(value.clone()),
            "--token" => settings.token = Some(value.clone()),
            _ => return Err(format!("unknown flag `{name}`")),
        }
    }
    match mode.as_str() {
        _ if settings.socket.is_empty() => {
            Err("give --socket or set SPIFFE_ENDPOINT_SOCKET".to_owned())
        }
        "serve" | "dial" if settings.authorize.is_none() => Err("give --authorize".to_owned()),
        "jwt" | "validate" if settings.audience.is_empty() => Err("give --audience".to_owned()),
        "validate" if settings.token.is_none() => Err("give --token".to_owned()),
        known => Ok((known, settings)),
    }
}
